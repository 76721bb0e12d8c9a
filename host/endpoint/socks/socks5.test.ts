import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { buildAddon } from '../../../tools/build-addon.mjs';
import { Frames } from '../../frame/frames.ts';
import { parseAddress } from '../ip-address.ts';
import { ACK, FIN, RST, SYN } from '../stream/stream-header.ts';
import { protocols, StreamBench } from '../stream/testing/stream-bench.ts';
import { RecordingContext } from '../testing/recording-context.ts';
import { Socks5Piece } from './socks5.ts';

const opened: { close(): unknown }[] = [];

beforeAll(() => {
  const built = buildAddon();
  if (!built.ok) throw new Error(built.reason);
});

afterEach(() => {
  for (const each of opened.splice(0)) each.close();
});

interface Datagram {
  readonly from: string;
  readonly to: string;
  readonly fromPort: number;
  readonly toPort: number;
  readonly payload: Buffer;
}

/** A `socks5` piece by itself, with neighbours on both Edges that the test plays. */
class Bench extends StreamBench<Socks5Piece> {
  readonly datagrams: Datagram[] = [];
  readonly listens = new Map<number, string>();
  refusal = '';
  onDatagram: (datagram: Datagram) => void = () => {};

  constructor(settings: readonly (readonly [string, string])[] = [], frames?: Frames) {
    const context = new RecordingContext();
    let random = 4n;
    context.random = () => random++;
    const given = [['port', '0'] as const, ...settings];
    super((...made) => new Socks5Piece(...made, protocols, given), frames, context);
    opened.push(this);
    context.listen = ((_edge: number, _like: number, stack: string) => {
      if (this.refusal !== '') return { message: this.refusal };
      this.listens.set(this.listens.size + 1, stack);
      return this.listens.size;
    }) as never;
    context.unlisten = ((_edge: number, shape: number) => this.listens.delete(shape)) as never;
    const { onArrived } = context;
    context.onArrived = () => {
      for (let n = 0; n < context.rows.length; n++) {
        if ((context.edgeShapes[n]! & 0xffff) !== 1) continue;
        const [row] = context.rows.splice(n, 1);
        context.edgeShapes.splice(n--, 1);
        this.#takeDatagram(row!);
      }
      context.edgeShapes.length = 0;
      onArrived();
    };
  }

  override join(): void {
    super.join();
    this.piece.join({ edge: 1, described: 1, shape: 0, joint: 'net', properties: [] });
  }

  #takeDatagram(row: number): void {
    const { frames } = this;
    const at = frames.start[row]!;
    const bytes = Buffer.from(frames.bytes.slice(at, at + frames.length[row]!));
    frames.release(row);
    const udp = bytes[0]! >> 4 === 6 ? 40 : 20;
    const size = udp === 40 ? 16 : 4;
    const name = (from: number) =>
      size === 4 ? bytes.subarray(from, from + 4).join('.') : bytes.subarray(from, from + 16).toString('hex');
    const datagram = {
      from: name(udp - 2 * size),
      to: name(udp - size),
      fromPort: bytes.readUInt16BE(udp),
      toPort: bytes.readUInt16BE(udp + 2),
      payload: bytes.subarray(udp + 8),
    };
    this.datagrams.push(datagram);
    this.onDatagram(datagram);
  }

  /** Gives the piece a datagram of the puzzle. */
  answer(from: string, fromPort: number, toPort: number, payload: Uint8Array, cut = 0): void {
    const address = parseAddress(from)!;
    const ip = address.length === 4 ? 20 : 40;
    const row = this.frames.allocate(ip + 8 + payload.length);
    const at = this.frames.start[row]!;
    const { bytes } = this.frames;
    bytes.fill(0, at, at + ip + 8);
    bytes[at] = ip === 20 ? 0x45 : 0x60;
    bytes.set(address, at + (ip === 20 ? 12 : 8));
    bytes.set([fromPort >> 8, fromPort & 255, toPort >> 8, toPort & 255], at + ip);
    bytes.set(payload, at + ip + 8);
    const unfinished = 2 << 24;
    this.frames.addPart(row, protocols.number(ip === 20 ? 'ipv4' : 'ipv6') | unfinished, at, ip);
    this.frames.addPart(row, protocols.number('udp') | unfinished, at + ip, 8 - cut);
    if (payload.length > 0) this.frames.addPart(row, 1 << 16, at + ip + 8, payload.length);
    expect(this.inbox.push(row, 1, 0)).toBe(true);
    this.run();
  }

  get port(): number {
    return this.piece.ports[0]!;
  }

  /** Everything that was opened is closed, and every frame released. */
  async isClean(): Promise<void> {
    await this.until(() => this.piece.connections === 0, 'a client stays');
    this.close();
    expect(this.frames.freeRows).toBe(this.frames.rows);
    expect(this.listens.size).toBe(0);
  }
}

/** A client that sends bytes and collects what comes. */
class Client {
  readonly socket: Socket;
  received = Buffer.alloc(0);
  isEnded = false;

  constructor(port: number, host = '127.0.0.1') {
    this.socket = connect({ port, host, allowHalfOpen: true });
    this.socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
    this.socket.on('end', () => {
      this.isEnded = true;
    });
    this.socket.on('error', () => {});
    opened.push({ close: () => this.socket.destroy() });
  }

  send(...parts: (string | Uint8Array)[]): this {
    this.socket.write(Buffer.concat(parts.map((part) => (typeof part === 'string' ? hex(part) : part))));
    return this;
  }

  /** The next bytes, taken off. */
  async take(count: number): Promise<string> {
    const end = performance.now() + 10_000;
    while (this.received.length < count) {
      if (performance.now() > end) throw new Error(`only ${this.received.toString('hex')} came`);
      await sleep(2);
    }
    const taken = this.received.subarray(0, count).toString('hex');
    this.received = this.received.subarray(count);
    return taken;
  }
}

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const CONNECT = '050100 05010001 c0000207 0050';
const ASSOCIATE = '050100 05030001 00000000 0000';

describe('a stream', () => {
  test.each([
    ['ipv4', '127.0.0.1', CONNECT, '192.0.0.8', '192.0.2.7'],
    [
      'ipv6',
      '::1',
      `050100 05010004 20010db8 00000000 00000000 00000007 0050`,
      '01000000000000000000000000000000',
      '20010db8000000000000000000000007',
    ],
  ])('opens when a neighbour accepts it, and not before (%s)', async (_family, host, request, from, to) => {
    const bench = new Bench().start();
    const client = new Client(bench.port, host).send(request, Buffer.from('early'));
    expect(await client.take(2)).toBe('0500');
    const syn = await bench.segment(SYN);
    expect(syn).toMatchObject({ from, to, toPort: 80, window: 65_535 });
    await sleep(30);
    expect(client.received).toHaveLength(0);
    expect(bench.received).toHaveLength(0);
    const peer = {
      ...syn,
      from: from.includes('.') ? from : '100::',
      to: to.includes('.') ? to : '2001:db8::7',
    };
    bench.send(peer, SYN | ACK);
    const reply = await client.take(from.includes('.') ? 10 : 22);
    expect(reply.slice(0, 6)).toBe('050000');
    await bench.until(() => bench.received.toString() === 'early', 'the bytes behind the request are lost');
    bench.send(peer, ACK, Buffer.from('late'));
    expect(await client.take(4)).toBe(Buffer.from('late').toString('hex'));
    client.socket.end();
    await bench.segment(FIN);
    bench.send(peer, ACK | FIN);
    await bench.isClean();
  });

  test('that the neighbours refuse is refused, address by address, and a reset ends an open one', async () => {
    const bench = new Bench().start();
    bench.onSegment = (segment) => {
      if (segment.flags === SYN) queueMicrotask(() => bench.send(segment, RST | ACK));
    };
    // Its addresses are 127.0.0.1 and ::1, or one of them.
    const named = new Client(bench.port).send('050100 05010003 09', Buffer.from('localhost'), '0050');
    expect((await named.take(12)).slice(0, 8)).toBe('05000505');
    expect(bench.segments.filter(({ flags }) => flags === SYN).length).toBeGreaterThan(0);
    await bench.until(() => named.isEnded, 'it is not closed');
    bench.onSegment = () => {};
    bench.segments.length = 0;
    const other = new Client(bench.port).send(CONNECT);
    const syn = await bench.segment(SYN);
    bench.send(syn, SYN | ACK);
    await other.take(12);
    const closed = new Promise((resolve) => other.socket.on('close', resolve));
    bench.send(syn, RST);
    await closed;
    named.socket.end();
    expect(bench.counters()['not-accepted']).toBe(1);
    await bench.isClean();
  });

  test('that no neighbour accepts, a request that does not come, and an end that is not answered, time out', async () => {
    const bench = new Bench([['timeout', '100ms']]).start();
    const waiting = new Client(bench.port).send(CONNECT);
    const silent = new Client(bench.port).send('05');
    expect((await waiting.take(12)).slice(4, 8)).toBe('0504');
    // The neighbour learns that the client does not wait any more.
    await bench.segment(RST);
    await bench.until(() => silent.isEnded && waiting.isEnded, 'it waits for ever');
    expect(bench.counters()['timed-out']).toBe(2);
    await bench.isClean();
  });

  test('a client that goes away while its stream opens leaves nothing', async () => {
    const bench = new Bench().start();
    const client = new Client(bench.port).send(CONNECT);
    const syn = await bench.segment(SYN);
    client.socket.resetAndDestroy();
    await sleep(20);
    bench.send(syn, SYN | ACK);
    await bench.segment(RST);
    await bench.isClean();
  });

  test('a neighbour opens none', async () => {
    const bench = new Bench().start();
    bench.send({ from: '192.0.2.1', fromPort: 1, to: '192.0.2.2', toPort: 2 }, SYN);
    await bench.segment(RST);
    expect(bench.counters()).toEqual({ busy: 1 });
  });

  test('a client that takes nothing is reset after the patience, while others wait for it', async () => {
    const bench = new Bench([['patience', '200ms']]).start();
    const slow = new Client(bench.port).send(CONNECT);
    const syn = await bench.segment(SYN);
    bench.send(syn, SYN | ACK);
    await slow.take(12);
    slow.socket.pause();
    // More than the buffers of the system hold.
    for (let n = 0; bench.counters()['slow-reader'] === undefined && n < 20_000; n++) {
      if (bench.inbox.length < 64) bench.reply(syn, ACK, new Uint8Array(1400));
      bench.run();
      if (n % 50 === 0) await sleep(1);
    }
    await bench.segment(RST);
    slow.socket.destroy();
    while (bench.inbox.length > 0) bench.run();
    await bench.isClean();
  });
});

describe('hostile clients', () => {
  test.each([
    ['SOCKS4', '04010050c000020100', '', 'bad-request'],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n').toString('hex'), '', 'bad-request'],
    ['no method', '0500', '05ff', 'not-authenticated'],
    ['BIND', '05010005020001c00002070050', '050005070001000000000000', 'not-supported'],
    ['type 9', '05010005010009', '050005080001000000000000', 'not-supported'],
    ['port 0', '05010005010001c00002070000', '050005010001000000000000', 'bad-request'],
    ['a wrong name', '050100050100030261000050', '050005010001000000000000', 'bad-request'],
    ['too much behind it', `0500${'ff'.repeat(5000)}`, '05ff', 'not-authenticated'],
  ])('%s gets its reply and the end', async (_what, input, reply, reason) => {
    const bench = new Bench().start();
    const client = new Client(bench.port).send(input);
    await bench.until(() => client.isEnded || client.socket.destroyed, 'it is not closed');
    expect(client.received.toString('hex')).toBe(reply);
    client.socket.end();
    expect(bench.counters()).toEqual({ [reason]: 1 });
    expect(bench.segments).toEqual([]);
    await bench.isClean();
  });

  test('a password is demanded and compared', async () => {
    const bench = new Bench([['user', 'me:secret']]).start();
    expect(await new Client(bench.port).send('050100').take(2)).toBe('05ff');
    const wrong = new Client(bench.port).send('050102 01 02 6d65 03 616263');
    expect(await wrong.take(4)).toBe('05020101');
    const right = new Client(bench.port).send('050102 01 02 6d65 06 736563726574', CONNECT.slice(6));
    expect(await right.take(4)).toBe('05020100');
    await bench.segment(SYN);
    expect(bench.counters()['not-authenticated']).toBe(2);
  });

  test('more than the setting allows wait, in whichever state the others are', async () => {
    const bench = new Bench([
      ['connections', '3'],
      ['timeout', '60s'],
    ]).start();
    const silent = new Client(bench.port);
    const opening = new Client(bench.port).send(CONNECT);
    const datagrams = new Client(bench.port).send(ASSOCIATE);
    await bench.segment(SYN);
    await datagrams.take(12);
    await bench.until(() => bench.piece.connections === 3, 'not all are there');
    const further = new Client(bench.port).send('050100');
    await sleep(50);
    expect(further.received).toHaveLength(0);
    datagrams.socket.destroy();
    expect(await further.take(2)).toBe('0500');
    for (const each of [silent, opening, further]) each.socket.destroy();
  });

  test('without rows in the lane nothing is lost but time', async () => {
    const frames = new Frames({ smallRows: 300, largeRows: 0 });
    const bench = new Bench([], frames).start();
    const client = new Client(bench.port);
    await bench.until(() => bench.piece.connections === 1, 'it is not accepted');
    const taken = Array.from({ length: frames.freeRows }, () => frames.allocate(20));
    client.send(CONNECT);
    await sleep(30);
    for (const row of taken) frames.release(row);
    expect(await client.take(2)).toBe('0500');
    await bench.segment(SYN);
  });
});

describe('datagrams', () => {
  async function associated(bench: Bench, host = '127.0.0.1') {
    const control = new Client(bench.port, host).send(ASSOCIATE);
    const isIpv4 = host.includes('.');
    const reply = Buffer.from(await control.take(2 + (isIpv4 ? 10 : 22)), 'hex').subarray(2);
    expect(reply[1]).toBe(0);
    const port = reply.readUInt16BE(reply.length - 2);
    const socket = createSocket(isIpv4 ? 'udp4' : 'udp6');
    opened.push(socket);
    socket.bind(0, host);
    await once(socket, 'listening');
    const received: Buffer[] = [];
    socket.on('message', (message) => received.push(message));
    const send = (text: string, from: DatagramSocket = socket) => from.send(hex(text), port, host);
    return { control, socket, received, send };
  }

  test.each(['127.0.0.1', '::1'])('go both ways, with their addresses (%s)', async (host) => {
    const bench = new Bench().start();
    const { control, received, send } = await associated(bench, host);
    send('000000 01 c0000207 0035 6869');
    await bench.until(() => bench.datagrams.length === 1, 'no datagram');
    const { fromPort } = bench.datagrams[0]!;
    expect([...bench.listens.values()]).toEqual([`ip/udp/local:${fromPort}`]);
    expect(bench.datagrams[0]).toMatchObject({ from: '0.0.0.0', to: '192.0.2.7', toPort: 53 });
    expect(bench.datagrams[0]!.payload.toString()).toBe('hi');
    send('000000 04 20010db8000000000000000000000007 0035');
    await bench.until(() => bench.datagrams.length === 2, 'no datagram');
    expect(bench.datagrams[1]).toMatchObject({ to: '20010db8000000000000000000000007', fromPort });
    bench.answer('192.0.2.7', 53, fromPort, Buffer.from('ho'));
    bench.answer('2001:db8::7', 99, fromPort, Buffer.alloc(0));
    bench.answer('2001:db8::7', 99, fromPort, Buffer.alloc(1472, 7));
    await bench.until(() => received.length === 3, 'no answer');
    expect(received.map((each) => each.subarray(0, 24).toString('hex'))).toEqual([
      '00000001c00002070035686f',
      '0000000420010db80000000000000000000000070063',
      '0000000420010db800000000000000000000000700630707',
    ]);
    expect(received[2]).toHaveLength(22 + 1472);
    control.socket.end();
    await bench.until(() => bench.listens.size === 0, 'its port stays open');
    expect(bench.counters()).toEqual({});
    await bench.isClean();
  });

  test('to a name go to its address, after one look-up', async () => {
    const bench = new Bench().start();
    const { control, send } = await associated(bench);
    const name = Buffer.from('localhost').toString('hex');
    send(`000000 03 09 ${name} 0035 61`);
    await bench.until(() => bench.datagrams.length === 1, 'no datagram');
    send(`000000 03 09 ${name} 0036 62`);
    await bench.until(() => bench.datagrams.length === 2, 'no datagram');
    expect(bench.datagrams.map(({ toPort, payload }) => `${toPort} ${payload}`)).toEqual(['53 a', '54 b']);
    const numeric = Buffer.from('192.0.2.9').toString('hex');
    send(`000000 03 09 ${numeric} 0035 63`);
    await bench.until(() => bench.datagrams.length === 3, 'no datagram');
    expect(bench.datagrams[2]!.to).toBe('192.0.2.9');
    control.socket.end();
    await bench.isClean();
  });

  test('that are wrong, or of another program, are dropped and counted', async () => {
    const bench = new Bench([['names', 'none']]).start();
    const { control, send, socket } = await associated(bench);
    bench.answer(
      '192.0.2.7',
      53,
      Number([...bench.listens.values()][0]!.split(':')[1]),
      Buffer.from('early'),
    );
    const wrong = [
      '',
      '000000',
      '000000 01 c0000207 00',
      '000000 01 c0000207 0000 61', // port 0
      '000001 01 c0000207 0035 61', // a fragment
      '000100 01 c0000207 0035 61',
      '000000 02 c0000207 0035 61',
      '000000 03 00 0035 61',
      '000000 03 ff 6161 0035',
      '000000 03 02 2e2e 0035 61',
      '000000 04 20010db8 0035',
    ];
    for (const each of wrong) send(each);
    await bench.context.counted('bad-datagram', wrong.length);
    send('000000 03 01 61 0035 61');
    await bench.context.counted('no-address', 1);
    const stranger = createSocket('udp4');
    opened.push(stranger);
    send('000000 01 c0000207 0035 61', stranger);
    await bench.context.counted('not-client', 1);
    bench.answer('192.0.2.7', 53, 7, Buffer.from('to nobody'));
    bench.answer('192.0.2.7', 53, 7, Buffer.alloc(0), 1);
    expect(bench.counters()).toEqual({
      'no-client': 1,
      'bad-datagram': wrong.length,
      'no-address': 1,
      'not-client': 1,
      'not-open': 1,
      malformed: 1,
    });
    expect(bench.datagrams).toEqual([]);
    socket.close();
    opened.splice(opened.indexOf(socket), 1);
    control.socket.end();
    await bench.isClean();
  });

  test('need a network, a port in the puzzle, and the client that said its port', async () => {
    const bench = new Bench().start();
    bench.refusal = 'port 7 is in use';
    const refused = new Client(bench.port).send(ASSOCIATE);
    expect((await refused.take(12)).slice(4, 8)).toBe('0501');
    expect(bench.context.logs.at(-1)?.message).toBe('a client gets no datagrams: port 7 is in use');
    bench.refusal = '';
    const exact = createSocket('udp4');
    opened.push(exact);
    exact.bind(0, '127.0.0.1');
    await once(exact, 'listening');
    const port = exact.address().port.toString(16).padStart(4, '0');
    const control = new Client(bench.port).send(`050100 05030001 7f000001 ${port}`);
    const relay = Number.parseInt((await control.take(12)).slice(-4), 16);
    const stranger = createSocket('udp4');
    opened.push(stranger);
    stranger.send(hex('00000001c00002070035'), relay, '127.0.0.1');
    await bench.context.counted('not-client', 1);
    exact.send(hex('00000001c00002070035'), relay, '127.0.0.1');
    await bench.until(() => bench.datagrams.length === 1, 'no datagram');
    bench.piece.leave(1);
    await bench.until(() => control.isEnded, 'the association stays without a network');
    const late = new Client(bench.port).send(ASSOCIATE);
    expect((await late.take(12)).slice(4, 8)).toBe('0507');
  });
});

describe('names through the puzzle', () => {
  /** Replies to the queries for IPv4 addresses with these, and to others with none. */
  function serve(bench: Bench, address: string | undefined, server?: string): void {
    bench.onDatagram = ({ to, toPort, fromPort, payload }) => {
      if (toPort !== 53 || (server !== undefined && to !== server)) return;
      const isIpv4 = payload.at(-3) === 1;
      const answer = isIpv4 && address !== undefined;
      const data = answer ? [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, ...parseAddress(address)!] : [];
      const message = Buffer.concat([payload, Buffer.from(data)]);
      message.writeUInt16BE(0x8180, 2);
      message.writeUInt16BE(answer ? 1 : 0, 6);
      // A forger does not know the number, or is not the server.
      const forged = Buffer.from(message);
      forged[0]! ^= 1;
      queueMicrotask(() => {
        bench.answer(to, 53, fromPort, forged);
        bench.answer('192.0.2.99', 53, fromPort, message);
        bench.answer(to, 53, fromPort, message);
        bench.answer(to, 53, fromPort, message);
      });
    };
  }

  const request = (name: string) =>
    `050100 05010003 ${name.length.toString(16).padStart(2, '0')} ${Buffer.from(name).toString('hex')} 0050`;

  test('are asked of the servers of the settings, in their order', async () => {
    const bench = new Bench([
      ['names', '192.0.2.53'],
      ['names', '192.0.2.54'],
    ]).start();
    serve(bench, '198.51.100.1', '192.0.2.54');
    const client = new Client(bench.port).send(request('www.example'));
    const syn = await bench.segment(SYN);
    expect(syn.to).toBe('198.51.100.1');
    expect(new Set(bench.datagrams.map(({ to }) => to))).toEqual(new Set(['192.0.2.53', '192.0.2.54']));
    bench.send(syn, SYN | ACK);
    await client.take(12);
    client.socket.destroy();
  });

  test('that do not exist are reported, without waiting', async () => {
    const bench = new Bench([['names', '192.0.2.53']]).start();
    serve(bench, undefined);
    const client = new Client(bench.port).send(request('none.example'));
    expect((await client.take(12)).slice(4, 8)).toBe('0504');
    expect(bench.counters()['not-resolved']).toBe(1);
  });

  test('are not resolved at all where the settings say so', async () => {
    const bench = new Bench([['names', 'none']]).start();
    const client = new Client(bench.port).send(request('localhost'));
    expect((await client.take(12)).slice(4, 8)).toBe('0504');
    client.socket.end();
    await bench.isClean();
  });
});

describe('settings', () => {
  test.each([
    [{ port: '65536' }, 'port'],
    [{ address: 'here' }, 'address'],
    [{ address: '0.0.0.0' }, 'address'],
    [{ user: 'me' }, 'user'],
    [{ user: `me:${'x'.repeat(256)}` }, 'user'],
    [{ names: 'dns.example' }, 'names'],
    [{ from: 'fe80::1%eth0' }, 'from'],
    [{ timeout: '0s' }, 'timeout'],
    [{ nothing: '1' }, 'nothing'],
  ])('%j is refused', (given, setting) => {
    const context = new RecordingContext();
    const piece = new Socks5Piece(context, new Frames({ smallRows: 64 }), protocols, Object.entries(given));
    expect(piece.start().map((each) => each.setting)).toEqual([setting]);
  });

  test('users with a password, or all, may use it from other machines', () => {
    for (const given of [{ user: 'a:b' }, { 'open-to-all': 'true' }]) {
      const bench = new Bench([['address', '0.0.0.0'], ...Object.entries(given)]).start();
      expect(bench.port).toBeGreaterThan(0);
    }
  });

  test('a port in use is reported with its code', () => {
    const first = new Bench().start();
    const second = new Bench([]);
    const given = [['port', `${first.port}`] as const];
    const piece = new Socks5Piece(second.context, second.frames, protocols, given);
    expect(() => piece.start()).toThrow(expect.objectContaining({ code: 'FT_SOCKET_IN_USE' }));
    expect(second.frames.freeRows).toBe(second.frames.rows);
  });
});

test('a successor takes over clients in every state but associations, and a changed address', async () => {
  const probe = new Bench().start();
  const { port } = probe;
  probe.close();
  const given = (more: readonly (readonly [string, string])[]) => [['port', `${port}`] as const, ...more];
  const frames = new Frames({ smallRows: 2048, largeRows: 8 });
  const make = (more: readonly (readonly [string, string])[]) => {
    const bench = new Bench([], frames);
    Object.assign(bench, { piece: new Socks5Piece(bench.context, frames, protocols, given(more)) });
    return bench;
  };
  const first = make([]).start();
  const open = new Client(port).send(CONNECT);
  const syn = await first.segment(SYN);
  first.send(syn, SYN | ACK);
  await open.take(12);
  const early = new Client(port).send('0501');
  const datagrams = new Client(port).send(ASSOCIATE);
  await datagrams.take(12);
  await first.until(() => first.piece.connections === 3, 'not all are there');
  first.segments.length = 0;
  const opening = new Client(port).send(CONNECT);
  const second = await first.segment(SYN);

  const next = make([['address', '127.0.0.1']]);
  next.piece.succeed([first.piece]);
  expect(next.piece.start()).toEqual([]);
  next.piece.takeOver();
  next.join();
  first.piece.close();
  await next.until(() => datagrams.isEnded, 'the association stays');
  next.send(second, SYN | ACK);
  expect((await opening.take(12)).slice(0, 8)).toBe('05000500');
  expect(await early.send('00').take(2)).toBe('0500');
  next.send(syn, ACK, Buffer.from('on'));
  expect(await open.take(2)).toBe(Buffer.from('on').toString('hex'));
  expect(await new Client(port).send('050100').take(2)).toBe('0500');

  const third = make([
    ['address', '127.0.0.1'],
    ['address', '127.0.0.2'],
  ]);
  third.piece.succeed([next.piece]);
  expect(third.piece.start()).toEqual([]);
  third.piece.takeOver();
  third.join();
  next.piece.close();
  expect(await new Client(port, '127.0.0.2').send('050100').take(2)).toBe('0500');
  third.send(syn, ACK, Buffer.from('ce'));
  expect(await open.take(2)).toBe(Buffer.from('ce').toString('hex'));
});
