import { parseAddress } from './ip-address.ts';

/**
 * The addresses of streams that have none: the IPv4 dummy address of RFC 7600 §4.8, and the first of the
 * discard prefix of RFC 6666. No host has them. Behind a source address like that, a port only identifies a
 * stream; the system chooses what a connection is bound to.
 */
export const DUMMY_IPV4 = parseAddress('192.0.0.8')!;
export const DUMMY_IPV6 = parseAddress('100::')!;

export function isDummy(address: Uint8Array): boolean {
  const dummy = address.length === 4 ? DUMMY_IPV4 : DUMMY_IPV6;
  return address.every((byte, i) => byte === dummy[i]);
}
