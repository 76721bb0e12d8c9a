import type { Piece as Description } from '../../../abi/host/contract.ts';

/** Where what comes to a Shape may go on in its piece. */
export interface CurvePath {
  /** The index of the Edge in the description, and of its Shape. For a repeated Edge also the same as it came to. */
  readonly described: number;
  readonly shape: number;
  /** Bytes that a frame gains on the way. */
  readonly overhead: number;
}

/**
 * The ways from a Shape: one Curve, whichever way it was described, with any number of Hairpins before and behind it. To each
 * other Shape the one of the fewest Curves; of several such, the one on which frames gain least.
 *
 * @param kept the name of what each Curve on the way must keep; when left out, none of them may be opaque.
 */
export function curvePathsFrom(
  description: Description,
  described: number,
  shape: number,
  kept?: string,
): readonly CurvePath[] {
  let known = leads.get(description);
  if (known === undefined) {
    known = new Map();
    leads.set(description, known);
  }
  const key = `${described} ${shape} ${kept ?? ''}`;
  let found = known.get(key);
  if (found === undefined) {
    found = findLeads(stepsIn(description, kept), described, shape);
    known.set(key, found);
  }
  return found;
}

/** Descriptions do not change, and pieces come and go. */
const leads = new WeakMap<Description, Map<string, readonly CurvePath[]>>();

/** A Curve as it is seen from one of its ends. */
interface CurveStep extends CurvePath {
  readonly isHairpin: boolean;
}

/** The Curves that may be taken, by the Shape from which. */
function stepsIn(
  description: Description,
  kept: string | undefined,
): ReadonlyMap<string, readonly CurveStep[]> {
  let known = steps.get(description);
  if (known === undefined) {
    known = new Map();
    steps.set(description, known);
  }
  const key = kept ?? '';
  let found = known.get(key);
  if (found === undefined) {
    found = new Map();
    known.set(key, found);
    for (const { fromEdge, fromShape, toEdge, toShape, overhead, opaque, keeps } of description.curves) {
      if (kept === undefined ? opaque : !keeps.includes(kept)) continue;
      const isHairpin = fromEdge === toEdge;
      addStep(found, fromEdge, fromShape, { described: toEdge, shape: toShape, overhead, isHairpin });
      addStep(found, toEdge, toShape, {
        described: fromEdge,
        shape: fromShape,
        overhead: -overhead,
        isHairpin,
      });
    }
  }
  return found;
}

const steps = new WeakMap<Description, Map<string, Map<string, CurveStep[]>>>();

function addStep(all: Map<string, CurveStep[]>, described: number, shape: number, step: CurveStep): void {
  const key = `${described} ${shape}`;
  const list = all.get(key);
  if (list === undefined) all.set(key, [step]);
  else list.push(step);
}

/** A CurvePath, and whether it has taken its one Curve that is no Hairpin. */
interface Way extends CurvePath {
  readonly isBent: boolean;
}

function findLeads(
  curves: ReadonlyMap<string, readonly CurveStep[]>,
  described: number,
  shape: number,
): CurvePath[] {
  const reached = new Set<string>();
  const found = new Map<string, CurvePath>();
  let front: readonly Way[] = [{ described, shape, overhead: 0, isBent: false }];
  while (front.length > 0) {
    const next = new Map<string, Way>();
    for (const way of front) {
      for (const { isHairpin, ...step } of curves.get(`${way.described} ${way.shape}`) ?? []) {
        if (way.isBent && !isHairpin) continue;
        const overhead = way.overhead + step.overhead;
        const onward: Way = { ...step, overhead, isBent: way.isBent || !isHairpin };
        const key = `${onward.described} ${onward.shape} ${onward.isBent}`;
        const other = next.get(key);
        if (reached.has(key) || (other !== undefined && other.overhead <= onward.overhead)) continue;
        next.set(key, onward);
      }
    }
    const here = new Map<string, CurvePath>();
    for (const [key, { isBent: _, ...lead }] of next) {
      reached.add(key);
      const place = `${lead.described} ${lead.shape}`;
      const other = here.get(place);
      if (other === undefined || lead.overhead < other.overhead) here.set(place, lead);
    }
    for (const [place, lead] of here) if (!found.has(place)) found.set(place, lead);
    front = [...next.values()];
  }
  return [...found.values()];
}
