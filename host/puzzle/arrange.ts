import { opposes } from '../stack/direction.ts';
import { formatStack } from '../stack/format-stack.ts';
import { FunnelError } from '../stack/funnel-error.ts';
import { matchStacks } from '../stack/match.ts';
import { parseStack } from '../stack/parse-stack.ts';
import type { Protocols } from '../stack/protocols.ts';
import type { Stack } from '../stack/stack.ts';
import type {
  Arrangement,
  Member,
  Mistake,
  NetworkOptions,
  Pair,
  Place,
  PlannedJoint,
} from './arrangement.ts';

/**
 * Brings the Edges of pieces together where their Shapes match: pure, and the same whatever the order of the places.
 * Never throws; what cannot be is told as mistakes, all at once.
 */
export function arrange(
  protocols: Protocols,
  places: readonly Place[],
  networks: ReadonlyMap<string, NetworkOptions>,
): Arrangement {
  const mistakes: Mistake[] = [];
  const stacks = readStacks(protocols, places, mistakes);
  const joints: PlannedJoint[] = [];
  for (const [name, members] of membersByNetwork(places, mistakes)) {
    joints.push(joinMembers({ name, members, places, stacks, protocols, mistakes, networks }));
  }
  return { joints, mistakes };
}

/** Stacks by place, described Edge and Shape. */
type Stacks = (Stack | undefined)[][][];

function readStacks(protocols: Protocols, places: readonly Place[], mistakes: Mistake[]): Stacks {
  return places.map(({ name, description }) =>
    description.edges.map((edge) =>
      edge.shapes.map(({ stack }) => {
        try {
          return parseStack(stack, protocols);
        } catch (error) {
          if (!(error instanceof FunnelError)) throw error;
          mistakes.push({ code: error.code, piece: name, edge: edge.name, message: error.message });
          return undefined;
        }
      }),
    ),
  );
}

interface Seated {
  readonly place: number;
  readonly edge: number;
  readonly described: number;
}

function membersByNetwork(places: readonly Place[], mistakes: Mistake[]): Map<string, Seated[]> {
  const byNetwork = new Map<string, Seated[]>();
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
        const message = `name the network that it is on, under \`edges:\`; it takes ${edge.shapes.map((shape) => shape.stack).join(' or ')}`;
        mistakes.push({ code: 'FT_EDGE_UNJOINED', piece, edge: edge.name, message });
      }
      if (names.length > 1 && !edge.repeated) {
        const message = `it is on ${names.length} networks, and can be on one; a hub can join networks`;
        mistakes.push({ code: 'FT_EDGE_REPEATED', piece, edge: edge.name, message });
        return;
      }
      for (const network of names) {
        const members = byNetwork.get(network) ?? [];
        members.push({ place: index, edge: number++, described });
        byNetwork.set(network, members);
      }
    });
  });
  return byNetwork;
}

interface Joining {
  readonly name: string;
  readonly members: readonly Seated[];
  readonly places: readonly Place[];
  readonly stacks: Stacks;
  readonly protocols: Protocols;
  readonly networks: ReadonlyMap<string, NetworkOptions>;
  readonly mistakes: Mistake[];
}

function joinMembers(joining: Joining): PlannedJoint {
  const { name, members, places, stacks, protocols, mistakes } = joining;
  const shapes = members.map(() => new Set<number>());
  const refusals = members.map((): string[] => []);
  const found: { a: number; aShape: number; b: number; bShape: number; stack: string }[] = [];
  forEachPair(members, (a, b) => {
    const from = members[a]!;
    const to = members[b]!;
    if (from.place === to.place) return;
    shapesOf(places, from).forEach((fromShape, aShape) => {
      shapesOf(places, to).forEach((toShape, bShape) => {
        if (!opposes(fromShape.direction, toShape.direction)) return;
        const aStack = stacks[from.place]![from.described]![aShape];
        const bStack = stacks[to.place]![to.described]![bShape];
        if (aStack === undefined || bStack === undefined) return;
        const match = matchStacks(aStack, bStack, protocols);
        if (match.stack === undefined) {
          refusals[a]!.push(
            `${fromShape.stack} and ${toShape.stack} of ${places[to.place]!.name}: ${match.explanation}`,
          );
          refusals[b]!.push(
            `${toShape.stack} and ${fromShape.stack} of ${places[from.place]!.name}: ${match.explanation}`,
          );
          return;
        }
        shapes[a]!.add(aShape);
        shapes[b]!.add(bShape);
        found.push({ a, aShape, b, bShape, stack: formatStack(match.stack) });
      });
    });
  });
  const planned: Member[] = members.map((member, index) => ({
    ...member,
    shapes: [...shapes[index]!].sort((x, y) => x - y),
  }));
  planned.forEach((member, index) => {
    if (member.shapes.length > 0 || stacks[member.place]![member.described]!.includes(undefined)) return;
    mistakes.push({
      code: 'FT_SHAPES_DO_NOT_MATCH',
      piece: places[member.place]!.name,
      edge: edgeOf(places, member).name,
      network: name,
      message: explainLoneliness(joining, member, refusals[index]!),
    });
  });
  reportAmbiguity(joining, planned);
  const pairs: Pair[] = found.map(({ a, aShape, b, bShape, stack }) => ({
    a: planned[a]!,
    aShape,
    b: planned[b]!,
    bShape,
    stack,
  }));
  return { name, members: planned, pairs };
}

function explainLoneliness(
  { name, members, places }: Joining,
  member: Seated,
  refusals: readonly string[],
): string {
  if (refusals.length > 0) return `nothing on network ${name} matches it. ${refusals.slice(0, 3).join('; ')}`;
  const others = members.filter((other) => other.place !== member.place);
  if (others.length === 0)
    return `no other piece is on network ${name}; put one there whose Edge faces this one`;
  const directions = [...new Set(shapesOf(places, member).map((shape) => shape.direction))].join(' and ');
  const list = others.map((other) => `${places[other.place]!.name}.${edgeOf(places, other).name}`).join(', ');
  return `this Edge faces ${directions}, and nothing on network ${name} faces it (there: ${list}). Up joins down, and peer joins peer`;
}

/** Two Edges that would take the same frames equally: only copies can serve both. */
function reportAmbiguity(
  { name, places, stacks, protocols, mistakes, networks }: Joining,
  members: readonly Member[],
): void {
  if (networks.get(name)?.copies === true) return;
  forEachPair(members, (a, b) => {
    const one = members[a]!;
    const two = members[b]!;
    if (!members.some((third) => third.place !== one.place && third.place !== two.place)) return;
    for (const oneShape of one.shapes) {
      for (const twoShape of two.shapes) {
        const first = shapesOf(places, one)[oneShape]!;
        const second = shapesOf(places, two)[twoShape]!;
        if (first.direction !== second.direction) continue;
        const firstStack = stacks[one.place]![one.described]![oneShape]!;
        const secondStack = stacks[two.place]![two.described]![twoShape]!;
        if (firstStack.steps.length !== secondStack.steps.length || isOpen(firstStack) || isOpen(secondStack))
          continue;
        if (!matchStacks(firstStack, secondStack, protocols).matches) continue;
        mistakes.push({
          code: 'FT_JOINT_AMBIGUOUS',
          piece: places[two.place]!.name,
          edge: edgeOf(places, two).name,
          network: name,
          message:
            `${second.stack} matches the same frames as ${first.stack} of ${places[one.place]!.name}.${edgeOf(places, one).name}: ` +
            `say \`copies: true\` for network ${name} to give them to both, or put the two on networks of their own`,
        });
        return;
      }
    }
  });
}

function forEachPair(items: readonly unknown[], visit: (a: number, b: number) => void): void {
  for (let a = 0; a < items.length; a++) for (let b = a + 1; b < items.length; b++) visit(a, b);
}

function edgeOf(places: readonly Place[], member: Seated) {
  return places[member.place]!.description.edges[member.described]!;
}

function shapesOf(places: readonly Place[], member: Seated) {
  return edgeOf(places, member).shapes;
}

function isOpen(stack: Stack): boolean {
  return stack.steps.some((step) => step.kind === 'ports' && step.ports.some(({ port }) => port === 'open'));
}
