// The addresses of the current frame, and new datagrams of the same two hosts.

import { Description, Frame, Outcome, PartMarks, protocolNumber, Role, room } from 'funnel-tunnel/as';
import { IpText } from 'funnel-tunnel/as/views/ip-text';
import { Ipv4 } from 'funnel-tunnel/as/views/ipv4';
import { Ipv6, Ipv6Address } from 'funnel-tunnel/as/views/ipv6';
import { Udp } from 'funnel-tunnel/as/views/udp';
import { copyEndpoint, portOf, setPort } from '../../sipproxy64/assembly/endpoint';

const TTL: u32 = 64;

export abstract class Datagram {
  static readonly source: usize = memory.data(24, 8);
  static readonly destination: usize = memory.data(24, 8);
  static udp: u16 = 0;
  static ipv4: u16 = 0;
  static ipv6: u16 = 0;
  private static trafficClass: u32 = 0;

  static describe(d: Description): void {
    d.protocol('udp');
    d.protocol('ipv4');
    d.protocol('ipv6');
  }

  static start(): void {
    Datagram.udp = protocolNumber('udp');
    Datagram.ipv4 = protocolNumber('ipv4');
    Datagram.ipv6 = protocolNumber('ipv6');
  }

  /** Reads the addresses and ports. False if a header is missing or too short. */
  static read(frame: Frame): bool {
    const count = <i32>frame.partCount;
    let hasAddresses = false;
    for (let i = <i32>frame.skipHeaders; i < count; i++) {
      const part = frame.part(i);
      if (part.role != Role.Header) return false;
      const at = part.bytes;
      if (part.protocol == Datagram.ipv4) {
        if (!Ipv4.fits(at, part.length)) return false;
        IpText.putIpv4(Datagram.source, Ipv4.source(at));
        IpText.putIpv4(Datagram.destination, Ipv4.destination(at));
        Datagram.trafficClass = Ipv4.trafficClass(at);
        hasAddresses = true;
      } else if (part.protocol == Datagram.ipv6) {
        if (!Ipv6.fits(at, part.length)) return false;
        Ipv6Address.copy(Datagram.source, Ipv6.source(at));
        Ipv6Address.copy(Datagram.destination, Ipv6.destination(at));
        Datagram.trafficClass = Ipv6.trafficClass(at);
        hasAddresses = true;
      } else if (part.protocol == Datagram.udp) {
        if (!Udp.fits(at, part.length)) return false;
        setPort(Datagram.source, Udp.sourcePort(at));
        setPort(Datagram.destination, Udp.destinationPort(at));
        return hasAddresses;
      }
    }
    return false;
  }

  /** Begins a datagram back to the sender of the current one, at this port. Its contents follow. */
  static beginReply(out: Outcome, edge: u16, shape: u16, port: u32): bool {
    copyEndpoint(reply, Datagram.source);
    setPort(reply, port);
    return begin(out, edge, shape, Datagram.destination, reply, Datagram.trafficClass);
  }

  /** Sends a datagram with these contents from one endpoint to another, which are of one family. */
  static send(
    out: Outcome,
    edge: u16,
    shape: u16,
    from: usize,
    to: usize,
    contents: usize,
    length: i32,
  ): bool {
    const at = room(length);
    if (at == 0 || IpText.family(from) != IpText.family(to)) return false;
    memory.copy(at, contents, length);
    if (!begin(out, edge, shape, from, to, 0)) return false;
    return out.bytes(0, Role.Payload, 0, at, length);
  }
}

const reply: usize = memory.data(24, 8);

function begin(out: Outcome, edge: u16, shape: u16, from: usize, to: usize, trafficClass: u32): bool {
  const family = IpText.family(to);
  const network = family == 4 ? Ipv4.BYTES : Ipv6.BYTES;
  if (out.framesLeft < 1 || out.partsLeft < 3) return false;
  const at = out.room(<i32>(network + Udp.BYTES));
  if (at == 0) return false;
  if (family == 4) {
    Ipv4.begin(at, Ipv4.PROTOCOL_UDP, TTL, trafficClass);
    store<u32>(Ipv4.addresses(at), load<u32>(from, 12));
    store<u32>(Ipv4.addresses(at) + 4, load<u32>(to, 12));
  } else {
    Ipv6.begin(at, 0, Ipv6.NEXT_UDP, TTL);
    Ipv6.setTrafficClass(at, trafficClass);
    Ipv6Address.copy(Ipv6.source(at), from);
    Ipv6Address.copy(Ipv6.destination(at), to);
  }
  Udp.begin(at + network, portOf(from), portOf(to));
  out.begin(edge, shape, 0);
  out.bytes(family == 4 ? Datagram.ipv4 : Datagram.ipv6, Role.Header, PartMarks.Unfinished, at, network);
  out.bytes(Datagram.udp, Role.Header, PartMarks.Unfinished, at + network, Udp.BYTES);
  return true;
}
