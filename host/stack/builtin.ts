import { applicationDefinitions } from './application-definitions.ts';
import type {
  Checksum,
  GenericDefinition,
  HeaderDefinition,
  LengthTerm,
  NameSpaceDefinition,
  ProtocolDefinition,
} from './definition.ts';
import { sctpDefinitions } from './sctp-definitions.ts';

/** The Name Spaces that come with the Funnel. */
export const nameSpaceDefinitions: readonly NameSpaceDefinition[] = [
  { name: 'ethertype', summary: 'IEEE 802 type numbers', bits: 16, hexadecimal: true },
  { name: 'ppp', summary: 'PPP data link layer protocol numbers, RFC 1661', bits: 16, hexadecimal: true },
  { name: 'ip-protocol', summary: 'IANA protocol numbers, of IPv4 and as next header of IPv6', bits: 8 },
  { name: 'udp-port', summary: 'UDP ports, RFC 768', bits: 16, ports: true },
  { name: 'tcp-port', summary: 'TCP ports, RFC 9293', bits: 16, ports: true, stream: true },
  { name: 'sctp-port', summary: 'SCTP ports, RFC 9260', bits: 16, ports: true },
  { name: 'sctp-chunk', summary: 'types of the chunks of SCTP, RFC 9260 §3.2', bits: 8 },
  { name: 'sctp-ppid', summary: 'payload protocol identifiers of SCTP, RFC 9260 §15.5', bits: 32 },
  { name: 'pppoe-code', summary: 'codes of PPP over Ethernet, RFC 2516; 0 is a PPP session', bits: 8 },
  { name: 'rtp-payload-type', summary: 'payload types of RTP, RFC 3551', bits: 7 },
  { name: 'rtcp-packet', summary: 'packet types of RTCP, RFC 3550 §12.1', bits: 8 },
  { name: 'media-type', summary: 'media types of MIME, RFC 6838', bits: 0 },
  { name: 'mime-entity', summary: 'entities in a MIME multipart: 0 is a part, RFC 2046 §5.1', bits: 8 },
  { name: 'dns-sd', summary: 'service names of DNS-SD, RFC 6763 §7', bits: 0 },
  { name: 'uri-scheme', summary: 'schemes of URIs, RFC 3986 §3.1', bits: 0 },
];

/** Hardware and protocol addresses, of the sender and of the target (RFC 826). */
const addressResolution: HeaderDefinition = {
  minimum: 8,
  base: 8,
  terms: [
    { at: 4, mask: 0xff, shift: 0, unit: 2 },
    { at: 5, mask: 0xff, shift: 0, unit: 2 },
  ],
  leaf: true,
};

/** Covers the extension header, and nothing behind it (RFC 6275 §6.1.1, RFC 7401 §5.1.1). */
const OF_EXTENSION: Checksum = { at: 4, kind: 'pseudo' };

/**
 * The protocols that come with the Funnel. New ones go to the end, so that the numbers of the others stay the
 * same.
 */
export const protocolDefinitions: readonly ProtocolDefinition[] = [
  {
    name: 'ethernet',
    summary: 'Ethernet II, without preamble and frame check sequence (IEEE 802.3)',
    fillsDatagram: true,
    identifiers: [],
    layer: 'link',
    header: { minimum: 14, base: 14, next: { nameSpace: 'ethertype', at: 12, bytes: 2 } },
  },
  {
    name: 'vlan',
    summary: 'VLAN tag of a customer or a service (IEEE 802.1Q, 802.1ad)',
    fillsDatagram: true,
    identifiers: [
      { nameSpace: 'ethertype', id: 0x8100 },
      { nameSpace: 'ethertype', id: 0x88a8 },
      // Bridges before IEEE 802.1ad: the tags of a service, and of two more levels around it.
      { nameSpace: 'ethertype', id: 0x9100 },
      { nameSpace: 'ethertype', id: 0x9200 },
      { nameSpace: 'ethertype', id: 0x9300 },
    ],
    layer: 'link',
    header: { minimum: 4, base: 4, next: { nameSpace: 'ethertype', at: 2, bytes: 2 } },
  },
  {
    name: 'ppp',
    summary: 'PPP, with or without address and control, its protocol field compressed or not (RFC 1661)',
    fillsDatagram: true,
    identifiers: [
      { nameSpace: 'pppoe-code', id: 0 },
      { nameSpace: 'ethertype', id: 0x880b },
    ],
    layer: 'link',
    header: { minimum: 1, base: 0, next: { nameSpace: 'ppp', parsed: true }, parse: 'ppp' },
  },
  {
    name: 'arp',
    summary: 'Address resolution of IPv4 on Ethernet (RFC 826)',
    identifiers: [{ nameSpace: 'ethertype', id: 0x0806 }],
    header: addressResolution,
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
  extension('hop-by-hop', 0, 'IPv6 hop-by-hop options (RFC 8200 §4.3)'),
  extension('routing', 43, 'IPv6 routing header (RFC 8200 §4.4)'),
  {
    name: 'fragment',
    summary: 'IPv6 fragment header (RFC 8200 §4.5)',
    fillsDatagram: true,
    identifiers: [{ nameSpace: 'ip-protocol', id: 44 }],
    transparent: true,
    header: {
      minimum: 8,
      base: 8,
      next: { nameSpace: 'ip-protocol', at: 0, bytes: 1 },
      // The fragment offset, and more fragments; both zero in an atomic fragment (RFC 6946), which is a whole
      // packet.
      fragment: { at: 2, mask: 0xfff9 },
    },
  },
  extension('destination-options', 60, 'IPv6 destination options (RFC 8200 §4.6)'),
  extension('ah', 51, 'IP authentication header (RFC 4302)', { unit: 4, minimum: 12 }),
  {
    name: 'icmp',
    summary: 'Internet Control Message Protocol (RFC 792)',
    fillsDatagram: true,
    identifiers: [{ nameSpace: 'ip-protocol', id: 1 }],
    header: { minimum: 8, base: 8, checksum: { at: 2, kind: 'contents' } },
  },
  {
    name: 'icmpv6',
    summary: 'Internet Control Message Protocol for IPv6 (RFC 4443)',
    fillsDatagram: true,
    identifiers: [{ nameSpace: 'ip-protocol', id: 58 }],
    // Includes the word behind the checksum of every message: an identifier, a pointer, a size, or nothing.
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
    fillsDatagram: true,
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
    summary: 'Stream Control Transmission Protocol, its common header; chunks follow (RFC 9260)',
    fillsDatagram: true,
    identifiers: [{ nameSpace: 'ip-protocol', id: 132 }],
    header: {
      minimum: 12,
      base: 12,
      next: {
        nameSpace: 'sctp-port',
        source: 0,
        destination: 2,
        contents: { nameSpace: 'sctp-chunk', at: 12, bytes: 1 },
      },
      checksum: { at: 8, kind: 'crc32c' },
    },
  },
  {
    name: 'gre',
    summary: 'Generic Routing Encapsulation (RFC 2784, RFC 2890), and its version for PPTP (RFC 2637)',
    fillsDatagram: true,
    identifiers: [{ nameSpace: 'ip-protocol', id: 47 }],
    header: {
      minimum: 4,
      base: 0,
      next: { nameSpace: 'ethertype', parsed: true },
      checksum: { at: 4, kind: 'contents', when: { at: 0, mask: 0x80 } },
      parse: 'gre',
    },
  },
  {
    name: 'esp',
    summary: 'IP encapsulating security payload (RFC 4303)',
    fillsDatagram: true,
    identifiers: [{ nameSpace: 'ip-protocol', id: 50 }],
    header: { minimum: 8, base: 8 },
  },
  extension('mobility', 135, 'IPv6 mobility header (RFC 6275 §6.1)', { checksum: OF_EXTENSION }),
  extension('hip', 139, 'Host Identity Protocol (RFC 7401 §5.1)', { minimum: 40, checksum: OF_EXTENSION }),
  extension('shim6', 140, 'Site multihoming by IPv6 intermediation (RFC 5533 §5.1)'),
  {
    name: 'igmp',
    summary: 'Internet Group Management Protocol (RFC 2236, RFC 3376)',
    fillsDatagram: true,
    identifiers: [{ nameSpace: 'ip-protocol', id: 2 }],
    header: { minimum: 8, base: 8, checksum: { at: 2, kind: 'contents' } },
  },
  {
    name: 'udp-lite',
    summary: 'UDP with a checksum that may cover only the first bytes (RFC 3828)',
    fillsDatagram: true,
    identifiers: [{ nameSpace: 'ip-protocol', id: 136 }],
    header: {
      minimum: 8,
      base: 8,
      next: { nameSpace: 'udp-port', source: 0, destination: 2 },
      checksum: { at: 6, kind: 'pseudo', zeroIsNone: true, coverage: 4 },
    },
  },
  {
    name: 'pppoe-discovery',
    summary: 'PPP over Ethernet: finding an access concentrator (RFC 2516 §5)',
    identifiers: [{ nameSpace: 'ethertype', id: 0x8863 }],
    header: {
      minimum: 6,
      base: 6,
      version: { at: 0, mask: 0xff, value: 0x11 },
      length: { at: 4, counts: 'payload' },
    },
  },
  {
    name: 'pppoe',
    summary: 'PPP over Ethernet: a session (RFC 2516 §6)',
    identifiers: [{ nameSpace: 'ethertype', id: 0x8864 }],
    layer: 'link',
    header: {
      minimum: 6,
      base: 6,
      version: { at: 0, mask: 0xff, value: 0x11 },
      next: { nameSpace: 'pppoe-code', at: 1, bytes: 1 },
      length: { at: 4, counts: 'payload' },
    },
  },
  ...sctpDefinitions,
  ...applicationDefinitions,
  {
    name: 'rarp',
    summary: 'Reverse address resolution (RFC 903)',
    identifiers: [{ nameSpace: 'ethertype', id: 0x8035 }],
    header: addressResolution,
  },
  {
    name: 'length-prefix',
    summary: 'Two bytes of length in front of a message on a stream (RFC 1035 §4.2.2, RFC 4571 §2)',
    identifiers: [],
    header: { minimum: 2, base: 2, agreed: true, length: { at: 0, counts: 'payload' } },
  },
  {
    name: 'bridged-ethernet',
    summary: 'Transparent Ethernet bridging: a frame of Ethernet inside another protocol (RFC 7637 §3.2)',
    fillsDatagram: true,
    identifiers: [{ nameSpace: 'ethertype', id: 0x6558 }],
    layer: 'link',
    header: { minimum: 14, base: 14, next: { nameSpace: 'ethertype', at: 12, bytes: 2 } },
  },
  {
    // Linux puts it before packets that it captured on all devices, so only captures have it.
    name: 'sll',
    summary: 'Linux cooked capture, version 1: way, kind and address of the device (LINKTYPE_LINUX_SLL)',
    fillsDatagram: true,
    identifiers: [],
    layer: 'link',
    header: { minimum: 16, base: 16, next: { nameSpace: 'ethertype', at: 14, bytes: 2 } },
  },
  {
    name: 'sll2',
    summary: 'Linux cooked capture, version 2: with the number of the device (LINKTYPE_LINUX_SLL2)',
    fillsDatagram: true,
    identifiers: [],
    layer: 'link',
    header: { minimum: 20, base: 20, next: { nameSpace: 'ethertype', at: 0, bytes: 2 } },
  },
];

/** The Generic Carriers that come with the Funnel. */
export const genericDefinitions: readonly GenericDefinition[] = [{ name: 'ip', members: ['ipv4', 'ipv6'] }];

interface ExtensionForm {
  /** Bytes in a unit of its length. */
  readonly unit?: number;
  readonly minimum?: number;
  readonly checksum?: Checksum;
}

/** An IPv6 extension header: next header, then its length less the first eight bytes, in units. */
function extension(
  name: string,
  id: number,
  summary: string,
  { unit = 8, minimum = 8, checksum }: ExtensionForm = {},
): ProtocolDefinition {
  const term: LengthTerm = { at: 1, mask: 0xff, shift: 0, unit };
  const next = { nameSpace: 'ip-protocol', at: 0, bytes: 1 } as const;
  return {
    name,
    summary,
    fillsDatagram: true,
    identifiers: [{ nameSpace: 'ip-protocol', id }],
    transparent: true,
    header: { minimum, base: 8, terms: [term], next, ...(checksum === undefined ? {} : { checksum }) },
  };
}
