/**
 * Copies bytes within the lane's memory; the ranges must not overlap. For the bytes of a frame this costs
 * less than a call.
 */
// @ts-ignore: decorator
@inline
export function copy(to: u32, from: u32, length: u32): void {
  if (length > 256) memory.copy(to, from, length);
  else copyShort(to, from, length);
}

// @ts-ignore: decorator
@inline
function copyShort(to: u32, from: u32, length: u32): void {
  let at: u32 = 0;
  for (; at + 16 <= length; at += 16) v128.store(to + at, v128.load(from + at));
  if (length & 8) {
    store<u64>(to + at, load<u64>(from + at));
    at += 8;
  }
  if (length & 4) {
    store<u32>(to + at, load<u32>(from + at));
    at += 4;
  }
  if (length & 2) {
    store<u16>(to + at, load<u16>(from + at));
    at += 2;
  }
  if (length & 1) store<u8>(to + at, load<u8>(from + at));
}
