import type { ParseFunction } from './parse-function.ts';
import { LENGTH, SYNTAX, TRUNCATED } from './problem.ts';

/**
 * RTP: contributing sources, then an extension with its own length; padding ends it (RFC 3550 §5.1). If the
 * second byte is a packet type of RTCP, the packet is not RTP: both may share a port, and RFC 5761 §4
 * distinguishes them this way.
 */
export const rtp: ParseFunction = {
  parse(bytes, from, to, cut) {
    const first = bytes[from]!;
    if (isRtcpType(bytes[from + 1]!)) return SYNTAX;
    let header = 12 + 4 * (first & 0x0f);
    if ((first & 0x10) !== 0) {
      if (from + header + 4 > to) return TRUNCATED;
      header += 4 + 4 * ((bytes[from + header + 2]! << 8) | bytes[from + header + 3]!);
    }
    if (from + header > to) return TRUNCATED;
    const padding = (first & 0x20) !== 0 ? bytes[to - 1]! : 0;
    const contents = to - from - header - padding;
    // The last byte of padding counts itself.
    if (contents < 0 || ((first & 0x20) !== 0 && padding === 0)) return LENGTH;
    cut.begin(header, contents);
    cut.closing = padding;
    cut.next = bytes[from + 1]! & 0x7f;
    return 0;
  },
};

/**
 * RTCP: one packet of those that a datagram holds (RFC 3550 §6). Packets of unknown types are RTCP too, and
 * are skipped by their length.
 */
export const rtcp: ParseFunction = {
  parse(bytes, from, to, cut) {
    if (!isRtcpType(bytes[from + 1]!)) return SYNTAX;
    const header = lengthAt(bytes, from);
    if (from + header > to) return TRUNCATED;
    cut.begin(header, 0);
    const behind = from + header;
    cut.isFollowed = behind + 4 <= to && bytes[behind]! >> 6 === 2 && isRtcpType(bytes[behind + 1]!);
    return 0;
  },
};

/** Bytes of the packet: the field counts words of 32 bits, without the first (RFC 3550 §6.4.1). */
function lengthAt(bytes: Uint8Array, from: number): number {
  return 4 + 4 * ((bytes[from + 2]! << 8) | bytes[from + 3]!);
}

/** Types from 192 to 223 belong to RTCP, and payload types of RTP avoid them (RFC 5761 §4). */
function isRtcpType(type: number): boolean {
  return (type & 0xe0) === 0xc0;
}
