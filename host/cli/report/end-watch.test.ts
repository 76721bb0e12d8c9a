import { expect, test } from 'vitest';
import type { LaneSnapshot, PieceSnapshot } from '../../policy/funnel.ts';
import { EndWatch } from './end-watch.ts';

function snapshot(
  ...pieces: readonly (Partial<PieceSnapshot> & { readonly frames?: number })[]
): LaneSnapshot {
  return {
    uptimeMs: 0,
    freeRows: 10,
    rows: 10,
    pieces: pieces.map(({ frames = 0, ...given }, n) => ({
      name: `p${n}`,
      piece: 'some',
      kind: 'native',
      state: 'running',
      edges: [
        {
          name: 'e',
          network: 'n',
          framesIn: 0,
          bytesIn: 0,
          framesOut: frames,
          bytesOut: 0,
          framesRefused: 0,
        },
      ],
      reasons: [],
      faults: 0,
      restarts: 0,
      bypassed: 0,
      held: 0,
      waiting: 0,
      ...given,
    })),
  };
}

test('a run ends a quarter of a second after its captures ended and its counters stand still', () => {
  const watch = new EndWatch(0);
  expect(watch.look(snapshot({ source: 'open' }, {}), 0)).toBe('open');
  expect(watch.look(snapshot({ source: 'open' }, {}), 5000)).toBe('open');
  expect(watch.look(snapshot({ source: 'ended' }, {}), 5010)).toBe('open');
  expect(watch.look(snapshot({ source: 'ended' }, { frames: 1 }), 5100)).toBe('open');
  expect(watch.look(snapshot({ source: 'ended' }, { frames: 1 }), 5349)).toBe('open');
  expect(watch.look(snapshot({ source: 'ended' }, { frames: 1 }), 5350)).toBe('ended');
  expect([watch.hasFailed, watch.held]).toEqual([false, 0]);
});

test('all captures have to end, one way or the other', () => {
  const watch = new EndWatch(0);
  expect(watch.look(snapshot({ source: 'failed' }, { source: 'open' }), 0)).toBe('open');
  expect(watch.look(snapshot({ source: 'failed' }, { source: 'open' }), 9000)).toBe('open');
  expect(watch.look(snapshot({ source: 'failed' }, { source: 'ended' }), 9300)).toBe('ended');
  expect(watch.hasFailed).toBe(true);
});

test('frames that wait keep a run, and frames that are held for ten seconds', () => {
  const watch = new EndWatch(0);
  const held = snapshot({ source: 'ended', held: 2 });
  expect(watch.look(snapshot({ source: 'ended', waiting: 1 }), 0)).toBe('open');
  expect(watch.look(snapshot({ source: 'ended', waiting: 1 }), 60_000)).toBe('open');
  expect(watch.look(held, 60_100)).toBe('open');
  expect(watch.look(held, 70_099)).toBe('open');
  expect(watch.look(held, 70_100)).toBe('ended');
  expect(watch.held).toBe(2);
});

test('a run without captures would never end; one whose captures a change removed has ended', () => {
  expect(new EndWatch(0).look(snapshot({}), 0)).toBe('endless');
  const watch = new EndWatch(0);
  expect(watch.look(snapshot({ source: 'open' }), 0)).toBe('open');
  expect(watch.look(snapshot({}), 10)).toBe('open');
  expect(watch.look(snapshot({}), 260)).toBe('ended');
});

test.each([
  ['frames in', { framesIn: 1 }],
  ['frames out', { framesOut: 1 }],
  ['refused frames', { framesRefused: 1 }],
])('%s count as something that goes on', (_, change) => {
  const watch = new EndWatch(0);
  const before = snapshot({ source: 'ended' });
  watch.look(before, 0);
  const edges = [{ ...before.pieces[0]!.edges[0]!, ...change }];
  expect(watch.look(snapshot({ source: 'ended', edges }), 300)).toBe('open');
  const reasons = [{ name: 'recorded', frames: 1, loss: false }];
  expect(watch.look(snapshot({ source: 'ended', edges, reasons }), 900)).toBe('open');
  expect(watch.look(snapshot({ source: 'ended', edges, reasons }), 1200)).toBe('ended');
});
