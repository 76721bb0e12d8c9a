import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Curve, Piece as Description } from '../../../abi/host/contract.ts';
import { PieceFault } from '../../piece/piece-fault.ts';
import { Protocols } from '../../stack/protocols.ts';
import { Lane } from '../lane.ts';
import type { PieceMaker, SavedState } from '../plan/piece-maker.ts';
import { PuzzleError } from '../plan/puzzle-error.ts';
import { checkForLeaks } from '../testing/leak-check.ts';
import { describePiece, ipv4, ipv6, ScriptedPiece, udp } from '../testing/scripted-piece.ts';
import type { LaneEvent } from './failures.ts';

checkForLeaks();

const protocols = new Protocols();
const pieces: Record<string, ScriptedPiece> = {};
let events: LaneEvent[] = [];
let saves: [string, SavedState][] = [];
let restorations: [string, boolean][] = [];
let logs: string[] = [];
let clock = 0;
let lane: Lane;

afterEach(() => {
  lane.close();
  expect(lane.frames.freeRows).toBe(lane.frames.rows);
});

describe('with the policy bypass', () => {
  it('frames go around a failed piece in both directions, including those that waited for it', async () => {
    await start([end('top', 'down', 'a'), between('middle', 'bypass'), end('bottom', 'up', 'b')]);
    pieces.middle!.takes = 1;
    pieces.middle!.onProcess = fault;
    pieces.top!.bring(0, ipv6(), ipv4(), ipv6());
    // The first frame was inside the piece.
    expect(pieces.bottom!.taken.map(({ bytes }) => bytes)).toEqual([ipv4(), ipv6()]);
    pieces.bottom!.bring(0, ipv6());
    expect(pieces.top!.taken.map(({ bytes }) => bytes)).toEqual([ipv6()]);
    const middle = lane.snapshot().pieces[1]!;
    expect(middle).toMatchObject({ state: 'failed', faults: 1, bypassed: 3, reasons: [] });
    expect(middle.edges.map(({ framesIn, framesOut }) => [framesIn, framesOut])).toEqual([
      [3, 1],
      [1, 2],
    ]);
  });

  it('two failed pieces do not send a frame round for ever', async () => {
    const ring = (name: string): PieceMaker => between(name, 'bypass', { direction: 'peer' });
    await start([ring('one'), ring('two')]);
    for (const name of ['one', 'two']) pieces[name]!.onProcess = fault;
    pieces.one!.bring(0, ipv6());
    pieces.two!.bring(0, ipv6());
    expect(lane.snapshot().pieces.map(({ state }) => state)).toEqual(['failed', 'failed']);
    pieces.one!.bring(0, ipv6());
    const reasons = lane.snapshot().pieces.flatMap((piece) => piece.reasons);
    expect(reasons.map(({ name }) => name)).toContain('hop-limit-of-the-puzzle');
  });

  it.each([
    ['whose stacks differ', { stacks: ['ip', 'ip/udp'] }, /has ip\/udp/],
    ['that encrypts', { opaque: true }, /encoded/],
    ['without Curves', { curves: [] }, /no Curve/],
    ['that makes what its neighbour needs', { makesReliable: true }, /`reliable` does not hold/],
  ] as const)('a piece is refused %s', async (_which, sketch, message) => {
    const refused = start([
      end('top', 'down', 'a', 'makesReliable' in sketch),
      between('middle', 'bypass', sketch),
      end('bottom', 'up', 'b'),
    ]);
    const error = await refused.catch((caught) => caught);
    expect(error).toBeInstanceOf(PuzzleError);
    expect(error.mistakes[0]).toMatchObject({ code: 'FT_BYPASS_IMPOSSIBLE', piece: 'middle' });
    expect(error.mistakes[0].message).toMatch(message);
  });

  it('frames cease to go around a failed piece that stays with another policy', async () => {
    const named = (each: PieceMaker): PieceMaker => ({ ...each, identity: each.place.name });
    const top = named(end('top', 'down', 'a'));
    const middle = named(between('middle', 'bypass'));
    const bottom = named(end('bottom', 'up', 'b'));
    await start([top, middle, bottom]);
    pieces.middle!.takes = 1;
    pieces.middle!.onProcess = fault;
    pieces.top!.bring(0, ipv6(), ipv6());
    await lane.apply([top, { ...middle, failure: 'closed' }, bottom]);
    pieces.top!.bring(0, ipv6());
    expect(pieces.bottom!.taken).toHaveLength(1);
    expect(lane.snapshot().pieces[1]!.reasons).toMatchObject([{ name: 'failed', frames: 1 }]);
  });

  it('frames go around a piece that must not run from the start, and no instance of it is made', async () => {
    const initialFault = { code: 'FT_FAULT_STALLED', message: 'it did not return' };
    delete pieces.middle;
    const middle = { ...between('middle', 'bypass'), initialFault };
    await start([end('top', 'down', 'a'), middle, end('bottom', 'up', 'b')]);
    pieces.top!.bring(0, ipv6());
    expect(pieces.bottom!.taken).toHaveLength(1);
    expect(pieces.middle).toBeUndefined();
    expect(lane.snapshot().pieces[1]!.fault).toBe('FT_FAULT_STALLED: it did not return');
  });
});

describe('a fault', () => {
  it('ends the frames that wait, batch and queue, as `failed`, and counts each only once on its way in', async () => {
    await start([end('top', 'down', 'a'), maker(describePiece('six', 'ip', 'up'), 'closed', { net: ['a'] })]);
    const six = pieces.six!;
    six.takes = 0;
    pieces.top!.bring(0, ...Array.from({ length: 300 }, () => ipv6()));
    six.onProcess = fault;
    six.context.wake();
    lane.run();
    const { reasons, waiting, edges } = lane.snapshot().pieces[1]!;
    expect([waiting, reasons]).toEqual([0, [expect.objectContaining({ name: 'failed', frames: 300 })]]);
    expect(edges[0]).toMatchObject({ framesIn: 300, bytesIn: 12_000 });
  });

  it('sends what waits in the queue around the piece too, with its bytes counted once', async () => {
    await start([end('top', 'down', 'a'), between('middle', 'bypass'), end('bottom', 'up', 'b')]);
    pieces.middle!.takes = 0;
    pieces.top!.bring(0, ...Array.from({ length: 300 }, () => ipv6()));
    pieces.middle!.onProcess = fault;
    pieces.middle!.context.wake();
    lane.run();
    expect(pieces.bottom!.taken).toHaveLength(300);
    const [a, b] = lane.snapshot().pieces[1]!.edges;
    expect(a).toMatchObject({ framesIn: 300, bytesIn: 12_000, framesOut: 0 });
    expect(b).toMatchObject({ framesOut: 300, bytesOut: 12_000, framesIn: 0 });
  });

  it('wakes, saves and restarts the piece no more, where the policy is `closed`', async () => {
    await start([end('top', 'down', 'a'), { ...end('six', 'up', 'a'), saveEveryMs: 1000 }]);
    const six = pieces.six!;
    six.wakeAt = 500;
    pieces.top!.bring(0, ipv6());
    six.wakeAt = Infinity;
    six.onProcess = fault;
    six.context.wake();
    lane.run();
    const calls = six.calls.length;
    for (const now of [500, 1000, 2000, 100_000]) at(now);
    expect([six.calls.length, six.renewals, six.saves, saves]).toEqual([calls, 0, 0, []]);
    expect(lane.snapshot().pieces[1]).toMatchObject({ state: 'failed', faults: 1, restarts: 0 });
  });

  it('leaves no timer behind for the times that the piece had named, where the policy is `closed`', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      await start([end('top', 'down', 'a'), { ...end('six', 'up', 'a'), saveEveryMs: 1000 }]);
      pieces.six!.wakeAt = 500;
      pieces.top!.bring(0, ipv6());
      failNow();
      for (clock = 100; clock <= 2000; clock += 100) vi.advanceTimersByTime(100);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('ends the frames that the failed call had sent, and none of them arrives', async () => {
    await start([end('top', 'down', 'a'), between('middle', 'closed'), end('bottom', 'up', 'b')]);
    pieces.middle!.onProcess = (piece, outbox) => {
      for (let n = 0; n < 3; n++) {
        const row = piece.frames.allocate(40);
        piece.frames.bytes.set(ipv6(), piece.frames.start[row]!);
        piece.frames.begin(row, piece.frames.start[row]!, 40, protocols.number('ipv6'));
        outbox.push(row, 1, 0);
      }
      fault();
    };
    pieces.top!.bring(0, ipv6());
    expect(pieces.bottom!.taken).toEqual([]);
    expect(lane.frames.freeRows).toBe(lane.frames.rows);
  });

  it('is not followed by a wake-up of the former instance, where the policy is `restart`', async () => {
    await start([end('top', 'down', 'a'), saving('six')]);
    const six = pieces.six!;
    six.wakeAt = 5000;
    pieces.top!.bring(0, ipv6());
    six.wakeAt = Infinity;
    failNow();
    at(1000);
    const calls = six.calls.length;
    expect(lane.snapshot().pieces[1]!.state).toBe('running');
    at(5000);
    // It was called for the restart, and has asked for no other call.
    expect(six.calls.length).toBe(calls);
  });

  it('of a piece that cannot be renewed is final, whatever its policy', async () => {
    await start([end('top', 'down', 'a'), saving('six')]);
    Object.assign(pieces.six!, { renew: undefined });
    failNow();
    for (const now of [1000, 10_000, 100_000]) at(now);
    expect(lane.snapshot().pieces[1]).toMatchObject({ state: 'failed', restarts: 0 });
    expect(events.map(({ kind }) => kind)).toEqual(['fault']);
  });

  it('in the call after a restart is another fault, and no restart', async () => {
    await start([end('top', 'down', 'a'), saving('six')]);
    const six = pieces.six!;
    failNow();
    six.problems = [{ message: 'no device' }];
    at(1000);
    expect(events.map(({ kind }) => kind)).toEqual(['fault', 'fault']);
    expect(lane.snapshot().pieces[1]).toMatchObject({ state: 'failed', faults: 2, restarts: 0 });
    expect(lane.snapshot().pieces[1]!.fault).toContain('after a restart: no device');
    six.problems = [];
    at(3000);
    expect(lane.snapshot().pieces[1]).toMatchObject({ state: 'running', restarts: 1 });
  });

  it('takes offers and listens back, except where frames go around the piece', async () => {
    const up = { name: 'up', value: { tag: 'yes' as const } };
    for (const failure of ['closed', 'bypass'] as const) {
      await start([end('top', 'down', 'a'), between('middle', failure), end('bottom', 'up', 'b')]);
      const { context } = pieces.middle!;
      context.offer(0, up, true);
      expect(context.listen(0, 0, 'ip/udp')).toBe(1);
      pieces.top!.bring(0, ipv4());
      expect(pieces.top!.joinings.at(-1)!.properties).toEqual([up]);
      pieces.middle!.onProcess = fault;
      context.wake();
      lane.run();
      const isOpen = () => pieces.top!.listened.findLast(([, stack]) => stack === 'ip/udp')![2];
      expect([isOpen(), pieces.top!.joinings.at(-1)!.properties]).toEqual(
        failure === 'bypass' ? [true, [up]] : [false, []],
      );
      lane.close();
    }
    await start([end('top', 'down', 'a'), end('bottom', 'up', 'a')]);
  });

  it('sends frames of a Shape from `listen` the way of the Shape that it is a case of', async () => {
    const edgeOf = (name: string, direction: 'up' | 'down', ...stacks: string[]) => ({
      ...describePiece('', 'ip', direction).edges[0]!,
      name,
      shapes: stacks.map((stack) => describePiece('', stack, direction).edges[0]!.shapes[0]!),
    });
    const curve = { fromEdge: 0, toShape: 0, opaque: false, keeps: [], overhead: 0 };
    const description: Description = {
      ...describePiece('middle', 'ip', 'up'),
      edges: [edgeOf('a', 'up', 'ipv4', 'ipv6'), edgeOf('b', 'down', 'ipv4'), edgeOf('c', 'down', 'ipv6')],
      curves: [
        { ...curve, fromShape: 0, toEdge: 1 },
        { ...curve, fromShape: 1, toEdge: 2 },
      ],
    };
    await start([
      end('top', 'down', 'a'),
      maker(description, 'bypass', { a: ['a'], b: ['b'], c: ['c'] }),
      maker(describePiece('four', 'ipv4', 'up'), 'closed', { net: ['b'] }),
      maker(describePiece('six', 'ipv6', 'up'), 'closed', { net: ['c'] }),
    ]);
    const { context } = pieces.middle!;
    expect([context.listen(0, 0, 'ipv4/udp'), context.listen(0, 1, 'ipv6/udp')]).toEqual([2, 3]);
    // These wait when the piece fails, and those below come later.
    pieces.middle!.takes = 0;
    pieces.top!.bring(0, ipv4(udp(1, 2)), ipv4(), ipv6(udp(1, 2)), ipv6());
    pieces.middle!.onProcess = fault;
    context.wake();
    lane.run();
    pieces.top!.bring(0, ipv4(udp(1, 2)), ipv4(), ipv6(udp(1, 2)), ipv6());
    expect([pieces.four!.taken.length, pieces.six!.taken.length]).toEqual([4, 4]);
  });
});

describe('a piece whose state is saved', () => {
  it('gets the state back after a fault, once', async () => {
    await start([end('top', 'down', 'a'), saving('six')]);
    const six = pieces.six!;
    six.state = Uint8Array.of(1, 2, 3);
    pieces.top!.bring(0, ipv6());
    at(999);
    expect(saves).toEqual([]);
    at(1000);
    expect(saves).toEqual([['six', { version: '1.0.0', state: six.state }]]);
    // The piece was not called since then.
    at(5000);
    expect(saves).toHaveLength(1);
    failNow();
    at(6000);
    expect(six.restored).toEqual([Uint8Array.of(1, 2, 3)]);
    expect(events.at(-1)).toEqual({ kind: 'restarted', piece: 'six', restored: true });
    expect(restorations).toEqual([['six', true]]);
    failNow();
    at(8000);
    expect(six.restored).toHaveLength(1);
    expect(events.at(-1)).toEqual({ kind: 'restarted', piece: 'six', restored: false });
    expect(lane.snapshot().pieces[1]).toMatchObject({ faults: 2, restarts: 2, state: 'running' });
  });

  it('begins without a state when it refuses it', async () => {
    await start([end('top', 'down', 'a'), saving('six')]);
    pieces.top!.bring(0, ipv6());
    at(1000);
    pieces.six!.restoreRefusal = { message: 'too old' };
    failNow();
    at(2000);
    expect(pieces.six!.renewals).toBe(2);
    expect(logs.at(-1)).toMatch(/too old/);
    expect(events.at(-1)).toEqual({ kind: 'restarted', piece: 'six', restored: false });
    expect(restorations).toEqual([['six', false]]);
    expect(lane.snapshot().pieces[1]!.state).toBe('running');
  });

  it('takes a state from another lane, or begins without one', async () => {
    const state = { version: '0.9.0', state: Uint8Array.of(7) };
    await start([end('top', 'down', 'a'), { ...saving('six'), state }]);
    expect(pieces.six!.restored).toEqual([Uint8Array.of(7)]);
    expect(restorations).toEqual([['six', true]]);
    lane.close();
    const makes: ScriptedPiece[] = [];
    const stubborn = saving('six');
    await start([
      end('top', 'down', 'a'),
      {
        ...stubborn,
        state,
        make: (...given) => {
          const piece = stubborn.make(...given) as ScriptedPiece;
          piece.restoreRefusal = { message: 'not mine' };
          makes.push(piece);
          return piece;
        },
      },
    ]);
    expect(restorations).toEqual([['six', false]]);
    expect(makes.map(({ closes, restored }) => [closes, restored.length])).toEqual([
      [1, 1],
      [0, 0],
    ]);
    pieces.top!.bring(0, ipv6());
    expect(makes[1]!.taken).toHaveLength(1);
  });
});

function at(now: number): void {
  clock = now;
  lane.run();
}

function failNow(): void {
  pieces.six!.onProcess = fault;
  pieces.top!.bring(0, ipv6());
  pieces.six!.onProcess = undefined;
}

function fault(): never {
  throw new PieceFault('FT_FAULT_TRAP', 'it trapped');
}

async function start(makers: PieceMaker[]): Promise<void> {
  clock = 0;
  events = [];
  saves = [];
  restorations = [];
  logs = [];
  lane = new Lane({
    protocols,
    now: () => clock,
    onEvent: (event) => events.push(event),
    onLog: ({ message }) => logs.push(message),
    onSave: (piece, saved) => saves.push([piece, saved]),
    onRestore: (piece, isTaken) => restorations.push([piece, isTaken]),
  });
  await lane.start(makers);
}

function saving(name: string): PieceMaker {
  return { ...end(name, 'up', 'a'), failure: 'restart', saveEveryMs: 1000 };
}

function end(name: string, direction: 'up' | 'down', network: string, needsReliable = false): PieceMaker {
  const description = describePiece(name, 'ip', direction);
  if (needsReliable) return maker(wishing(description, 'required'), 'closed', { net: [network] });
  return maker(description, 'closed', { net: [network] });
}

/** A piece that forwards all frames between the networks `a` and `b`. */
function between(
  name: string,
  failure: PieceMaker['failure'],
  sketch: {
    stacks?: readonly [string, string];
    opaque?: boolean;
    curves?: readonly Curve[];
    makesReliable?: boolean;
    direction?: 'peer';
  } = {},
): PieceMaker {
  const { stacks = ['ip', 'ip'], opaque = false, direction } = sketch;
  const curve = { fromEdge: 0, fromShape: 0, toEdge: 1, toShape: 0, opaque, keeps: [], overhead: 0 };
  const description: Description = {
    ...describePiece(name, 'ip', 'up'),
    edges: [
      { ...describePiece('', stacks[0], direction ?? 'up').edges[0]!, name: 'a' },
      { ...describePiece('', stacks[1], direction ?? 'down').edges[0]!, name: 'b' },
    ],
    curves: [...(sketch.curves ?? [curve])],
  };
  const whole = sketch.makesReliable === true ? wishing(description, 'available') : description;
  return maker(whole, failure, { a: ['a'], b: ['b'] });
}

/** The same piece, which requires `reliable` on its first Edge. */
function wishing(description: Description, wish: 'required' | 'available'): Description {
  const [first, ...others] = description.edges;
  const property = { name: 'reliable', value: { tag: 'yes' as const } };
  const shapes = first!.shapes.map((shape) => ({ ...shape, properties: [{ wish, property }] }));
  return { ...description, edges: [{ ...first!, shapes }, ...others] };
}

function maker(
  description: Description,
  failure: PieceMaker['failure'],
  edges: Record<string, string[]>,
): PieceMaker {
  const { name } = description;
  return {
    place: { name, description, edges: new Map(Object.entries(edges)) },
    kind: 'native',
    failure,
    make(context, frames) {
      const piece = new ScriptedPiece(description, context, frames, protocols);
      pieces[name] = piece;
      return piece;
    },
  };
}
