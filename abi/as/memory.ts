import { FRAME_SIZE, MAX_ARENA_IN, MAX_FRAMES_IN, MAX_PARTS_IN, PART_SIZE } from './generated';

/** What a piece can write in a call, besides what came in. */
export const SCRATCH_BYTES: i32 = 786_432;

/**
 * The memory of a call: what the host brings, directly followed by what the piece writes (`room`), in one static region that is
 * empty again when the host has read the result. So a call allocates nothing, and the arena that came in and the rooms that were
 * added are one arena going out, in which parts keep their offsets.
 */
const REGION_BYTES: i32 = MAX_FRAMES_IN * FRAME_SIZE + MAX_PARTS_IN * PART_SIZE + MAX_ARENA_IN + SCRATCH_BYTES;

const region: usize = memory.data(REGION_BYTES, 16);
let next: usize = region;
let last: usize = 0;

/** The allocator of the Component Model: only the host calls it, to bring arguments. */
export function cabi_realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
  if (old != 0) {
    if (old == last && old + size <= region + REGION_BYTES) {
      next = aligned(old + size);
      return old;
    }
    const moved = cabi_realloc(0, 0, align, size);
    memory.copy(moved, old, min(oldSize, size));
    return moved;
  }
  if (size > region + REGION_BYTES - next) {
    // Only the state that `restore` brings may be this large, once in the life of an instance.
    last = 0;
    return heap.alloc(size);
  }
  last = next;
  next = aligned(next + size);
  return last;
}

/** New bytes in the arena that goes out, at a multiple of 8; 0 when there is no more room in this call. */
export function room(size: i32): usize {
  if (<u32>size > <u32>(region + REGION_BYTES - next)) return 0;
  const at = next;
  next = aligned(next + size);
  last = 0;
  return at;
}

/** Where the arena that goes out ends. */
export function arenaEnd(): usize {
  return next;
}

/** Forgets what the call brought and what it wrote. */
export function emptyRegion(): void {
  next = region;
  last = 0;
}

// @ts-ignore: decorator
@inline
function aligned(address: usize): usize {
  // Never beyond the region, whose end is a multiple of 8 as well.
  return (address + 7) & ~7;
}
