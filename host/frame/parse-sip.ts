import {
  fieldsEnd,
  fieldValue,
  lineEnd,
  lowerCaseBytes,
  mediaTypeEnd,
  skipSpace,
  startsWith,
} from './header-fields.ts';
import type { ParseFunction } from './parse-function.ts';
import { LENGTH, SIZE, SYNTAX, TRUNCATED } from './problem.ts';

/**
 * SIP: a start line and header fields, up to the empty line (RFC 3261 §7). The body's length is in
 * Content-Length, which may be missing where a datagram ends the message (§18.3), and its type in
 * Content-Type. Line ends may stand in front of the start line (§7.5), and belong to the header.
 */
export const sip: ParseFunction = {
  parse(bytes, from, to, cut) {
    const start = startOf(bytes, from, to);
    const fields = lineEnd(bytes, start, to);
    if (fields < 0) return TRUNCATED;
    if (!isStartLine(bytes, start, fields)) return SYNTAX;
    const body = fieldsEnd(bytes, fields, to);
    if (body < 0) return TRUNCATED;
    let length = to - body;
    const lengthAt = fieldValue(bytes, fields, body, CONTENT_LENGTH, LETTER_L);
    if (lengthAt >= 0) {
      const stated = numberAt(bytes, lengthAt, body);
      if (stated < 0) return SYNTAX;
      if (stated > length) return LENGTH;
      length = stated;
    }
    cut.begin(body - from, length);
    const type = fieldValue(bytes, fields, body, CONTENT_TYPE, LETTER_C);
    if (type >= 0 && length > 0) {
      cut.nextFrom = type;
      cut.nextTo = mediaTypeEnd(bytes, type, body);
    }
    return 0;
  },

  /**
   * Leading zeroes are allowed in a length (§25.1), so it can be written into the existing digits.
   */
  finish(bytes, from, to, length) {
    const fields = lineEnd(bytes, startOf(bytes, from, to), to);
    const at = fields < 0 ? -1 : fieldValue(bytes, fields, to, CONTENT_LENGTH, LETTER_L);
    if (at < 0) return 0;
    let digit = at;
    while (digit < to && isDigit(bytes[digit]!)) digit++;
    if (length >= 10 ** (digit - at)) return SIZE;
    let left = length;
    for (digit--; digit >= at; digit--) {
      bytes[digit] = ZERO + (left % 10);
      left = Math.floor(left / 10);
    }
    return 0;
  },
};

/** The address behind the line ends in front of a start line. */
function startOf(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && (bytes[at] === LF || (bytes[at] === CR && bytes[at + 1] === LF))) at++;
  return at;
}

/** Matches `SIP/2.0 200 OK`, or `INVITE sip:alice SIP/2.0`. */
function isStartLine(bytes: Uint8Array, from: number, to: number): boolean {
  if (startsWith(bytes, from, to, VERSION)) return bytes[from + VERSION.length] === SPACE;
  let end = to - 1;
  if (bytes[end - 1] === CR) end--;
  const version = end - VERSION.length;
  return version > from && bytes[version - 1] === SPACE && startsWith(bytes, version, end, VERSION);
}

/**
 * The number in decimal digits up to the end of its line; -1 for anything else, or more than a frame can
 * hold.
 */
function numberAt(bytes: Uint8Array, from: number, to: number): number {
  let number = 0;
  let at = from;
  for (; at < to && isDigit(bytes[at]!); at++) {
    number = number * 10 + bytes[at]! - ZERO;
    if (number > 0x7fffffff) return -1;
  }
  const digits = at - from;
  at = skipSpace(bytes, at, to);
  return digits > 0 && (bytes[at] === CR || bytes[at] === LF) ? number : -1;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= ZERO + 9;
}

const CONTENT_LENGTH = lowerCaseBytes('content-length');
const CONTENT_TYPE = lowerCaseBytes('content-type');
const VERSION = lowerCaseBytes('sip/2.0');
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const ZERO = 0x30;
const LETTER_C = 0x63;
const LETTER_L = 0x6c;
