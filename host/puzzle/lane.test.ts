import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Shape } from '../../abi/host/contract.ts';
import { Frames } from '../frame/frames.ts';
import { PieceFault } from '../piece/piece-fault.ts';
import { Protocols } from '../stack/protocols.ts';
import { Lane } from './lane.ts';
import type { PieceMaker } from './plan/piece-maker.ts';
import { PuzzleError } from './plan/puzzle-error.ts';
import type { LaneEvent } from './runtime/failures.ts';
import { checkForLeaks } from './testing/leak-check.ts';
import { describePiece, ipv4, ipv6, ScriptedPiece, udp } from './testing/scripted-piece.ts';

checkForLeaks();

const protocols = new Protocols();
let lane: Lane;
let clock = 0;
let events: LaneEvent[];
let logs: string[];
let pieces: Record<string, ScriptedPiece>;

afterEach(() => {
  lane.close();
  // Every frame was released, whatever happened.
  expect(lane.frames.freeRows).toBe(lane.frames.rows);
});

describe('a lane', () => {
  it('brings frames from one piece to the one whose Shape matches, and back', async () => {
    await start({ tun: ['ip', 'down'], six: ['ipv6', 'up'] });
    pieces.tun!.bring(0, ipv6());
    expect(pieces.six!.taken).toHaveLength(1);
    expect(pieces.six!.taken[0]!.bytes).toEqual(ipv6());
    pieces.six!.bring(0, ipv6());
    expect(pieces.tun!.taken).toHaveLength(1);
    const [tun, six] = lane.snapshot().pieces;
    expect(tun!.edges[0]).toMatchObject({
      framesIn: 1,
      bytesIn: 40,
      framesOut: 1,
      bytesOut: 40,
      network: 'lan',
    });
    expect(six!.edges[0]).toMatchObject({ framesIn: 1, framesOut: 1 });
  });

  it('counts frames that match nothing, by name, at their sender', async () => {
    await start({ tun: ['ip', 'down'], six: ['ipv6', 'up'] });
    pieces.tun!.bring(0, ipv4());
    pieces.tun!.bring(0, [0x60, 1, 2, 3]);
    expect(pieces.six!.taken).toHaveLength(0);
    const { reasons } = lane.snapshot().pieces[0]!;
    expect(reasons.find(({ name }) => name === 'no-match')?.frames).toBe(1);
    expect(reasons.find(({ name }) => name.startsWith('ipv6-'))?.frames).toBe(1);
  });

  it('gives a frame to the Shape that strictly extends another', async () => {
    await start({ tun: ['ip', 'down'], general: ['ipv6', 'up'], special: ['ipv6/udp/local:7', 'up'] });
    pieces.tun!.bring(0, ipv6(udp(9, 7)), ipv6(udp(7, 9)), ipv6());
    expect([pieces.general!.taken.length, pieces.special!.taken.length]).toEqual([2, 1]);
  });

  it('copies where the network says so, with one row for all receivers', async () => {
    await start({ tun: ['ip', 'down'], one: ['ipv6', 'up'], two: ['ipv6', 'up'] }, { copies: true });
    pieces.tun!.bring(0, ipv6());
    expect([pieces.one!.taken.length, pieces.two!.taken.length]).toEqual([1, 1]);
  });

  it.each([
    ['one after the other', ['one', 'one', 'two']],
    ['with another Edge in between', ['one', 'two', 'one']],
  ])('copies once for an Edge that listens twice on one stack, %s', async (_, order) => {
    await start(
      { tun: ['ip', 'up'], one: ['ip/udp/*', 'down'], two: ['ip/udp/*', 'down'] },
      { copies: true },
    );
    for (const name of order)
      expect(pieces[name]!.context.listen(0, 0, 'ip/udp/local:7')).toBeTypeOf('number');
    pieces.tun!.bring(0, ipv6(udp(9, 7)), ipv6(udp(7, 9)));
    expect([pieces.one!.taken.length, pieces.two!.taken.length]).toEqual([1, 1]);
  });

  it('keeps a frame for the others when the first of several cannot take it', async () => {
    await start({ tun: ['ip', 'down'], one: ['ipv6', 'up'], two: ['ipv6', 'up'] }, { copies: true });
    const fail = () => {
      throw new PieceFault('FT_FAULT_FUEL', 'out of fuel');
    };
    pieces.one!.onProcess = fail;
    pieces.tun!.bring(0, ipv6());
    pieces.tun!.bring(0, ipv6());
    expect(pieces.two!.taken.map(({ bytes }) => bytes)).toEqual([ipv6(), ipv6()]);
    pieces.two!.onProcess = fail;
    pieces.tun!.bring(0, ipv6());
    pieces.tun!.bring(0, ipv6());
    expect(
      lane.snapshot().pieces.map(({ reasons }) => reasons.map(({ name, frames }) => [name, frames])),
    ).toEqual([[], [['failed', 3]], [['failed', 1]]]);
  });

  it('refuses Shapes that match the same frames, and undoes everything', async () => {
    const error = await start({ tun: ['ip', 'down'], one: ['ipv6', 'up'], two: ['ipv6', 'up'] }).catch(
      (caught) => caught,
    );
    expect(error).toBeInstanceOf(PuzzleError);
    expect(error.mistakes).toMatchObject([{ code: 'FT_JOINT_AMBIGUOUS', piece: 'two', network: 'lan' }]);
  });

  it('drops frames that go in circles', async () => {
    const circle = { a: ['ip', 'peer'], b: ['ip', 'peer'] } as const;
    await start(circle);
    for (const piece of Object.values(pieces)) piece.forwardTo = 0;
    pieces.a!.bring(0, ipv6());
    const passed = pieces.a!.taken.length + pieces.b!.taken.length;
    expect(passed).toBe(65);
    const counts = lane.snapshot().pieces.flatMap((piece) => piece.reasons);
    expect(counts).toEqual([
      {
        name: 'hop-limit-of-the-puzzle',
        frames: 1,
        loss: true,
        summary: 'The frame had passed 64 pieces, so it seems to go in circles.',
      },
    ]);
  });

  it('ignores Curves when it delivers, so a piece with wrong Curves misleads only itself', async () => {
    const liar = describePiece('liar', 'ip', 'up');
    const edge = (name: string) => ({ ...liar.edges[0]!, name });
    const down = { ...liar.edges[0]!.shapes[0]!, direction: 'down' as const };
    const description = {
      ...liar,
      edges: [edge('a'), { ...edge('b'), shapes: [down] }, { ...edge('c'), shapes: [down] }],
      // Its description says that frames from `a` go to `b` unchanged, but it sends them to `c`.
      curves: [
        {
          fromEdge: 0,
          fromShape: 0,
          toEdge: 1,
          toShape: 0,
          opaque: false,
          keeps: ['reliable', 'size', 'up'],
          overhead: 0,
        },
      ],
    };
    lane = new Lane({ protocols, now: () => clock });
    const place = (name: string, described: typeof liar, edges: Record<string, string>): PieceMaker => ({
      place: {
        name,
        description: described,
        edges: new Map(Object.entries(edges).map(([each, network]) => [each, [network]])),
      },
      kind: 'native',
      failure: 'closed',
      make: (context, frames) => (pieces[name] = new ScriptedPiece(described, context, frames, protocols)),
    });
    await lane.start([
      place('tun', describePiece('tun', 'ip', 'down'), { net: 'a' }),
      place('liar', description, { a: 'a', b: 'b', c: 'c' }),
      place('one', describePiece('one', 'ip', 'up'), { net: 'b' }),
      place('two', describePiece('two', 'ip', 'up'), { net: 'c' }),
    ]);
    pieces.liar!.forwardTo = 2;
    pieces.tun!.bring(0, ipv6(), ipv6());
    expect(pieces.two!.taken.map(({ bytes }) => bytes)).toEqual([ipv6(), ipv6()]);
    expect(pieces.one!.taken).toEqual([]);
    expect(lane.snapshot().pieces.flatMap(({ reasons }) => reasons)).toEqual([]);
  });

  it('drops and counts frames at a full inbox, and keeps those that fit', async () => {
    await start({ tun: ['ip', 'down'], six: ['ipv6', 'up'] });
    pieces.six!.takes = 0;
    pieces.tun!.bring(0, ...Array.from({ length: 1030 }, () => ipv6()));
    const six = lane.snapshot().pieces[1]!;
    expect(six.waiting).toBe(1024);
    expect(six.reasons).toMatchObject([{ name: 'queue-full', frames: 6, loss: true }]);
  });

  it('calls a piece at its wake-up time, and not before', async () => {
    await start({ tun: ['ip', 'down'], six: ['ipv6', 'up'] });
    pieces.six!.wakeAt = 500;
    pieces.tun!.bring(0, ipv6());
    const calls = pieces.six!.calls.length;
    pieces.six!.wakeAt = Infinity;
    clock = 499;
    lane.run();
    expect(pieces.six!.calls.length).toBe(calls);
    clock = 500;
    lane.run();
    expect(pieces.six!.calls.slice(calls)).toEqual([500]);
    clock = 5000;
    lane.run();
    expect(pieces.six!.calls.length).toBe(calls + 1);
  });

  it('counts the frames that a call takes and those that it sends against the length of a turn', async () => {
    await start({ one: ['ip', 'peer'], two: ['ip', 'peer'] }, {}, 'closed', () => {}, 255);
    const { one, two } = pieces;
    const all = [one!, two!];
    const callsOf = () => all.reduce((sum, { calls }) => sum + calls.length, 0);
    for (const piece of all) piece.takes = 0;
    for (const piece of all) piece.bring(0, ...Array.from({ length: 256 }, () => ipv6()));
    for (const piece of all) Object.assign(piece, { takes: 100, forwardTo: 0 });
    const before = callsOf();
    lane.run();
    // Each call takes 100 of the frames that wait, and sends them back: 16384 = 81.5 × 201.
    expect(callsOf() - before).toBe(82);
    for (const piece of all) Object.assign(piece, { takes: Infinity, forwardTo: undefined });
    lane.run();
    expect(all.map(({ taken }) => taken.length).reduce((sum, each) => sum + each, 0)).toBe(82 * 100 + 512);
  });

  it('reports a status in time, whatever else it waits for', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      await start({ tun: ['ip', 'down'], six: ['ipv6', 'up'] });
      const { six, tun } = pieces;
      const statuses = () => events.flatMap((each) => (each.kind === 'status' ? [each.summary] : []));
      const report = (summary: string) => six!.context.status({ health: 'good', summary, facts: {} });
      six!.onProcess = () => report(`call ${six!.calls.length}`);
      for (const afterMs of [Infinity, 100, 5000]) {
        six!.wakeAt = clock + afterMs;
        tun!.bring(0, ipv6());
        six!.wakeAt = Infinity;
        const until = clock + 6000;
        for (; clock < until; clock += 50) vi.advanceTimersByTime(50);
        expect(statuses().at(-1)).toBe(`call ${six!.calls.length}`);
        expect(vi.getTimerCount()).toBe(0);
      }
      // It was called when it joined, for three frames, and at the two times.
      expect(six!.calls).toEqual([0, 0, 6000, 6100, 12_000, 17_000]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('has one timer, for the earliest time, and none once it is closed', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      await start({ tun: ['ip', 'down'], six: ['ipv6', 'up'] });
      const { six, tun } = pieces;
      for (const at of [5000, 800, 6000, 300, 900]) {
        six!.wakeAt = at;
        tun!.bring(0, ipv6());
        expect(vi.getTimerCount()).toBe(1);
      }
      const calls = six!.calls.length;
      six!.wakeAt = 2000;
      // Each timer that fires too early finds nothing due.
      for (clock = 100; clock < 900; clock += 100) vi.advanceTimersByTime(100);
      expect(six!.calls.length).toBe(calls);
      for (; clock <= 1200; clock += 100) vi.advanceTimersByTime(100);
      expect([six!.calls.length, vi.getTimerCount()]).toEqual([calls + 1, 1]);
      // The first piece of the lane has its time, too.
      tun!.wakeAt = clock + 200;
      six!.bring(0, ipv6());
      tun!.wakeAt = Infinity;
      const before = tun!.calls.length;
      for (const until = clock + 300; clock <= until; clock += 100) vi.advanceTimersByTime(100);
      expect(tun!.calls.length).toBe(before + 1);
      lane.close();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('notifies the others of an offer, and of its end', async () => {
    await start({ tun: ['ip', 'down'], six: ['ipv6', 'up'] });
    const address = { name: 'address', value: { tag: 'text', val: 'fc64::1/114' } } as const;
    pieces.six!.onProcess = (piece) => piece.context.offer(0, address, true);
    pieces.tun!.bring(0, ipv6());
    expect(pieces.tun!.joinings.at(-1)).toMatchObject({ joint: 'lan', properties: [address] });
    const before = pieces.tun!.joinings.length;
    pieces.tun!.bring(0, ipv6());
    expect(pieces.tun!.joinings.length).toBe(before);
    pieces.six!.onProcess = (piece) => piece.context.offer(0, address, false);
    pieces.tun!.bring(0, ipv6());
    expect(pieces.tun!.joinings.at(-1)).toMatchObject({ properties: [] });
  });

  it('closes the port again of a Shape from `listen` for which no protocol number is left', async () => {
    const own = new Protocols();
    for (let id = 0; own.count < 0xffff - 1; id++) own.intern('ethertype', id);
    clock = 0;
    lane = new Lane({ protocols: own, now: () => clock });
    const made: Record<string, ScriptedPiece> = {};
    const maker = (name: string, direction: 'up' | 'down'): PieceMaker => {
      const description = describePiece(name, 'ipv4', direction);
      return {
        place: { name, description, edges: new Map([['net', ['lan']]]) },
        kind: 'native',
        failure: 'closed',
        make: (context, frames) => {
          made[name] = new ScriptedPiece(description, context, frames, own);
          return made[name];
        },
      };
    };
    await lane.start([maker('tun', 'down'), maker('four', 'up')]);
    const listen = (text: string) => made.four!.context.listen(0, 0, text);
    const results = ['ipv4/201', 'ipv4/202', 'ipv4/203', 'ipv4/204'].map(listen);
    const refused = results.findIndex((each) => typeof each !== 'number');
    expect(refused).toBeGreaterThan(0);
    expect(results[refused]).toEqual({
      message: expect.stringContaining('protocol numbers of the lane are in use'),
    });
    const open = made.tun!.listened.filter(([, stack]) => stack === `ipv4/20${refused + 1}`);
    expect(open.map(([, , isOpen]) => isOpen)).toEqual([true, false]);
    expect(listen('ipv4/udp')).toBeTypeOf('number');
  });

  it('opens, refuses and closes Shapes from `listen`', async () => {
    await start({ phone: ['ipv4/udp/*', 'down'], udp: ['ip/udp', 'up'] });
    const { phone, udp: socket } = pieces;
    const { context } = phone!;
    expect(context.listen(0, 0, 'ipv6/udp/local:5')).toMatchObject({
      message: expect.stringContaining('not a case of'),
    });
    expect(context.listen(0, 0, 'ipv4/udp/::')).toHaveProperty('message');
    expect(context.listen(3, 0, 'ipv4/udp/local:5')).toHaveProperty('message');
    socket!.bring(0, ipv4(udp(9, 5)));
    expect(phone!.taken).toHaveLength(0);
    const shape = context.listen(0, 0, 'ipv4/udp/local:5');
    expect(shape).toBe(1);
    expect(socket!.listened.at(-1)).toEqual([0, 'ipv4/udp/local:5', true]);
    socket!.bring(0, ipv4(udp(9, 5)), ipv4(udp(5, 9)));
    expect(phone!.taken).toMatchObject([{ edge: 0, shape: 1 }]);
    socket!.listenRefusal = { message: 'port 6 is in use' };
    expect(context.listen(0, 0, 'ipv4/udp/local:6')).toEqual({ message: 'port 6 is in use' });
    context.unlisten(0, 1);
    expect(socket!.listened.at(-1)).toEqual([0, 'ipv4/udp/local:5', false]);
    socket!.bring(0, ipv4(udp(9, 5)));
    expect(phone!.taken).toHaveLength(1);
  });

  it('isolates a fault, and restarts its piece with doubling delays', async () => {
    await start({ tun: ['ip', 'down'], six: ['ipv6', 'up'], four: ['ipv4', 'up'] }, {}, 'restart');
    let isBad = true;
    pieces.six!.onProcess = () => {
      if (isBad) throw new PieceFault('FT_FAULT_TRAP', 'unreachable');
    };
    clock = 10;
    pieces.tun!.bring(0, ipv6(), ipv4(), ipv6());
    expect(events).toMatchObject([{ kind: 'fault', piece: 'six', code: 'FT_FAULT_TRAP' }]);
    expect(lane.snapshot().pieces[1]).toMatchObject({ state: 'failed', fault: 'FT_FAULT_TRAP: unreachable' });
    expect(pieces.four!.taken).toHaveLength(1);
    pieces.tun!.bring(0, ipv6(), ipv4());
    expect(pieces.four!.taken).toHaveLength(2);
    const failures: number[] = [];
    for (clock = 11; clock < 40_000; clock++) {
      const before = events.length;
      lane.run();
      if (events.slice(before).some((event) => event.kind === 'fault')) failures.push(clock);
    }
    expect(failures).toEqual([1010, 3010, 7010, 15_010, 31_010]);
    isBad = false;
    clock = 61_010;
    lane.run();
    expect(lane.snapshot().pieces[1]!.state).toBe('running');
    pieces.tun!.bring(0, ipv6());
    expect(pieces.six!.taken.length).toBeGreaterThan(0);
  });

  it.each([
    ['exactly a calm minute', 60_000, 2000],
    ['more than a calm minute', 60_001, 1000],
  ])('restarts after %s with the delay that belongs to it', async (_, calm, delay) => {
    await start({ tun: ['ip', 'down'], six: ['ipv6', 'up'] }, {}, 'restart');
    const fail = () => {
      pieces.six!.onProcess = () => {
        throw new PieceFault('FT_FAULT_TRAP', 'unreachable');
      };
      pieces.tun!.bring(0, ipv6());
      pieces.six!.onProcess = undefined;
    };
    const isRunning = (now: number) => {
      clock = now;
      lane.run();
      return lane.snapshot().pieces[1]!.state === 'running';
    };
    clock = 10;
    fail();
    expect([isRunning(1009), isRunning(1010)]).toEqual([false, true]);
    clock = 1010 + calm;
    fail();
    expect([isRunning(1010 + calm + delay - 1), isRunning(1010 + calm + delay)]).toEqual([false, true]);
    // The next delay is twice as long as this one.
    fail();
    const from = 1010 + calm + delay;
    expect([isRunning(from + 2 * delay - 1), isRunning(from + 2 * delay)]).toEqual([false, true]);
  });

  it('keeps a piece closed after a fault by default', async () => {
    await start({ tun: ['ip', 'down'], six: ['ipv6', 'up'] });
    pieces.six!.onProcess = () => {
      throw new PieceFault('FT_FAULT_FUEL', 'out of fuel');
    };
    pieces.tun!.bring(0, ipv6());
    clock = 1e9;
    lane.run();
    pieces.tun!.bring(0, ipv6());
    const six = lane.snapshot().pieces[1]!;
    expect(six.state).toBe('failed');
    expect(six.reasons).toMatchObject([{ name: 'failed', frames: 1, loss: true }]);
    expect(pieces.six!.renewals).toBe(0);
  });

  it.each([
    [
      'start',
      (piece: ScriptedPiece) => piece.problems.push({ setting: 'port', message: 'must be even' }),
      'FT_PIECE_START',
    ],
    [
      'accepts',
      (piece: ScriptedPiece) => Object.assign(piece, { refusal: { message: 'not with you' } }),
      'FT_JOIN_REFUSED',
    ],
    [
      'listening',
      (piece: ScriptedPiece) => Object.assign(piece, { listenRefusal: { message: 'in use' } }),
      'FT_LISTEN_REFUSED',
    ],
  ] as const)('undoes everything when a piece says no in `%s`', async (_call, spoil, code) => {
    const error = await start({ tun: ['ip', 'down'], six: ['ipv6', 'up'] }, {}, 'closed', (piece) => {
      if (piece.description.name === 'six') spoil(piece);
    }).catch((caught) => caught);
    expect(error).toBeInstanceOf(PuzzleError);
    expect(error.mistakes[0]).toMatchObject({ code, piece: 'six' });
    expect([pieces.tun!.closes, pieces.six!.closes]).toEqual([1, 1]);
    expect(pieces.tun!.calls).toEqual([]);
  });
});

type Sketch = Readonly<Record<string, readonly [stack: string, direction: Shape['direction']]>>;

/** Starts a puzzle of pieces with one Edge each, all on the network `lan`. */
async function start(
  sketch: Sketch,
  { copies = false } = {},
  failure: PieceMaker['failure'] = 'closed',
  prepare: (piece: ScriptedPiece) => void = () => {},
  maxHops?: number,
): Promise<void> {
  clock = 0;
  events = [];
  logs = [];
  pieces = {};
  lane = new Lane({
    frames: new Frames({ smallRows: 2048, largeRows: 2 }),
    protocols,
    now: () => clock,
    onEvent: (event) => events.push(event),
    onLog: ({ message }) => logs.push(message),
    ...(maxHops === undefined ? {} : { maxHops }),
  });
  const makers = Object.entries(sketch).map(([name, [stack, direction]]): PieceMaker => {
    const description = describePiece(name, stack, direction);
    return {
      place: { name, description, edges: new Map([['net', ['lan']]]) },
      kind: 'native',
      failure,
      make: (context, frames) => {
        pieces[name] = new ScriptedPiece(description, context, frames, protocols);
        prepare(pieces[name]);
        return pieces[name];
      },
    };
  });
  await lane.start(makers, new Map([['lan', { copies }]]));
}
