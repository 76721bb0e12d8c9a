import type {
  GenericDefinition,
  LengthTerm,
  NameSpaceDefinition,
  PortName,
  ProtocolDefinition,
} from './definition.ts';

/** The Name Spaces that come with the Funnel. */
export const nameSpaceDefinitions: readonly NameSpaceDefinition[] = [
  { name: 'ethertype', summary: 'IEEE 802 type numbers', bits: 16, hexadecimal: true },
  { name: 'ppp', summary: 'PPP data link layer protocol numbers, RFC 1661', bits: 16, hexadecimal: true },
  { name: 'ip-protocol', summary: 'IANA protocol numbers, of IPv4 and as next header of IPv6', bits: 8 },
  { name: 'udp-port', summary: 'UDP ports, RFC 768', bits: 16, ports: true },
  { name: 'tcp-port', summary: 'TCP ports, RFC 9293', bits: 16, ports: true },
  { name: 'sctp-port', summary: 'SCTP ports, RFC 9260', bits: 16, ports: true },
];

/** The protocols that come with the Funnel. New ones go to the end, so that numbers stay what they were. */
export const protocolDefinitions: readonly ProtocolDefinition[] = [
  {
    name: 'ethernet',
    summary: 'Ethernet II, without preamble and frame check sequence (IEEE 802.3)',
    identifiers: [],
    layer: 'link',
    header: { minimum: 14, base: 14, next: { nameSpace: 'ethertype', at: 12, bytes: 2 } },
  },
  {
    name: 'vlan',
    summary: 'VLAN tag of a customer or a service (IEEE 802.1Q, 802.1ad)',
    identifiers: [
      { nameSpace: 'ethertype', id: 0x8100 },
      { nameSpace: 'ethertype', id: 0x88a8 },
    ],
    layer: 'link',
    header: { minimum: 4, base: 4, next: { nameSpace: 'ethertype', at: 2, bytes: 2 } },
  },
  {
    name: 'ppp',
    summary: 'PPP with its protocol field of two bytes, without address and control (RFC 1661)',
    identifiers: [],
    layer: 'link',
    header: { minimum: 2, base: 2, next: { nameSpace: 'ppp', at: 0, bytes: 2 } },
  },
  {
    name: 'arp',
    summary: 'Address resolution of IPv4 on Ethernet (RFC 826)',
    identifiers: [{ nameSpace: 'ethertype', id: 0x0806 }],
    header: {
      minimum: 8,
      base: 8,
      // Hardware and protocol addresses, of the sender and of the target.
      terms: [
        { at: 4, mask: 0xff, shift: 0, unit: 2 },
        { at: 5, mask: 0xff, shift: 0, unit: 2 },
      ],
      leaf: true,
    },
  },
  {
    name: 'ipv4',
    summary: 'Internet Protocol version 4, with options (RFC 791)',
    identifiers: [
      { nameSpace: 'ethertype', id: 0x0800 },
      { nameSpace: 'ppp', id: 0x0021 },
      { nameSpace: 'ip-protocol', id: 4 },
    ],
    layer: 'network',
    header: {
      minimum: 20,
      base: 0,
      terms: [{ at: 0, mask: 0x0f, shift: 0, unit: 4 }],
      version: { at: 0, mask: 0xf0, value: 0x40 },
      next: { nameSpace: 'ip-protocol', at: 9, bytes: 1 },
      length: { at: 2, counts: 'total' },
      checksum: { at: 10, kind: 'header' },
      // More fragments, and the fragment offset.
      fragment: { at: 6, mask: 0x3fff },
      addresses: { source: 12, destination: 16, bytes: 4 },
    },
  },
  {
    name: 'ipv6',
    summary: 'Internet Protocol version 6 (RFC 8200)',
    identifiers: [
      { nameSpace: 'ethertype', id: 0x86dd },
      { nameSpace: 'ppp', id: 0x0057 },
      { nameSpace: 'ip-protocol', id: 41 },
    ],
    layer: 'network',
    header: {
      minimum: 40,
      base: 40,
      version: { at: 0, mask: 0xf0, value: 0x60 },
      next: { nameSpace: 'ip-protocol', at: 6, bytes: 1 },
      length: { at: 4, counts: 'payload' },
      addresses: { source: 8, destination: 24, bytes: 16 },
    },
  },
  extension('hop-by-hop', 0, 'IPv6 hop-by-hop options (RFC 8200 §4.3)', 8),
  extension('routing', 43, 'IPv6 routing header (RFC 8200 §4.4)', 8),
  {
    name: 'fragment',
    summary: 'IPv6 fragment header (RFC 8200 §4.5)',
    identifiers: [{ nameSpace: 'ip-protocol', id: 44 }],
    transparent: true,
    header: {
      minimum: 8,
      base: 8,
      next: { nameSpace: 'ip-protocol', at: 0, bytes: 1 },
      // The fragment offset, and more fragments; both zero in an atomic fragment (RFC 6946), which is a whole packet.
      fragment: { at: 2, mask: 0xfff9 },
    },
  },
  extension('destination-options', 60, 'IPv6 destination options (RFC 8200 §4.6)', 8),
  extension('ah', 51, 'IP authentication header (RFC 4302)', 4),
  {
    name: 'icmp',
    summary: 'Internet Control Message Protocol (RFC 792)',
    identifiers: [{ nameSpace: 'ip-protocol', id: 1 }],
    header: { minimum: 8, base: 8, checksum: { at: 2, kind: 'contents' } },
  },
  {
    name: 'icmpv6',
    summary: 'Internet Control Message Protocol for IPv6 (RFC 4443)',
    identifiers: [{ nameSpace: 'ip-protocol', id: 58 }],
    // With the word behind the checksum that every message has: an identifier, a pointer, a size, or nothing.
    header: { minimum: 8, base: 8, checksum: { at: 2, kind: 'pseudo' } },
  },
  {
    name: 'udp',
    summary: 'User Datagram Protocol (RFC 768)',
    identifiers: [{ nameSpace: 'ip-protocol', id: 17 }],
    header: {
      minimum: 8,
      base: 8,
      next: { nameSpace: 'udp-port', source: 0, destination: 2 },
      length: { at: 4, counts: 'total' },
      checksum: { at: 6, kind: 'pseudo', zeroIsNone: true },
    },
  },
  {
    name: 'tcp',
    summary: 'Transmission Control Protocol, with options (RFC 9293)',
    identifiers: [{ nameSpace: 'ip-protocol', id: 6 }],
    header: {
      minimum: 20,
      base: 0,
      terms: [{ at: 12, mask: 0xf0, shift: 4, unit: 4 }],
      next: { nameSpace: 'tcp-port', source: 0, destination: 2 },
      checksum: { at: 16, kind: 'pseudo' },
    },
  },
  {
    name: 'sctp',
    summary: 'Stream Control Transmission Protocol, its common header (RFC 9260)',
    identifiers: [{ nameSpace: 'ip-protocol', id: 132 }],
    header: {
      minimum: 12,
      base: 12,
      next: { nameSpace: 'sctp-port', source: 0, destination: 2 },
      checksum: { at: 8, kind: 'crc32c' },
    },
  },
  {
    name: 'gre',
    summary:
      'Generic Routing Encapsulation, with key and sequence number, without a checksum (RFC 2784, RFC 2890)',
    identifiers: [{ nameSpace: 'ip-protocol', id: 47 }],
    header: {
      minimum: 4,
      base: 4,
      // Key and sequence number, each 4 bytes when its flag is set.
      terms: [
        { at: 0, mask: 0x20, shift: 5, unit: 4 },
        { at: 0, mask: 0x10, shift: 4, unit: 4 },
      ],
      // Neither the checksum flag nor the flags that RFC 2784 wants to be zero.
      version: { at: 0, mask: 0xcf, value: 0 },
      next: { nameSpace: 'ethertype', at: 2, bytes: 2 },
    },
  },
  {
    name: 'esp',
    summary: 'IP encapsulating security payload (RFC 4303)',
    identifiers: [{ nameSpace: 'ip-protocol', id: 50 }],
    header: { minimum: 8, base: 8 },
  },
];

/** The Generic Carriers that come with the Funnel. */
export const genericDefinitions: readonly GenericDefinition[] = [{ name: 'ip', members: ['ipv4', 'ipv6'] }];

const ANY = ['udp-port', 'tcp-port', 'sctp-port'];
const UDP_TCP = ['udp-port', 'tcp-port'];

/** Names for ports. 6bed4 has its number from its software; the others are from IANA's service names. */
export const portNames: readonly PortName[] = [
  { name: '6bed4', port: 25790, nameSpaces: ['udp-port'] },
  { name: 'domain', port: 53, nameSpaces: UDP_TCP },
  { name: 'http', port: 80, nameSpaces: ANY },
  { name: 'https', port: 443, nameSpaces: ANY },
  { name: 'ldap', port: 389, nameSpaces: UDP_TCP },
  { name: 'mdns', port: 5353, nameSpaces: UDP_TCP },
  { name: 'ntp', port: 123, nameSpaces: ['udp-port'] },
  { name: 'radius', port: 1812, nameSpaces: UDP_TCP },
  { name: 'radius-acct', port: 1813, nameSpaces: UDP_TCP },
  { name: 'sctp-tunneling', port: 9899, nameSpaces: ['udp-port'] },
  { name: 'sip', port: 5060, nameSpaces: ANY },
  { name: 'sips', port: 5061, nameSpaces: ['tcp-port', 'sctp-port'] },
  { name: 'snmp', port: 161, nameSpaces: UDP_TCP },
  { name: 'snmptrap', port: 162, nameSpaces: UDP_TCP },
  { name: 'ssh', port: 22, nameSpaces: ['tcp-port', 'sctp-port'] },
  { name: 'syslog', port: 514, nameSpaces: ['udp-port'] },
];

/** An IPv6 extension header: next header, then its length less the first eight bytes, in units of 8 bytes, or of 4 for AH. */
function extension(name: string, id: number, summary: string, unit: number): ProtocolDefinition {
  const term: LengthTerm = { at: 1, mask: 0xff, shift: 0, unit };
  return {
    name,
    summary,
    identifiers: [{ nameSpace: 'ip-protocol', id }],
    transparent: true,
    header: { minimum: 8, base: 8, terms: [term], next: { nameSpace: 'ip-protocol', at: 0, bytes: 1 } },
  };
}
