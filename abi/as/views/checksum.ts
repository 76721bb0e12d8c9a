// The Internet checksum (RFC 1071), whole and by difference (RFC 1624).
//
// A running sum is a u64 of words as they lie in memory. One's complement addition does not depend on byte
// order (RFC 1071 §2(B)), so only the finished checksum is turned into network order. Partial sums can be
// added in any order. Only bytes that begin at an odd place need `addOdd`.

import { load16, load32 } from './bytes';

/** Adds `length` bytes at `at`, which have an even place in the summed data. */
export function add(sum: u64, at: usize, length: u32): u64 {
  let left = length;
  while (left >= 16) {
    sum += <u64>load<u32>(at) + <u64>load<u32>(at, 4) + <u64>load<u32>(at, 8) + <u64>load<u32>(at, 12);
    at += 16;
    left -= 16;
  }
  while (left >= 2) {
    sum += <u64>load<u16>(at);
    at += 2;
    left -= 2;
  }
  if (left) sum += <u64>load<u8>(at);
  return sum;
}

/** Adds `length` bytes at `at`, which have an odd place in the summed data. */
export function addOdd(sum: u64, at: usize, length: u32): u64 {
  return sum + <u64>bswap<u16>(<u16>fold(add(0, at, length)));
}

/** Adds a 16-bit number that the wire would hold in network order. */
@inline
export function addNumber16(sum: u64, value: u32): u64 {
  return sum + <u64>bswap<u16>(<u16>value);
}

/**
 * Adds the pseudo-header of IPv6 (RFC 8200 §8.1): `addresses` holds the source, and behind it the
 * destination.
 */
@inline
export function addPseudoIpv6(sum: u64, addresses: usize, length: u32, nextHeader: u32): u64 {
  sum = add(sum, addresses, 32);
  sum = addNumber16(sum, length >> 16);
  sum = addNumber16(sum, length & 0xffff);
  return addNumber16(sum, nextHeader);
}

/**
 * Adds the pseudo-header of IPv4 (RFC 768, RFC 9293 §3.1): `addresses` holds the source, and behind it the
 * destination.
 */
@inline
export function addPseudoIpv4(sum: u64, addresses: usize, length: u32, protocol: u32): u64 {
  sum = add(sum, addresses, 8);
  sum = addNumber16(sum, length);
  return addNumber16(sum, protocol);
}

/** The 16 bits of a running sum, as they lie in memory, not yet complemented. */
@inline
export function fold(sum: u64): u32 {
  // Each step may carry once more; an u64 of words needs four.
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return <u32>sum;
}

/** The checksum field for a running sum, in host order. */
@inline
export function finish(sum: u64): u32 {
  return <u32>bswap<u16>(<u16>~fold(sum));
}

/** Whether a running sum that includes the checksum field is right. */
@inline
export function isRight(sum: u64): bool {
  return fold(sum) == 0xffff;
}

/**
 * The checksum after a 16-bit word changed from `before` to `after` (RFC 1624 §3, equation 3: HC' = ~(~HC +
 * ~m + m')). Where 0 means "none" (UDP), the caller sends 0xffff for 0.
 */
export function update16(checksum: u32, before: u32, after: u32): u32 {
  let sum = (~checksum & 0xffff) + (~before & 0xffff) + (after & 0xffff);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

/** The checksum after a 32-bit word changed. */
export function update32(checksum: u32, before: u32, after: u32): u32 {
  return update16(update16(checksum, before >> 16, after >> 16), before & 0xffff, after & 0xffff);
}

/** The checksum after `length` bytes, an even number at an even place, are replaced by those at `after`. */
export function updateBytes(checksum: u32, before: usize, after: usize, length: u32): u32 {
  let at: u32 = 0;
  for (; at + 4 <= length; at += 4) checksum = update32(checksum, load32(before + at), load32(after + at));
  for (; at + 2 <= length; at += 2) checksum = update16(checksum, load16(before + at), load16(after + at));
  return checksum;
}
