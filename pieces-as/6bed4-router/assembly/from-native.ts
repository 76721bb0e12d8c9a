import { arenaStart, Frame, Outcome } from 'funnel-tunnel/as';
import { Icmpv6 } from 'funnel-tunnel/as/views/icmpv6';
import { Ipv6 } from 'funnel-tunnel/as/views/ipv6';
import { endpointOf, endpointPort, endpointV4, isLowerHalf, portOf } from '../../6bed4/assembly/address';
import { beginOuter, frontOf, Outer } from '../../6bed4/assembly/carrier';
import { OUTER_TTL, TUNNEL_MTU } from '../../6bed4/assembly/constants';
import { ADDRESS_UNREACHABLE, HOP_LIMIT_EXCEEDED } from '../../6bed4/assembly/icmp-error';
import { isForbiddenIpv4 } from '../../6bed4/assembly/ipv4-filter';
import { Packet } from '../../6bed4/assembly/packet';
import { Answers } from './answers';
import { Configuration } from './configuration';
import { Reason } from './reasons';
import { SHAPE_IPV6 } from './shapes';

/** Passes a frame from the native network on to the peer whose /114 has its destination, or ends it. */
export function fromNative(now: f64, frame: Frame, out: Outcome, native: i32, carrier: i32): void {
  const reason = relay(now, frame, out, native, carrier);
  if (reason >= 0) out.end(frame.ticket, <u16>reason);
}

/** Returns -1 if the packet went on, else the reason for its end. */
function relay(now: f64, frame: Frame, out: Outcome, native: i32, carrier: i32): i32 {
  if (!Packet.read(frame, frame.skipHeaders)) return Reason.malformed;
  if (Packet.isDiscovery) return Reason.unexpectedNeighbourDiscovery;
  // A peer's address comes from the carrier; on this side there are only this machine's own, with port 0.
  if (
    Packet.sourceTop == Configuration.top &&
    !(Configuration.localAddresses && portOf(Packet.sourceLower) == 0)
  ) {
    return Reason.spoofedSource;
  }
  if (Packet.isToMulticast) return Reason.multicast;
  if (Packet.destinationTop != Configuration.top) return Reason.foreignDestination;
  const lower = Packet.destinationLower;
  const to = endpointOf(lower);
  if (!isLowerHalf(lower) || endpointPort(to) == 0 || to == Configuration.endpoint) {
    Answers.toNative(now, out, native, Icmpv6.DESTINATION_UNREACHABLE, ADDRESS_UNREACHABLE);
    return Reason.unroutable;
  }
  if (isForbiddenIpv4(endpointV4(to), Configuration.allowPrivate)) {
    Answers.toNative(now, out, native, Icmpv6.DESTINATION_UNREACHABLE, ADDRESS_UNREACHABLE);
    return Reason.forbiddenIpv4;
  }
  const at = Packet.at;
  const hops = Ipv6.hopLimit(at);
  if (hops <= 1) {
    Answers.toNative(now, out, native, Icmpv6.TIME_EXCEEDED, HOP_LIMIT_EXCEEDED);
    return Reason.hopLimit;
  }
  if (Packet.length > TUNNEL_MTU) {
    Answers.toNative(now, out, native, Icmpv6.PACKET_TOO_BIG, 0, TUNNEL_MTU);
    return Reason.tooBig;
  }
  if (carrier < 0) return Reason.unroutable;
  Ipv6.setHopLimit(at, hops - 1);
  const front = frontOf(frame, arenaStart(), at);
  const trafficClass = Ipv6.trafficClass(at);
  beginOuter(
    out,
    <u16>carrier,
    SHAPE_IPV6,
    frame.ticket,
    Configuration.port,
    to,
    OUTER_TTL,
    trafficClass,
    front,
    // Peers solicit us at this address, and accept nothing from another address of this machine.
    Outer.asked,
  );
  Packet.pass(out);
  return -1;
}
