import { dropKey } from 'funnel-tunnel/as';
import { Ascii } from 'funnel-tunnel/as/views/ascii';
import { decodeBase64 } from './base64';
import { Suite } from './suite';

/** The most bytes of a key and its salt: those of AES-256 in counter mode. */
export const MASTER_BYTES: i32 = 46;
/** RFC 3711 §9.2: the most packets under one master key. */
export const MOST_PACKETS: u64 = 1 << 48;
export const MOST_MKI_BYTES: i32 = 128;
/** Most keys have no MKI, so room for one is made when it comes: thousands of keys are made in a restore. */
export const NO_MKI: StaticArray<u8> = new StaticArray<u8>(0);

/** Returns a room for an MKI of this length: `present` if it is enough. */
export function roomForMki(present: StaticArray<u8>, length: i32): StaticArray<u8> {
  return length <= present.length ? present : new StaticArray<u8>(MOST_MKI_BYTES);
}

/** The faults of a key in the notation of SDES. */
export const enum KeyFault {
  none,
  key,
  tooManyParts,
  twoLifetimes,
  mkiInFront,
  mki,
  lifetime,
}

/**
 * A master key with its salt, lifetime and MKI, in the notation of SDES (RFC 4568 §6.1):
 * `BASE64[|LIFETIME][|MKI:LENGTH]`, with or without `inline:` in front.
 */
export class KeyParams {
  /** The key, directly followed by the salt. */
  bytes: StaticArray<u8> = new StaticArray<u8>(MASTER_BYTES);
  /**
   * A key of AES in counter mode which the host keeps, in place of the key in `bytes`; 0 for none. `derive`
   * and `erase` end it.
   */
  hosted: u32 = 0;
  /** The most packets under this key. */
  lifetime: u64 = MOST_PACKETS;
  mki: StaticArray<u8> = new StaticArray<u8>(MOST_MKI_BYTES);
  mkiLength: i32 = 0;

  /** Reads a text of the settings, and returns what is wrong with it, or ''. Allocates. */
  read(text: string, suite: Suite): string {
    const bytes = String.UTF8.encode(text);
    const at = changetype<usize>(bytes);
    switch (this.readAt(at, at + bytes.byteLength, suite)) {
      case KeyFault.none:
        return '';
      case KeyFault.key:
        return (
          'must be a key and a salt of ' +
          (suite.keyBytes + suite.saltBytes).toString() +
          ' bytes together, in base64'
        );
      case KeyFault.tooManyParts:
        return 'has more than a key, a lifetime and an MKI';
      case KeyFault.twoLifetimes:
        return 'has two lifetimes, or an MKI without its length: write MKI:LENGTH';
      case KeyFault.mkiInFront:
        return 'has an MKI in front of the lifetime';
      case KeyFault.mki:
        return 'must have an MKI that fits into its length of 1 to 128 bytes, such as 1:4';
      default:
        return 'must have a lifetime from 1 to 2^48 packets, such as 2^31';
    }
  }

  /** Reads the text at an address. Allocates nothing. */
  readAt(from: usize, to: usize, suite: Suite): KeyFault {
    this.lifetime = MOST_PACKETS;
    this.mkiLength = 0;
    let at = Ascii.begins(from, to, 'inline:') ? from + 7 : from;
    let end = Ascii.find(at, to, BAR);
    if (
      decodeBase64(at, end, changetype<usize>(this.bytes), MASTER_BYTES) !=
      suite.keyBytes + suite.saltBytes
    )
      return KeyFault.key;
    let hasLifetime = false;
    for (let part = 1; end < to; part++) {
      if (part == 3) return KeyFault.tooManyParts;
      at = end + 1;
      end = Ascii.find(at, to, BAR);
      // A lifetime comes first, and an MKI is what has a colon.
      const isMki = Ascii.find(at, end, COLON) < end;
      if (this.mkiLength > 0) return KeyFault.mkiInFront;
      if (isMki) {
        if (!this.readMki(at, end)) return KeyFault.mki;
      } else {
        if (hasLifetime) return KeyFault.twoLifetimes;
        if (!this.readLifetime(at, end)) return KeyFault.lifetime;
        hasLifetime = true;
      }
    }
    return KeyFault.none;
  }

  /** Erases the key. */
  erase(): void {
    if (this.hosted != 0) dropKey(this.hosted);
    this.hosted = 0;
    memory.fill(changetype<usize>(this.bytes), 0, MASTER_BYTES);
  }

  private readLifetime(from: usize, to: usize): bool {
    const isPower = Ascii.begins(from, to, '2^');
    const value = Ascii.number(isPower ? from + 2 : from, to, MOST_PACKETS);
    if (value < 1 || (isPower && value > 48)) return false;
    this.lifetime = isPower ? (<u64>1) << value : <u64>value;
    return true;
  }

  private readMki(from: usize, to: usize): bool {
    const colon = Ascii.find(from, to, COLON);
    const value = Ascii.number(from, colon, MOST_MKI);
    const length = <i32>Ascii.number(colon + 1, to, MOST_MKI_BYTES);
    if (value < 0 || length < 1) return false;
    if (length < 8 && value >> (length * 8) != 0) return false;
    this.mkiLength = length;
    memory.fill(changetype<usize>(this.mki), 0, length);
    for (let i = 0; i < min(length, 8); i++) this.mki[length - 1 - i] = <u8>(value >> (i * 8));
    return true;
  }
}

const BAR: u32 = 0x7c;
const COLON: u32 = 0x3a;
/** The largest MKI that is read: a number of 18 digits. */
const MOST_MKI: i64 = 999_999_999_999_999_999;
