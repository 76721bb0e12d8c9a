import type { ParseFunction } from './parse-function.ts';
import { SYNTAX, TRUNCATED } from './problem.ts';

/**
 * PPP. Address and control may stand in front, as in the framing of HDLC (RFC 1662 §3.1), or be left out (RFC
 * 1661 §6.6). The protocol field has two bytes, or one where it is compressed (RFC 1661 §6.5). A number's
 * last byte is odd and any byte in front of it is even (RFC 1661 §2), so one byte identifies each form.
 */
export const ppp: ParseFunction = {
  parse(bytes, from, to, cut) {
    let at = from;
    if (to - at >= 2 && bytes[at] === ALL_STATIONS && bytes[at + 1] === UNNUMBERED) at += 2;
    if (at >= to) return TRUNCATED;
    let protocol = bytes[at++]!;
    if ((protocol & 1) === 0) {
      if (at >= to) return TRUNCATED;
      protocol = (protocol << 8) | bytes[at++]!;
      if ((protocol & 1) === 0) return SYNTAX;
    }
    cut.begin(at - from, to - at);
    cut.next = protocol;
    return 0;
  },
};

const ALL_STATIONS = 0xff;
const UNNUMBERED = 0x03;
