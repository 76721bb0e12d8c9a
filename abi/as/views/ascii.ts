// Bytes of textual protocols: comparisons and numbers. `from` is where a text begins, `to` is behind its end.

/** The classes of a byte, one bit each; `Ascii.isOf` tests them. */
export const enum ByteClass {
  /** A character of a token of SIP (RFC 3261 §25.1), and also of HTTP and MIME. */
  token = 1,
  /**
   * A character of a host name or an IPv4 address. The underscore is in none of the RFCs, but in many names.
   */
  host = 2,
  digit = 4,
  /** Space, tab, or a byte of a line end. */
  space = 8,
  /** Ends a parameter. */
  endsParameter = 16,
  /** Quotes, brackets and commas, which delimit values of lists. */
  divides = 32,
}

// biome-ignore format: a row holds 16 bytes
const classes: usize = memory.data<u8>([
  0, 0, 0, 0, 0, 0, 0, 0, 0, 24, 24, 0, 0, 24, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  24, 1, 32, 0, 0, 1, 0, 1, 0, 0, 1, 1, 48, 3, 3, 0,
  7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0, 16, 32, 0, 48, 16,
  0, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3,
  3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0, 0, 0, 0, 3,
  1, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3,
  3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0, 0, 0, 1, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]);

/** Operations on ASCII text in memory. Nothing here allocates. */
export abstract class Ascii {
  @inline static readonly TAB: u32 = 0x09;
  @inline static readonly LF: u32 = 0x0a;
  @inline static readonly CR: u32 = 0x0d;
  @inline static readonly SPACE: u32 = 0x20;
  @inline static readonly QUOTE: u32 = 0x22;

  /** The letter in lower case; any other byte unchanged. */
  @inline static lower(byte: u32): u32 {
    return byte - 0x41 < 26 ? byte | 0x20 : byte;
  }

  @inline static isDigit(byte: u32): bool {
    return byte - 0x30 < 10;
  }

  /** Space, tab, or a byte of a line end: all are white space inside of a folded value. */
  @inline static isSpace(byte: u32): bool {
    return (<i32>load<u8>(classes + byte) & ByteClass.space) != 0;
  }

  /** Whether the text equals this one, without regard to case. `text` is in lower case. */
  static is(from: usize, to: usize, text: string): bool {
    return <i32>(to - from) == text.length && Ascii.begins(from, to, text);
  }

  /** Whether the text begins with this one, without regard to case. `text` is in lower case. */
  static begins(from: usize, to: usize, text: string): bool {
    const length = text.length;
    if (<i32>(to - from) < length) return false;
    const at = changetype<usize>(text);
    for (let i = 0; i < length; i++) {
      if (Ascii.lower(load<u8>(from + i)) != <u32>load<u16>(at + i * 2)) return false;
    }
    return true;
  }

  /** Whether the text equals this one, byte for byte. */
  static isExactly(from: usize, to: usize, text: string): bool {
    const length = text.length;
    if (<i32>(to - from) != length) return false;
    const at = changetype<usize>(text);
    for (let i = 0; i < length; i++) if (<u32>load<u8>(from + i) != <u32>load<u16>(at + i * 2)) return false;
    return true;
  }

  /** Whether two texts are equal, byte for byte. */
  static equals(a: usize, aTo: usize, b: usize, bTo: usize): bool {
    return aTo - a == bTo - b && memory.compare(a, b, aTo - a) == 0;
  }

  /** The address behind white space. */
  @inline static skipSpace(from: usize, to: usize): usize {
    let at = from;
    while (at < to && Ascii.isSpace(load<u8>(at))) at++;
    return at;
  }

  /** The address in front of white space at the end. */
  @inline static trimEnd(from: usize, to: usize): usize {
    let at = to;
    while (at > from && Ascii.isSpace(load<u8>(at - 1))) at--;
    return at;
  }

  /** Whether a byte is of one of these classes. */
  // @ts-ignore: decorator
  @inline
  static isOf(byte: u32, kinds: i32): bool {
    return (<i32>load<u8>(classes + byte) & kinds) != 0;
  }

  /** The first address of a byte that is not of these classes, or `to`. */
  static skip(from: usize, to: usize, kinds: i32): usize {
    let at = from;
    while (at < to && (<i32>load<u8>(classes + load<u8>(at)) & kinds) != 0) at++;
    return at;
  }

  /** The first address of a byte of these classes, or `to`. */
  static until(from: usize, to: usize, kinds: i32): usize {
    let at = from;
    while (at < to && (<i32>load<u8>(classes + load<u8>(at)) & kinds) == 0) at++;
    return at;
  }

  /** The first address of the byte, or `to`. Reads eight bytes at a time. */
  static find(from: usize, to: usize, byte: u32): usize {
    let at = from;
    const pattern = <u64>byte * 0x0101010101010101;
    for (; at + 8 <= to; at += 8) {
      const word = load<u64>(at) ^ pattern;
      const hit = (word - 0x0101010101010101) & ~word & 0x8080808080808080;
      if (hit != 0) return at + <usize>(ctz(hit) >> 3);
    }
    while (at < to && <u32>load<u8>(at) != byte) at++;
    return at;
  }

  /** The address behind the line end of the line that begins here; `to` if it has none. */
  @inline static lineEnd(from: usize, to: usize): usize {
    const at = Ascii.find(from, to, Ascii.LF);
    return at < to ? at + 1 : to;
  }

  /** A number in decimal digits and nothing else; -1 for anything else, and above `most`. */
  static number(from: usize, to: usize, most: i64): i64 {
    if (from >= to) return -1;
    let value: i64 = 0;
    for (let at = from; at < to; at++) {
      const digit = <u32>load<u8>(at) - 0x30;
      if (digit > 9) return -1;
      value = value * 10 + digit;
      // The length of zeros in front is not limited; that of the other digits is.
      if (value > most) return -1;
    }
    return value;
  }

  /** The value of a hexadecimal digit, or -1. */
  @inline static hexDigit(byte: u32): i32 {
    if (Ascii.isDigit(byte)) return <i32>byte - 0x30;
    const letter = (byte | 0x20) - 0x61;
    return letter < 6 ? <i32>letter + 10 : -1;
  }
}
