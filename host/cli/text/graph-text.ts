import type { Shape } from '../../../abi/host/contract.ts';
import type { PlannedJoint, Puzzle } from '../../policy/check/checked-puzzle.ts';
import { printable } from '../../stack/foreign-text.ts';
import { columns } from './columns.ts';
import { type Paint, plainPaint } from './paint.ts';
import { plural } from './quantity.ts';

/**
 * A puzzle for the terminal: each network with its Edges and their Shapes, and the stacks that pass between
 * them; then the Curves of each piece. Shapes that match nothing in this puzzle are left out.
 */
export function graphText(puzzle: Puzzle, paint: Paint = plainPaint): string {
  const lines = [
    `${printable(puzzle.title)}: ${plural(puzzle.pieces.length, 'piece')} on ${plural(puzzle.joints.length, 'network')}`,
  ];
  for (const joint of puzzle.joints) {
    lines.push(
      '',
      `${paint('bold', joint.name)}${puzzle.networks.get(joint.name)?.copies ? '  (copies)' : ''}`,
    );
    lines.push(...jointLines(puzzle, joint, paint));
  }
  const curves = puzzle.pieces.flatMap((_, index) => curveRows(puzzle, index));
  if (curves.length > 0) {
    lines.push('', paint('bold', 'Through the pieces'));
    lines.push(...columns(curves).map((line) => `  ${line}`));
  }
  return `${lines.join('\n')}\n`;
}

/** The notation of a Shape in all output: an arrow for its direction, and its stack. */
export function shapeText({ direction, stack }: Shape): string {
  return `${ARROWS[direction]} ${printable(stack)}`;
}

/** `whole frames`, or `headers`. */
export function reachText({ reach }: Shape): string {
  return reach === 'headers' ? 'headers' : 'whole frames';
}

function jointLines(puzzle: Puzzle, joint: PlannedJoint, paint: Paint): string[] {
  const rows: { first: boolean; last: boolean; cells: string[] }[] = [];
  joint.members.forEach((member, index) => {
    const { place, reference } = puzzle.pieces[member.placeIndex]!;
    const edge = place.description.edges[member.described]!;
    member.shapes.forEach((shape, i) => {
      const described = edge.shapes[shape]!;
      const name = i === 0 ? [`${place.name}.${edge.name}`, printable(reference)] : ['', ''];
      rows.push({
        first: i === 0,
        last: index === joint.members.length - 1,
        cells: [...name, shapeText(described), reachText(described)],
      });
    });
  });
  const members = columns(rows.map(({ cells }) => cells)).map((line, i) => {
    const { first, last } = rows[i]!;
    return `${first ? (last ? '└─' : '├─') : last ? '  ' : '│ '} ${line}`;
  });
  return [...members, ...columns(pairRows(puzzle, joint)).map((line) => paint('dim', `   ${line}`))];
}

/** The pairs of Edges between which frames pass, with the stacks of these frames. */
function pairRows(puzzle: Puzzle, joint: PlannedJoint): string[][] {
  const stacks = new Map<string, string[]>();
  for (const { a, b, stack } of joint.pairs) {
    const ends = `${endName(puzzle, a)} ⇄ ${endName(puzzle, b)}`;
    const known = stacks.get(ends);
    if (known === undefined) stacks.set(ends, [stack]);
    else if (!known.includes(stack)) known.push(stack);
  }
  return [...stacks].map(([ends, list]) => [ends, list.map((stack) => printable(stack)).join(', ')]);
}

function endName(puzzle: Puzzle, { placeIndex: place, described }: PlannedJoint['members'][number]): string {
  const each = puzzle.pieces[place]!.place;
  return `${each.name}.${each.description.edges[described]!.name}`;
}

/** The Curves of a piece between Shapes that are joined in this puzzle. */
function curveRows(puzzle: Puzzle, index: number): string[][] {
  const { name, description } = puzzle.pieces[index]!.place;
  const joined = new Set<string>();
  for (const { members } of puzzle.joints) {
    for (const { placeIndex: place, described, shapes } of members) {
      if (place === index) for (const shape of shapes) joined.add(`${described}/${shape}`);
    }
  }
  const rows: string[][] = [];
  for (const { fromEdge, fromShape, toEdge, toShape, opaque, overhead } of description.curves) {
    if (!joined.has(`${fromEdge}/${fromShape}`) || !joined.has(`${toEdge}/${toShape}`)) continue;
    const from = description.edges[fromEdge]!;
    const to = description.edges[toEdge]!;
    const fromText = shapeText(from.shapes[fromShape]!);
    const toText = shapeText(to.shapes[toShape]!);
    const notes = [
      overhead === 0 ? '' : `${overhead > 0 ? '+' : ''}${overhead} bytes`,
      opaque ? 'opaque' : '',
    ];
    rows.push([
      fromEdge === toEdge ? `${name}: ${from.name} ↩` : `${name}: ${from.name} ⇄ ${to.name}`,
      fromText === toText ? `${fromText} and back` : `${fromText} ⇄ ${toText}`,
      notes.filter((note) => note !== '').join(', '),
    ]);
  }
  return rows;
}

const ARROWS = { up: '↑', down: '↓', peer: '↔' } as const;
