import { expect, it } from 'vitest';
import { PieceRegistry } from '../../policy/pieces/piece-registry.ts';
import { plainPaint } from '../text/paint.ts';
import { pieceListText } from '../text/piece-list-text.ts';
import { pieceRows } from './piece-list.ts';

it('lists each piece on a line, and wraps the lines to the width of a terminal', async () => {
  const [wide, narrow] = [Number.POSITIVE_INFINITY, 80];
  const rows = await pieceRows(new PieceRegistry());
  const lines = pieceListText(rows, wide, plainPaint).trimEnd().split('\n');
  expect(lines).toContainEqual(expect.stringMatching(/^tun +native +\d+\.\d+\.\d+ {2}A network device /));
  const wrapped = pieceListText(rows, narrow, plainPaint);
  for (const line of wrapped.split('\n')) expect(line.length).toBeLessThanOrEqual(narrow);
  const words = (text: string): string[] => text.split(/\s+/);
  expect(words(wrapped)).toEqual(words(`${lines.join('\n')}\n`));
});
