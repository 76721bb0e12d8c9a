// The address format of 6bed4 (that of draft-vanrein-6bed4-03 and of the C programs since 2017):
//
//   octets 0..7    top half: a /64 of the router
//   octet  8       octet 0 of the IPv4 address, its low two bits clear: they are EUI-64's U/L and group bits
//   octets 9..11   octets 1..3 of the IPv4 address
//   octets 12..13  UDP port
//   octets 14..15  the two bits that octet 8 lacks, and 14 bits of lanip
//
// Halves are numbers in host order, so that comparing prefixes is comparing numbers. A peer has a /114.

import { LANIP_MASK } from './constants';

/** The lower half of the address of `v4:port`. */
@inline
export function lowerHalf(v4: u32, port: u32, lanip: u64): u64 {
  return (
    ((<u64>(v4 & 0xfcffffff)) << 32) |
    ((<u64>(port & 0xffff)) << 16) |
    ((<u64>((v4 >> 24) & 3)) << 14) |
    (lanip & LANIP_MASK)
  );
}

@inline
export function v4Of(lower: u64): u32 {
  return (<u32>(lower >> 32) & 0xfcffffff) | ((<u32>(lower >> 14) & 3) << 24);
}

@inline
export function portOf(lower: u64): u32 {
  return <u32>(lower >> 16) & 0xffff;
}

@inline
export function lanipOf(lower: u64): u64 {
  return lower & LANIP_MASK;
}

/**
 * The lower half with lanip 0: the part that all addresses of one peer share, and the key by which we know
 * the peer.
 */
@inline
export function peerOf(lower: u64): u64 {
  return lower & ~LANIP_MASK;
}

/** Whether a lower half can be one of 6bed4: neither a group nor a globally unique identifier. */
@inline
export function isLowerHalf(lower: u64): bool {
  return ((lower >> 56) & 3) == 0;
}

/** An IPv4 address and UDP port as one number; comparisons use all 48 bits. */
@inline
export function endpoint(v4: u32, port: u32): u64 {
  return ((<u64>v4) << 16) | <u64>port;
}

@inline
export function endpointOf(lower: u64): u64 {
  return endpoint(v4Of(lower), portOf(lower));
}

@inline
export function endpointV4(endpoint: u64): u32 {
  return <u32>(endpoint >> 16);
}

@inline
export function endpointPort(endpoint: u64): u32 {
  return <u32>endpoint & 0xffff;
}
