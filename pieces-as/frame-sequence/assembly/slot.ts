import { Carrier } from './carrier';
import { WHOLE } from './configuration';
import { Reason } from './reasons';

/** The most ranges of a frame that have come, with holes between them. */
const STRETCHES: i32 = 32;

/**
 * An incomplete frame. Its bytes stand in a window that is as large as the largest frame that passes as one.
 * For a larger frame the window moves when its front is passed on.
 */
export class Slot {
  isUsed: bool = false;
  isSpoilt: bool = false;
  isLarge: bool = false;
  /** The sender and the sequence number: see `keyOf`. */
  key: u64 = 0;
  high: u64 = 0;
  low: u64 = 0;
  ticket: u32 = 0;
  until: f64 = 0;
  total: u64 = 0;
  isTotalKnown: bool = false;
  /** The start of the window: all bytes before it were passed on. */
  base: u64 = 0;
  bytes: usize = heap.alloc(WHOLE);
  /** The starts and ends of ranges, in ascending order, neither touching nor overlapping. */
  private froms: StaticArray<u32> = new StaticArray<u32>(STRETCHES);
  private tos: StaticArray<u32> = new StaticArray<u32>(STRETCHES);
  private count: i32 = 0;

  /** Port, IP version and sequence number of the current segment. */
  static keyOf(sequence: u32): u64 {
    return (
      <u64>sequence |
      ((<u64>Carrier.source.port) << 16) |
      ((<u64>(Carrier.source.isIpv6 ? 1 : 0)) << 32) |
      (1 << 33)
    );
  }

  open(sequence: u32, ticket: u32, until: f64): void {
    this.isUsed = true;
    this.isSpoilt = false;
    this.isLarge = false;
    this.key = Slot.keyOf(sequence);
    this.high = Carrier.source.high;
    this.low = Carrier.source.low;
    this.ticket = ticket;
    this.until = until;
    this.total = 0;
    this.isTotalKnown = false;
    this.base = 0;
    this.count = 0;
  }

  /** Sets the length of the frame. False if that contradicts an earlier length, or bytes that have come. */
  learnTotal(total: u64): bool {
    if (this.isTotalKnown) return this.total == total;
    if (total < this.base || (this.count > 0 && <u64>this.tos[this.count - 1] > total)) return false;
    this.total = total;
    this.isTotalKnown = true;
    this.isLarge = this.isLarge || total > WHOLE;
    return true;
  }

  /** Adds bytes that lie in the window or before it. Returns -1, or the reason to refuse them. */
  add(from: u32, to: u32, at: usize): i32 {
    if (<u64>to <= this.base) return Reason.duplicate;
    if (<u64>from < this.base) return Reason.inconsistent;
    let i = 0;
    while (i < this.count && this.tos[i] < from) i++;
    // All ranges before the i-th lie apart from the new bytes, and the i-th is the first that may touch them.
    if (i < this.count && this.froms[i] <= from && to <= this.tos[i]) {
      return this.isSame(from, to, at) ? Reason.duplicate : Reason.inconsistent;
    }
    const touchesBefore = i < this.count && this.tos[i] == from;
    const next = touchesBefore ? i + 1 : i;
    if (next < this.count && this.froms[next] < to) return Reason.inconsistent;
    const touchesAfter = next < this.count && this.froms[next] == to;
    if (touchesBefore && touchesAfter) {
      this.tos[i] = this.tos[next];
      this.remove(next);
    } else if (touchesBefore) {
      this.tos[i] = to;
    } else if (touchesAfter) {
      this.froms[next] = from;
    } else {
      if (this.count == STRETCHES) return Reason.tooManyHoles;
      this.insert(i, from, to);
    }
    this.copyIn(from, to, at);
    return -1;
  }

  /** Whether no byte is missing from the base on. */
  get hasAll(): bool {
    if (!this.isTotalKnown) return false;
    return (
      this.isDone || (this.count == 1 && <u64>this.froms[0] == this.base && <u64>this.tos[0] == this.total)
    );
  }

  /** Whether all bytes were passed on. */
  get isDone(): bool {
    return this.isTotalKnown && this.base == this.total;
  }

  /** The number of bytes from the base on without a gap. */
  get contiguous(): u32 {
    return this.count > 0 && <u64>this.froms[0] == this.base ? this.tos[0] - this.froms[0] : 0;
  }

  /** Copies this number of bytes from the base on. */
  copyFront(to: usize, length: u32): void {
    const start = <u32>(this.base % WHOLE);
    const first = min(length, WHOLE - start);
    memory.copy(to, this.bytes + start, first);
    memory.copy(to + first, this.bytes, length - first);
  }

  /** Removes this number of bytes from the base on. */
  release(length: u32): void {
    this.base += length;
    if (this.count > 0 && <u64>this.tos[0] <= this.base) this.remove(0);
    else if (this.count > 0 && <u64>this.froms[0] < this.base) this.froms[0] = <u32>this.base;
  }

  private insert(i: i32, from: u32, to: u32): void {
    for (let k = this.count; k > i; k--) {
      this.froms[k] = this.froms[k - 1];
      this.tos[k] = this.tos[k - 1];
    }
    this.froms[i] = from;
    this.tos[i] = to;
    this.count++;
  }

  private remove(i: i32): void {
    this.count--;
    for (let k = i; k < this.count; k++) {
      this.froms[k] = this.froms[k + 1];
      this.tos[k] = this.tos[k + 1];
    }
  }

  private copyIn(from: u32, to: u32, at: usize): void {
    const start = from % WHOLE;
    const length = to - from;
    const first = min(length, WHOLE - start);
    memory.copy(this.bytes + start, at, first);
    memory.copy(this.bytes, at + first, length - first);
  }

  private isSame(from: u32, to: u32, at: usize): bool {
    const start = from % WHOLE;
    const length = to - from;
    const first = min(length, WHOLE - start);
    return (
      memory.compare(this.bytes + start, at, first) == 0 &&
      memory.compare(this.bytes, at + first, length - first) == 0
    );
  }
}
