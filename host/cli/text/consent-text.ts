import type { ConsentChange, ConsentReview } from '../../policy/check/consent.ts';
import { printable } from '../../stack/foreign-text.ts';
import { type Paint, plainPaint } from './paint.ts';

/**
 * A line for each component file of a configuration, and one for each thing that it wants beyond the consent
 * record or no longer. Pure.
 */
export function consentText(
  { changes, gone }: Pick<ConsentReview, 'changes' | 'gone'>,
  paint: Paint = plainPaint,
): string {
  const lines = changes.flatMap((change) => [
    headOf(change, paint),
    ...change.more.map((what) => `    ${paint('green', '+')} ${printable(what)}`),
    ...change.less.map((what) => `    ${paint('red', '-')} ${printable(what)}`),
  ]);
  for (const name of gone) lines.push(`${paint('red', '-')} ${name} does not exist any more`);
  if (lines.length === 0)
    lines.push('no piece of this configuration is a component file: nothing needs consent');
  return `${lines.join('\n')}\n`;
}

function headOf({ instance, now, before, more, less }: ConsentChange, paint: Paint): string {
  const what = `${instance}: ${printable(`${now.piece}, ${now.name} ${now.version}`)}`;
  if (before === undefined) return `${paint('green', '+')} ${what}, wants`;
  if (before.sha256 === now.sha256) return `${paint('dim', '=')} ${what}, unchanged since the record`;
  const was = printable(`${before.name} ${before.version}`);
  const verdict =
    more.length === 0 ? (less.length === 0 ? 'and wants the same' : 'and wants less') : 'and wants more';
  return `${paint('yellow', '~')} ${what}, was ${was}, ${verdict}`;
}
