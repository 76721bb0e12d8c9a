import { State } from 'funnel-tunnel/as';
import { isBefore } from './constants';
import { Store } from './store';

/** The number of tracked TSNs around the cumulative one; a power of two. */
const MAP: u32 = 8192;
/** A TSN that lies further ahead is refused. */
export const TSN_WINDOW: u32 = MAP / 2;
/** In the map: the TSN has come, and its data is not found by it any more. */
export const PASSED: u32 = 0xffff_ffff;
const MOST_DUPLICATES: u32 = 16;

/** Which TSNs have come, and the chunks of those whose message is not complete. */
export class ReceivedTsns {
  /** All TSNs up to this one have come. */
  cumulative: u32 = 0;
  highest: u32 = 0;
  duplicates: u32 = 0;
  private readonly duplicate: StaticArray<u32> = new StaticArray<u32>(MOST_DUPLICATES);
  /** The chunk of a TSN; PASSED, or 0 if it has not come. */
  private readonly map: usize = heap.alloc(MAP << 2);
  /** A bit for each TSN beyond the cumulative one that has come. */
  private readonly bits: usize = heap.alloc(MAP >> 3);

  /** The chunks in the map must be freed before. */
  open(initialTsn: u32): void {
    this.cumulative = initialTsn - 1;
    this.highest = this.cumulative;
    this.duplicates = 0;
    memory.fill(this.map, 0, MAP << 2);
    memory.fill(this.bits, 0, MAP >> 3);
  }

  /** Whether there are TSNs beyond a missing one. */
  get hasGaps(): bool {
    return this.highest != this.cumulative;
  }

  /** Whether a TSN has come; one that is not beyond the window. */
  has(tsn: u32): bool {
    return !isBefore(this.cumulative, tsn) || this.entry(tsn) != 0;
  }

  isBeyondWindow(tsn: u32): bool {
    return isBefore(this.cumulative, tsn) && tsn - this.cumulative > TSN_WINDOW;
  }

  /** The kept chunk of a TSN, from `TSN_WINDOW` before the cumulative TSN to the same distance behind it. */
  fragmentAt(tsn: u32): u32 {
    const number = this.entry(tsn);
    return number != 0 && number != PASSED && Store.chunk(number).tsn == tsn ? number : 0;
  }

  /** Whether a TSN has come, and its data is not kept by it. */
  isGone(tsn: u32): bool {
    return isBefore(this.cumulative, tsn) ? this.entry(tsn) == PASSED : this.fragmentAt(tsn) == 0;
  }

  /** Records a TSN that came, with its chunk or PASSED. */
  note(tsn: u32, entry: u32): void {
    this.setEntry(tsn, entry);
    this.setBit(tsn, true);
    if (isBefore(this.highest, tsn)) this.highest = tsn;
    this.advance();
  }

  /** Forgets the chunk of a TSN, which has come. */
  forget(tsn: u32): void {
    this.setEntry(tsn, isBefore(this.cumulative, tsn) ? PASSED : 0);
  }

  /** Takes all TSNs up to this one as received (RFC 3758 §3.6). Their chunks must be forgotten before. */
  skipTo(tsn: u32): void {
    const last = isBefore(this.highest, tsn) ? this.highest : tsn;
    while (this.cumulative != last) this.pass(++this.cumulative);
    this.cumulative = tsn;
    if (isBefore(this.highest, tsn)) this.highest = tsn;
    this.advance();
  }

  noteDuplicate(tsn: u32): void {
    if (this.duplicates < MOST_DUPLICATES) this.duplicate[this.duplicates++] = tsn;
  }

  duplicateAt(i: u32): u32 {
    return this.duplicate[i];
  }

  /**
   * Finds the next Gap Ack Block from `from` on, as offsets from the cumulative TSN. False if there is none.
   */
  nextGapBlock(from: u32): bool {
    const last = this.highest - this.cumulative;
    const start = this.scan(from, last, true);
    if (start > last) return false;
    ReceivedTsns.gapStart = start;
    ReceivedTsns.gapEnd = this.scan(start, last, false) - 1;
    return true;
  }
  static gapStart: u32 = 0;
  static gapEnd: u32 = 0;

  /** The n-th kept chunk in the map, for n below `places`; 0 if there is none. */
  kept(n: u32): u32 {
    const number = this.entry(n);
    return number == PASSED ? 0 : number;
  }
  static readonly places: u32 = MAP;

  state(state: State): void {
    this.cumulative = state.u32(this.cumulative);
    this.highest = state.u32(this.highest);
    state.bytes(this.bits, MAP >> 3);
    if (!state.isRestoring) return;
    const ahead = min(this.highest - this.cumulative, TSN_WINDOW);
    for (let offset: u32 = 1; offset <= ahead; offset++)
      if (this.scan(offset, offset, true) == offset) this.setEntry(this.cumulative + offset, PASSED);
  }

  /** Puts a restored chunk in its place. */
  restore(tsn: u32, number: u32): void {
    this.setEntry(tsn, number);
  }

  private advance(): void {
    while (this.cumulative != this.highest) {
      const next = this.cumulative + 1;
      if (this.entry(next) == 0) break;
      this.cumulative = next;
      this.pass(next);
    }
  }

  /** The TSN is at the cumulative one or before it: its bit ends, and PASSED is implied. */
  private pass(tsn: u32): void {
    this.setBit(tsn, false);
    // The fragments of an incomplete message must remain findable.
    if (this.entry(tsn) == PASSED) this.setEntry(tsn, 0);
  }

  // @ts-expect-error: decorator
  @inline
  private entry(tsn: u32): u32 {
    return load<u32>(this.map + ((<usize>(tsn & (MAP - 1))) << 2));
  }

  // @ts-expect-error: decorator
  @inline
  private setEntry(tsn: u32, value: u32): void {
    store<u32>(this.map + ((<usize>(tsn & (MAP - 1))) << 2), value);
  }

  private setBit(tsn: u32, value: bool): void {
    const at = this.bits + ((<usize>(tsn & (MAP - 1)) >> 6) << 3);
    const bit: u64 = (<u64>1) << (tsn & 63);
    store<u64>(at, value ? load<u64>(at) | bit : load<u64>(at) & ~bit);
  }

  /** The first offset from `from` on whose bit is as wanted; beyond `last` if there is none. */
  private scan(from: u32, last: u32, wanted: bool): u32 {
    let offset = from;
    while (offset <= last) {
      const tsn = this.cumulative + offset;
      let word = load<u64>(this.bits + ((<usize>(tsn & (MAP - 1)) >> 6) << 3));
      if (!wanted) word = ~word;
      word >>= <u64>(tsn & 63);
      if (word != 0) return min(offset + <u32>ctz<u64>(word), last + 1);
      offset += 64 - (tsn & 63);
    }
    return last + 1;
  }
}
