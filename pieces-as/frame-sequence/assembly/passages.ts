import { FragmentTable } from 'funnel-tunnel/as';

/** The most frames that go out in fragments at a time, where the carrier allows several. */
const MOST: i32 = 64;

/**
 * The progress of frames that go out in fragments, by place; and, at a place of its own, of the current whole
 * frame.
 */
export abstract class Passages {
  /** The place of a frame that is whole. */
  static readonly whole: i32 = MOST;
  /** Bytes of the frame that went out. */
  static readonly sent: StaticArray<u64> = new StaticArray<u64>(MOST + 1);
  /** The length of the frame; 0 while it is unknown. */
  static readonly total: StaticArray<u64> = new StaticArray<u64>(MOST + 1);
  static readonly isTotalKnown: StaticArray<bool> = new StaticArray<bool>(MOST + 1);
  static readonly sequence: StaticArray<u32> = new StaticArray<u32>(MOST + 1);

  private static readonly fragments: FragmentTable = new FragmentTable(MOST);
  private static readonly until: StaticArray<f64> = new StaticArray<f64>(MOST + 1);
  private static count: i32 = 0;
  private static lastSequence: u32 = 0;

  /** The place of a frame that has begun; -1 if it has not. */
  static find(ticket: u32): i32 {
    return Passages.fragments.find(ticket);
  }

  /** Finds a place for a frame in fragments. `evicted` is then the ticket that lost its place, or 0. */
  static open(ticket: u32): i32 {
    const place = Passages.fragments.add(ticket);
    if (Passages.evicted == 0) Passages.count++;
    return place;
  }

  static get evicted(): u32 {
    return Passages.fragments.evicted;
  }

  static begin(place: i32, total: u64, isTotalKnown: bool): void {
    Passages.lastSequence = (Passages.lastSequence + 1) & 0xffff;
    Passages.sequence[place] = Passages.lastSequence;
    Passages.sent[place] = 0;
    Passages.total[place] = total;
    Passages.isTotalKnown[place] = isTotalKnown;
  }

  static ticketAt(place: i32): u32 {
    return place == MOST ? 0 : Passages.fragments.ticketAt(place);
  }

  /** Sets the time by which more of the frame must come. */
  static expect(place: i32, until: f64): void {
    Passages.until[place] = until;
  }

  static close(place: i32): void {
    if (place == MOST) return;
    Passages.fragments.remove(place);
    Passages.count--;
  }

  /** The place of a frame that is late; -1 if there is none. */
  static late(now: f64): i32 {
    if (Passages.count == 0) return -1;
    for (let place = 0; place < MOST; place++)
      if (Passages.fragments.ticketAt(place) != 0 && Passages.until[place] <= now) return place;
    return -1;
  }

  /** When the first of them is late. */
  static get next(): f64 {
    let next = Infinity;
    if (Passages.count == 0) return next;
    for (let place = 0; place < MOST; place++)
      if (Passages.fragments.ticketAt(place) != 0) next = min(next, Passages.until[place]);
    return next;
  }
}
