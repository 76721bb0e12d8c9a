import { MAX_FRAMES_IN } from 'funnel-tunnel/as';

/** The outcome for each frame of a call. */
export abstract class Pending {
  private static reasons: StaticArray<i8> = new StaticArray<i8>(MAX_FRAMES_IN);
  private static addresses: StaticArray<usize> = new StaticArray<usize>(MAX_FRAMES_IN);
  private static lengths: StaticArray<i32> = new StaticArray<i32>(MAX_FRAMES_IN);

  /** All frames pass as they came. */
  static open(count: i32): void {
    memory.fill(changetype<usize>(Pending.reasons), 0xff, count);
    memory.fill(changetype<usize>(Pending.addresses), 0, (<usize>count) << 2);
  }

  /** The frame ends for this reason. */
  static refuse(i: i32, reason: i32): void {
    Pending.reasons[i] = <i8>reason;
  }

  /** The frame goes on with these bytes as its payload. */
  static change(i: i32, at: usize, length: i32): void {
    Pending.addresses[i] = at;
    Pending.lengths[i] = length;
  }

  /** -1 for a frame that goes on. */
  static reason(i: i32): i32 {
    return Pending.reasons[i];
  }

  static isChanged(i: i32): bool {
    return Pending.addresses[i] != 0;
  }

  static at(i: i32): usize {
    return Pending.addresses[i];
  }

  static length(i: i32): i32 {
    return Pending.lengths[i];
  }
}
