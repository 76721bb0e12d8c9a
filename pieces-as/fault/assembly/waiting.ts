/**
 * Held frames by the time at which they are due, and by their arrival within one time, in a binary heap.
 */
export class Waiting {
  private entries: StaticArray<i32>;
  private times: StaticArray<f64>;
  private orders: StaticArray<u32>;
  private count: i32 = 0;
  private order: u32 = 0;

  /** The size is the most frames that are held at all. */
  constructor(most: i32) {
    this.entries = new StaticArray<i32>(most);
    this.times = new StaticArray<f64>(most);
    this.orders = new StaticArray<u32>(most);
  }

  add(entry: i32, at: f64): void {
    const order = this.order++;
    let i = this.count++;
    while (i > 0) {
      const above = (i - 1) >> 1;
      if (!this.isBefore(at, order, above)) break;
      this.move(above, i);
      i = above;
    }
    this.put(i, entry, at, order);
  }

  /** The frame that is due first; only while there is one. */
  get first(): i32 {
    return this.entries[0];
  }

  /** When it is due; infinity if there is none. */
  get next(): f64 {
    return this.count > 0 ? this.times[0] : Infinity;
  }

  /** Removes the first. */
  take(): void {
    const last = --this.count;
    const at = this.times[last];
    const order = this.orders[last];
    let i = 0;
    for (;;) {
      let below = 2 * i + 1;
      if (below >= last) break;
      if (below + 1 < last && this.isBefore(this.times[below + 1], this.orders[below + 1], below)) below++;
      if (!(this.times[below] < at || (this.times[below] == at && <i32>(this.orders[below] - order) < 0)))
        break;
      this.move(below, i);
      i = below;
    }
    this.put(i, this.entries[last], at, order);
  }

  private isBefore(at: f64, order: u32, than: i32): bool {
    // Order numbers wrap around; frames that wait at one time are never 2³¹ apart.
    return at < this.times[than] || (at == this.times[than] && <i32>(order - this.orders[than]) < 0);
  }

  private move(from: i32, to: i32): void {
    this.put(to, this.entries[from], this.times[from], this.orders[from]);
  }

  private put(i: i32, entry: i32, at: f64, order: u32): void {
    this.entries[i] = entry;
    this.times[i] = at;
    this.orders[i] = order;
  }
}
