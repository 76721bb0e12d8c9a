import { Outcome } from 'funnel-tunnel/as';
import { Ipv6 } from 'funnel-tunnel/as/views/ipv6';
import { endpointPort, endpointV4, lowerHalf } from '../../6bed4/assembly/address';
import { addMessage, beginOuter, Outer } from '../../6bed4/assembly/carrier';
import { OUTER_TTL } from '../../6bed4/assembly/constants';
import { addError, ERROR_BURST, ERRORS_PER_SECOND } from '../../6bed4/assembly/icmp-error';
import { routerLowerHalf, writeRouterAdvertisement } from '../../6bed4/assembly/neighbour-discovery';
import { Packet } from '../../6bed4/assembly/packet';
import { TokenBuckets } from '../../6bed4/assembly/token-bucket';
import { Configuration } from './configuration';

/** Room for an advertisement with ten routable prefixes: 56 bytes, and 32 for each of 11 prefixes. */
@inline const ADVERTISEMENT_BYTES: i32 = 408;
/** Senders are told apart by their IPv4 address, hashed into so many buckets. */
@inline const SENDERS: u32 = 256;
/**
 * Advertisements that one sender has us send: a burst for the peers behind one NAT that come back at once,
 * and a rate that makes us no use for flooding the owner of a forged address.
 */
@inline const ADVERTISEMENT_BURST: f64 = 20;
@inline const ADVERTISEMENTS_PER_SECOND: f64 = 5;
/** The bucket of errors toward the native network. */
@inline const NATIVE: u32 = 0;

const errors = new TokenBuckets(SENDERS, ERROR_BURST, ERRORS_PER_SECOND);
const advertisements = new TokenBuckets(SENDERS, ADVERTISEMENT_BURST, ADVERTISEMENTS_PER_SECOND);

/** What the router sends of its own, back to where the packet at hand came from. */
export abstract class Answers {
  /** Tells a peer its prefix, by the endpoint that we see. False when it is told too often. */
  static advertise(now: f64, out: Outcome, carrier: u16, shape: u16): bool {
    const v4 = endpointV4(Outer.source);
    if (!advertisements.take(now, v4)) return false;
    const at = out.room(ADVERTISEMENT_BYTES);
    const peer = lowerHalf(v4, endpointPort(Outer.source), 0);
    const length = writeRouterAdvertisement(
      at,
      Ipv6.source(Packet.at),
      Configuration.top,
      peer,
      Configuration.routable,
      Configuration.routableCount,
    );
    beginOuter(out, carrier, shape, 0, Configuration.port, Outer.source, OUTER_TTL, 0);
    addMessage(out, at, length);
    return true;
  }

  /** An error to a peer whose source was found right. */
  static toPeer(now: f64, out: Outcome, carrier: u16, shape: u16, type: u32, code: u32, rest: u32 = 0): void {
    if (!Packet.mayBeAnswered() || !errors.take(now, endpointV4(Outer.source))) return;
    beginOuter(out, carrier, shape, 0, Configuration.port, Outer.source, OUTER_TTL, 0);
    addError(out, type, code, rest, Configuration.top, routerLowerHalf(Configuration.endpoint));
  }

  /** An error to the native network. */
  static toNative(now: f64, out: Outcome, native: i32, type: u32, code: u32, rest: u32 = 0): void {
    if (!Packet.mayBeAnswered() || !errors.take(now, NATIVE)) return;
    out.begin(<u16>native, 0, 0);
    addError(out, type, code, rest, Configuration.top, routerLowerHalf(Configuration.endpoint));
  }
}
