import type { Cut, ParseFunction } from './parse-function.ts';
import { LENGTH, SYNTAX, TRUNCATED, VERSION } from './problem.ts';

/**
 * SNMP, in BER with lengths of any form that is definite: a sequence of version, community and PDU (RFC 1157
 * §4), or in version 3 of version, header data, security parameters and scoped PDU (RFC 3412 §6). The header
 * is everything in front of the PDU, and the PDU is its contents.
 */
export const snmp: ParseFunction = {
  parse(bytes, from, to, cut) {
    if (bytes[from] !== SEQUENCE) return SYNTAX;
    const inside = contentsAt(bytes, from, to);
    if (inside < 0) return -inside;
    const end = inside + lengthOf(bytes, from);
    if (end > to) return LENGTH;
    let at = skip(bytes, inside, end, INTEGER);
    if (at < 0) return -at;
    const version = numberIn(bytes, contentsAt(bytes, inside, end), at);
    if (version < 0 || version > 3 || version === 2) return VERSION;
    if (version === 3) {
      at = skip(bytes, at, end, SEQUENCE);
      if (at < 0) return -at;
    }
    at = skip(bytes, at, end, OCTET_STRING);
    if (at < 0) return -at;
    return divide(cut, at - from, end - at);
  },
};

function divide(cut: Cut, header: number, contents: number): number {
  cut.begin(header, contents);
  return 0;
}

/** The address behind an element with this tag; or, negative, a problem. */
function skip(bytes: Uint8Array, at: number, end: number, tag: number): number {
  if (at >= end) return -TRUNCATED;
  if (bytes[at] !== tag) return -SYNTAX;
  const contents = contentsAt(bytes, at, end);
  if (contents < 0) return contents;
  const behind = contents + lengthOf(bytes, at);
  return behind > end ? -LENGTH : behind;
}

/** The address of the contents of an element; or, negative, a problem. */
function contentsAt(bytes: Uint8Array, at: number, end: number): number {
  if (at + 2 > end) return -TRUNCATED;
  const first = bytes[at + 1]!;
  // 0x80 is an indefinite length, and 0xff is reserved (X.690 §8.1.3.5). Any other form is permitted, also a
  // longer one than needed (RFC 3417 §8).
  if (first === 0x80 || first === 0xff) return -SYNTAX;
  const more = first < 0x80 ? 0 : first & 0x7f;
  return at + 2 + more > end ? -TRUNCATED : at + 2 + more;
}

/** The length of an element whose contents {@link contentsAt} has found. */
function lengthOf(bytes: Uint8Array, at: number): number {
  const first = bytes[at + 1]!;
  if (first < 0x80) return first;
  let length = 0;
  // A length beyond any frame stays beyond it, although its last digits are lost.
  for (let i = 0; i < (first & 0x7f); i++) length = length * 256 + bytes[at + 2 + i]!;
  return length;
}

/** The number in an INTEGER's contents; -1 if it is empty or negative. */
function numberIn(bytes: Uint8Array, from: number, to: number): number {
  let number = 0;
  if (from >= to || bytes[from]! >= 0x80) return -1;
  for (let at = from; at < to; at++) number = number * 256 + bytes[at]!;
  return number;
}

const INTEGER = 0x02;
const OCTET_STRING = 0x04;
const SEQUENCE = 0x30;
