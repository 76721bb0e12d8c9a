import { beforeEach, describe, expect, it } from 'vitest';
import {
  type Piece as Description,
  FRAME,
  LIMITS,
  OUTCOME,
  type Property,
  type Shape,
} from '../../abi/host/contract.ts';
import { Frames } from '../frame/frames.ts';
import { Counters } from '../piece/counters.ts';
import { LAST_FRAGMENT } from '../piece/inbound-fragments.ts';
import { Inbox } from '../piece/inbox.ts';
import { ledgerBytes, MAX_HELD } from '../piece/ledger.ts';
import { Outbox } from '../piece/outbox.ts';
import type { PieceContext } from '../piece/piece.ts';
import { PieceFault } from '../piece/piece-fault.ts';
import { MAX_PROPERTIES_TEXT } from './component/guest-text.ts';
import { ComponentPiece } from './component-piece.ts';
import { BROKEN_FRAME } from './crossing/lifting.ts';
import { OUTLETS_BYTES } from './crossing/outlets.ts';
import type { Guest, HostImports } from './instance/guest.ts';
import type { LoadedComponent } from './load-component.ts';
import { FUEL } from './wasm/fuel.ts';

// The host's side of a component, with a guest that the test scripts.

/** An instance without code: it keeps what comes in, until the test says otherwise. */
class ScriptedGuest {
  readonly memory = new WebAssembly.Memory({ initial: 40 });
  readonly imports: HostImports;
  readonly fuelLeft = 1;
  readonly fuel: number[] = [];
  readonly calls: string[] = [];
  /** The tickets of each call, in order. */
  readonly tickets: number[][] = [];
  ends: [ticket: number, reason: number][] = [];
  paused: number[] = [];
  wakeAt = Infinity;
  isDiscarded = false;
  #bump = 0;

  constructor(imports: HostImports) {
    this.imports = imports;
  }

  realloc(align: number, size: number): number {
    const at = (this.#bump + align - 1) & -align;
    this.#bump = at + size;
    return at;
  }

  refuel(units: number): void {
    this.fuel.push(units);
  }

  process(_now: number, framesAt: number, frames: number): number {
    const view = new DataView(this.memory.buffer);
    this.tickets.push(
      Array.from({ length: frames }, (_, n) =>
        view.getUint32(framesAt + n * FRAME.size + FRAME.ticket, true),
      ),
    );
    const at = this.realloc(8, OUTCOME.size);
    new Uint8Array(this.memory.buffer, at, OUTCOME.size).fill(0);
    const ends = this.realloc(4, this.ends.length * 8);
    for (const [n, [ticket, reason]] of this.ends.entries()) {
      view.setUint32(ends + 8 * n, ticket, true);
      view.setUint16(ends + 8 * n + 4, reason, true);
    }
    const paused = this.realloc(2, this.paused.length * 2);
    for (const [n, edge] of this.paused.entries()) view.setUint16(paused + 2 * n, edge, true);
    view.setUint32(at + OUTCOME.ends, ends, true);
    view.setUint32(at + OUTCOME.ends + 4, this.ends.length, true);
    view.setUint32(at + OUTCOME.paused, paused, true);
    view.setUint32(at + OUTCOME.paused + 4, this.paused.length, true);
    view.setFloat64(at + OUTCOME.wakeAt, this.wakeAt, true);
    this.ends = [];
    this.#bump = 0;
    return at;
  }

  postReturn(): void {
    this.calls.push('post-return');
  }
  faultOf(error: unknown): PieceFault {
    return error instanceof PieceFault ? error : new PieceFault('FT_FAULT_TRAP', String(error));
  }
  start(_now: number, _settings: unknown, protocols: ArrayLike<number>): [] {
    this.calls.push(`start ${Array.from(protocols)}`);
    return [];
  }
  join(): void {
    this.calls.push('join');
  }
  leave(edge: number, shape: number): void {
    this.calls.push(`leave ${edge}/${shape}`);
  }
  discard(): void {
    this.isDiscarded = true;
  }
}

const shape: Shape = { stack: 'ip', direction: 'up', reach: 'headers', properties: [] };
const edgeNamed = (name: string) => ({ name, optional: false, repeated: false, shapes: [shape] });
const description: Description = {
  name: 'made',
  version: '1.0.0',
  summary: '',
  protocols: [
    ['one', ''],
    ['two', ''],
  ],
  edges: [edgeNamed('in'), edgeNamed('free')],
  curves: [],
  settings: [],
  reasons: [{ name: 'done', loss: false, summary: '' }],
} as unknown as Description;

let frames: Frames;
let counters: Counters;
let logs: string[];
let calls: string[];
let now: number;
let granted: Set<string>;
let guests: ScriptedGuest[];
let piece: ComponentPiece;
let inbox: Inbox;
let outbox: Outbox;
let listenResult: number | { message: string };
/** Makes an instance. */
let makes: (imports: HostImports) => Guest;

const guest = () => guests.at(-1)!;
const text = (name: string, val: string): Property => ({ name, value: { tag: 'text', val } });

function make(): ComponentPiece {
  const context = {
    name: 'made',
    counters,
    now: () => now,
    log: (level: string, message: string) => logs.push(`${level} ${message}`),
    status: () => {},
    random: () => 7n,
    listen: (edge: number, like: number, stack: string) => {
      calls.push(`listen ${edge} ${like} ${stack}`);
      return listenResult;
    },
    unlisten: (edge: number, number: number) => calls.push(`unlisten ${edge}/${number}`),
    offer: (edge: number, { name }: Property, present: boolean) =>
      calls.push(`offer ${edge} ${name} ${present}`),
  } as unknown as PieceContext;
  const component = {
    instantiate: (imports: HostImports) => makes(imports),
    mayUse: (grant: string, edge: string) => granted.has(`${grant} ${edge}`),
  } as unknown as LoadedComponent;
  return new ComponentPiece(component, description, [], {
    context,
    frames,
    protocolNumber: (name) => ({ one: 11, two: 12 })[name] ?? 0,
    protocolCount: () => 40,
    patternOf: () => ({ matches: () => true }),
  });
}

function join(edge: number): void {
  piece.join({ edge, described: edge, shape: 0, joint: 'lan', properties: [] });
}

/** Frames wait on Edge 0, each of so many bytes of header. */
function arrive(count: number, bytes = 40): number[] {
  return Array.from({ length: count }, () => {
    const row = frames.allocate(bytes);
    frames.addPart(row, 5, frames.start[row]!, bytes);
    inbox.push(row, 0, 0);
    return row;
  });
}

function fragment(messageId: number, index: number, isLast = false): void {
  const row = arrive(1)[0]!;
  frames.messageIds[row] = messageId;
  frames.fragments[row] = (index | (isLast ? LAST_FRAGMENT : 0)) >>> 0;
  frames.newMessageId();
}

const process = (limit = 256) => piece.process(now, inbox, limit, outbox);
const free = () => frames.rows - frames.freeRows;

beforeEach(() => {
  frames = new Frames({ smallRows: 2048, largeRows: 16 });
  counters = new Counters();
  logs = [];
  calls = [];
  now = 1000;
  granted = new Set(['listen in', 'offer in', 'listen free']);
  guests = [];
  inbox = new Inbox(2048);
  outbox = new Outbox();
  listenResult = 5;
  makes = (imports) => {
    guests.push(new ScriptedGuest(imports));
    return guest() as unknown as Guest;
  };
  piece = make();
  join(0);
});

describe('frames of a component', () => {
  it.each([
    [10, 256, 10],
    [256, 256, 256],
    [257, 256, 256],
    [300, 10, 10],
    [300, 1000, LIMITS.maxFramesIn],
  ])('of %i that wait, with a limit of %i, come in %i at a time', (waiting, limit, taken) => {
    arrive(waiting);
    process(limit);
    expect(guest().tickets.map(({ length }) => length)).toEqual([taken]);
    expect([inbox.length, piece.held]).toEqual([waiting - taken, taken]);
    expect(guest().calls).toContain('post-return');
  });

  it('that wait for a piece which holds as many as it may are dropped, counted, until it ends some', () => {
    arrive(MAX_HELD - 1);
    while (inbox.length > 0) process();
    arrive(3);
    process();
    expect([piece.held, inbox.length, counters.get('held-full')]).toEqual([MAX_HELD, 2, 0]);
    process();
    expect([piece.held, inbox.length, counters.get('held-full')]).toEqual([MAX_HELD, 0, 2]);
    expect(free()).toBe(MAX_HELD);
    // A call without frames ends one, so that the next comes in.
    guest().ends = [[guest().tickets[0]![0]!, 0]];
    process();
    arrive(2);
    process();
    expect([piece.held, counters.get('held-full'), counters.get('done')]).toEqual([MAX_HELD, 2, 1]);
  });

  it('in large rooms are dropped where the piece holds a quarter of those, and small ones behind them come in', () => {
    const large = 60_000;
    arrive(4, large);
    while (inbox.length > 0) process();
    expect([piece.held, counters.get('held-full')]).toEqual([4, 0]);
    arrive(2, large);
    arrive(1);
    arrive(1, large);
    process();
    expect([piece.held, counters.get('held-full')]).toEqual([5, 2]);
    process();
    expect([piece.held, inbox.length, counters.get('held-full')]).toEqual([5, 0, 3]);
    expect(free()).toBe(5);
  });

  it('in fragments come one in a call, in front', () => {
    arrive(2);
    fragment(1, 0);
    fragment(1, 1, true);
    arrive(1);
    for (const taken of [2, 1, 2]) {
      process();
      expect(guest().tickets.at(-1)).toHaveLength(taken);
    }
    expect([inbox.length, piece.held]).toEqual([0, 5]);
  });

  it('in fragments that have a gap are dropped and counted, all that stand in front at once', () => {
    fragment(1, 0);
    process();
    fragment(1, 2);
    fragment(1, 3, true);
    fragment(2, 1);
    arrive(1);
    process();
    expect(guest().tickets.at(-1)).toHaveLength(1);
    expect(inbox.length).toBe(0);
    expect(counters.get(BROKEN_FRAME)).toBe(3);
    // The fragments that the piece holds stay with it.
    expect([piece.held, free()]).toEqual([2, 1]);
  });

  it.each([
    ['few small ones', 1, 40, FUEL.process / 4 + Math.floor((FUEL.process * 3) / 4 / LIMITS.maxFramesIn)],
    ['a full batch', 256, 40, FUEL.process],
  ])('give a call fuel for %s', (_, count, bytes, expected) => {
    arrive(count, bytes);
    process();
    expect(Math.abs(guest().fuel.at(-1)! - expected)).toBeLessThan(256);
  });

  it('give a call fuel for their bytes, where that is more', () => {
    arrive(2, 30_000);
    process();
    const [byFrames, byBytes] = guest().fuel;
    expect(byFrames).toBe(FUEL.process / 4 + 2 * Math.floor((FUEL.process * 3) / 4 / LIMITS.maxFramesIn));
    const perByte = Math.floor((FUEL.process * 3) / 4 / LIMITS.maxArenaIn);
    const arena = (byBytes! - FUEL.process / 4) / perByte;
    expect(arena).toBeGreaterThanOrEqual(60_000);
    expect(arena).toBeLessThan(60_500);
  });
});

describe('the end of an instance', () => {
  it('ends the frames that it held, counted, and what it had paused, listened on and offered', () => {
    arrive(3);
    guest().paused = [0];
    process();
    guest().imports.listen(0, 0, 'ip/udp/7');
    guest().imports.offer(0, text('address', 'x'), true);
    expect([...piece.paused]).toEqual([0]);
    const first = guest();
    piece.fail();
    expect(first.isDiscarded).toBe(true);
    expect([piece.held, free(), counters.get('fault'), [...piece.paused]]).toEqual([0, 0, 3, []]);
    piece.renew();
    expect(guests).toHaveLength(2);
    piece.start(now);
    expect(guest().calls).toEqual(['start 11,12']);
    // Nothing of the former instance is left: it takes back no listen that it did not make.
    expect(() => guest().imports.unlisten(0, 5)).toThrow(PieceFault);
    arrive(1);
    process();
    expect(piece.held).toBe(1);
  });

  it('without frames counts nothing', () => {
    piece.fail();
    expect([...counters.entries()].filter(([name]) => name === 'fault')).toEqual([]);
  });

  it('gives its place in the memory of the lane back, once, also where no instance can be made', () => {
    const { lane } = frames;
    const size = OUTLETS_BYTES + ledgerBytes(frames.rows);
    const place = lane.take(size);
    lane.give(place, size);
    const other = make();
    const behind = lane.take(size);
    expect(behind).not.toBe(place);
    other.close();
    other.close();
    expect(other.held).toBe(0);
    expect(lane.take(size)).toBe(place);
    expect(lane.take(size)).not.toBe(place);
    lane.give(place, size);
    makes = () => {
      throw new PieceFault('FT_FAULT_TRAP', 'its start function traps');
    };
    expect(make).toThrow(PieceFault);
    expect(lane.take(size)).toBe(place);
  });

  it('leaves the frames of another piece alone', () => {
    const [one, two] = [make(), make()];
    arrive(2);
    one.process(now, inbox, 1, outbox);
    two.process(now, inbox, 1, outbox);
    expect([one.held, two.held]).toEqual([1, 1]);
    one.close();
    expect([one.held, two.held, free()]).toEqual([0, 1, 1]);
    two.close();
    expect(free()).toBe(0);
  });
});

describe('the messages of a component', () => {
  it('are limited, and the next one says how many were dropped', () => {
    for (let n = 0; n < 70; n++) guest().imports.log('info', `message ${n}`);
    expect(logs).toHaveLength(64);
    now += 100;
    guest().imports.log('info', 'late');
    expect(logs.slice(64)).toEqual([
      'warn 6 messages before this one were dropped: too many at once',
      'info late',
    ]);
    guest().imports.log('info', 'dropped');
    now += 100;
    guest().imports.log('info', 'later');
    expect(logs.slice(66)).toEqual([
      'warn 1 message before this one was dropped: too many at once',
      'info later',
    ]);
  });
});

describe('the offers of a component', () => {
  const offer = (name: string, present = true, edge = 0, val = '') =>
    guest().imports.offer(edge, val === '' ? { name, value: { tag: 'yes' } } : text(name, val), present);

  it.each([
    ['on an Edge that is not joined', 1, 'offers up on Edge 1, where it is not joined'],
    [
      'on an Edge for which it was not granted',
      1,
      'offers up on its Edge free, where it was not granted to offer',
    ],
  ])('%s are refused', (what, edge, message) => {
    if (!what.includes('joined')) join(1);
    offer('up', true, edge);
    expect(logs).toEqual([`warn ${message}`]);
    expect(calls).toEqual([]);
  });

  it('are 64 on an Edge, and one that is known may come again', () => {
    for (let n = 0; n < 64; n++) offer(`p${n}`);
    expect([calls.length, logs]).toEqual([64, []]);
    offer('p64');
    expect(calls).toHaveLength(64);
    expect(logs[0]).toContain('more than 64 properties');
    offer('p7');
    expect(calls.at(-1)).toBe('offer 0 p7 true');
    offer('p7', false);
    offer('p64');
    expect(calls.slice(-2)).toEqual(['offer 0 p7 false', 'offer 0 p64 true']);
  });

  it('have so many characters together, on all Edges, until they are withdrawn or the Edge is left', () => {
    granted.add('offer free');
    join(1);
    const half = 'x'.repeat(MAX_PROPERTIES_TEXT / 2 - 1);
    offer('a', true, 0, half);
    offer('b', true, 1, half);
    expect([calls.length, logs]).toEqual([2, []]);
    // Exactly so many fit; the same once more is no more.
    offer('a', true, 0, half);
    expect(calls).toHaveLength(3);
    offer('c');
    expect(calls).toHaveLength(3);
    expect(logs[0]).toContain(`more than ${MAX_PROPERTIES_TEXT} characters`);
    piece.leave(1, 0);
    offer('c');
    expect(calls).toHaveLength(4);
    offer('b', true, 0, half);
    expect(calls).toHaveLength(4);
    offer('a', false, 0, half);
    // Withdrawing a property that is not offered frees no characters.
    offer('a', false, 0, half);
    offer('b', true, 0, half);
    offer('d', true, 0, half);
    expect(calls.slice(4)).toEqual(['offer 0 a false', 'offer 0 a false', 'offer 0 b true']);
    piece.fail();
    piece.renew();
    offer('d', true, 0, half);
    offer('e', true, 0, half);
    expect(calls.slice(-2)).toEqual(['offer 0 d true', 'offer 0 e true']);
  });
});

describe('the listens of a component', () => {
  it('need an Edge that is joined, and a grant for it', () => {
    expect(guest().imports.listen(1, 0, 'ip/udp/7')).toEqual({ message: 'Edge 1 is not joined' });
    granted.delete('listen in');
    expect(guest().imports.listen(0, 0, 'ip/udp/7')).toEqual({
      message: 'the piece was not granted to listen on its Edge in',
    });
    expect(calls).toEqual([]);
  });

  it('are taken back once, and only those that were made', () => {
    const { imports } = guest();
    expect(imports.listen(0, 0, 'ip/udp/7')).toBe(5);
    expect(calls).toEqual(['listen 0 0 ip/udp/7']);
    expect(() => imports.unlisten(0, 4)).toThrow(/on which it does not listen/);
    expect(() => imports.unlisten(1, 5)).toThrow(/on which it does not listen/);
    imports.unlisten(0, 5);
    expect(calls.at(-1)).toBe('unlisten 0/5');
    expect(() => imports.unlisten(0, 5)).toThrow(/on which it does not listen/);
    listenResult = { message: 'in use' };
    expect(imports.listen(0, 0, 'ip/udp/8')).toEqual({ message: 'in use' });
    expect(() => imports.unlisten(0, 5)).toThrow(/on which it does not listen/);
  });

  it('end the frames in fragments that came by them', () => {
    guest().imports.listen(0, 0, 'ip/udp/7');
    const row = arrive(1)[0]!;
    inbox.take(1);
    frames.messageIds[row] = 9;
    frames.fragments[row] = 0;
    frames.newMessageId();
    inbox.push(row, 5 << 16, 0);
    process();
    guest().imports.unlisten(0, 5);
    guest().imports.listen(0, 0, 'ip/udp/7');
    const next = arrive(1)[0]!;
    inbox.take(1);
    frames.messageIds[next] = 9;
    frames.fragments[next] = (1 | LAST_FRAGMENT) >>> 0;
    inbox.push(next, 5 << 16, 0);
    process();
    expect(counters.get(BROKEN_FRAME)).toBeGreaterThan(0);
  });
});

it('a component has the random numbers of its context, and the time of day', () => {
  expect(guest().imports.random()).toBe(7n);
  const before = Date.now();
  const [seconds, nanoseconds] = guest().imports.utc();
  const ms = Number(seconds) * 1000 + nanoseconds / 1_000_000;
  expect(ms).toBeGreaterThanOrEqual(before);
  expect(ms).toBeLessThanOrEqual(Date.now());
  expect(Number.isInteger(nanoseconds) && nanoseconds < 1_000_000_000).toBe(true);
});
