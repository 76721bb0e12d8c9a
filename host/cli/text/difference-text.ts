import type { Difference } from '../../policy/funnel.ts';
import { type Paint, plainPaint } from './paint.ts';

/**
 * A change in words: a line for each piece that is not kept unchanged, with its Edges, and one line for the
 * rest. Pure.
 */
export function differenceText(difference: Difference, paint: Paint = plainPaint): string {
  const { added, removed, replaced, kept } = difference;
  const lines = [
    ...removed.map((name) => `${paint('red', '-')} ${name} is removed${tail(difference, name, 'leaves')}`),
    ...replaced.map(
      (name) =>
        `${paint('yellow', '~')} ${name} is replaced, and hands over its state${tail(difference, name)}`,
    ),
    ...added.map((name) => `${paint('green', '+')} ${name} is added${tail(difference, name, 'joins')}`),
    ...kept.flatMap((name) =>
      edgesOf(difference, name).length === 0
        ? []
        : [`${paint('yellow', '~')} ${name} continues${tail(difference, name)}`],
    ),
  ];
  const rest = kept.filter((name) => edgesOf(difference, name).length === 0);
  if (rest.length > 0) lines.push(`${paint('dim', '=')} ${paint('dim', `as before: ${rest.join(', ')}`)}`);
  return `${lines.join('\n')}\n`;
}

/** The change in a few words, for a line of a log: `added tap; replaced six; kept net, home`. */
export function differenceLine({ added, removed, replaced, kept, edges }: Difference): string {
  const parts = [
    ['added', added],
    ['removed', removed],
    ['replaced', replaced],
    ['rejoined', kept.filter((name) => edges.some(({ piece }) => piece === name))],
  ] as const;
  const texts = parts.flatMap(([what, names]) => (names.length === 0 ? [] : [`${what} ${names.join(', ')}`]));
  return texts.length === 0 ? 'nothing to change' : texts.join('; ');
}

/** `: net joins lan; carrier leaves wan` */
function tail(difference: Difference, piece: string, only?: 'joins' | 'leaves'): string {
  const edges = edgesOf(difference, piece).filter(({ change }) => only === undefined || change === only);
  if (edges.length === 0) return '';
  return `: ${edges.map(({ edge, network, change }) => `${edge} ${change} ${network}`).join('; ')}`;
}

function edgesOf(difference: Difference, piece: string) {
  return difference.edges.filter((edge) => edge.piece === piece);
}
