import type { Protocols } from '../stack/protocols.ts';
import { internetSum } from './checksum.ts';
import type { Frames } from './frames.ts';
import * as framesConstants from './frames.ts';
import * as layoutsConstants from './layouts.ts';
import { Layouts } from './layouts.ts';
import { Cut } from './parse-function.ts';
import * as problemConstants from './problem.ts';
import { problemName } from './problem.ts';
import { beforeItems } from './scope.ts';

// The engine folds a module's own constants into the machine code; imported ones it loads and tests at each
// use.
const { MAX_PARTS, PART_WORDS } = framesConstants;
const {
  BASE,
  CHECKSUM_AT,
  CHECKSUM_HEADER,
  CHECKSUM_KIND,
  COVERAGE_AT,
  FLAGS,
  FRAGMENT_AT,
  FRAGMENT_MASK,
  FRAGMENT_WHOLE,
  HAS_HEADER,
  IS_ITEM,
  IS_LEAF,
  IS_PARSED,
  ITEM_ALIGN,
  ITEM_AT,
  ITEM_BYTES,
  ITEM_SPACE,
  LENGTH_AT,
  LENGTH_BYTES,
  LENGTH_IS_TOTAL,
  MINIMUM,
  NEXT_AT,
  NEXT_BYTES,
  NEXT_MASK,
  NEXT_SHIFT,
  NEXT_SPACE,
  STRIDE,
  TERMS_FROM,
  TERMS_TO,
  TERM_WORDS,
  VERSION_AT,
  VERSION_MASK,
  VERSION_VALUE,
} = layoutsConstants;
const { CHECKSUM, HEADER_LENGTH, LENGTH, PARTS, PROBLEM_STRIDE, TRUNCATED, VERSION } = problemConstants;

/**
 * Parses a frame one header at a time, as the protocols' definitions say. It makes no object, and never
 * throws: if the bytes are wrong, it returns a problem and leaves the frame unchanged.
 *
 * It changes only how a frame is divided into parts, so it may work on a shared row: parts in front keep
 * their index, and trailers keep their index from the end.
 */
export class Parser {
  readonly #layouts: Layouts;
  readonly #cut = new Cut();

  constructor(protocols: Protocols) {
    this.#layouts = Layouts.of(protocols);
  }

  /**
   * Splits a payload part that begins with `protocol` into its header, the contents of the header, and
   * (beyond the length that it states) a trailer, which belongs to the header in front. Payload parts without
   * a protocol that follow directly are its continuation.
   *
   * An item of a list ends with a trailer of its own (its padding, or no bytes). The bytes behind it are the
   * payload of the next item; without a known protocol they are a trailer of the header that contains the
   * list.
   *
   * The contents of an IP fragment are not a whole packet, and stay opaque: all fragments of a packet take
   * the same way.
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
    const isLeaf = (flags & IS_LEAF) !== 0;
    let headerLength: number;
    /** Bytes of header and contents. */
    let size: number;
    /** Bytes behind the contents that close them; then the protocol of the next item in a list. */
    let closing = 0;
    let following = 0;
    let next = 0;
    if ((flags & IS_PARSED) !== 0) {
      const problem = this.#cutFrom(frames, at, part, available, protocol);
      if (problem !== 0) return problems + problem;
      headerLength = this.#cut.header;
      size = headerLength + this.#cut.contents;
      closing = this.#cut.closing;
      if (this.#cut.isFollowed) following = protocol;
      next = this.#identifyCut(bytes, layout);
    } else {
      headerLength = this.#headerLength(bytes, address, layout);
      if (headerLength < data[layout + MINIMUM]!) return problems + HEADER_LENGTH;
      if (headerLength > available) return problems + TRUNCATED;
      size = isLeaf ? headerLength : available;
      const lengthAt = data[layout + LENGTH_AT]!;
      if (lengthAt >= 0) {
        size = numberAt(bytes, address + lengthAt, data[layout + LENGTH_BYTES]!);
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
      const coverageAt = data[layout + COVERAGE_AT]!;
      if (coverageAt >= 0) {
        const covered = numberAt(bytes, address + coverageAt, 2);
        if (covered !== 0 && (covered < headerLength || covered > size)) return problems + LENGTH;
      }
      if (!isLeaf) next = this.#identify(bytes, address, address + size, layout);
      if ((flags & IS_ITEM) !== 0) {
        const align = data[layout + ITEM_ALIGN]!;
        closing = Math.min((align - (size % align)) % align, available - size);
        following = this.#followingItem(bytes, address + size + closing, address + available, layout);
      }
    }

    const rest = available - size - closing;
    // Without a closing trailer, the next bytes would be read as more of this body, and the trailer that
    // closes a list around it as its own.
    const hasClosing =
      closing > 0 ||
      ((flags & IS_ITEM) !== 0 &&
        !isLeaf &&
        (following !== 0 || this.#closesItem(frames, row, part + continued + 1, protocol)));
    const parts = 1 + (isLeaf ? 0 : 1) + (hasClosing ? 1 : 0) + (rest > 0 ? 1 : 0);
    const more = parts - 1 - continued;
    if (count + more > MAX_PARTS) return problems + PARTS;
    if (more !== 0) {
      // Few parts follow, so a loop is faster than `copyWithin`.
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
      words[to] = next | PAYLOAD_KIND;
      words[to + 1] = address + headerLength;
      words[to + 2] = size - headerLength;
      to += PART_WORDS;
    }
    if (hasClosing) {
      words[to] = protocol | TRAILER_KIND;
      words[to + 1] = address + size;
      words[to + 2] = closing;
      to += PART_WORDS;
    }
    if (rest > 0) {
      words[to] =
        following !== 0 ? following | PAYLOAD_KIND : this.#around(frames, first, part, flags) | TRAILER_KIND;
      words[to + 1] = address + size + closing;
      words[to + 2] = rest;
    }
    return 0;
  }

  /**
   * The protocol of the contents that a header part states; 0 if it states none, or is too short.
   */
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
    const address = words[at + 1]!;
    if ((data[layout + FLAGS]! & IS_PARSED) === 0)
      return this.#identify(frames.bytes, address, frames.start[row]! + frames.length[row]!, layout);
    const available = frames.start[row]! + frames.length[row]! - address;
    return this.#cutFrom(frames, at, part, available, kind & 0xffff) === 0
      ? this.#identifyCut(frames.bytes, layout)
      : 0;
  }

  /** Whether the contents of a header part are a fragment. */
  isFragment(frames: Frames, row: number, part: number): boolean {
    const at = (row * MAX_PARTS + part) * PART_WORDS;
    const layout = (frames.partWords[at]! & 0xffff) * STRIDE;
    if (frames.partWords[at + 2]! < this.#layouts.data[layout + MINIMUM]!) return false;
    return this.#saysFragment(frames.bytes, frames.partWords[at + 1]!, layout);
  }

  /**
   * Lets the parse function of a protocol divide the bytes from a part on. Returns 0, or a kind of problem.
   */
  #cutFrom(frames: Frames, at: number, part: number, available: number, protocol: number): number {
    const cut = this.#cut;
    const words = frames.partWords;
    cut.frontFrom = 0;
    cut.frontTo = 0;
    if (part > 0 && (words[at - PART_WORDS]! & ROLE) === 0) {
      cut.frontFrom = words[at - PART_WORDS + 1]!;
      cut.frontTo = cut.frontFrom + words[at - PART_WORDS + 2]!;
    }
    const address = words[at + 1]!;
    return this.#layouts.functions[protocol]!.parse(frames.bytes, address, address + available, cut);
  }

  #identifyCut(bytes: Uint8Array, layout: number): number {
    const { next, nextFrom, nextTo } = this.#cut;
    const nameSpace = this.#layouts.data[layout + NEXT_SPACE]!;
    if (nameSpace < 0) return 0;
    if (nextTo > nextFrom) return this.#layouts.texts[nameSpace]?.find(bytes, nextFrom, nextTo) ?? 0;
    return next < 0 ? 0 : this.#layouts.identifiers[nameSpace]!.get(next);
  }

  /** Whether a part closes an item of the same protocol. */
  #closesItem(frames: Frames, row: number, part: number, protocol: number): boolean {
    return (
      part < frames.partCount[row]! &&
      (frames.partWords[(row * MAX_PARTS + part) * PART_WORDS]! & KIND) === (protocol | TRAILER_KIND)
    );
  }

  /** The item that begins at `address`, or 0. */
  #followingItem(bytes: Uint8Array, address: number, end: number, layout: number): number {
    const { data, tables } = this.#layouts;
    const size = data[layout + ITEM_BYTES]!;
    const at = address + data[layout + ITEM_AT]!;
    return at + size > end ? 0 : (tables[data[layout + ITEM_SPACE]!]![numberAt(bytes, at, size)] ?? 0);
  }

  /** The protocol of the header around a part; 0 if that is the frame itself. */
  #around(frames: Frames, first: number, part: number, flags: number): number {
    const words = frames.partWords;
    let front = part - 1;
    if ((flags & IS_ITEM) !== 0) front = beforeItems(this.#layouts, words, first, front);
    const kind = front < 0 ? 0 : words[first + front * PART_WORDS]!;
    return (kind & ROLE) === 0 ? kind & 0xffff : 0;
  }

  problemName(problem: number): string {
    return problemName(this.#layouts.protocols, problem);
  }

  #headerLength(bytes: Uint8Array, address: number, layout: number): number {
    const { data, terms } = this.#layouts;
    let length = data[layout + BASE]!;
    const to = data[layout + TERMS_TO]!;
    for (let term = data[layout + TERMS_FROM]!; term < to; term += TERM_WORDS) {
      const at = address + terms[term]!;
      const field = terms[term + 1] === 1 ? bytes[at]! : (bytes[at]! << 8) | bytes[at + 1]!;
      length += ((field & terms[term + 2]!) >> terms[term + 3]!) * terms[term + 4]!;
    }
    return length;
  }

  #saysFragment(bytes: Uint8Array, address: number, layout: number): boolean {
    const { data } = this.#layouts;
    const fragmentAt = data[layout + FRAGMENT_AT]!;
    if (fragmentAt < 0) return false;
    const field = (bytes[address + fragmentAt]! << 8) | bytes[address + fragmentAt + 1]!;
    return (field & data[layout + FRAGMENT_MASK]!) !== data[layout + FRAGMENT_WHOLE]!;
  }

  #identify(bytes: Uint8Array, address: number, end: number, layout: number): number {
    const { data } = this.#layouts;
    const nextAt = data[layout + NEXT_AT]!;
    if (nextAt < 0 || this.#saysFragment(bytes, address, layout)) return 0;
    const size = data[layout + NEXT_BYTES]!;
    const at = address + nextAt;
    // The field may stand beyond the header, where the bytes may be missing.
    if (at + size > end) return 0;
    let id = bytes[at]!;
    if (size === 2) id = (id << 8) | bytes[at + 1]!;
    else if (size === 4) id = (id << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
    id = (id & data[layout + NEXT_MASK]!) >>> data[layout + NEXT_SHIFT]!;
    const nameSpace = data[layout + NEXT_SPACE]!;
    const table = this.#layouts.tables[nameSpace]!;
    return table.length > 0 ? (table[id] ?? 0) : this.#layouts.identifiers[nameSpace]!.get(id);
  }
}

/** Reads an unsigned number of 1, 2 or 4 bytes. */
function numberAt(bytes: Uint8Array, at: number, size: number): number {
  if (size === 2) return (bytes[at]! << 8) | bytes[at + 1]!;
  if (size === 1) return bytes[at]!;
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

const PAYLOAD_KIND = 1 << 16;
const TRAILER_KIND = 2 << 16;
const ROLE = 0xff0000;
/** Protocol and role, without the marks. */
const KIND = 0xffffff;
