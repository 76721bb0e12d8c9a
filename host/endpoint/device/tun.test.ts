import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Property } from '../../../abi/host/contract.ts';
import { Frames } from '../../frame/frames.ts';
import { Inbox } from '../../piece/inbox.ts';
import { Protocols } from '../../stack/protocols.ts';
import type * as Addon from '../addon.ts';
import { CHANGED_OTHER, CHANGED_OWN, type LinkReading, type NamespaceSockets } from '../addon.ts';
import { RecordingContext } from '../testing/recording-context.ts';
import { ScriptedIo, systemError } from '../testing/scripted-io.ts';
import { TunPiece } from './tun.ts';

// The piece `tun` by itself, with a system that the test scripts: `test/net/endpoint/tun.test.ts` has real
// devices.

const holder = vi.hoisted(() => ({ io: undefined as unknown, drops: undefined as number | undefined }));
vi.mock('../addon.ts', async (original) => ({
  ...(await original<typeof Addon>()),
  loadAddon: () => holder.io,
}));
vi.mock('./queue-drops.ts', () => ({ queueDrops: () => holder.drops }));

const protocols = new Protocols();

/** A system with tun devices, and their configuration. */
class ScriptedSystem extends ScriptedIo {
  readonly links = new Map<number, { -readonly [K in keyof LinkReading]: LinkReading[K] }>();
  readonly opened: object[] = [];
  readonly notes = new Map<number, string>();
  /** The note that an ended lane left. */
  left: string | undefined;
  /** Returns the error of a call. */
  refuses: (call: string) => string | undefined = () => undefined;
  watch = -1;
  watched: object | undefined;

  add(name: string, changes: Partial<LinkReading> = {}): number {
    const index = 10 + this.links.size;
    const made = { name, mtu: 1500, up: 0, promotes: 1, ipv6: 1, quiet: 1, addresses: '', routes: '' };
    this.links.set(index, { ...made, ...changes });
    return index;
  }
  linkIndex(device: string): number {
    for (const [index, { name }] of this.links) if (name === device) return index;
    throw systemError('ENODEV');
  }
  openTun(batch: number, options: { device: string }) {
    this.#ask('open');
    this.opened.push(options);
    const device = options.device.replace('%d', '0');
    const known = [...this.links].find(([, { name }]) => name === device)?.[0];
    const index = known ?? this.add(device);
    const note = this.left === undefined ? {} : { note: this.left };
    return { channel: this.channelOf(batch), device, index, ...note };
  }
  writeTun(channel: number, count: number): number {
    return this.send(channel, count);
  }
  note(channel: number, text: string): void {
    this.notes.set(channel, text);
  }
  watchLinks(batch: number, options: object): number {
    this.#ask('watch');
    this.watched = options;
    this.watch = this.channelOf(batch);
    return this.watch;
  }
  askNamespace() {
    return { error: 0, value: 0, text: '', descriptor: 77 };
  }
  readLink(index: number): LinkReading {
    this.#ask('read');
    const link = this.links.get(index);
    if (link === undefined) throw systemError('ENODEV');
    return link;
  }
  setLink(index: number, mtu: number, up: number, quiet: number): void {
    const link = this.links.get(index)!;
    if (mtu >= 0) link.mtu = mtu;
    if (up >= 0) link.up = up;
    if (quiet >= 0) link.quiet = quiet;
  }
  changeAddress(index: number, address: string, length: number, add: number): void {
    this.#ask(`address ${address}`);
    const link = this.links.get(index)!;
    link.addresses = changed(link.addresses, `${address}/${length}`, add);
  }
  changeRoute(index: number, address: string, length: number, change: number): void {
    this.#ask(`route ${address}`);
    const link = this.links.get(index)!;
    const metric = address.includes(':') ? 1024 : 0;
    link.routes = changed(link.routes, `3 ${metric} ${address}/${length}`, change);
  }
  promoteSecondaries(): void {}
  routeDevice(): number {
    return 0;
  }
  #ask(call: string): void {
    const code = this.refuses(call);
    if (code !== undefined) throw systemError(code);
  }
}

function changed(list: string, line: string, add: number): string {
  const rest = list.split('\n').filter((each) => each !== '' && each !== line);
  return [...rest, ...(add === 0 ? [] : [line])].join('\n');
}

let system: ScriptedSystem;
let frames: Frames;
let made: Bench[];

/** A piece `tun` with what it needs. */
class Bench {
  readonly context = new RecordingContext();
  readonly piece: TunPiece;

  constructor(settings: Record<string, string> = {}, namespace?: NamespaceSockets) {
    this.piece = new TunPiece(this.context, frames, protocols, Object.entries(settings), namespace);
    made.push(this);
  }
  start(now = 0): this {
    expect(this.piece.start(now)).toEqual([]);
    return this;
  }
  join(...properties: Property[]): this {
    this.piece.join({ edge: 2, described: 0, shape: 0, joint: 'net', properties });
    return this;
  }
  /** A started piece whose change is committed, and that is joined. */
  run(now = 0): this {
    this.start(now);
    this.piece.takeOver();
    return this.join();
  }
  write(rows: readonly number[], { skips = 0, now = 0, limit = 256 } = {}): number {
    const inbox = new Inbox();
    for (const row of rows) inbox.push(row, 2, skips);
    const wakeAt = this.piece.process(now, inbox, limit);
    left = inbox.length;
    return wakeAt;
  }
  get counts() {
    return Object.fromEntries(this.context.counters.entries());
  }
  /** The packets that arrived, each with its protocol and where it goes. */
  get arrived() {
    return this.context.rows.map((row, n) => [
      protocols.name(frames.partWords[row * 96]! & 0xffff),
      frames.bytes[frames.start[row]!]!,
      frames.length[row]!,
      this.context.edgeShapes[n],
    ]);
  }
  logs(level: string): string[] {
    return this.context.logs.filter((each) => each.level === level).map(({ message }) => message);
  }
}
/** The frames that the last call of `write` left waiting. */
let left = 0;

function packet(protocol: string, ...bytes: number[]): number {
  const row = frames.allocate(bytes.length);
  frames.bytes.set(bytes, frames.start[row]!);
  frames.begin(row, frames.start[row]!, bytes.length, protocols.number(protocol));
  return row;
}

const device = () => system.links.get(10)!;
const lines = (list: string) => (list === '' ? [] : list.split('\n').sort());
const text = (name: string, val: string): Property => ({ name, value: { tag: 'text', val } });

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
  system = new ScriptedSystem();
  holder.io = system.calls;
  holder.drops = undefined;
  frames = new Frames({ smallRows: 256, largeRows: 2 });
  made = [];
});

afterEach(() => {
  for (const { piece, context } of made) {
    piece.close();
    for (const row of context.rows) frames.release(row);
  }
  expect([system.batches.size, system.open.size, vi.getTimerCount()]).toEqual([0, 0, 0]);
  expect(frames.freeRows).toBe(frames.rows);
  vi.useRealTimers();
});

describe('a device', () => {
  it('is opened with what its settings say, is watched, and reads', () => {
    const bench = new Bench({ device: 'a0', address: '10.0.0.1/24', route: '2001:db8::1/32', mtu: '1400' });
    bench.start();
    expect(system.opened).toEqual([
      {
        device: 'a0',
        tap: false,
        multiQueue: false,
        offload: true,
        key: 'tun here ["a0",false,false,true]',
        namespace: -1,
        netlink: -1,
      },
    ]);
    expect(device()).toMatchObject({ mtu: 1400, up: 1, addresses: '10.0.0.1/24' });
    expect(device().routes).toBe('3 1024 2001:db8::/32');
    expect(system.watched).toEqual({ descriptor: -1, index: 10 });
    expect(system.started).toEqual(new Set([1, system.watch]));
    expect(bench.context.statuses.at(-1)).toMatchObject({ health: 'good', facts: { device: 'a0' } });
    expect([bench.piece.device, bench.piece.deviates]).toEqual(['a0', false]);
  });

  it.each([
    ['where a setting says so', { offload: 'false' }, false],
    ['where lanes share it', { 'multi-queue': 'true' }, false],
    ['where an administrator made it', {}, true],
  ])('has no offload %s', (_when, settings, isForeign) => {
    if (isForeign) system.add('a0');
    new Bench({ device: 'a0', ...settings }).start();
    expect(system.opened).toEqual([expect.objectContaining({ offload: false })]);
  });

  it('counts a large segment that cannot be divided', () => {
    const bench = new Bench({ device: 'a0' }).run();
    system.deliver(1, 'lost', [0x60]);
    expect([bench.counts, bench.arrived.length]).toEqual([{ offload: 1 }, 1]);
  });

  it('is not watched where lanes share it', () => {
    new Bench({ 'multi-queue': 'true' }).start();
    expect([system.opened, system.watch]).toEqual([[expect.objectContaining({ multiQueue: true })], -1]);
  });

  it('in another namespace belongs to no lane, is watched there, and has no status of its own', () => {
    holder.drops = 5;
    const bench = new Bench({ device: 'a0' }, { namespace: 4, netlink: 5 }).run();
    expect(system.opened).toEqual([
      { device: 'a0', tap: false, multiQueue: false, offload: true, namespace: 4, netlink: 5 },
    ]);
    expect(system.watched).toEqual({ descriptor: 77, index: 10 });
    expect(bench.context.statuses).toEqual([]);
    holder.drops = 9;
    vi.advanceTimersByTime(10_000);
    expect(bench.counts).toEqual({});
  });

  it('works also where changes of others are not noticed', () => {
    system.refuses = (call) => (call === 'watch' ? 'EPERM' : undefined);
    const bench = new Bench({ device: 'a0' }).start();
    expect(bench.logs('warn')).toEqual([expect.stringContaining('a0: changes of the device by other')]);
    expect(system.started).toEqual(new Set([1]));
  });

  it.each([
    ['open', 'EBUSY', 'FT_TUN_BUSY'],
    ['address 10.0.0.1', 'EPERM', 'FT_TUN_PERMISSION'],
    ['address 10.0.0.1', 'EINVAL', 'FT_TUN_DEVICE'],
  ])('leaves nothing open where the system refuses it: %s, %s', (call, error, code) => {
    system.refuses = (each) => (each === call ? error : undefined);
    const bench = new Bench({ device: 'a0', address: '10.0.0.1/24' });
    expect(() => bench.piece.start(0)).toThrow(expect.objectContaining({ code }));
    expect([system.batches.size, system.open.size]).toEqual([0, 0]);
  });

  it('reports mistakes in its settings, and opens nothing', () => {
    const bench = new Bench({ device: 'a/b' });
    expect(bench.piece.start(0).map(({ setting }) => setting)).toEqual(['device']);
    expect(system.batches.size).toBe(0);
  });

  it('of an administrator stays unchanged', () => {
    system.add('a0', { mtu: 1500, up: 1, addresses: '192.0.2.1/24' });
    const bench = new Bench({ device: 'a0', mtu: '1400', address: '10.0.0.1/24' }).run();
    expect(lines(device().addresses)).toEqual(['10.0.0.1/24', '192.0.2.1/24']);
    bench.piece.close();
    expect(device()).toMatchObject({ mtu: 1500, up: 1, addresses: '192.0.2.1/24' });
  });
});

describe('a packet from the system', () => {
  it('goes to the Edge by its version, and a longer one than a small room too', () => {
    const bench = new Bench().run();
    system.deliver(1, [0x60, 1, 2], [0x45, 1], [0x10, 1], [0x45, ...Array(3000).fill(7)]);
    expect(bench.arrived).toEqual([
      ['ipv6', 0x60, 3, 2],
      ['ipv4', 0x45, 2, 2],
      [protocols.name(0), 0x10, 2, 2],
      ['ipv4', 0x45, 3001, 2],
    ]);
    expect(bench.counts).toEqual({});
  });

  it('is a frame of Ethernet in that mode', () => {
    const bench = new Bench({ mode: 'ethernet' }).run();
    expect(system.opened).toEqual([expect.objectContaining({ tap: true })]);
    system.deliver(1, [0x60, 1, 2]);
    expect(bench.arrived).toEqual([['ethernet', 0x60, 3, 2]]);
  });

  it('ends by name before the Edge is joined, after it has left, and where no row is free', () => {
    const bench = new Bench().start();
    system.deliver(1, [0x60], [0x60]);
    expect(bench.counts).toEqual({ closed: 2 });
    bench.join();
    system.deliver(1, [0x60]);
    bench.piece.leave(2, 0);
    system.deliver(1, [0x60]);
    expect([bench.arrived.length, bench.counts]).toEqual([1, { closed: 3 }]);
    bench.join();
    const rest: number[] = [];
    for (let row = frames.allocate(1); row >= 0; row = frames.allocate(1)) rest.push(row);
    system.deliver(1, [0x60], [0x60]);
    for (const row of rest) frames.release(row);
    system.deliver(1, [0x60]);
    expect([bench.arrived.length, bench.counts]).toEqual([2, { closed: 3, 'no-room': 2 }]);
  });
});

describe('a frame for the system', () => {
  it('is written from the first part that is not skipped to the last', () => {
    const bench = new Bench().run();
    const row = frames.allocate(8);
    const start = frames.start[row]!;
    frames.bytes.set([9, 9, 0x60, 1, 2, 3, 8, 8], start);
    frames.addPart(row, protocols.number('ethernet'), start, 2);
    frames.addPart(row, protocols.number('ipv6'), start + 2, 3);
    frames.addPart(row, protocols.number('udp') | (1 << 16), start + 5, 1);
    frames.addPart(row, protocols.number('udp') | (2 << 16), start + 6, 2);
    frames.length[row] = 8;
    expect(bench.write([row], { skips: 1 | (1 << 8) })).toBe(Infinity);
    expect(system.sent).toEqual([{ channel: 1, bytes: [0x60, 1, 2, 3], offset: 0 }]);
    expect(frames.references[row]).toBe(0);
  });

  it('is taken up to the limit of a call, and in batches that the system takes', () => {
    const bench = new Bench().run();
    const rows = Array.from({ length: 140 }, (_, n) => packet('ipv4', 0x45, n));
    bench.write(rows, { limit: 130 });
    expect([left, system.sent.map(({ bytes }) => bytes[1])]).toEqual([
      10,
      Array.from({ length: 130 }, (_, n) => n),
    ]);
    for (const row of rows.slice(130)) frames.release(row);
  });

  it('of another protocol ends as `not-ip`; and IP does in mode ethernet', () => {
    const bench = new Bench().run();
    bench.write([packet('ipv4', 0x45), packet('ethernet', 1), packet('udp', 1), packet('ipv6', 0x60)]);
    expect([system.sent.map(({ bytes }) => bytes[0]), bench.counts]).toEqual([[0x45, 0x60], { 'not-ip': 2 }]);
    bench.write([packet('ipv4', 0x45)], { skips: 1 });
    bench.write([packet('ipv4', 0x45)], { skips: 1 << 8 });
    expect(bench.counts).toEqual({ 'not-ip': 4 });
    const tap = new Bench({ device: 'b0', mode: 'ethernet' }).run();
    tap.write([packet('ipv4', 0x45), packet('ethernet', 1)]);
    expect([system.sent.at(-1)!.bytes, tap.counts]).toEqual([[1], { 'not-ip': 1 }]);
  });

  it('of a larger frame, or with headers that cannot be finished, ends by name', () => {
    const bench = new Bench().run();
    const fragment = packet('ipv4', 0x45);
    frames.messageIds[fragment] = frames.newMessageId();
    const short = frames.allocate(4);
    frames.length[short] = 4;
    // An unfinished header that is shorter than any of IPv4.
    frames.addPart(short, protocols.number('ipv4') | (2 << 24), frames.start[short]!, 4);
    bench.write([fragment, short]);
    expect([system.sent, bench.counts]).toEqual([[], { 'too-large': 1, unfit: 1 }]);
  });

  it('that the system does not take is counted by the reason', () => {
    const bench = new Bench().run();
    system.failures = [1, 0, 2];
    bench.write(Array.from({ length: 5 }, () => packet('ipv4', 0x45)));
    expect([system.sent.length, bench.counts]).toEqual([2, { 'would-block': 1, unreachable: 2 }]);
  });

  it('ends as `closed` after the piece was closed', () => {
    const bench = new Bench().run();
    bench.piece.close();
    bench.write([packet('ipv4', 0x45)]);
    expect(bench.counts).toEqual({ closed: 1 });
  });
});

describe('what neighbours offer', () => {
  it('is set, and taken back when they leave', () => {
    const bench = new Bench({ address: '10.0.0.1/24' }).run();
    bench.join(text('address', 'fc64::1/64'), { name: 'mtu', value: { tag: 'at-most', val: 1300n } });
    expect(device()).toMatchObject({ mtu: 1300, up: 1 });
    expect(lines(device().addresses)).toEqual(['10.0.0.1/24', 'fc64::1/64']);
    bench.piece.leave(2, 0);
    expect(device()).toMatchObject({ mtu: 1500, addresses: '10.0.0.1/24' });
  });

  it('is refused where it is no address', () => {
    const bench = new Bench().start();
    const joining = { edge: 0, described: 0, shape: 0, joint: 'net' };
    expect(bench.piece.accepts({ ...joining, properties: [text('address', 'here')] })).toEqual({
      message: expect.stringContaining('here'),
    });
    expect(bench.piece.accepts({ ...joining, properties: [text('address', '10.0.0.1/8')] })).toBeUndefined();
  });

  it('that a lane had set which was ended by force holds for ten seconds', () => {
    system.left = 'mtu 1400\nup\naddress 10.9.0.1/16\nown-address 10.9.0.1/16';
    const bench = new Bench({ device: 'a0' }).run(1000);
    expect(device()).toMatchObject({ mtu: 1400, addresses: '10.9.0.1/16' });
    expect(bench.write([], { now: 10_999 })).toBe(11_000);
    expect(device().addresses).toBe('10.9.0.1/16');
    expect(bench.write([], { now: 11_000 })).toBe(Infinity);
    expect(device()).toMatchObject({ mtu: 1500, addresses: '' });
    expect(bench.write([], { now: 12_000 })).toBe(Infinity);
  });
});

describe('another program', () => {
  it('that takes an address away has it set again, after the changes have settled', () => {
    const bench = new Bench({ address: '10.0.0.1/24' }).run();
    device().addresses = '';
    system.report(system.watch, CHANGED_OTHER);
    vi.advanceTimersByTime(1000);
    expect(device().addresses).toBe('');
    system.report(system.watch, CHANGED_OWN | CHANGED_OTHER);
    expect(device().addresses).toBe('');
    vi.advanceTimersByTime(50);
    expect(device().addresses).toBe('10.0.0.1/24');
    expect(bench.logs('warn')).toEqual([expect.stringContaining('set again: add address 10.0.0.1/24')]);
  });

  it('whose change elsewhere makes room has what was refused set', () => {
    const bench = new Bench().run();
    system.refuses = (call) => (call === 'route 10.1.0.0' ? 'EEXIST' : undefined);
    bench.join(text('route', '10.1.0.0/16'));
    expect([device().routes, bench.context.statuses.at(-1)!.health]).toEqual(['', 'impaired']);
    system.refuses = () => undefined;
    system.report(system.watch, CHANGED_OTHER);
    vi.advanceTimersByTime(50);
    expect([device().routes, bench.context.statuses.at(-1)!.health]).toEqual(['3 0 10.1.0.0/16', 'pending']);
  });

  it('that takes it down, renames or moves it makes it deviate', () => {
    const bench = new Bench({ device: 'a0', up: 'true' }).run();
    const settle = () => {
      system.report(system.watch, CHANGED_OWN);
      vi.advanceTimersByTime(50);
    };
    device().up = 0;
    settle();
    expect([bench.piece.deviates, device().up]).toEqual([true, 0]);
    device().up = 1;
    settle();
    expect(bench.piece.deviates).toBe(false);
    device().name = 'b0';
    settle();
    expect(bench.piece.deviates).toBe(true);
    device().name = 'a0';
    settle();
    expect(bench.piece.deviates).toBe(false);
    system.links.clear();
    settle();
    expect([bench.piece.deviates, bench.context.statuses.at(-1)!.health]).toEqual([true, 'impaired']);
  });

  it('that renames a device with a name of the system’s choice makes nothing deviate', () => {
    const bench = new Bench({ up: 'true' }).run();
    device().name = 'mine';
    system.report(system.watch, CHANGED_OWN);
    vi.advanceTimersByTime(50);
    expect([bench.piece.device, bench.piece.deviates]).toEqual(['mine', false]);
  });

  it('that removes it is reported, and the piece holds nothing of it any more', () => {
    const bench = new Bench({ device: 'a0' }).run();
    system.report(system.watch, CHANGED_OWN);
    system.links.clear();
    system.report(1, -77);
    expect([system.open.size, bench.piece.device, bench.piece.deviates]).toEqual([0, undefined, true]);
    expect(bench.logs('error')).toEqual([expect.stringMatching(/FT_TUN_ABSENT: .* a0 is gone \(error 77\)/)]);
    expect(bench.context.statuses.at(-1)).toMatchObject({ health: 'failed', facts: { device: 'a0' } });
    bench.write([packet('ipv4', 0x45)]);
    expect([system.sent, vi.getTimerCount()]).toEqual([[], 1]);
  });

  it('that ends the watch leaves the device unchanged', () => {
    const bench = new Bench({ device: 'a0' }).run();
    system.report(system.watch, -9);
    expect([system.open.size, bench.piece.device]).toEqual([1, 'a0']);
  });
});

describe('packets that the queue of the device dropped', () => {
  it('are counted every five seconds, and at the end', () => {
    holder.drops = 7;
    const bench = new Bench().run();
    holder.drops = 10;
    vi.advanceTimersByTime(4999);
    expect(bench.counts).toEqual({});
    vi.advanceTimersByTime(1);
    expect(bench.counts).toEqual({ 'queue-overrun': 3 });
    vi.advanceTimersByTime(5000);
    expect(bench.counts).toEqual({ 'queue-overrun': 3 });
    holder.drops = undefined;
    vi.advanceTimersByTime(5000);
    holder.drops = 11;
    bench.piece.close();
    expect(bench.counts).toEqual({ 'queue-overrun': 4 });
    holder.drops = 20;
    bench.piece.close();
    expect(bench.counts).toEqual({ 'queue-overrun': 4 });
  });

  it('before the first look at the counters are none', () => {
    const bench = new Bench().run();
    holder.drops = 12;
    vi.advanceTimersByTime(5000);
    expect(bench.counts).toEqual({});
    holder.drops = 13;
    vi.advanceTimersByTime(5000);
    expect(bench.counts).toEqual({ 'queue-overrun': 1 });
  });
});

describe('a successor', () => {
  const succeed = (next: Bench, ...former: Bench[]) => {
    next.piece.succeed(former.map(({ piece }) => piece));
    return next.start();
  };

  it('takes the open device over, with its watch', () => {
    const old = new Bench({ device: 'a0', address: '10.0.0.1/24' }).run();
    const next = succeed(new Bench({ device: 'a0', address: '10.0.0.2/24' }), old);
    expect(system.opened).toHaveLength(1);
    // Both addresses are there until the change is certain, and frames go to the old one.
    expect(lines(device().addresses)).toEqual(['10.0.0.1/24', '10.0.0.2/24']);
    next.piece.takeOver();
    next.join();
    old.piece.close();
    expect(device().addresses).toBe('10.0.0.2/24');
    system.deliver(1, [0x60]);
    expect([old.arrived.length, next.arrived.length, next.piece.device]).toEqual([0, 1, 'a0']);
    device().addresses = '';
    system.report(system.watch, CHANGED_OWN);
    vi.advanceTimersByTime(50);
    expect(device().addresses).toBe('10.0.0.2/24');
  });

  it('that is on no network sets what its own settings say', async () => {
    const old = new Bench({ device: 'a0', address: '10.0.0.1/24' }).run();
    const next = succeed(new Bench({ device: 'a0' }), old);
    next.piece.takeOver();
    old.piece.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(device().addresses).toBe('');
  });

  it('whose change fails leaves all to the old one, also for the next successor', () => {
    const old = new Bench({ device: 'a0', address: '10.0.0.1/24' }).run();
    for (let n = 0; n < 2; n++) {
      const next = succeed(new Bench({ device: 'a0', address: '10.0.0.2/24' }), old);
      expect(lines(device().addresses)).toEqual(['10.0.0.1/24', '10.0.0.2/24']);
      next.piece.close();
      expect(device().addresses).toBe('10.0.0.1/24');
    }
    system.deliver(1, [0x60]);
    expect(old.arrived).toHaveLength(1);
  });

  it('never makes the MTU smaller before the change is certain, and large enough for IPv6', () => {
    const old = new Bench({ device: 'a0', mtu: '1000', address: '10.0.0.1/24' }).run();
    const next = succeed(new Bench({ device: 'a0', mtu: '1400', address: 'fc64::1/64' }), old);
    expect(device().mtu).toBe(1280);
    next.piece.close();
    expect(device().mtu).toBe(1000);
    const four = succeed(new Bench({ device: 'a0', mtu: '1400' }), old);
    expect(device().mtu).toBe(1000);
    four.piece.takeOver();
    four.join();
    expect(device().mtu).toBe(1400);
  });

  it.each([
    ['another name', { device: 'b0' }],
    ['a name of the system’s choice', { device: 'a%d' }],
  ])('with %s opens a device of its own', (_, settings) => {
    const old = new Bench({ device: 'a0' }).run();
    succeed(new Bench(settings), old);
    expect(system.opened).toHaveLength(2);
  });

  it('with the same pattern of names takes the device over', () => {
    const old = new Bench().run();
    succeed(new Bench(), old);
    expect(system.opened).toHaveLength(1);
  });

  it.each<Record<string, string>>([{ mode: 'ethernet' }, { 'multi-queue': 'true' }])(
    'cannot change %j of the device',
    (change) => {
      const old = new Bench({ device: 'a0' }).run();
      const next = new Bench({ device: 'a0', ...change });
      next.piece.succeed([old.piece]);
      expect(() => next.piece.start(0)).toThrow(
        expect.objectContaining({ code: 'FT_TUN_DEVICE', setting: 'device' }),
      );
      expect(old.piece.device).toBe('a0');
    },
  );

  it('makes the device again that another program removed meanwhile', () => {
    const old = new Bench({ device: 'a0' }).run();
    system.links.clear();
    succeed(new Bench({ device: 'a0' }), old);
    expect(system.opened).toHaveLength(2);
  });

  it('reports a device that goes while the change is prepared', () => {
    const old = new Bench({ device: 'a0' }).run();
    const next = succeed(new Bench({ device: 'a0' }), old);
    system.links.clear();
    system.report(1, -77);
    next.piece.takeOver();
    expect(next.logs('error')).toEqual([expect.stringMatching(/a0 is gone, because/)]);
    expect(next.piece.deviates).toBe(true);
  });

  it('brings a device up again that another program took down', () => {
    const old = new Bench({ device: 'a0', up: 'true' }).run();
    device().up = 0;
    system.report(system.watch, CHANGED_OWN);
    vi.advanceTimersByTime(50);
    const next = succeed(new Bench({ device: 'a0', up: 'true' }), old);
    expect(device().up).toBe(0);
    next.piece.takeOver();
    next.join();
    expect([device().up, next.piece.deviates]).toEqual([1, false]);
  });
});
