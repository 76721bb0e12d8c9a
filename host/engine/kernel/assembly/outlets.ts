import { KIND, PART, PROTOCOL, ROLE } from './contract';

/*
 * What the kernel knows of where a piece may send: a few places by Edge and Shape, which ../outlets.ts fills in. Each has
 * the Edge and Shape; how many steps of the Shape's stack follow, and one, or 0 where the place is empty; and two kinds of
 * part for each step, either of which is it.
 */
const OUTLET: u32 = 48;
const STEPS: u32 = 4;
const KINDS: u32 = 8;

/** Where an Edge and Shape is, if it is known. */
// @ts-ignore: decorator
@inline
export function outletAddress(outlets: u32, edgeShape: u32): u32 {
  return outlets + ((edgeShape ^ (edgeShape >>> 16)) & 15) * OUTLET;
}

// @ts-ignore: decorator
@inline
export function isKnown(place: u32, edgeShape: u32): bool {
  return load<u32>(place) == edgeShape && load<u32>(place, STEPS) != 0;
}

/**
 * Whether the parts from one on are headers as the stack says, one behind the other. Where they are not, the frame may still
 * match, and the host looks closely.
 */
// @ts-ignore: decorator
@inline
export function begins(place: u32, part: u32, end: u32): bool {
  const steps = load<u32>(place, STEPS) - 1;
  if (steps == 0) return false;
  let kinds = place + KINDS;
  for (let n: u32 = 0; n < steps; n++, part += PART, kinds += 8) {
    if (part >= end) return false;
    const kind = load<u32>(part, KIND) & (PROTOCOL | ROLE);
    if (kind != load<u32>(kinds) && kind != load<u32>(kinds, 4)) return false;
  }
  return true;
}
