import { Suite } from './suite';

/** The most bytes of a key and its salt: those of AES-256 in counter mode. */
export const MASTER_BYTES: i32 = 46;
/** RFC 3711 §9.2: the most packets under one master key. */
export const MOST_PACKETS: u64 = 1 << 48;
const MOST_MKI_BYTES: i32 = 128;

/**
 * A master key with its salt, lifetime and MKI, in the notation of SDES (RFC 4568 §6.1):
 * `BASE64[|LIFETIME][|MKI:LENGTH]`, with or without `inline:` in front. Allocates: only for `describe` and
 * `start`.
 */
export class KeyParams {
  /** The key, directly followed by the salt. */
  bytes: StaticArray<u8> = new StaticArray<u8>(MASTER_BYTES);
  /** The most packets under this key. */
  lifetime: u64 = MOST_PACKETS;
  mki: StaticArray<u8> = new StaticArray<u8>(0);

  /** Reads the text, and returns what is wrong with it, or ''. */
  read(text: string, suite: Suite): string {
    const parts = (text.startsWith('inline:') ? text.substring(7) : text).split('|');
    const expected = suite.keyBytes + suite.saltBytes;
    if (decodeBase64(parts[0], this.bytes) != expected)
      return 'must be a key and a salt of ' + expected.toString() + ' bytes together, in base64';
    if (parts.length > 3) return 'has more than a key, a lifetime and an MKI';
    for (let i = 1; i < parts.length; i++) {
      // A lifetime comes first, and an MKI is what has a colon.
      const isMki = parts[i].includes(':');
      if (!isMki && i == 2) return 'has two lifetimes, or an MKI without its length: write MKI:LENGTH';
      if (isMki && i == 1 && parts.length == 3) return 'has an MKI in front of the lifetime';
      if (!(isMki ? this.readMki(parts[i]) : this.readLifetime(parts[i])))
        return isMki
          ? 'must have an MKI that fits into its length of 1 to 128 bytes, such as 1:4'
          : 'must have a lifetime from 1 to 2^48 packets, such as 2^31';
    }
    return '';
  }

  private readLifetime(text: string): bool {
    const isPower = text.startsWith('2^');
    const value = decimal(isPower ? text.substring(2) : text);
    if (value < 1 || (isPower && value > 48) || value > <i64>MOST_PACKETS) return false;
    this.lifetime = isPower ? (<u64>1) << value : <u64>value;
    return true;
  }

  private readMki(text: string): bool {
    const colon = text.indexOf(':');
    const value = decimal(text.substring(0, colon));
    const length = decimal(text.substring(colon + 1));
    if (value < 0 || length < 1 || length > MOST_MKI_BYTES) return false;
    if (length < 8 && value >> (length * 8) != 0) return false;
    this.mki = new StaticArray<u8>(<i32>length);
    for (let i: i64 = 0; i < min<i64>(length, 8); i++)
      this.mki[<i32>(length - 1 - i)] = <u8>(value >> (i * 8));
    return true;
  }
}

/** A number of at most 18 digits; -1 if the text is none. */
function decimal(text: string): i64 {
  if (text.length == 0 || text.length > 18) return -1;
  let value: i64 = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/**
 * Writes the bytes of a text in base64, with or without the padding, which peers leave out. Returns their
 * number; -1 if the text is wrong, or has more than fits.
 */
function decodeBase64(text: string, to: StaticArray<u8>): i32 {
  let end = text.length;
  while (end > 0 && end > text.length - 2 && text.charCodeAt(end - 1) == 0x3d) end--;
  if (end % 4 == 1 || (end < text.length && text.length % 4 != 0)) return -1;
  let bits: u32 = 0;
  let count = 0;
  let length = 0;
  for (let i = 0; i < end; i++) {
    const digit = sextet(text.charCodeAt(i));
    if (digit < 0) return -1;
    bits = (bits << 6) | <u32>digit;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    if (length == to.length) return -1;
    to[length++] = <u8>(bits >> count);
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
