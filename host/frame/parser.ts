import type { Protocols } from '../stack/protocols.ts';
import { internetSum } from './checksum.ts';
import type { Frames } from './frames.ts';
import * as framesConstants from './frames.ts';
import * as layoutsConstants from './layouts.ts';
import { Layouts } from './layouts.ts';
import * as problemConstants from './problem.ts';
import { problemName } from './problem.ts';

// The engine folds a module's own constants into the machine code; imported ones it loads and tests at each use.
const { MAX_PARTS, PART_WORDS } = framesConstants;
const {
  BASE,
  CHECKSUM_AT,
  CHECKSUM_HEADER,
  CHECKSUM_KIND,
  FLAGS,
  FRAGMENT_AT,
  FRAGMENT_MASK,
  HAS_HEADER,
  IS_LEAF,
  LENGTH_AT,
  LENGTH_IS_TOTAL,
  MINIMUM,
  NEXT_AT,
  NEXT_BYTES,
  NEXT_SPACE,
  STRIDE,
  TERMS_FROM,
  TERMS_TO,
  VERSION_AT,
  VERSION_MASK,
  VERSION_VALUE,
} = layoutsConstants;
const { CHECKSUM, HEADER_LENGTH, LENGTH, PARTS, PROBLEM_STRIDE, TRUNCATED, VERSION } = problemConstants;

/**
 * Parses a frame by one header at a time, as the protocols' definitions say. Makes no object, and never throws: what is
 * wrong with the bytes is returned as a problem, and the frame is then as it was.
 *
 * It changes only how a frame is divided into parts, so it may be used on a shared row: parts in front keep their index,
 * and trailers keep theirs from the end.
 */
export class Parser {
  readonly #layouts: Layouts;

  constructor(protocols: Protocols) {
    this.#layouts = Layouts.of(protocols);
  }

  /**
   * Splits a payload part that begins with `protocol` in its header, what the header contains, and (beyond the length
   * that it states) a trailer, which belongs to the header in front. Payload parts of no protocol that follow directly
   * are taken as its continuation.
   *
   * What a fragment contains is not a whole packet, so it is left opaque: all fragments of a packet go the same way.
   *
   * @returns 0, or a problem
   */
  deepen(frames: Frames, row: number, part: number, protocol: number): number {
    const { data } = this.#layouts;
    const layout = protocol * STRIDE;
    const problems = protocol * PROBLEM_STRIDE;
    const flags = data[layout + FLAGS]!;
    if ((flags & HAS_HEADER) === 0) return problems + TRUNCATED;
    const words = frames.partWords;
    const bytes = frames.bytes;
    const first = row * MAX_PARTS * PART_WORDS;
    const at = first + part * PART_WORDS;
    const count = frames.partCount[row]!;
    const address = words[at + 1]!;
    let available = words[at + 2]!;
    let continued = 0;
    while (
      part + continued + 1 < count &&
      (words[at + (continued + 1) * PART_WORDS]! & KIND) === PAYLOAD_KIND
    ) {
      continued++;
      available += words[at + continued * PART_WORDS + 2]!;
    }

    if (available < data[layout + MINIMUM]!) return problems + TRUNCATED;
    const versionAt = data[layout + VERSION_AT]!;
    if (
      versionAt >= 0 &&
      (bytes[address + versionAt]! & data[layout + VERSION_MASK]!) !== data[layout + VERSION_VALUE]!
    ) {
      return problems + VERSION;
    }
    const headerLength = this.#headerLength(bytes, address, layout);
    if (headerLength < data[layout + MINIMUM]!) return problems + HEADER_LENGTH;
    if (headerLength > available) return problems + TRUNCATED;
    const isLeaf = (flags & IS_LEAF) !== 0;
    let size = isLeaf ? headerLength : available;
    const lengthAt = data[layout + LENGTH_AT]!;
    if (lengthAt >= 0) {
      size = (bytes[address + lengthAt]! << 8) | bytes[address + lengthAt + 1]!;
      if (data[layout + LENGTH_IS_TOTAL] === 0) size += headerLength;
      if (size < headerLength || size > available) return problems + LENGTH;
    }
    if (
      data[layout + CHECKSUM_KIND] === CHECKSUM_HEADER &&
      data[layout + CHECKSUM_AT]! >= 0 &&
      internetSum(frames, address, address + headerLength) !== 0xffff
    ) {
      return problems + CHECKSUM;
    }

    const padding = available - size;
    const parts = 1 + (isLeaf ? 0 : 1) + (padding > 0 ? 1 : 0);
    const more = parts - 1 - continued;
    if (count + more > MAX_PARTS) return problems + PARTS;
    if (more !== 0) {
      // Hardly anything follows, so that a loop is faster than `copyWithin`.
      const shift = more * PART_WORDS;
      const from = at + (continued + 1) * PART_WORDS;
      const end = first + count * PART_WORDS;
      if (shift > 0) {
        for (let word = end - 1; word >= from; word--) words[word + shift] = words[word]!;
      } else {
        for (let word = from; word < end; word++) words[word + shift] = words[word]!;
      }
      frames.partCount[row] = count + more;
    }
    words[at] = protocol;
    words[at + 2] = headerLength;
    let to = at + PART_WORDS;
    if (!isLeaf) {
      words[to] = this.#identify(bytes, address, layout) | PAYLOAD_KIND;
      words[to + 1] = address + headerLength;
      words[to + 2] = size - headerLength;
      to += PART_WORDS;
    }
    if (padding > 0) {
      const outer = part > 0 && (words[at - PART_WORDS]! & ROLE) === 0 ? words[at - PART_WORDS]! & 0xffff : 0;
      words[to] = outer | TRAILER_KIND;
      words[to + 1] = address + size;
      words[to + 2] = padding;
    }
    return 0;
  }

  /** The protocol that a header part says comes next: 0 when it does not say, or is shorter than it should be. */
  next(frames: Frames, row: number, part: number): number {
    const at = (row * MAX_PARTS + part) * PART_WORDS;
    const words = frames.partWords;
    const kind = words[at]!;
    const layout = (kind & 0xffff) * STRIDE;
    const { data } = this.#layouts;
    if (
      (kind & ROLE) !== 0 ||
      (data[layout + FLAGS]! & HAS_HEADER) === 0 ||
      words[at + 2]! < data[layout + MINIMUM]!
    )
      return 0;
    return this.#identify(frames.bytes, words[at + 1]!, layout);
  }

  problemName(problem: number): string {
    return problemName(this.#layouts.protocols, problem);
  }

  #headerLength(bytes: Uint8Array, address: number, layout: number): number {
    const { data, terms } = this.#layouts;
    let length = data[layout + BASE]!;
    const to = data[layout + TERMS_TO]!;
    for (let term = data[layout + TERMS_FROM]!; term < to; term += 4) {
      length += ((bytes[address + terms[term]!]! & terms[term + 1]!) >> terms[term + 2]!) * terms[term + 3]!;
    }
    return length;
  }

  #identify(bytes: Uint8Array, address: number, layout: number): number {
    const { data } = this.#layouts;
    const nextAt = data[layout + NEXT_AT]!;
    if (nextAt < 0) return 0;
    const fragmentAt = data[layout + FRAGMENT_AT]!;
    if (fragmentAt >= 0) {
      const field = (bytes[address + fragmentAt]! << 8) | bytes[address + fragmentAt + 1]!;
      if ((field & data[layout + FRAGMENT_MASK]!) !== 0) return 0;
    }
    let id = bytes[address + nextAt]!;
    if (data[layout + NEXT_BYTES] === 2) id = (id << 8) | bytes[address + nextAt + 1]!;
    return this.#layouts.tables[data[layout + NEXT_SPACE]!]![id]!;
  }
}

/**
 * How many of the last parts are trailers of headers in front of part `header`, or of what is around the frame: what is
 * not of concern to who begins there.
 */
export function trailersOutside(frames: Frames, row: number, header: number): number {
  const words = frames.partWords;
  const first = row * MAX_PARTS * PART_WORDS;
  let outer = 0;
  let outside = 0;
  for (let part = frames.partCount[row]! - 1; part > header; part--) {
    const kind = words[first + part * PART_WORDS]!;
    if ((kind & ROLE) !== TRAILER_KIND) break;
    const protocol = kind & 0xffff;
    if (protocol !== 0) {
      while (outer < header && (words[first + outer * PART_WORDS]! & 0xffff) !== protocol) outer++;
      if (outer === header) break;
    }
    outside++;
  }
  return outside;
}

const PAYLOAD_KIND = 1 << 16;
const TRAILER_KIND = 2 << 16;
const ROLE = 0xff0000;
/** Protocol and role, without the marks. */
const KIND = 0xffffff;
