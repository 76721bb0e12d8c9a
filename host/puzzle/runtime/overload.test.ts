import { afterEach, describe, expect, it } from 'vitest';
import type { Piece as Description } from '../../../abi/host/contract.ts';
import { PieceFault } from '../../piece/piece-fault.ts';
import { Protocols } from '../../stack/protocols.ts';
import { Lane } from '../lane.ts';
import type { PieceMaker } from '../plan/piece-maker.ts';
import { checkForLeaks } from '../testing/leak-check.ts';
import { describePiece, ipv4, ipv6, ScriptedPiece, udp } from '../testing/scripted-piece.ts';

checkForLeaks();

const protocols = new Protocols();
const pieces: Record<string, ScriptedPiece> = {};
let lane: Lane;

afterEach(() => {
  lane.close();
  expect(lane.frames.freeRows).toBe(lane.frames.rows);
});

describe('under overload', () => {
  it('a flood on one Edge leaves another its share, and losses are counted by Edge', async () => {
    await startTwoSources();
    let taken = 0;
    for (let tick = 0; tick < 20; tick++) {
      // The piece takes 100 frames in a tick, and gets ten times as many.
      pieces.flood!.bring(0, ...Array.from({ length: 960 }, () => ipv6()));
      pieces.quiet!.bring(0, ...Array.from({ length: 40 }, () => ipv4()));
      taken += 100;
      work(100);
      expect(pieces.both!.taken.length).toBe(taken);
    }
    work(Infinity);
    const byEdge = [0, 1].map((edge) => pieces.both!.taken.filter((frame) => frame.edge === edge).length);
    expect(byEdge[1]).toBe(20 * 40);
    const [flood, quiet] = lane.snapshot().pieces[2]!.edges;
    expect(quiet!.framesRefused).toBe(0);
    expect(flood).toMatchObject({ framesIn: byEdge[0], framesRefused: 20 * 960 - byEdge[0]! });
  });

  it('two floods get equal bytes', async () => {
    await startTwoSources();
    const bytes = [0, 0];
    for (let tick = 0; tick < 30; tick++) {
      pieces.flood!.bring(0, ...Array.from({ length: 300 }, () => ipv6(Array(160).fill(0))));
      pieces.quiet!.bring(0, ...Array.from({ length: 300 }, () => ipv4()));
      const before = pieces.both!.taken.length;
      work(100);
      if (tick < 5) continue;
      for (const frame of pieces.both!.taken.slice(before)) bytes[frame.edge]! += frame.bytes.length;
    }
    expect(bytes[0]! / bytes[1]!).toBeGreaterThan(0.9);
    expect(bytes[0]! / bytes[1]!).toBeLessThan(1.1);
  });

  it('senders are notified once that there is no room, and once that there is room again', async () => {
    await startTwoSources();
    for (let n = 0; n < 3; n++) pieces.flood!.bring(0, ...Array.from({ length: 500 }, () => ipv6()));
    expect(pieces.flood!.readies).toEqual([[0, false]]);
    expect(pieces.quiet!.readies).toEqual([]);
    work(300);
    expect(pieces.flood!.readies).toEqual([[0, false]]);
    work(600);
    expect(pieces.flood!.readies).toEqual([
      [0, false],
      [0, true],
    ]);
  });

  it('a frame that can only go to a full Edge is dropped before it is parsed', async () => {
    await startTwoSources();
    pieces.flood!.bring(0, ...Array.from({ length: 1025 }, () => ipv6()));
    const broken = [0x60, 1, 2, 3];
    pieces.flood!.bring(0, broken);
    expect(lane.snapshot().pieces[2]!.edges[0]!.framesRefused).toBe(2);
    expect(lane.snapshot().pieces[0]!.reasons).toEqual([]);
    work(Infinity);
    pieces.flood!.bring(0, broken);
    expect(lane.snapshot().pieces[0]!.reasons).toMatchObject([{ frames: 1 }]);
  });

  it('a receiver that joins on the network of a full Edge gets its frames', async () => {
    await startTwoSources();
    const fill = (): void => pieces.flood!.bring(0, ...Array.from({ length: 1100 }, () => ipv6()));
    fill();
    await lane.apply([
      maker('flood', end('flood', 'ipv6'), { net: ['f'] }),
      maker('quiet', end('quiet', 'ipv4'), { net: ['q'] }),
      maker('both', two, { a: ['f'], b: ['q'] }),
      maker('web', describePiece('web', 'ipv6/udp/local:80', 'up'), { net: ['f'] }),
    ]);
    pieces.flood!.bring(0, ipv6(udp(80, 9)), ipv6(), ipv6(udp(80, 9)));
    expect(pieces.web!.taken).toHaveLength(2);
    // The same without a change: a piece that listens takes its frames away from the full Edge.
    await lane.apply([
      maker('flood', end('flood', 'ipv6'), { net: ['f'] }),
      maker('quiet', end('quiet', 'ipv4'), { net: ['q'] }),
      maker('both', two, { a: ['f'], b: ['q'] }),
      maker('phone', describePiece('phone', 'ipv6/udp/*', 'up'), { net: ['f'] }),
    ]);
    fill();
    pieces.flood!.bring(0, ipv6(udp(81, 9)));
    const shape = pieces.phone!.context.listen(0, 0, 'ipv6/udp/local:81');
    pieces.flood!.bring(0, ipv6(udp(81, 9)));
    expect(pieces.phone!.taken).toHaveLength(1);
    pieces.phone!.context.unlisten(0, shape as number);
    pieces.flood!.bring(0, ipv6(udp(81, 9)));
    expect(pieces.phone!.taken).toHaveLength(1);
    expect(lane.snapshot().pieces[2]!.edges[0]!.framesRefused).toBeGreaterThan(0);
  });

  it('the only receiver of each direction counts: an Edge that is full takes no frames away from another', async () => {
    const shape = (stack: string, direction: 'up' | 'down') =>
      describePiece('', stack, direction).edges[0]!.shapes[0]!;
    const shapes = [shape('ipv6', 'down'), shape('ipv4', 'up')];
    const mixed = describePiece('mixed', 'ip', 'down');
    lane = new Lane({ protocols, now: () => 0 });
    await lane.start([
      maker('mixed', { ...mixed, edges: [{ ...mixed.edges[0]!, shapes }] }, { net: ['f'] }),
      maker('six', describePiece('six', 'ipv6', 'up'), { net: ['f'] }),
      maker('four', describePiece('four', 'ipv4', 'down'), { net: ['f'] }),
    ]);
    const { six, four } = pieces;
    six!.takes = 0;
    pieces.mixed!.bring(0, ...Array.from({ length: 1100 }, () => ipv6()));
    pieces.mixed!.bringBy(0, 1, ipv4(), ipv4());
    pieces.mixed!.bring(0, ipv6());
    expect(four!.taken).toHaveLength(2);
    expect(lane.snapshot().pieces.map(({ edges }) => edges[0]!.framesRefused)).toEqual([0, 77, 0]);
  });

  it('a piece is not notified of its own full Edge', async () => {
    const shape = (direction: 'up' | 'down') => describePiece('', 'ip', direction).edges[0]!.shapes[0]!;
    const both = describePiece('both', 'ip', 'up');
    const shapes = [shape('up'), { ...shape('down'), stack: 'arp' }];
    lane = new Lane({ protocols, now: () => 0 });
    await lane.start([
      maker('flood', end('flood', 'ipv6'), { net: ['f'] }),
      maker('both', { ...both, edges: [{ ...both.edges[0]!, shapes }] }, { net: ['f'] }),
      maker('arp', describePiece('arp', 'arp', 'up'), { net: ['f'] }),
    ]);
    pieces.both!.takes = 0;
    pieces.flood!.bring(0, ...Array.from({ length: 1100 }, () => ipv6()));
    expect(pieces.flood!.readies).toEqual([[0, false]]);
    expect(pieces.both!.readies).toEqual([]);
  });

  it('a successor with fewer Edges has all the room for those that remain', async () => {
    const names = ['a', 'b', 'c'];
    const edges = names.map((name) => ({ ...two.edges[0]!, name }));
    const sources = names.map((name) => maker(name, end(name, 'ipv6'), { net: [name] }));
    const joined = (count: number) => Object.fromEntries(names.slice(0, count).map((name) => [name, [name]]));
    lane = new Lane({ protocols, now: () => 0 });
    await lane.start([...sources, maker('three', { ...two, edges }, joined(3))]);
    await lane.apply([
      ...sources.slice(0, 2),
      { ...maker('three', { ...two, edges }, joined(2)), identity: 'another' },
    ]);
    pieces.three!.takes = 0;
    pieces.a!.bring(0, ...Array.from({ length: 1100 }, () => ipv6()));
    pieces.b!.bring(0, ...Array.from({ length: 500 }, () => ipv6()));
    expect(lane.snapshot().pieces[2]!.edges.map(({ framesRefused }) => framesRefused)).toEqual([
      1100 - 256 - 384,
      500 - 384,
    ]);
  });

  it('a change that removes a piece leaves its senders ready, and full Edges of others known', async () => {
    const flood = maker('flood', end('flood', 'ipv6'), { net: ['f'] });
    const sink = maker('sink', describePiece('sink', 'ipv6', 'up'), { net: ['f'] });
    const fill = (frames: number) => pieces.flood!.bring(0, ...Array.from({ length: frames }, () => ipv6()));
    await startTwoSources();
    fill(1100);
    expect(pieces.flood!.readies).toEqual([[0, false]]);
    await lane.apply([flood, sink]);
    expect(pieces.flood!.readies.at(-1)).toEqual([0, true]);
    // The same for a piece whose Edges are not full.
    const last = maker('last', describePiece('last', 'ipv6', 'up'), { net: ['f'] });
    await lane.apply([flood, last]);
    pieces.last!.takes = 0;
    fill(1025);
    pieces.flood!.bring(0, [0x60, 1, 2, 3]);
    const [sender, receiver] = lane.snapshot().pieces;
    expect([receiver!.edges[0]!.framesRefused, sender!.reasons]).toEqual([2, []]);
  });

  it('a change that removes the full Edge leaves nothing behind', async () => {
    await startTwoSources();
    pieces.flood!.bring(0, ...Array.from({ length: 1200 }, () => ipv6()));
    await lane.apply([
      maker('quiet', end('quiet', 'ipv4'), { net: ['q'] }),
      maker('both', two, { b: ['q'] }),
    ]);
    work(Infinity);
    pieces.quiet!.bring(0, ipv4());
    work(Infinity);
    expect(pieces.both!.taken.filter(({ edge }) => edge === 1)).toHaveLength(1);
    expect(lane.snapshot().pieces[1]!.waiting).toBe(0);
  });
});

describe('a paused Edge', () => {
  /** Sets the Edges that `both` pauses by its next outcome, and has it called. */
  function pause(...edges: number[]): void {
    pieces.both!.paused = new Set(edges);
    pieces.both!.context.wake();
    lane.run();
  }

  const takenBy = (edge: number) => pieces.both!.taken.filter((frame) => frame.edge === edge).length;

  it('keeps its frames until an outcome no longer names it, while the other Edge goes on', async () => {
    await startTwoSources();
    pieces.both!.takes = Infinity;
    pause(0);
    pieces.flood!.bring(0, ...Array.from({ length: 300 }, () => ipv6()));
    const calls = pieces.both!.calls.length;
    pieces.flood!.bring(0, ipv6());
    expect(pieces.both!.calls.length).toBe(calls);
    pieces.quiet!.bring(0, ...Array.from({ length: 300 }, () => ipv4()));
    expect([takenBy(0), takenBy(1)]).toEqual([0, 300]);
    pause();
    expect([takenBy(0), takenBy(1)]).toEqual([301, 300]);
    expect(lane.snapshot().pieces[2]!.reasons).toEqual([]);
  });

  it('has its senders notified at once, and when it goes on', async () => {
    await startTwoSources();
    pieces.both!.takes = Infinity;
    pause(0);
    pause(0);
    expect(pieces.flood!.readies).toEqual([[0, false]]);
    pause(1);
    expect(pieces.flood!.readies).toEqual([
      [0, false],
      [0, true],
    ]);
    expect(pieces.quiet!.readies).toEqual([[0, false]]);
    pause();
    expect(pieces.quiet!.readies).toEqual([
      [0, false],
      [0, true],
    ]);
  });

  it('has the senders that remain notified in the next turn, where one of them takes long', async () => {
    let now = 0;
    lane = new Lane({ protocols, now: () => now });
    await lane.start([
      maker('flood', end('flood', 'ipv6'), { net: ['f'] }),
      maker('quiet', end('quiet', 'ipv4'), { net: ['q'] }),
      maker('both', two, { a: ['f'], b: ['q'] }),
    ]);
    const { flood, quiet } = pieces;
    flood!.ready = (edge, ready) => {
      flood!.readies.push([edge, ready]);
      now += 5;
    };
    pause(0, 1);
    expect([flood!.readies, quiet!.readies]).toEqual([[[0, false]], []]);
    lane.run();
    expect([flood!.readies, quiet!.readies]).toEqual([[[0, false]], [[0, false]]]);
  });

  it('is not ready before half of the room is free, even if it goes on', async () => {
    await startTwoSources();
    pieces.both!.takes = Infinity;
    pause(0);
    pieces.flood!.bring(0, ...Array.from({ length: 700 }, () => ipv6()));
    pieces.both!.takes = 10;
    pieces.both!.wakeAt = 0;
    pieces.both!.paused = new Set();
    pieces.both!.onProcess = () => {
      pieces.both!.takes = 0;
    };
    pieces.both!.context.wake();
    lane.run();
    expect(pieces.flood!.readies).toEqual([[0, false]]);
  });

  it('can be the only one that is left of its piece', async () => {
    await startTwoSources();
    await lane.apply([
      maker('quiet', end('quiet', 'ipv4'), { net: ['q'] }),
      maker('both', two, { b: ['q'] }),
    ]);
    pieces.both!.takes = Infinity;
    pause(1);
    pieces.quiet!.bring(0, ipv4());
    expect([takenBy(1), pieces.quiet!.readies]).toEqual([0, [[0, false]]]);
    pause();
    expect([takenBy(1), pieces.quiet!.readies.at(-1)]).toEqual([1, [0, true]]);
  });

  it('refuses frames that exceed the room, and takes back the share of the other Edge', async () => {
    await startTwoSources();
    pause(0);
    pieces.flood!.bring(0, ...Array.from({ length: 1000 }, () => ipv6()));
    expect(lane.snapshot().pieces[2]!.edges[0]).toMatchObject({ framesIn: 768, framesRefused: 232 });
    pieces.quiet!.bring(0, ...Array.from({ length: 600 }, () => ipv4()));
    expect(lane.snapshot().pieces[2]!.edges[1]).toMatchObject({ framesIn: 600, framesRefused: 0 });
    pieces.both!.takes = Infinity;
    pause();
    expect(takenBy(1)).toBe(600);
    expect(takenBy(0)).toBe(768 - (600 - 256));
  });

  it('loses its frames by name when the piece fails, and its senders are notified', async () => {
    await startTwoSources();
    pieces.both!.takes = Infinity;
    pause(0);
    pieces.flood!.bring(0, ...Array.from({ length: 20 }, () => ipv6()));
    pieces.both!.onProcess = () => {
      throw new PieceFault('FT_FAULT_FUEL', 'out of fuel');
    };
    pieces.both!.context.wake();
    lane.run();
    expect(lane.snapshot().pieces[2]!.reasons).toMatchObject([{ name: 'failed', frames: 20 }]);
    expect(pieces.flood!.readies.at(-1)).toEqual([0, true]);
  });

  it('that leaves, or whose piece is replaced, leaves no frame and no pause behind', async () => {
    await startTwoSources();
    pause(0, 1);
    pieces.flood!.bring(0, ...Array.from({ length: 20 }, () => ipv6()));
    pieces.quiet!.bring(0, ...Array.from({ length: 20 }, () => ipv4()));
    await lane.apply([
      maker('quiet', end('quiet', 'ipv4'), { net: ['q'] }),
      { ...maker('both', two, { b: ['q'] }), identity: 'another' },
    ]);
    expect(lane.snapshot().pieces[1]!.waiting).toBe(0);
    pieces.quiet!.bring(0, ipv4());
    expect(pieces.both!.taken).toHaveLength(1);
  });
});

it('a piece that returns a time is called again at once for the frames behind its batch', async () => {
  await startTwoSources();
  pieces.flood!.bring(0, ...Array.from({ length: 1000 }, () => ipv6()));
  pieces.both!.takes = Infinity;
  pieces.both!.wakeAt = 1000;
  pieces.both!.context.wake();
  lane.run();
  expect(pieces.both!.taken.length).toBe(1000);
});

/** Lets the piece take so many more frames. */
function work(frames: number): void {
  const { both } = pieces;
  both!.takes = frames;
  both!.onProcess = () => {
    const taken = both!.taken.length - before;
    both!.takes = frames - taken;
  };
  const before = both!.taken.length;
  lane.run();
  both!.takes = 0;
  both!.onProcess = undefined;
}

async function startTwoSources(): Promise<void> {
  lane = new Lane({ protocols, now: () => 0 });
  await lane.start([
    maker('flood', end('flood', 'ipv6'), { net: ['f'] }),
    maker('quiet', end('quiet', 'ipv4'), { net: ['q'] }),
    maker('both', two, { a: ['f'], b: ['q'] }),
  ]);
  pieces.both!.takes = 0;
}

describe('a turn', () => {
  it('takes at most some milliseconds, or one call, however slow pieces are', async () => {
    let now = 0;
    lane = new Lane({ protocols, now: () => now });
    await lane.start([
      maker('flood', end('flood', 'ipv6'), { net: ['f'] }),
      maker('both', { ...two, edges: [two.edges[0]!] }, { a: ['f'] }),
    ]);
    const { both, flood } = pieces;
    /**
     * Returns the longest turn while a piece takes 700 frames, with so many milliseconds and frames for a
     * call.
     */
    const longest = (callMs: number, perCall: number): number => {
      both!.takes = perCall;
      both!.onProcess = () => {
        now += callMs;
      };
      const before = both!.taken.length;
      const turns: number[] = [];
      const turn = (run: () => void): void => {
        const began = now;
        run();
        turns.push(now - began);
      };
      turn(() => flood!.bring(0, ...Array.from({ length: 700 }, () => ipv6())));
      while (both!.taken.length < before + 700) turn(() => lane.run());
      return Math.max(...turns);
    };
    // The lane reads the clock after eight calls with one frame each, and after each call with many frames.
    expect(longest(0.5, 1)).toBe(4);
    // A turn of quick calls may do much; it ends as soon as the calls become slow.
    expect(longest(0.001, 1)).toBeLessThan(1);
    expect(longest(3, 1)).toBe(8 * 3);
    expect(longest(40, 200)).toBe(40);
  });
});

const end = (name: string, stack: string) => describePiece(name, stack, 'down');

const two: Description = {
  ...describePiece('both', 'ip', 'up'),
  edges: ['a', 'b'].map((name) => ({ ...describePiece('', 'ip', 'up').edges[0]!, name, optional: true })),
};

function maker(name: string, description: Description, edges: Record<string, string[]>): PieceMaker {
  return {
    place: { name, description, edges: new Map(Object.entries(edges)) },
    kind: 'native',
    failure: 'closed',
    identity: name,
    make(context, frames) {
      const piece = new ScriptedPiece(description, context, frames, protocols);
      pieces[name] = piece;
      return piece;
    },
  };
}
