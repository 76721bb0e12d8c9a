import { check, Fcs, FIRST } from './fcs';

const FLAG: u32 = 0x7e;
const ESCAPE: u32 = 0x7d;
const SPACE: u32 = 0x20;
/** All characters below 0x20: what is escaped until the other side says otherwise. */
export const DEFAULT_MAP: u32 = 0xffff_ffff;
/** Address, control, protocol, and the largest packet that may come, and its sequence. */
const MOST: u32 = 4 + 65_535 + 2;
const frame: usize = memory.data(<i32>MOST + 16, 8);
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

export const enum Taken {
  /** The bytes are used up. */
  all,
  /** A frame stands at `HdlcReader.at`; bytes may be left. */
  frame,
  /** A frame that is not right was skipped; bytes may be left. */
  bad,
}

/** Takes frames out of a stream of bytes (RFC 1662 §4). */
export abstract class HdlcReader {
  /** Characters below 0x20 that were added on the way, as bits: they are removed. */
  static map: u32 = DEFAULT_MAP;
  /** Bytes of the largest frame, with the sequence. */
  static most: u32 = MOST;
  /** The frame without flags and sequence, and the number of its bytes. */
  static readonly at: usize = frame;
  static length: u32 = 0;

  /** Bytes of the frame that have come. */
  private static got: u32 = 0;
  private static isEscaped: bool = false;
  /** The rest up to the next flag is skipped: there was no flag yet, or the frame is too long. */
  private static isSkipping: bool = true;
  /** Where `next` goes on, and where the bytes end. */
  private static from: usize = 0;
  private static to: usize = 0;

  /** A stream begins. */
  static reset(): void {
    HdlcReader.map = DEFAULT_MAP;
    HdlcReader.got = 0;
    HdlcReader.isEscaped = false;
    HdlcReader.isSkipping = true;
  }

  /** Gives it the next bytes of the stream; call `next` until it returns `Taken.all`. */
  static give(at: usize, length: u32): void {
    HdlcReader.from = at;
    HdlcReader.to = at + length;
  }

  static next(): Taken {
    let at = HdlcReader.from;
    const to = HdlcReader.to;
    const map = HdlcReader.map;
    let got = HdlcReader.got;
    while (at < to) {
      // Eight bytes at a time, while none of them is special and all of them fit.
      while (at + 8 <= to && map == 0 && !HdlcReader.isEscaped && got + 8 <= MOST) {
        const word = load<u64>(at);
        if (hasByte(word, FLAG) || hasByte(word, ESCAPE)) break;
        store<u64>(frame + got, word);
        got += 8;
        at += 8;
      }
      if (at == to) break;
      let byte = <u32>load<u8>(at++);
      if (byte == FLAG) {
        HdlcReader.from = at;
        const result = HdlcReader.finish(got);
        if (result != Taken.all) return result;
        got = 0;
        continue;
      }
      if (byte == ESCAPE) {
        HdlcReader.isEscaped = true;
        continue;
      }
      if (HdlcReader.isEscaped) {
        HdlcReader.isEscaped = false;
        byte ^= SPACE;
      } else if (byte < SPACE && ((map >> byte) & 1) != 0) {
        continue;
      }
      if (got == MOST) HdlcReader.isSkipping = true;
      else store<u8>(frame + got++, <u8>byte);
    }
    HdlcReader.from = to;
    HdlcReader.got = got;
    return Taken.all;
  }

  /** A flag came behind so many bytes. */
  private static finish(got: u32): Taken {
    const isAborted = HdlcReader.isEscaped;
    const isSkipped = HdlcReader.isSkipping;
    HdlcReader.isEscaped = false;
    HdlcReader.isSkipping = false;
    HdlcReader.got = 0;
    // Between two flags, and before the first one, there is no frame.
    if (got == 0 || (isSkipped && got < MOST)) return Taken.all;
    if (isAborted || isSkipped || got < 4 || got > HdlcReader.most || !Fcs.isRight(frame, got))
      return Taken.bad;
    HdlcReader.length = got - Fcs.BYTES;
    return Taken.frame;
  }
}

/** Writes one frame at a time to memory: `begin`, then its bytes, then `end`. */
export abstract class HdlcWriter {
  /** Characters below 0x20 that are escaped, as bits. */
  static map: u32 = DEFAULT_MAP;

  private static to: usize = 0;
  private static sequence: u32 = FIRST;

  /** The most bytes that a frame of `length` bytes takes. */
  static most(length: u32): u32 {
    return 2 * (length + Fcs.BYTES) + 2;
  }

  /** Begins a frame at an address, which has room for `most` bytes. */
  static begin(to: usize): void {
    store<u8>(to, <u8>FLAG);
    HdlcWriter.to = to + 1;
    HdlcWriter.sequence = FIRST;
  }

  static bytes(at: usize, length: u32): void {
    HdlcWriter.sequence = check(HdlcWriter.sequence, at, length);
    const end = at + length;
    const map = HdlcWriter.map;
    let to = HdlcWriter.to;
    while (at < end) {
      while (at + 8 <= end && map == 0) {
        const word = load<u64>(at);
        if (hasByte(word, FLAG) || hasByte(word, ESCAPE)) break;
        store<u64>(to, word);
        at += 8;
        to += 8;
      }
      if (at < end) to = put(to, <u32>load<u8>(at++), map);
    }
    HdlcWriter.to = to;
  }

  /** Returns the address behind the frame. */
  static end(): usize {
    const sequence = HdlcWriter.sequence ^ 0xffff;
    let to = put(HdlcWriter.to, sequence & 255, HdlcWriter.map);
    to = put(to, sequence >> 8, HdlcWriter.map);
    store<u8>(to, <u8>FLAG);
    return to + 1;
  }
}

// @ts-ignore: decorator
@inline
function put(to: usize, byte: u32, map: u32): usize {
  if (byte == FLAG || byte == ESCAPE || (byte < SPACE && ((map >> byte) & 1) != 0)) {
    store<u8>(to++, <u8>ESCAPE);
    byte ^= SPACE;
  }
  store<u8>(to, <u8>byte);
  return to + 1;
}

/** Whether one of the eight bytes is this one. */
// @ts-ignore: decorator
@inline
function hasByte(word: u64, byte: u32): bool {
  const other = word ^ (ONES * <u64>byte);
  return ((other - ONES) & ~other & HIGHS) != 0;
}
