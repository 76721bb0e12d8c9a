import type { ParseFunction } from './parse-function.ts';
import { LENGTH, TRUNCATED } from './problem.ts';

/** RTP: contributing sources, then an extension with its own length; padding ends it (RFC 3550 §5.1). */
export const rtp: ParseFunction = {
  parse(bytes, from, to, cut) {
    const first = bytes[from]!;
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
