/**
 * Frames that come in pieces, by their tickets: each has a place, below the number that is given, for what is to be kept of it. Where all
 * places are taken, the frame of which nothing came for longest makes room.
 */
export class UnderWay {
  /** After `add`: the ticket that made room, or 0. */
  evicted: u32 = 0;

  private tickets: StaticArray<u32>;
  private cameLast: StaticArray<u64>;
  private came: u64 = 0;

  constructor(readonly most: i32) {
    this.tickets = new StaticArray<u32>(most);
    this.cameLast = new StaticArray<u64>(most);
  }

  /** The ticket at a place; 0 where there is none. */
  ticketAt(place: i32): u32 {
    return this.tickets[place];
  }

  /** The place of a frame; -1 of one that is not under way here. */
  find(ticket: u32): i32 {
    for (let place = 0; place < this.most; place++) {
      if (this.tickets[place] != ticket) continue;
      this.cameLast[place] = ++this.came;
      return place;
    }
    return -1;
  }

  /** A frame begins; its place. */
  add(ticket: u32): i32 {
    let place = 0;
    for (let other = 0; other < this.most && this.tickets[place] != 0; other++) {
      if (this.tickets[other] == 0 || this.cameLast[other] < this.cameLast[place]) place = other;
    }
    this.evicted = this.tickets[place];
    this.tickets[place] = ticket;
    this.cameLast[place] = ++this.came;
    return place;
  }

  remove(place: i32): void {
    this.tickets[place] = 0;
  }
}
