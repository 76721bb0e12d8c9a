import type { Shape } from '../../abi/host/contract.ts';
import { printable } from '../policy/printable.ts';
import type { Puzzle } from '../policy/puzzle.ts';
import type { PlannedJoint } from '../puzzle/arrangement.ts';
import { type Paint, plainPaint } from './paint.ts';
import { plural } from './quantity.ts';

/**
 * A puzzle for the terminal: each network with the Edges on it and their Shapes, and which frames pass between whom; then
 * each piece with its Curves. Shapes that match nothing here are left out.
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
  const curves = puzzle.pieces.flatMap((piece) => curveRows(puzzle, piece.place.name));
  if (curves.length > 0) {
    lines.push('', paint('bold', 'Through the pieces'));
    lines.push(...align(curves).map((line) => `  ${line}`));
  }
  return `${lines.join('\n')}\n`;
}

/** How a Shape is told everywhere: an arrow for its direction, and its stack. */
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
    const { place, reference } = puzzle.pieces[member.place]!;
    const edge = place.description.edges[member.described]!;
    member.shapes.forEach((shape, i) => {
      const told = edge.shapes[shape]!;
      const name = i === 0 ? [`${place.name}.${edge.name}`, printable(reference)] : ['', ''];
      rows.push({
        first: i === 0,
        last: index === joint.members.length - 1,
        cells: [...name, shapeText(told), reachText(told)],
      });
    });
  });
  const members = align(rows.map(({ cells }) => cells)).map((line, i) => {
    const { first, last } = rows[i]!;
    return `${first ? (last ? '└─' : '├─') : last ? '  ' : '│ '} ${line}`;
  });
  return [...members, ...align(pairRows(puzzle, joint)).map((line) => paint('dim', `   ${line}`))];
}

/** Between which Edges frames pass, and which. */
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

function endName(puzzle: Puzzle, { place, described }: { place: number; described: number }): string {
  const each = puzzle.pieces[place]!.place;
  return `${each.name}.${each.description.edges[described]!.name}`;
}

/** A piece's Curves between Edges that are joined here. */
function curveRows(puzzle: Puzzle, name: string): string[][] {
  const { place } = puzzle.pieces.find((piece) => piece.place.name === name)!;
  const { edges, curves } = place.description;
  const rows: string[][] = [];
  for (const { fromEdge, fromShape, toEdge, toShape, opaque, overhead } of curves) {
    const from = edges[fromEdge];
    const to = edges[toEdge];
    if (from === undefined || to === undefined || !place.edges.has(from.name) || !place.edges.has(to.name))
      continue;
    const notes = [
      overhead === 0 ? '' : `${overhead > 0 ? '+' : ''}${overhead} bytes`,
      opaque ? 'opaque' : '',
    ];
    const fromStack = printable(from.shapes[fromShape]?.stack ?? '?');
    const toStack = printable(to.shapes[toShape]?.stack ?? '?');
    const path =
      fromEdge === toEdge
        ? [`${name}: ${from.name} ↩`, `${fromStack} ↩ ${toStack}`]
        : [`${name}: ${from.name} ⇄ ${to.name}`, `${fromStack} ⇄ ${toStack}`];
    rows.push([...path, notes.filter((note) => note !== '').join(', ')]);
  }
  return rows;
}

/** Cells in columns, two spaces apart. */
function align(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  );
}

const ARROWS = { up: '↑', down: '↓', peer: '↔' } as const;
