import type { Piece as Description } from '../../../abi/host/contract.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { type Agreement, agreeing } from './agreement.ts';
import type { Arrangement, Mistake, NetworkOptions, Place, PlannedJoint } from './arrangement.ts';
import { checkDescription, excessiveParts } from './check-description.ts';
import { type ConflictPlace, explainConflicts } from './explain-conflict.ts';
import { type JoinedNetwork, joinNetwork, type NetworkEdge } from './join.ts';
import { propertiesOf } from './properties.ts';
import { ShapeClasses } from './shape-classes.ts';
import { runToEnd } from './time-slicer.ts';

/**
 * Joins the Edges of pieces where their Shapes match, and settles the properties between them. Pure, and
 * independent of the order of the places. Never throws; the result lists all mistakes at once.
 *
 * @param known pieces that a mistake may propose where properties conflict.
 */
export function arrange(
  protocols: Protocols,
  places: readonly Place[],
  networks: ReadonlyMap<string, NetworkOptions>,
  known: readonly Description[] = [],
): Arrangement {
  return runToEnd(arranging(protocols, places, networks, known));
}

/** The same as a generator, which yields wherever a running lane may have its turn. */
export function* arranging(
  protocols: Protocols,
  places: readonly Place[],
  networks: ReadonlyMap<string, NetworkOptions>,
  known: readonly Description[] = [],
): Generator<void, Arrangement> {
  const excessive = places.flatMap(({ name, description }) => excessiveParts(name, description));
  if (excessive.length > 0) return { joints: [], mistakes: excessive };
  const classes = new ShapeClasses(protocols);
  const mistakes: Mistake[] = [];
  yield* classes.adding(places);
  for (const place of places) {
    mistakes.push(...descriptionMistakes(place, classes));
    yield;
  }
  const joined: JoinedNetwork[] = [];
  for (const [name, members] of membersByNetwork(places, mistakes)) {
    const options = networks.get(name);
    const joint = joined.length;
    const network = yield* joinNetwork({ name, joint, members, places, classes, protocols, options });
    joined.push(network);
    mistakes.push(...network.mistakes);
    yield;
  }
  const agreement = yield* agreeing({ places, joints: joined });
  const context = { protocols, places, joints: joined, agreement, known };
  mistakes.push(...(yield* explainConflicts([...conflictsIn(joined, agreement)], context)));
  const joints: PlannedJoint[] = [];
  for (const [joint, network] of joined.entries()) {
    joints.push(plannedJoint(network, joint, agreement));
    yield;
  }
  return { joints, mistakes };
}

/** Yields all Shapes of all places. */
export function* shapesOf(places: readonly Place[]) {
  for (const { description } of places) for (const { shapes } of description.edges) yield* shapes;
}

function descriptionMistakes({ name, description }: Place, classes: ShapeClasses): readonly Mistake[] {
  const mistakes = [...checkDescription(name, description)];
  for (const edge of description.edges) {
    for (const shape of edge.shapes) {
      const found = classes.of(shape);
      if (found instanceof Error)
        mistakes.push({ code: found.code, piece: name, edge: edge.name, message: found.message });
    }
  }
  return mistakes;
}

function membersByNetwork(places: readonly Place[], mistakes: Mistake[]): Map<string, NetworkEdge[]> {
  const byNetwork = new Map<string, NetworkEdge[]>();
  places.forEach((place, index) => {
    const { name: piece, description } = place;
    for (const name of place.edges.keys()) {
      if (description.edges.some((edge) => edge.name === name)) continue;
      const known = description.edges.map((edge) => edge.name).join(', ');
      mistakes.push({
        code: 'FT_EDGE_UNKNOWN',
        piece,
        edge: name,
        message: `${description.name} has no Edge named ${name}; ${known ? `it has ${known}` : 'it has none'}`,
      });
    }
    let number = 0;
    description.edges.forEach((edge, described) => {
      const names = place.edges.get(edge.name) ?? [];
      if (names.length === 0 && !edge.optional) {
        const takes = edge.shapes.map((shape) => shape.stack).join(' or ');
        const message = `it is on no network, and no Edge that is left out matches it; it takes ${takes}: add a piece that matches, or name its network under \`edges:\``;
        mistakes.push({ code: 'FT_EDGE_UNJOINED', piece, edge: edge.name, message });
      }
      const parts = place.shapes?.get(edge.name);
      const problem = edge.repeated ? undefined : sharedShapes(names, parts, edge.shapes);
      if (problem !== undefined) {
        mistakes.push({ code: 'FT_EDGE_REPEATED', piece, edge: edge.name, message: problem });
        return;
      }
      for (const network of names) {
        const members = byNetwork.get(network) ?? [];
        const only = parts?.get(network);
        members.push({
          placeIndex: index,
          edge: number++,
          described,
          ...(only === undefined ? {} : { only }),
        });
        byNetwork.set(network, members);
      }
    });
  });
  return byNetwork;
}

/**
 * Returns what is wrong with an Edge on several networks that is not repeated; undefined where each Shape is
 * on one.
 */
function sharedShapes(
  names: readonly string[],
  parts: ReadonlyMap<string, readonly number[]> | undefined,
  shapes: readonly { readonly stack: string }[],
): string | undefined {
  if (names.length < 2) return undefined;
  const counts = shapes.map(() => 0);
  for (const name of names) for (const shape of parts?.get(name) ?? counts.keys()) counts[shape]!++;
  const shape = counts.findIndex((count) => count > 1);
  if (shape < 0) return undefined;
  const subject = counts.every((count) => count === names.length)
    ? 'it'
    : `its Shape ${shapes[shape]!.stack}`;
  return `${subject} is on ${counts[shape]} networks, and can be on one; a hub can join networks`;
}

function* conflictsIn(joined: readonly JoinedNetwork[], agreement: Agreement): Iterable<ConflictPlace> {
  for (const { pairs } of joined) {
    for (const pair of pairs) for (const conflict of agreement.of(pair).conflicts) yield { pair, conflict };
  }
}

function plannedJoint(
  { name, members, pairs }: JoinedNetwork,
  joint: number,
  agreement: Agreement,
): PlannedJoint {
  const planned = members.map(({ placeIndex, edge, described, shapes }, index) => ({
    placeIndex,
    edge,
    described,
    shapes,
    properties: shapes.map((shape) => propertiesOf(agreement.at(joint, index, shape))),
  }));
  return {
    name,
    members: planned,
    pairs: pairs.map((pair) => ({
      a: planned[pair.a]!,
      aShape: pair.aShape,
      b: planned[pair.b]!,
      bShape: pair.bShape,
      stack: pair.stack,
      properties: propertiesOf(agreement.of(pair).facts),
    })),
  };
}
