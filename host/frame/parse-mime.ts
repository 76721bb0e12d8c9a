import {
  fieldsEnd,
  fieldValue,
  lineEnd,
  lowerCaseBytes,
  mediaTypeEnd,
  skipSpace,
  startsWith,
  valueEnd,
} from './header-fields.ts';
import type { Cut, ParseFunction } from './parse-function.ts';
import { SYNTAX, TRUNCATED } from './problem.ts';

/**
 * MIME multipart (RFC 2046 §5.1). The bytes in front of the first delimiter are its header, often none. The
 * delimiter is `--` and the boundary, from the Content-Type of the header in front. The bytes behind the last
 * delimiter are not parsed, and close the multipart.
 */
export const multipart: ParseFunction = {
  parse(bytes, from, to, cut) {
    const { frontFrom, frontTo } = cut;
    const type = fieldValue(bytes, frontFrom, frontTo, CONTENT_TYPE, LETTER_C);
    if (type < 0) return SYNTAX;
    const typeEnd = valueEnd(bytes, type, frontTo);
    let boundary = parameter(bytes, type, typeEnd, BOUNDARY);
    if (boundary < 0) return SYNTAX;
    const isQuoted = bytes[boundary] === QUOTE;
    if (isQuoted) boundary++;
    const length = valueLength(bytes, boundary, typeEnd, isQuoted);
    if (length < 1 || length > MOST_BOUNDARY) return SYNTAX;
    for (let line = from; line >= 0 && line < to; line = lineEnd(bytes, line, to)) {
      if (!isDelimiter(bytes, line, to, boundary, length)) continue;
      const behind = line + 2 + length;
      // A multipart without any part has only its last delimiter.
      if (isLast(bytes, behind, to)) return SYNTAX;
      cut.begin(line - from, to - line);
      cut.next = PART;
      return 0;
    }
    return TRUNCATED;
  },
};

/**
 * One part of a multipart. Its header is the delimiter and the header fields, up to the empty line. Its
 * contents end at the line end in front of the next delimiter, which closes it. Its first line has the
 * boundary.
 */
export const mimePart: ParseFunction = {
  parse(bytes, from, to, cut) {
    if (bytes[from] !== DASH || bytes[from + 1] !== DASH) return SYNTAX;
    const fields = lineEnd(bytes, from, to);
    if (fields < 0) return TRUNCATED;
    const boundary = from + 2;
    let boundaryEnd = fields - 1;
    // White space may have been added behind a boundary, and does not belong to it.
    while (boundaryEnd > boundary && bytes[boundaryEnd - 1]! <= SPACE) boundaryEnd--;
    const length = boundaryEnd - boundary;
    if (length < 1 || length > MOST_BOUNDARY) return SYNTAX;
    const body = fieldsEnd(bytes, fields, to);
    // A part may have no body, and then no empty line (RFC 2046 §5.1.1).
    const bare = delimiterAt(bytes, fields, body < 0 ? to : body, boundary, length);
    if (bare >= 0) {
      const end = beforeLineEnd(bytes, from, bare);
      cut.begin(end - from, 0);
      close(bytes, end, bare, to, length, cut);
      return 0;
    }
    if (body < 0) return TRUNCATED;
    // The line end in front of a delimiter is part of it; right behind the header fields it is that of the
    // empty line.
    const line = delimiterAt(bytes, body, to, boundary, length);
    if (line < 0) return TRUNCATED;
    const end = beforeLineEnd(bytes, body, line);
    cut.begin(body - from, end - body);
    close(bytes, end, line, to, length, cut);
    const type = fieldValue(bytes, fields, body, CONTENT_TYPE, 0);
    if (type >= 0) {
      cut.nextFrom = type;
      cut.nextTo = mediaTypeEnd(bytes, type, body);
    }
    return 0;
  },
};

/** The address of the first line from `from` on that is a delimiter; -1 when there is none. */
function delimiterAt(bytes: Uint8Array, from: number, to: number, boundary: number, length: number): number {
  for (let line = from; line >= 0 && line < to; line = lineEnd(bytes, line, to))
    if (isDelimiter(bytes, line, to, boundary, length)) return line;
  return -1;
}

/** The address in front of the line end at `at`, but not in front of `least`. */
function beforeLineEnd(bytes: Uint8Array, least: number, at: number): number {
  let end = at;
  if (end > least) end--;
  if (end > least && bytes[end - 1] === CR) end--;
  return end;
}

/** Notes what closes a part: the line end at `end`, and whether the delimiter at `line` is not the last. */
function close(bytes: Uint8Array, end: number, line: number, to: number, length: number, cut: Cut): void {
  cut.closing = line - end;
  cut.isFollowed = !isLast(bytes, line + 2 + length, to);
}

/** Whether a delimiter is the last one, given the address behind its boundary: two dashes stand there. */
function isLast(bytes: Uint8Array, behind: number, to: number): boolean {
  return behind < to && bytes[behind] === DASH;
}

/** Whether the line is `--` and the boundary, then the end of the line, white space, or `--`. */
function isDelimiter(bytes: Uint8Array, line: number, to: number, boundary: number, length: number): boolean {
  const behind = line + 2 + length;
  if (behind > to || bytes[line] !== DASH || bytes[line + 1] !== DASH) return false;
  for (let i = 0; i < length; i++) if (bytes[line + 2 + i] !== bytes[boundary + i]) return false;
  if (behind === to || bytes[behind]! <= SPACE) return true;
  return behind + 1 < to && bytes[behind] === DASH && bytes[behind + 1] === DASH;
}

/** The address of the value of a parameter, or -1. White space may surround `;` and `=` (RFC 3261 §25.1). */
function parameter(bytes: Uint8Array, from: number, to: number, name: Uint8Array): number {
  let isQuoted = false;
  for (let at = from; at < to; at++) {
    // A quoted pair is no end of a quoted string (RFC 3261 §25.1).
    if (isQuoted && bytes[at] === BACKSLASH) at++;
    else if (bytes[at] === QUOTE) isQuoted = !isQuoted;
    if (isQuoted || bytes[at] !== SEMICOLON) continue;
    const start = skipSpace(bytes, at + 1, to);
    if (!startsWith(bytes, start, to, name)) continue;
    const equals = skipSpace(bytes, start + name.length, to);
    if (equals < to && bytes[equals] === EQUALS) return skipSpace(bytes, equals + 1, to);
  }
  return -1;
}

function valueLength(bytes: Uint8Array, from: number, to: number, isQuoted: boolean): number {
  let at = from;
  while (
    at < to &&
    (isQuoted ? bytes[at] !== QUOTE && bytes[at]! >= SPACE : bytes[at]! > SPACE && bytes[at] !== SEMICOLON)
  )
    at++;
  return at - from;
}

/** In the Name Space `mime-entity`. */
const PART = 0;
const CONTENT_TYPE = lowerCaseBytes('content-type');
const BOUNDARY = lowerCaseBytes('boundary');
/** RFC 2046 §5.1.1. */
const MOST_BOUNDARY = 70;
const CR = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const DASH = 0x2d;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;
const LETTER_C = 0x63;
