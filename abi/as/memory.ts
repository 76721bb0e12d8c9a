import { FRAME_SIZE, MAX_ARENA_IN, MAX_FRAMES_IN, MAX_PARTS_IN, PART_SIZE } from './generated';

/** The number of bytes that a piece can write in a call, besides those that came in. */
export const SCRATCH_BYTES: i32 = 1_179_648;

/**
 * The memory of a call: the lists of the host, directly followed by what the piece writes (`room`). Both are
 * in one region, which is empty again when the host has read the result. So a call allocates nothing. The
 * incoming arena and the added rooms are one outgoing arena, in which parts keep their offsets.
 */
const REGION_BYTES: i32 =
  MAX_FRAMES_IN * FRAME_SIZE + MAX_PARTS_IN * PART_SIZE + MAX_ARENA_IN + SCRATCH_BYTES;

let start: usize = memory.data(REGION_BYTES, 16);
let end: usize = start + REGION_BYTES;
let next: usize = start;
let last: usize = 0;

// Where the next results of the host go, instead of into the region; 0 for none.
let placed: usize = 0;
let placedNext: usize = 0;

/** The host's next list, and the one behind it, go to these addresses, which have room for them. */
export function placeResults(first: usize, second: usize): void {
  placed = first;
  placedNext = second;
}

/** The allocator of the Component Model. Only the host calls it, for its arguments and results. */
export function cabi_realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
  if (placed != 0) {
    const at = placed;
    placed = placedNext;
    placedNext = 0;
    return at;
  }
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

/** Returns new bytes in the outgoing arena, at a multiple of 8; 0 if there is no more room in this call. */
export function room(size: i32): usize {
  if (<usize>size > end - next) return 0;
  const at = next;
  next = aligned(next + size);
  last = 0;
  return at;
}

/** The number of bytes that one `room` could still return. */
export function roomLeft(): i32 {
  return <i32>(end - next);
}

/** Gives back the end of the last room: of its bytes from `at` on, only `size` remain. */
export function shrinkRoom(at: usize, size: i32): void {
  next = aligned(at + size);
}

/** Where the outgoing arena ends. */
export function arenaEnd(): usize {
  return next;
}

/** Forgets the arguments of the call and the rooms. */
export function emptyRegion(): void {
  next = start;
  last = 0;
}

/**
 * Makes the region larger, for a saved state that is restored, or a host that brings more than the contract
 * says. The new region begins with what did not fit, so that rooms follow it. It is at least twice as large
 * as the old one, so all old regions together are never larger than the new one.
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
