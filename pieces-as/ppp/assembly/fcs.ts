/** The polynomial x^16 + x^12 + x^5 + 1, the bits of each byte in the order in which they are sent. */
const POLYNOMIAL: u32 = 0x8408;
export const FIRST: u32 = 0xffff;
/** The result of the check over a frame and the sequence behind it. */
const GOOD: u32 = 0xf0b8;
/** Four tables of 256 entries: the n-th for a byte with n more bytes behind it. */
const tables: usize = memory.data(4 * 256 * 2, 8);

/** The frame check sequence of 16 bits (RFC 1662 §C.2), four bytes at a time. */
export abstract class Fcs {
  static readonly BYTES: i32 = 2;

  static start(): void {
    for (let byte: u32 = 0; byte < 256; byte++) {
      let value = byte;
      for (let bit = 0; bit < 8; bit++) value = (value & 1) != 0 ? (value >> 1) ^ POLYNOMIAL : value >> 1;
      store<u16>(tables + (byte << 1), <u16>value);
    }
    for (let at: usize = 0; at < 3 * 512; at += 2) {
      const value = <u32>load<u16>(tables + at);
      store<u16>(tables + at + 512, <u16>((value >> 8) ^ <u32>load<u16>(tables + ((value & 255) << 1))));
    }
  }

  /** Whether these bytes end with their sequence. */
  static isRight(at: usize, length: u32): bool {
    return check(FIRST, at, length) == GOOD;
  }
}

/**
 * Continues the check with these bytes. It begins with `FIRST`; its complement is the sequence to be sent,
 * the low byte first.
 */
export function check(value: u32, at: usize, length: u32): u32 {
  const end = at + length;
  for (; at + 4 <= end; at += 4) {
    const word = load<u32>(at) ^ value;
    value =
      <u32>load<u16>(tables + ((word & 255) << 1), 3 * 512) ^
      <u32>load<u16>(tables + (((word >> 8) & 255) << 1), 2 * 512) ^
      <u32>load<u16>(tables + (((word >> 16) & 255) << 1), 512) ^
      <u32>load<u16>(tables + ((word >> 24) << 1));
  }
  for (; at < end; at++)
    value = (value >> 8) ^ <u32>load<u16>(tables + (((value ^ load<u8>(at)) & 255) << 1));
  return value;
}
