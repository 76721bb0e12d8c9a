import type { PlannedJoint, Puzzle } from '../../policy/check/checked-puzzle.ts';
import { printable } from '../../stack/foreign-text.ts';
import { columns } from './columns.ts';
import { shapeText } from './graph-text.ts';
import { type Paint, plainPaint } from './paint.ts';
import { plural } from './quantity.ts';

/**
 * The joins of a puzzle with their reasons: each network with its Edges, named by the configuration or joined
 * by default; then the stacks that pass between them with the settled properties; last the Edges that join
 * nothing.
 */
export function planText(puzzle: Puzzle, paint: Paint = plainPaint): string {
  const lines = [
    `${printable(puzzle.title)}: ${plural(puzzle.pieces.length, 'piece')} on ${plural(puzzle.joints.length, 'network')}`,
  ];
  for (const joint of puzzle.joints) {
    const copies = puzzle.networks.get(joint.name)?.copies ? '  (copies)' : '';
    lines.push('', `${paint('bold', joint.name)}${copies}`);
    lines.push(...columns(joint.members.map((member) => memberRow(puzzle, joint, member))).map(indented));
    lines.push(...columns(pairRows(puzzle, joint)).map((line) => paint('dim', indented(line))));
  }
  const alone = puzzle.decisions.filter(({ network }) => network === undefined);
  if (alone.length > 0) {
    lines.push('', paint('bold', 'Alone'));
    lines.push(
      ...columns(alone.map(({ piece, edge, why }) => [`${piece}.${edge}`, printable(why)])).map(indented),
    );
  }
  return `${lines.join('\n')}\n`;
}

/** The same as JSON, for programs. */
export function planJson(puzzle: Puzzle) {
  const joints = puzzle.joints.map((joint) => ({
    network: joint.name,
    copies: puzzle.networks.get(joint.name)?.copies ?? false,
    members: joint.members.map((member) => {
      const { name, description } = puzzle.pieces[member.placeIndex]!.place;
      const edge = description.edges[member.described]!.name;
      const decision = decisionOf(puzzle, { piece: name, edge, network: joint.name });
      return decision === undefined ? { piece: name, edge } : { piece: name, edge, byDefault: decision.why };
    }),
    pairs: joint.pairs.map(({ a, aShape, b, bShape, stack, properties }) => ({
      ends: [endText(puzzle, a, aShape), endText(puzzle, b, bShape)],
      stack,
      properties: Object.fromEntries(
        properties.map(({ name, value }) => [name, value.tag === 'yes' ? true : value.val]),
      ),
    })),
  }));
  const alone = puzzle.decisions
    .filter(({ network }) => network === undefined)
    .map(({ piece, edge, why }) => ({ piece, edge, why }));
  return { configuration: puzzle.title, joints, alone };
}

function decisionOf(
  { decisions }: Puzzle,
  { piece, edge, network }: { piece: string; edge: string; network: string },
) {
  return decisions.find((each) => each.piece === piece && each.edge === edge && each.network === network);
}

function memberRow(
  puzzle: Puzzle,
  joint: PlannedJoint,
  { placeIndex: place, described }: PlannedJoint['members'][number],
) {
  const { name, description } = puzzle.pieces[place]!.place;
  const edge = description.edges[described]!.name;
  const decision = decisionOf(puzzle, { piece: name, edge, network: joint.name });
  return [
    `${name}.${edge}`,
    decision === undefined ? 'by configuration' : `by default: ${printable(decision.why)}`,
  ];
}

function pairRows(puzzle: Puzzle, { pairs }: PlannedJoint): string[][] {
  return pairs.map(({ a, aShape, b, bShape, stack, properties }) => {
    const settled = properties.map(({ name, value }) => {
      if (value.tag === 'yes') return name;
      return value.tag === 'text'
        ? `${name} ${value.val}`
        : `${name} ${value.tag.replace('-', ' ')} ${value.val}`;
    });
    return [
      `${endText(puzzle, a, aShape)} ⇄ ${endText(puzzle, b, bShape)}`,
      printable(stack),
      printable(settled.join(', ')),
    ];
  });
}

function endText(
  puzzle: Puzzle,
  { placeIndex: place, described }: PlannedJoint['members'][number],
  shape: number,
): string {
  const { name, description } = puzzle.pieces[place]!.place;
  const edge = description.edges[described]!;
  return `${name}.${edge.name} ${shapeText(edge.shapes[shape]!)}`;
}

function indented(line: string): string {
  return `  ${line}`;
}
