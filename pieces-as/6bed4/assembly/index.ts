/*
 * 6bed4: IPv6 for a host that has only IPv4 behind a NAT (the peer)
 *
 * PURPOSE
 *   Gives the host behind Edge `ipv6` an IPv6 address and carries its packets in UDP over IPv4. A router
 *   gives the address and relays packets. For each other peer this piece looks for the direct path, and uses
 *   it once it is proven.
 *
 * EDGES AND SHAPES
 *
 *              ipv6  (up)                                  carrier  (down)
 *     host  ============  +--------------------------+  ====================  UDP
 *                         |          6bed4           |
 *     ipv6            0 --|-- hop limit - 1, 28 bytes|-- 1  ipv4/udp/PORT/ipv6
 *     ipv6/icmpv6     1 --|-- solicitations answered |-- 2  ipv4/udp/PORT/ipv6/icmpv6
 *     ipv6/tcp        2 --|-- first SYN goes direct  |-- 3  ipv4/udp/PORT/ipv6/tcp   (variant tcp only)
 *                         |   keepalives, and data   |-- 0  ipv4/udp/PORT
 *                         |   other than IPv6        |
 *
 *   `ipv6` takes packets of up to 1280 bytes, and needs a network that takes all of these. So `carrier` wants
 *   a network that takes 1308 bytes at a time, and desires `framed` and `low-delay`. The properties `framed`,
 *   `duplicate-free`, `low-delay` and sizes less 28 bytes of the carrier hold on `ipv6`.
 *
 *   On `ipv6` it offers, while its router knows it: `address` (with /114), `route` (fc64::/16 or the router's
 *   own /64; each routable prefix; ::/0 with `default-route`), `mtu` (at most 1280) and `up`. On `carrier` it
 *   offers `group` 224.0.0.1:25790, on which peers behind one NAT find each other.
 *
 * SETTINGS
 *   router            IPv4 address of the router; required
 *   router-port       UDP port of the router; default 25790
 *   port              UDP port of this side, even; without it, a random even one of 49152 to 65534
 *   keepalive         interval of the empty datagrams that keep the NAT's mapping, at least 1s; default 30s
 *   keepalive-ttl     TTL of these datagrams, 1 to 255, which need only pass the NAT; default 3
 *   refresh           solicit with each keepalive, to notice a new mapping even when no packet goes out;
 *                     default true
 *   variant           plain; or tcp: the first SYN to a peer goes the direct path, and its answer proves that
 *                     path; default plain
 *   direct            use direct paths; false: all packets go through the router; default true
 *   lan-multicast     look for peers behind the same NAT on the LAN; default true
 *   allow-private     private IPv4 addresses are valid addresses of peers; default false
 *   drop-unmarkable   drop a packet whose transport has no ECN when the carrier marks congestion, as RFC 6040
 *                     §4.2 wants; otherwise it goes on, since peers in use mark wrongly; default false
 *   default-route     offer ::/0 too; default false
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     keepalive                        an empty datagram, which keeps a mapping
 *     solicitation-answered            the piece answered a router or neighbour solicitation
 *     advertisement-accepted           the router sent our prefix, or a neighbour answered
 *   Lost:
 *     malformed                        no IPv6 packet, or its lengths are wrong
 *     bad-checksum                     the checksum of a Neighbour Discovery message is wrong
 *     bad-hop-limit                    a Neighbour Discovery message did not come from a neighbour itself
 *     bad-neighbour-discovery          the code, options, target or contents of the message are wrong
 *     unexpected-neighbour-discovery   the piece did not solicit it, or it is not for this piece
 *     spoofed-source                   from the carrier: the source does not belong to the endpoint that sent
 *                                      it
 *     forbidden-ipv4                   from the carrier: the sender's IPv4 address cannot be a peer's
 *     foreign-source                   from the host: the source is not our address (answered)
 *     foreign-destination              from the carrier: the destination is not our address, or not our port
 *     multicast                        the destination is a group; 6bed4 carries none
 *     unroutable                       the destination is ::, ::1, in fe80::/10, or an impossible address
 *     own-prefix                       from the host: the destination is in our own /114
 *     not-connected                    the router has not answered yet (answered where it came from the host)
 *     hop-limit                        the hop limit ends here (answered)
 *     too-big                          more than 1280 bytes (answered)
 *     unmarkable                       congestion on the carrier, and no ECN in the packet; with
 *                                      `drop-unmarkable` only
 *   The piece answers with ICMPv6 errors, at most ten a second.
 *
 * WHAT IT DOES NOT DO
 *   Masquerading. Multicast over the tunnel. Address formats from before 2017. More than one router.
 *
 * SPECIFICATION
 *   draft-vanrein-6bed4 in the address format of -03; RFC 4861 (checks, timers), RFC 4443 (errors),
 *   RFC 6040 §4 (ECN).
 */
import {
  Batch,
  Description,
  Direction,
  edgeOf,
  Joining,
  Outcome,
  Piece,
  Reach,
  Settings,
  State,
} from 'funnel-tunnel/as';
import { Answers } from './answers';
import { Configuration, describeSettings } from './configuration';
import { Connection } from './connection';
import { fromCarrier } from './from-carrier';
import { fromHost } from './from-host';
import { Listener, SHAPE_ICMPV6, SHAPE_IPV6, SHAPE_TCP } from './listener';
import { Maintenance } from './maintenance';
import { advanceNeighbours, nextNeighbourDeadline } from './neighbour-cache';
import { Peering } from './peering';
import { carriesIpv6, wantsCarrier, wraps } from './properties';
import { Protocols } from './protocols';
import { describeReasons } from './reasons';
import { Report } from './report';

/** Edges, as described. */
@inline const EDGE_IPV6: u16 = 0;
@inline const EDGE_CARRIER: u16 = 1;

class Peer extends Piece {
  private host: i32 = -1;

  describe(description: Description, settings: Settings): void {
    description.piece('6bed4', '0.1.0', 'IPv6 over UDP and IPv4, directly between peers where that works.');
    Protocols.describe(description);
    describeSettings(description);
    describeReasons(description);
    Configuration.read(settings);
    const ipv6 = description.edge('ipv6');
    carriesIpv6(ipv6.shape('ipv6', Direction.Up, Reach.Headers));
    carriesIpv6(ipv6.shape('ipv6/icmpv6', Direction.Up, Reach.WholeFrame));
    const carrier = description.edge('carrier');
    carrier.shape('ipv4/udp/*', Direction.Down, Reach.WholeFrame);
    wantsCarrier(carrier.shape('ipv4/udp/*/ipv6', Direction.Down, Reach.Headers));
    wantsCarrier(carrier.shape('ipv4/udp/*/ipv6/icmpv6', Direction.Down, Reach.WholeFrame));
    wraps(description.curve(EDGE_IPV6, 0, EDGE_CARRIER, SHAPE_IPV6));
    wraps(description.curve(EDGE_IPV6, 1, EDGE_CARRIER, SHAPE_ICMPV6));
    if (!Configuration.isTcp) return;
    carriesIpv6(ipv6.shape('ipv6/tcp', Direction.Up, Reach.Headers));
    wantsCarrier(carrier.shape('ipv4/udp/*/ipv6/tcp', Direction.Down, Reach.Headers));
    wraps(description.curve(EDGE_IPV6, 2, EDGE_CARRIER, SHAPE_TCP));
  }

  start(_now: f64, _settings: Settings): void {
    Protocols.learn();
  }

  join(joining: Joining): void {
    if (joining.described == EDGE_CARRIER) Listener.open(joining.edge);
    else this.host = joining.edge;
    Connection.offerOn(this.host);
  }

  leave(_edge: u16, _shape: u16): void {
    if (edgeOf(EDGE_CARRIER) < 0) Listener.close();
    if (edgeOf(EDGE_IPV6) >= 0) return;
    this.host = -1;
    Connection.forgetEdge();
  }

  state(state: State): void {
    Listener.port = state.u16(<u16>Listener.port);
    Connection.state(state);
  }

  process(now: f64, batch: Batch, out: Outcome): void {
    Peering.out = out;
    Answers.out = out;
    Listener.retry(now);
    Maintenance.run(now, out);
    advanceNeighbours(now, Peering.onProbe);
    for (let i = 0, n = batch.length; i < n; i++) {
      const frame = batch.frame(i);
      if (<i32>frame.edge == this.host) fromHost(now, frame, out, this.host);
      else fromCarrier(now, frame, out, this.host);
    }
    Connection.offerOn(this.host);
    Report.update(now);
    out.wakeAt(min(min(Listener.retryAt, Maintenance.nextAt), nextNeighbourDeadline()));
  }
}

export function create(): Piece {
  return new Peer();
}
