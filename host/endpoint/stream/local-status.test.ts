import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildAddon } from '../../../tools/build-addon.mjs';
import { makeProcess } from '../process/process.ts';
import { localStreams } from './local-catalogue.ts';
import { LocalStreamPiece } from './local-stream.ts';
import { ACK, FIN, RST, SYN } from './stream-header.ts';
import { protocols, StreamBench } from './testing/stream-bench.ts';

/* The status of an endpoint of streams, and the things that it restores after another program. */

const opened: { close(): unknown }[] = [];
let folder = '';

beforeAll(() => {
  const built = buildAddon();
  if (!built.ok) throw new Error(built.reason);
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'funnel-status-'));
});

afterEach(() => {
  for (const each of opened.splice(0).reverse()) each.close();
  rmSync(folder, { recursive: true });
});

type Settings = Record<string, string>;

class Bench extends StreamBench<LocalStreamPiece> {
  readonly kind: string;
  readonly settings: Settings;

  constructor(kind: string, settings: Settings, before?: Bench) {
    const make = kind === 'process' ? makeProcess : localStreams.get(kind)!;
    super(
      (...made) => new LocalStreamPiece(...made, protocols, make(Object.entries(settings))),
      before?.frames,
      before?.context,
    );
    this.kind = kind;
    this.settings = settings;
    opened.push({ close: () => this.piece.close() });
  }

  get status(): string {
    const { health, summary } = this.context.statuses.at(-1)!;
    return `${health}: ${summary}`;
  }

  shows(status: string): Promise<void> {
    return this.until(() => this.status === status, status);
  }

  /** A change as `funnel apply` makes it where the piece deviates from its configuration. */
  again(): Bench {
    const next = new Bench(this.kind, this.settings, this);
    next.piece.succeed([this.piece]);
    next.piece.start();
    next.piece.takeOver();
    next.join();
    this.piece.close();
    return next;
  }
}

const stream = (port: number) => ({ from: '192.0.2.1', fromPort: 80, to: '192.0.2.9', toPort: port });
/** The system reports a writer when its first byte comes. */
function openAndWrite(path: string): number {
  const descriptor = openSync(path, 'w');
  writeSync(descriptor, 'x');
  return descriptor;
}

const WAITS = 'pending: waits for a writer of the pipe';
const OPEN = 'good: the stream is open';

describe('a UNIX socket', () => {
  test('that listens says so, and is back at its path with its connections', async () => {
    const path = join(folder, 'in.sock');
    const bench = new Bench('unix', { listen: path }).start();
    expect(bench.status).toBe('good: listens');
    const peer = connect(path);
    opened.push({ close: () => peer.destroy() });
    await bench.until(() => bench.segments.length === 1, 'a stream');
    expect(bench.piece.deviates).toBe(false);
    rmSync(path);
    expect(bench.piece.deviates).toBe(true);
    bench.piece.changed();
    await bench.shows(`failed: another program removed the socket ${path}`);
    const next = bench.again();
    expect([next.status, next.piece.deviates]).toEqual(['good: listens', false]);
    const newcomer = connect(path);
    opened.push({ close: () => newcomer.destroy() });
    await next.until(() => next.segments.length === 1, 'another stream');
    const [first] = bench.segments;
    next.send(first!, SYN | ACK);
    next.send(first!, ACK, Buffer.from('still'));
    expect(String((await once(peer, 'data'))[0])).toBe('still');
    next.piece.close();
    expect(existsSync(path)).toBe(false);
  });

  test('that cannot have its path again reports it, and takes nothing from another', async () => {
    const path = join(folder, 'in.sock');
    const bench = new Bench('unix', { listen: path }).start();
    rmSync(path);
    writeFileSync(path, 'mine');
    const next = bench.again();
    expect(next.status).toBe(`failed: another program removed the socket ${path}`);
    expect(next.context.logs.at(-1)?.message).toContain('not a socket');
    next.piece.close();
    expect(existsSync(path)).toBe(true);
  });

  test('that connects shows why the last stream was refused, until one is opened', async () => {
    const path = join(folder, 'out.sock');
    const bench = new Bench('unix', { connect: path }).start();
    expect(bench.status).toBe('good: connects for each stream of a neighbour');
    bench.send(stream(1000), SYN);
    await bench.segment(RST);
    await bench.until(() => bench.status.startsWith('impaired: the last stream was refused: '), 'impaired');
    const server = createServer().listen(path);
    opened.push(server);
    await once(server, 'listening');
    bench.send(stream(1001), SYN);
    await bench.shows('good: connects for each stream of a neighbour');
  });
});

describe('named pipes', () => {
  test('wait for the other side, are open, and are found again at their paths', async () => {
    const [read, write] = [join(folder, 'in'), join(folder, 'out')];
    const bench = new Bench('fifo', { read, write }).start();
    expect(bench.status).toBe(WAITS);
    const writer = openAndWrite(read);
    await bench.shows('pending: waits for a reader of the pipe');
    const reader = openSync(write, 'r+');
    await bench.shows(OPEN);
    // Each waits for the end of the stream, and then for a writer.
    closeSync(writer);
    bench.send(bench.segments[0]!, RST);
    closeSync(reader);
    await bench.shows(WAITS);
    rmSync(read);
    expect(bench.piece.deviates).toBe(true);
    bench.piece.changed();
    await bench.shows(`failed: another program removed the pipe ${read}`);
    const next = bench.again();
    expect([next.status, next.piece.deviates]).toEqual([WAITS, false]);
    const [again, back] = [openAndWrite(read), openSync(write, 'r+')];
    await next.shows(OPEN);
    for (const each of [again, back]) closeSync(each);
    next.piece.close();
    expect([existsSync(read), existsSync(write)]).toEqual([false, false]);
  });

  test('that are replaced while their stream is open serve the next one', async () => {
    const read = join(folder, 'in');
    const bench = new Bench('fifo', { read }).start();
    const writer = openAndWrite(read);
    await bench.shows(OPEN);
    rmSync(read);
    const next = bench.again();
    expect([next.status, next.piece.deviates]).toEqual([OPEN, false]);
    closeSync(writer);
    await next.shows(WAITS);
    const other = openAndWrite(read);
    await next.shows(OPEN);
    closeSync(other);
  });

  test('of a neighbour show why it got no stream', async () => {
    const bench = new Bench('fifo', { write: join(folder, 'out'), open: 'passive' }).start();
    expect(bench.status).toBe('pending: waits for a neighbour to open the stream');
    bench.send(stream(1000), SYN);
    await bench.shows('impaired: the last stream was refused: The pipe to write has no reader');
  });
});

test('a pseudo-terminal shows whether a program has it open, and makes its link again', async () => {
  const link = join(folder, 'line');
  const bench = new Bench('pty', { link }).start();
  expect(bench.status).toBe('pending: no program has the terminal open');
  expect(bench.context.statuses.at(-1)!.facts).toEqual({ terminal: readlinkSync(link), link });
  const program = openSync(link, 'r+');
  await bench.shows(OPEN);
  const terminal = readlinkSync(link);
  for (const spoil of [() => {}, () => symlinkSync('/dev/null', link)]) {
    rmSync(link, { force: true });
    spoil();
    expect(bench.piece.deviates).toBe(true);
    bench.piece.changed();
    await bench.shows('impaired: another program removed or changed the link');
    if (spoil.length > 0 || existsSync(link)) break;
    symlinkSync(terminal, link);
  }
  rmSync(link);
  const next = bench.again();
  expect([next.status, next.piece.deviates]).toEqual([OPEN, false]);
  expect(readlinkSync(link)).toBe(terminal);
  closeSync(program);
  await next.shows('pending: no program has the terminal open');
});

test('a serial line shows whether it is there', async () => {
  const link = join(folder, 'line');
  const other = new Bench('pty', { link }).start();
  const bench = new Bench('serial', { device: link, open: 'passive' }).start();
  expect(bench.status).toBe('pending: the line is open, and carries no stream yet');
  bench.send(stream(1000), SYN);
  await bench.shows(OPEN);
  other.piece.close();
  await bench.shows('pending: the line is open, and carries no stream yet');
  bench.send(stream(1001), SYN);
  await bench.shows('failed: the line is gone, and is used when it is back');
  new Bench('pty', { link }).start();
  await bench.until(() => {
    bench.send(stream(1002), SYN);
    return bench.status === OPEN;
  }, 'the line');
});

test('a program shows how it ended, until one runs', async () => {
  const wrong = new Bench('process', { command: join(folder, 'no') }).start();
  expect(wrong.status).toBe('good: runs the program for each stream of a neighbour');
  wrong.send(stream(1000), SYN);
  await wrong.shows('impaired: the last stream was refused: The program cannot be run');
  const bench = new Bench('process', { command: 'false' }).start();
  bench.send(stream(1000), SYN);
  await bench.shows('impaired: false ended with status 1');
  const cat = new Bench('process', { command: 'cat' }).start();
  cat.send(stream(1000), SYN);
  await cat.shows('good: the program runs');
  cat.send(stream(1000), FIN | ACK);
  await cat.shows('good: runs the program for each stream of a neighbour');
});

test('each stream endpoint of the catalogue reports a status when it starts', () => {
  const started: Record<string, Settings> = {
    unix: { listen: join(folder, 'u') },
    fifo: { read: join(folder, 'f') },
    pty: {},
    serial: { device: join(folder, 'line') },
    stdio: {},
    inherited: {},
  };
  expect(Object.keys(started).sort()).toEqual([...localStreams.keys()].sort());
  new Bench('pty', { link: join(folder, 'line') }).start();
  // The standard streams and inherited sockets belong to the process, so tests in namespaces start these.
  for (const kind of ['unix', 'fifo', 'pty', 'serial']) {
    const bench = new Bench(kind, started[kind]!);
    bench.piece.start();
    expect(bench.context.statuses.length, kind).toBe(1);
  }
});
