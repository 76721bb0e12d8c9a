import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { buildAddon } from '../../../tools/build-addon.mjs';
import { Frames } from '../../frame/frames.ts';
import type { RecordingContext } from '../testing/recording-context.ts';
import { ACK, FIN, RST, SYN } from './stream-header.ts';
import { TcpPiece } from './tcp.ts';
import { protocols, StreamBench } from './testing/stream-bench.ts';

const opened: { close(): unknown }[] = [];

beforeAll(() => {
  const built = buildAddon();
  if (!built.ok) throw new Error(built.reason);
});

afterEach(() => {
  for (const each of opened.splice(0)) each.close();
});

/** A `tcp` piece by itself. */
class Bench extends StreamBench<TcpPiece> {
  constructor(settings: Record<string, string>, frames?: Frames, context?: RecordingContext) {
    const given = Object.entries({ family: 'ipv4', ...settings });
    super((...made) => new TcpPiece(...made, protocols, given), frames, context);
    opened.push(this);
  }
}

function pattern(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => i * 7 + (i >> 8)));
}

async function client(port: number, host = '127.0.0.1', options = {}): Promise<Socket> {
  const socket = connect({ port, host, allowHalfOpen: true, ...options });
  opened.push({ close: () => socket.destroy() });
  await once(socket, 'connect');
  return socket;
}

async function server(onConnection: (socket: Socket) => void): Promise<Server> {
  const made = createServer({ allowHalfOpen: true }, (socket) => {
    opened.push({ close: () => socket.destroy() });
    onConnection(socket);
  });
  opened.push(made);
  made.listen(0, '127.0.0.1');
  await once(made, 'listening');
  return made;
}

const portOf = (made: Server) => (made.address() as { port: number }).port;
const here = { 'to-loopback': 'true', own: 'true' };

describe('a connection to this machine', () => {
  test.each([
    ['ipv4', '127.0.0.1', '127.0.0.1'],
    ['ipv6', '::1', '00000000000000000000000000000001'],
  ])('comes with its addresses, bytes and end, and gets its answer (%s)', async (family, host, name) => {
    const bench = new Bench({ port: '0', family }).start();
    const [port] = bench.piece.ports;
    const socket = await client(port!, host);
    const syn = await bench.segment(SYN);
    expect(syn).toMatchObject({
      from: name,
      to: name,
      fromPort: socket.localPort,
      toPort: port,
      sequence: 0,
    });
    expect(syn.window).toBe(65_535);
    socket.end(pattern(100_000));
    const fin = await bench.segment(FIN);
    expect(Buffer.compare(bench.received, pattern(100_000))).toBe(0);
    // Numbers are those of TCP: the opening and the end take one each.
    expect(fin.sequence).toBe(100_001);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    const back = { ...syn, from: host, to: host };
    bench.send(back, ACK, Buffer.from('still '));
    bench.send(back, ACK | FIN, Buffer.from('open'));
    await once(socket, 'end');
    expect(Buffer.concat(chunks).toString()).toBe('still open');
    await bench.until(() => bench.piece.connections === 0, 'the connection stays');
    expect(bench.counters()).toEqual({});
    bench.close();
    expect(bench.frames.freeRows).toBe(bench.frames.rows);
  });

  test('closes both ways at the first end if the settings require it', async () => {
    const bench = new Bench({ port: '0', 'half-close': 'false' }).start();
    const socket = await client(bench.piece.ports[0]!);
    socket.resume().end('all');
    await once(socket, 'end');
    await bench.until(() => bench.piece.connections === 0, 'the connection stays');
  });

  test('that is reset from either side ends there', async () => {
    const bench = new Bench({ port: '0' }).start();
    const first = await client(bench.piece.ports[0]!);
    first.resetAndDestroy();
    const rst = await bench.segment(RST);
    expect(rst.fromPort).toBe((await bench.segment(SYN)).fromPort);
    bench.segments.length = 0;
    const second = await client(bench.piece.ports[0]!);
    const failed = once(second, 'error');
    bench.send(await bench.segment(SYN), RST);
    expect((await failed)[0]).toMatchObject({ code: 'ECONNRESET' });
    expect(bench.piece.connections).toBe(0);
    expect(bench.counters()).toEqual({ control: 1 });
  });

  test('is read no further than a neighbour grants', async () => {
    const bench = new Bench({ port: '0' }).start();
    const socket = await client(bench.piece.ports[0]!);
    const syn = await bench.segment(SYN);
    bench.send(syn, SYN | ACK, undefined, { window: 1000, acknowledgement: 1 });
    socket.write(pattern(10_000));
    await bench.until(() => bench.received.length >= 1000, 'nothing is read');
    await sleep(50);
    expect(bench.received.length).toBe(1000);
    // A frame that takes credit back, or acknowledges unsent bytes, grants no credit.
    bench.send(syn, ACK, undefined, { window: 10, acknowledgement: 1 });
    bench.send(syn, ACK, undefined, { window: 60_000, acknowledgement: 900_000 });
    await sleep(50);
    expect(bench.received.length).toBe(1000);
    bench.send(syn, ACK, undefined, { window: 9000, acknowledgement: 1001 });
    await bench.until(() => bench.received.length >= 10_000, 'credit is not taken');
    expect(Buffer.compare(bench.received, pattern(10_000))).toBe(0);
  });

  test('waits in the kernel while the queue behind the Edge is full, the Edge is on no network, or rows lack', async () => {
    const frames = new Frames({ smallRows: 400, largeRows: 0 });
    const bench = new Bench({ port: '0' }, frames).start();
    const socket = await client(bench.piece.ports[0]!);
    await bench.segment(SYN);
    bench.piece.ready(0, false);
    socket.write(pattern(300_000));
    await sleep(50);
    expect(bench.received.length).toBe(0);
    const taken = Array.from({ length: 390 }, () => frames.allocate(20));
    bench.piece.ready(0, true);
    await sleep(50);
    expect(bench.received.length).toBe(0);
    bench.piece.leave();
    for (const row of taken) frames.release(row);
    await sleep(50);
    expect(bench.received.length).toBe(0);
    bench.join();
    await bench.until(() => bench.received.length === 300_000, 'bytes are lost');
    expect(Buffer.compare(bench.received, pattern(300_000))).toBe(0);
    expect(bench.counters()).toEqual({});
  });
});

describe('a connection from this machine', () => {
  test('opens, carries and ends by its frames', async () => {
    const got: Buffer[] = [];
    const peer = await server((socket) => {
      socket.on('data', (chunk) => got.push(chunk));
      socket.on('end', () => socket.end('bye'));
    });
    const bench = new Bench(here).start();
    const to = { from: '127.0.0.1', fromPort: portOf(peer), to: '0.0.0.0', toPort: 0 };
    bench.send(to, SYN);
    const accepted = await bench.segment(SYN);
    expect(accepted).toMatchObject({
      from: '127.0.0.1',
      fromPort: to.fromPort,
      to: '127.0.0.1',
      flags: SYN | ACK,
    });
    bench.send(accepted, ACK, pattern(60_000));
    bench.send(accepted, FIN | ACK);
    await bench.segment(FIN);
    expect(Buffer.compare(Buffer.concat(got), pattern(60_000))).toBe(0);
    expect(bench.received.toString()).toBe('bye');
    await bench.until(() => bench.piece.connections === 0, 'the connection stays');
  });

  test('keeps bytes that are sent before it is open', async () => {
    const got: Buffer[] = [];
    const peer = await server((socket) => socket.on('data', (chunk) => got.push(chunk)));
    const bench = new Bench({ remote: `127.0.0.1:${portOf(peer)}` }).start();
    // The setting `remote` connects, and frames keep the names that the neighbour gave.
    const to = { from: '192.0.2.9', fromPort: 80, to: '198.51.100.1', toPort: 4000 };
    bench.reply(to, SYN);
    bench.reply(to, ACK, Buffer.from('at once'));
    bench.run();
    expect(await bench.segment(SYN)).toMatchObject({ from: '192.0.2.9', fromPort: 80, toPort: 4000 });
    await bench.until(() => Buffer.concat(got).toString() === 'at once', 'it did not arrive');
  });

  test('that fails gets a reset, and is counted by its reason', async () => {
    const peer = await server(() => {});
    const closed = portOf(peer);
    peer.close();
    const bench = new Bench({
      'to-loopback': 'true',
      own: 'true',
      destinations: '127.0.0.0/8',
      connections: '1',
    }).start();
    const to = { from: '127.0.0.1', fromPort: closed, to: '0.0.0.0', toPort: 0 };
    bench.send(to, SYN);
    await bench.segment(RST);
    const strict = new Bench({}).start();
    strict.send(to, SYN);
    strict.send({ ...to, fromPort: 0 }, SYN);
    strict.send({ ...to, toPort: 1 }, ACK, Buffer.from('out of the blue'));
    strict.send({ ...to, toPort: 1 }, RST);
    expect(bench.counters()).toMatchObject({ refused: 1 });
    expect(strict.counters()).toEqual({
      'not-granted': 1,
      'no-destination': 1,
      'not-connected': 1,
      control: 1,
    });
    expect(strict.segments.map(({ flags }) => flags)).toEqual([RST | ACK, RST | ACK, RST | ACK]);
    expect(strict.piece.connections).toBe(0);
  });
});

describe('a slow reader', () => {
  test('loses no byte: frames wait, which never happens to a neighbour with credit', async () => {
    const bench = new Bench({ port: '0' }).start();
    const socket = await client(bench.piece.ports[0]!);
    socket.pause();
    const syn = await bench.segment(SYN);
    const chunk = pattern(30_000);
    let sent = 0;
    while (bench.inbox.length === 0) {
      bench.send(syn, ACK, chunk);
      sent++;
    }
    // It waits in the inbox, not in the endpoint.
    bench.reply(syn, ACK, chunk);
    bench.run();
    sent++;
    expect(bench.inbox.length).toBe(2);
    let got = 0;
    socket.on('data', (data) => {
      got += data.length;
    });
    socket.resume();
    await bench.until(() => got === sent * chunk.length, 'bytes are lost');
    expect(bench.counters()).toEqual({});
    expect(bench.inbox.length).toBe(0);
  });

  test('is reset when it delays others for longer than the patience', async () => {
    const bench = new Bench({ port: '0', patience: '200ms' }).start();
    const slow = await client(bench.piece.ports[0]!);
    slow.pause();
    slow.on('error', () => {});
    const syn = await bench.segment(SYN);
    while (bench.inbox.length === 0) bench.send(syn, ACK, pattern(30_000));
    bench.segments.length = 0;
    const other = await client(bench.piece.ports[0]!);
    const its = await bench.segment(SYN);
    bench.reply(its, ACK, Buffer.from('at last'));
    const [data] = await once(other, 'data');
    expect(data.toString()).toBe('at last');
    expect((await bench.segment(RST)).fromPort).toBe(syn.fromPort);
    expect(bench.context.counters.get('slow-reader')).toBeGreaterThan(0);
  });
});

test('accepting pauses at the limit of connections, and continues', async () => {
  const bench = new Bench({ port: '0', connections: '2' }).start();
  const [port] = bench.piece.ports;
  const first = await client(port!);
  await client(port!);
  await client(port!);
  await bench.until(() => bench.context.logs.length === 1, 'it does not say so');
  expect(bench.piece.connections).toBe(2);
  first.resetAndDestroy();
  await bench.until(
    () => bench.segments.filter(({ flags }) => flags === SYN).length === 3,
    'the third waits',
  );
  expect(bench.piece.connections).toBe(2);
});

test('a port in use is refused with a remedy, and nothing stays open', async () => {
  const other = await server(() => {});
  const before = readdirSync('/proc/self/fd').length;
  const bench = new Bench({ port: String(portOf(other)), address: '127.0.0.1' });
  expect(() => bench.piece.start()).toThrow(/TCP port \d+ of 127\.0\.0\.1 is in use .*ss -tlnp/);
  expect(bench.piece.close()).toBeUndefined();
  expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before);
});

test('neighbours that listen open ports, and the last one closes', async () => {
  const probe = await server(() => {});
  const port = portOf(probe);
  probe.close();
  await once(probe, 'close');
  const bench = new Bench({}).start();
  expect(bench.piece.listening(0, `ip/tcp/local:${port}/sip`, true)).toBeUndefined();
  expect(bench.piece.listening(0, `ipv4/tcp/local:${port}`, true)).toBeUndefined();
  expect(bench.piece.listening(0, `ip/udp/local:${port}`, true)).toBeUndefined();
  bench.piece.listening(0, `ip/tcp/local:${port}/sip`, false);
  expect(bench.piece.ports).toEqual([port]);
  bench.piece.listening(0, `ipv4/tcp/local:${port}`, false);
  expect(bench.piece.ports).toEqual([]);
  expect(bench.piece.listening(0, 'ip/tcp/local:1', true)).toBeUndefined();
  expect(
    new Bench({ address: '192.0.2.1' }).start().piece.listening(0, 'ip/tcp/local:7', true),
  ).toMatchObject({
    code: 'FT_SOCKET_ADDRESS',
  });
});

test('a successor continues connections and ports, and a change that fails leaves them', async () => {
  const bench = new Bench({ port: '0' }).start();
  const [port] = bench.piece.ports;
  const socket = await client(port!);
  const syn = await bench.segment(SYN);
  const failed = new Bench({ port: '0' }, bench.frames);
  failed.piece.succeed([bench.piece]);
  expect(failed.piece.start()).toEqual([]);
  failed.close();
  expect(bench.piece.ports).toEqual([port]);
  const next = new Bench({ port: String(port), patience: '5s' }, bench.frames);
  next.piece.succeed([bench.piece]);
  expect(next.piece.start()).toEqual([]);
  socket.write('between');
  next.piece.takeOver?.();
  next.join();
  bench.close();
  await next.until(() => next.received.toString() === 'between', 'bytes are lost');
  next.send(syn, ACK | FIN, Buffer.from('reply'));
  const [data] = await once(socket, 'data');
  expect(data.toString()).toBe('reply');
  await client(port!);
  expect(await next.segment(SYN)).toBeDefined();
});

test('a port that is to be bound otherwise is open in the new piece, and not refused as in use', async () => {
  let bench = new Bench({ port: '0' }).start();
  const [port] = bench.piece.ports;
  let host = '127.0.0.1';
  for (const address of ['127.0.0.1', '127.0.0.2', '']) {
    const settings = { port: String(port), ...(address === '' ? {} : { address }) };
    const failed = new Bench(settings, bench.frames);
    failed.piece.succeed([bench.piece]);
    expect(failed.piece.start()).toEqual([]);
    failed.close();
    // An address that this machine does not have is refused before the change, and not in it.
    const nowhere = new Bench({ ...settings, address: '198.51.100.9' }, bench.frames);
    nowhere.piece.succeed([bench.piece]);
    expect(() => nowhere.piece.start()).toThrow(expect.objectContaining({ code: 'FT_SOCKET_ADDRESS' }));
    const socket = await client(port!, host);
    // The connection ends with the address that it came to.
    socket.on('error', () => {});
    expect(await bench.segment(SYN)).toBeDefined();
    const next = new Bench(settings, bench.frames);
    next.piece.succeed([bench.piece]);
    expect(next.piece.start()).toEqual([]);
    next.piece.takeOver();
    next.join();
    bench.close();
    expect(next.piece.ports).toEqual([port]);
    expect(next.context.statuses.at(-1)).toMatchObject({ health: 'good', facts: { ports: String(port) } });
    bench = next;
    host = address || host;
  }
});

test('reports all mistakes in the settings', () => {
  const bench = new Bench({
    port: '65536',
    remote: '192.0.2.1',
    keepalive: '0s',
    patience: 'long',
    connections: '0',
    'half-close': 'maybe',
  });
  expect(bench.piece.start().map(({ setting }) => setting)).toEqual([
    ...['remote', 'port', 'connections', 'keepalive', 'patience', 'half-close'],
  ]);
});
