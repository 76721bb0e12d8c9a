import type { MatchExplanation } from '../../policy/pieces/match-stacks.ts';
import { printable } from '../../stack/foreign-text.ts';
import { type Paint, plainPaint } from './paint.ts';

/** The result of matching two stacks, with its reason, for the terminal. */
export function matchText(match: MatchExplanation, paint: Paint = plainPaint): string {
  const { matches, first, second, both, explanation, ports } = match;
  const rows: [label: string, text: string][] = [
    ['first', first],
    ['second', second],
  ];
  if (both !== undefined) rows.push(['both', both]);
  rows.push(['why', explanation]);
  if (ports.length > 0) rows.push(['ports', ports.join(', ')]);
  return [
    matches ? paint('green', 'they match') : paint('red', 'they do not match'),
    ...rows.map(([label, text]) => `  ${paint('dim', label.padEnd(8))}${printable(text)}`),
    '',
  ].join('\n');
}
