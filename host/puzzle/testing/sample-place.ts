import type { Curve, Piece as Description, PropertyWish, Shape, Wish } from '../../../abi/host/contract.ts';
import type { Place } from '../plan/arrangement.ts';

/**
 * Returns a place for tests. Each Edge, with `?` after the name of an optional and `*` after that of a
 * repeated one, is a list of Shapes: `ip/udp up`, `tcp/5060 down required framed, available size at-most
 * 1400`.
 */
export function samplePlace(
  name: string,
  edges: Readonly<Record<string, readonly string[]>>,
  networks: Readonly<Record<string, readonly string[]>> = {},
  { curves = [], shapes, piece = name }: SampleOptions = {},
): Place {
  const described = Object.entries(edges).map(([edge, list]) => ({
    name: edge.replace(/[?*]+$/, ''),
    optional: edge.includes('?'),
    repeated: edge.includes('*'),
    shapes: list.map(shapeOf),
  }));
  const description: Description = {
    name: piece,
    version: '1.0.0',
    summary: 'A piece for tests',
    protocols: [],
    edges: described,
    curves: curves.map(curveOf),
    settings: [],
    reasons: [],
  };
  return {
    name,
    description,
    edges: new Map(Object.entries(networks)),
    ...(shapes === undefined
      ? {}
      : {
          shapes: new Map(
            Object.entries(shapes).map(([edge, parts]) => [edge, new Map(Object.entries(parts))]),
          ),
        }),
  };
}

export interface SampleOptions {
  /** Such as `0/0 1/0 +28 keeps reliable,size`, `0/1 0/1` or `0/0 1/0 opaque`. */
  readonly curves?: readonly string[];
  readonly shapes?: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
  /** The name of the piece; that of the place when left out. */
  readonly piece?: string;
}

function shapeOf(text: string): Shape {
  const [, stack, direction, wishes] = /^(\S+) (up|down|peer)(?: (.*))?$/.exec(text)!;
  return {
    stack: stack!,
    direction: direction as Shape['direction'],
    reach: 'whole-frame',
    properties: wishes === undefined ? [] : wishes.split(', ').map(wishOf),
  };
}

function wishOf(text: string): PropertyWish {
  const [wish, name, tag, val] = text.split(' ');
  const property = (value: PropertyWish['property']['value']) => ({
    wish: wish as Wish,
    property: { name: name!, value },
  });
  if (tag === undefined) return property({ tag: 'yes' });
  if (tag === 'at-least' || tag === 'at-most') return property({ tag, val: BigInt(val!) });
  return property({ tag: 'text', val: tag });
}

function curveOf(text: string): Curve {
  const [, fromEdge, fromShape, toEdge, toShape, overhead, opaque, keeps] =
    /^(\d+)\/(\d+) (\d+)\/(\d+)(?: ([+-]\d+))?( opaque)?(?: keeps (\S+))?$/.exec(text)!;
  return {
    fromEdge: Number(fromEdge),
    fromShape: Number(fromShape),
    toEdge: Number(toEdge),
    toShape: Number(toShape),
    overhead: Number(overhead ?? 0),
    opaque: opaque !== undefined,
    keeps: keeps?.split(',') ?? [],
  };
}
