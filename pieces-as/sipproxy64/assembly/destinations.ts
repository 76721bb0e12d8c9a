// Decides which addresses may be destinations.

import { load32 } from 'funnel-tunnel/as/views/bytes';
import { IpText } from 'funnel-tunnel/as/views/ip-text';
import { Ipv6Address } from 'funnel-tunnel/as/views/ipv6';
import { Configuration } from './configuration';
import { isNullAddress, sameAddress } from './endpoint';

/** Whether an address is one of ours, in either family. */
@inline
export function isOwnAddress(address: usize): bool {
  return sameAddress(address, Configuration.own4) || sameAddress(address, Configuration.own6);
}

/**
 * Addresses that are no destination, whatever a message says: they are no unicast host that a relay should
 * reach.
 */
export function isForbidden(address: usize): bool {
  if (isNullAddress(address) || isOwnAddress(address)) return true;
  if (IpText.family(address) == 4) {
    const v4 = load32(address + 12);
    const first = v4 >> 24;
    if (first == 127) return !Configuration.loopback;
    // This network, link-local (RFC 3927), multicast and reserved, the prefix of DS-Lite (RFC 6333 §5.7).
    return first == 0 || v4 >> 16 == 0xa9fe || first >= 224 || v4 >> 3 == 0xc0000000 >> 3;
  }
  if (Ipv6Address.isLoopback(address)) return !Configuration.loopback;
  return Ipv6Address.isMulticast(address) || Ipv6Address.isLinkLocal(address);
}
