import type { Piece as Description, PropertyWish, Shape } from '../../abi/host/contract.ts';
import type { Protocols } from '../stack/protocols.ts';
import { type Agreement, agree } from './agreement.ts';
import type { Mistake, Place } from './arrangement.ts';
import { type JoinedPair, type JoinedPlaces, joinNetwork } from './join.ts';
import { type Conflict, type Facts, propertiesOf, propertyText } from './properties.ts';
import { ShapeClasses } from './shape-classes.ts';

/**
 * Tells why two Shapes that match cannot be joined all the same, in the manner of "sip requires framed; tcp offers a
 * stream; a frame-sequence piece between them would solve it".
 */
export function explainConflict({ pair, conflict }: ConflictPlace, context: ConflictContext): Mistake {
  const { places, joints } = context;
  const [own, other] = conflict.side === 0 ? [endA(pair), endB(pair)] : [endB(pair), endA(pair)];
  const { name: network, members } = joints[pair.joint]!;
  const nameOf = ({ member, shape }: EndOfPair) => {
    const { place, described } = members[member]!;
    const { name, description } = places[place]!;
    const edge = description.edges[described]!;
    return { piece: name, edge: edge.name, stack: edge.shapes[shape]!.stack };
  };
  const wisher = nameOf(own);
  const answerer = nameOf(other);
  const bridges = bridgesFor(pair, context);
  const advice =
    bridges.length === 0
      ? `put a piece between them that ${conflict.wish.wish === 'rejected' ? 'takes it away' : 'adds it'}, or keep them on networks of their own`
      : `${anyOf(bridges)} between them would solve it`;
  return {
    code: 'FT_PROPERTY_CONFLICT',
    piece: wisher.piece,
    edge: wisher.edge,
    network,
    message:
      `${wisher.stack} of ${wisher.piece} ${wishText(conflict.wish)}; ` +
      `${answerer.stack} of ${answerer.piece} ${answerText(conflict)}; ${advice}`,
  };
}

/** A wish that is not met, and between whom. */
export interface ConflictPlace {
  readonly pair: JoinedPair;
  readonly conflict: Conflict;
}

export interface ConflictContext extends JoinedPlaces {
  readonly protocols: Protocols;
  readonly agreement: Agreement;
  /** Pieces that may be proposed. */
  readonly known: readonly Description[];
}

interface EndOfPair {
  readonly member: number;
  readonly shape: number;
}

function endA({ a, aShape }: JoinedPair): EndOfPair {
  return { member: a, shape: aShape };
}

function endB({ b, bShape }: JoinedPair): EndOfPair {
  return { member: b, shape: bShape };
}

function wishText({ wish, property }: PropertyWish): string {
  const verb = wish === 'rejected' ? 'rejects' : 'requires';
  const text = propertyText(property);
  return `${verb} ${text}${'val' in property.value && property.value.tag !== 'text' ? unitOf(property.name) : ''}`;
}

function answerText({ wish, bound, isRejected }: Conflict): string {
  const { name } = wish.property;
  if (isRejected) return `rejects ${propertyText(wish.property)}`;
  if (bound !== undefined) return `offers ${propertyText({ name, value: bound })}${unitOf(name)}`;
  return `offers ${ABSENCE[name] ?? `no ${propertyText(wish.property)}`}`;
}

function unitOf(name: string): string {
  return name === 'size' || name === 'mtu' ? ' bytes' : '';
}

/** What there is where a property is not. */
const ABSENCE: Readonly<Record<string, string>> = {
  framed: 'a stream',
  reliable: 'delivery that may lose',
  ordered: 'delivery in any order',
  'duplicate-free': 'delivery that may repeat',
  encrypted: 'clear text',
  authenticated: 'no proof of who sends',
  'low-delay': 'no promise about delay',
};

/** The names of known pieces that could stand between the two of a pair, so that nothing is left to object. */
function bridgesFor(pair: JoinedPair, context: ConflictContext): readonly string[] {
  const names = new Set<string>();
  const [a, b] = [standIn(endA(pair), 0, pair, context), standIn(endB(pair), 1, pair, context)];
  for (const piece of context.known) {
    for (const { fromEdge, fromShape, toEdge, toShape } of piece.curves) {
      // A Curve of an Edge to itself leads to nobody else.
      if (fromEdge === toEdge) continue;
      const from = { edge: piece.edges[fromEdge], shape: fromShape };
      const to = { edge: piece.edges[toEdge], shape: toShape };
      if (from.edge?.shapes[fromShape] === undefined || to.edge?.shapes[toShape] === undefined) continue;
      const bridges = [
        [a, b],
        [b, a],
      ].some(([left, right]) =>
        isBridge(context.protocols, piece, left!, fromEdge, fromShape, toEdge, toShape, right!),
      );
      if (bridges) names.add(piece.name);
    }
  }
  return [...names].sort();
}

/** One Shape with all that stands behind it, as a piece of its own. */
function standIn(
  end: EndOfPair,
  side: 0 | 1,
  pair: JoinedPair,
  { places, joints, agreement }: ConflictContext,
): Place {
  const { place, described } = joints[pair.joint]!.members[end.member]!;
  const { name, description } = places[place]!;
  const edge = description.edges[described]!;
  const shape = withFacts(edge.shapes[end.shape]!, agreement.offeredAt(pair, side));
  return {
    name,
    description: { ...description, edges: [{ ...edge, shapes: [shape] }], curves: [] },
    edges: new Map(),
  };
}

function withFacts(shape: Shape, facts: Facts): Shape {
  const wishes = shape.properties.filter(({ wish }) => wish !== 'available');
  const offers = propertiesOf(facts).map((property) => ({ wish: 'available' as const, property }));
  return { ...shape, properties: [...wishes, ...offers] };
}

function isBridge(
  protocols: Protocols,
  piece: Description,
  left: Place,
  fromEdge: number,
  fromShape: number,
  toEdge: number,
  toShape: number,
  right: Place,
): boolean {
  const places: readonly Place[] = [left, { name: '', description: piece, edges: new Map() }, right];
  const classes = new ShapeClasses(
    protocols,
    places.flatMap(({ description }) => description.edges.flatMap(({ shapes }) => shapes)),
  );
  const joints = [
    [
      { place: 0, edge: 0, described: 0 },
      { place: 1, edge: 0, described: fromEdge, only: [fromShape] },
    ],
    [
      { place: 1, edge: 1, described: toEdge, only: [toShape] },
      { place: 2, edge: 0, described: 0 },
    ],
  ].map((members, joint) =>
    joinNetwork({ name: '', joint, members, places, classes, protocols, options: undefined }),
  );
  if (joints.some(({ pairs }) => pairs.length === 0)) return false;
  const agreement = agree({ places, joints });
  return joints.every(({ pairs }) => pairs.every((pair) => agreement.of(pair).conflicts.length === 0));
}

function anyOf(names: readonly string[]): string {
  const pieces = names.map((name) => `${/^[aeiou]/.test(name) ? 'an' : 'a'} ${name} piece`);
  return pieces.length === 1 ? pieces[0]! : `${pieces.slice(0, -1).join(', ')} or ${pieces.at(-1)}`;
}
