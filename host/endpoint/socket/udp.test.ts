import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Property } from '../../../abi/host/contract.ts';
import { measureMemory } from '../../../test/fixtures/measure-memory.ts';
import { buildAddon } from '../../../tools/build-addon.mjs';
import { Frames, MAX_PARTS, PART_WORDS } from '../../frame/frames.ts';
import { Inbox } from '../../piece/inbox.ts';
import { Protocols } from '../../stack/protocols.ts';
import { parseAddress } from '../ip-address.ts';
import { RecordingContext } from '../testing/recording-context.ts';
import { UdpPiece } from './udp.ts';

const protocols = new Protocols();
const opened: Bench[] = [];

beforeAll(() => {
  const built = buildAddon();
  if (!built.ok) throw new Error(built.reason);
});

afterEach(() => {
  for (const bench of opened.splice(0)) bench.close();
});

/** A UDP piece by itself. */
class Bench {
  readonly context = new RecordingContext();
  readonly frames: Frames;
  readonly piece: UdpPiece;
  readonly inbox = new Inbox();

  constructor(settings: Record<string, string>, frames = new Frames({ smallRows: 1024, largeRows: 8 })) {
    this.frames = frames;
    this.piece = new UdpPiece(this.context, this.frames, protocols, Object.entries(settings));
    opened.push(this);
  }

  start(properties: Property[] = []): this {
    expect(this.piece.start()).toEqual([]);
    for (const shape of [0, 1]) this.piece.join({ edge: 0, described: 0, shape, joint: 'net', properties });
    return this;
  }

  get port(): number {
    return this.piece.ports[0]!;
  }

  /** Queues a datagram as a piece would make it. */
  put(datagram: Datagram): void {
    const {
      from = 0,
      to = 0,
      payload = new Uint8Array(0),
      hops = 64,
      tos = 0,
      dontFragment = false,
    } = datagram;
    const target = parseAddress(datagram.address ?? '127.0.0.1')!;
    const source =
      datagram.source === undefined ? new Uint8Array(target.length) : parseAddress(datagram.source)!;
    const { frames } = this;
    const ip = target.length === 4 ? 20 : 40;
    const row = frames.allocate(ip + 8 + payload.length);
    expect(row).toBeGreaterThanOrEqual(0);
    const at = frames.start[row]!;
    const view = new DataView(frames.memory, at, ip + 8);
    frames.bytes.fill(0, at, at + ip + 8);
    if (ip === 20) {
      view.setUint8(0, 0x45);
      view.setUint8(1, tos);
      view.setUint16(6, dontFragment ? 0x4000 : 0);
      view.setUint8(8, hops);
      view.setUint8(9, 17);
    } else {
      view.setUint32(0, 0x60000000 | (tos << 20));
      view.setUint8(6, 17);
      view.setUint8(7, hops);
    }
    frames.bytes.set(source, at + (ip === 20 ? 12 : 8));
    frames.bytes.set(target, at + (ip === 20 ? 16 : 24));
    view.setUint16(ip, from);
    view.setUint16(ip + 2, to);
    frames.bytes.set(payload, at + ip + 8);
    const unfinished = 2 << 24;
    frames.addPart(row, protocols.number(ip === 20 ? 'ipv4' : 'ipv6') | unfinished, at, ip);
    frames.addPart(row, protocols.number('udp') | unfinished, at + ip, 8);
    frames.addPart(row, 1 << 16, at + ip + 8, payload.length);
    this.inbox.push(row, 0, 0);
  }

  /** Sends the queued frames, a batch in each call like a lane. */
  run(): void {
    while (this.inbox.length > 0) this.piece.process(0, this.inbox, 256);
  }

  send(datagram: Datagram): void {
    this.put(datagram);
    this.run();
  }

  /** Returns the n-th arrived datagram, read back from its bytes. */
  received(n: number) {
    const { frames } = this;
    const row = this.context.rows[n]!;
    const at = frames.start[row]!;
    const bytes = frames.bytes.slice(at, at + frames.length[row]!);
    const ip = bytes[0]! >> 4 === 4 ? 20 : 40;
    const view = new DataView(bytes.buffer);
    const isIpv4 = ip === 20;
    return {
      bytes,
      isIpv4,
      carried: bytes[isIpv4 ? 9 : 6],
      hops: bytes[isIpv4 ? 8 : 7],
      tos: isIpv4 ? bytes[1] : (view.getUint16(0) >> 4) & 0xff,
      source: [...bytes.subarray(isIpv4 ? 12 : 8, isIpv4 ? 16 : 24)],
      target: [...bytes.subarray(isIpv4 ? 16 : 24, ip)],
      from: view.getUint16(ip),
      to: view.getUint16(ip + 2),
      length: view.getUint16(ip + 4),
      payload: bytes.subarray(ip + 8),
      totalLength: isIpv4 ? view.getUint16(2) : 40 + view.getUint16(4),
      parts: Array.from({ length: frames.partCount[row]! }, (_, i) => {
        const word = (row * MAX_PARTS + i) * PART_WORDS;
        const [kind = 0, offset = 0, length = 0] = frames.partWords.subarray(word, word + PART_WORDS);
        return [protocols.name(kind & 0xffff), (kind >>> 16) & 0xff, kind >>> 24, offset - at, length];
      }),
      edgeShape: this.context.edgeShapes[n],
    };
  }

  close(): void {
    this.piece.close();
    for (const row of this.context.rows.splice(0)) this.frames.release(row);
  }
}

interface Datagram {
  readonly address?: string;
  readonly source?: string;
  readonly from?: number;
  readonly to?: number;
  readonly payload?: Uint8Array;
  readonly hops?: number;
  readonly tos?: number;
  readonly dontFragment?: boolean;
}

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i * 7 + (i >> 8));
}

/** The literal checksum of RFC 1071; 0 over bytes that contain their own checksum. */
function checksum(bytes: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes[i]! * 256 + (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return 0xffff - sum;
}

const here = { 'to-loopback': 'true', own: 'true' };

describe.each(['addon', 'dgram'])('through %s', (io) => {
  const settings = { ...here, io, port: '0' };

  test.each([
    ['ipv4', '127.0.0.1', 20],
    ['ipv6', '::1', 40],
  ])('a datagram arrives with its %s and UDP headers', async (family, address, header) => {
    const bench = new Bench({ ...settings, family, address }).start();
    const sender = createSocket(header === 20 ? 'udp4' : 'udp6');
    sender.bind(0);
    await once(sender, 'listening');
    sender.setTTL(37);
    sender.send('hello', bench.port, address);
    await bench.context.arrival(1);
    const got = bench.received(0);
    expect(got).toMatchObject({
      carried: 17,
      from: sender.address().port,
      to: bench.port,
      length: 13,
      totalLength: header + 13,
    });
    expect(got.source).toEqual([...parseAddress(address)!]);
    expect(got.target).toEqual([...parseAddress(address)!]);
    expect(new TextDecoder().decode(got.payload)).toBe('hello');
    if (io === 'addon') expect(got.hops).toBe(37);
    if (got.isIpv4) expect(checksum(got.bytes.subarray(0, 20))).toBe(0);
    expect(got.parts).toEqual([
      [family, 0, 0, 0, header],
      ['udp', 0, 2, header, 8],
      ['', 1, 0, header + 8, 5],
    ]);
    expect(got.edgeShape).toBe(0);
    sender.close();
  });

  test('hop limits are obeyed, and large datagrams pass whole', async () => {
    const bench = new Bench({ ...settings, family: 'ipv4' }).start();
    const other = createSocket('udp4').bind(0, '127.0.0.1');
    await once(other, 'listening');
    const payload = pattern(60_000);
    bench.send({ from: bench.port, to: other.address().port, hops: 9, payload });
    const [message, from] = await once(other, 'message');
    expect(Buffer.compare(message, payload)).toBe(0);
    expect(from.port).toBe(bench.port);
    other.send(payload, bench.port, '127.0.0.1');
    other.send(payload.subarray(0, 1700), bench.port, '127.0.0.1');
    await bench.context.arrival(2);
    expect(Buffer.compare(bench.received(0).payload, payload)).toBe(0);
    expect(Buffer.compare(bench.received(1).payload, payload.subarray(0, 1700))).toBe(0);
    other.close();
  });

  test('more than a batch arrives in order', async () => {
    const bench = new Bench({ ...settings, family: 'ipv4' }).start();
    const receiver = new Bench({ ...settings, family: 'ipv4' }).start();
    for (let n = 0; n < 150; n++) bench.put({ to: receiver.port, payload: Uint8Array.of(n) });
    bench.run();
    await receiver.context.arrival(150);
    expect(receiver.context.rows.map((_, n) => receiver.received(n).payload[0])).toEqual(
      Array.from({ length: 150 }, (_, n) => n),
    );
    expect(receiver.received(149).from).toBe(bench.port);
  });

  test('frames that cannot be sent are counted by their reasons', async () => {
    const bench = new Bench({ io, port: '0', family: 'ipv4', destinations: '192.0.2.0/24' }).start();
    bench.send({ to: 9 });
    bench.send({ address: '198.51.100.1', to: 9 });
    bench.send({ address: '0.0.0.0', to: 9 });
    bench.send({ address: '192.0.2.1', to: 0 });
    bench.send({ address: '192.0.2.1', to: 9, from: 1 });
    bench.send({ address: '2001:db8::1', to: 9 });
    expect(Object.fromEntries(bench.context.counters.entries())).toMatchObject({
      'not-granted': 3,
      'no-destination': 2,
      'not-open': 1,
    });
    expect(bench.frames.freeRows + (io === 'addon' ? 64 : 0)).toBe(bench.frames.rows);
  });

  test('a port in use is reported, at start and when a neighbour listens', async () => {
    const holder = createSocket('udp4').bind(0);
    await once(holder, 'listening');
    const port = holder.address().port;
    const bench = new Bench({ io, port: String(port) });
    expect(() => bench.piece.start()).toThrow(
      expect.objectContaining({
        code: 'FT_UDP_PORT_IN_USE',
        message: expect.stringContaining(`port ${port}`),
      }),
    );
    expect(bench.frames.freeRows).toBe(bench.frames.rows);
    const other = new Bench({ io }).start();
    expect(other.piece.listening(0, `ip/udp/local:${port}`, true)).toMatchObject({
      code: 'FT_UDP_PORT_IN_USE',
    });
    expect(other.piece.ports).toEqual([]);
    holder.close();
    await once(holder, 'close');
    expect(other.piece.listening(0, `ip/udp/local:${port}`, true)).toBeUndefined();
  });

  test('sockets open and close with the listening neighbours', async () => {
    const bench = new Bench({ io, ...here }).start();
    const [one, two] = [await freePort(), await freePort()];
    expect(bench.piece.listening(0, `ip/udp/{local:${one},remote:9}`, true)).toBeUndefined();
    expect(bench.piece.listening(0, `ipv4/udp/local:${one}`, true)).toBeUndefined();
    expect(bench.piece.listening(0, `ipv4/udp/local:${two}/ipv6`, true)).toBeUndefined();
    expect(bench.piece.listening(0, 'ip/tcp/local:80', true)).toBeUndefined();
    expect(bench.piece.listening(0, 'ip/udp/53', true)).toBeUndefined();
    expect([...bench.piece.ports].sort()).toEqual([one, two].sort());
    bench.piece.listening(0, `ip/udp/{local:${one},remote:9}`, false);
    expect([...bench.piece.ports].sort()).toEqual([one, two].sort());
    bench.send({ from: one, to: two, payload: pattern(3) });
    await bench.context.arrival(1);
    bench.piece.listening(0, `ipv4/udp/local:${one}`, false);
    expect(bench.piece.ports).toEqual([two]);
    bench.send({ from: one, to: two });
    expect(bench.context.counters.get('not-open')).toBe(1);
  });

  test('opening and closing again and again leaves nothing', async () => {
    const frames = new Frames({ smallRows: 256, largeRows: 0 });
    const descriptors = () => readdirSync('/proc/self/fd').length;
    let before = 0;
    for (let n = 0; n < 50; n++) {
      const bench = new Bench({ ...settings }, frames).start();
      bench.send({ to: bench.port, payload: pattern(10) });
      await bench.context.arrival(1);
      bench.close();
      bench.piece.close();
      // Once they are warm, Node's own descriptors stay as many.
      if (n === 5) before = descriptors();
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(descriptors()).toBeLessThanOrEqual(before);
    expect(frames.freeRows).toBe(frames.rows);
  });
});

async function freePort(): Promise<number> {
  const socket = createSocket('udp6').bind(0);
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

describe('through the addon', () => {
  test.each([
    ['127.0.0.1', '127.0.0.5'],
    ['::1', '::1'],
  ])(
    'hop limit, traffic class and source address are obeyed, frame by frame (%s)',
    async (address, source) => {
      const bench = new Bench({ ...here, io: 'addon', port: '0' }).start();
      const receiver = new Bench({ ...here, io: 'addon', port: '0' }).start();
      const to = receiver.port;
      bench.put({ address, to, hops: 7, tos: 0xb8, source });
      bench.put({ address, to, hops: 64 });
      bench.put({ address, to, hops: 0, tos: 4, dontFragment: true });
      bench.put({ address, to, hops: 255, dontFragment: true, source });
      bench.run();
      await receiver.context.arrival(4);
      const got = [0, 1, 2, 3].map((n) => receiver.received(n));
      expect(got.map(({ hops }) => hops)).toEqual([7, 64, 64, 255]);
      expect(got.map(({ tos }) => tos)).toEqual([0xb8, 0, 4, 0]);
      expect(got[0]!.source).toEqual([...parseAddress(source)!]);
      expect(got[1]!.source).toEqual([...parseAddress(address)!]);
      expect(got[3]!.source).toEqual([...parseAddress(source)!]);
    },
  );

  test.each([
    ['127.0.0.1', 20, 1, [3, 3]],
    ['::1', 40, 58, [1, 4]],
  ])(
    'an ICMP error comes back from a port without a listener (%s)',
    async (address, header, carried, typeAndCode) => {
      const bench = new Bench({ ...here, io: 'addon', port: '0' }).start();
      const to = await freePort();
      bench.send({ address, to, payload: pattern(20) });
      await bench.context.arrival(1);
      const got = bench.received(0);
      expect(got.carried).toBe(carried);
      expect([...got.bytes.subarray(header, header + 2)]).toEqual(typeAndCode);
      expect(got.edgeShape).toBe(1 << 16);
      expect(got.source).toEqual([...parseAddress(address)!]);
      const pseudo = header === 20 ? [] : [...got.bytes.subarray(8, 40), 0, got.bytes.length - header, 0, 58];
      expect(checksum([...pseudo, ...got.bytes.subarray(header)])).toBe(0);
      const quoted = got.bytes.subarray(header + 8);
      expect([...quoted.subarray(header - (header === 20 ? 4 : 16), header)]).toEqual([
        ...parseAddress(address)!,
      ]);
      const ports = new DataView(quoted.buffer, quoted.byteOffset + header);
      expect([ports.getUint16(0), ports.getUint16(2)]).toEqual([bench.port, to]);
      expect([...quoted.subarray(header + 8)]).toEqual([...pattern(20)]);
      // The reported error does not affect the next datagram.
      const receiver = new Bench({ ...here, io: 'addon', port: '0' }).start();
      bench.send({ address, to });
      bench.send({ address, to: receiver.port });
      await receiver.context.arrival(1);
    },
  );

  test('without a Shape for errors they are counted', async () => {
    const bench = new Bench({ ...here, io: 'addon', port: '0', family: 'ipv4' }).start();
    bench.piece.leave(0, 1);
    bench.send({ to: await freePort() });
    await bench.context.counted('error-unheard', 1);
  });

  test('a frame that cannot be sent does not delay the others', async () => {
    const bench = new Bench({ ...here, io: 'addon', port: '0', family: 'ipv4' }).start();
    const receiver = new Bench({ ...here, io: 'addon', port: '0', family: 'ipv4' }).start();
    bench.put({ to: receiver.port, payload: Uint8Array.of(1) });
    bench.put({ to: receiver.port, source: '192.0.2.99' });
    bench.put({ address: '255.255.255.255', to: receiver.port });
    bench.put({ to: receiver.port, payload: Uint8Array.of(2) });
    bench.put({ to: receiver.port, payload: pattern(65_515) });
    bench.put({ to: receiver.port, payload: Uint8Array.of(3) });
    bench.run();
    await receiver.context.arrival(3);
    expect([0, 1, 2].map((n) => receiver.received(n).payload[0])).toEqual([1, 2, 3]);
    const { counters } = bench.context;
    // Linux has called a source that is not ours by both names.
    expect(counters.get('bad-source') + counters.get('unreachable')).toBe(1);
    expect(counters.get('not-permitted')).toBe(1);
    expect(counters.get('too-large')).toBe(1);
  });

  test('a lane without room loses frames by name, and continues when it has room again', async () => {
    const frames = new Frames({ smallRows: 68, largeRows: 0 });
    const bench = new Bench({ ...here, io: 'addon', port: '0', family: 'ipv4' }, frames).start();
    const sender = createSocket('udp4').bind(0);
    await once(sender, 'listening');
    for (let n = 0; n < 10; n++) sender.send(Uint8Array.of(n), bench.port, '127.0.0.1');
    await bench.context.counted('no-room', 6);
    expect(bench.context.rows).toHaveLength(4);
    for (const row of bench.context.rows.splice(0)) frames.release(row);
    sender.send('again', bench.port, '127.0.0.1');
    await bench.context.arrival(1);
    sender.close();
  });

  test('what the kernel drops is counted, also when no datagram follows', async () => {
    const bench = new Bench({ ...here, io: 'addon', port: '0', family: 'ipv4' }).start();
    const sender = new Bench({ ...here, io: 'addon', port: '0', family: 'ipv4' }).start();
    // The piece is not read while this thread sends: the queue of the socket overflows.
    const payload = pattern(1000);
    const sent = 64 * 200;
    for (let n = 0; n < 200; n++) {
      for (let i = 0; i < 64; i++) sender.put({ to: bench.port, payload });
      sender.run();
    }
    const { context, frames } = bench;
    let arrived = 0;
    context.onArrived = () => {
      arrived += context.rows.length;
      for (const row of context.rows.splice(0)) frames.release(row);
    };
    const dropped = () => context.counters.get('queue-overrun');
    await expect.poll(() => arrived + dropped(), { timeout: 20_000 }).toBe(sent);
    expect(dropped()).toBeGreaterThan(0);
    expect(sender.context.counters.get('would-block')).toBe(0);
  });

  test('one socket serves ten thousand peers in memory that does not grow with them', async () => {
    const bench = new Bench({ ...here, io: 'addon', port: '0', family: 'ipv4' }).start();
    const peers = new Bench({ ...here, io: 'addon', port: '0', family: 'ipv4' }).start();
    const { frames, context } = bench;
    // It replies to each peer.
    context.onArrived = () => {
      context.edgeShapes.length = 0;
      for (const row of context.rows.splice(0)) {
        const from = frames.start[row]! + 12;
        const address = [...frames.bytes.subarray(from, from + 4)].join('.');
        frames.release(row);
        bench.put({ address, to: peers.port });
      }
      bench.run();
    };
    const exchange = async (network: number) => {
      for (let n = 0; n < 10_000; n += 50) {
        for (let i = n; i < n + 50; i++)
          peers.put({ source: `127.${network}.${i >> 8}.${i & 255}`, to: bench.port, payload: pattern(4) });
        peers.run();
        await peers.context.arrival(50);
        for (const row of peers.context.rows.splice(0)) peers.frames.release(row);
        peers.context.edgeShapes.length = 0;
      }
      return measureMemory().heap;
    };
    const open = readdirSync('/proc/self/fd').length;
    await exchange(9);
    const before = await exchange(10);
    const after = await exchange(11);
    // An object of the least size for each peer would be more.
    expect(after - before).toBeLessThan(400_000);
    expect(readdirSync('/proc/self/fd').length).toBe(open);
    for (const each of [bench, peers]) expect([...each.context.counters.entries()]).toEqual([]);
  });

  test('groups are joined while a neighbour offers them', async () => {
    const group = (val: string): Property => ({ name: 'group', value: { tag: 'text', val } });
    const port = await freePort();
    const text = `224.0.0.119:${port}`;
    const bench = new Bench({ ...here, io: 'addon', port: '0', device: 'lo', family: 'ipv4' });
    expect(bench.piece.start()).toEqual([]);
    const terms = (properties: Property[]) => ({ edge: 0, described: 0, shape: 0, joint: 'net', properties });
    expect(bench.piece.accepts(terms([group('224.0.0.1')]))).toMatchObject({
      message: expect.stringContaining('224.0.0.1'),
    });
    expect(bench.piece.accepts(terms([group('192.0.2.1:9')]))).toBeDefined();
    expect(bench.piece.accepts(terms([group(text)]))).toBeUndefined();
    bench.piece.join(terms([group(text)]));
    const sender = new Bench({ ...here, io: 'addon', port: '0', device: 'lo', family: 'ipv4' }).start();
    sender.send({ address: '224.0.0.119', source: '127.0.0.1', to: port, hops: 1, payload: pattern(4) });
    await bench.context.arrival(1);
    expect(bench.received(0)).toMatchObject({ target: [224, 0, 0, 119], to: port, hops: 1 });
    bench.piece.join(terms([]));
    sender.send({ address: '224.0.0.119', source: '127.0.0.1', to: port, hops: 1, payload: pattern(4) });
    sender.send({ to: bench.port });
    await bench.context.arrival(2);
    expect(bench.received(1).target).toEqual([127, 0, 0, 1]);
  });

  test('malformed frames and frames that are not datagrams end here', () => {
    const bench = new Bench({ ...here, io: 'addon', port: '0', family: 'ipv4' }).start();
    const { frames, inbox } = bench;
    const row = frames.allocate(20);
    frames.begin(row, frames.start[row]!, 20, protocols.number('ipv4'));
    inbox.push(row, 0, 0);
    bench.put({ to: 9 });
    const wrong = inbox.rows[inbox.at(1)]!;
    // A finished length field with a wrong value.
    frames.partWords[wrong * MAX_PARTS * PART_WORDS + PART_WORDS]! &= 0xff_ffff;
    frames.bytes[frames.start[wrong]! + 25] = 200;
    bench.run();
    expect(bench.context.counters.get('not-udp')).toBe(1);
    expect(bench.context.counters.get('malformed')).toBe(1);
  });
});

test('all mistakes in the settings are reported at once', () => {
  const bench = new Bench({
    prot: '1',
    port: '70000',
    family: 'ipx',
    'to-loopback': 'yes',
    destinations: '192.0.2.0/33',
    io: 'both',
  });
  const problems = bench.piece.start();
  expect(problems.map(({ setting }) => setting)).toEqual([
    'prot',
    'family',
    'port',
    'destinations',
    'to-loopback',
    'io',
  ]);
  expect(problems[0]!.message).toContain('do you mean port?');
});
