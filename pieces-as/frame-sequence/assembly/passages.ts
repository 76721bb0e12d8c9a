import { FragmentTable } from 'funnel-tunnel/as';

/** Frames that go out in fragments at a time, where they can. */
const MOST: i32 = 64;

/**
 * How far the frames have come that go out in fragments, by a place for each; and, at a place of its own, the
 * whole one that is at hand.
 */
export abstract class Passages {
  /** The place of a frame that is whole. */
  static readonly whole: i32 = MOST;
  /** Bytes of the frame that went out. */
  static readonly sent: StaticArray<u64> = new StaticArray<u64>(MOST + 1);
  /** Bytes of it; 0 where that is not known yet. */
  static readonly total: StaticArray<u64> = new StaticArray<u64>(MOST + 1);
  static readonly isTotalKnown: StaticArray<bool> = new StaticArray<bool>(MOST + 1);
  static readonly sequence: StaticArray<u32> = new StaticArray<u32>(MOST + 1);

  private static readonly fragments: FragmentTable = new FragmentTable(MOST);
  private static readonly until: StaticArray<f64> = new StaticArray<f64>(MOST + 1);
  private static count: i32 = 0;
  private static lastSequence: u32 = 0;

  /** The place of a frame that began before; -1 where it did not. */
  static find(ticket: u32): i32 {
    return Passages.fragments.find(ticket);
  }

  /** A place for a frame in fragments. Which ticket made room for it, if one did, `evicted` tells. */
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

  /** More of the frame is to come until then. */
  static expect(place: i32, until: f64): void {
    Passages.until[place] = until;
  }

  static close(place: i32): void {
    if (place == MOST) return;
    Passages.fragments.remove(place);
    Passages.count--;
  }

  /** The place of a frame that should have gone on by now; -1 where none is. */
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
