import type { Frames } from './frames.ts';

/**
 * The Internet checksum (RFC 1071): the ones' complement sum of the bytes from one address to another, taken
 * in pairs in network byte order from the first; an odd last byte is the high half of its pair. Folded into
 * 16 bits, not inverted.
 *
 * Reads 32 bits at a time at any alignment; `checksum.test.ts` compares it with the definition.
 */
export function internetSum(frames: Frames, from: number, to: number): number {
  const words = wordsOf(frames.memory);
  const bytes = frames.bytes;
  // Sums of the 16-bit halves at addresses 0 and 2 modulo 4, in little-endian order. 64 KiB of them fit in 31
  // bits.
  let low = 0;
  let high = 0;
  let at = from;
  for (; (at & 3) !== 0 && at < to; at++) {
    if ((at & 1) === 0) low += bytes[at]!;
    else low += bytes[at]! << 8;
  }
  let word = at >>> 2;
  const lastWord = to >>> 2;
  for (; word + 4 <= lastWord; word += 4) {
    const a = words[word]!;
    const b = words[word + 1]!;
    const c = words[word + 2]!;
    const d = words[word + 3]!;
    low += (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff);
    high += (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16);
  }
  for (; word < lastWord; word++) {
    const a = words[word]!;
    low += a & 0xffff;
    high += a >>> 16;
  }
  for (at = Math.max(at, word << 2); at < to; at++) {
    if ((at & 1) === 0) low += bytes[at]!;
    else low += bytes[at]! << 8;
  }
  const sum = fold((low & 0xffff) + (low >>> 16) + (high & 0xffff) + (high >>> 16));
  // The byte order of the sum is that of its halves: exchanged here, unless it began at an odd address (RFC
  // 1071 §2B).
  return (from & 1) === 0 ? ((sum & 0xff) << 8) | (sum >>> 8) : sum;
}

/** Adds the carries back until 16 bits are left. */
export function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}

/** The checksum field after a 16-bit field that it covers changed (RFC 1624 §3, equation 3). */
export function updateChecksum(checksum: number, before: number, after: number): number {
  return ~fold((~checksum & 0xffff) + (~before & 0xffff) + after) & 0xffff;
}

/**
 * CRC32c of the bytes from one address to another (RFC 9260 appendix A), as the number that is sent low byte
 * first.
 */
export function crc32c(frames: Frames, from: number, to: number): number {
  const bytes = frames.bytes;
  let crc = -1;
  for (let at = from; at < to; at++) crc = CRC32C[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** The reflected Castagnoli polynomial. */
const CRC32C = Int32Array.from({ length: 256 }, (_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f63b78;
  return crc;
});

/** A lane has one memory: its view is made once. */
let viewedMemory: ArrayBuffer | undefined;
let view = new Uint32Array(0);

function wordsOf(memory: ArrayBuffer): Uint32Array {
  if (memory !== viewedMemory) {
    view = new Uint32Array(memory);
    viewedMemory = memory;
  }
  return view;
}
