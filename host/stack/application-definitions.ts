import type { ProtocolDefinition } from './definition.ts';

/** Protocols that ports carry. A stack names them behind a port, as in `ip/udp/5060/sip/sdp`. */
export const applicationDefinitions: readonly ProtocolDefinition[] = [
  {
    name: 'rtp',
    summary: 'Real-time Transport Protocol, with sources and extension (RFC 3550 §5.1)',
    fillsDatagram: true,
    identifiers: [],
    header: {
      minimum: 12,
      base: 0,
      version: { at: 0, mask: 0xc0, value: 0x80 },
      next: { nameSpace: 'rtp-payload-type', parsed: true },
      agreed: true,
      parse: 'rtp',
    },
  },
  {
    name: 'rtcp',
    summary: 'RTP Control Protocol; a datagram holds several packets (RFC 3550 §6)',
    fillsDatagram: true,
    // Sender and receiver reports, descriptions, good-bye, application; feedback of RFC 4585, extended
    // reports of RFC 3611.
    identifiers: [200, 201, 202, 203, 204, 205, 206, 207].map((id) => ({ nameSpace: 'rtcp-packet', id })),
    header: {
      minimum: 4,
      base: 0,
      version: { at: 0, mask: 0xc0, value: 0x80 },
      leaf: true,
      item: { nameSpace: 'rtcp-packet' },
      parse: 'rtcp',
    },
  },
  {
    name: 'dns',
    summary: 'Domain Name System: the header of a message (RFC 1035 §4.1.1)',
    fillsDatagram: true,
    identifiers: [],
    header: { minimum: 12, base: 12 },
  },
  {
    name: 'radius',
    summary: 'Remote Authentication Dial In User Service, without its attributes (RFC 2865 §3)',
    identifiers: [],
    header: { minimum: 20, base: 20, length: { at: 2, counts: 'total' } },
  },
  {
    name: 'snmp',
    summary: 'Simple Network Management Protocol: the bytes in front of the PDU (RFC 1157 §4, RFC 3412 §6)',
    identifiers: [],
    header: { minimum: 7, base: 0, parse: 'snmp' },
  },
  {
    name: 'sip',
    summary: 'Session Initiation Protocol: start line and header fields (RFC 3261 §7)',
    identifiers: [
      { nameSpace: 'uri-scheme', id: 'sip' },
      { nameSpace: 'dns-sd', id: '_sip._udp' },
      { nameSpace: 'dns-sd', id: '_sip._tcp' },
    ],
    header: { minimum: 16, base: 0, next: { nameSpace: 'media-type', parsed: true }, parse: 'sip' },
  },
  {
    name: 'sdp',
    summary: 'Session Description Protocol (RFC 8866)',
    fillsDatagram: true,
    identifiers: [{ nameSpace: 'media-type', id: 'application/sdp' }],
    header: { minimum: 4, base: 0, leaf: true, parse: 'sdp' },
  },
  {
    name: 'multipart',
    summary: 'MIME multipart: the bytes in front of its first part (RFC 2046 §5.1)',
    identifiers: [
      'mixed',
      'alternative',
      'digest',
      'parallel',
      'related',
      'signed',
      'encrypted',
      'form-data',
    ].map((kind) => ({ nameSpace: 'media-type', id: `multipart/${kind}` })),
    header: { minimum: 4, base: 0, next: { nameSpace: 'mime-entity', parsed: true }, parse: 'multipart' },
  },
  {
    name: 'mime-part',
    summary: 'A part of a MIME multipart: its delimiter and header fields (RFC 2046 §5.1)',
    identifiers: [{ nameSpace: 'mime-entity', id: 0 }],
    header: {
      minimum: 4,
      base: 0,
      next: { nameSpace: 'media-type', parsed: true },
      item: { nameSpace: 'mime-entity' },
      parse: 'mime-part',
    },
  },
];
