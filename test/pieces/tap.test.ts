import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { PartMarks } from '../../abi/host/contract.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { type GivenFrame, PieceRig, problemsOf, type RigResult, type SentFrame } from './piece-rig.ts';

let make: BoundComponent;
beforeAll(async () => {
  make = await runByOffset(await builtPiece(join(packageRoot(), 'pieces-as/tap')));
}, 300_000);

test('frames pass unchanged, both ways, and a copy of each goes to the third Edge', () => {
  const rig = new PieceRig(make).join();
  const result = rig.process(packet('a', 1), packet('b', 2));
  expect(result.ends).toEqual([]);
  expect(rig.held).toBe(0);
  expect(result.sent.map((f) => [f.edge, f.bytes[0], f.ticket])).toEqual([
    ['b', 1, 1],
    ['a', 2, 2],
    ['copy', 1, 1],
    ['copy', 2, 2],
  ]);
  expect(passed(result)[0]!.bytes).toEqual(copies(result)[0]!.bytes);
  expect(result.sent.map((f) => [f.skipHeaders, f.skipTrailers])).toEqual(Array(4).fill([1, 1]));
});

test('without a neighbour at the Edge copy, traffic passes', () => {
  const rig = new PieceRig(make).join(['a', 'b']);
  expect(rig.process(packet('a', 1)).sent.map((f) => f.edge)).toEqual(['b']);
});

test('several kinds of neighbours at the Edge copy get one each', () => {
  const rig = new PieceRig(make).join(['a', 'b']).join(['copy'], [0, 2]);
  const { sent } = rig.process(packet('a', 1));
  expect(sent.map((f) => `${f.edge} ${f.shape}`)).toEqual(['b 0', 'copy 0', 'copy 2']);
});

test('an observer of both directions gets each copy once, by the direction of its frame', () => {
  const rig = new PieceRig(make).join(['a', 'b']).join(['copy'], [0, 1]);
  const { sent } = rig.process(packet('a', 1), packet('b', 2));
  expect(sent.map((f) => `${f.edge} ${f.shape} ${f.bytes[0]}`)).toEqual([
    'b 0 1',
    'a 0 2',
    'copy 0 1',
    'copy 1 2',
  ]);
});

test('a frame that does not pass is lost by name, and there is no copy of it', () => {
  const rig = new PieceRig(make).join(['a', 'copy']);
  expect(rig.process(packet('a', 1))).toMatchObject({
    sent: [],
    ends: [{ ticket: 1, reason: 'not-joined' }],
  });
  expect(rig.process(packet('copy', 1))).toMatchObject({
    sent: [],
    ends: [{ ticket: 2, reason: 'from-copy' }],
  });
});

test('more frames than an outcome holds are lost by name, and the traffic has the room before the copies', () => {
  const rig = new PieceRig(make).join();
  const given = Array.from({ length: 9000 }, (): GivenFrame => ({ edge: 'a', parts: [] }));
  const result = rig.process(...given);
  expect(passed(result)).toHaveLength(8192);
  expect(copies(result)).toEqual([]);
  expect(result.ends).toHaveLength(808);
  expect(result.ends[0]).toEqual({ ticket: 8193, reason: 'too-many' });
});

test('a full call passes with a copy of every frame', () => {
  const rig = new PieceRig(make, { snap: '8' }).join();
  const parts = Array.from({ length: 32 }, (_, i) => ({ role: 'header' as const, bytes: [i] }));
  const result = rig.process(...Array.from({ length: 256 }, (): GivenFrame => ({ edge: 'a', parts })));
  expect(passed(result)).toHaveLength(256);
  expect(copies(result)).toHaveLength(256);
  expect(result.ends).toEqual([]);
});

test.each([
  ['both', [1, 2]],
  ['a-to-b', [1]],
  ['b-to-a', [2]],
])('direction %s', (direction, expected) => {
  const rig = new PieceRig(make, { direction }).join();
  expect(copies(rig.process(packet('a', 1), packet('b', 2))).map((f) => f.bytes[0])).toEqual(expected);
});

test('one frame in `sample` is copied, counted over calls, and after a change of the instance', () => {
  const rig = new PieceRig(make, { sample: '3', direction: 'a-to-b' }).join();
  const taken = (from: PieceRig, ...tags: number[]): (number | undefined)[] =>
    copies(from.process(...tags.map((tag) => packet('a', tag)), packet('b', 99))).map((f) => f.bytes[0]);
  expect(taken(rig, 1, 2)).toEqual([1]);
  expect(taken(rig, 3, 4, 5)).toEqual([4]);
  const next = new PieceRig(make, { sample: '3', direction: 'a-to-b' });
  expect(next.piece.restore(5, '0.1.0', rig.piece.save(5))).toBeUndefined();
  expect(taken(next.join(), 6, 7, 8)).toEqual([7]);
});

test('a copy has all headers, and of the rest what the setting snap leaves; the traffic is whole', () => {
  fc.assert(
    fc.property(
      fc.nat(80),
      fc.nat(60),
      fc.nat(10),
      fc.integer({ min: 1, max: 100 }),
      (header, payload, trailer, snap) => {
        const rig = new PieceRig(make, { snap: String(snap) }).join();
        const all = Uint8Array.from({ length: header + payload + trailer }, (_, i) => i);
        const result = rig.process({
          edge: 'b',
          skipTrailers: 1,
          parts: [
            { protocol: 'ipv4', role: 'header', bytes: all.slice(0, header) },
            { bytes: all.slice(header, header + payload) },
            { role: 'trailer', bytes: all.slice(header + payload) },
          ],
        });
        expect(passed(result)[0]!.bytes).toEqual(all);
        const copy = copies(result)[0]!;
        expect(copy.bytes).toEqual(all.slice(0, Math.max(header, snap)));
        expect(copy.skipTrailers).toBe(copy.parts.filter((part) => part.role === 'trailer').length);
      },
    ),
    { numRuns: 60 },
  );
});

test('a frame in fragments is copied whole or not at all, also where several mix', () => {
  const rig = new PieceRig(make, { sample: '2', snap: '1' }).join();
  const piece = (of: number, marks: number): GivenFrame => ({
    edge: 'a',
    of: `frame ${of}`,
    parts: [{ marks, bytes: [of, of, of] }],
  });
  const results = [
    rig.process(piece(1, PartMarks.more), packet('b', 50)),
    rig.process(piece(2, PartMarks.more)),
    rig.process(piece(3, PartMarks.more)),
    rig.process(piece(1, PartMarks.more)),
    rig.process(piece(2, 0)),
    rig.process(piece(3, 0)),
    rig.process(piece(1, 0)),
  ];
  const seen = (frames: readonly SentFrame[]) => frames.map((f) => [f.bytes.length, f.bytes[0], f.hasMore]);
  expect(seen(results.flatMap(copies))).toEqual([
    [3, 1, true],
    [3, 2, true],
    [3, 1, true],
    [3, 2, false],
    [3, 1, false],
  ]);
  expect(seen(results.flatMap(passed)).filter(([, of]) => of === 3)).toEqual([
    [3, 3, true],
    [3, 3, false],
  ]);
  expect(rig.held).toBe(0);
});

test('impossible settings are reported', () => {
  expect(problemsOf(make, { stack: 'ip/udp/*' })).toEqual([
    'stack must have no open step "*", because the piece takes all ports without it: not "ip/udp/*"',
  ]);
  expect(problemsOf(make, { direction: 'up' })).toEqual([
    'direction must be both, a-to-b or b-to-a, not "up"',
  ]);
  expect(problemsOf(make, { sample: '0', snap: '-1' })).toEqual([
    'sample must be a number from 1 to 1000000000, not "0"',
    'snap must be a number from 0 to 1000000000, not "-1"',
  ]);
});

/** A frame whose first byte is the tag. */
function packet(edge: string, tag: number): GivenFrame {
  return {
    edge,
    skipHeaders: 1,
    skipTrailers: 1,
    parts: [
      { protocol: 'ethernet', role: 'header', bytes: [tag, ...Array(13).fill(0)] },
      { protocol: 'ipv4', role: 'header', bytes: Array(20).fill(7) },
      { bytes: [1, 2, 3, 4, 5] },
      { role: 'trailer', bytes: [9] },
    ],
  };
}

function passed({ sent }: RigResult): SentFrame[] {
  return sent.filter((frame) => frame.edge !== 'copy');
}

function copies({ sent }: RigResult): SentFrame[] {
  return sent.filter((frame) => frame.edge === 'copy');
}
