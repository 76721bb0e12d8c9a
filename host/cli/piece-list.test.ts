import { expect, it } from 'vitest';
import { PieceRegistry } from '../policy/pieces/piece-registry.ts';
import { plainPaint } from './paint.ts';
import { pieceList } from './piece-list.ts';
import { wrap } from './wrap.ts';

it('lists each piece on a line; on a terminal, all that is said fits', async () => {
  const [wide, narrow] = [Number.POSITIVE_INFINITY, 80];
  const lines = (await pieceList(new PieceRegistry(), wide, plainPaint)).trimEnd().split('\n');
  expect(lines).toContainEqual(expect.stringMatching(/^tun +native +\d+\.\d+\.\d+ {2}A network device /));
  const wrapped = await pieceList(new PieceRegistry(), narrow, plainPaint);
  for (const line of wrapped.split('\n')) expect(line.length).toBeLessThanOrEqual(narrow);
  const words = (text: string): string[] => text.split(/\s+/);
  expect(words(wrapped)).toEqual(words(`${lines.join('\n')}\n`));
});

it('breaks lines between words', () => {
  expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
  expect(wrap('longer than', 3)).toEqual(['longer', 'than']);
  expect(wrap('', 3)).toEqual([]);
});
