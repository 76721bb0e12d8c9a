/*
 * 6bed4-router: gives prefixes to peers of 6bed4, and relays their packets
 *
 * PURPOSE
 *   Advertises to each peer the /114 that belongs to the IPv4 address and UDP port under which the peer
 *   appears, and relays its packets to other peers and to the native IPv6 network. It keeps no state: each
 *   packet holds all that it needs, so it may be restarted at any time.
 *
 * EDGES AND SHAPES
 *
 *              carrier  (down)                                native  (up, optional)
 *     peers  ====================  +-----------------------+  ============  IPv6
 *                                  |     6bed4-router      |
 *     ipv4/udp/PORT/ipv6         1 |-- hop limit - 1 ------|-- 0  ipv6
 *     ipv4/udp/PORT/ipv6/icmpv6  2 |-- 28 bytes -----------|-- 1  ipv6/icmpv6
 *     ipv4/udp/PORT              0 |   (and from carrier   |
 *                                  |    back to carrier)   |
 *                                  +-----------------------+
 *
 *   `native` takes packets of up to 1280 bytes, and needs a network that takes all of these. So `carrier`
 *   wants a network that takes 1308 bytes at a time, and desires `framed` and `low-delay`. The properties
 *   `framed`, `duplicate-free`, `low-delay` and sizes less 28 bytes of the carrier hold on `native`.
 *
 *   On `native` it offers `route` (its /64), `mtu` (at most 1280) and `up`; with `local-addresses` also
 *   `address`, the first one of the /64.
 *
 * SETTINGS
 *   address           its public IPv4 address; required
 *   port              its UDP port; default 25790
 *   prefix            the prefix that is made into the /64: ::/0 is fc64::/16; a /16 gets the netid behind
 *                     it, a /32 the IPv4 address, a /48 the netid; a /64 stays. No other length, and of
 *                     fd00::/8 only a /64; default ::/0
 *   netid             one to four hexadecimal digits; default bed
 *   routable-prefix   a prefix of 16 to 128 bits that is advertised to peers; may be repeated, ten at most
 *   local-addresses   addresses in the /64 with UDP port 0 belong to this machine, on `native`; default false
 *   drop-unmarkable   drop a packet whose transport has no ECN when the carrier marks congestion, as RFC 6040
 *                     §4.2 wants; otherwise it goes on, since peers in use mark wrongly; default false
 *   allow-private     private IPv4 addresses are valid addresses of peers; default false
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     keepalive                        an empty datagram, which keeps a mapping
 *     solicitation-answered            the piece answered a router or neighbour solicitation
 *   Lost:
 *     malformed                        no IPv6 packet, or its lengths are wrong
 *     bad-checksum                     the checksum of a Neighbour Discovery message is wrong
 *     bad-hop-limit                    a Neighbour Discovery message did not come from a neighbour itself
 *     bad-neighbour-discovery          the code, options, length or target of the message are wrong
 *     unexpected-neighbour-discovery   an advertisement or a redirect; any from the native network
 *     spoofed-source                   the source belongs to no peer of ours; or, from the native network, to
 *                                      a peer
 *     mapping-changed                  the source is another endpoint of our /64: the answer is an
 *                                      advertisement
 *     forbidden-ipv4                   the IPv4 address of the sender or the destination cannot be a peer's
 *     foreign-destination              from the native network: the destination is not in our /64
 *     multicast                        the destination is a group; 6bed4 carries none
 *     unroutable                       the destination is ::, ::1, in fe80::/10, the router itself, or an
 *                                      impossible address of 6bed4 (answered)
 *     masquerading                     the destination has lanip 0 of the sender, where other routers
 *                                      masquerade (answered)
 *     no-native                        the destination is on the native network, which is not joined
 *                                      (answered)
 *     hop-limit                        the hop limit ends here (answered)
 *     too-big                          more than 1280 bytes (answered)
 *     rate-limited                     the answer would be an advertisement, and the sender had its share of
 *                                      them
 *     unmarkable                       congestion on the carrier, and no ECN in the packet; with
 *                                      `drop-unmarkable` only
 *   The piece answers with ICMPv6 errors, ten a second for each sender. Advertisements are one a second after
 *   a burst of four for each endpoint, and five a second after a burst of twenty for each IPv4 address.
 *   Solicited advertisements and those about a changed mapping have separate limits.
 *
 * STATUS
 *   Its address, port and prefix, and the number of peers that it heard from in the last two minutes
 *   (`peers`; at most 4096). `lost-congestion-marks` counts packets whose transport does not understand the
 *   carrier's mark of congestion, dropped or not.
 *
 * WHAT IT DOES NOT DO
 *   Masquerading of services behind the router. Multicast. Address formats from before 2017.
 *
 * SPECIFICATION
 *   draft-vanrein-6bed4 in the address format of -03; RFC 4861 (checks), RFC 4443 (errors),
 *   RFC 6040 §4 (ECN).
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
import { Report } from './report';
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
    Report.update(now, this.carrier, this.native);
    out.wakeAt(Report.nextAt());
  }
}

export function create(): Piece {
  return new Router();
}
