import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildAddon } from '../../../tools/build-addon.mjs';
import type { Frames } from '../../frame/frames.ts';
import { nativePieces } from '../catalogue.ts';
import { EndpointError } from '../endpoint-error.ts';
import type { RecordingContext } from '../testing/recording-context.ts';
import { localStreams } from './local-catalogue.ts';
import { LocalStreamPiece } from './local-stream.ts';
import { ACK, FIN, RST, SYN } from './stream-header.ts';
import { protocols, StreamBench } from './testing/stream-bench.ts';

const opened: { close(): unknown }[] = [];
let folder = '';

beforeAll(() => {
  const built = buildAddon();
  if (!built.ok) throw new Error(built.reason);
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'funnel-local-'));
});

afterEach(() => {
  for (const each of opened.splice(0)) each.close();
  rmSync(folder, { recursive: true });
});

class Bench extends StreamBench<LocalStreamPiece> {
  readonly offers: [string, boolean][] = [];

  constructor(kind: string, settings: Record<string, string>, frames?: Frames, context?: RecordingContext) {
    super(
      (...made) =>
        new LocalStreamPiece(...made, protocols, localStreams.get(kind)!(Object.entries(settings))),
      frames,
      context,
    );
    this.context.offer = (_edge, { name, value }, isPresent) => {
      this.offers.push([`${name} ${value.tag === 'text' ? value.val : ''}`, isPresent]);
    };
    opened.push(this);
  }

  /** The frame that opened the newest stream. */
  get last() {
    return this.segments.findLast(({ flags }) => (flags & SYN) !== 0)!;
  }

  opens = () => this.segments.filter(({ flags }) => (flags & SYN) !== 0).length;
  ends = () => this.segments.filter(({ flags }) => (flags & FIN) !== 0).length;
}

async function client(path: string): Promise<Socket> {
  const socket = connect({ path, allowHalfOpen: true });
  opened.push({ close: () => socket.destroy() });
  await once(socket, 'connect');
  return socket;
}

async function server(path: string, onConnection: (socket: Socket) => void): Promise<Server> {
  const made = createServer({ allowHalfOpen: true }, (socket) => {
    opened.push({ close: () => socket.destroy() });
    onConnection(socket);
  });
  opened.push(made);
  made.listen(path);
  await once(made, 'listening');
  return made;
}

const stream = (port: number) => ({ from: '192.0.2.1', fromPort: 80, to: '192.0.2.9', toPort: port });

function refusal(bench: Bench): EndpointError {
  try {
    bench.piece.start();
  } catch (error) {
    if (error instanceof EndpointError) return error;
    throw error;
  }
  throw new Error('it starts');
}

describe('a UNIX socket', () => {
  test.each(['a path', 'an abstract name'])('takes connections at %s, bytes and ends apart', async (kind) => {
    const path = kind === 'a path' ? join(folder, 'in.sock') : `@${folder}`;
    const bench = new Bench('unix', { listen: path }).start();
    if (kind === 'a path') expect(statSync(path).mode & 0o777).toBe(0o600);
    const address = kind === 'a path' ? `UNIX-CONNECT:${path}` : `ABSTRACT-CONNECT:${folder}`;
    const peer = spawn('socat', ['-t', '20', '-', address]);
    peer.stdin.end('hello');
    await bench.until(() => bench.ends() === 1, 'the end');
    expect(bench.last).toMatchObject({ from: '192.0.0.8', to: '192.0.0.8', toPort: 4294 });
    expect(bench.received.toString()).toBe('hello');
    bench.reply(bench.last, SYN | ACK);
    bench.send(bench.last, FIN | ACK, Buffer.from('world'));
    let got = '';
    for await (const chunk of peer.stdout) got += chunk;
    expect(got).toBe('world');
    await bench.until(() => bench.piece.count === 0, 'the stream stays');
    bench.piece.close();
    expect(existsSync(path)).toBe(false);
  });

  test('offers the facts of the system about the peer while its stream is open', async () => {
    const path = join(folder, 'in.sock');
    const bench = new Bench('unix', { listen: path }).start();
    const peer = await client(path);
    await bench.until(() => bench.opens() === 1, 'a stream');
    const text = `peer-credentials port ${bench.last.fromPort} uid ${process.getuid?.()} gid ${process.getgid?.()} pid ${process.pid}`;
    expect(bench.offers).toEqual([[text, true]]);
    peer.destroy();
    await bench.until(() => bench.ends() === 1, 'the end');
    bench.send(bench.last, FIN | ACK);
    expect(bench.offers).toEqual([
      [text, true],
      [text, false],
    ]);
  });

  test('goes to the port on which a neighbour listens, or to that of the settings', async () => {
    const path = join(folder, 'in.sock');
    const bench = new Bench('unix', { listen: path }).start();
    bench.piece.listening(0, 'ip/tcp/local:7000', true);
    await client(path);
    await bench.until(() => bench.opens() === 1, 'a stream');
    expect(bench.last.toPort).toBe(7000);
    bench.piece.listening(0, 'ip/tcp/local:7000', false);
    await client(path);
    await bench.until(() => bench.opens() === 2, 'a stream');
    expect(bench.last.toPort).toBe(4294);
    const other = new Bench('unix', { listen: `${path}2`, to: '198.51.100.1:443' }).start();
    await client(`${path}2`);
    await other.until(() => other.opens() === 1, 'a stream');
    expect(other.last).toMatchObject({ from: '192.0.0.8', to: '198.51.100.1', toPort: 443 });
  });

  test('connects where a neighbour opens a stream, and 300 streams keep apart', async () => {
    const path = join(folder, 'out.sock');
    await server(path, (socket) => void socket.pipe(socket));
    const bench = new Bench('unix', { connect: path }).start();
    for (let n = 0; n < 300; n++) bench.send(stream(1000 + n), SYN);
    await bench.until(() => bench.opens() === 300, 'all streams');
    for (let n = 0; n < 300; n++) bench.send(stream(1000 + n), FIN | ACK, Buffer.from(`<${n}>`));
    await bench.until(() => bench.ends() === 300, 'all ends');
    for (let n = 0; n < 300; n++) {
      const back = bench.segments.filter(({ toPort }) => toPort === 1000 + n);
      expect(Buffer.concat(back.map(({ payload }) => payload)).toString()).toBe(`<${n}>`);
    }
    expect(bench.piece.count).toBe(0);
  });

  test.each([
    ['nothing is there', 'unreachable', () => {}],
    ['no program listens', 'refused', (path: string) => leaveDead(path)],
    ['something else is there', 'refused', (path: string) => writeFileSync(path, '')],
  ])('refuses a stream where %s', async (_, reason, make) => {
    const path = join(folder, 'out.sock');
    make(path);
    const bench = new Bench('unix', { connect: path }).start();
    bench.send(stream(1000), SYN);
    expect((await bench.segment(RST)).toPort).toBe(1000);
    expect(bench.counters()).toEqual({ [reason]: 1 });
  });

  test('replaces a socket without a listener, and nothing else', async () => {
    const path = join(folder, 'in.sock');
    leaveDead(path);
    new Bench('unix', { listen: path }).start();
    await client(path);
    const second = refusal(new Bench('unix', { listen: path }));
    expect(second).toMatchObject({ code: 'FT_SOCKET_IN_USE', setting: 'listen' });
    await client(path);
    writeFileSync(join(folder, 'file'), 'mine');
    expect(refusal(new Bench('unix', { listen: join(folder, 'file') })).message).toContain('not a socket');
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('mine');
    expect(refusal(new Bench('unix', { listen: join(folder, 'no/in.sock') })).code).toBe('FT_SOCKET_ADDRESS');
  });

  test('does not remove a path that another process has made anew', () => {
    const path = join(folder, 'in.sock');
    const bench = new Bench('unix', { listen: path }).start();
    rmSync(path);
    const other = new Bench('unix', { listen: path }).start();
    bench.piece.close();
    expect(lstatSync(path).isSocket()).toBe(true);
    other.piece.close();
    expect(existsSync(path)).toBe(false);
  });

  test('refuses users that are not in the settings', async () => {
    const path = join(folder, 'in.sock');
    const bench = new Bench('unix', { listen: path, uid: String((process.getuid?.() ?? 0) + 1) }).start();
    const peer = await client(path);
    peer.on('error', () => {});
    await once(peer.resume(), 'end');
    expect(bench.counters()).toEqual({ 'not-granted': 1 });
    expect(bench.opens()).toBe(0);
  });

  test('a successor has the listener, the streams and the new settings', async () => {
    const path = join(folder, 'in.sock');
    const bench = new Bench('unix', { listen: path }).start();
    const peer = await client(path);
    await bench.until(() => bench.opens() === 1, 'a stream');
    const next = new Bench(
      'unix',
      { listen: path, mode: '660', connections: '1' },
      bench.frames,
      bench.context,
    );
    next.piece.succeed([bench.piece]);
    next.piece.start();
    next.piece.takeOver();
    next.join();
    bench.piece.close();
    expect(statSync(path).mode & 0o777).toBe(0o660);
    next.send(bench.last, SYN | ACK);
    next.send(bench.last, ACK, Buffer.from('still'));
    expect(String((await once(peer, 'data'))[0])).toBe('still');
    expect(next.piece.count).toBe(1);
    next.piece.close();
    expect(existsSync(path)).toBe(false);
  });

  test('reads no more than there is credit for, and writes no more than the peer takes', async () => {
    const path = join(folder, 'in.sock');
    const bench = new Bench('unix', { listen: path }).start();
    const peer = await client(path);
    await bench.until(() => bench.opens() === 1, 'a stream');
    bench.send(bench.last, SYN | ACK, undefined, { window: 1000 });
    peer.write(Buffer.alloc(500_000, 1));
    await bench.until(() => bench.received.length === 1000, 'as many as allowed');
    // The peer does not read: frames stay in the inbox, and none is lost.
    peer.pause();
    const block = Buffer.alloc(1400, 2);
    for (let n = 0; n < 1000; n++)
      bench.reply(bench.last, ACK, block, { window: 1000, acknowledgement: 1001 });
    bench.run();
    await bench.until(() => bench.received.length === 2000, 'the next bytes');
    for (let n = 0; n < 20; n++) bench.run();
    expect(bench.inbox.length).toBeGreaterThan(300);
    expect(bench.received.length).toBe(2000);
    let got = 0;
    peer.on('data', (chunk) => {
      got += chunk.length;
    });
    peer.resume();
    await bench.until(() => {
      bench.run();
      return got === 1_400_000;
    }, 'all bytes');
  });

  test('names all mistakes in its settings', () => {
    const read = (given: Record<string, string>) =>
      localStreams.get('unix')!(Object.entries(given)).problems.map(({ setting }) => setting);
    expect(read({})).toEqual(['listen']);
    expect(read({ listen: 'a', connect: 'b' })).toEqual(['listen']);
    expect(
      read({ listen: `/${'x'.repeat(107)}`, mode: '999', uid: '-1', to: '1', from: 'x' }).sort(),
    ).toEqual(['from', 'listen', 'mode', 'to', 'uid']);
    expect(read({ listen: 'ü'.repeat(53) })).toEqual([]);
    expect(read({ listen: 'a', from: '::1', to: '192.0.2.1:1' })).toEqual(['from']);
  });
});

/** A path whose socket is gone, as after kill -9. */
function leaveDead(path: string): void {
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script]);
  expect(lstatSync(path).isSocket()).toBe(true);
}

describe('named pipes', () => {
  test('each writer is a stream, none loses a byte, and what is made is removed', async () => {
    const path = join(folder, 'in');
    const bench = new Bench('fifo', { read: path }).start();
    expect(lstatSync(path).isFIFO()).toBe(true);
    for (let n = 0; n < 20; n++) {
      spawnSync('sh', ['-c', `printf '<${n}>' > ${path}`]);
      // The bytes of the next writer wait in the pipe.
      if (n % 3 === 0) spawnSync('sh', ['-c', `printf '<${n}+>' > ${path}`]);
      await bench.until(
        () => bench.received.toString().endsWith(n % 3 === 0 ? `<${n}+>` : `<${n}>`),
        'bytes',
      );
    }
    await bench.until(() => bench.piece.count === 0, 'the last end');
    const all = Array.from({ length: 20 }, (_, n) => (n % 3 === 0 ? `<${n}><${n}+>` : `<${n}>`)).join('');
    expect(bench.received.toString()).toBe(all);
    expect(bench.opens()).toBe(bench.ends());
    bench.piece.close();
    expect(existsSync(path)).toBe(false);
  });

  test('bytes go into a pipe once it has a reader, and the reader gets their end', async () => {
    const path = join(folder, 'out');
    const bench = new Bench('fifo', { write: path }).start();
    const reader = spawn('cat', [path]);
    const said: Buffer[] = [];
    reader.stdout.on('data', (chunk) => said.push(chunk));
    await bench.until(() => bench.opens() === 1, 'a stream');
    bench.send(bench.last, SYN | ACK);
    bench.send(bench.last, FIN | ACK, Buffer.from('to the pipe'));
    await once(reader, 'close');
    expect(Buffer.concat(said).toString()).toBe('to the pipe');
  });

  test('a neighbour opens a stream to a pipe with a reader, and to no other', async () => {
    const path = join(folder, 'out');
    const bench = new Bench('fifo', { write: path, open: 'passive' }).start();
    bench.send(stream(1000), SYN);
    expect((await bench.segment(RST)).toPort).toBe(1000);
    const reader = spawn('cat', [path]);
    opened.push({ close: () => reader.kill() });
    await bench.until(() => {
      bench.send(stream(2000), SYN);
      return bench.opens() === 1;
    }, 'a stream');
    bench.send(stream(3000), SYN);
    expect(bench.counters()).toMatchObject({ busy: 1 });
    bench.send(stream(2000), FIN | ACK, Buffer.from('x'));
    expect(String((await once(reader.stdout, 'data'))[0])).toBe('x');
  });

  test('a file that is not a pipe is refused, and left unchanged', () => {
    const path = join(folder, 'file');
    writeFileSync(path, 'mine');
    expect(refusal(new Bench('fifo', { read: path }))).toMatchObject({
      code: 'FT_SOCKET_IN_USE',
      setting: 'read',
    });
    expect(refusal(new Bench('fifo', { write: join(folder, 'no/out') }))).toMatchObject({
      code: 'FT_SOCKET_ADDRESS',
      setting: 'write',
    });
    expect(readFileSync(path, 'utf8')).toBe('mine');
    expect(localStreams.get('fifo')!([]).problems).toMatchObject([{ setting: 'read' }]);
  });
});

describe('a pseudo-terminal', () => {
  test('is a line for each program that opens it, at the same link', async () => {
    const link = join(folder, 'line');
    symlinkSync('/dev/pts/9999', link);
    const bench = new Bench('pty', { link }).start();
    for (let n = 0; n < 3; n++) {
      expect(readlinkSync(link)).toMatch(/^\/dev\/pts\/\d+$/);
      const descriptor = openSync(link, 'r+');
      writeSync(descriptor, `hello ${n}\n`);
      await bench.until(() => bench.opens() === n + 1, 'a stream');
      bench.send(bench.last, SYN | ACK);
      bench.send(bench.last, ACK, Buffer.from('reply\r'));
      const reply = Buffer.alloc(6);
      await bench.until(() => bench.received.toString().endsWith(`hello ${n}\n`), 'bytes as they are');
      expect(readFully(descriptor, reply)).toBe('reply\r');
      closeSync(descriptor);
      await bench.until(() => bench.ends() === n + 1, 'the end');
    }
    bench.piece.close();
    expect(existsSync(link)).toBe(false);
  });

  test('a program that closes at once still had its say', async () => {
    const link = join(folder, 'line');
    const bench = new Bench('pty', { link, open: 'passive' }).start();
    bench.send(stream(1000), SYN);
    expect(bench.counters()).toMatchObject({ unreachable: 1 });
    const descriptor = openSync(link, 'r+');
    bench.send(stream(2000), SYN);
    writeSync(descriptor, 'x'.repeat(2000));
    closeSync(descriptor);
    await bench.until(() => bench.ends() === 1, 'the end');
    expect(bench.received.length).toBe(2000);
  });

  test('a path that is not a link is left unchanged', () => {
    const link = join(folder, 'line');
    writeFileSync(link, 'mine');
    expect(refusal(new Bench('pty', { link }))).toMatchObject({ code: 'FT_SOCKET_IN_USE', setting: 'link' });
    expect(readFileSync(link, 'utf8')).toBe('mine');
  });
});

describe('a serial line', () => {
  test('carries bytes, ends when it is unplugged, and is back when it is', async () => {
    const link = join(folder, 'line');
    const other = new Bench('pty', { link }).start();
    const bench = new Bench('serial', { device: link, speed: '9600' }).start();
    await bench.until(() => bench.opens() === 1 && other.opens() === 1, 'both ends');
    bench.send(bench.last, SYN | ACK);
    bench.send(bench.last, ACK, Buffer.from('\x03a\r\n'));
    await other.until(() => other.received.length === 4, 'bytes as they are');
    expect(other.received.toString()).toBe('\x03a\r\n');
    // A neighbour's end ends the stream and not the line.
    bench.send(bench.last, FIN | ACK);
    await bench.until(() => bench.opens() === 2, 'the next stream');
    expect(other.ends()).toBe(0);
    other.piece.close();
    await bench.until(() => bench.ends() === 2, 'the end');
    new Bench('pty', { link }).start();
    await bench.until(() => bench.opens() === 3, 'the line is back');
  });

  test('reports why it cannot be opened', () => {
    expect(refusal(new Bench('serial', { device: join(folder, 'no') })).code).toBe('FT_SOCKET_ADDRESS');
    expect(refusal(new Bench('serial', { device: '/dev/null' })).message).toContain('not a serial line');
    const link = join(folder, 'line');
    new Bench('pty', { link }).start();
    expect(refusal(new Bench('serial', { device: link, speed: '9601' }))).toMatchObject({ setting: 'speed' });
    expect(localStreams.get('serial')!([]).problems).toMatchObject([{ setting: 'device' }]);
  });
});

test('a frame in the wrong place, to a piece that has closed, is counted', () => {
  for (const name of localStreams.keys()) expect(nativePieces.has(name)).toBe(true);
  const bench = new Bench('unix', { listen: join(folder, 'in.sock') }).start();
  bench.piece.close();
  bench.send(stream(1000), SYN);
  expect(bench.counters()).toEqual({ closed: 1 });
});

function readFully(descriptor: number, into: Buffer): string {
  for (let at = 0; at < into.length; ) at += readSync(descriptor, into, at, into.length - at, null);
  return into.toString();
}
