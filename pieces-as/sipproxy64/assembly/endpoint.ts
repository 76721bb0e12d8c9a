// An endpoint: an address as in `IpText` (16 bytes, IPv4 mapped) and a port, and for SIP the transport and
// the peer's port of an open connection, or 0; 24 bytes in memory.

import { IpText } from 'funnel-tunnel/as/views/ip-text';
import { Ipv6Address } from 'funnel-tunnel/as/views/ipv6';

@inline export const ENDPOINT_BYTES: usize = 24;
@inline const PORT: usize = 16;
@inline const TRANSPORT: usize = 18;
@inline const FLOW: usize = 20;

export const enum Transport {
  udp,
  tcp,
}

@inline
export function portOf(endpoint: usize): u32 {
  return load<u16>(endpoint, PORT);
}

@inline
export function setPort(endpoint: usize, port: u32): void {
  store<u16>(endpoint, <u16>port, PORT);
}

@inline
export function transportOf(endpoint: usize): Transport {
  return <Transport>load<u8>(endpoint, TRANSPORT);
}

/** Sets the transport; the port of an open connection is then unknown. */
@inline
export function setTransport(endpoint: usize, transport: Transport): void {
  store<u8>(endpoint, <u8>transport, TRANSPORT);
  store<u16>(endpoint, 0, FLOW);
}

/**
 * The peer's port of a connection on which a message goes if it is still open; 0 for any connection to the
 * endpoint.
 */
@inline
export function flowOf(endpoint: usize): u32 {
  return load<u16>(endpoint, FLOW);
}

@inline
export function setFlow(endpoint: usize, port: u32): void {
  store<u16>(endpoint, <u16>port, FLOW);
}

@inline
export function familyOf(endpoint: usize): u32 {
  return IpText.family(endpoint);
}

@inline
export function copyEndpoint(to: usize, from: usize): void {
  store<u64>(to, load<u64>(from));
  store<u64>(to, load<u64>(from, 8), 8);
  store<u64>(to, load<u64>(from, 16), 16);
}

@inline
export function clearEndpoint(endpoint: usize): void {
  store<u64>(endpoint, 0);
  store<u64>(endpoint, 0, 8);
  store<u64>(endpoint, 0, 16);
}

@inline
export function sameAddress(a: usize, b: usize): bool {
  return Ipv6Address.equals(a, b);
}

/** 0.0.0.0 and `::`, with which SDP puts a call on hold (RFC 3264 §8.4). */
@inline
export function isNullAddress(address: usize): bool {
  return load<u64>(address) == 0 && (load<u64>(address, 8) == 0 || load<u64>(address, 8) == 0xffff0000);
}
