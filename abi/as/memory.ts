import { FRAME_SIZE, MAX_ARENA_IN, MAX_FRAMES_IN, MAX_PARTS_IN, PART_SIZE } from './generated';

/** What a piece can write in a call, besides what came in. */
export const SCRATCH_BYTES: i32 = 786_432;

/**
 * The memory of a call: what the host brings, directly followed by what the piece writes (`room`), in one
 * region that is empty again when the host has read the result. So a call allocates nothing, and the arena
 * that came in and the rooms that were added are one arena going out, in which parts keep their offsets.
 */
const REGION_BYTES: i32 =
  MAX_FRAMES_IN * FRAME_SIZE + MAX_PARTS_IN * PART_SIZE + MAX_ARENA_IN + SCRATCH_BYTES;

let start: usize = memory.data(REGION_BYTES, 16);
let end: usize = start + REGION_BYTES;
let next: usize = start;
let last: usize = 0;

/** The allocator of the Component Model: only the host calls it, to bring arguments. */
export function cabi_realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
  if (old != 0) {
    if (old == last && size <= end - old) {
      next = aligned(old + size);
      return old;
    }
    const moved = cabi_realloc(0, 0, align, size);
    memory.copy(moved, old, min(oldSize, size));
    return moved;
  }
  if (size > end - next) enlarge(size);
  last = next;
  next = aligned(next + size);
  return last;
}

/** New bytes in the arena that goes out, at a multiple of 8; 0 when there is no more room in this call. */
export function room(size: i32): usize {
  if (<usize>size > end - next) return 0;
  const at = next;
  next = aligned(next + size);
  last = 0;
  return at;
}

/** Bytes that one `room` could still have. */
export function roomLeft(): i32 {
  return <i32>(end - next);
}

/** Gives back the end of the room that was taken last: of its bytes from `at` on, only `size` are kept. */
export function shrinkRoom(at: usize, size: i32): void {
  next = aligned(at + size);
}

/** Where the arena that goes out ends. */
export function arenaEnd(): usize {
  return next;
}

/** Forgets what the call brought and what it wrote. */
export function emptyRegion(): void {
  next = start;
  last = 0;
}

/**
 * A larger region from now on, for a saved state that is restored, or a host that brings more than the
 * contract says. It begins with what did not fit, so that rooms follow it; and is at least twice the old one,
 * so that the old ones together are never more than this.
 */
function enlarge(size: usize): void {
  const bytes = aligned(max((end - start) * 2, size + SCRATCH_BYTES));
  start = heap.alloc(bytes);
  end = start + bytes;
  next = start;
}

// @ts-ignore: decorator
@inline
function aligned(address: usize): usize {
  // Never beyond the region, whose end is a multiple of 8 as well.
  return (address + 7) & ~7;
}
