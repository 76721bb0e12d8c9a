// The header of a segment.
//
//    0                   1                   2                   3
//    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//   ┌───┬─┬─┬───────┬───────────────┬───────────────────────────────┐
//   │ 1 │F│L│   0   │       0       │       sequence number         │
//   ├───┴─┴─┴───────┴───────────────┴───────────────────────────────┤
//   │  offset of these bytes in the frame     (unreliable only)     │
//   ├───────────────────────────────────────────────────────────────┤
//   │  bytes of the frame, 0 where not known  (the same, with F)    │
//   └───────────────────────────────────────────────────────────────┘
//
// F: the first of its frame. L: the last. The sequence number is the frame's.

/** The version, and what must be 0, in the first byte. */
@inline export const VERSION: u32 = 0x40;
@inline export const VERSION_MASK: u32 = 0xcf;
@inline export const FIRST: u32 = 0x20;
@inline export const LAST: u32 = 0x10;
@inline export const RELIABLE_HEADER: u32 = 4;
@inline export const UNRELIABLE_HEADER: u32 = 8;
/** The additional bytes in the first segment. */
@inline export const MORE_HEADER: u32 = 4;
