import type { Piece as Description, Property, PropertyWish, Shape } from '../../../abi/host/contract.ts';
import { formatStack } from '../../stack/format-stack.ts';
import { parseStack } from '../../stack/parse-stack.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { type Agreement, agree } from './agreement.ts';
import type { Mistake, Place } from './arrangement.ts';
import { type JoinedPair, type JoinedPlaces, joinNetwork } from './join.ts';
import { type Conflict, type Facts, isAside, propertiesOf, propertyText } from './properties.ts';
import { ShapeClasses } from './shape-classes.ts';
import { runToEnd } from './time-slicer.ts';

/**
 * Explains why Shapes that match cannot be joined, as in "sip requires framed; tcp offers a stream; a
 * frame-sequence piece between them would solve it". One message lists all conflicts between two Shapes, and
 * all Shapes with the same conflicts. Yields wherever other work of the thread may have its turn.
 */
export function* explainConflicts(
  places: readonly ConflictPlace[],
  context: ConflictContext,
): Generator<void, Mistake[]> {
  let bridged = 0;
  const disputes = new Map<string, Dispute>();
  for (const { pair, side, conflicts } of byPairAndSide(places)) {
    const [own, other] = side === 0 ? [endA(pair), endB(pair)] : [endB(pair), endA(pair)];
    const wisher = nameOf(own, pair, context);
    const offerer = nameOf(other, pair, context);
    const bridges = bridged++ < MAX_BRIDGED ? yield* bridgesFor(pair, side, context) : [];
    yield;
    const advice =
      bridges.length === 0
        ? adviceFor(conflicts, offerer.piece)
        : `${anyOf(bridges)} between them would solve it`;
    const dispute: Dispute = {
      wisher,
      offerer,
      network: context.joints[pair.joint]!.name,
      wishers: new Set([wisher.stack]),
      offerers: new Set([offerer.stack]),
      wishes: conflicts.map(({ wish }) => wish),
      why: `${offersText(conflicts)}; ${advice}`,
    };
    const { network, wishes, why } = dispute;
    const key = [network, wisher.piece, wisher.edge, offerer.piece, wishesText(wishes, false), why].join(
      '\n',
    );
    const known = disputes.get(key);
    if (known === undefined) disputes.set(key, dispute);
    else {
      known.wishers.add(wisher.stack);
      known.offerers.add(offerer.stack);
    }
  }
  return [...disputes.values()].map(({ wisher, offerer, network, wishers, offerers, wishes, why }) => ({
    code: 'FT_PROPERTY_CONFLICT',
    piece: wisher.piece,
    edge: wisher.edge,
    network,
    message:
      `${listed([...wishers])} of ${wisher.piece} ${wishesText(wishes, wishers.size > 1)}; ` +
      `${listed([...offerers])} of ${offerer.piece} ${why}`,
  }));
}

/** The pairs of Shapes for which pieces are sought that would help: more than a reader takes in. */
const MAX_BRIDGED = 64;

/** The conflicts of Shapes of one Edge with those of another. */
interface Dispute {
  readonly wisher: NamedShape;
  readonly offerer: NamedShape;
  readonly network: string;
  readonly wishers: Set<string>;
  readonly offerers: Set<string>;
  readonly wishes: readonly PropertyWish[];
  readonly why: string;
}

interface NamedShape {
  readonly piece: string;
  readonly edge: string;
  readonly stack: string;
}

function* byPairAndSide(places: readonly ConflictPlace[]) {
  const byPair = new Map<JoinedPair, Conflict[]>();
  for (const { pair, conflict } of places) {
    const known = byPair.get(pair);
    if (known === undefined) byPair.set(pair, [conflict]);
    else known.push(conflict);
  }
  for (const [pair, all] of byPair) {
    for (const side of [0, 1] as const) {
      const conflicts = all.filter((conflict) => conflict.side === side);
      if (conflicts.length > 0) yield { pair, side, conflicts };
    }
  }
}

function nameOf(
  { member, shape }: EndOfPair,
  pair: JoinedPair,
  { places, joints }: ConflictContext,
): NamedShape {
  const { placeIndex, described } = joints[pair.joint]!.members[member]!;
  const { name, description } = places[placeIndex]!;
  const edge = description.edges[described]!;
  return { piece: name, edge: edge.name, stack: edge.shapes[shape]!.stack };
}

/** A wish that is not met, and the pair of Shapes that it concerns. */
export interface ConflictPlace {
  readonly pair: JoinedPair;
  readonly conflict: Conflict;
}

export interface ConflictContext extends JoinedPlaces {
  readonly protocols: Protocols;
  readonly agreement: Agreement;
  /** Pieces that a message may propose. */
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

/** `requires reliable and ordered`; for several Shapes `require …`. */
function wishesText(wishes: readonly PropertyWish[], areSeveral: boolean): string {
  return (['required', 'rejected'] as const)
    .flatMap((kind) => {
      const texts = wishes.flatMap(({ wish, property }) => (wish === kind ? [boundText(property)] : []));
      const verb = `${kind === 'required' ? 'require' : 'reject'}${areSeveral ? '' : 's'}`;
      return texts.length === 0 ? [] : [`${verb} ${listed(texts)}`];
    })
    .join(' and ');
}

/** `offers a stream and delivery that may lose`, `rejects encrypted`. */
function offersText(conflicts: readonly Conflict[]): string {
  const rejected = conflicts
    .filter(({ isRejected }) => isRejected)
    .map(({ wish }) => propertyText(wish.property));
  const offered = conflicts.filter(({ isRejected }) => !isRejected).map(offerText);
  return [
    ...(rejected.length === 0 ? [] : [`rejects ${listed(rejected)}`]),
    ...(offered.length === 0 ? [] : [`offers ${listed(offered)}`]),
  ].join(' and ');
}

function offerText({ wish, bound }: Conflict): string {
  const { name } = wish.property;
  if (bound !== undefined) return boundText({ name, value: bound });
  return ABSENCE[name] ?? `no ${propertyText(wish.property)}`;
}

function adviceFor(conflicts: readonly Conflict[], offerer: string): string {
  const elsewhere = 'or keep them on networks of their own';
  if (conflicts.every(({ wish, bound }) => bound !== undefined && wish.wish === 'required'))
    return `give ${offerer} other settings, ${elsewhere}`;
  const what = conflicts.length > 1 ? 'them' : 'it';
  const does = conflicts.every(({ wish }) => wish.wish === 'rejected')
    ? `takes ${what} away`
    : `adds ${what}`;
  return `put a piece between them that ${does}, ${elsewhere}`;
}

/** The property, with its unit where it is a number. */
function boundText(property: Property): string {
  const isNumber = property.value.tag === 'at-least' || property.value.tag === 'at-most';
  return `${propertyText(property)}${isNumber ? unitOf(property.name) : ''}`;
}

function unitOf(name: string): string {
  return name === 'size' || name === 'mtu' ? ' bytes' : '';
}

/** Names for the absence of a property. */
const ABSENCE: Readonly<Record<string, string>> = {
  framed: 'a stream',
  reliable: 'delivery that may lose',
  ordered: 'delivery in any order',
  'duplicate-free': 'delivery that may repeat',
  encrypted: 'clear text',
  authenticated: 'no proof of who sends',
  'low-delay': 'no promise about delay',
};

/**
 * Returns the names of known pieces that resolve all conflicts of a pair when placed between its two Shapes.
 */
/**
 * Pieces that would stand between both without a conflict, and take all frames of the Shape that has the
 * wish.
 */
function* bridgesFor(
  pair: JoinedPair,
  wisherSide: 0 | 1,
  context: ConflictContext,
): Generator<void, readonly string[]> {
  const names = new Set<string>();
  const [a, b] = [standIn(endA(pair), 0, pair, context), standIn(endB(pair), 1, pair, context)];
  for (const piece of context.known) {
    for (const curve of piece.curves) {
      yield;
      const { fromEdge, fromShape, toEdge, toShape } = curve;
      // A Curve from an Edge to itself leads to no other piece.
      if (fromEdge === toEdge || isAside(piece, curve)) continue;
      const from = { edge: piece.edges[fromEdge], shape: fromShape };
      const to = { edge: piece.edges[toEdge], shape: toShape };
      if (from.edge?.shapes[fromShape] === undefined || to.edge?.shapes[toShape] === undefined) continue;
      const bridges = [
        [a, b],
        [b, a],
      ].some(([left, right]) =>
        isBridge(
          context.protocols,
          piece,
          left!,
          fromEdge,
          fromShape,
          toEdge,
          toShape,
          right!,
          [a, b][wisherSide]!,
        ),
      );
      if (bridges) names.add(piece.name);
    }
  }
  return [...names].sort();
}

/** Returns a piece with only this Shape, which offers all that the real piece makes available there. */
function standIn(
  end: EndOfPair,
  side: 0 | 1,
  pair: JoinedPair,
  { places, joints, agreement }: ConflictContext,
): Place {
  const { placeIndex, described } = joints[pair.joint]!.members[end.member]!;
  const { name, description } = places[placeIndex]!;
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
  wisher: Place,
): boolean {
  const places: readonly Place[] = [left, { name: '', description: piece, edges: new Map() }, right];
  const classes = new ShapeClasses(
    protocols,
    places.flatMap(({ description }) => description.edges.flatMap(({ shapes }) => shapes)),
  );
  const joints = [
    [
      { placeIndex: 0, edge: 0, described: 0 },
      { placeIndex: 1, edge: 0, described: fromEdge, only: [fromShape] },
    ],
    [
      { placeIndex: 1, edge: 1, described: toEdge, only: [toShape] },
      { placeIndex: 2, edge: 0, described: 0 },
    ],
  ].map((members, joint) =>
    runToEnd(joinNetwork({ name: '', joint, members, places, classes, protocols, options: undefined })),
  );
  if (joints.some(({ pairs }) => pairs.length === 0)) return false;
  const whole = formatStack(parseStack(wisher.description.edges[0]!.shapes[0]!.stack, protocols), protocols);
  if (joints[wisher === left ? 0 : 1]!.pairs.some(({ stack }) => stack !== whole)) return false;
  const agreement = agree({ places, joints });
  return joints.every(({ pairs }) => pairs.every((pair) => agreement.of(pair).conflicts.length === 0));
}

function anyOf(names: readonly string[]): string {
  const pieces = names.map((name) => `${/^[aeiou]/.test(name) ? 'an' : 'a'} ${name} piece`);
  return pieces.length === 1 ? pieces[0]! : `${pieces.slice(0, -1).join(', ')} or ${pieces.at(-1)}`;
}

function listed(texts: readonly string[]): string {
  return texts.length === 1 ? texts[0]! : `${texts.slice(0, -1).join(', ')} and ${texts.at(-1)}`;
}
