import type { FuzzRandom } from './fuzz-random.ts';

/**
 * Changes an input in place, once or a few times, in the manners that find most: bits, special values,
 * lengths that are off by little, ranges left out, repeated, or taken from another input.
 *
 * @param bytes has room for all that an input may be
 * @returns the new length
 */
export function mutate(random: FuzzRandom, bytes: Uint8Array, length: number, other: Uint8Array): number {
  let now = length;
  for (let times = 1 + random.below(random.below(8) + 1); times > 0; times--)
    now = once(random, bytes, now, other);
  return now;
}

function once(random: FuzzRandom, bytes: Uint8Array, length: number, other: Uint8Array): number {
  const room = bytes.length;
  if (length === 0) {
    bytes[0] = random.word();
    return Math.min(1, room);
  }
  const at = random.below(length);
  switch (random.below(11)) {
    case 0:
      bytes[at]! ^= 1 << random.below(8);
      return length;
    case 1:
      bytes[at] = random.word();
      return length;
    case 2:
      bytes[at] = TELLING_BYTES[random.below(TELLING_BYTES.length)]!;
      return length;
    case 3:
      bytes[at]! += random.below(9) - 4;
      return length;
    case 4: {
      // The place of a length field, or of a count: the real value, or little more or less.
      const value =
        random.below(3) === 0
          ? TELLING_WORDS[random.below(TELLING_WORDS.length)]!
          : length - at + random.below(5) - 2;
      if (at + 1 < length) {
        bytes[at] = value >>> 8;
        bytes[at + 1] = value;
      }
      return length;
    }
    case 5: {
      const value = TELLING_WORDS[random.below(TELLING_WORDS.length)]!;
      for (let i = 0; i < 4 && at + i < length; i++) bytes[at + i] = value >>> (8 * i);
      return length;
    }
    case 6:
      return random.below(4) === 0 ? at : length - random.below(Math.min(length, 4));
    case 7: {
      const more = Math.min(1 + random.below(16), room - length);
      for (let i = 0; i < more; i++) bytes[length + i] = random.word();
      return length + more;
    }
    case 8: {
      // A stretch is said again behind itself.
      const size = Math.min(1 + random.below(Math.min(64, length - at)), room - length);
      bytes.copyWithin(at + size, at, length);
      return length + size;
    }
    case 9: {
      const size = 1 + random.below(Math.min(32, length - at));
      bytes.copyWithin(at, at + size, length);
      return length - size;
    }
    default: {
      if (other.length === 0) return length;
      const from = random.below(other.length);
      const size = Math.min(1 + random.below(Math.min(96, other.length - from)), room - at);
      for (let i = 0; i < size; i++) bytes[at + i] = other[from + i]!;
      return Math.max(length, at + size);
    }
  }
}

// Versions and lengths of IP, numbers of its protocols, ends of ranges, characters that texts are divided by,
// LEB128.
const TELLING_BYTES = [
  0, 1, 2, 4, 5, 6, 17, 41, 43, 44, 47, 50, 51, 58, 59, 60, 0x22, 0x27, 0x2a, 0x2f, 0x3a, 0x40, 0x45, 0x4f,
  0x5b, 0x60, 0x7b, 0x7f, 0x80, 0x81, 0x84, 0x86, 0x88, 0xfc, 0xfd, 0xfe, 0xff, 0x0a, 0x0b, 0x20,
];
const TELLING_WORDS = [
  0, 1, 4, 8, 20, 40, 0x64be, 0x0800, 0x86dd, 0x8100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000,
  0xffffffff, 0xfffffffc, 0xfffffff0,
];
