import type { Puzzle } from '../../policy/check/checked-puzzle.ts';
import type { FramePaths, Hop, JointNeeds, Onward } from '../../policy/check/explain-puzzle.ts';
import { printable } from '../../stack/foreign-text.ts';
import { type Paint, plainPaint } from './paint.ts';

/**
 * Shows what may be parsed on each network, and the paths that frames may take from each entrance.
 *
 * A network parses a frame as deep as the Shapes there need it. The text separates that from what pieces
 * further on need. N and M are the numbers of headers before the stack of a Shape, and of trailers behind it,
 * that the Shape does not see.
 */
export function explainText(puzzle: Puzzle, ways: FramePaths, paint: Paint = plainPaint): string {
  const lines = [`${printable(puzzle.title)}: what may be parsed, and where frames may go`];
  for (const joint of ways.joints) {
    lines.push('', `${paint('bold', joint.name)}`);
    lines.push(...joint.travelling.flatMap(needsLines));
  }
  for (const { piece, edge, stack, network, hops } of ways.entrances) {
    lines.push('', paint('bold', `${piece}.${edge} lets in ${printable(stack)} on ${network}`));
    lines.push(...hops.flatMap((hop) => hopLines(hop, '  ')));
  }
  if (ways.entrances.length > 0) {
    lines.push(
      '',
      paint(
        'dim',
        'N: how many headers a frame has in front of the stack that the Edge names; the piece need',
      ),
      paint('dim', 'not look at them. M: how many trailers it has behind, likewise.'),
    );
  }
  return `${lines.join('\n')}\n`;
}

function needsLines({ direction, here, later }: JointNeeds['travelling'][number]): string[] {
  const way = direction === 'peer' ? 'between peers' : `travelling ${direction}`;
  const lines = [`  ${way}, parsed here:  ${printable(here.join('  '))}`];
  if (later.length > 0) lines.push(`  ${way}, parsed further on:  ${printable(later.join('  '))}`);
  return lines;
}

function hopLines(hop: Hop, indent: string): string[] {
  const n = hop.skipHeaders.join(' or ');
  const m = hop.skipTrailers === 0 ? '0' : `0 to ${hop.skipTrailers}`;
  const head = `${indent}${hop.network} → ${hop.piece}.${hop.edge}  ${printable(hop.stack)}  N ${n}, M ${m}`;
  return [head, ...hop.onward.flatMap((onward) => onwardLines(hop.piece, onward, `${indent}  `))];
}

function onwardLines(piece: string, onward: Onward, indent: string): string[] {
  const notes = [
    onward.isHairpin ? 'Hairpin' : '',
    onward.overhead === 0 ? '' : `${onward.overhead > 0 ? '+' : ''}${onward.overhead} bytes`,
    onward.isOpaque ? 'opaque' : '',
    onward.isRepeated ? 'listed before' : '',
  ].filter((note) => note !== '');
  const note = notes.length === 0 ? '' : `  (${notes.join(', ')})`;
  const head = `${indent}${piece} → ${onward.edge} ${printable(onward.shape)}${note}`;
  return [head, ...onward.hops.flatMap((hop) => hopLines(hop, `${indent}  `))];
}
