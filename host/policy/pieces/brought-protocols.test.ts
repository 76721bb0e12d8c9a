import { describe, expect, it } from 'vitest';
import { checkConfiguration } from '../check/check-configuration.ts';
import { samplePiece } from '../testing/sample-pieces.ts';

const TOY = 'space toy-kind 8 bits; in ip-protocol 253; header 4; next toy-kind u8[0]';
const pieces = {
  maker: samplePiece('maker', { edges: { net: ['ip/toy up'] }, protocols: [['toy', TOY]] }),
  player: samplePiece('player', { edges: { net: ['toy/7 down'] } }),
  other: samplePiece('other', { edges: { net: ['toy down'] }, protocols: [['toy', `${TOY}; leaf`]] }),
};
const configuration = (...names: string[]) => ({
  pieces: Object.fromEntries(names.map((name) => [name, { piece: name, edges: { net: 'n' } }])),
});

describe('protocols that pieces bring', () => {
  it('are known to all pieces of the puzzle, in any order of the pieces', async () => {
    for (const names of [
      ['maker', 'player'],
      ['player', 'maker'],
    ]) {
      const { puzzle, mistakes } = await checkConfiguration(configuration(...names), { pieces });
      expect(mistakes).toEqual([]);
      expect(puzzle?.joints[0]?.pairs.map(({ stack }) => stack)).toEqual(['ip/toy/7']);
    }
  });

  it('are the same wherever they have the same name', async () => {
    const { mistakes } = await checkConfiguration(configuration('maker', 'other'), { pieces });
    expect(mistakes.map(({ code, path }) => [code, path])).toEqual([
      ['FT_PROTOCOL_DIFFERS', ['pieces', 'other', 'piece']],
    ]);
  });
});
