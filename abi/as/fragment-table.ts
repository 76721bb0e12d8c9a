/**
 * The incomplete frames that come in fragments, by ticket. Each has an entry, a number below `most`, so that
 * a piece can keep state for it in arrays. Where all entries are taken, a new frame takes the entry of the
 * longest idle one: the rest of a frame may never come, so the table is bounded.
 */
export class FragmentTable {
  /** After `add`: the ticket whose entry was taken, or 0. */
  evicted: u32 = 0;

  private tickets: StaticArray<u32>;
  /** By entry: the count of fragments at its last fragment. */
  private cameLast: StaticArray<u64>;
  private came: u64 = 0;

  constructor(readonly most: i32) {
    this.tickets = new StaticArray<u32>(most);
    this.cameLast = new StaticArray<u64>(most);
  }

  /** The ticket of an entry; 0 for a free entry. */
  ticketAt(entry: i32): u32 {
    return this.tickets[entry];
  }

  /** The entry of a frame; -1 if it has none. */
  find(ticket: u32): i32 {
    for (let entry = 0; entry < this.most; entry++) {
      if (this.tickets[entry] != ticket) continue;
      this.cameLast[entry] = ++this.came;
      return entry;
    }
    return -1;
  }

  /** Begins a frame and returns its entry. `evicted` is then the ticket that lost its entry, or 0. */
  add(ticket: u32): i32 {
    let entry = 0;
    for (let other = 0; other < this.most && this.tickets[entry] != 0; other++) {
      if (this.tickets[other] == 0 || this.cameLast[other] < this.cameLast[entry]) entry = other;
    }
    this.evicted = this.tickets[entry];
    this.tickets[entry] = ticket;
    this.cameLast[entry] = ++this.came;
    return entry;
  }

  remove(entry: i32): void {
    this.tickets[entry] = 0;
  }
}
