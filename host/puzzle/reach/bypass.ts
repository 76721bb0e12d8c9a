import type { Property, Shape } from '../../../abi/host/contract.ts';
import { matchStacks } from '../../stack/match.ts';
import { parseStack } from '../../stack/parse-stack.ts';
import type { Protocols } from '../../stack/protocols.ts';
import type { Mistake, Place, PlannedJoint } from '../plan/arrangement.ts';
import type { FailurePolicy } from '../plan/piece-maker.ts';
import { propertyText } from '../plan/properties.ts';
import { type CurveStep, curveSteps } from './curve-walk.ts';

/**
 * Returns the paths of frames around a failed piece: from each joined Shape, along the first Curve of the
 * description that leads to exactly one other joined Edge and does not change the frames.
 */
export function bypassPaths(protocols: Protocols, place: Place, edges: readonly BypassedEdge[]): BypassPaths {
  const paths: BypassPath[] = [];
  const obstacles: { edge: number; message: string }[] = [];
  for (const from of edges) {
    from.shapes.forEach((shape, index) => {
      const reasons = new Set<string>();
      for (const step of curveSteps(place.description, from.described, shape)) {
        const outcome = tryStep({ protocols, place, edges, from, shape, index, step });
        if (typeof outcome === 'string') {
          reasons.add(outcome);
          continue;
        }
        paths.push({ edge: from.edge, shape, toEdge: outcome.edge, toShape: step.shape });
        return;
      }
      const { stack } = place.description.edges[from.described]!.shapes[shape]!;
      const why = reasons.size > 0 ? [...reasons].join('; ') : 'no Curve leads from there to another Edge';
      obstacles.push({ edge: from.described, message: `for ${stack}: ${why}` });
    });
  }
  return { paths, obstacles };
}

/**
 * Returns a mistake for each piece with the policy `bypass` that frames cannot go around, before anything
 * runs.
 */
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

/** A joined Edge of the piece that frames go around. */
export interface BypassedEdge {
  readonly edge: number;
  readonly described: number;
  readonly shapes: readonly number[];
  /** The settled properties of each of these Shapes; not compared when left out. */
  readonly properties?: readonly (readonly Property[])[];
}

/** Frames that come to one Edge and Shape leave by another. */
export interface BypassPath {
  readonly edge: number;
  readonly shape: number;
  readonly toEdge: number;
  readonly toShape: number;
}

export interface BypassPaths {
  readonly paths: readonly BypassPath[];
  /** Shapes without a path, with the reason; `edge` is the index in the description. */
  readonly obstacles: readonly { readonly edge: number; readonly message: string }[];
}

/** Returns the Edge to which frames go by a Curve, or the reason why they cannot. */
function tryStep(attempt: {
  protocols: Protocols;
  place: Place;
  edges: readonly BypassedEdge[];
  from: BypassedEdge;
  shape: number;
  index: number;
  step: CurveStep;
}): string | BypassedEdge {
  const { protocols, place, edges, from, shape, index, step } = attempt;
  const described = place.description.edges[step.described];
  if (described === undefined) return 'its Curve leads nowhere';
  const joined = edges.filter(
    (other) =>
      other.edge !== from.edge && other.described === step.described && other.shapes.includes(step.shape),
  );
  const where = `Edge ${described.name}`;
  const [to] = joined;
  if (to === undefined) return `${where} is not joined`;
  if (joined.length > 1) return `${where} is on ${joined.length} networks`;
  if (step.isOpaque) return `what goes to ${where} is encoded there`;
  const near = place.description.edges[from.described]!.shapes[shape]!;
  const far = described.shapes[step.shape]!;
  if (step.overhead !== 0) return `frames change their size on the way to ${where}`;
  const nearStack = parseStack(near.stack, protocols);
  const farStack = parseStack(far.stack, protocols);
  // A longer stack means that the piece puts a header around the frame.
  if (
    nearStack.steps.length !== farStack.steps.length ||
    !matchStacks(nearStack, farStack, protocols).matches
  )
    return `${where} has ${far.stack}`;
  const here = from.properties?.[index];
  const beyond = to.properties?.[to.shapes.indexOf(step.shape)];
  if (here === undefined || beyond === undefined) return to;
  const unlike = unlikeProperty(here, beyond, near) ?? unlikeProperty(beyond, here, far);
  return unlike === undefined ? to : `without the piece \`${unlike}\` does not hold on both sides`;
}

/**
 * Returns the name of a property that holds on one side of the piece only because of the piece. A property
 * that only the neighbour on that side provides also holds there without the piece.
 */
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
