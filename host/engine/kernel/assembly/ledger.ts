/*
 * A piece's ledger in the layout of host/piece/ledger.ts: a head, and arrays of `capacity` elements. Each
 * array begins `capacity` words behind the one before it.
 */

export const FREE_COUNT: u32 = 0;
export const LARGE_ROOM: u32 = 4;
export const USED_COUNT: u32 = 8;
export const CAPACITY: u32 = 12;
export const FIRST_LARGE: u32 = 16;
export const HEAD: u32 = 64;

/** The arrays, in their order. */
export const ROWS: u32 = 0;
export const BODY_STARTS: u32 = 1;
export const BODY_LENGTHS: u32 = 2;
export const TICKETS: u32 = 3;
export const AGES: u32 = 4;
export const SENT: u32 = 5;
export const FREE: u32 = 6;
export const USED_SLOTS: u32 = 7;
/** Bytes, not words. */
export const USES: u32 = 8;

/** The effect of an outcome on a ticket. */
export const USED: u32 = 1;
export const MOVED: u32 = 2;

export const SLOT_MASK: u32 = 0xfff;
export const FIRST_AGE: u32 = 0x1000;
/** In `SENT`: the host must examine the frame of this ticket when it comes back. */
export const NOT_SENT: u32 = 0xffffffff;

// @ts-ignore: decorator
@inline
export function arrayOf(ledger: u32, array: u32): u32 {
  return ledger + HEAD + (load<u32>(ledger, CAPACITY) << 2) * array;
}

/** By row, in 16-bit halves, behind the bytes. */
// @ts-ignore: decorator
@inline
export function slotOfRows(ledger: u32): u32 {
  return arrayOf(ledger, USES) + ((load<u32>(ledger, CAPACITY) + 1) & ~1);
}
