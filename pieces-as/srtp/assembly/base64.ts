import { TextEdit } from 'funnel-tunnel/as';

const EQUALS: u32 = 0x3d;

/**
 * Writes the bytes of a text in base64, with or without the padding, which peers leave out. Returns their
 * number; -1 if the text is wrong, or has more than `most`.
 */
export function decodeBase64(from: usize, to: usize, bytes: usize, most: i32): i32 {
  const whole = <i32>(to - from);
  let end = whole;
  while (end > 0 && end > whole - 2 && load<u8>(from + end - 1) == EQUALS) end--;
  if (end % 4 == 1 || (end < whole && whole % 4 != 0)) return -1;
  let bits: u32 = 0;
  let count = 0;
  let length = 0;
  for (let i = 0; i < end; i++) {
    const digit = sextet(load<u8>(from + i));
    if (digit < 0) return -1;
    bits = (bits << 6) | <u32>digit;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    if (length == most) return -1;
    store<u8>(bytes + length++, <u8>(bits >> count));
  }
  return length;
}

function sextet(code: i32): i32 {
  if (code >= 0x41 && code <= 0x5a) return code - 0x41;
  if (code >= 0x61 && code <= 0x7a) return code - 0x61 + 26;
  if (code >= 0x30 && code <= 0x39) return code - 0x30 + 52;
  if (code == 0x2b) return 62;
  return code == 0x2f ? 63 : -1;
}

/** Writes bytes in base64, with its padding. */
export function writeBase64(edit: TextEdit, bytes: usize, length: i32): void {
  for (let i = 0; i < length; i += 3) {
    const left = length - i;
    let bits = (<u32>load<u8>(bytes + i)) << 16;
    if (left > 1) bits |= (<u32>load<u8>(bytes + i + 1)) << 8;
    if (left > 2) bits |= load<u8>(bytes + i + 2);
    edit.byte(digit(bits >> 18)).byte(digit((bits >> 12) & 63));
    edit.byte(left > 1 ? digit((bits >> 6) & 63) : EQUALS).byte(left > 2 ? digit(bits & 63) : EQUALS);
  }
}

function digit(value: u32): u32 {
  if (value < 26) return 0x41 + value;
  if (value < 52) return 0x61 + value - 26;
  if (value < 62) return 0x30 + value - 52;
  return value == 62 ? 0x2b : 0x2f;
}
