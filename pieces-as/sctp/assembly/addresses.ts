import { Endpoint } from '../../frame-sequence/assembly/endpoint';
import { Association, MOST_PATHS } from './association';
import { Carrier } from './carrier';
import { Initiation } from './initiation';

const ours: Endpoint = new Endpoint();

/** The addresses that the peer names in the INIT or INIT ACK at hand. */
export abstract class Addresses {
  /**
   * Moves the usable addresses of the INIT besides its source to the front. Returns their number, with the
   * source.
   */
  static choose(): u32 {
    let count = 0;
    for (let i = 0; i < Initiation.addressCount && count < MOST_PATHS - 1; i++) {
      const address = Initiation.addresses[i];
      if (isSame(address, Carrier.source) || !isInReach(address, Carrier.source)) continue;
      Initiation.addresses[count++].copy(address);
    }
    Initiation.addressCount = count;
    return <u32>count + 1;
  }

  /** Takes the addresses of an INIT ACK (RFC 9260 §5.1.2 C), with the UDP port of its sender. */
  static addTo(association: Association): void {
    association.addPath(Carrier.source, Carrier.destination, true);
    for (let i = 0; i < Initiation.addressCount; i++) {
      const address = Initiation.addresses[i];
      if (!isInReach(address, Carrier.source)) continue;
      address.port = Carrier.source.port;
      ours.setIpv4(0, Carrier.destination.port);
      ours.isIpv6 = address.isIpv6;
      if (address.isIpv6 == Carrier.destination.isIpv6) ours.copy(Carrier.destination);
      association.addPath(address, ours, false);
    }
  }

  /** Whether the association lacks one of them. */
  static hasNewFor(association: Association): bool {
    if (association.pathTo(Carrier.source) < 0) return true;
    for (let i = 0; i < Initiation.addressCount; i++) {
      const address = Initiation.addresses[i];
      if (isInReach(address, Carrier.source) && association.pathTo(address) < 0) return true;
    }
    return false;
  }
}

function isSame(a: Endpoint, b: Endpoint): bool {
  return a.low == b.low && a.high == b.high && a.isIpv6 == b.isIpv6;
}

/**
 * Whether a peer at `source` can mean this address: private and link-local ones are valid only if `source` is
 * one.
 */
function isInReach(address: Endpoint, source: Endpoint): bool {
  return !isLocal(address) || (address.isIpv6 == source.isIpv6 && isLocal(source));
}

function isLocal(address: Endpoint): bool {
  if (address.isIpv6) return address.high >> 54 == 0x3fa || address.high >> 57 == 0x7e;
  const low = <u32>address.low;
  return low >> 24 == 10 || low >> 20 == 0xac1 || low >> 16 == 0xc0a8 || low >> 16 == 0xa9fe;
}
