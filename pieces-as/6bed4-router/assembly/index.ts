/*
6bed4-router: gives prefixes to peers of 6bed4, and relays for them

PURPOSE

  Tells each peer the /114 that belongs to the IPv4 address and UDP port as which it appears, and relays its packets to
  other peers and to the native IPv6 network. It remembers nothing: all it needs is in each packet, so it may be restarted
  at any time.

DIAGRAM

              carrier  (down)                                native  (up, optional)
     peers  ====================  +-----------------------+  ============  IPv6
                                  |     6bed4-router      |
     ipv4/udp/PORT/ipv6         1 |-- hop limit - 1 ------|-- 0  ipv6
     ipv4/udp/PORT/ipv6/icmpv6  2 |-- 28 bytes -----------|-- 1  ipv6/icmpv6
     ipv4/udp/PORT              0 |   (and from carrier   |
                                  |    back to carrier)   |
                                  +-----------------------+

  `native` takes packets of up to 1280 bytes, and wants a network that has all of these; so `carrier` wants one that takes 1308
  bytes at a time, and desires `framed` and `low-delay`. What holds there holds on `native`: `framed`, `duplicate-free`, `low-delay`
  and sizes less 28 bytes.

  On `native` it offers `route` (its /64), `mtu` (at most 1280) and `up`; with `local-addresses` also `address`, the /64's
  first one.

SETTINGS

  address          its public IPv4 address; must be given
  port             25790
  prefix           ::/0     made into a /64: ::/0 is fc64::/16; a /16 gets the netid behind it, a /32 the IPv4 address,
                            a /48 the netid; a /64 stays. Nothing else, and of fd00::/8 only a /64
  netid            bed      one to four hexadecimal digits
  routable-prefix           a prefix of 16 to 128 bits that peers are told of; may be repeated, ten at most
  local-addresses  false    true: addresses in the /64 with UDP port 0 are this machine's own, by way of `native`
  allow-private    false    true: private IPv4 addresses are addresses of peers as any other

COUNTERS AND REASONS

  Work that is done here, no loss:
    keepalive                        an empty datagram came
    solicitation-answered            a router or neighbour solicitation was answered
  Losses:
    malformed                        no IPv6 packet, or its lengths are wrong
    bad-checksum, bad-hop-limit      of Neighbour Discovery, which must come from a neighbour itself
    bad-neighbour-discovery          its code, options, length or target are wrong
    unexpected-neighbour-discovery   an advertisement or a redirect; any from the native network
    spoofed-source                   the source belongs to nobody whom we serve; or, from the native network, to a peer
    mapping-changed                  the source is of another endpoint in our /64: answered by an advertisement
    forbidden-ipv4                   the sender's, or the addressed, IPv4 address can be no peer's
    foreign-destination              from the native network: not in our /64
    multicast                        to a group; 6bed4 carries none
    unroutable                       to ::, ::1, fe80::/10, the router itself, or no possible address of 6bed4 (answered)
    masquerading                     to lanip 0 of the sender, where other routers masquerade (answered)
    no-native                        to the native network, which is not joined (answered)
    hop-limit                        it ends here (answered)
    too-big                          more than 1280 bytes (answered)
    rate-limited                     it would have been answered by an advertisement, but not so often
  Answers are errors of ICMPv6, ten a second for each sender; advertisements are five a second after a burst of twenty.

WHAT IT DOES NOT DO

  Masquerading of services behind the router. Multicast. Address formats from before 2017.

SPECIFICATION

  draft-vanrein-6bed4 in the address format of -03; RFC 4861 (checks), RFC 4443 (errors), RFC 6040 §4 (ECN).
*/

import {
  Batch,
  Description,
  Direction,
  edgeOf,
  Joining,
  Line,
  Outcome,
  offer,
  offerBound,
  offerLine,
  Piece,
  Reach,
  Settings,
  ValueCase,
} from 'funnel-tunnel/as';
import { store64 } from 'funnel-tunnel/as/views/bytes';
import { TUNNEL_MTU } from '../../6bed4/assembly/constants';
import { carriesIpv6, wantsCarrier, wraps } from '../../6bed4/assembly/properties';
import { Protocols } from '../../6bed4/assembly/protocols';
import { Configuration, describeSettings } from './configuration';
import { fromNative } from './from-native';
import { fromPeer } from './from-peer';
import { describeReasons } from './reasons';
import { SHAPE_ICMPV6, SHAPE_IPV6 } from './shapes';

/** Edges, as described. */
@inline const EDGE_CARRIER: u16 = 0;
@inline const EDGE_NATIVE: u16 = 1;

const address: usize = memory.data(16, 8);

class Router extends Piece {
  private carrier: i32 = -1;
  private native: i32 = -1;
  private isOffered: bool = false;
  private line: Line = new Line();

  describe(description: Description, settings: Settings): void {
    description.piece('6bed4-router', '0.1.0', 'Gives IPv6 prefixes to peers of 6bed4, and relays for them.');
    Protocols.describe(description);
    describeSettings(description);
    describeReasons(description);
    Configuration.read(settings);
    const stack = 'ipv4/udp/local:' + Configuration.port.toString();
    const carrier = description.edge('carrier').shape(stack, Direction.Down, Reach.WholeFrame);
    wantsCarrier(carrier.shape(stack + '/ipv6', Direction.Down, Reach.Headers));
    wantsCarrier(carrier.shape(stack + '/ipv6/icmpv6', Direction.Down, Reach.WholeFrame));
    const native = description.edge('native').isOptional();
    carriesIpv6(native.shape('ipv6', Direction.Up, Reach.Headers));
    carriesIpv6(native.shape('ipv6/icmpv6', Direction.Up, Reach.Headers));
    wraps(description.curve(EDGE_NATIVE, 0, EDGE_CARRIER, SHAPE_IPV6));
    wraps(description.curve(EDGE_NATIVE, 1, EDGE_CARRIER, SHAPE_ICMPV6));
    description.curve(EDGE_CARRIER, SHAPE_IPV6, EDGE_CARRIER, SHAPE_IPV6);
  }

  start(_now: f64, _settings: Settings): void {
    Protocols.learn();
  }

  join(joining: Joining): void {
    if (joining.described == EDGE_CARRIER) {
      this.carrier = joining.edge;
      return;
    }
    this.native = joining.edge;
    if (this.isOffered) return;
    this.isOffered = true;
    const edge = joining.edge;
    store64(address, Configuration.top);
    store64(address + 8, 1);
    if (Configuration.localAddresses)
      offerLine(edge, 'address', this.line.clear().ipv6(address).text('/64'), true);
    store64(address + 8, 0);
    offerLine(edge, 'route', this.line.clear().ipv6(address).text('/64'), true);
    offerBound(edge, 'mtu', ValueCase.AtMost, TUNNEL_MTU, true);
    offer(edge, 'up', true);
  }

  leave(_edge: u16, _shape: u16): void {
    this.carrier = edgeOf(EDGE_CARRIER);
    this.native = edgeOf(EDGE_NATIVE);
    if (this.native < 0) this.isOffered = false;
  }

  process(now: f64, batch: Batch, out: Outcome): void {
    for (let i = 0, n = batch.length; i < n; i++) {
      const frame = batch.frame(i);
      if (<i32>frame.edge == this.native) fromNative(now, frame, out, this.native, this.carrier);
      else fromPeer(now, frame, out, this.native);
    }
  }
}

export function create(): Piece {
  return new Router();
}
