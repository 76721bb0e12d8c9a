import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PuzzleError } from '../../puzzle/plan/puzzle-error.ts';
import { CALM_MS, FIRST_RESTART_MS } from '../../puzzle/runtime/seat.ts';
import type { LaneSnapshot, PieceSnapshot } from '../../puzzle/runtime/snapshot.ts';
import type { Puzzle } from '../check/checked-puzzle.ts';
import type { FunnelEvent } from './funnel-event.ts';
import type { LaneHandle } from './lane-handle.ts';
import type { LaneOrder } from './lane-order.ts';
import type { StartFailure, SuccessionEvents } from './lane-succession.ts';
import { startWorkerLane } from './worker-lane.ts';

// The decisions of a lane in a separate thread, with scripted threads and a clock that the test moves.
// `worker-lane.test.ts` has the same with real threads.

const holder = vi.hoisted(() => ({ threads: undefined as unknown }));
vi.mock('./lane-succession.ts', () => ({
  LaneSuccession: class {
    constructor(events: SuccessionEvents) {
      (holder.threads as ScriptedThreads).events = events;
      // biome-ignore lint/correctness/noConstructorReturn: the scripted threads take the place of the real ones
      return holder.threads as object;
    }
  },
}));
// The fake clock knows the timers of the global object only.
vi.mock('node:timers/promises', () => ({
  setTimeout: (ms: number, value: unknown) =>
    new Promise((resolve) => {
      setTimeout(() => resolve(value), ms);
    }),
}));

class ScriptedThreads {
  events!: SuccessionEvents;
  /** All that was asked of the threads, in order. */
  readonly story: string[] = [];
  readonly starts: LaneOrder[] = [];
  readonly changes: LaneOrder[] = [];
  /** The results of the next starts; when the list is empty, they succeed. */
  readonly failures: (StartFailure | undefined)[] = [];
  isHeld = false;
  onApply: () => Promise<unknown> = async () => NO_DIFFERENCE;
  onCounters: () => Promise<LaneSnapshot> = async () => snapshot({});
  last: LaneSnapshot | undefined;
  readonly current = {
    monitor: { piece: undefined as string | undefined, isSeated: true },
    request: async (kind: string, order: LaneOrder) => {
      if (kind === 'counters') return this.onCounters();
      this.story.push(kind);
      this.changes.push(order);
      return this.onApply();
    },
    end: async (reason: Error) => void this.story.push(`end: ${reason.message}`),
  };

  async start(order: LaneOrder) {
    this.story.push('start');
    this.starts.push(order);
    return this.failures.shift();
  }
  attend() {
    this.story.push('attend');
  }
  unattend() {
    this.story.push('unattend');
  }
  succeed() {
    this.story.push('succeed');
  }
  async end(reason: Error) {
    this.story.push(`end: ${reason.message}`);
  }
  async close() {
    this.story.push('close');
    return this.last;
  }
  async untilReleased(ms: number) {
    this.story.push('waits');
    await new Promise((resolve) => setTimeout(resolve, Math.min(ms, 1000)));
  }
}

const NO_DIFFERENCE = { added: [], removed: [], replaced: [], kept: [], edges: [] };
const saved = { version: '1.0.0', state: Uint8Array.of(1, 2, 3) };

let threads: ScriptedThreads;
let events: FunnelEvent[];
let lane: LaneHandle;

/** A puzzle of these pieces, by name: the failure policy, and what distinguishes one from another. */
function puzzle(pieces: Record<string, { failure?: string; identity?: string }>): Puzzle {
  const all = Object.entries(pieces).map(([name, { failure = 'closed', identity = name }]) => {
    const place = { name };
    return { place, spec: { place, failure, identity, source: { kind: 'native', name, owner: 'package' } } };
  });
  return { pieces: all, networks: new Map(), joints: [] } as unknown as Puzzle;
}

const PIECES = { six: { failure: 'restart' }, tap: {}, hub: {} };

function snapshot(framesIn: Record<string, number>, faults = 0): LaneSnapshot {
  const pieces = Object.entries(framesIn).map(([name, frames]) => ({
    name,
    edges: [
      {
        name: 'net',
        network: 'lan',
        framesIn: frames,
        bytesIn: 0,
        framesOut: 0,
        bytesOut: 0,
        framesRefused: 0,
      },
    ],
    reasons: [],
    faults,
    restarts: 0,
    bypassed: 0,
  }));
  return { uptimeMs: 1, pieces: pieces as unknown as PieceSnapshot[], freeRows: 1, rows: 1 };
}

const framesOf = ({ pieces }: LaneSnapshot, name: string) =>
  pieces.find((each) => each.name === name)?.edges[0]?.framesIn;

function orderFor(order: LaneOrder | undefined, name: string) {
  return order!.pieces.find(({ place }) => place.name === name)!;
}

const of = <K extends FunnelEvent['kind']>(kind: K) =>
  events.filter((each): each is Extract<FunnelEvent, { kind: K }> => each.kind === kind);

const stall = (piece: string | undefined, isSeated = true) =>
  threads.events.onStall({ piece, isSeated, workedMs: 30, waitedMs: 40 });
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const superseded = () => new PuzzleError([{ code: 'FT_CHANGE_SUPERSEDED', message: 'a newer one came' }]);
const failureOf = (piece: string | undefined, more: Partial<StartFailure> = {}): StartFailure => ({
  piece,
  fault: { code: 'FT_PIECE_START', message: 'no device' },
  error: new Error('no device'),
  ...more,
});

beforeEach(async () => {
  vi.useFakeTimers();
  threads = new ScriptedThreads();
  holder.threads = threads;
  events = [];
  lane = await startWorkerLane(puzzle(PIECES), (event) => events.push(event));
  expect(threads.story.splice(0)).toEqual(['start', 'attend']);
});
afterEach(async () => {
  const closing = lane.close();
  await pass(60_000);
  await closing;
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe('a stall', () => {
  it('ends the lane, and the next one runs without the piece, with the states of the others', async () => {
    for (const piece of ['six', 'tap']) threads.events.onMessage({ kind: 'saved', piece, saved });
    stall('tap');
    await pass(0);
    expect(threads.story).toEqual([
      'unattend',
      expect.stringMatching(/^end: .*FT_FAULT_STALL/),
      'succeed',
      'start',
      'attend',
    ]);
    const order = threads.starts[1]!;
    expect(orderFor(order, 'tap')).toMatchObject({
      initialFault: { code: 'FT_FAULT_STALL' },
      identity: 'ended tap',
      isResumed: true,
    });
    expect(orderFor(order, 'tap')).not.toHaveProperty('state');
    expect(orderFor(order, 'six')).toMatchObject({ state: saved, identity: 'six', isResumed: true });
    expect(orderFor(order, 'six')).not.toHaveProperty('initialFault');
    expect(of('fault')).toMatchObject([{ piece: 'tap', code: 'FT_FAULT_STALL' }]);
    expect(of('recovered')).toMatchObject([{ without: 'tap', stalledMs: 40, restored: [] }]);
  });

  it('reports the pieces that took their states over', async () => {
    threads.events.onMessage({ kind: 'saved', piece: 'six', saved });
    const { start } = threads;
    threads.start = async (order) => {
      threads.events.onMessage({ kind: 'restored', piece: 'six', isTaken: true });
      return start.call(threads, order);
    };
    stall('tap');
    await pass(0);
    expect(of('recovered')).toMatchObject([{ restored: ['six'] }]);
    // The next recovery counts from the beginning.
    threads.start = start;
    stall('hub');
    await pass(0);
    expect(of('recovered')[1]).toMatchObject({ without: 'hub', restored: [] });
  });

  it('comes with no state for a piece that faulted with the one it was given', async () => {
    threads.events.onMessage({ kind: 'saved', piece: 'six', saved });
    stall('tap');
    await pass(0);
    expect(orderFor(threads.starts[1], 'six')).toHaveProperty('state');
    const event = { kind: 'fault', piece: 'six', code: 'FT_FAULT_TRAP', message: 'trapped' } as const;
    threads.events.onMessage({ kind: 'event', event });
    expect(of('fault').at(-1)).toEqual(event);
    stall('hub');
    await pass(0);
    expect(orderFor(threads.starts[2], 'six')).not.toHaveProperty('state');
  });

  it('of a piece that a change would bring is logged, and blames no running piece', async () => {
    stall('tap', false);
    await pass(0);
    expect(of('log')).toMatchObject([{ piece: 'tap', level: 'error' }]);
    expect(of('fault')).toEqual([]);
    expect(of('recovered')).toHaveLength(1);
    expect(of('recovered')[0]).not.toHaveProperty('without');
    expect(orderFor(threads.starts[1], 'tap')).not.toHaveProperty('initialFault');
  });

  it('of a piece without a name is logged for the Funnel', async () => {
    stall(undefined);
    await pass(0);
    expect(of('log')).toMatchObject([{ piece: 'funnel', level: 'error' }]);
    expect(of('recovered')).toHaveLength(1);
  });

  it('while another recovery runs is part of it', async () => {
    stall('tap');
    stall('hub');
    await pass(0);
    expect(threads.starts).toHaveLength(2);
    expect(of('fault').map(({ piece }) => piece)).toEqual(['tap']);
  });

  it('keeps the counters of the ended lane, once', async () => {
    threads.onCounters = async () => snapshot({ six: 10, tap: 4 });
    expect(framesOf(await lane.counters(), 'six')).toBe(10);
    stall('hub');
    await pass(0);
    // Until the next lane reports, there is nothing to add them to.
    expect(lane.snapshot().pieces).toEqual([]);
    threads.onCounters = async () => snapshot({ six: 5, tap: 1 });
    const all = await lane.counters();
    expect([framesOf(all, 'six'), framesOf(all, 'tap')]).toEqual([15, 5]);
    expect(framesOf(lane.snapshot(), 'six')).toBe(15);
    stall('tap');
    await pass(0);
    threads.events.onMessage({ kind: 'snapshot', snapshot: snapshot({ six: 2 }) });
    expect(framesOf(lane.snapshot(), 'six')).toBe(17);
  });

  it('is counted for its piece, with its restarts', async () => {
    threads.onCounters = async () => snapshot({ six: 1 }, 3);
    stall('six');
    await pass(FIRST_RESTART_MS);
    const six = (await lane.counters()).pieces[0]!;
    expect([six.faults, six.restarts]).toEqual([4, 1]);
  });
});

describe('a lane that dies', () => {
  it('blames the piece in whose call it died', async () => {
    threads.current.monitor.piece = 'tap';
    threads.events.onDeath(new Error('exit 1'));
    await pass(0);
    expect(of('fault')).toMatchObject([{ piece: 'tap', code: 'FT_FAULT_LANE' }]);
    expect(of('recovered')).toMatchObject([{ without: 'tap', stalledMs: 0 }]);
  });

  it('outside of any call starts again: at once, then later each time, and at once after a calm minute', async () => {
    const delays: number[] = [];
    const die = async () => {
      const { length } = threads.starts;
      threads.events.onDeath(new Error('out of memory'));
      let waited = 0;
      for (await pass(0); threads.starts.length === length; waited += 100) await pass(100);
      delays.push(waited);
    };
    for (let n = 0; n < 4; n++) await die();
    await pass(CALM_MS);
    await die();
    await pass(CALM_MS + 1);
    await die();
    expect(delays).toEqual([0, 1000, 2000, 4000, 8000, 0]);
    expect(of('fault')).toEqual([]);
    expect(of('log')).toHaveLength(6);
  });

  it('after one that a piece caused starts again at once', async () => {
    threads.events.onDeath(new Error('first'));
    await pass(0);
    stall('tap');
    await pass(0);
    threads.events.onDeath(new Error('second'));
    await pass(0);
    expect(threads.starts).toHaveLength(4);
  });

  it('while another recovery runs, or once closed, changes nothing', async () => {
    stall('tap');
    threads.current.monitor.piece = 'hub';
    threads.current.monitor.isSeated = false;
    threads.events.onDeath(new Error('ended by force'));
    await pass(0);
    expect(of('log')).toEqual([]);
    const closing = lane.close();
    threads.events.onDeath(new Error('it closes'));
    stall('hub');
    await pass(10);
    await closing;
    expect(threads.starts).toHaveLength(2);
    expect(of('fault')).toHaveLength(1);
  });
});

describe('a recovery', () => {
  it('leaves out each piece that the next lane cannot start with', async () => {
    threads.failures.push(failureOf('hub'));
    stall('tap');
    await pass(0);
    expect(threads.starts).toHaveLength(3);
    expect(orderFor(threads.starts[2], 'hub')).toMatchObject({ initialFault: { code: 'FT_PIECE_START' } });
    expect(of('fault').map(({ piece }) => piece)).toEqual(['tap', 'hub']);
    expect(of('recovered')).toHaveLength(1);
  });

  it.each([
    ['a piece that is left out already', 'tap'],
    ['no piece', undefined],
  ])('waits a second where %s is to blame, and tries again', async (_, piece) => {
    threads.failures.push(failureOf(piece));
    stall('tap');
    await pass(FIRST_RESTART_MS - 1);
    expect(threads.starts).toHaveLength(2);
    await pass(1);
    expect(threads.starts).toHaveLength(3);
    expect(of('log')).toMatchObject([{ piece: 'funnel', message: 'FT_PIECE_START: no device' }]);
  });

  it('blames no piece for resources that the ended lane still holds, for half a minute', async () => {
    threads.isHeld = true;
    threads.failures.push(...Array.from({ length: 40 }, () => failureOf('hub')));
    stall('tap');
    await pass(29_000);
    expect(of('fault').map(({ piece }) => piece)).toEqual(['tap']);
    expect(threads.story.filter((each) => each === 'waits').length).toBeGreaterThan(20);
    await pass(2_000);
    expect(of('fault').map(({ piece }) => piece)).toEqual(['tap', 'hub']);
    threads.failures.length = 0;
    await pass(2_000);
    expect(of('recovered')).toHaveLength(1);
  });

  it('blames at once the piece that kept the next lane, even if the ended lane still holds resources', async () => {
    threads.isHeld = true;
    threads.failures.push(failureOf('hub', { hasStalled: true }));
    stall('tap');
    await pass(0);
    expect(of('fault').map(({ piece }) => piece)).toEqual(['tap', 'hub']);
  });

  it('ends when the Funnel is closed meanwhile', async () => {
    threads.isHeld = true;
    threads.failures.push(...Array.from({ length: 40 }, () => failureOf('hub')));
    stall('tap');
    await pass(1500);
    const closing = lane.close();
    await pass(1500);
    await closing;
    const { length } = threads.starts;
    await pass(60_000);
    expect(threads.starts).toHaveLength(length);
    expect(of('recovered')).toEqual([]);
    expect(threads.story.at(-1)).toBe('close');
  });
});

describe('a piece with the policy `restart`', () => {
  it('returns after a second by a change of the puzzle to itself, with its state', async () => {
    threads.events.onMessage({ kind: 'saved', piece: 'six', saved });
    threads.events.onMessage({ kind: 'saved', piece: 'tap', saved });
    stall('six');
    await pass(FIRST_RESTART_MS - 1);
    expect(threads.changes).toEqual([]);
    threads.onApply = async () => {
      threads.events.onMessage({ kind: 'restored', piece: 'six', isTaken: true });
      return NO_DIFFERENCE;
    };
    await pass(1);
    expect(threads.changes).toHaveLength(1);
    expect(orderFor(threads.changes[0], 'six')).toMatchObject({ state: saved, identity: 'six' });
    expect(orderFor(threads.changes[0], 'six')).not.toHaveProperty('initialFault');
    // The others run, and keep their states.
    expect(orderFor(threads.changes[0], 'tap')).not.toHaveProperty('state');
    expect(of('restarted')).toEqual([{ kind: 'restarted', piece: 'six', restored: true }]);
  });

  it('does not get a state back that it had when it stalled', async () => {
    threads.events.onMessage({ kind: 'saved', piece: 'six', saved });
    stall('six');
    threads.onApply = async () => {
      threads.events.onMessage({ kind: 'restored', piece: 'six', isTaken: true });
      return NO_DIFFERENCE;
    };
    await pass(FIRST_RESTART_MS);
    threads.onApply = async () => NO_DIFFERENCE;
    stall('six');
    await pass(2 * FIRST_RESTART_MS);
    expect(threads.changes).toHaveLength(2);
    expect(orderFor(threads.changes[1], 'six')).not.toHaveProperty('state');
    expect(of('restarted').map(({ restored }) => restored)).toEqual([true, false]);
  });

  it('keeps its state, and is due again soon, when a change overtakes it', async () => {
    threads.events.onMessage({ kind: 'saved', piece: 'six', saved });
    stall('six');
    threads.onApply = async () => {
      throw superseded();
    };
    await pass(FIRST_RESTART_MS);
    expect(of('fault')).toHaveLength(1);
    threads.onApply = async () => NO_DIFFERENCE;
    // No instance had the state: a fault that comes now is not the fault of the state.
    threads.events.onMessage({
      kind: 'event',
      event: { kind: 'fault', piece: 'six', code: 'FT_FAULT_TRAP', message: 'trapped' },
    });
    await pass(100);
    expect(threads.changes).toHaveLength(2);
    expect(orderFor(threads.changes[1], 'six')).toMatchObject({ state: saved });
    expect(of('restarted')).toHaveLength(1);
    // It was counted as one restart.
    threads.onCounters = async () => snapshot({ six: 1 });
    expect((await lane.counters()).pieces[0]!.restarts).toBe(1);
  });

  it('is lost again when the change fails for another reason, and returns later', async () => {
    stall('six');
    threads.onApply = async () => {
      throw new PuzzleError([{ code: 'FT_JOIN_REFUSED', message: 'not with you' }]);
    };
    await pass(FIRST_RESTART_MS);
    expect(of('fault')).toMatchObject([
      { piece: 'six', code: 'FT_FAULT_STALL' },
      { piece: 'six', code: 'FT_JOIN_REFUSED' },
    ]);
    threads.onApply = async () => {
      throw new Error('a mistake of the host');
    };
    await pass(2 * FIRST_RESTART_MS);
    expect(of('fault').at(-1)).toMatchObject({ piece: 'six', code: 'FT_INTERNAL' });
    threads.onApply = async () => NO_DIFFERENCE;
    await pass(4 * FIRST_RESTART_MS);
    expect(of('restarted')).toHaveLength(1);
  });

  it('reports for each return whether it took a state', async () => {
    threads.events.onMessage({ kind: 'saved', piece: 'six', saved });
    stall('six');
    threads.onApply = async () => {
      threads.events.onMessage({ kind: 'restored', piece: 'six', isTaken: true });
      throw new Error('no device');
    };
    await pass(FIRST_RESTART_MS);
    threads.onApply = async () => NO_DIFFERENCE;
    await pass(2 * FIRST_RESTART_MS);
    expect(threads.changes.map((order) => orderFor(order, 'six').state)).toEqual([saved, undefined]);
    expect(of('restarted').map(({ restored }) => restored)).toEqual([false]);
  });

  it('that stalls while it returns is lost once', async () => {
    stall('six');
    let reject = (_: Error) => {};
    threads.onApply = () =>
      new Promise((_, rejects) => {
        reject = rejects;
      });
    await pass(FIRST_RESTART_MS);
    // It does not sit yet, and is to blame all the same.
    stall('six', false);
    reject(new Error('the lane was ended'));
    await pass(0);
    expect(of('fault')).toHaveLength(2);
    expect(of('log')).toEqual([]);
    threads.onApply = async () => NO_DIFFERENCE;
    await pass(2 * FIRST_RESTART_MS - 1);
    expect(of('restarted')).toEqual([]);
    await pass(1);
    expect(of('restarted')).toHaveLength(1);
  });

  it('is not to blame for another piece that stalls while it returns, and is due again soon', async () => {
    stall('six');
    let reject = (_: Error) => {};
    threads.onApply = () =>
      new Promise((_, rejects) => {
        reject = rejects;
      });
    await pass(FIRST_RESTART_MS);
    stall('tap');
    reject(new Error('the lane was ended'));
    await pass(0);
    expect(of('fault').map(({ piece }) => piece)).toEqual(['six', 'tap']);
    threads.onApply = async () => NO_DIFFERENCE;
    await pass(100);
    expect(of('restarted')).toHaveLength(1);
  });

  it('waits for another one that returns', async () => {
    await lane.apply(puzzle({ ...PIECES, hub: { failure: 'restart' } }));
    threads.changes.length = 0;
    stall('six');
    await pass(0);
    stall('hub');
    await pass(0);
    let complete = () => {};
    threads.onApply = () =>
      new Promise((resolve) => {
        complete = () => resolve(NO_DIFFERENCE);
      });
    await pass(FIRST_RESTART_MS + 1000);
    expect(threads.changes).toHaveLength(1);
    threads.onApply = async () => NO_DIFFERENCE;
    complete();
    await pass(100);
    expect(of('restarted').map(({ piece }) => piece)).toEqual(['six', 'hub']);
  });

  it('waits for a recovery', async () => {
    stall('six');
    await pass(FIRST_RESTART_MS - 100);
    threads.failures.push(failureOf(undefined));
    stall('tap');
    await pass(FIRST_RESTART_MS - 1);
    expect(threads.changes).toEqual([]);
    await pass(101);
    expect(of('recovered')).toHaveLength(2);
    expect(of('restarted')).toHaveLength(1);
  });

  it('waits for a change that a user requested', async () => {
    stall('six');
    await pass(FIRST_RESTART_MS - 50);
    let complete = () => {};
    threads.onApply = () =>
      new Promise((resolve) => {
        complete = () => resolve(NO_DIFFERENCE);
      });
    const changing = lane.apply(puzzle(PIECES));
    await pass(1000);
    expect(threads.changes).toHaveLength(1);
    threads.onApply = async () => NO_DIFFERENCE;
    complete();
    await changing;
    await pass(100);
    expect(threads.changes).toHaveLength(2);
    expect(of('restarted')).toHaveLength(1);
  });

  it('waits for a change that fails as well', async () => {
    stall('six');
    await pass(0);
    threads.onApply = async () => {
      throw superseded();
    };
    await expect(lane.apply(puzzle(PIECES))).rejects.toThrow();
    threads.onApply = async () => NO_DIFFERENCE;
    await pass(FIRST_RESTART_MS);
    expect(of('restarted')).toHaveLength(1);
  });

  it('does not return once the Funnel is closed', async () => {
    stall('six');
    await pass(10);
    await lane.close();
    expect(vi.getTimerCount()).toBe(0);
    await pass(60_000);
    expect(threads.changes).toEqual([]);
  });
});

describe('a change', () => {
  it.each(['removed', 'added'] as const)('forgets the states of the pieces that it has %s', async (what) => {
    for (const piece of ['six', 'tap']) threads.events.onMessage({ kind: 'saved', piece, saved });
    threads.onApply = async () => ({ ...NO_DIFFERENCE, [what]: ['six'] });
    await lane.apply(puzzle(PIECES));
    stall('hub');
    await pass(0);
    const order = threads.starts[1]!;
    expect([orderFor(order, 'six').state, orderFor(order, 'tap').state]).toEqual([undefined, saved]);
  });

  it('leaves out a piece that is lost, unless it is another one now', async () => {
    stall('tap');
    await pass(0);
    await lane.apply(puzzle(PIECES));
    expect(orderFor(threads.changes[0], 'tap')).toMatchObject({ initialFault: { code: 'FT_FAULT_STALL' } });
    await lane.difference(puzzle(PIECES));
    expect(orderFor(threads.changes[1], 'tap')).toMatchObject({ initialFault: { code: 'FT_FAULT_STALL' } });
    await lane.apply(puzzle({ ...PIECES, tap: { identity: 'repaired' } }));
    expect(orderFor(threads.changes[2], 'tap')).not.toHaveProperty('initialFault');
    // Since then it runs, also in the next lane.
    stall('hub');
    await pass(0);
    expect(orderFor(threads.starts.at(-1), 'tap')).not.toHaveProperty('initialFault');
  });

  it('that is refused leaves the puzzle and the lost pieces as they were', async () => {
    stall('tap');
    await pass(0);
    threads.onApply = async () => {
      throw superseded();
    };
    await expect(lane.apply(puzzle({ six: {}, tap: { identity: 'repaired' } }))).rejects.toThrow();
    stall('hub');
    await pass(0);
    expect(threads.starts.at(-1)!.pieces).toHaveLength(3);
    expect(orderFor(threads.starts.at(-1), 'tap')).toHaveProperty('initialFault');
  });

  it.each(['removed', 'added'] as const)(
    'forgets the counters and the state of a piece that it has %s',
    async (what) => {
      threads.onCounters = async () => snapshot({ six: 10, tap: 4 });
      await lane.counters();
      for (const piece of ['six', 'tap']) threads.events.onMessage({ kind: 'saved', piece, saved });
      stall('tap');
      await pass(0);
      for (const piece of ['six', 'tap']) threads.events.onMessage({ kind: 'saved', piece, saved });
      threads.onApply = async () => ({ ...NO_DIFFERENCE, [what]: ['tap'] });
      await lane.apply(puzzle(PIECES));
      threads.onCounters = async () => snapshot({ six: 1, tap: 1 });
      const all = await lane.counters();
      expect([framesOf(all, 'six'), framesOf(all, 'tap')]).toEqual([11, 1]);
      expect(all.pieces.map(({ faults }) => faults)).toEqual([0, 0]);
      stall('hub');
      await pass(0);
      expect(orderFor(threads.starts.at(-1), 'six')).toHaveProperty('state');
      expect(orderFor(threads.starts.at(-1), 'tap')).not.toHaveProperty('state');
    },
  );

  it('waits for a recovery', async () => {
    threads.failures.push(failureOf(undefined));
    stall('tap');
    const changing = lane.apply(puzzle(PIECES));
    await pass(FIRST_RESTART_MS - 1);
    expect(threads.changes).toEqual([]);
    await pass(1);
    await changing;
    expect(threads.changes).toHaveLength(1);
  });
});

describe('the counters', () => {
  it('come from the next lane when the present one ends meanwhile', async () => {
    threads.onCounters = async () => {
      threads.onCounters = async () => snapshot({ six: 3 });
      stall('tap');
      throw new Error('the lane was ended');
    };
    const counting = lane.counters();
    await pass(0);
    expect(framesOf(await counting, 'six')).toBe(3);
  });

  it('that a lane does not return are an error', async () => {
    threads.onCounters = async () => {
      throw new Error('a mistake of the host');
    };
    await expect(lane.counters()).rejects.toThrow('a mistake of the host');
  });

  it('are the last ones once the lane is closed, and its time stands still', async () => {
    threads.last = snapshot({ six: 9 });
    await pass(5000);
    await lane.close();
    await pass(5000);
    const all = await lane.counters();
    expect(framesOf(all, 'six')).toBe(9);
    expect(all.uptimeMs).toBe(5000);
    expect(lane.snapshot()).toEqual(all);
  });
});

it('a lane that cannot be started leaves no thread', async () => {
  threads.failures.push(failureOf('six'));
  await expect(startWorkerLane(puzzle(PIECES), () => {})).rejects.toThrow('no device');
  expect(threads.story.at(-1)).toMatch(/^end: /);
});
