import type { ParseFunction } from './parse-function.ts';
import { SYNTAX } from './problem.ts';

/**
 * SDP consists of a header only. Each line is a letter, `=` and a value; the first line is version 0 (RFC
 * 8866 §5). Lines may end without a carriage return, and the last line without an end.
 */
export const sdp: ParseFunction = {
  parse(bytes, from, to, cut) {
    if (bytes[from] !== LETTER_V || bytes[from + 2] !== ZERO) return SYNTAX;
    const end = bytes[from + 3]!;
    if (end !== CR && end !== LF) return SYNTAX;
    let isStart = true;
    for (let at = from; at < to; at++) {
      const byte = bytes[at]!;
      if (isStart) {
        if (byte < LETTER_A || byte > LETTER_Z || at + 1 >= to || bytes[at + 1] !== EQUALS) return SYNTAX;
        isStart = false;
      } else if (byte === LF) {
        isStart = true;
      } else if (byte === 0) {
        return SYNTAX;
      }
    }
    cut.begin(to - from, 0);
    return 0;
  },
};

const CR = 0x0d;
const LF = 0x0a;
const ZERO = 0x30;
const EQUALS = 0x3d;
const LETTER_A = 0x61;
const LETTER_V = 0x76;
const LETTER_Z = 0x7a;
