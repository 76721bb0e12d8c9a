import { Description, Frame, Outcome, PartMarks, protocolNumber, Role } from 'funnel-tunnel/as';
import { Ipv4 } from 'funnel-tunnel/as/views/ipv4';
import { Ipv6 } from 'funnel-tunnel/as/views/ipv6';
import { Udp } from 'funnel-tunnel/as/views/udp';
import { Endpoint } from '../../frame-sequence/assembly/endpoint';
import { Body } from './body';

/** The protocol number of SCTP on IP. */
const SCTP: u32 = 132;
/** Hop limit of our packets (RFC 1700). */
const TTL: u32 = 64;

/** The Shapes of the Edge `carrier`. */
export const ENCAPSULATED: u16 = 0;
export const PLAIN: u16 = 1;

/** Bytes of the headers below SCTP. */
export function bytesBelow(isIpv6: bool, isEncapsulated: bool): u32 {
  return (isIpv6 ? Ipv6.BYTES : 20) + (isEncapsulated ? Udp.BYTES : 0);
}

/** Packets of SCTP on the Edge `carrier`: in datagrams of UDP (RFC 6951), or on IP itself. */
export abstract class Carrier {
  /** The Edge `carrier`; -1 if it is on no network. */
  static edge: i32 = -1;
  /** The queue behind the carrier is full. */
  static isFull: bool = false;

  // The packet that `read` read. The ports are those of UDP; 0 without encapsulation.
  static readonly source: Endpoint = new Endpoint();
  static readonly destination: Endpoint = new Endpoint();
  static at: usize = 0;
  static length: u32 = 0;

  static ipv4: u16 = 0;
  static ipv6: u16 = 0;
  static sctp: u16 = 0;
  private static udp: u16 = 0;

  static describe(d: Description): void {
    d.protocol('ipv4');
    d.protocol('ipv6');
    d.protocol('udp');
    d.protocol('sctp');
  }

  static learn(): void {
    Carrier.ipv4 = protocolNumber('ipv4');
    Carrier.ipv6 = protocolNumber('ipv6');
    Carrier.udp = protocolNumber('udp');
    Carrier.sctp = protocolNumber('sctp');
  }

  /** The index behind the last part of SCTP. Bytes beyond the lengths of IP and UDP follow there. */
  static endOf(frame: Frame): i32 {
    let end = <i32>frame.partCount - <i32>frame.skipTrailers;
    while (end > 0) {
      const part = frame.part(end - 1);
      if (part.role != Role.Trailer) break;
      if (part.protocol != Carrier.ipv4 && part.protocol != Carrier.ipv6 && part.protocol != Carrier.udp)
        break;
      end--;
    }
    return end;
  }

  /** Reads the headers of a frame, and finds the packet of SCTP as one range. False if they are not there. */
  static read(frame: Frame, out: Outcome): bool {
    const count = Carrier.endOf(frame);
    let i = <i32>frame.skipHeaders;
    if (i >= count) return false;
    const network = frame.part(i);
    if (network.role != Role.Header) return false;
    i++;
    let sourcePort: u32 = 0;
    let destinationPort: u32 = 0;
    if (frame.shape == ENCAPSULATED) {
      // Skips extension headers.
      while (i < count && frame.part(i).role == Role.Header && frame.part(i).protocol != Carrier.udp) i++;
      if (i >= count) return false;
      const transport = frame.part(i++);
      if (transport.role != Role.Header || !Udp.fits(transport.bytes, transport.length)) return false;
      sourcePort = Udp.sourcePort(transport.bytes);
      destinationPort = Udp.destinationPort(transport.bytes);
      if (sourcePort == 0) return false;
    } else {
      while (i < count && frame.part(i).role == Role.Header && frame.part(i).protocol != Carrier.sctp) i++;
      if (i >= count || frame.part(i).role != Role.Header) return false;
    }
    const at = network.bytes;
    if (network.protocol == Carrier.ipv4 && Ipv4.fits(at, network.length)) {
      Carrier.source.setIpv4(Ipv4.source(at), sourcePort);
      Carrier.destination.setIpv4(Ipv4.destination(at), destinationPort);
    } else if (network.protocol == Carrier.ipv6 && network.length >= Ipv6.BYTES) {
      Carrier.source.readIpv6(Ipv6.source(at), sourcePort);
      Carrier.destination.readIpv6(Ipv6.destination(at), destinationPort);
    } else {
      return false;
    }
    if (!Body.gather(frame, i, count, out)) return false;
    Carrier.at = Body.at;
    Carrier.length = Body.length;
    return true;
  }

  /**
   * Sends the packet of SCTP at an address. Writes headers in front of it, where `bytesBelow` bytes are free.
   * The system chooses source addresses that are 0, and the host fills in lengths and checksums.
   */
  static send(out: Outcome, from: Endpoint, to: Endpoint, at: usize, length: u32): bool {
    const isEncapsulated = to.port != 0;
    if (Carrier.edge < 0 || out.partsLeft < 3) return false;
    if (!out.begin(<u16>Carrier.edge, isEncapsulated ? ENCAPSULATED : PLAIN, 0)) return false;
    const network: u32 = to.isIpv6 ? Ipv6.BYTES : 20;
    const header = at - bytesBelow(to.isIpv6, isEncapsulated);
    const protocol: u32 = isEncapsulated ? Ipv4.PROTOCOL_UDP : SCTP;
    if (to.isIpv6) {
      Ipv6.begin(header, 0, protocol, TTL);
      from.writeIpv6(Ipv6.source(header));
      to.writeIpv6(Ipv6.destination(header));
    } else {
      Ipv4.begin(header, protocol, TTL, 0);
      Ipv4.setSource(header, <u32>from.low);
      Ipv4.setDestination(header, <u32>to.low);
    }
    out.bytes(to.isIpv6 ? Carrier.ipv6 : Carrier.ipv4, Role.Header, PartMarks.Unfinished, header, network);
    if (isEncapsulated) {
      Udp.begin(header + network, from.port, to.port);
      out.bytes(Carrier.udp, Role.Header, PartMarks.Unfinished, header + network, Udp.BYTES);
      out.bytes(0, Role.Payload, 0, at, length);
    } else {
      out.bytes(Carrier.sctp, Role.Header, 0, at, 12);
      out.bytes(0, Role.Payload, 0, at + 12, length - 12);
    }
    return true;
  }
}
