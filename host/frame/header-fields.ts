import { lowerCase } from './text-table.ts';

/**
 * Reads the header fields of SIP and MIME (RFC 5322 §2.2): lines of a name, `:` and a value, which continue
 * in lines that begin with white space; an empty line ends them. It reads bytes and allocates nothing.
 */

/**
 * The address behind the empty line that ends header fields; -1 when there is none. `from` is the start of a
 * line.
 */
export function fieldsEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to) {
    const behind = lineEnd(bytes, at, to);
    if (behind < 0) return -1;
    if (bytes[at] === LF || (bytes[at] === CR && behind === at + 2)) return behind;
    at = behind;
  }
  return -1;
}

/** The address behind the end of the line at `from`; -1 when the line does not end. */
export function lineEnd(bytes: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; at++) if (bytes[at] === LF) return at + 1;
  return -1;
}

/**
 * The address of the value of the first field with this name, behind white space; -1 when there is none.
 * `name` is in lower case; `short` is a letter that may stand for it (RFC 3261 §7.3.3), 0 for none.
 */
export function fieldValue(
  bytes: Uint8Array,
  from: number,
  to: number,
  name: Uint8Array,
  short: number,
): number {
  for (let at = from; at >= 0 && at < to; at = lineEnd(bytes, at, to)) {
    let behind = at;
    if (startsWith(bytes, at, to, name)) behind = at + name.length;
    else if (short !== 0 && lowerCase(bytes[at]!) === short) behind = at + 1;
    else continue;
    behind = skipSpace(bytes, behind, to);
    if (behind < to && bytes[behind] === COLON) return skipSpace(bytes, behind + 1, to);
  }
  return -1;
}

/** The end of the value of a field: the start of the first line that does not continue it. */
export function valueEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  for (;;) {
    const behind = lineEnd(bytes, at, to);
    // Stryker disable next-line EqualityOperator: no line ends in front of the first byte.
    if (behind < 0) return to;
    if (bytes[behind] !== SPACE && bytes[behind] !== TAB) return behind;
    at = behind;
  }
}

/**
 * The address behind type and subtype of the media type at `from`. White space may surround the `/` (RFC 3261
 * §25.1); a text table passes over it.
 */
export function mediaTypeEnd(bytes: Uint8Array, from: number, to: number): number {
  const end = wordEnd(bytes, from, to);
  // The first word may contain the `/`, and the subtype behind it too.
  if (end > from && bytes[end - 1] === SLASH) return wordEnd(bytes, skipSpace(bytes, end, to), to);
  const slash = skipSpace(bytes, end, to);
  if (slash >= to || bytes[slash] !== SLASH) return end;
  return wordEnd(bytes, skipSpace(bytes, slash + 1, to), to);
}

/** The address of the first white space, `;` or `(` from `from` on, which begins parameters or a comment. */
function wordEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at]! > SPACE && bytes[at] !== SEMICOLON && bytes[at] !== OPENING) at++;
  return at;
}

/** Whether these bytes begin with a text, which is in lower case. */
export function startsWith(bytes: Uint8Array, from: number, to: number, text: Uint8Array): boolean {
  if (to - from < text.length) return false;
  for (let i = 0; i < text.length; i++) if (lowerCase(bytes[from + i]!) !== text[i]) return false;
  return true;
}

/** The address behind spaces, tabs, and line ends after which the value continues. */
export function skipSpace(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  for (;;) {
    while (at < to && (bytes[at] === SPACE || bytes[at] === TAB)) at++;
    let line = at;
    if (line < to && bytes[line] === CR) line++;
    if (line + 1 >= to || bytes[line] !== LF || (bytes[line + 1] !== SPACE && bytes[line + 1] !== TAB))
      return at;
    at = line + 1;
  }
}

/** Returns a text as bytes, for comparison. */
export function lowerCaseBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const OPENING = 0x28;
const SLASH = 0x2f;
const COLON = 0x3a;
const SEMICOLON = 0x3b;
