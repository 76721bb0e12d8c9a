import { expect, it } from 'vitest';
import { Protocols } from '../../stack/protocols.ts';
import { Lane } from '../lane.ts';
import type { PieceMaker } from '../plan/piece-maker.ts';
import { checkForLeaks } from '../testing/leak-check.ts';
import { describePiece, ipv4, ipv6, ScriptedPiece } from '../testing/scripted-piece.ts';

checkForLeaks();

it('a frame never comes back to the piece that sent it, even if its own Shape matches', async () => {
  const protocols = new Protocols();
  const pieces: ScriptedPiece[] = [];
  const peer = (name: string, stack: string): PieceMaker => {
    const description = describePiece(name, stack, 'peer');
    return {
      place: { name, description, edges: new Map([['net', ['lan']]]) },
      kind: 'native',
      failure: 'closed',
      make(context, frames) {
        const piece = new ScriptedPiece(description, context, frames, protocols);
        pieces.push(piece);
        return piece;
      },
    };
  };
  const lane = new Lane({ protocols });
  await lane.start([peer('one', 'ip'), peer('two', 'ipv4')], new Map([['lan', { copies: true }]]));
  const [one, two] = pieces;
  one!.bring(0, ipv4(), ipv6());
  two!.bring(0, ipv4());
  expect([one!.taken.length, two!.taken.length]).toEqual([1, 1]);
  const { reasons } = lane.snapshot().pieces[0]!;
  expect(reasons).toContainEqual(expect.objectContaining({ name: 'no-match', frames: 1, loss: true }));
  lane.close();
});
