import { expect, it } from 'vitest';
import { Frames } from '../../frame/frames.ts';
import { Lane } from '../lane.ts';
import { checkForLeaks, resources, whatIsMore } from './leak-check.ts';
import { describePiece, ipv6, ScriptedPiece } from './scripted-piece.ts';

checkForLeaks();

async function lane(
  prepare: (piece: ScriptedPiece) => void = () => {},
): Promise<{ lane: Lane; ends: ScriptedPiece[] }> {
  const lane = new Lane({ frames: new Frames({ smallRows: 32, largeRows: 1 }) });
  const ends: ScriptedPiece[] = [];
  await lane.start(
    (['down', 'up'] as const).map((direction) => {
      const description = describePiece(direction, 'ip', direction);
      return {
        place: { name: direction, description, edges: new Map([['net', ['lan']]]) },
        kind: 'native',
        failure: 'closed',
        make: (context, frames) => {
          const piece = new ScriptedPiece(description, context, frames, lane.protocols);
          prepare(piece);
          ends.push(piece);
          return piece;
        },
      };
    }),
  );
  return { lane, ends };
}

it('leaves a lane running, with a timer, and frames that wait', async () => {
  const { ends } = await lane((piece) => {
    piece.wakeAt = performance.now() + 60_000;
    piece.takes = 0;
  });
  ends[0]!.bring(0, ipv6(), ipv6());
  // The check after this test closes the lane, which ends the timer and frees the frames; or the test fails.
});

it('reports what is left', async () => {
  const before = resources();
  expect(whatIsMore(before)).toEqual([]);
  const timer = setTimeout(() => {}, 60_000);
  expect(whatIsMore(before)).toEqual(['1 Timeout']);
  clearTimeout(timer);
  expect(whatIsMore(before)).toEqual([]);
});
