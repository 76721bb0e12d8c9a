import { Configuration } from './configuration';
import { hashOfName } from './names';

const PLACES: i32 = 256;

/**
 * The questions of the last while, by their hashes. A question that was asked in it crosses no more, and so
 * questions of several reflectors on one link end. Where two questions share a place, the later one is
 * remembered.
 */
export abstract class Asked {
  private static readonly keys: StaticArray<u64> = new StaticArray<u64>(PLACES);
  private static readonly times: StaticArray<f64> = new StaticArray<f64>(PLACES);

  static start(): void {
    for (let i = 0; i < PLACES; i++) Asked.times[i] = -Infinity;
  }

  /** Whether a question is new. It is remembered from now on. */
  static isNew(name: usize, nameSize: u32, type: u32, now: f64): bool {
    if (Asked.wasWithin(name, nameSize, type, now, Configuration.againMs)) return false;
    Asked.remember(name, nameSize, type, now);
    return true;
  }

  /** Whether a question was remembered within a time. */
  static wasWithin(name: usize, nameSize: u32, type: u32, now: f64, timeMs: f64): bool {
    const hash = hashOfName(name, nameSize);
    const i = placeOf(hash, type);
    return Asked.keys[i] == keyOf(hash, type) && now - Asked.times[i] < timeMs;
  }

  static remember(name: usize, nameSize: u32, type: u32, now: f64): void {
    const hash = hashOfName(name, nameSize);
    const i = placeOf(hash, type);
    Asked.keys[i] = keyOf(hash, type);
    Asked.times[i] = now;
  }
}

function placeOf(hash: u32, type: u32): i32 {
  return <i32>((hash ^ (type * 0x9e37_79b9)) & (PLACES - 1));
}

function keyOf(hash: u32, type: u32): u64 {
  return ((<u64>type) << 32) | hash;
}
