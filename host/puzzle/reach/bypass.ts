import type { Curve, Property, Shape } from '../../../abi/host/contract.ts';
import { matchStacks } from '../../stack/match.ts';
import { parseStack } from '../../stack/parse-stack.ts';
import type { Protocols } from '../../stack/protocols.ts';
import type { Mistake, Place, PlannedJoint } from '../plan/arrangement.ts';
import type { FailurePolicy } from '../plan/piece-maker.ts';
import { propertyText } from '../plan/properties.ts';

/**
 * Which way frames take around a piece that has failed: from each Shape that joins along the first Curve of the
 * description that leads to one single other Edge, without changing what the frames are.
 */
export function bypassPaths(protocols: Protocols, place: Place, edges: readonly BypassedEdge[]): BypassPaths {
  const paths: BypassPath[] = [];
  const obstacles: { edge: number; message: string }[] = [];
  for (const from of edges) {
    from.shapes.forEach((shape, index) => {
      const tried: string[] = [];
      for (const end of endsFrom(place.description.curves, from.described, shape)) {
        const obstacle = obstacleOn({ protocols, place, edges, from, shape, index, end });
        if (typeof obstacle === 'string') {
          tried.push(obstacle);
          continue;
        }
        paths.push({ edge: from.edge, shape, toEdge: obstacle.edge, toShape: end.shape });
        return;
      }
      const { stack } = place.description.edges[from.described]!.shapes[shape]!;
      const why = tried.length > 0 ? tried.join('; ') : 'no Curve leads from there to another Edge';
      obstacles.push({ edge: from.described, message: `for ${stack}: ${why}` });
    });
  }
  return { paths, obstacles };
}

/** The pieces with the policy `bypass` that frames cannot go around; told before anything runs. */
export function bypassMistakes(
  protocols: Protocols,
  pieces: readonly { readonly place: Place; readonly failure: FailurePolicy }[],
  joints: readonly PlannedJoint[],
): Mistake[] {
  return pieces.flatMap(({ place, failure }, index): Mistake[] => {
    if (failure !== 'bypass') return [];
    const edges = joints.flatMap(({ members }) => members.filter((member) => member.placeIndex === index));
    const { paths, obstacles } = bypassPaths(protocols, place, edges);
    const code = 'FT_BYPASS_IMPOSSIBLE';
    if (paths.length === 0 && obstacles.length === 0)
      return [{ code, piece: place.name, message: 'there is no way around it: it joins nothing' }];
    return obstacles.map(({ edge, message }) => ({
      code,
      piece: place.name,
      edge: place.description.edges[edge]!.name,
      message: `frames cannot go around it ${message}; choose \`failure: closed\` or \`restart\``,
    }));
  });
}

/** A joined Edge of the piece that is to be avoided. */
export interface BypassedEdge {
  readonly edge: number;
  readonly described: number;
  readonly shapes: readonly number[];
  /** What was settled for each of these Shapes; not compared where it is not known. */
  readonly properties?: readonly (readonly Property[])[];
}

export interface BypassPath {
  readonly edge: number;
  readonly shape: number;
  readonly toEdge: number;
  readonly toShape: number;
}

export interface BypassPaths {
  readonly paths: readonly BypassPath[];
  /** Shapes without a way, with the reason; `edge` is the index in the description. */
  readonly obstacles: readonly { readonly edge: number; readonly message: string }[];
}

interface End {
  readonly curve: Curve;
  readonly edge: number;
  readonly shape: number;
}

/** The other ends of the Curves at a Shape, in the order of the description. A Hairpin leads nowhere else. */
function endsFrom(curves: readonly Curve[], edge: number, shape: number): End[] {
  return curves.flatMap((curve): End[] => {
    if (curve.fromEdge === edge && curve.fromShape === shape)
      return [{ curve, edge: curve.toEdge, shape: curve.toShape }];
    if (curve.toEdge === edge && curve.toShape === shape)
      return [{ curve, edge: curve.fromEdge, shape: curve.fromShape }];
    return [];
  });
}

/** Why frames cannot go this way; or the Edge that they come to. */
function obstacleOn(attempt: {
  protocols: Protocols;
  place: Place;
  edges: readonly BypassedEdge[];
  from: BypassedEdge;
  shape: number;
  index: number;
  end: End;
}): string | BypassedEdge {
  const { protocols, place, edges, from, shape, index, end } = attempt;
  const described = place.description.edges[end.edge];
  if (described === undefined) return 'its Curve leads nowhere';
  const there = edges.filter(
    (other) => other.edge !== from.edge && other.described === end.edge && other.shapes.includes(end.shape),
  );
  const where = `Edge ${described.name}`;
  const [to] = there;
  if (to === undefined) return `${where} is not joined`;
  if (there.length > 1) return `${where} is on ${there.length} networks`;
  if (end.curve.opaque) return `what goes to ${where} is encoded there`;
  const stack = place.description.edges[from.described]!.shapes[shape]!.stack;
  const other = described.shapes[end.shape]!.stack;
  if (end.curve.overhead !== 0) return `frames change their size on the way to ${where}`;
  const mine = parseStack(stack, protocols);
  const theirs = parseStack(other, protocols);
  // One that is longer stands for something put around what comes.
  if (mine.steps.length !== theirs.steps.length || !matchStacks(mine, theirs, protocols).matches)
    return `${where} has ${other}`;
  const here = from.properties?.[index];
  const beyond = to.properties?.[to.shapes.indexOf(end.shape)];
  if (here === undefined || beyond === undefined) return to;
  const mineShape = place.description.edges[from.described]!.shapes[shape]!;
  const unlike =
    unlikeProperty(here, beyond, mineShape) ?? unlikeProperty(beyond, here, described.shapes[end.shape]!);
  return unlike === undefined ? to : `without the piece \`${unlike}\` does not hold on both sides`;
}

/** What holds at a Shape by the doing of its piece alone. What only its neighbour there brought along is there without it. */
function unlikeProperty(
  these: readonly Property[],
  those: readonly Property[],
  { properties }: Shape,
): string | undefined {
  return these.find(({ name, value }) => {
    const sameName = those.filter((each) => each.name === name);
    if (value.tag === 'at-least' || value.tag === 'at-most')
      return !sameName.some((other) => other.value.tag === value.tag && other.value.val === value.val);
    if (sameName.some((other) => propertyText(other) === propertyText({ name, value }))) return false;
    return properties.some(({ wish, property }) => wish === 'available' && property.name === name);
  })?.name;
}
