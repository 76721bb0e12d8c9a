import type { ParseFunction } from './parse-function.ts';
import { HEADER_LENGTH, LENGTH, TRUNCATED, VERSION } from './problem.ts';

/**
 * Generic Routing Encapsulation. Version 0 has a checksum, a key and a sequence number where their flags are
 * set (RFC 2784 §2, RFC 2890 §2). Version 1 carries PPP for PPTP: its key is the length of the payload and a
 * call number, and a sequence number and an acknowledgement may follow (RFC 2637 §4.1).
 */
export const gre: ParseFunction = {
  parse(bytes, from, to, cut) {
    const flags = bytes[from]!;
    const more = bytes[from + 1]!;
    const version = more & VERSION_BITS;
    if (version === 1) return enhanced(bytes, from, to, cut);
    // A receiver discards packets that it cannot route (RFC 2784 §2.2), and ignores the reserved bits 6 to 12
    // (§2.3).
    if (version !== 0 || (flags & ROUTING_OR_UNKNOWN) !== 0) return VERSION;
    const header = 4 + 4 * (((flags & CHECKSUM) >> 7) + ((flags & KEY) >> 5) + ((flags & SEQUENCE) >> 4));
    if (from + header > to) return TRUNCATED;
    cut.begin(header, to - from - header);
    cut.next = (bytes[from + 2]! << 8) | bytes[from + 3]!;
    return 0;
  },
  finish(bytes, from, to, length) {
    if ((bytes[from + 1]! & VERSION_BITS) !== 1) return 0;
    if (to - from < ENHANCED_BYTES) return TRUNCATED;
    if (length > 0xffff) return LENGTH;
    bytes[from + 4] = length >>> 8;
    bytes[from + 5] = length;
    return 0;
  },
};

function enhanced(
  bytes: Uint8Array,
  from: number,
  to: number,
  cut: Parameters<ParseFunction['parse']>[3],
): number {
  const flags = bytes[from]!;
  const type = (bytes[from + 2]! << 8) | bytes[from + 3]!;
  if ((flags & (CHECKSUM | ROUTING_OR_UNKNOWN)) !== 0 || (flags & KEY) === 0 || type !== PPP) return VERSION;
  const hasSequence = (flags & SEQUENCE) !== 0;
  const header =
    ENHANCED_BYTES + (hasSequence ? 4 : 0) + ((bytes[from + 1]! & ACKNOWLEDGEMENT) !== 0 ? 4 : 0);
  if (from + header > to) return TRUNCATED;
  const contents = (bytes[from + 4]! << 8) | bytes[from + 5]!;
  // Payload has a sequence number (RFC 2637 §4.1); without one this is an acknowledgement alone.
  if (contents > 0 && !hasSequence) return HEADER_LENGTH;
  if (from + header + contents > to) return LENGTH;
  cut.begin(header, contents);
  cut.next = contents > 0 ? PPP : -1;
  return 0;
}

/** In the first byte. */
const CHECKSUM = 0x80;
const KEY = 0x20;
const SEQUENCE = 0x10;
/** The routing of RFC 1701, its strict source route, and the first bit of its recursion control. */
const ROUTING_OR_UNKNOWN = 0x4c;
/** In the second byte. */
const VERSION_BITS = 0x07;
const ACKNOWLEDGEMENT = 0x80;
/** The EtherType of PPP, the only contents of version 1. */
const PPP = 0x880b;
/** Flags, type, payload length and call number. */
const ENHANCED_BYTES = 8;
