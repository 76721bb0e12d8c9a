import { expect, it } from 'vitest';
import type { PieceSnapshot } from './snapshot.ts';
import { MOST_DEPARTED, mergeDeparted } from './snapshot-sums.ts';

function gone(name: string, frames: number): PieceSnapshot {
  const traffic = { framesIn: frames, bytesIn: 0, framesOut: 0, bytesOut: 0, framesRefused: 0 };
  return {
    name,
    piece: 'hub',
    kind: 'component',
    state: 'removed',
    edges: [{ name: 'net', network: 'lan', ...traffic }],
    reasons: [{ name: 'lost', frames, loss: true }],
    faults: 1,
    restarts: 0,
    bypassed: 0,
    held: 0,
    waiting: 0,
  };
}

it('makes one entry of the same piece, and loses no frame beyond the most entries', () => {
  const twice = mergeDeparted([gone('a', 1)], [gone('b', 2), gone('a', 3)]);
  expect(twice).toEqual([{ ...gone('a', 4), faults: 2 }, gone('b', 2)]);
  let all: readonly PieceSnapshot[] = [];
  for (let n = 0; n < MOST_DEPARTED + 50; n++) {
    all = mergeDeparted(all, [gone(`p${n}`, 1)]);
    expect(all).toHaveLength(Math.min(n + 1, MOST_DEPARTED));
  }
  expect(all[0]).toMatchObject({ name: 'others', edges: [], faults: 51 });
  const lost = all.flatMap(({ reasons }) => reasons).reduce((sum, { frames }) => sum + frames, 0);
  expect(lost).toBe(MOST_DEPARTED + 50);
});
