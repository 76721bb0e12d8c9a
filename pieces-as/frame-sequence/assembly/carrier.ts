import { Description, Frame, Outcome, PartMarks, protocolNumber, Role } from 'funnel-tunnel/as';
import { Ipv4 } from 'funnel-tunnel/as/views/ipv4';
import { Ipv6 } from 'funnel-tunnel/as/views/ipv6';
import { Tcp } from 'funnel-tunnel/as/views/tcp';
import { Udp } from 'funnel-tunnel/as/views/udp';
import { Configuration, Mode } from './configuration';
import { Endpoint } from './endpoint';

/** Hop limit of our packets (RFC 1700). */
const TTL: u32 = 64;

/** A frame of the carrier: reads and writes its headers. */
export abstract class Carrier {
  /** The Edge `carrier`; -1 if it is on no network. */
  static edge: i32 = -1;

  // The frame that `read` read.
  static readonly source: Endpoint = new Endpoint();
  static readonly destination: Endpoint = new Endpoint();
  /** The flags of the TCP header; 0 for UDP. */
  static flags: u32 = 0;
  /** The bytes that it carries. */
  static at: usize = 0;
  static length: u32 = 0;

  private static ipv4: u16 = 0;
  private static ipv6: u16 = 0;
  private static transport: u16 = 0;

  static describe(d: Description): void {
    d.protocol('ipv4');
    d.protocol('ipv6');
    d.protocol('tcp');
    d.protocol('udp');
  }

  static learn(): void {
    Carrier.ipv4 = protocolNumber('ipv4');
    Carrier.ipv6 = protocolNumber('ipv6');
    Carrier.transport = protocolNumber(Configuration.mode == Mode.stream ? 'tcp' : 'udp');
  }

  /** Reads the headers of a frame. False if they are not there. */
  static read(frame: Frame, out: Outcome): bool {
    const count = <i32>frame.partCount - <i32>frame.skipTrailers;
    let i = <i32>frame.skipHeaders;
    if (i >= count) return false;
    const network = frame.part(i);
    if (network.role != Role.Header) return false;
    const at = network.bytes;
    // Skips extension headers.
    do i++;
    while (i < count && frame.part(i).role == Role.Header && frame.part(i).protocol != Carrier.transport);
    if (i >= count) return false;
    const transport = frame.part(i);
    if (transport.role != Role.Header) return false;
    const isStream = Configuration.mode == Mode.stream;
    if (
      !(isStream ? Tcp.fits(transport.bytes, transport.length) : Udp.fits(transport.bytes, transport.length))
    )
      return false;
    const sourcePort = Udp.sourcePort(transport.bytes);
    const destinationPort = Udp.destinationPort(transport.bytes);
    if (network.protocol == Carrier.ipv4 && Ipv4.fits(at, network.length)) {
      Carrier.source.setIpv4(Ipv4.source(at), sourcePort);
      Carrier.destination.setIpv4(Ipv4.destination(at), destinationPort);
    } else if (network.protocol == Carrier.ipv6 && network.length >= Ipv6.BYTES) {
      Carrier.source.readIpv6(Ipv6.source(at), sourcePort);
      Carrier.destination.readIpv6(Ipv6.destination(at), destinationPort);
    } else {
      return false;
    }
    Carrier.flags = isStream ? Tcp.flags(transport.bytes) : 0;
    return Carrier.readBody(frame, i + 1, count, out);
  }

  /** Everything that follows, as one range. */
  private static readBody(frame: Frame, from: i32, count: i32, out: Outcome): bool {
    Carrier.length = 0;
    Carrier.at = 0;
    let isApart = false;
    for (let i = from; i < count; i++) {
      const part = frame.part(i);
      if (part.role == Role.Trailer || part.length == 0) continue;
      if (Carrier.length == 0) Carrier.at = part.bytes;
      else if (part.bytes != Carrier.at + Carrier.length) isApart = true;
      Carrier.length += part.length;
    }
    if (!isApart) return true;
    let to = out.room(<i32>Carrier.length);
    if (to == 0) return false;
    Carrier.at = to;
    for (let i = from; i < count; i++) {
      const part = frame.part(i);
      if (part.role == Role.Trailer) continue;
      memory.copy(to, part.bytes, part.length);
      to += part.length;
    }
    return true;
  }

  /**
   * Begins a frame to the other side. The system chooses source addresses that are 0, and the host fills in
   * lengths and checksums. False if it does not fit.
   */
  static begin(out: Outcome, ticket: u32, from: Endpoint, to: Endpoint, flags: u32): bool {
    const network: i32 = to.isIpv6 ? 40 : 20;
    const isStream = Configuration.mode == Mode.stream;
    const transport: i32 = isStream ? 20 : 8;
    const at = out.room(network + transport);
    if (at == 0 || out.partsLeft < 2 || !out.begin(<u16>Carrier.edge, 0, ticket)) return false;
    const protocol = isStream ? Ipv4.PROTOCOL_TCP : Ipv4.PROTOCOL_UDP;
    if (to.isIpv6) {
      Ipv6.begin(at, 0, protocol, TTL);
      from.writeIpv6(Ipv6.source(at));
      to.writeIpv6(Ipv6.destination(at));
    } else {
      Ipv4.begin(at, protocol, TTL, 0);
      Ipv4.setSource(at, <u32>from.low);
      Ipv4.setDestination(at, <u32>to.low);
    }
    const header = at + network;
    if (isStream) {
      memory.fill(header, 0, transport);
      Tcp.setSourcePort(header, from.port);
      Tcp.setDestinationPort(header, to.port);
      Tcp.setHeaderBytes(header, transport);
      Tcp.setFlags(header, flags);
    } else {
      Udp.begin(header, from.port, to.port);
    }
    out.bytes(to.isIpv6 ? Carrier.ipv6 : Carrier.ipv4, Role.Header, PartMarks.Unfinished, at, network);
    out.bytes(Carrier.transport, Role.Header, PartMarks.Unfinished, header, transport);
    return true;
  }

  /** Sends a frame without contents, such as one that opens or closes a stream. */
  static send(out: Outcome, from: Endpoint, to: Endpoint, flags: u32): void {
    Carrier.begin(out, 0, from, to, flags);
  }
}
