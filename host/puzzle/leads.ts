import type { Curve, Piece as Description } from '../../abi/host/contract.ts';

/** Where what comes to a Shape may go on in its piece. */
export interface Lead {
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
export function leadsFrom(
  description: Description,
  described: number,
  shape: number,
  kept?: string,
): readonly Lead[] {
  let known = leads.get(description);
  if (known === undefined) {
    known = new Map();
    leads.set(description, known);
  }
  const key = `${described} ${shape} ${kept ?? ''}`;
  let found = known.get(key);
  if (found === undefined) {
    const passable = description.curves.filter(
      kept === undefined ? ({ opaque }) => !opaque : ({ keeps }) => keeps.includes(kept),
    );
    found = findLeads(passable, described, shape);
    known.set(key, found);
  }
  return found;
}

/** Descriptions do not change, and pieces come and go. */
const leads = new WeakMap<Description, Map<string, readonly Lead[]>>();

/** A Lead, and whether it has taken its one Curve that is no Hairpin. */
interface Way extends Lead {
  readonly isBent: boolean;
}

function findLeads(curves: readonly Curve[], described: number, shape: number): Lead[] {
  const reached = new Set<string>();
  const found = new Map<string, Lead>();
  let front: readonly Way[] = [{ described, shape, overhead: 0, isBent: false }];
  while (front.length > 0) {
    const next = new Map<string, Way>();
    for (const way of front) {
      for (const onward of stepsFrom(way, curves)) {
        const key = `${onward.described} ${onward.shape} ${onward.isBent}`;
        const other = next.get(key);
        if (reached.has(key) || (other !== undefined && other.overhead <= onward.overhead)) continue;
        next.set(key, onward);
      }
    }
    const here = new Map<string, Lead>();
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

function* stepsFrom(way: Way, curves: readonly Curve[]): Iterable<Way> {
  for (const { fromEdge, fromShape, toEdge, toShape, overhead } of curves) {
    const isHairpin = fromEdge === toEdge;
    if (way.isBent && !isHairpin) continue;
    const isBent = way.isBent || !isHairpin;
    if (fromEdge === way.described && fromShape === way.shape)
      yield { described: toEdge, shape: toShape, overhead: way.overhead + overhead, isBent };
    if (toEdge === way.described && toShape === way.shape)
      yield { described: fromEdge, shape: fromShape, overhead: way.overhead - overhead, isBent };
  }
}
