/*
6bed4: IPv6 for whoever has no more than IPv4 with a NAT (the peer)

PURPOSE

  Gives the host behind Edge `ipv6` an IPv6 address and carries its packets in UDP over IPv4. A router somewhere gives the
  address and relays for us; to other peers we look for the direct way, and use it when it is proven.

DIAGRAM

              ipv6  (up)                                  carrier  (down)
     host  ============  +--------------------------+  ====================  UDP
                         |          6bed4           |
     ipv6            0 --|-- hop limit - 1, 28 bytes|-- 1  ipv4/udp/PORT/ipv6
     ipv6/icmpv6     1 --|-- solicitations answered |-- 2  ipv4/udp/PORT/ipv6/icmpv6
     ipv6/tcp        2 --|-- first SYN goes direct  |-- 3  ipv4/udp/PORT/ipv6/tcp   (variant tcp only)
                         |   keepalives, what is no |-- 0  ipv4/udp/PORT
                         |   IPv6                   |
                         +--------------------------+

  `ipv6` takes packets of up to 1280 bytes, and wants a network that has all of these; so `carrier` wants one that takes 1308
  bytes at a time, and desires `framed` and `low-delay`. What holds there holds on `ipv6`: `framed`, `duplicate-free`, `low-delay`
  and sizes less 28 bytes.

  On `ipv6` it offers, while its router knows it: `address` (with /114), `route` (fc64::/16 or the router's own /64; each
  routable prefix; ::/0 with `default-route`), `mtu` (at most 1280) and `up`. On `carrier` it offers `group`
  224.0.0.1:25790, on which peers behind one NAT find each other.

SETTINGS

  router          IPv4 address of the router; must be given
  router-port     25790
  port            the UDP port here, even; by default a random even one of 49152 to 65534
  keepalive       30s      how often an empty datagram keeps the NAT's mapping alive; at least 1s
  keepalive-ttl   3        its TTL, 1 to 255: it need only pass the NAT
  refresh         true     solicit with each keepalive, so that a new mapping is noticed though no packet goes out
  variant         plain    tcp: the first SYN to a peer goes the direct way, and its answer proves it
  direct          true     false: all goes by way of the router
  lan-multicast   true     look for peers behind the same NAT on the LAN
  allow-private   false    true: private IPv4 addresses are addresses of peers as any other
  default-route   false    true: offer ::/0 too

COUNTERS AND REASONS

  Work that is done here, no loss:
    keepalive                        an empty datagram came
    solicitation-answered            a router or neighbour solicitation was answered
    advertisement-accepted           the router told our prefix, or a neighbour answered
  Losses:
    malformed                        no IPv6 packet, or its lengths are wrong
    bad-checksum, bad-hop-limit      of Neighbour Discovery, which must come from a neighbour itself
    bad-neighbour-discovery          its code, options, target or contents are wrong
    unexpected-neighbour-discovery   not asked for, or not for us
    spoofed-source                   from the carrier: the source does not belong to the endpoint that sent it
    forbidden-ipv4                   from the carrier: the sender's IPv4 address can be no peer's
    foreign-source                   from the host: the source is not ours (answered)
    foreign-destination              from the carrier: the destination is not ours
    multicast                        to a group; 6bed4 carries none
    unroutable                       to ::, ::1, fe80::/10, or no possible address of 6bed4
    own-prefix                       from the host: to our own /114
    not-connected                    the router has not answered yet (answered where it came from the host)
    hop-limit                        it ends here (answered)
    too-big                          more than 1280 bytes (answered)
  Answers are errors of ICMPv6, at most ten a second.

WHAT IT DOES NOT DO

  Masquerading. Multicast over the tunnel. Address formats from before 2017. More than one router.

SPECIFICATION

  draft-vanrein-6bed4 in the address format of -03; RFC 4861 (checks, timers), RFC 4443 (errors), RFC 6040 §4 (ECN).
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
    out.wakeAt(min(min(Listener.retryAt, Maintenance.nextAt), nextNeighbourDeadline()));
  }
}

export function create(): Piece {
  return new Peer();
}
