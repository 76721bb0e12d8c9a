import { copyBytes, type Words } from './copy-bytes.ts';
import type { KeptViews } from './kept-views.ts';

/** A memory from which blocks are copied. */
export interface BlockSource extends Words {
  readonly views: KeptViews;
}

/**
 * Copies exactly one block between two memories: first large stretches of few different lengths, then the
 * rest by words.
 */
export function copyBlock(to: Words, toAt: number, from: BlockSource, fromAt: number, length: number): void {
  let at = 0;
  while (length - at >= VIEW_FROM) {
    const left = length - at;
    const piece = left & -stepOf(left);
    to.bytes.set(from.views.of(fromAt + at, piece), toAt + at);
    at += piece;
  }
  if (at < length) copyBytes(to, toAt + at, from, fromAt + at, length - at);
}

/**
 * Copies a block, together with some of the bytes around it, to a place with room around it. So blocks that
 * differ little in address and length are copied through the same view. There must be {@link BLOCK_MARGIN} of
 * its length on either side.
 */
export function copyBlockLoosely(
  to: Words,
  toAt: number,
  from: BlockSource,
  fromAt: number,
  length: number,
): void {
  const step = length < VIEW_FROM ? 0 : stepOf(length);
  const first = fromAt & -step;
  const around = (fromAt - first + length + step - 1) & -step;
  // Addresses beyond 2 GiB are not small integers. A block at the end of its memory has no bytes behind it.
  if (step === 0 || first < 0 || first + around > from.bytes.length)
    copyBlock(to, toAt, from, fromAt, length);
  else to.bytes.set(from.views.of(first, around), toAt - (fromAt - first));
}

/** The share of a block's length that may be copied around it, on either side. */
export const BLOCK_MARGIN = 1 / 8;

/** An eighth of the largest power of two that is not larger. */
function stepOf(length: number): number {
  return 1 << (28 - Math.clz32(length));
}

/** From this many bytes on, a view is cheaper than words. */
const VIEW_FROM = 400;
