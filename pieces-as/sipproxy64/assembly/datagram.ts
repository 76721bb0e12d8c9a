// The headers around a message, of IP and of UDP or TCP: reads those of the present frame, and writes those
// of a new frame.

import { Frame, Outcome, PartMarks, Role } from 'funnel-tunnel/as';
import { IpText } from 'funnel-tunnel/as/views/ip-text';
import { Ipv4 } from 'funnel-tunnel/as/views/ipv4';
import { Ipv6, Ipv6Address } from 'funnel-tunnel/as/views/ipv6';
import { Tcp } from 'funnel-tunnel/as/views/tcp';
import { Udp } from 'funnel-tunnel/as/views/udp';
import { Configuration } from './configuration';
import { familyOf, portOf, setPort, setTransport, Transport } from './endpoint';
import { Protocols } from './protocols';

@inline const TTL: u32 = 64;

/** The current datagram, or segment of a stream. There is one at a time. */
export abstract class Datagram {
  /** The endpoint of the sender. */
  static readonly source: usize = memory.data(24, 8);
  static family: u32 = 0;
  static destinationPort: u32 = 0;
  static trafficClass: u32 = 0;
  /** The flags of a segment, and the number up to which its sender has room. */
  static flags: u32 = 0;
  static limit: u32 = 0;
  /** The index of the part behind the transport header, and that of the first trailer to ignore. */
  static first: i32 = 0;
  static last: i32 = 0;

  /** Reads the headers. False if they are not there. */
  static read(frame: Frame): bool {
    const ip = frame.header(0);
    const transport = frame.header(1);
    if (ip === null || transport === null) return false;
    const header = transport.bytes;
    const isStream = transport.protocol == Protocols.tcp;
    if (isStream ? !Tcp.fits(header, transport.length) : transport.protocol != Protocols.udp) return false;
    if (!isStream && !Udp.fits(header, transport.length)) return false;
    const at = ip.bytes;
    if (ip.protocol == Protocols.ipv4) {
      if (!Ipv4.fits(at, ip.length)) return false;
      Datagram.family = 4;
      IpText.putIpv4(Datagram.source, Ipv4.source(at));
      Datagram.trafficClass = Ipv4.trafficClass(at);
    } else {
      if (ip.protocol != Protocols.ipv6 || !Ipv6.fits(at, ip.length)) return false;
      // A mapped address belongs to IPv4, which no packet of IPv6 carries.
      if (IpText.family(Ipv6.source(at)) == 4) return false;
      Datagram.family = 6;
      Ipv6Address.copy(Datagram.source, Ipv6.source(at));
      Datagram.trafficClass = Ipv6.trafficClass(at);
    }
    setTransport(Datagram.source, isStream ? Transport.tcp : Transport.udp);
    // The ports stand in the same place in both.
    setPort(Datagram.source, Udp.sourcePort(header));
    Datagram.destinationPort = Udp.destinationPort(header);
    if (isStream) {
      Datagram.flags = Tcp.flags(header);
      Datagram.limit = Tcp.acknowledgement(header) + Tcp.window(header);
    }
    Datagram.first = <i32>frame.skipHeaders + 2;
    Datagram.last = <i32>frame.partCount - <i32>frame.skipTrailers;
    return true;
  }
}

/** The current message, or the contents of the current datagram, as one range of bytes. */
export abstract class Contents {
  static at: usize = 0;
  static to: usize = 0;

  /**
   * Usually the parts are contiguous already; a piece in front may have put them together from several
   * places. False if there is no room.
   */
  static read(frame: Frame, out: Outcome): bool {
    let length = 0;
    let isRun = true;
    let at: usize = 0;
    for (let i = Datagram.first; i < Datagram.last; i++) {
      const part = frame.part(i);
      if (i == Datagram.first) Contents.at = part.bytes;
      else if (part.bytes != at && part.length > 0) isRun = false;
      at = part.bytes + part.length;
      length += <i32>part.length;
    }
    if (isRun) {
      if (length == 0) Contents.at = 0;
      Contents.to = Contents.at + length;
      return true;
    }
    const room = out.room(length);
    if (room == 0) return false;
    Contents.at = room;
    Contents.to = room + length;
    let to = room;
    for (let i = Datagram.first; i < Datagram.last; i++) {
      const part = frame.part(i);
      memory.copy(to, part.bytes, part.length);
      to += part.length;
    }
    return true;
  }
}

/**
 * Begins a frame to an endpoint, from our own address and a port of ours; its contents follow. The host fills
 * in lengths and checksums. False if the Edge of that family is not joined, or there is no room: then nothing
 * was added.
 */
export function beginDatagram(
  out: Outcome,
  edge: i32,
  shape: u16,
  ticket: u32,
  localPort: u32,
  to: usize,
  trafficClass: u32,
): bool {
  const at = beginPacket(out, edge, to, Ipv4.PROTOCOL_UDP, Udp.BYTES, trafficClass);
  if (at == 0) return false;
  Udp.begin(at, localPort, portOf(to));
  addHeaders(out, edge, shape, ticket, familyOf(to), at, Protocols.udp, Udp.BYTES);
  return true;
}

/**
 * Begins a frame of a stream, as `beginDatagram` does for UDP. Numbers count bytes from 0; `window` is the
 * room behind `acknowledgement`.
 */
export function beginSegment(
  out: Outcome,
  edge: i32,
  shape: u16,
  ticket: u32,
  localPort: u32,
  to: usize,
  flags: u32,
  sequence: u32,
  acknowledgement: u32,
  window: u32,
): bool {
  const at = beginPacket(out, edge, to, Ipv4.PROTOCOL_TCP, Tcp.BYTES, 0);
  if (at == 0) return false;
  memory.fill(at, 0, Tcp.BYTES);
  Tcp.setSourcePort(at, localPort);
  Tcp.setDestinationPort(at, portOf(to));
  Tcp.setSequence(at, sequence);
  Tcp.setAcknowledgement(at, acknowledgement);
  Tcp.setHeaderBytes(at, Tcp.BYTES);
  Tcp.setFlags(at, flags);
  Tcp.setWindow(at, window);
  addHeaders(out, edge, shape, ticket, familyOf(to), at, Protocols.tcp, Tcp.BYTES);
  return true;
}

/**
 * Writes an IP header from our own address to an endpoint; returns where the `size` bytes behind it stand,
 * or 0.
 */
function beginPacket(out: Outcome, edge: i32, to: usize, protocol: u32, size: u32, trafficClass: u32): usize {
  const family = familyOf(to);
  // Two headers, and at most 30 parts behind them.
  if (edge < 0 || out.framesLeft < 1 || out.partsLeft < 32) return 0;
  const network = family == 4 ? Ipv4.BYTES : Ipv6.BYTES;
  const at = out.room(<i32>(network + size));
  if (at == 0) return 0;
  if (family == 4) {
    Ipv4.begin(at, protocol, TTL, trafficClass);
    store<u32>(Ipv4.addresses(at), load<u32>(Configuration.own4, 12));
    store<u32>(Ipv4.addresses(at) + 4, load<u32>(to, 12));
  } else {
    Ipv6.begin(at, 0, protocol, TTL);
    Ipv6.setTrafficClass(at, trafficClass);
    Ipv6Address.copy(Ipv6.source(at), Configuration.own6);
    Ipv6Address.copy(Ipv6.destination(at), to);
  }
  return at + network;
}

/** Adds the two headers; that of the transport stands at `at`. */
function addHeaders(
  out: Outcome,
  edge: i32,
  shape: u16,
  ticket: u32,
  family: u32,
  at: usize,
  transport: u16,
  size: u32,
): void {
  const network = family == 4 ? Ipv4.BYTES : Ipv6.BYTES;
  const ip = family == 4 ? Protocols.ipv4 : Protocols.ipv6;
  out.begin(<u16>edge, shape, ticket);
  out.bytes(ip, Role.Header, PartMarks.Unfinished, at - network, network);
  out.bytes(transport, Role.Header, PartMarks.Unfinished, at, size);
}
