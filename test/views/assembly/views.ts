// Exports for the tests of the packet views. Classes do not leave a module, so each view has a function here
// that reads every field into numbers of 32 bits, and one that writes every field from them.

import { load32 } from '../../../abi/as/views/bytes';
import { Ethernet } from '../../../abi/as/views/ethernet';
import { Icmpv4 } from '../../../abi/as/views/icmpv4';
import { Icmpv6 } from '../../../abi/as/views/icmpv6';
import { Ipv4 } from '../../../abi/as/views/ipv4';
import { Ipv6, Ipv6Address } from '../../../abi/as/views/ipv6';
import { Ipv6UpperLayer } from '../../../abi/as/views/ipv6-extensions';
import { Tcp } from '../../../abi/as/views/tcp';
import { Udp } from '../../../abi/as/views/udp';

export {
  add,
  addOdd,
  addPseudoIpv4,
  addPseudoIpv6,
  finish,
  isRight,
  update16,
  update32,
  updateBytes,
} from '../../../abi/as/views/checksum';

const scratch: usize = memory.data(8192, 8);

/** 8192 bytes that the test may use. */
export function room(): usize {
  return scratch;
}

let next: usize = 0;

function put(value: u32): void {
  store<u32>(next, value);
  next += 4;
}

function get(): u32 {
  const value = load<u32>(next);
  next += 4;
  return value;
}

export function fits(view: u32, at: usize, length: u32): bool {
  switch (view) {
    case 0:
      return Ethernet.fits(at, length);
    case 1:
      return Ipv4.fits(at, length);
    case 2:
      return Ipv6.fits(at, length);
    case 3:
      return Udp.fits(at, length);
    case 4:
      return Tcp.fits(at, length);
    case 5:
      return Icmpv4.fits(at, length);
    default:
      return Icmpv6.fits(at, length);
  }
}

export function readEthernet(at: usize, to: usize): void {
  next = to;
  put(load32(Ethernet.destination(at)));
  put(load32(Ethernet.source(at)));
  put(Ethernet.type(at));
  put(Ethernet.isToGroup(at) ? 1 : 0);
}

export function writeEthernet(at: usize, from: usize): void {
  next = from;
  Ethernet.setType(at, get());
}

export function readIpv4(at: usize, to: usize): void {
  next = to;
  put(Ipv4.headerBytes(at));
  put(Ipv4.trafficClass(at));
  put(Ipv4.totalLength(at));
  put(Ipv4.identification(at));
  put(Ipv4.dontFragment(at) ? 1 : 0);
  put(Ipv4.moreFragments(at) ? 1 : 0);
  put(Ipv4.fragmentOffset(at));
  put(Ipv4.ttl(at));
  put(Ipv4.protocol(at));
  put(Ipv4.checksum(at));
  put(Ipv4.source(at));
  put(Ipv4.destination(at));
  put(Ipv4.hasRightChecksum(at) ? 1 : 0);
}

export function writeIpv4(at: usize, from: usize): void {
  next = from;
  const protocol = get();
  const ttl = get();
  Ipv4.begin(at, protocol, ttl, get());
  Ipv4.setTotalLength(at, get());
  Ipv4.setIdentification(at, get());
  Ipv4.setDontFragment(at, get() != 0);
  Ipv4.setSource(at, get());
  Ipv4.setDestination(at, get());
  Ipv4.fillChecksum(at);
}

export function decrementTtl(at: usize): void {
  Ipv4.decrementTtl(at);
}

export function readIpv6(at: usize, to: usize): void {
  next = to;
  put(Ipv6.trafficClass(at));
  put(Ipv6.flowLabel(at));
  put(Ipv6.payloadLength(at));
  put(Ipv6.nextHeader(at));
  put(Ipv6.hopLimit(at));
  put(load32(Ipv6.source(at)));
  put(load32(Ipv6.destination(at)));
}

export function writeIpv6(at: usize, from: usize): void {
  next = from;
  const trafficClass = get();
  const flowLabel = get();
  const payloadLength = get();
  const nextHeader = get();
  Ipv6.begin(at, payloadLength, nextHeader, get());
  Ipv6.setTrafficClass(at, trafficClass);
  Ipv6.setFlowLabel(at, flowLabel);
}

export function addressBits(at: usize): u32 {
  return (
    (Ipv6Address.isUnspecified(at) ? 1 : 0) |
    (Ipv6Address.isLoopback(at) ? 2 : 0) |
    (Ipv6Address.isMulticast(at) ? 4 : 0) |
    (Ipv6Address.isLinkLocal(at) ? 8 : 0)
  );
}

export function addressShares(a: usize, b: usize, bits: u32): bool {
  return Ipv6Address.shares(a, b, bits);
}

/** Protocol | 256 when it is a later fragment | 512 when the walk was whole | offset << 16. */
export function upperLayer(at: usize, length: u32): u32 {
  const isWhole = Ipv6UpperLayer.find(at, length);
  return (
    Ipv6UpperLayer.protocol |
    (Ipv6UpperLayer.isLaterFragment ? 256 : 0) |
    (isWhole ? 512 : 0) |
    (Ipv6UpperLayer.offset << 16)
  );
}

export function readUdp(at: usize, to: usize): void {
  next = to;
  put(Udp.sourcePort(at));
  put(Udp.destinationPort(at));
  put(Udp.length(at));
  put(Udp.checksum(at));
}

export function writeUdp(at: usize, from: usize): void {
  next = from;
  const sourcePort = get();
  Udp.begin(at, sourcePort, get());
  Udp.setLength(at, get());
}

export function readTcp(at: usize, to: usize): void {
  next = to;
  put(Tcp.sourcePort(at));
  put(Tcp.destinationPort(at));
  put(Tcp.sequence(at));
  put(Tcp.acknowledgement(at));
  put(Tcp.headerBytes(at));
  put(Tcp.flags(at));
  put(Tcp.window(at));
  put(Tcp.checksum(at));
  put(Tcp.urgentPointer(at));
}

export function writeTcp(at: usize, from: usize): void {
  next = from;
  Tcp.setSourcePort(at, get());
  Tcp.setDestinationPort(at, get());
  Tcp.setSequence(at, get());
  Tcp.setAcknowledgement(at, get());
  Tcp.setHeaderBytes(at, get());
  Tcp.setFlags(at, get());
  Tcp.setWindow(at, get());
  Tcp.setChecksum(at, get());
  Tcp.setUrgentPointer(at, get());
}

/** Fills the checksum of kind 0 UDP, 1 TCP, 2 ICMP, 3 ICMPv6; over IPv6 or else IPv4. */
export function fillChecksum(kind: u32, overIpv6: bool, at: usize, bytes: u32, addresses: usize): void {
  if (kind == 0) {
    if (overIpv6) Udp.fillChecksumOverIpv6(at, bytes, addresses);
    else Udp.fillChecksumOverIpv4(at, bytes, addresses);
  } else if (kind == 1) {
    if (overIpv6) Tcp.fillChecksumOverIpv6(at, bytes, addresses);
    else Tcp.fillChecksumOverIpv4(at, bytes, addresses);
  } else if (kind == 2) Icmpv4.fillChecksum(at, bytes);
  else Icmpv6.fillChecksum(at, bytes, addresses);
}

export function hasRightChecksum(kind: u32, overIpv6: bool, at: usize, bytes: u32, addresses: usize): bool {
  if (kind == 0) {
    if (overIpv6) return Udp.hasRightChecksumOverIpv6(at, bytes, addresses);
    return Udp.hasRightChecksumOverIpv4(at, bytes, addresses);
  }
  if (kind == 1) {
    if (overIpv6) return Tcp.hasRightChecksumOverIpv6(at, bytes, addresses);
    return Tcp.hasRightChecksumOverIpv4(at, bytes, addresses);
  }
  if (kind == 2) return Icmpv4.hasRightChecksum(at, bytes);
  return Icmpv6.hasRightChecksum(at, bytes, addresses);
}

/** Of ICMPv6, or else ICMP. */
export function readIcmp(isV6: bool, at: usize, to: usize): void {
  next = to;
  if (isV6) {
    put(Icmpv6.type(at));
    put(Icmpv6.code(at));
    put(Icmpv6.checksum(at));
    put(Icmpv6.rest(at));
    put(Icmpv6.isError(Icmpv6.type(at)) ? 1 : 0);
    put(Icmpv6.isNeighbourDiscovery(Icmpv6.type(at)) ? 1 : 0);
  } else {
    put(Icmpv4.type(at));
    put(Icmpv4.code(at));
    put(Icmpv4.checksum(at));
    put(Icmpv4.rest(at));
    put(Icmpv4.nextHopMtu(at));
  }
}

export function writeIcmp(isV6: bool, at: usize, from: usize): void {
  next = from;
  const type = get();
  const code = get();
  if (isV6) {
    Icmpv6.begin(at, type, code);
    Icmpv6.setRest(at, get());
  } else {
    Icmpv4.begin(at, type, code);
    Icmpv4.setRest(at, get());
  }
}
