import type { Frames } from './frames.ts';
import * as framesConstants from './frames.ts';
import type { Layouts } from './layouts.ts';
import * as layoutsConstants from './layouts.ts';

// The engine folds a module's own constants into the machine code; imported ones it loads and tests at each
// use.
const { MAX_PARTS, PART_WORDS } = framesConstants;
const { FLAGS, IS_ITEM, IS_LEAF, STRIDE } = layoutsConstants;

/*
 * Finds the trailers of each header. A header opens a scope; its trailer, or the end of the frame, closes the
 * scope, with all scopes inside. At the end of a frame the outermost trailer belongs to the outermost header:
 * it is its padding. The next trailer of its protocol closes an item of a list; a leaf closes at once. So
 * bodies can nest and repeat.
 */

/**
 * The number of parts at the end that are trailers of headers in front of part `header`. They are not part of
 * a stack that begins there.
 */
export function trailersOutside(layouts: Layouts, frames: Frames, row: number, header: number): number {
  const words = frames.partWords;
  const first = row * MAX_PARTS * PART_WORDS;
  let outer = 0;
  let outside = 0;
  // Stryker disable next-line EqualityOperator: part `header` is no trailer, so it ends the loop.
  for (let part = frames.partCount[row]! - 1; part > header; part--) {
    const kind = words[first + part * PART_WORDS]!;
    if ((kind & ROLE) !== TRAILER_KIND) break;
    const protocol = kind & 0xffff;
    if (protocol !== 0) {
      if ((layouts.data[protocol * STRIDE + FLAGS]! & IS_ITEM) !== 0) {
        if (!closesFromOutside(words, first, header, part, protocol)) break;
      } else {
        while (outer < header && (words[first + outer * PART_WORDS]! & KIND) !== protocol) outer++;
        if (outer === header) break;
      }
    }
    outside++;
  }
  return outside;
}

/**
 * The address behind the last byte that a header contains. The next part closes the header, or a header
 * around it.
 */
export function scopeEnd(layouts: Layouts, frames: Frames, row: number, header: number): number {
  const words = frames.partWords;
  const first = row * MAX_PARTS * PART_WORDS;
  const count = frames.partCount[row]!;
  const own = words[first + header * PART_WORDS]! & 0xffff;
  const flags = layouts.data[own * STRIDE + FLAGS]!;
  if ((flags & IS_ITEM) !== 0) {
    const at = first + header * PART_WORDS;
    if ((flags & IS_LEAF) !== 0) return words[at + 1]! + words[at + 2]!;
    const closing = itemTrailer(frames, row, header);
    if (closing >= 0) return words[first + closing * PART_WORDS + 1]!;
  }
  for (let part = header + 1; part < count; part++) {
    const kind = words[first + part * PART_WORDS]!;
    const protocol = kind & 0xffff;
    if (
      (kind & ROLE) === TRAILER_KIND &&
      (layouts.data[protocol * STRIDE + FLAGS]! & IS_ITEM) !== 0 &&
      closesFromOutside(words, first, header, part, protocol)
    )
      return words[first + part * PART_WORDS + 1]!;
  }
  const outside = trailersOutside(layouts, frames, row, header);
  if (outside === 0) return frames.start[row]! + frames.length[row]!;
  return words[first + (count - outside) * PART_WORDS + 1]!;
}

/** The part that closes an item; -1 if the end of the header that contains the item closes it. */
export function itemTrailer(frames: Frames, row: number, header: number): number {
  const words = frames.partWords;
  const first = row * MAX_PARTS * PART_WORDS;
  const protocol = words[first + header * PART_WORDS]! & 0xffff;
  let open = 0;
  for (let part = header; part < frames.partCount[row]!; part++) {
    const kind = words[first + part * PART_WORDS]! & KIND;
    if (kind === protocol) open++;
    else if (kind === (protocol | TRAILER_KIND) && --open === 0) return part;
  }
  return -1;
}

/**
 * Goes back from part `from` over closed items of a list. Returns the header in front of them, which contains
 * the list; or -1.
 */
export function beforeItems(layouts: Layouts, words: Uint32Array, first: number, from: number): number {
  let part = from;
  while (part >= 0) {
    const kind = words[first + part * PART_WORDS]! & KIND;
    const protocol = kind & 0xffff;
    const flags = layouts.data[protocol * STRIDE + FLAGS]!;
    if ((flags & IS_ITEM) === 0) return part;
    if ((kind & ROLE) === TRAILER_KIND) {
      let open = 0;
      for (; part >= 0; part--) {
        const each = words[first + part * PART_WORDS]! & KIND;
        if (each === (protocol | TRAILER_KIND)) open++;
        else if (each === protocol && --open === 0) break;
      }
      part--;
    } else if ((kind & ROLE) === 0 && (flags & IS_LEAF) !== 0) {
      part--;
    } else {
      return part;
    }
  }
  return -1;
}

/**
 * Whether this trailer closes an item that was opened in front of `header`. Other trailers close the items
 * inside.
 */
function closesFromOutside(
  words: Uint32Array,
  first: number,
  header: number,
  trailer: number,
  protocol: number,
): boolean {
  let open = 0;
  for (let part = header; part <= trailer; part++) {
    const kind = words[first + part * PART_WORDS]! & KIND;
    if (kind === protocol) open++;
    else if (kind === (protocol | TRAILER_KIND) && --open < 0) return true;
  }
  return false;
}

const TRAILER_KIND = 2 << 16;
const ROLE = 0xff0000;
/** Protocol and role, without the marks. */
const KIND = 0xffffff;
