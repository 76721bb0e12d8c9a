import type { Piece as Description } from '../../../abi/host/contract.ts';

/** A Curve, seen from one of its ends. */
export interface CurveStep {
  /** The other end: the index of the Edge in the description, and of its Shape. */
  readonly described: number;
  readonly shape: number;
  /** Bytes that a frame gains on the way; negative where it loses some. */
  readonly overhead: number;
  readonly isOpaque: boolean;
  readonly isHairpin: boolean;
  /** Names of the properties that the Curve keeps. */
  readonly keeps: readonly string[];
}

/**
 * A path through a piece: one Curve at most that is no Hairpin, with any number of Hairpins before and behind
 * it.
 */
export interface CurveWalk {
  readonly described: number;
  readonly shape: number;
  readonly overhead: number;
  /** At least one of its Curves is opaque. */
  readonly isOpaque: boolean;
  /** The path has taken its one Curve that is no Hairpin. */
  readonly isBent: boolean;
  /** How many Curves it takes. */
  readonly curves: number;
}

export interface WalkOptions {
  /** Whether the walk may take a step. */
  readonly mayTake: (step: CurveStep) => boolean;
  /**
   * Whether one path replaces another to the same Shape with as many Curves; when left out, the first one
   * found stays.
   */
  readonly isBetter?: (path: CurveWalk, known: CurveWalk) => boolean;
}

/**
 * Walks the Curves of a piece from one Shape, in either direction of each Curve. Returns the paths with the
 * fewest Curves first, and at most one for each Shape and value of `isBent`. The Shape itself is among the
 * results only where Hairpins lead back to it.
 */
export function walkCurves(
  description: Description,
  described: number,
  shape: number,
  { mayTake, isBetter = () => false }: WalkOptions,
): CurveWalk[] {
  const found = new Map<string, CurveWalk>();
  let front: readonly CurveWalk[] = [
    { described, shape, overhead: 0, isOpaque: false, isBent: false, curves: 0 },
  ];
  while (front.length > 0) {
    const next = new Map<string, CurveWalk>();
    for (const path of front) {
      for (const step of curveSteps(description, path.described, path.shape)) {
        if ((path.isBent && !step.isHairpin) || !mayTake(step)) continue;
        const onward = extended(path, step);
        const key = `${onward.described} ${onward.shape} ${onward.isBent}`;
        const known = next.get(key);
        if (found.has(key) || (known !== undefined && !isBetter(onward, known))) continue;
        next.set(key, onward);
      }
    }
    for (const [key, path] of next) found.set(key, path);
    front = [...next.values()];
  }
  return [...found.values()];
}

function extended(path: CurveWalk, step: CurveStep): CurveWalk {
  return {
    described: step.described,
    shape: step.shape,
    overhead: path.overhead + step.overhead,
    isOpaque: path.isOpaque || step.isOpaque,
    isBent: path.isBent || !step.isHairpin,
    curves: path.curves + 1,
  };
}

/** The Curves at a Shape, in the order of the description. */
export function curveSteps(description: Description, described: number, shape: number): readonly CurveStep[] {
  let byShape = stepsByShape.get(description);
  // Stryker disable next-line ConditionalExpression: they are found anew, and the same.
  if (byShape === undefined) {
    byShape = findSteps(description);
    stepsByShape.set(description, byShape);
  }
  return byShape.get(`${described} ${shape}`) ?? NO_STEPS;
}

/** Descriptions do not change, and pieces come and go. */
const stepsByShape = new WeakMap<Description, ReadonlyMap<string, readonly CurveStep[]>>();
const NO_STEPS: readonly CurveStep[] = [];

function findSteps({ curves }: Description): ReadonlyMap<string, readonly CurveStep[]> {
  const byShape = new Map<string, CurveStep[]>();
  const add = (described: number, shape: number, step: CurveStep) => {
    const key = `${described} ${shape}`;
    const list = byShape.get(key);
    if (list === undefined) byShape.set(key, [step]);
    else list.push(step);
  };
  for (const { fromEdge, fromShape, toEdge, toShape, overhead, opaque, keeps } of curves) {
    const curve = { isOpaque: opaque, isHairpin: fromEdge === toEdge, keeps };
    add(fromEdge, fromShape, { described: toEdge, shape: toShape, overhead, ...curve });
    add(toEdge, toShape, { described: fromEdge, shape: fromShape, overhead: -overhead, ...curve });
  }
  return byShape;
}
