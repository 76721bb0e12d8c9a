import type { Piece as Description } from '../../abi/host/contract.ts';
import type { Mistake } from './arrangement.ts';

/**
 * What a description says of itself that cannot be: names that stand twice, an Edge without Shapes, a Curve that runs
 * from or to nowhere. Stacks are read by who joins them.
 */
export function checkDescription(piece: string, description: Description): readonly Mistake[] {
  const mistakes: Mistake[] = [];
  const add = (code: string, message: string, edge?: string) =>
    mistakes.push({
      code,
      piece,
      ...(edge === undefined ? {} : { edge }),
      message: `${message}; this is a mistake of ${description.name} ${description.version}, for its author to mend`,
    });
  const { edges, curves, settings, reasons } = description;
  for (const [what, items] of [
    ['Edges', edges],
    ['settings', settings],
    ['reasons', reasons],
  ] as const) {
    for (const name of repeatedNames(items))
      add('FT_DESCRIPTION_NAME', `two of its ${what} are named ${name}`);
  }
  for (const { name, shapes } of edges) {
    if (shapes.length === 0) add('FT_DESCRIPTION_SHAPES', 'it has no Shapes, so nothing can match it', name);
  }
  curves.forEach((curve, index) => {
    for (const [end, edge, shape] of [
      ['from', curve.fromEdge, curve.fromShape],
      ['to', curve.toEdge, curve.toShape],
    ] as const) {
      if (edges[edge]?.shapes[shape] !== undefined) continue;
      const lack =
        edges[edge] === undefined
          ? `Edge ${edge}, of ${edges.length}`
          : `Shape ${shape} of Edge ${edges[edge].name}, which has ${edges[edge].shapes.length}`;
      add('FT_DESCRIPTION_CURVE', `Curve ${index} runs ${end} ${lack}, counted from 0`);
    }
  });
  return mistakes;
}

function repeatedNames(items: readonly { readonly name: string }[]): Set<string> {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const { name } of items) {
    if (seen.has(name)) repeated.add(name);
    seen.add(name);
  }
  return repeated;
}
