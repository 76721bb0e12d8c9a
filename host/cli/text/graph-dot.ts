import { Graphviz } from '@hpcc-js/wasm-graphviz';
import type { Puzzle } from '../../policy/check/checked-puzzle.ts';
import { printable } from '../../stack/foreign-text.ts';
import { shapeText } from './graph-text.ts';

/**
 * A puzzle in the language of Graphviz: pieces are boxes, networks are ellipses, and each joined Edge is a
 * line.
 */
export function graphDot(puzzle: Puzzle): string {
  const lines = [
    'graph puzzle {',
    `  graph [label=${quote(puzzle.title)}, labelloc=t, rankdir=LR, nodesep=0.4, ranksep=1.2, fontname="sans-serif"];`,
    '  node [fontname="sans-serif", fontsize=12];',
    '  edge [fontname="monospace", fontsize=10];',
  ];
  for (const { place, reference, spec } of puzzle.pieces) {
    const fill = spec.source.kind === 'native' ? '#e8eef7' : '#fdf3dc';
    lines.push(
      `  ${quote(`piece ${place.name}`)} [label=${quote(`${place.name}\n${reference}`)}, shape=box, style="rounded,filled", fillcolor="${fill}"];`,
    );
  }
  for (const { name } of puzzle.joints) {
    const copies = puzzle.networks.get(name)?.copies ? '\n(copies)' : '';
    lines.push(`  ${quote(`network ${name}`)} [label=${quote(`${name}${copies}`)}, shape=ellipse];`);
  }
  for (const { name, members } of puzzle.joints) {
    for (const { placeIndex: place, described, shapes } of members) {
      const piece = puzzle.pieces[place]!.place;
      const edge = piece.description.edges[described]!;
      const label = [edge.name, ...shapes.map((shape) => shapeText(edge.shapes[shape]!))].join('\n');
      lines.push(`  ${quote(`piece ${piece.name}`)} -- ${quote(`network ${name}`)} [label=${quote(label)}];`);
    }
  }
  return `${lines.join('\n')}\n}\n`;
}

/** A puzzle as a picture in SVG. */
export async function graphSvg(puzzle: Puzzle): Promise<string> {
  const graphviz = await Graphviz.load();
  const svg = graphviz.dot(graphDot(puzzle));
  return svg.endsWith('\n') ? svg : `${svg}\n`;
}

/** A string of DOT: only quotes and backslashes are special, and `\n` ends a centred line. */
function quote(text: string): string {
  const lines = text.split('\n').map((line) => printable(line).replace(/[\\"]/g, '\\$&'));
  return `"${lines.join('\\n')}"`;
}
