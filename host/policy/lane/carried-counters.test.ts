import { expect, it } from 'vitest';
import type { LaneSnapshot, PieceSnapshot } from '../../puzzle/runtime/snapshot.ts';
import { withCarried, withoutPieces } from './carried-counters.ts';

function piece(name: string, n: number, reasons: Record<string, number>, networks = ['lan']): PieceSnapshot {
  return {
    name,
    piece: name,
    kind: 'native',
    state: 'running',
    edges: networks.map((network) => ({
      name: 'ip',
      network,
      framesIn: n,
      bytesIn: 10 * n,
      framesOut: 2 * n,
      bytesOut: 20 * n,
      framesRefused: 3 * n,
    })),
    reasons: Object.entries(reasons).map(([reason, frames]) => ({ name: reason, frames, loss: true })),
    faults: n,
    restarts: n,
    bypassed: n,
    held: n,
    waiting: n,
  };
}

const lane = (...pieces: PieceSnapshot[]): LaneSnapshot => ({ uptimeMs: 5, pieces, freeRows: 7, rows: 9 });

it('adds the counters of a former lane to those of the same pieces and Edges', () => {
  const present = lane(piece('a', 1, { lost: 1 }, ['lan', 'wan']), piece('b', 2, {}));
  const before = lane(piece('a', 10, { lost: 5, 'queue-full': 4, never: 0 }), piece('gone', 3, { lost: 1 }));
  const sum = withCarried(present, before);
  expect(sum).toMatchObject({ uptimeMs: 5, freeRows: 7, rows: 9 });
  expect(sum.pieces.map(({ name }) => name)).toEqual(['a', 'b']);
  const [a, b] = sum.pieces;
  expect(
    a!.edges.map(({ framesIn, bytesIn, framesOut, bytesOut, framesRefused }) => [
      framesIn,
      bytesIn,
      framesOut,
      bytesOut,
      framesRefused,
    ]),
  ).toEqual([
    [11, 110, 22, 220, 33],
    [1, 10, 2, 20, 3],
  ]);
  expect(a!.reasons.map(({ name, frames }) => [name, frames])).toEqual([
    ['lost', 6],
    ['queue-full', 4],
  ]);
  // The frames inside it now came after the former lane.
  expect(a).toMatchObject({ faults: 11, restarts: 11, bypassed: 11, held: 1, waiting: 1 });
  expect(b).toEqual(present.pieces[1]);
  expect(withCarried(present, withoutPieces(before, ['a'])).pieces[0]).toEqual(present.pieces[0]);
  expect(withCarried(present, undefined)).toBe(present);
});

it('keeps the totals of what a change has removed since, apart from a later piece with the same name', () => {
  const before = lane(piece('a', 10, { lost: 5 }, ['lan', 'old']), piece('gone', 3, { lost: 1 }));
  const later = withoutPieces(before, ['gone']);
  expect(later.pieces.map(({ name }) => name)).toEqual(['a']);
  expect(later.departed).toEqual([{ ...before.pieces[1]!, state: 'removed', held: 0, waiting: 0 }]);
  const present = {
    ...lane(piece('a', 1, {}), piece('gone', 7, {})),
    departed: [piece('gone', 2, { lost: 4 })],
  };
  const sum = withCarried(present, later);
  expect(sum.pieces.map(({ name, edges }) => [name, edges.map(({ framesIn }) => framesIn)])).toEqual([
    ['a', [11]],
    ['gone', [7]],
  ]);
  // The Edge of `a` on the network `old` has left it. Its reasons stay with the piece.
  expect(
    sum.departed!.map(({ name, edges, reasons }) => [
      name,
      edges.map(({ network, framesIn }) => [network, framesIn]),
      reasons.map(({ frames }) => frames),
    ]),
  ).toEqual([
    ['gone', [['lan', 5]], [5]],
    ['a', [['old', 10]], []],
  ]);
});
