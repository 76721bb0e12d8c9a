import { arenaStart, Frame, Outcome } from 'funnel-tunnel/as';
import { load64 } from 'funnel-tunnel/as/views/bytes';
import { Icmpv6 } from 'funnel-tunnel/as/views/icmpv6';
import { Ipv6 } from 'funnel-tunnel/as/views/ipv6';
import {
  endpointOf,
  endpointPort,
  endpointV4,
  isLowerHalf,
  lanipOf,
  portOf,
} from '../../6bed4/assembly/address';
import { addMessage, beginOuter, frontOf, Outer } from '../../6bed4/assembly/carrier';
import { LINK_LOCAL_TOP, OUTER_TTL, SCHEME_PREFIX, TUNNEL_MTU } from '../../6bed4/assembly/constants';
import { ADDRESS_UNREACHABLE, HOP_LIMIT_EXCEEDED, NO_ROUTE } from '../../6bed4/assembly/icmp-error';
import { isForbiddenIpv4 } from '../../6bed4/assembly/ipv4-filter';
import {
  Check,
  checkMessage,
  isNeighbourSolicitationOf6bed4,
  isSolicitationOf6bed4,
  routerLowerHalf,
  targetOf,
  writeRouterNeighbourAnswer,
} from '../../6bed4/assembly/neighbour-discovery';
import { Packet } from '../../6bed4/assembly/packet';
import { Answers } from './answers';
import { Configuration } from './configuration';
import { Peers } from './peers';
import { Reason } from './reasons';
import { SHAPE_ICMPV6, SHAPE_IPV6 } from './shapes';

@inline const NEIGHBOUR_ANSWER_BYTES: i32 = 72;

/** Passes a frame from the carrier on to another peer or to the native network, or ends it. */
export function fromPeer(now: f64, frame: Frame, out: Outcome, native: i32): void {
  const reason = relay(now, frame, out, native);
  if (reason >= 0) out.end(frame.ticket, <u16>reason);
}

/** Returns -1 if the packet went on, else the reason for its end. */
function relay(now: f64, frame: Frame, out: Outcome, native: i32): i32 {
  if (!Outer.read(frame)) return Reason.malformed;
  if (frame.lengthFrom(Outer.next) == 0) return Reason.keepalive;
  if (!Packet.read(frame, Outer.next)) return Reason.malformed;
  // This check comes before any answer: no peer may make us send into a network that is not for peers.
  if (
    isForbiddenIpv4(endpointV4(Outer.source), Configuration.allowPrivate) ||
    endpointPort(Outer.source) == 0
  ) {
    return Reason.forbiddenIpv4;
  }
  const carrier = frame.edge;
  if (Packet.isDiscovery) return answerDiscovery(now, out, carrier);
  if (!isSourceRight()) {
    if (Packet.sourceTop != Configuration.top || Packet.isToMulticast) return Reason.spoofedSource;
    // Either a NAT gave the peer another endpoint, and we correct its address; or it lies, and learns its own
    // address.
    return Answers.adviseOfMapping(now, out, carrier, SHAPE_ICMPV6)
      ? Reason.mappingChanged
      : Reason.rateLimited;
  }
  Peers.hear(now, Outer.source);
  if (Packet.isToMulticast) return Reason.multicast;
  const lower = Packet.destinationLower;
  const isNear = Packet.destinationTop == Configuration.top;
  const isToLocal = isNear && Configuration.localAddresses && portOf(lower) == 0;
  const isToPeer = !isToLocal && (isNear || Packet.destinationTop >> 48 == SCHEME_PREFIX);
  let to: u64 = 0;
  if (Packet.isUnroutable) {
    Answers.toPeer(now, out, carrier, SHAPE_ICMPV6, Icmpv6.DESTINATION_UNREACHABLE, NO_ROUTE);
    return Reason.unroutable;
  }
  if (isToPeer) {
    to = endpointOf(lower);
    if (isNear && to == Outer.source && lanipOf(lower) == 0) {
      Answers.toPeer(now, out, carrier, SHAPE_ICMPV6, Icmpv6.DESTINATION_UNREACHABLE, ADDRESS_UNREACHABLE);
      return Reason.masquerading;
    }
    if (!isLowerHalf(lower) || endpointPort(to) == 0 || to == Configuration.endpoint) {
      Answers.toPeer(now, out, carrier, SHAPE_ICMPV6, Icmpv6.DESTINATION_UNREACHABLE, ADDRESS_UNREACHABLE);
      return Reason.unroutable;
    }
    if (isForbiddenIpv4(endpointV4(to), Configuration.allowPrivate)) {
      Answers.toPeer(now, out, carrier, SHAPE_ICMPV6, Icmpv6.DESTINATION_UNREACHABLE, ADDRESS_UNREACHABLE);
      return Reason.forbiddenIpv4;
    }
  } else if (native < 0 || Packet.sourceTop == LINK_LOCAL_TOP) {
    // Packets for this link do not leave it (RFC 4291 §2.5.6).
    Answers.toPeer(now, out, carrier, SHAPE_ICMPV6, Icmpv6.DESTINATION_UNREACHABLE, NO_ROUTE);
    return Reason.noNative;
  }
  const at = Packet.at;
  const hops = Ipv6.hopLimit(at);
  if (hops <= 1) {
    Answers.toPeer(now, out, carrier, SHAPE_ICMPV6, Icmpv6.TIME_EXCEEDED, HOP_LIMIT_EXCEEDED);
    return Reason.hopLimit;
  }
  if (Packet.length > TUNNEL_MTU) {
    Answers.toPeer(now, out, carrier, SHAPE_ICMPV6, Icmpv6.PACKET_TOO_BIG, 0, TUNNEL_MTU);
    return Reason.tooBig;
  }
  Ipv6.setHopLimit(at, hops - 1);
  if (!Outer.keepCongestion(at) && Configuration.dropsUnmarkable) return Reason.unmarkable;
  if (isToPeer) {
    const front = frontOf(frame, arenaStart(), at);
    const trafficClass = Ipv6.trafficClass(at);
    beginOuter(
      out,
      carrier,
      SHAPE_IPV6,
      frame.ticket,
      Configuration.port,
      to,
      OUTER_TTL,
      trafficClass,
      front,
      Outer.asked,
    );
  } else {
    out.begin(<u16>native, 0, frame.ticket);
  }
  Packet.pass(out);
  return -1;
}

/** Whether the source is in our /64 or of the link, and made of the endpoint that sent it. */
function isSourceRight(): bool {
  if (Packet.sourceTop != Configuration.top && Packet.sourceTop != LINK_LOCAL_TOP) return false;
  return isLowerHalf(Packet.sourceLower) && endpointOf(Packet.sourceLower) == Outer.source;
}

function answerDiscovery(now: f64, out: Outcome, carrier: u16): i32 {
  const at = Packet.whole();
  if (at == 0) return Reason.malformed;
  const check = checkMessage(at, Packet.length);
  if (check == Check.badHopLimit) return Reason.badHopLimit;
  if (check == Check.badChecksum) return Reason.badChecksum;
  if (check != Check.right) return Reason.badNeighbourDiscovery;
  const type = <u32>Packet.icmpType;
  if (type == Icmpv6.ROUTER_SOLICITATION) {
    if (!isSolicitationOf6bed4(at, Packet.length)) return Reason.badNeighbourDiscovery;
    // Any source will do: a peer has none yet, or an outdated one.
    if (Answers.advertise(now, out, carrier, SHAPE_ICMPV6)) return Reason.solicitationAnswered;
    return Reason.rateLimited;
  }
  if (type != Icmpv6.NEIGHBOUR_SOLICITATION) return Reason.unexpectedNeighbourDiscovery;
  if (!isSourceRight()) return Reason.spoofedSource;
  const own = routerLowerHalf(Configuration.endpoint);
  const target = targetOf(at);
  if (
    !isNeighbourSolicitationOf6bed4(Packet.length) ||
    !isOurTarget(load64(target), load64(target + 8), own)
  ) {
    return Reason.badNeighbourDiscovery;
  }
  const answer = out.room(NEIGHBOUR_ANSWER_BYTES);
  const length = writeRouterNeighbourAnswer(
    answer,
    Ipv6.source(at),
    Configuration.top,
    own,
    Configuration.endpoint,
  );
  beginOuter(out, carrier, SHAPE_ICMPV6, 0, Configuration.port, Outer.source, OUTER_TTL, 0, 0, Outer.asked);
  addMessage(out, answer, length);
  return Reason.solicitationAnswered;
}

/** fe80::, fe80:: with the router's identifier, or its global address. */
function isOurTarget(top: u64, lower: u64, own: u64): bool {
  if (top == LINK_LOCAL_TOP) return lower == 0 || lower == own;
  return top == Configuration.top && lower == own;
}
