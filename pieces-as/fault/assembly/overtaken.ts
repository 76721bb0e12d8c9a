/**
 * Held frames that wait to be overtaken, in the order in which they began to wait. All wait for the same
 * number of frames and the same time, so they go on in that order.
 */
export class Overtaken {
  private entries: StaticArray<i32>;
  /** By entry: the count of passed frames at which the frame goes on. */
  private after: StaticArray<u32>;
  private until: StaticArray<f64>;
  private head: i32 = 0;
  private count: i32 = 0;

  /** The size is the most frames that are held at all. */
  constructor(private most: i32) {
    this.entries = new StaticArray<i32>(most);
    this.after = new StaticArray<u32>(most);
    this.until = new StaticArray<f64>(most);
  }

  add(entry: i32, after: u32, until: f64): void {
    const at = (this.head + this.count) % this.most;
    this.entries[at] = entry;
    this.after[at] = after;
    this.until[at] = until;
    this.count++;
  }

  /** Whether the first has been overtaken, or has waited long enough. */
  isFirstDue(passed: u32, now: f64): bool {
    // The count of passed frames wraps around.
    return this.count > 0 && (<i32>(passed - this.after[this.head]) >= 0 || this.until[this.head] <= now);
  }

  get first(): i32 {
    return this.entries[this.head];
  }

  take(): void {
    this.head = (this.head + 1) % this.most;
    this.count--;
  }

  /** When the first has waited long enough; infinity if none waits. */
  get next(): f64 {
    return this.count > 0 ? this.until[this.head] : Infinity;
  }
}
