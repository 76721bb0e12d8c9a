import { KIND, PART, PROTOCOL, ROLE } from './contract';

/*
 * The kernel's table of outlets, by Edge and Shape, which ../../crossing/outlets.ts fills in. Each entry has
 * the Edge and Shape; one more than the number of steps that follow, or 0 for an empty entry; and for each
 * step two kinds of part, either of which matches.
 */
const OUTLET: u32 = 48;
const STEPS: u32 = 4;
const KINDS: u32 = 8;

/** Returns the address of the entry for an Edge and Shape; the entry may hold another one. */
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
 * Whether the parts from `part` on are the headers of the stack, in order. If not, the frame may still match,
 * and the host checks it.
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
