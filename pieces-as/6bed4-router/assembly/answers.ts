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
/** The number of buckets for hashes of IPv4 addresses and endpoints. */
@inline const ADDRESSES: u32 = 256;
@inline const ENDPOINTS: u32 = 1024;
/**
 * Advertisements for one IPv4 address: a burst for the peers behind one NAT that come back at once, and a
 * rate that makes the router useless for flooding the owner of a forged address.
 */
@inline const ADDRESS_BURST: f64 = 20;
@inline const ADDRESS_PER_SECOND: f64 = 5;
/**
 * Advertisements for one endpoint: enough for a peer, and so few that most of the rate remains for other
 * endpoints.
 */
@inline const ENDPOINT_BURST: f64 = 4;
@inline const ENDPOINT_PER_SECOND: f64 = 1;
/** The bucket of errors toward the native network. */
@inline const NATIVE: u32 = 0;

const errors = new TokenBuckets(ADDRESSES, ERROR_BURST, ERRORS_PER_SECOND);
/** The address of all nodes, for a peer without address; an advertisement to it goes to ff02::1. */
const unspecified: usize = memory.data(16, 8);

/** The limit on advertisements of one kind: fair among the endpoints of an address, and among addresses. */
class AdvertisementLimit {
  private readonly endpoints: TokenBuckets = new TokenBuckets(ENDPOINTS, ENDPOINT_BURST, ENDPOINT_PER_SECOND);
  private readonly addresses: TokenBuckets = new TokenBuckets(ADDRESSES, ADDRESS_BURST, ADDRESS_PER_SECOND);

  /** Whether an endpoint may get another one now. An endpoint without tokens takes none from its address. */
  take(now: f64, endpoint: u64): bool {
    const v4 = endpointV4(endpoint);
    return this.endpoints.take(now, v4 ^ (endpointPort(endpoint) << 16)) && this.addresses.take(now, v4);
  }
}

/**
 * Each kind has its own limit: a peer that does not notice its new mapping keeps no other from getting an
 * address.
 */
const solicited = new AdvertisementLimit();
const unsolicited = new AdvertisementLimit();

/** The router's own messages, back to the sender of the current packet. */
export abstract class Answers {
  /**
   * Sends the peer the prefix of its visible endpoint, in answer to a solicitation. False if it solicits too
   * often.
   */
  static advertise(now: f64, out: Outcome, carrier: u16, shape: u16): bool {
    return Answers.addAdvertisement(now, out, carrier, shape, solicited, Ipv6.source(Packet.at));
  }

  /**
   * Reports a new mapping of its NAT to a peer. The message goes to all nodes, because peers do not accept it
   * at the outdated address. False if it was sent too often.
   */
  static adviseOfMapping(now: f64, out: Outcome, carrier: u16, shape: u16): bool {
    return Answers.addAdvertisement(now, out, carrier, shape, unsolicited, unspecified);
  }

  private static addAdvertisement(
    now: f64,
    out: Outcome,
    carrier: u16,
    shape: u16,
    limit: AdvertisementLimit,
    destination: usize,
  ): bool {
    if (!limit.take(now, Outer.source)) return false;
    const at = out.room(ADVERTISEMENT_BYTES);
    const peer = lowerHalf(endpointV4(Outer.source), endpointPort(Outer.source), 0);
    const length = writeRouterAdvertisement(
      at,
      destination,
      Configuration.top,
      peer,
      Configuration.routable,
      Configuration.routableCount,
    );
    beginOuter(out, carrier, shape, 0, Configuration.port, Outer.source, OUTER_TTL, 0, 0, Outer.asked);
    addMessage(out, at, length);
    return true;
  }

  /** An error to a peer whose source is right. */
  static toPeer(now: f64, out: Outcome, carrier: u16, shape: u16, type: u32, code: u32, rest: u32 = 0): void {
    if (!Packet.mayBeAnswered() || !errors.take(now, endpointV4(Outer.source))) return;
    beginOuter(out, carrier, shape, 0, Configuration.port, Outer.source, OUTER_TTL, 0, 0, Outer.asked);
    addError(out, type, code, rest, Configuration.top, routerLowerHalf(Configuration.endpoint));
  }

  /** An error to the native network. */
  static toNative(now: f64, out: Outcome, native: i32, type: u32, code: u32, rest: u32 = 0): void {
    if (!Packet.mayBeAnswered() || !errors.take(now, NATIVE)) return;
    out.begin(<u16>native, 0, 0);
    addError(out, type, code, rest, Configuration.top, routerLowerHalf(Configuration.endpoint));
  }
}
