// The headers around a packet on the carrier: IPv4 and UDP.
//
// This module does not check whether the outcome has room, because it always has. A call brings at most 256
// frames, and each leads to at most two frames, 7 parts beside its own 32, one end and 500 new bytes. Timers
// add at most a solicitation of 5 parts and 104 bytes for each of 1024 neighbours. That is 1536 frames, 15104
// parts and 230 KiB. The SDK's outcome holds 16384 parts, and more than twice of the others.

import { Frame, Outcome, PartMarks, Role } from 'funnel-tunnel/as';
import { Icmpv6 } from 'funnel-tunnel/as/views/icmpv6';
import { Ipv4 } from 'funnel-tunnel/as/views/ipv4';
import { Ipv6 } from 'funnel-tunnel/as/views/ipv6';
import { Udp } from 'funnel-tunnel/as/views/udp';
import { endpoint, endpointPort, endpointV4 } from './address';
import { OVERHEAD } from './constants';
import { Protocols } from './protocols';

/** The outer headers of the current frame. There is one at a time. */
export abstract class Outer {
  /** The endpoint of the sender. */
  static source: u64 = 0;
  static destinationV4: u32 = 0;
  static destinationPort: u32 = 0;
  /**
   * The address to which the request went, and from which the reply must come (RFC 1122 §4.1.3.5): this
   * machine may have several. 0 for a group, and if it is not known; then the system chooses.
   */
  static asked: u32 = 0;
  static trafficClass: u32 = 0;
  /** Packets whose mark of congestion their transport does not understand, dropped or not. */
  static lostMarks: u32 = 0;
  /** The index of the first part behind the UDP header. */
  static next: i32 = 0;

  /** Reads the headers at the start of a frame on the carrier. False if they are not there. */
  static read(frame: Frame): bool {
    const ip = frame.header(0);
    const udp = frame.header(1);
    if (ip === null || udp === null) return false;
    if (ip.protocol != Protocols.ipv4 || udp.protocol != Protocols.udp || ip.isWithheld || udp.isWithheld)
      return false;
    if (!Ipv4.fits(ip.bytes, ip.length) || !Udp.fits(udp.bytes, udp.length)) return false;
    Outer.source = endpoint(Ipv4.source(ip.bytes), Udp.sourcePort(udp.bytes));
    Outer.destinationV4 = Ipv4.destination(ip.bytes);
    Outer.asked = Outer.destinationV4 >>> 28 < 14 ? Outer.destinationV4 : 0;
    Outer.destinationPort = Udp.destinationPort(udp.bytes);
    Outer.trafficClass = Ipv4.trafficClass(ip.bytes);
    Outer.next = <i32>frame.skipHeaders + 2;
    return true;
  }

  /**
   * Copies the ECN marks of the outer header to the packet at `at`, where its transport understands them (RFC
   * 6040 §4.2): congestion experienced, and ECT(1) over ECT(0). Other packets get no mark.
   *
   * False, and counted, where the mark is lost: congestion experienced over a transport that does not
   * understand it. RFC 6040 drops such a packet. Peers in use set the outer mark wrongly, so the caller
   * decides.
   */
  static keepCongestion(at: usize): bool {
    const outer = Outer.trafficClass & ECN_MASK;
    if (outer != ECN_EXPERIENCED && outer != ECN_ECT1) return true;
    const trafficClass = Ipv6.trafficClass(at);
    const inner = trafficClass & ECN_MASK;
    if (inner == 0 && outer == ECN_EXPERIENCED) {
      Outer.lostMarks++;
      return false;
    }
    if (inner == 0 || inner == ECN_EXPERIENCED) return true;
    if (outer == ECN_EXPERIENCED) Ipv6.setTrafficClass(at, trafficClass | ECN_EXPERIENCED);
    else if (inner == ECN_ECT0) Ipv6.setTrafficClass(at, (trafficClass & ~ECN_MASK) | ECN_ECT1);
    return true;
  }
}

/** ECN: congestion experienced, and the two codepoints of transports that understand it (RFC 3168 §5). */
@inline const ECN_MASK: u32 = 3;
@inline const ECN_ECT1: u32 = 1;
@inline const ECN_ECT0: u32 = 2;
@inline const ECN_EXPERIENCED: u32 = 3;

/**
 * Begins a frame on the carrier: to an endpoint, from our own port, and from the address `from`. For 0 the
 * system chooses the address. Don't-fragment stays clear, so that 1280 bytes pass smaller links. The host
 * fills in lengths and checksums.
 *
 * @param front where 28 bytes may be written just in front of the packet, so that all headers are one run of
 * bytes; or 0.
 */
export function beginOuter(
  out: Outcome,
  edge: u16,
  shape: u16,
  ticket: u32,
  localPort: u32,
  to: u64,
  ttl: u32,
  trafficClass: u32,
  front: usize = 0,
  from: u32 = 0,
): void {
  const at = front == 0 ? out.room(OVERHEAD) : front;
  Ipv4.begin(at, Ipv4.PROTOCOL_UDP, ttl, trafficClass);
  Ipv4.setSource(at, from);
  Ipv4.setDestination(at, endpointV4(to));
  Udp.begin(at + Ipv4.BYTES, localPort, endpointPort(to));
  out.begin(edge, shape, ticket);
  out.bytes(Protocols.ipv4, Role.Header, PartMarks.Unfinished, at, Ipv4.BYTES);
  out.bytes(Protocols.udp, Role.Header, PartMarks.Unfinished, at + Ipv4.BYTES, Udp.BYTES);
}

/**
 * The address for outer headers in the frame's own room, just in front of its packet at `packet`; 0 if they
 * do not fit.
 */
@inline
export function frontOf(frame: Frame, room: usize, packet: usize): usize {
  const front = packet - OVERHEAD;
  return frame.roomLength > 0 && front >= room + frame.roomOffset ? front : 0;
}

/**
 * Adds an ICMPv6 message to the frame that was begun. The message is at `at`, `length` bytes with its IPv6
 * header.
 */
export function addMessage(out: Outcome, at: usize, length: u32): void {
  out.bytes(Protocols.ipv6, Role.Header, 0, at, Ipv6.BYTES);
  out.bytes(Protocols.icmpv6, Role.Header, 0, at + Ipv6.BYTES, Icmpv6.BYTES);
  const body = Ipv6.BYTES + Icmpv6.BYTES;
  if (length > body) out.bytes(0, Role.Payload, 0, at + body, length - body);
}
