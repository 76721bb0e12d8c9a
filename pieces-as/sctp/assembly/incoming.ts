import { State } from 'funnel-tunnel/as';
import { Configuration } from './configuration';
import {
  FIRST_FRAGMENT,
  isBefore,
  isBefore16,
  LAST_FRAGMENT,
  MAX_BURST,
  SACK_DELAY_MS,
  UNORDERED,
} from './constants';
import { Reason } from './reasons';
import { BLOCK, Chunk, Store } from './store';

/** The number of tracked TSNs around the cumulative one; a power of two. */
const MAP: u32 = 8192;
/** A TSN that lies further ahead is refused. */
const WINDOW: u32 = MAP / 2;
/** In the map: the TSN has come, and its data is gone. */
const PASSED: u32 = 0xffff_ffff;
const MOST_DUPLICATES: u32 = 16;

/**
 * The data from the peer: received chunks, messages that wait for their order, and pending acknowledgements.
 */
export class Incoming {
  streams: u32 = 0;
  /** All TSNs up to this one have come. */
  cumulative: u32 = 0;
  highest: u32 = 0;
  /** The number of blocks of the store that are in use. */
  used: u32 = 0;
  /** Whether a SACK is due now, or when. */
  isSackDue: bool = false;
  sackAt: f64 = Infinity;
  /** The number of packets with data since the last SACK. */
  private packets: u32 = 0;
  private hasHadData: bool = false;
  private hadGaps: bool = false;
  /** The window that the last SACK announced. */
  private announced: u32 = 0;
  /** Complete messages that are due, by their first fragments. */
  private readyHead: u32 = 0;
  private readyTail: u32 = 0;
  duplicates: u32 = 0;
  private readonly duplicate: StaticArray<u32> = new StaticArray<u32>(MOST_DUPLICATES);

  /** The chunk of a TSN; PASSED, or 0 if it has not come. */
  private readonly map: usize = heap.alloc(MAP << 2);
  /** A bit for each TSN beyond the cumulative one that has come. */
  private readonly bits: usize = heap.alloc(MAP >> 3);
  /** By stream: the next stream sequence number, and the number of messages that wait for theirs. */
  private readonly expected: StaticArray<u16> = new StaticArray<u16>(<i32>Configuration.streams);
  private readonly waiting: StaticArray<u16> = new StaticArray<u16>(<i32>Configuration.streams);
  /** Heads of chains of complete messages that wait for their order, by stream and sequence number. */
  private readonly chains: usize = heap.alloc((<usize>Incoming.chainCount) << 2);

  private static get chainCount(): u32 {
    let count: u32 = 64;
    while (count < Configuration.receiveBlocks) count <<= 1;
    return count;
  }

  open(streams: u32, initialTsn: u32): void {
    this.streams = streams;
    this.cumulative = initialTsn - 1;
    this.highest = this.cumulative;
    this.isSackDue = false;
    this.sackAt = Infinity;
    this.packets = 0;
    this.hasHadData = false;
    this.hadGaps = false;
    this.announced = Configuration.receiveBlocks * BLOCK;
    this.duplicates = 0;
    memory.fill(this.map, 0, MAP << 2);
    memory.fill(this.bits, 0, MAP >> 3);
    memory.fill(changetype<usize>(this.expected), 0, (<usize>Configuration.streams) << 1);
    memory.fill(changetype<usize>(this.waiting), 0, (<usize>Configuration.streams) << 1);
    memory.fill(this.chains, 0, (<usize>Incoming.chainCount) << 2);
  }

  /** Frees everything. */
  close(): void {
    for (let tsn: u32 = 0; tsn < MAP; tsn++) {
      const number = this.entry(tsn);
      if (number != 0 && number != PASSED && Store.chunk(number).total == 0) Store.free(number);
      this.setEntry(tsn, 0);
    }
    while (this.readyHead != 0) this.freeMessage(this.popReady());
    for (let i: u32 = 0; i < Incoming.chainCount; i++) {
      let number = load<u32>(this.chains + ((<usize>i) << 2));
      while (number != 0) {
        const next = Store.chunk(number).link;
        this.freeMessage(number);
        number = next;
      }
      store<u32>(this.chains + ((<usize>i) << 2), 0);
    }
    this.used = 0;
  }

  /**
   * The bytes that the peer may still send. Never a silly window (RFC 9260 §6.2); but a begun message that
   * blocks all others may be finished from the reserve.
   */
  get window(): u32 {
    const limit = Configuration.receiveBlocks;
    const least = min(Configuration.mtu, (limit * BLOCK) / 4);
    const left = this.used < limit ? (limit - this.used) * BLOCK : 0;
    if (left >= least) return left;
    const isRoom = this.used + Store.blocksFor(Configuration.mtu) <= limit + Configuration.reserveBlocks;
    return isRoom && this.isWithinMessage ? Configuration.mtu : 0;
  }

  /** Whether nothing can go up before the message at the cumulative TSN is complete. */
  private get isWithinMessage(): bool {
    return this.readyHead == 0 && this.fragmentAt(this.cumulative) != 0;
  }

  /** Records a packet with data (RFC 9260 §6.2): every second is acknowledged at once, and others soon. */
  endPacket(now: f64, isUrgent: bool): void {
    this.packets++;
    // The end of the last gap is news for the peer, too.
    if (
      isUrgent ||
      this.packets >= 2 ||
      !this.hasHadData ||
      this.hasGaps ||
      this.hadGaps ||
      this.duplicates > 0
    ) {
      this.isSackDue = true;
    } else if (this.sackAt == Infinity) {
      this.sackAt = now + SACK_DELAY_MS;
    }
    this.hasHadData = true;
    this.hadGaps = this.hasGaps;
  }

  /** The oldest unacknowledged data has waited long enough. */
  endDelay(): void {
    this.sackAt = Infinity;
    this.isSackDue = true;
  }

  /** Whether there are TSNs beyond a missing one. */
  get hasGaps(): bool {
    return this.highest != this.cumulative;
  }

  /** Takes a DATA chunk. Returns the reason for its end: `Reason.data` if it was taken. */
  take(tsn: u32, sid: u32, ssn: u32, ppid: u32, flags: u32, at: usize, length: u32): i32 {
    if (!isBefore(this.cumulative, tsn) || (tsn - this.cumulative <= WINDOW && this.entry(tsn) != 0)) {
      this.noteDuplicate(tsn);
      return Reason.duplicate;
    }
    if (tsn - this.cumulative > WINDOW) return Reason.beyondWindow;
    if (sid >= this.streams) {
      this.note(tsn, PASSED);
      return Reason.invalidStream;
    }
    const blocks = Store.blocksFor(length);
    // Without a window, only a chunk that fills a gap is taken.
    const hasReserve = isBefore(tsn, this.highest) || this.window > 0;
    if (this.used + blocks > Configuration.receiveBlocks + (hasReserve ? Configuration.reserveBlocks : 0)) {
      this.isSackDue = true;
      // The kept data cannot go on then, and never would.
      return tsn == this.cumulative + 1 && this.readyHead == 0 ? Reason.tooLarge : Reason.noBuffer;
    }
    if (!this.fitsNeighbours(tsn, sid, ssn, flags)) return Reason.violation;
    const isOrdered = (flags & UNORDERED) == 0;
    if (isOrdered && isBefore16(ssn, this.expected[sid])) return Reason.violation;
    const number = Store.keep(at, length);
    this.used += blocks;
    const chunk = Store.chunk(number);
    chunk.tsn = tsn;
    chunk.sid = <u16>sid;
    chunk.ssn = <u16>ssn;
    chunk.ppid = ppid;
    chunk.flags = <u8>flags;
    this.note(tsn, number);
    return this.assemble(number) ? Reason.data : Reason.violation;
  }

  /** The chunk of the next message that is due; 0 if there is none. */
  get ready(): u32 {
    return this.readyHead;
  }

  /** Records that the message of `ready` went up. */
  passReady(): void {
    this.freeMessage(this.popReady());
    // After a closed window the peer learns of new room, but not of every small amount.
    const window = this.window;
    if (
      this.announced < (Configuration.receiveBlocks * BLOCK) / 2 &&
      window >= this.announced + MAX_BURST * Configuration.mtu
    ) {
      this.isSackDue = true;
    }
  }

  /** Writes the bytes of a message. */
  copyMessage(number: u32, to: usize): void {
    while (number != 0) {
      Store.copy(number, to);
      const chunk = Store.chunk(number);
      to += chunk.length;
      number = chunk.nextFragment;
    }
  }

  /**
   * Finds the next Gap Ack Block from `from` on, as offsets from the cumulative TSN. False if there is none.
   */
  nextGapBlock(from: u32): bool {
    const last = this.highest - this.cumulative;
    const start = this.scan(from, last, true);
    if (start > last) return false;
    Incoming.gapStart = start;
    Incoming.gapEnd = this.scan(start, last, false) - 1;
    return true;
  }
  static gapStart: u32 = 0;
  static gapEnd: u32 = 0;

  duplicateAt(i: u32): u32 {
    return this.duplicate[i];
  }

  /** Records that a SACK was sent. */
  acknowledged(window: u32): void {
    this.announced = window;
    this.isSackDue = false;
    this.sackAt = Infinity;
    this.packets = 0;
    this.duplicates = 0;
  }

  /** The size of the state of all chunks. */
  get stateBytes(): u32 {
    let bytes: u32 = 0;
    for (let tsn: u32 = 0; tsn < MAP; tsn++) {
      const number = this.entry(tsn);
      if (number != 0 && number != PASSED) bytes += 1 + Store.stateBytes(number);
    }
    for (let number = this.readyHead; number != 0; number = Store.chunk(number).link)
      bytes += messageBytes(number);
    for (let i: u32 = 0; i < Incoming.chainCount; i++) {
      let number = load<u32>(this.chains + ((<usize>i) << 2));
      for (; number != 0; number = Store.chunk(number).link) bytes += messageBytes(number);
    }
    return bytes;
  }

  state(state: State): void {
    this.streams = <u32>state.count(<i32>this.streams, <i32>Configuration.streams);
    this.cumulative = state.u32(this.cumulative);
    this.highest = state.u32(this.highest);
    this.isSackDue = state.bool(this.isSackDue);
    this.sackAt = state.instant(this.sackAt);
    this.packets = state.u32(this.packets);
    this.hasHadData = state.bool(this.hasHadData);
    this.hadGaps = state.bool(this.hadGaps);
    this.announced = state.u32(this.announced);
    const streams = state.count(<i32>Configuration.streams, <i32>Configuration.streams);
    state.bytes(changetype<usize>(this.expected), streams << 1);
    state.bytes(this.bits, MAP >> 3);
    if (state.isRestoring) this.restore(state);
    else this.save(state);
  }

  /** Complete messages first, in their order of delivery; then fragments of others. */
  private save(state: State): void {
    for (let number = this.readyHead; number != 0; number = Store.chunk(number).link)
      this.saveMessage(number, state);
    for (let i: u32 = 0; i < Incoming.chainCount; i++) {
      let number = load<u32>(this.chains + ((<usize>i) << 2));
      for (; number != 0; number = Store.chunk(number).link) this.saveMessage(number, state);
    }
    for (let tsn: u32 = 0; tsn < MAP; tsn++) {
      const number = this.entry(tsn);
      if (number == 0 || number == PASSED) continue;
      state.u8(FRAGMENT);
      Store.stateOf(number, state, 0);
    }
    state.u8(END);
  }

  private saveMessage(number: u32, state: State): void {
    for (; number != 0; number = Store.chunk(number).nextFragment) {
      state.u8(MESSAGE);
      Store.stateOf(number, state, 0);
    }
  }

  private restore(state: State): void {
    const ahead = min(this.highest - this.cumulative, WINDOW);
    for (let offset: u32 = 1; offset <= ahead; offset++) {
      if (this.scan(offset, offset, true) == offset) this.setEntry(this.cumulative + offset, PASSED);
    }
    let first: u32 = 0;
    let last: u32 = 0;
    while (true) {
      const kind = state.u8(END);
      if (kind == END) break;
      const most = Configuration.receiveBlocks + Configuration.reserveBlocks - this.used;
      const number = kind > MESSAGE ? 0 : Store.stateOf(0, state, most);
      if (number == 0) {
        state.refuse('the state holds more than receive-buffer');
        return;
      }
      const chunk = Store.chunk(number);
      this.used += Store.blocksFor(chunk.length);
      if (<u32>chunk.sid >= Configuration.streams) {
        state.refuse('the state holds more than streams');
        return;
      }
      if (kind == FRAGMENT) {
        this.setEntry(chunk.tsn, number);
        continue;
      }
      if (first == 0) first = number;
      else Store.chunk(last).nextFragment = number;
      last = number;
      Store.chunk(first).total += chunk.length;
      if ((chunk.flags & <u8>LAST_FRAGMENT) == 0) continue;
      this.restoreMessage(first, Store.chunk(first));
      first = 0;
    }
    if (first != 0) state.refuse('the state ends within a message');
  }

  /** The number is below the expected one if the message was due. */
  private restoreMessage(number: u32, chunk: Chunk): void {
    const isReady = (chunk.flags & <u8>UNORDERED) != 0 || isBefore16(chunk.ssn, this.expected[chunk.sid]);
    if (isReady) this.addReady(number);
    else this.chain(number, chunk);
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

  private noteDuplicate(tsn: u32): void {
    if (this.duplicates < MOST_DUPLICATES) this.duplicate[this.duplicates++] = tsn;
    this.isSackDue = true;
  }

  /** Records a TSN that came. */
  private note(tsn: u32, entry: u32): void {
    this.setEntry(tsn, entry);
    this.setBit(tsn, true);
    if (isBefore(this.highest, tsn)) this.highest = tsn;
    while (this.cumulative != this.highest) {
      const next = this.cumulative + 1;
      const number = this.entry(next);
      if (number == 0) break;
      this.cumulative = next;
      this.setBit(next, false);
      // The fragments of an incomplete message must remain findable.
      if (number == PASSED || Store.chunk(number).total != 0) this.setEntry(next, 0);
    }
  }

  /** Whether a fragment fits those before and behind it (RFC 9260 §3.3.1: their TSNs follow one another). */
  private fitsNeighbours(tsn: u32, sid: u32, ssn: u32, flags: u32): bool {
    const before = this.entry(tsn - 1);
    if (before != 0 && before != PASSED) {
      const chunk = Store.chunk(before);
      if (chunk.tsn == tsn - 1 && !follows(chunk.sid, chunk.ssn, chunk.flags, sid, ssn, flags)) return false;
    }
    const behind = this.entry(tsn + 1);
    if (behind != 0 && behind != PASSED) {
      const chunk = Store.chunk(behind);
      if (chunk.tsn == tsn + 1 && !follows(sid, ssn, flags, chunk.sid, chunk.ssn, chunk.flags)) return false;
    }
    return true;
  }

  /** Reassembles a message if the chunk was the last missing one. False if its number came before. */
  private assemble(number: u32): bool {
    let last = Store.chunk(number);
    // The last fragment usually comes last, so the search begins with it.
    while ((last.flags & <u8>LAST_FRAGMENT) == 0) {
      const next = this.fragmentAt(last.tsn + 1);
      if (next == 0) return true;
      last = Store.chunk(next);
    }
    let first = number;
    while ((Store.chunk(first).flags & <u8>FIRST_FRAGMENT) == 0) {
      const before = this.fragmentAt(Store.chunk(first).tsn - 1);
      if (before == 0) return true;
      first = before;
    }
    // The message is complete: its fragments are chained, and no longer found by their TSNs.
    const lastTsn = last.tsn;
    let total: u32 = 0;
    let chunk = Store.chunk(first);
    while (true) {
      const tsn = chunk.tsn;
      const next = tsn == lastTsn ? 0 : this.fragmentAt(tsn + 1);
      total += chunk.length;
      chunk.nextFragment = next;
      this.setEntry(tsn, isBefore(this.cumulative, tsn) ? PASSED : 0);
      if (next == 0) break;
      chunk = Store.chunk(next);
    }
    chunk = Store.chunk(first);
    chunk.total = total;
    return this.order(first, chunk);
  }

  private fragmentAt(tsn: u32): u32 {
    const number = this.entry(tsn);
    return number != 0 && number != PASSED && Store.chunk(number).tsn == tsn ? number : 0;
  }

  /** Delivers a complete message, or lets it wait for its order. */
  private order(number: u32, chunk: Chunk): bool {
    if ((chunk.flags & <u8>UNORDERED) != 0) {
      this.addReady(number);
      return true;
    }
    const sid = chunk.sid;
    if (chunk.ssn != this.expected[sid]) {
      const chain = this.chainOf(sid, chunk.ssn);
      for (let other = load<u32>(chain); other != 0; other = Store.chunk(other).link) {
        if (Store.chunk(other).sid == sid && Store.chunk(other).ssn == chunk.ssn) {
          this.freeMessage(number);
          return false;
        }
      }
      this.chain(number, chunk);
      return true;
    }
    this.addReady(number);
    this.expected[sid]++;
    while (this.waiting[sid] > 0) {
      const next = this.unchain(sid, this.expected[sid]);
      if (next == 0) break;
      this.addReady(next);
      this.expected[sid]++;
    }
    return true;
  }

  private chain(number: u32, chunk: Chunk): void {
    const chain = this.chainOf(chunk.sid, chunk.ssn);
    chunk.link = load<u32>(chain);
    store<u32>(chain, number);
    this.waiting[chunk.sid]++;
  }

  private chainOf(sid: u32, ssn: u32): usize {
    const hash = (sid * 0x9e37_79b1) ^ (ssn * 0x85eb_ca6b);
    return this.chains + ((<usize>((hash >> 8) & (Incoming.chainCount - 1))) << 2);
  }

  private unchain(sid: u16, ssn: u16): u32 {
    const chain = this.chainOf(sid, ssn);
    let before: u32 = 0;
    for (let number = load<u32>(chain); number != 0; number = Store.chunk(number).link) {
      const chunk = Store.chunk(number);
      if (chunk.sid == sid && chunk.ssn == ssn) {
        if (before == 0) store<u32>(chain, chunk.link);
        else Store.chunk(before).link = chunk.link;
        this.waiting[sid]--;
        return number;
      }
      before = number;
    }
    return 0;
  }

  private addReady(number: u32): void {
    Store.chunk(number).link = 0;
    if (this.readyHead == 0) this.readyHead = number;
    else Store.chunk(this.readyTail).link = number;
    this.readyTail = number;
  }

  private popReady(): u32 {
    const number = this.readyHead;
    this.readyHead = Store.chunk(number).link;
    return number;
  }

  private freeMessage(number: u32): void {
    while (number != 0) {
      const chunk = Store.chunk(number);
      const next = chunk.nextFragment;
      this.used -= Store.blocksFor(chunk.length);
      Store.free(number);
      number = next;
    }
  }
}

// The layout of a saved state.
const END: u8 = 0;
const FRAGMENT: u8 = 1;
const MESSAGE: u8 = 2;

function messageBytes(number: u32): u32 {
  let bytes: u32 = 0;
  for (; number != 0; number = Store.chunk(number).nextFragment) bytes += 1 + Store.stateBytes(number);
  return bytes;
}

/** Whether, of two chunks with consecutive TSNs, the second can follow the first. */
function follows(sid: u32, ssn: u32, flags: u32, nextSid: u32, nextSsn: u32, nextFlags: u32): bool {
  const isLast = (flags & LAST_FRAGMENT) != 0;
  const isNextFirst = (nextFlags & FIRST_FRAGMENT) != 0;
  if (isLast || isNextFirst) return isLast && isNextFirst;
  if (sid != nextSid || ((flags ^ nextFlags) & UNORDERED) != 0) return false;
  return (flags & UNORDERED) != 0 || ssn == nextSsn;
}
