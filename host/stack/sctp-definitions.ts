import type { ProtocolDefinition } from './definition.ts';

const ITEM = { nameSpace: 'sctp-chunk', at: 0, bytes: 1, align: 4 } as const;

/**
 * The chunks of SCTP. A packet contains a list of them: chunks of user data have a body each; the others
 * consist of a header only. In a stack they follow a port: `ip/sctp/2905/sctp-data/m3ua`.
 */
export const sctpDefinitions: readonly ProtocolDefinition[] = [
  body('sctp-data', 0, 16, 12, 'user data (RFC 9260 §3.3.1)'),
  body('sctp-i-data', 64, 20, 16, 'user data that may interleave (RFC 8260 §2.1)'),
  control('sctp-init', 1, 20, 'RFC 9260 §3.3.2'),
  control('sctp-init-ack', 2, 20, 'RFC 9260 §3.3.3'),
  control('sctp-sack', 3, 16, 'RFC 9260 §3.3.4'),
  control('sctp-heartbeat', 4, 4, 'RFC 9260 §3.3.5'),
  control('sctp-heartbeat-ack', 5, 4, 'RFC 9260 §3.3.6'),
  control('sctp-abort', 6, 4, 'RFC 9260 §3.3.7'),
  control('sctp-shutdown', 7, 8, 'RFC 9260 §3.3.8'),
  control('sctp-shutdown-ack', 8, 4, 'RFC 9260 §3.3.9'),
  control('sctp-error', 9, 4, 'RFC 9260 §3.3.10'),
  control('sctp-cookie-echo', 10, 4, 'RFC 9260 §3.3.11'),
  control('sctp-cookie-ack', 11, 4, 'RFC 9260 §3.3.12'),
  control('sctp-ecne', 12, 8, 'RFC 9260 appendix B'),
  control('sctp-cwr', 13, 8, 'RFC 9260 appendix B'),
  control('sctp-shutdown-complete', 14, 4, 'RFC 9260 §3.3.13'),
  control('sctp-auth', 15, 8, 'RFC 4895 §4.1'),
  control('sctp-re-config', 130, 4, 'RFC 6525 §3.1'),
  control('sctp-pad', 132, 4, 'RFC 4820 §3'),
  control('sctp-asconf-ack', 128, 8, 'RFC 5061 §4.1.2'),
  control('sctp-asconf', 193, 8, 'RFC 5061 §4.1.1'),
  control('sctp-forward-tsn', 192, 8, 'RFC 3758 §3.2'),
  control('sctp-i-forward-tsn', 194, 8, 'RFC 8260 §2.3.1'),
];

/** A chunk with a body. The PPID of 0 identifies nothing, so its contents may be agreed. */
function body(name: string, type: number, length: number, ppidAt: number, what: string): ProtocolDefinition {
  return {
    name,
    summary: `SCTP chunk: ${what}`,
    identifiers: [{ nameSpace: 'sctp-chunk', id: type }],
    header: {
      minimum: length,
      base: length,
      next: { nameSpace: 'sctp-ppid', at: ppidAt, bytes: 4 },
      agreed: true,
      length: { at: 2, counts: 'total' },
      // Both flags, beginning and end, are set in what is not a fragment.
      fragment: { at: 0, mask: 0x0003, whole: 0x0003 },
      item: ITEM,
    },
  };
}

/** A chunk that consists of a header only, including its parameters. */
function control(name: string, type: number, minimum: number, where: string): ProtocolDefinition {
  return {
    name,
    summary: `SCTP chunk (${where})`,
    identifiers: [{ nameSpace: 'sctp-chunk', id: type }],
    header: {
      minimum,
      base: 0,
      terms: [{ at: 2, bytes: 2, mask: 0xffff, shift: 0, unit: 1 }],
      leaf: true,
      item: ITEM,
    },
  };
}
