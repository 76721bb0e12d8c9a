import type { Piece as Description } from '../../../abi/host/contract.ts';
import type { Mistake } from './arrangement.ts';

/**
 * Returns the mistakes of a description: repeated names, an Edge without Shapes, a Curve from or to a Shape
 * that does not exist. Stacks are checked when they are joined.
 */
export function checkDescription(piece: string, description: Description): readonly Mistake[] {
  const mistakes: Mistake[] = [];
  const add = (code: string, message: string, edge?: string) =>
    mistakes.push({
      code,
      piece,
      ...(edge === undefined ? {} : { edge }),
      message: `${message}; the author of ${description.name} ${description.version} must correct this`,
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
  for (const { name, required, default: standard, least, most } of settings) {
    if (required && standard !== undefined)
      add('FT_DESCRIPTION_SETTING', `its setting ${name} is required, and has a default`);
    if (!(least <= most))
      add('FT_DESCRIPTION_SETTING', `its setting ${name} has a range from ${least} to ${most}`);
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

/** Returns which parts of a description are too many. Nothing else in such a description is checked. */
export function excessiveParts(
  piece: string,
  { name, version, protocols, edges, curves, settings, reasons }: Description,
): readonly Mistake[] {
  const shapes = edges.flatMap((edge) => edge.shapes);
  const most = (lists: readonly (readonly unknown[])[]) =>
    lists.reduce((longest, list) => Math.max(longest, list.length), 0);
  return (
    [
      ['Edges', edges.length, MAX_EDGES],
      ['Shapes', shapes.length, MAX_SHAPES],
      ['Curves', curves.length, MAX_CURVES],
      ['settings', settings.length, MAX_SETTINGS],
      ['reasons', reasons.length, MAX_REASONS],
      ['protocols', protocols.length, MAX_PROTOCOLS],
      [
        'properties of all Shapes',
        shapes.reduce((sum, { properties }) => sum + properties.length, 0),
        MAX_ALL_PROPERTIES,
      ],
      ['properties of a Shape', most(shapes.map(({ properties }) => properties)), MAX_PROPERTIES],
      ['properties that a Curve keeps', most(curves.map(({ keeps }) => keeps)), MAX_PROPERTIES],
    ] as const
  ).flatMap(([what, count, most]) =>
    count <= most
      ? []
      : [
          {
            code: 'FT_DESCRIPTION_SIZE',
            piece,
            message: `it has ${count} ${what}, but the limit is ${most}; the author of ${name} ${version} must correct this`,
          },
        ],
  );
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

/** Limited by the numbers of joined Edges in the contract. */
const MAX_EDGES = 255;
/** The Shapes of all Edges together: the paths from each Shape are computed for the whole puzzle. */
const MAX_SHAPES = 256;
const MAX_CURVES = 1024;
const MAX_SETTINGS = 256;
/** Each reason has a counter, and a lane reports all its counters several times a second. */
const MAX_REASONS = 256;
const MAX_PROPERTIES = 64;
/** Each goes into the memory of each neighbour. */
const MAX_ALL_PROPERTIES = 1024;
/** A lane numbers 1024 protocols that pieces bring, for all of them together. */
const MAX_PROTOCOLS = 128;
