/**
 * UTF-8 text of the host, in memory. Valid only during the call that brought it; `toString` makes a copy that
 * lasts, and allocates.
 */
// @ts-ignore: decorator
@unmanaged
export class Text {
  address: usize;
  length: i32;

  /** Whether the text equals this one, without allocating. */
  equals(text: string): bool {
    let at = this.address;
    const end = at + this.length;
    for (let i = 0; i < text.length; i++) {
      let code = <u32>text.charCodeAt(i);
      if (code < 0x80) {
        if (at >= end || load<u8>(at) != code) return false;
        at++;
        continue;
      }
      if ((code & 0xfc00) == 0xd800 && i + 1 < text.length) {
        code = 0x10000 + ((code & 0x3ff) << 10) + (<u32>text.charCodeAt(++i) & 0x3ff);
      }
      const size: i32 = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
      if (at + size > end) return false;
      const lead: u32 = size == 2 ? 0xc0 : size == 3 ? 0xe0 : 0xf0;
      if (load<u8>(at) != (lead | (code >> (6 * (size - 1))))) return false;
      for (let k = size - 2; k >= 0; k--) {
        at++;
        if (load<u8>(at) != (0x80 | ((code >> (6 * k)) & 0x3f))) return false;
      }
      at++;
    }
    return at == end;
  }

  /** Returns a copy. Allocates. */
  toString(): string {
    return String.UTF8.decodeUnsafe(this.address, this.length);
  }
}

/** A list of the host, in memory. */
// @ts-ignore: decorator
@unmanaged
export class List {
  address: usize;
  length: i32;
}

/**
 * Writes a string as UTF-8, at most `room` bytes of it and never half a character. Returns the number of
 * bytes.
 */
export function writeUtf8(to: usize, room: i32, text: string): i32 {
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    let code = <u32>text.charCodeAt(i);
    if ((code & 0xf800) == 0xd800) {
      const next = i + 1 < text.length ? <u32>text.charCodeAt(i + 1) : 0;
      if ((code & 0xfc00) == 0xd800 && (next & 0xfc00) == 0xdc00) {
        code = 0x10000 + ((code & 0x3ff) << 10) + (next & 0x3ff);
        i++;
      } else {
        code = 0xfffd;
      }
    }
    const size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (at + size > room) break;
    if (size == 1) {
      store<u8>(to + at, <u8>code);
    } else {
      const lead: u32 = size == 2 ? 0xc0 : size == 3 ? 0xe0 : 0xf0;
      store<u8>(to + at, <u8>(lead | (code >> (6 * (size - 1)))));
      for (let k = 1; k < size; k++)
        store<u8>(to + at + k, <u8>(0x80 | ((code >> (6 * (size - 1 - k))) & 0x3f)));
    }
    at += size;
  }
  return at;
}
