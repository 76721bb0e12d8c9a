import { Frame, Level, Line, Outcome } from 'funnel-tunnel/as';
import { load64 } from 'funnel-tunnel/as/views/bytes';
import { Icmpv6 } from 'funnel-tunnel/as/views/icmpv6';
import { Ipv6 } from 'funnel-tunnel/as/views/ipv6';
import { isLowerHalf, lanipOf, portOf, v4Of } from './address';
import { Answers } from './answers';
import { addMessage, beginOuter, Outer } from './carrier';
import { Configuration } from './configuration';
import { Connection } from './connection';
import { LINK_LOCAL_TOP, LINK_MULTICAST_TOP, OUTER_TTL } from './constants';
import { reasonOf } from './from-host';
import { HOP_LIMIT_EXCEEDED } from './icmp-error';
import { isForbiddenIpv4 } from './ipv4-filter';
import { Listener, SHAPE_ICMPV6 } from './listener';
import { Maintenance } from './maintenance';
import { forgetNeighbours } from './neighbour-cache';
import {
  Advertised,
  Check,
  checkMessage,
  NA_SOLICITED,
  naFlags,
  readRouterAdvertisement,
  targetOf,
  writeNeighbourAnswer,
} from './neighbour-discovery';
import { Packet } from './packet';
import { Peering } from './peering';
import { Reason } from './reasons';

@inline const NEIGHBOUR_ANSWER_BYTES: i32 = 64;

const line = new Line();

/** Passes a frame from the carrier on to the host, or ends it. */
export function fromCarrier(now: f64, frame: Frame, out: Outcome, host: i32): void {
  const reason = deliver(now, frame, out, host);
  if (reason >= 0) out.end(frame.ticket, <u16>reason);
}

/** Returns -1 if the packet went on, else the reason for its end. */
function deliver(now: f64, frame: Frame, out: Outcome, host: i32): i32 {
  if (!Outer.read(frame)) return Reason.malformed;
  // The Shape of the LAN group matches its port at either end, and the router sends from the same port.
  if (!Listener.isDestination()) return Reason.foreignDestination;
  if (frame.lengthFrom(Outer.next) == 0) return Reason.keepalive;
  if (!Packet.read(frame, Outer.next)) return Reason.malformed;
  // Frames that came in before our Shapes were closed are not for us any more.
  if (!Listener.isOpen) return Reason.notConnected;
  if (Packet.isDiscovery) return takeDiscovery(now, out);
  if (!Connection.isUp || host < 0) return Reason.notConnected;
  if (!Peering.isSourceRight()) return Reason.spoofedSource;
  if (Peering.isSenderForbidden()) return Reason.forbiddenIpv4;
  if (Packet.isToMulticast) return Reason.multicast;
  if (
    !Connection.isOurs(Packet.destinationTop, Packet.destinationLower) ||
    lanipOf(Packet.destinationLower) == 0
  ) {
    return Reason.foreignDestination;
  }
  const at = Packet.at;
  const hops = Ipv6.hopLimit(at);
  if (hops <= 1) {
    Answers.toCarrier(now, Outer.source, Icmpv6.TIME_EXCEEDED, HOP_LIMIT_EXCEEDED);
    return Reason.hopLimit;
  }
  if (Configuration.isTcp) Peering.takeTrial(now);
  Ipv6.setHopLimit(at, hops - 1);
  if (!Outer.keepCongestion(at) && Configuration.dropsUnmarkable) return Reason.unmarkable;
  out.begin(<u16>host, 0, frame.ticket);
  Packet.pass(out);
  return -1;
}

function takeDiscovery(now: f64, out: Outcome): i32 {
  const at = Packet.whole();
  if (at == 0) return Reason.malformed;
  const check = checkMessage(at, Packet.length);
  if (check != Check.right) return reasonOf(check);
  const type = <u32>Packet.icmpType;
  if (type == Icmpv6.ROUTER_ADVERTISEMENT) return takeRouterAdvertisement(now, at);
  if (type == Icmpv6.ROUTER_SOLICITATION || type == Icmpv6.REDIRECT)
    return Reason.unexpectedNeighbourDiscovery;
  if (!Connection.isUp) return Reason.notConnected;
  // The sender of a datagram to the LAN group gets it back.
  if (Connection.isOurs(Packet.sourceTop, Packet.sourceLower)) return Reason.unexpectedNeighbourDiscovery;
  const isRight = Peering.isSourceRight();
  if (!isRight && !Peering.isSourceOnLan()) return Reason.spoofedSource;
  if (isRight && Peering.isSenderForbidden()) return Reason.forbiddenIpv4;
  return type == Icmpv6.NEIGHBOUR_SOLICITATION
    ? answerNeighbour(now, at, out, isRight)
    : takeNeighbourAdvertisement(now, at);
}

/**
 * Accepts an advertisement only from our router, and only with a destination that is the unspecified address,
 * the link, or our outdated address.
 */
function takeRouterAdvertisement(now: f64, at: usize): i32 {
  if (Outer.source != Configuration.router) return Reason.spoofedSource;
  const isToAll = Packet.destinationTop == LINK_MULTICAST_TOP && Packet.destinationLower == 1;
  if (
    !isToAll &&
    Packet.destinationTop != LINK_LOCAL_TOP &&
    !Connection.isOurs(Packet.destinationTop, Packet.destinationLower)
  ) {
    return Reason.unexpectedNeighbourDiscovery;
  }
  if (!readRouterAdvertisement(at, Packet.length) || !isPossible()) return Reason.badNeighbourDiscovery;
  if (!Connection.isAdvertised()) {
    // Neighbours know us by the old address, and the direct paths to them were proven with it.
    forgetNeighbours();
    Connection.accept();
    const v4 = v4Of(Connection.peer);
    line
      .clear()
      .text('the router sees us as ')
      .ipv4(v4)
      .text(' port ')
      .unsigned(portOf(Connection.peer))
      .log(Level.Info);
  }
  Maintenance.confirm(now);
  return Reason.advertisementAccepted;
}

/** Whether the advertised prefix can be that of a peer. */
function isPossible(): bool {
  const lower = Advertised.lower;
  if (!isLowerHalf(lower) || portOf(lower) == 0) return false;
  if (Advertised.top == 0 || Advertised.top >> 56 == 0xff || Advertised.top >> 54 == 0x3fa) return false;
  return !isForbiddenIpv4(v4Of(lower), Configuration.allowPrivate);
}

function answerNeighbour(now: f64, at: usize, out: Outcome, isRight: bool): i32 {
  const target = targetOf(at);
  const targetLower = load64(target + 8);
  if (!Connection.isOurs(load64(target), targetLower) || lanipOf(targetLower) == 0) {
    return Reason.unexpectedNeighbourDiscovery;
  }
  // The solicitation back goes first, so that we believe the neighbour's packets, which follow our reply.
  if (!isRight) Peering.meetOnLan(now);
  const answer = out.room(NEIGHBOUR_ANSWER_BYTES);
  const length = writeNeighbourAnswer(answer, at);
  const shape = Listener.shape(SHAPE_ICMPV6);
  beginOuter(out, <u16>Listener.edge, shape, 0, Listener.port, Outer.source, OUTER_TTL, 0, 0, Outer.asked);
  addMessage(out, answer, length);
  return Reason.solicitationAnswered;
}

function takeNeighbourAdvertisement(now: f64, at: usize): i32 {
  const target = targetOf(at);
  const isOfSource = load64(target) == Packet.sourceTop && load64(target + 8) == Packet.sourceLower;
  const isForUs = Connection.isOurs(Packet.destinationTop, Packet.destinationLower);
  if (!isOfSource || !isForUs || (naFlags(at) & NA_SOLICITED) == 0)
    return Reason.unexpectedNeighbourDiscovery;
  return Peering.takeAnswer(now) ? Reason.advertisementAccepted : Reason.unexpectedNeighbourDiscovery;
}
