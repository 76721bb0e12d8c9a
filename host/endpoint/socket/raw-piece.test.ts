import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Frames } from '../../frame/frames.ts';
import { Inbox } from '../../piece/inbox.ts';
import { Protocols } from '../../stack/protocols.ts';
import type * as Addon from '../addon.ts';
import { parseAddress } from '../ip-address.ts';
import { RecordingContext } from '../testing/recording-context.ts';
import { ScriptedIo, systemError } from '../testing/scripted-io.ts';
import { RawPiece } from './raw.ts';

// The piece `raw` by itself, with sockets that the test scripts: `test/net/endpoint/raw.test.ts` has real
// ones.

const holder = vi.hoisted(() => ({ io: undefined as unknown }));
vi.mock('../addon.ts', async (original) => ({
  ...(await original<typeof Addon>()),
  loadAddon: () => holder.io,
}));

const protocols = new Protocols();

class ScriptedSockets extends ScriptedIo {
  readonly opened: { family: number; protocol: number; key: string; address: string; broadcast: boolean }[] =
    [];
  readonly broadcasts: [number, number][] = [];
  readonly devices = new Map<string, number>();
  drops = 0;
  watch = -1;
  refuses: (family: number, protocol: number) => string | undefined = () => undefined;

  openRaw(batch: number, options: ScriptedSockets['opened'][number]) {
    const code = this.refuses(options.family, options.protocol);
    if (code !== undefined) throw systemError(code);
    this.opened.push(options);
    return { channel: this.channelOf(batch) };
  }
  sendRaw(channel: number, count: number): number {
    return this.send(channel, count);
  }
  setBroadcast(channel: number, on: number): void {
    this.broadcasts.push([channel, on]);
  }
  takeDrops(): number {
    const { drops } = this;
    this.drops = 0;
    return drops;
  }
  linkIndex(device: string): number {
    const index = this.devices.get(device);
    if (index === undefined) throw systemError('ENODEV');
    return index;
  }
  watchLinks(batch: number): number {
    this.watch = this.channelOf(batch);
    return this.watch;
  }
}

let sockets: ScriptedSockets;
let frames: Frames;
let made: Bench[];

class Bench {
  readonly context = new RecordingContext();
  readonly piece: RawPiece;

  constructor(settings: Record<string, string | readonly string[]>) {
    const given = Object.entries(settings).flatMap(([name, value]) =>
      [value].flat().map((each): [string, string] => [name, each]),
    );
    this.piece = new RawPiece(this.context, frames, protocols, given);
    made.push(this);
  }
  start(): this {
    expect(this.piece.start()).toEqual([]);
    return this;
  }
  join(...shapes: number[]): this {
    for (const shape of shapes)
      this.piece.join({ edge: 3, described: 0, shape, joint: 'net', properties: [] });
    return this;
  }
  run(): this {
    this.start();
    this.piece.takeOver();
    return this.join(0, 1);
  }
  write(...rows: number[]): this {
    const inbox = new Inbox();
    for (const row of rows) inbox.push(row, 3, 0);
    expect(this.piece.process(0, inbox, 256)).toBe(Infinity);
    expect(inbox.length).toBe(0);
    return this;
  }
  get counts() {
    return Object.fromEntries(this.context.counters.entries());
  }
  get health() {
    return this.context.statuses.at(-1)?.health;
  }
}

/** The bytes of a packet, and what differs from its lengths. */
interface Packet {
  readonly protocol?: number;
  readonly to?: string;
  readonly payload?: readonly number[];
  readonly set?: Readonly<Record<number, number>>;
  /** Bytes behind the stated end. */
  readonly padding?: number;
}

function ip(version: 4 | 6, { protocol = 132, to, payload = [1, 2, 3], set = {}, padding = 0 }: Packet = {}) {
  const header = version === 4 ? 20 : 40;
  const bytes = new Uint8Array(header + payload.length + padding);
  bytes[0] = version === 4 ? 0x45 : 0x60;
  if (version === 4) bytes[3] = header + payload.length;
  else bytes[5] = payload.length;
  bytes[version === 4 ? 9 : 6] = protocol;
  bytes.set(parseAddress(to ?? (version === 4 ? '198.51.100.1' : '2001:db8::1'))!, version === 4 ? 16 : 24);
  bytes.set(payload, header);
  for (const [at, value] of Object.entries(set)) bytes[Number(at)] = value;
  return [...bytes];
}

function frame(version: 4 | 6, packet: Packet = {}, name = version === 4 ? 'ipv4' : 'ipv6'): number {
  const bytes = ip(version, packet);
  const row = frames.allocate(bytes.length);
  frames.bytes.set(bytes, frames.start[row]!);
  frames.begin(row, frames.start[row]!, bytes.length, protocols.number(name));
  return row;
}

beforeEach(() => {
  vi.useFakeTimers();
  sockets = new ScriptedSockets();
  holder.io = sockets.calls;
  frames = new Frames({ smallRows: 256, largeRows: 2 });
  made = [];
});

afterEach(() => {
  for (const { piece, context } of made) {
    piece.close();
    for (const row of context.rows) frames.release(row);
  }
  expect([sockets.batches.size, sockets.open.size, vi.getTimerCount()]).toEqual([0, 0, 0]);
  expect(frames.freeRows).toBe(frames.rows);
  vi.useRealTimers();
});

describe('the sockets', () => {
  it('are opened for each protocol and family, and read', () => {
    const bench = new Bench({ protocol: ['132', '41'], broadcast: 'true' }).start();
    expect(sockets.opened.map(({ protocol, family, broadcast }) => [protocol, family, broadcast])).toEqual([
      [132, 4, true],
      [132, 6, false],
      [41, 4, true],
      [41, 6, false],
    ]);
    expect(new Set(sockets.opened.map(({ key }) => key)).size).toBe(4);
    expect(sockets.started).toEqual(new Set([1, 2, 3, 4]));
    expect(bench.context.statuses).toEqual([
      {
        health: 'good',
        summary: 'the sockets are open',
        facts: { protocols: '132 41', address: 'any of IPv4 and IPv6' },
      },
    ]);
    expect(bench.piece.deviates).toBe(false);
  });

  it('of IPv6 are left out where the system has none, unless IPv6 alone is wanted', () => {
    sockets.refuses = (family) => (family === 6 ? 'EAFNOSUPPORT' : undefined);
    expect(new Bench({ protocol: '132' }).start().health).toBe('good');
    expect(() => new Bench({ protocol: '132', family: 'ipv6' }).piece.start()).toThrow(
      expect.objectContaining({ code: 'FT_SOCKET_OPEN' }),
    );
    sockets.refuses = (family) => (family === 4 ? 'EAFNOSUPPORT' : undefined);
    expect(() => new Bench({ protocol: '132' }).piece.start()).toThrow(
      expect.objectContaining({ code: 'FT_SOCKET_OPEN' }),
    );
  });

  it.each([
    ['EPERM', 'FT_SOCKET_PERMISSION', undefined],
    ['ENODEV', 'FT_SOCKET_ADDRESS', 'device'],
    ['EADDRNOTAVAIL', 'FT_SOCKET_ADDRESS', 'address'],
  ])('leave nothing open where the last one is refused: %s', (error, code, setting) => {
    sockets.refuses = (family, protocol) => (family === 4 && protocol === 41 ? error : undefined);
    const bench = new Bench({ protocol: ['132', '41'], address: '192.0.2.1', device: 'eth7' });
    const refused = expect.objectContaining(setting === undefined ? { code } : { code, setting });
    expect(() => bench.piece.start()).toThrow(refused);
    expect([sockets.open.size, sockets.batches.size]).toEqual([0, 0]);
  });

  it('report mistakes in the settings, and none is opened', () => {
    expect(new Bench({ protocol: '300' }).piece.start().map(({ setting }) => setting)).toEqual(['protocol']);
    expect(sockets.batches.size).toBe(0);
  });

  it('that end by an error are closed, and the piece deviates once none is left', () => {
    const bench = new Bench({ protocol: '132' }).run();
    sockets.report(1, -5);
    expect([sockets.open.size, bench.health, bench.piece.deviates]).toEqual([1, 'good', false]);
    expect(bench.context.logs).toEqual([{ level: 'error', message: expect.stringContaining('error 5') }]);
    bench.write(frame(4), frame(6));
    expect([sockets.sent.map(({ channel }) => channel), bench.counts]).toEqual([[2], { 'not-open': 1 }]);
    sockets.report(2, -5);
    expect([sockets.open.size, bench.health, bench.piece.deviates]).toEqual([0, 'failed', true]);
  });

  it('count what the kernel dropped, every second and when they are closed', () => {
    const bench = new Bench({ protocol: '132', family: 'ipv4' }).run();
    sockets.drops = 3;
    vi.advanceTimersByTime(1000);
    expect(bench.counts).toEqual({ 'queue-overrun': 3 });
    sockets.drops = 2;
    bench.piece.close();
    expect(bench.counts).toEqual({ 'queue-overrun': 5 });
  });
});

describe('a frame', () => {
  it('is sent by the socket of its protocol and version, in runs', () => {
    const bench = new Bench({ protocol: ['132', '41'] }).run();
    bench.write(frame(4), frame(4, { protocol: 41 }), frame(4), frame(6), frame(6, { protocol: 41 }));
    expect(sockets.sent.map(({ channel }) => channel)).toEqual([1, 3, 1, 2, 4]);
    expect(sockets.sent[0]).toEqual({ channel: 1, bytes: ip(4), offset: 20 });
    expect(sockets.sent[3]).toEqual({ channel: 2, bytes: ip(6), offset: 40 });
  });

  it('has its padding cut off', () => {
    new Bench({ protocol: '132' }).run().write(frame(4, { padding: 6 }), frame(6, { padding: 6 }));
    expect(sockets.sent.map(({ bytes }) => bytes)).toEqual([ip(4), ip(6)]);
  });

  it('of a header alone is sent', () => {
    new Bench({ protocol: '132' }).run().write(frame(4, { payload: [] }), frame(6, { payload: [] }));
    expect(sockets.sent.map(({ bytes }) => bytes.length)).toEqual([20, 40]);
  });

  it('goes in more than one batch where there are many', () => {
    new Bench({ protocol: '132' }).run().write(...Array.from({ length: 130 }, () => frame(4)));
    expect(sockets.sent).toHaveLength(130);
  });

  it.each([
    ['malformed', 4, { set: { 0: 0x65 } }],
    ['malformed', 6, { set: { 0: 0x40 } }],
    ['malformed', 4, { set: { 0: 0x44 } }],
    ['malformed', 4, { set: { 0: 0x46 } }],
    ['malformed', 4, { set: { 3: 19 } }],
    ['malformed', 4, { set: { 3: 24 } }],
    ['malformed', 6, { set: { 5: 4 } }],
    ['fragment', 4, { set: { 6: 0x20 } }],
    ['fragment', 4, { set: { 7: 1 } }],
    ['no-destination', 4, { to: '0.0.0.0' }],
    ['no-destination', 6, { to: '::' }],
    ['not-granted', 4, { to: '127.0.0.1' }],
    ['not-granted', 6, { to: '::1' }],
    ['not-open', 4, { protocol: 133 }],
    ['not-open', 6, { protocol: 131 }],
  ] as const)('ends as %s: IPv%i %j', (reason, version, packet) => {
    const bench = new Bench({ protocol: '132' }).run().write(frame(version, packet));
    expect([sockets.sent, bench.counts]).toEqual([[], { [reason]: 1 }]);
  });

  it.each([
    ['with the mark don’t-fragment', 4, { set: { 6: 0x40 } }],
    ['to an address with one byte', 4, { to: '0.0.0.1' }],
    ['to an address with its last byte', 6, { to: '2000::' }],
  ] as const)('is sent %s', (_, version, packet) => {
    const bench = new Bench({ protocol: '132' }).run().write(frame(version, packet));
    expect([sockets.sent.length, bench.counts]).toEqual([1, {}]);
  });

  it('is sent only to what the settings name', () => {
    const bench = new Bench({ protocol: '132', destinations: ['198.51.100.0/24', '2001:db8::/32'] }).run();
    bench.write(frame(4), frame(4, { to: '198.51.101.1' }), frame(6), frame(6, { to: '2001:db9::1' }));
    expect([sockets.sent.length, bench.counts]).toEqual([2, { 'not-granted': 2 }]);
  });

  it('of another protocol, of a larger frame, or too short, ends by name', () => {
    const bench = new Bench({ protocol: '132' }).run();
    const fragment = frame(4);
    frames.messageIds[fragment] = frames.newMessageId();
    const short = frames.allocate(19);
    frames.bytes.fill(0x45, frames.start[short]!, frames.start[short]! + 19);
    frames.begin(short, frames.start[short]!, 19, protocols.number('ipv4'));
    bench.write(frame(4, {}, 'ethernet'), fragment, short);
    expect([sockets.sent, bench.counts]).toEqual([[], { 'not-ip': 1, 'too-large': 1, malformed: 1 }]);
  });

  it('that the system does not take is counted by the reason', () => {
    const bench = new Bench({ protocol: '132' }).run();
    sockets.failures = [0, 0, 0, 0, 0, 2];
    bench.write(frame(4), frame(4), frame(4));
    expect([sockets.sent.length, bench.counts]).toEqual([1, { 'bad-source': 2 }]);
  });

  it('ends as `closed` after the piece was closed', () => {
    const bench = new Bench({ protocol: '132' }).run();
    bench.piece.close();
    expect(bench.write(frame(4)).counts).toEqual({ closed: 1 });
  });
});

describe('a packet that arrives', () => {
  const partsOf = (row: number) =>
    Array.from({ length: frames.partCount[row]! }, (_, n) => {
      const at = row * 96 + n * 3;
      const word = frames.partWords[at]!;
      return [word & 0xffff, word >>> 16, frames.partWords[at + 2]!];
    });

  it('has its header and its contents as parts, and goes to the Shape of its protocol', () => {
    const bench = new Bench({ protocol: '132' }).run();
    sockets.deliver(1, ip(4, { set: { 0: 0x46 }, payload: [1, 2, 3, 4, 5, 6, 7] }), ip(4));
    sockets.deliver(2, ip(6, { payload: [1, 2] }));
    expect(bench.context.edgeShapes).toEqual([3, 3, 3]);
    const sctp = protocols.intern('ip-protocol', 132);
    expect(bench.context.rows.map(partsOf)).toEqual([
      [
        [protocols.number('ipv4'), 0, 24],
        [sctp, 1, 3],
      ],
      [
        [protocols.number('ipv4'), 0, 20],
        [sctp, 1, 3],
      ],
      [
        [protocols.number('ipv6'), 0, 40],
        [sctp, 1, 2],
      ],
    ]);
  });

  it('with a header that is too short or too long ends as `malformed`', () => {
    const bench = new Bench({ protocol: '132' }).run();
    sockets.deliver(1, ip(4, { set: { 0: 0x44 } }), ip(4, { set: { 0: 0x46 } }), ip(4, { payload: [] }));
    expect([bench.context.rows.length, bench.counts]).toEqual([1, { malformed: 2 }]);
  });

  it('that is an error goes to the second Shape; `error-unheard` where none listens there', () => {
    const bench = new Bench({ protocol: '132' }).start().join(0);
    sockets.deliver(1, ip(4, { protocol: 1 }));
    expect(bench.counts).toEqual({ 'error-unheard': 1 });
    bench.join(1);
    sockets.deliver(1, ip(4, { protocol: 1 }), ip(4));
    sockets.deliver(2, ip(6, { protocol: 58 }));
    expect(bench.context.edgeShapes).toEqual([3 | (1 << 16), 3, 3 | (1 << 16)]);
    bench.piece.leave(3, 0);
    sockets.deliver(1, ip(4, { protocol: 1 }), ip(4));
    expect([bench.context.rows.length, bench.counts]).toEqual([4, { 'error-unheard': 1, closed: 1 }]);
    bench.piece.leave(3, 1);
    sockets.deliver(1, ip(4, { protocol: 1 }), ip(4));
    expect([bench.context.rows.length, bench.counts]).toEqual([4, { 'error-unheard': 1, closed: 3 }]);
  });

  it('that is an error comes once where a socket of ICMP brings it, too', () => {
    const bench = new Bench({ protocol: ['132', 'icmp'], family: 'ipv4' }).run();
    sockets.deliver(1, ip(4, { protocol: 1 }));
    sockets.deliver(2, ip(4, { protocol: 1 }));
    expect([bench.context.edgeShapes, bench.counts]).toEqual([[3], {}]);
  });

  it('is lost by name where no row is free', () => {
    const bench = new Bench({ protocol: '132' }).run();
    const rest: number[] = [];
    for (let row = frames.allocate(1); row >= 0; row = frames.allocate(1)) rest.push(row);
    sockets.deliver(1, ip(4), ip(4));
    for (const row of rest) frames.release(row);
    sockets.deliver(1, ip(4));
    expect([bench.context.rows.length, bench.counts]).toEqual([1, { 'no-room': 2 }]);
  });
});

describe('a device that is made again', () => {
  const settings = { protocol: ['132', '41'], family: 'ipv4', device: 'eth7' };
  const change = () => {
    sockets.report(sockets.watch, 1);
    vi.advanceTimersByTime(50);
  };

  it('has the sockets opened again, and while it is gone the piece says so', () => {
    sockets.devices.set('eth7', 5);
    const bench = new Bench(settings).run();
    vi.advanceTimersByTime(50);
    expect(bench.piece.deviceIndex).toBe(5);
    sockets.devices.clear();
    change();
    expect([bench.health, bench.piece.deviceIndex, sockets.opened.length]).toEqual(['impaired', 5, 2]);
    sockets.devices.set('eth7', 5);
    change();
    expect([bench.health, sockets.opened.length]).toEqual(['good', 2]);
    sockets.devices.set('eth7', 6);
    change();
    expect([bench.health, bench.piece.deviceIndex, sockets.opened.length]).toEqual(['good', 6, 4]);
    // The former sockets and the watch: nothing else is open.
    expect(sockets.open.size).toBe(3);
    bench.write(frame(4));
    expect(sockets.sent.map(({ channel }) => sockets.started.has(channel))).toEqual([true]);
  });

  it('has what could not be opened tried again after each change', () => {
    sockets.devices.set('eth7', 5);
    const bench = new Bench(settings).run();
    vi.advanceTimersByTime(50);
    sockets.refuses = (_, protocol) => (protocol === 41 ? 'EPERM' : undefined);
    sockets.devices.set('eth7', 6);
    change();
    expect([bench.health, bench.piece.deviates, sockets.opened.length]).toEqual(['failed', true, 3]);
    expect(bench.context.logs.filter(({ level }) => level === 'error')).toHaveLength(1);
    change();
    expect(bench.context.logs.filter(({ level }) => level === 'error')).toHaveLength(1);
    sockets.refuses = () => undefined;
    change();
    expect([bench.health, bench.piece.deviates, sockets.opened.length]).toEqual(['good', false, 4]);
  });
});

describe('a successor', () => {
  const succeed = (settings: Record<string, string | string[]>, ...former: Bench[]) => {
    const next = new Bench(settings);
    next.piece.succeed(former.map(({ piece }) => piece));
    return next.start();
  };

  it('takes over the sockets with the same protocol, family and binding, once the change is certain', () => {
    const old = new Bench({ protocol: ['132', '41'] }).run();
    const next = succeed({ protocol: ['132', '50'], broadcast: 'true' }, old);
    expect(sockets.opened.map(({ protocol }) => protocol)).toEqual([132, 132, 41, 41, 50, 50]);
    sockets.deliver(1, ip(4));
    expect([old.context.rows.length, next.context.rows.length]).toEqual([1, 0]);
    next.piece.takeOver();
    next.join(0);
    expect(sockets.broadcasts).toEqual([[1, 1]]);
    old.piece.close();
    sockets.deliver(1, ip(4));
    expect([old.context.rows.length, next.context.rows.length]).toEqual([1, 1]);
    next.write(frame(4), frame(6), frame(4, { protocol: 50 }));
    expect(sockets.sent.map(({ channel }) => channel)).toEqual([1, 2, 5]);
    expect(sockets.open.size).toBe(4);
  });

  it.each<Record<string, string>>([{ address: '192.0.2.1' }, { device: 'eth7' }])(
    'bound otherwise opens its own: %j',
    (change) => {
      const old = new Bench({ protocol: '132', family: 'ipv4' }).run();
      succeed({ protocol: '132', family: 'ipv4', ...change }, old);
      expect(sockets.opened).toHaveLength(2);
    },
  );

  it('whose change fails leaves them to the old one, also for the next', () => {
    const old = new Bench({ protocol: '132', family: 'ipv4' }).run();
    succeed({ protocol: '132', family: 'ipv4' }, old).piece.close();
    const next = succeed({ protocol: '132', family: 'ipv4' }, old);
    expect(sockets.opened).toHaveLength(1);
    // One socket has one successor.
    succeed({ protocol: '132', family: 'ipv4' }, old);
    expect(sockets.opened).toHaveLength(2);
    next.piece.close();
    old.write(frame(4));
    expect(sockets.sent).toHaveLength(1);
  });

  it('gets no socket that failed meanwhile', () => {
    const old = new Bench({ protocol: '132', family: 'ipv4' }).run();
    const next = succeed({ protocol: '132', family: 'ipv4' }, old);
    sockets.report(1, -5);
    next.piece.takeOver();
    next.join(0);
    expect(next.piece.deviates).toBe(true);
    next.write(frame(4));
    expect(next.counts).toEqual({ 'not-open': 1 });
  });

  it('opens the sockets again where the device was made again while the change was prepared', () => {
    sockets.devices.set('eth7', 5);
    const settings = { protocol: '132', family: 'ipv4', device: 'eth7' };
    const old = new Bench(settings).run();
    vi.advanceTimersByTime(50);
    const next = succeed(settings, old);
    sockets.devices.set('eth7', 6);
    next.piece.takeOver();
    next.join(0);
    old.piece.close();
    vi.advanceTimersByTime(50);
    expect([next.piece.deviceIndex, sockets.opened.length]).toEqual([6, 2]);
  });
});
