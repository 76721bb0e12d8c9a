import { arenaStart, Frame, Outcome } from 'funnel-tunnel/as';
import { load64 } from 'funnel-tunnel/as/views/bytes';
import { Icmpv6 } from 'funnel-tunnel/as/views/icmpv6';
import { Ipv6 } from 'funnel-tunnel/as/views/ipv6';
import { isLowerHalf, lanipOf } from './address';
import { Answers } from './answers';
import { addMessage, beginOuter, frontOf } from './carrier';
import { Configuration } from './configuration';
import { Connection } from './connection';
import { LINK_MULTICAST_TOP, OUTER_TTL, SCHEME_PREFIX, TUNNEL_MTU } from './constants';
import { BEYOND_SCOPE, HOP_LIMIT_EXCEEDED, NO_ROUTE, SOURCE_FAILED_POLICY } from './icmp-error';
import { Listener, SHAPE_IPV6 } from './listener';
import {
  Check,
  checkMessage,
  targetOf,
  writeHostAdvertisement,
  writeRouterNeighbourAnswer,
} from './neighbour-discovery';
import { Packet } from './packet';
import { Peering } from './peering';
import { Reason } from './reasons';

/** Room for the longest advertisement to the host: 88 bytes, and 24 for each of 11 routes. */
@inline const ADVERTISEMENT_BYTES: i32 = 352;
@inline const NEIGHBOUR_ANSWER_BYTES: i32 = 72;

/** Passes a frame from the host on, or ends it. */
export function fromHost(now: f64, frame: Frame, out: Outcome, host: i32): void {
  const reason = carry(now, frame, out, host);
  if (reason >= 0) out.end(frame.ticket, <u16>reason);
}

/** Returns -1 if the packet went on, else the reason for its end. */
function carry(now: f64, frame: Frame, out: Outcome, host: i32): i32 {
  if (!Packet.read(frame, frame.skipHeaders)) return Reason.malformed;
  if (Packet.isDiscovery) return answerDiscovery(out, host);
  if (Packet.isToMulticast) return Reason.multicast;
  if (!Connection.isUp || !Listener.isOpen) {
    Answers.toHost(now, host, Icmpv6.DESTINATION_UNREACHABLE, NO_ROUTE);
    return Reason.notConnected;
  }
  if (!Connection.isOurs(Packet.sourceTop, Packet.sourceLower) || lanipOf(Packet.sourceLower) == 0) {
    const isLinkLocal = Packet.sourceTop >> 54 == 0x3fa;
    Answers.toHost(
      now,
      host,
      Icmpv6.DESTINATION_UNREACHABLE,
      isLinkLocal ? BEYOND_SCOPE : SOURCE_FAILED_POLICY,
    );
    return Reason.foreignSource;
  }
  const isNear = Packet.destinationTop == Connection.top;
  if (
    Packet.isUnroutable ||
    ((isNear || Packet.destinationTop >> 48 == SCHEME_PREFIX) && !isLowerHalf(Packet.destinationLower))
  ) {
    Answers.toHost(now, host, Icmpv6.DESTINATION_UNREACHABLE, NO_ROUTE);
    return Reason.unroutable;
  }
  // The router has lanip 0, and replies for us there.
  if (
    Connection.isOurs(Packet.destinationTop, Packet.destinationLower) &&
    lanipOf(Packet.destinationLower) != 0
  ) {
    return Reason.ownPrefix;
  }
  const at = Packet.at;
  const hops = Ipv6.hopLimit(at);
  if (hops <= 1) {
    Answers.toHost(now, host, Icmpv6.TIME_EXCEEDED, HOP_LIMIT_EXCEEDED);
    return Reason.hopLimit;
  }
  if (Packet.length > TUNNEL_MTU) {
    Answers.toHost(now, host, Icmpv6.PACKET_TOO_BIG, 0, TUNNEL_MTU);
    return Reason.tooBig;
  }
  const isOwn = isNear && Connection.isOurs(Packet.destinationTop, Packet.destinationLower);
  const to = isNear && !isOwn ? Peering.pathTo(now) : Configuration.router;
  Ipv6.setHopLimit(at, hops - 1);
  beginOuter(
    out,
    <u16>Listener.edge,
    Listener.shape(SHAPE_IPV6),
    frame.ticket,
    Listener.port,
    to,
    OUTER_TTL,
    Ipv6.trafficClass(at),
    frontOf(frame, arenaStart(), at),
  );
  Packet.pass(out);
  return -1;
}

/** The host solicits its router and neighbours, and this piece is both. */
function answerDiscovery(out: Outcome, host: i32): i32 {
  const at = Packet.whole();
  if (at == 0) return Reason.malformed;
  const check = checkMessage(at, Packet.length);
  if (check != Check.right) return reasonOf(check);
  const type = <u32>Packet.icmpType;
  const isUnaddressed = Packet.sourceTop == 0 && Packet.sourceLower == 0;
  if (type == Icmpv6.ROUTER_SOLICITATION) {
    if (!Connection.isUp) return Reason.notConnected;
    const answer = out.room(ADVERTISEMENT_BYTES);
    const length = writeHostAdvertisement(
      answer,
      isUnaddressed ? LINK_MULTICAST_TOP : Packet.sourceTop,
      isUnaddressed ? 1 : Packet.sourceLower,
      Configuration.defaultRoute,
      Connection.top,
      Connection.peer,
      Connection.routes,
      Connection.routeCount,
    );
    out.begin(<u16>host, 0, 0);
    addMessage(out, answer, length);
    return Reason.solicitationAnswered;
  }
  if (type != Icmpv6.NEIGHBOUR_SOLICITATION || isUnaddressed) return Reason.unexpectedNeighbourDiscovery;
  const targetTop = load64(targetOf(at));
  const targetLower = load64(targetOf(at) + 8);
  // The host itself replies for our own addresses, except for that of the router.
  if (Connection.isOurs(targetTop, targetLower) && lanipOf(targetLower) != 0) return Reason.ownPrefix;
  const answer = out.room(NEIGHBOUR_ANSWER_BYTES);
  const link = Configuration.router;
  const length = writeRouterNeighbourAnswer(answer, Ipv6.source(at), targetTop, targetLower, link);
  out.begin(<u16>host, 0, 0);
  addMessage(out, answer, length);
  return Reason.solicitationAnswered;
}

/** The reason for the end of a message that failed a check. */
export function reasonOf(check: Check): i32 {
  if (check == Check.badHopLimit) return Reason.badHopLimit;
  return check == Check.badChecksum ? Reason.badChecksum : Reason.badNeighbourDiscovery;
}
