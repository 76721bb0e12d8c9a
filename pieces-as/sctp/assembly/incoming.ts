import { State } from 'funnel-tunnel/as';
import { store16 } from 'funnel-tunnel/as/views/bytes';
import { Configuration } from './configuration';
import {
  Feature,
  isBefore,
  LAST_FRAGMENT,
  MAX_BURST,
  ParameterType,
  SACK_DELAY_MS,
  UNORDERED,
} from './constants';
import { Delivery, MESSAGE_STATE } from './delivery';
import { CONTRADICTION, Interleaving } from './interleaving';
import { Reason } from './reasons';
import { Reassembly } from './reassembly';
import { ReceiveBuffer } from './receive-buffer';
import { PASSED, ReceivedTsns } from './received-tsns';
import { BLOCK, Store } from './store';

const scratch: usize = memory.data(131_088, 8);

/** The data from the peer, and the acknowledgements that it is due. */
export class Incoming {
  streams: u32 = 0;
  /** Whether a SACK is due now, or when. */
  isSackDue: bool = false;
  sackAt: f64 = Infinity;
  /** Whether the peer may skip TSNs (RFC 3758), and whether data comes in I-DATA chunks (RFC 8260). */
  private isPartial: bool = false;
  private isInterleaved: bool = false;
  /** The number of packets with data since the last SACK. */
  private packets: u32 = 0;
  private hasHadData: bool = false;
  private hadGaps: bool = false;
  /** The window that the last SACK announced. */
  private announced: u32 = 0;

  readonly tsns: ReceivedTsns = new ReceivedTsns();
  private readonly buffer: ReceiveBuffer = new ReceiveBuffer();
  private readonly delivery: Delivery = new Delivery(this.buffer);
  private readonly reassembly: Reassembly = new Reassembly(this.tsns, this.buffer);
  private readonly interleaving: Interleaving = new Interleaving(this.buffer);

  open(streams: u32, initialTsn: u32, features: u32): void {
    this.streams = streams;
    this.isPartial = (features & Feature.partial) != 0;
    this.isInterleaved = (features & Feature.interleaving) != 0;
    this.isSackDue = false;
    this.sackAt = Infinity;
    this.packets = 0;
    this.hasHadData = false;
    this.hadGaps = false;
    this.announced = Configuration.receiveBlocks * BLOCK;
    this.tsns.open(initialTsn);
    this.delivery.open(this.isInterleaved);
  }

  /** Frees everything. */
  close(): void {
    this.reassembly.close();
    this.interleaving.close();
    this.delivery.close();
    this.tsns.open(0);
  }

  /** The bytes that the peer may still send. */
  get window(): u32 {
    return this.buffer.windowFor(this.isWithinMessage);
  }

  /** Whether nothing can go up before the message at the cumulative TSN is complete. */
  private get isWithinMessage(): bool {
    const isAny = this.interleaving.count > 0 || this.tsns.fragmentAt(this.tsns.cumulative) != 0;
    return this.delivery.ready == 0 && isAny;
  }

  /** Records a packet with data (RFC 9260 §6.2): every second is acknowledged at once, and others soon. */
  endPacket(now: f64, isUrgent: bool): void {
    const hasGaps = this.tsns.hasGaps;
    this.packets++;
    // The end of the last gap is news for the peer, too.
    if (
      isUrgent ||
      this.packets >= 2 ||
      !this.hasHadData ||
      hasGaps ||
      this.hadGaps ||
      this.tsns.duplicates > 0
    ) {
      this.isSackDue = true;
    } else if (this.sackAt == Infinity) {
      this.sackAt = now + SACK_DELAY_MS;
    }
    this.hasHadData = true;
    this.hadGaps = hasGaps;
  }

  /** The oldest unacknowledged data has waited long enough. */
  endDelay(): void {
    this.sackAt = Infinity;
    this.isSackDue = true;
  }

  /**
   * Takes a DATA or I-DATA chunk. Returns the reason for its end: `Reason.data` if it was taken.
   *
   * @param fsn the number of an interleaved fragment
   */
  take(tsn: u32, sid: u32, mid: u32, ppid: u32, fsn: u32, flags: u32, at: usize, length: u32): i32 {
    const tsns = this.tsns;
    if (tsns.isBeyondWindow(tsn)) return Reason.beyondWindow;
    if (tsns.has(tsn)) {
      tsns.noteDuplicate(tsn);
      this.isSackDue = true;
      return Reason.duplicate;
    }
    if (sid >= this.streams) {
      this.pass(tsn);
      return Reason.invalidStream;
    }
    // Without a window, only a chunk that fills a gap is taken.
    const hasReserve = isBefore(tsn, tsns.highest) || this.window > 0;
    if (!this.buffer.hasRoomFor(length, hasReserve)) {
      this.isSackDue = true;
      // The kept data cannot go on then, and never would.
      return tsn == tsns.cumulative + 1 && this.delivery.ready == 0 ? Reason.tooLarge : Reason.noBuffer;
    }
    if (!this.isInterleaved && !this.reassembly.fits(tsn, sid, mid, flags)) return Reason.violation;
    const isOrdered = (flags & UNORDERED) == 0;
    const isPast = isOrdered && this.delivery.isPast(sid, mid);
    if (isPast || (!this.isInterleaved && this.reassembly.isOrphan(tsn, flags))) {
      if (!this.isPartial) return Reason.violation;
      // The rest of a message that the peer has given up.
      this.pass(tsn);
      return Reason.abandoned;
    }
    const number = this.buffer.keep(at, length);
    const chunk = Store.chunk(number);
    chunk.tsn = tsn;
    chunk.sid = <u16>sid;
    chunk.mid = mid;
    chunk.ppid = ppid;
    chunk.flags = <u8>flags;
    chunk.fsn = fsn;
    tsns.note(tsn, this.isInterleaved ? PASSED : number);
    const first = this.isInterleaved ? this.interleaving.take(number) : this.reassembly.complete(number);
    if (first == 0) return Reason.data;
    if (first == CONTRADICTION) {
      this.buffer.free(number);
      return Reason.violation;
    }
    return this.delivery.take(first, Store.chunk(first)) ? Reason.data : Reason.violation;
  }

  /** Records a TSN without its data. */
  private pass(tsn: u32): void {
    this.tsns.note(tsn, PASSED);
    this.reassembly.dropOrphans(tsn + 1);
  }

  /** The peer has given up all data up to a TSN (RFC 3758 §3.6). False if that is no news. */
  skipTo(tsn: u32): bool {
    if (!isBefore(this.tsns.cumulative, tsn)) {
      this.isSackDue = true;
      return false;
    }
    this.reassembly.purge(tsn);
    this.reassembly.dropOrphans(tsn + 1);
    this.tsns.skipTo(tsn);
    return true;
  }

  /** The peer sends no message of a stream up to this number any more. */
  skipMessages(sid: u32, mid: u32, flags: u32): void {
    if (sid >= this.streams) return;
    if (this.isInterleaved) this.interleaving.dropUpTo(sid, mid, flags);
    if ((flags & UNORDERED) == 0) this.delivery.skip(sid, mid);
  }

  /** Resets the streams whose byte is set (RFC 6525). A notice goes up behind their messages. */
  reset(streams: StaticArray<u8>): void {
    let count: u32 = 0;
    for (let sid: u32 = 0; sid < this.streams; sid++) {
      if (streams[sid] == 0) continue;
      this.delivery.reset(sid);
      store16(scratch + 16 + 2 * count++, sid);
    }
    // An Outgoing SSN Reset Request without numbers means all streams.
    if (count == this.streams) count = 0;
    memory.fill(scratch, 0, 16);
    store16(scratch, ParameterType.outgoingReset);
    store16(scratch + 2, 16 + 2 * count);
    if (Configuration.hasNotices) this.delivery.addNotice(scratch, 16 + 2 * count);
  }

  /** The chunk of the next message that is due; 0 if there is none. */
  get ready(): u32 {
    return this.delivery.ready;
  }

  /** Records that the message of `ready` went up. */
  passReady(): void {
    this.delivery.pop();
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

  /** Records that a SACK was sent. */
  acknowledged(window: u32): void {
    this.announced = window;
    this.isSackDue = false;
    this.sackAt = Infinity;
    this.packets = 0;
    this.tsns.duplicates = 0;
  }

  /** The size of the state of all chunks. */
  get stateBytes(): u32 {
    let bytes = this.delivery.stateBytes;
    for (let n: u32 = 0; n < ReceivedTsns.places; n++) {
      const number = this.tsns.kept(n);
      if (number != 0) bytes += 1 + Store.stateBytes(number);
    }
    for (let n: u32 = 0; n < Interleaving.places; n++) {
      for (let head = this.interleaving.chainAt(n); head != 0; head = Store.chunk(head).link) {
        for (let number = head; number != 0; number = Store.chunk(number).nextFragment)
          bytes += 1 + Store.stateBytes(number);
      }
    }
    return bytes;
  }

  state(state: State): void {
    this.streams = <u32>state.count(<i32>this.streams, <i32>Configuration.streams);
    this.isPartial = state.bool(this.isPartial);
    this.isInterleaved = state.bool(this.isInterleaved);
    this.delivery.setInterleaved(this.isInterleaved);
    this.isSackDue = state.bool(this.isSackDue);
    this.sackAt = state.instant(this.sackAt);
    this.packets = state.u32(this.packets);
    this.hasHadData = state.bool(this.hasHadData);
    this.hadGaps = state.bool(this.hadGaps);
    this.announced = state.u32(this.announced);
    this.tsns.state(state);
    this.delivery.state(state);
    if (state.isRestoring) this.restore(state);
    else this.save(state);
  }

  /** Complete messages first; then fragments of others. */
  private save(state: State): void {
    this.delivery.save(state);
    for (let n: u32 = 0; n < ReceivedTsns.places; n++) {
      const number = this.tsns.kept(n);
      if (number == 0) continue;
      state.u8(FRAGMENT_STATE);
      Store.stateOf(number, state, 0);
    }
    for (let n: u32 = 0; n < Interleaving.places; n++) {
      for (let head = this.interleaving.chainAt(n); head != 0; head = Store.chunk(head).link) {
        for (let number = head; number != 0; number = Store.chunk(number).nextFragment) {
          state.u8(FRAGMENT_STATE);
          Store.stateOf(number, state, 0);
        }
      }
    }
    state.u8(END_STATE);
  }

  private restore(state: State): void {
    let first: u32 = 0;
    let last: u32 = 0;
    while (true) {
      const kind = state.u8(END_STATE);
      if (kind == END_STATE) break;
      const number = kind > MESSAGE_STATE ? 0 : Store.stateOf(0, state, this.buffer.left);
      if (number == 0) {
        state.refuse('the state holds more than receive-buffer');
        return;
      }
      const chunk = Store.chunk(number);
      this.buffer.used += Store.blocksFor(chunk.length);
      if (<u32>chunk.sid >= Configuration.streams) {
        state.refuse('the state holds more than streams');
        return;
      }
      if (kind == FRAGMENT_STATE) {
        if (this.isInterleaved) this.interleaving.take(number);
        else this.tsns.restore(chunk.tsn, number);
        continue;
      }
      if (first == 0) first = number;
      else Store.chunk(last).nextFragment = number;
      last = number;
      Store.chunk(first).total += chunk.length;
      if ((chunk.flags & <u8>LAST_FRAGMENT) == 0) continue;
      this.delivery.restore(first, Store.chunk(first));
      first = 0;
    }
    if (first != 0) state.refuse('the state ends within a message');
  }
}

// In the saved state, before each chunk, and at the end.
const END_STATE: u8 = 0;
const FRAGMENT_STATE: u8 = 1;
