import type { Protocols } from '../stack/protocols.ts';
import { crc32c, fold, internetSum } from './checksum.ts';
import type { Frames } from './frames.ts';
import * as framesConstants from './frames.ts';
import * as layoutsConstants from './layouts.ts';
import { Layouts } from './layouts.ts';
import * as problemConstants from './problem.ts';
import { problemName } from './problem.ts';
import { scopeEnd } from './scope.ts';

// The engine folds a module's own constants into the machine code; imported ones it loads and tests at each
// use.
const { MAX_PARTS, PART_WORDS } = framesConstants;
const {
  ADDRESS_BYTES,
  CHECKSUM_AT,
  CHECKSUM_CONTENTS,
  CHECKSUM_CRC32C,
  CHECKSUM_HEADER,
  CHECKSUM_IF_AT,
  CHECKSUM_IF_MASK,
  CHECKSUM_KIND,
  COVERAGE_AT,
  DESTINATION_AT,
  FLAGS,
  FRAGMENT_AT,
  FRAGMENT_MASK,
  FRAGMENT_WHOLE,
  HAS_HEADER,
  IP_NUMBER,
  IS_PARSED,
  IS_TRANSPARENT,
  LENGTH_AT,
  LENGTH_BYTES,
  LENGTH_IS_TOTAL,
  MINIMUM,
  SOURCE_AT,
  STRIDE,
  ZERO_IS_NONE,
} = layoutsConstants;
const { CARRIER, FRAGMENT, LENGTH, PROBLEM_STRIDE, SIZE, TRUNCATED } = problemConstants;

/**
 * Fills in the lengths and checksums of a frame that leaves, as the protocols' definitions say. Makes no
 * object. It writes the bytes of unfinished headers, so a row with such headers must have one reference only.
 */
export class Composer {
  readonly #layouts: Layouts;
  readonly #routing: number;
  readonly #destinationOptions: number;
  readonly #ipv4: number;

  constructor(protocols: Protocols) {
    this.#layouts = Layouts.of(protocols);
    this.#routing = protocols.number('routing');
    this.#destinationOptions = protocols.number('destination-options');
    this.#ipv4 = protocols.number('ipv4');
  }

  /**
   * Fills in lengths and checksums of the headers marked `unfinished`, innermost first (an outer checksum
   * covers inner headers), and clears the marks. The maker of a header fills in all other fields, such as the
   * identification of IPv4.
   *
   * @returns 0, or a problem: then the frame must not be sent, and headers that could not be finished keep
   * their marks
   */
  finish(frames: Frames, row: number): number {
    const words = frames.partWords;
    const first = row * MAX_PARTS * PART_WORDS;
    for (let part = frames.partCount[row]! - 1; part >= 0; part--) {
      const at = first + part * PART_WORDS;
      const kind = words[at]!;
      if ((kind & UNFINISHED_HEADER) !== UNFINISHED) continue;
      const problem = this.#finishHeader(frames, row, part, kind & 0xffff);
      if (problem !== 0) return problem;
      words[at] = kind & ~UNFINISHED;
    }
    return 0;
  }

  problemName(problem: number): string {
    return problemName(this.#layouts.protocols, problem);
  }

  #finishHeader(frames: Frames, row: number, part: number, protocol: number): number {
    this.#layouts.refresh();
    const { data } = this.#layouts;
    const layout = protocol * STRIDE;
    const problems = protocol * PROBLEM_STRIDE;
    if (((data[layout + FLAGS] ?? 0) & HAS_HEADER) === 0) return 0;
    const words = frames.partWords;
    const at = (row * MAX_PARTS + part) * PART_WORDS;
    const address = words[at + 1]!;
    const headerLength = words[at + 2]!;
    if (headerLength < data[layout + MINIMUM]!) return problems + TRUNCATED;
    const end = scopeEnd(this.#layouts, frames, row, part);
    if ((data[layout + FLAGS]! & IS_PARSED) !== 0) {
      const behind = address + headerLength;
      const problem =
        this.#layouts.functions[protocol]!.finish?.(frames.bytes, address, behind, end - behind) ?? 0;
      if (problem !== 0) return problems + problem;
    }
    const lengthAt = data[layout + LENGTH_AT]!;
    if (lengthAt >= 0) {
      const length = end - address - (data[layout + LENGTH_IS_TOTAL] === 1 ? 0 : headerLength);
      const bytes = data[layout + LENGTH_BYTES]!;
      if (length >= 2 ** (8 * bytes)) return problems + SIZE;
      if (bytes === 2) put16(frames.bytes, address + lengthAt, length);
      else putNumber(frames.bytes, address + lengthAt, bytes, length);
    }
    const checksumAt = data[layout + CHECKSUM_AT]!;
    if (checksumAt < 0) return 0;
    const ifAt = data[layout + CHECKSUM_IF_AT]!;
    if (ifAt >= 0) {
      if ((frames.bytes[address + ifAt]! & data[layout + CHECKSUM_IF_MASK]!) === 0) return 0;
      if (checksumAt + 4 > headerLength) return problems + TRUNCATED;
    }
    const field = address + checksumAt;
    put16(frames.bytes, field, 0);
    const kind = data[layout + CHECKSUM_KIND]!;
    if (kind === CHECKSUM_CRC32C) {
      put16(frames.bytes, field + 2, 0);
      putLow32(frames.bytes, field, crc32c(frames, address, end));
      return 0;
    }
    let sum: number;
    if (kind === CHECKSUM_HEADER) {
      sum = internetSum(frames, address, address + headerLength);
    } else if (kind === CHECKSUM_CONTENTS) {
      sum = internetSum(frames, address, end);
    } else {
      const pseudo = this.#pseudoSum(frames, row, part);
      if (pseudo < 0) return problems - pseudo;
      const length = (data[layout + FLAGS]! & IS_TRANSPARENT) === 0 ? end - address : headerLength;
      const coverageAt = data[layout + COVERAGE_AT]!;
      let covered = coverageAt < 0 ? 0 : get16(frames.bytes, address + coverageAt);
      if (covered === 0) covered = length;
      if (covered < headerLength || covered > length) return problems + LENGTH;
      sum = fold(
        internetSum(frames, address, address + covered) +
          pseudo +
          (length >>> 16) +
          (length & 0xffff) +
          data[layout + IP_NUMBER]!,
      );
    }
    let checksum = ~sum & 0xffff;
    if (checksum === 0 && (data[layout + FLAGS]! & ZERO_IS_NONE) !== 0) checksum = 0xffff;
    put16(frames.bytes, field, checksum);
    return 0;
  }

  /**
   * Returns the sum of the addresses in the header that carries part `part`, skipping transparent headers;
   * or, negative, the kind of problem. With a routing header or a source route on its way, the destination is
   * the last one (RFC 8200 §8.1; RFC 791 §3.1 for IPv4). The source is the home address where destination
   * options have one (RFC 6275 §11.3.1).
   */
  #pseudoSum(frames: Frames, row: number, part: number): number {
    const { data } = this.#layouts;
    const { partWords: words, bytes } = frames;
    let source = -1;
    let destination = -1;
    /** Bytes in front of the destination that it has in common with the one in the IPv6 header. */
    let elided = 0;
    for (let carrier = part - 1; carrier >= 0; carrier--) {
      const at = (row * MAX_PARTS + carrier) * PART_WORDS;
      if ((words[at]! & ROLE) !== 0) return -CARRIER;
      const protocol = words[at]! & 0xffff;
      const layout = protocol * STRIDE;
      const address = words[at + 1]!;
      if (words[at + 2]! < data[layout + MINIMUM]!) return -CARRIER;
      const fragmentAt = data[layout + FRAGMENT_AT]!;
      if (
        fragmentAt >= 0 &&
        (get16(bytes, address + fragmentAt) & data[layout + FRAGMENT_MASK]!) !==
          data[layout + FRAGMENT_WHOLE]!
      )
        return -FRAGMENT;
      if (protocol === this.#routing) {
        destination = finalDestination(bytes, address, words[at + 2]!);
        elided = destination >= 0 && bytes[address + 2] === RPL_ROUTE ? bytes[address + 4]! & 0x0f : 0;
      } else if (protocol === this.#destinationOptions) source = homeAddress(bytes, address, words[at + 2]!);
      else if (protocol === this.#ipv4) destination = sourceRouteEnd(bytes, address, words[at + 2]!);
      const sourceAt = data[layout + SOURCE_AT]!;
      if (sourceAt >= 0) {
        const length = data[layout + ADDRESS_BYTES]!;
        if (source < 0) source = address + sourceAt;
        const stated = address + data[layout + DESTINATION_AT]!;
        if (destination < 0) destination = stated;
        const rest = internetSum(frames, destination, destination + length - elided);
        return (
          internetSum(frames, source, source + length) +
          internetSum(frames, stated, stated + elided) +
          // Behind an odd number of bytes, each byte is in the other half (RFC 1071 §2B).
          ((elided & 1) === 0 ? rest : ((rest & 0xff) << 8) | (rest >>> 8))
        );
      }
      if ((data[layout + FLAGS]! & IS_TRANSPARENT) === 0) return -CARRIER;
    }
    return -CARRIER;
  }
}

/**
 * The address of the last destination in a routing header; -1 when the packet is already on its way there. It
 * is the last address in types 0 and 2 (RFC 6275 §6.4), and the first of a segment list (type 4, RFC 8754
 * §2). In a source route of RPL (type 3, RFC 6554 §3) it stands in front of the padding, without the bytes
 * that are elided.
 */
function finalDestination(bytes: Uint8Array, address: number, length: number): number {
  const type = bytes[address + 2]!;
  const segmentsLeft = bytes[address + 3]!;
  if (segmentsLeft === 0) return -1;
  if (type === RPL_ROUTE) {
    const at = length - (bytes[address + 5]! >>> 4) - (16 - (bytes[address + 4]! & 0x0f));
    return at < 8 ? -1 : address + at;
  }
  if (length < 24) return -1;
  if (type === 0 || type === 2) return address + length - 16;
  return type === 4 ? address + 8 : -1;
}

/** The address of the home address in destination options (RFC 6275 §6.3); -1 when there is none. */
function homeAddress(bytes: Uint8Array, address: number, length: number): number {
  const end = address + length;
  let at = address + 2;
  while (at + 1 < end) {
    if (bytes[at] === PAD_1) {
      at++;
      continue;
    }
    const size = bytes[at + 1]!;
    if (bytes[at] === HOME_ADDRESS) return size === 16 && at + 18 <= end ? at + 2 : -1;
    at += 2 + size;
  }
  return -1;
}

/**
 * The address of the last destination in a loose or strict source route of IPv4; -1 when there is none, or
 * the packet has passed all of it (RFC 791 §3.1).
 */
function sourceRouteEnd(bytes: Uint8Array, address: number, length: number): number {
  const end = address + length;
  let at = address + 20;
  // Stryker disable next-line EqualityOperator: an option in the last byte is too long or absent.
  while (at + 1 < end && bytes[at] !== END_OF_OPTIONS) {
    if (bytes[at] === NO_OPERATION) {
      at++;
      continue;
    }
    const size = bytes[at + 1]!;
    if (size < 2 || at + size > end) return -1;
    if (bytes[at] === LOOSE_ROUTE || bytes[at] === STRICT_ROUTE)
      return size >= 7 && bytes[at + 2]! + 3 <= size ? at + size - 4 : -1;
    at += size;
  }
  return -1;
}

/** The type of a routing header that is a source route of RPL. */
const RPL_ROUTE = 3;
/** Options of IPv6 (RFC 8200 §4.2, RFC 6275 §6.3). */
const PAD_1 = 0;
const HOME_ADDRESS = 0xc9;
/** Options of IPv4 (RFC 791 §3.1). */
const END_OF_OPTIONS = 0;
const NO_OPERATION = 1;
const LOOSE_ROUTE = 131;
const STRICT_ROUTE = 137;

/** The mark `unfinished` on a part of role header. */
const UNFINISHED = 2 << 24;
const ROLE = 0xff0000;
const UNFINISHED_HEADER = UNFINISHED | ROLE;

function get16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** Writes an unsigned number of `size` bytes, in network byte order. */
function putNumber(bytes: Uint8Array, at: number, size: number, value: number): void {
  for (let i = size - 1, left = value; i >= 0; i--, left = Math.floor(left / 256)) bytes[at + i] = left;
}

function putLow32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}
