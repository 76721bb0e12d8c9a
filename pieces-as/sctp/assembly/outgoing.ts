import { State } from 'funnel-tunnel/as';
import { Configuration } from './configuration';
import { DATA_HEADER, FIRST_FRAGMENT, IMMEDIATE, isBefore, LAST_FRAGMENT, UNORDERED } from './constants';
import { Chunk, Store } from './store';

export const enum ChunkState {
  queued,
  inFlight,
  /** A Gap Ack Block acknowledged it; the peer may still revoke that. */
  gapAcked,
  /** The chunk has to be sent again. */
  marked,
}

/** In `Chunk.misses`: fast retransmit happens once for a chunk (RFC 9260 §7.2.4). */
export const NO_MORE_FAST: u8 = 255;

/** The data to the peer: what waits, and what is not acknowledged yet. */
export class Outgoing {
  streams: u32 = 0;
  /** All TSNs up to this one are acknowledged. */
  cumulative: u32 = 0;
  /** The TSN of the next new chunk. */
  next: u32 = 1;
  /** The number of blocks of the store that are in use. */
  used: u32 = 0;
  peerWindow: u32 = 0;
  /** The bytes of user data in flight. */
  flight: u32 = 0;
  /** The number of chunks to send again, and a TSN below which there is none. */
  marked: u32 = 0;
  markedFrom: u32 = 1;
  gapAcked: u32 = 0;
  isFastRecovery: bool = false;
  fastRecoveryExit: u32 = 0;
  /** One packet with chunks to send again goes out whatever the congestion window (RFC 9260 §7.2.4). */
  isFastDue: bool = false;
  /** The number of SACKs since the last transmission: each allows a burst. */
  bursts: u32 = 0;

  private head: u32 = 0;
  private tail: u32 = 0;
  /** The chunk of a TSN from `cumulative` to `next`, both excluded. */
  private readonly ring: usize = heap.alloc((<usize>Outgoing.ringSize) << 2);
  private readonly mask: u32 = Outgoing.ringSize - 1;
  private readonly ssn: StaticArray<u16> = new StaticArray<u16>(<i32>Configuration.streams);

  private static get ringSize(): u32 {
    let size: u32 = 64;
    while (size <= Configuration.sendBlocks) size <<= 1;
    return size;
  }

  open(streams: u32, initialTsn: u32, peerWindow: u32): void {
    this.streams = streams;
    this.cumulative = initialTsn - 1;
    this.next = initialTsn;
    this.markedFrom = initialTsn;
    this.peerWindow = peerWindow;
  }

  /** Sets the values of a new association, and drops what waited. Returns the number of lost messages. */
  close(): u32 {
    let messages: u32 = 0;
    for (let tsn = this.cumulative + 1; tsn != this.next; tsn++) {
      const number = this.at(tsn);
      if (
        (Store.chunk(number).flags & <u8>LAST_FRAGMENT) != 0 &&
        Store.chunk(number).state != ChunkState.gapAcked
      )
        messages++;
      Store.free(number);
    }
    while (this.head != 0) {
      const number = this.head;
      this.head = Store.chunk(number).link;
      if ((Store.chunk(number).flags & <u8>LAST_FRAGMENT) != 0) messages++;
      Store.free(number);
    }
    this.tail = 0;
    this.used = 0;
    this.flight = 0;
    this.marked = 0;
    this.gapAcked = 0;
    this.cumulative = 0;
    this.next = 1;
    this.markedFrom = 1;
    this.isFastRecovery = false;
    this.isFastDue = false;
    this.bursts = 0;
    memory.fill(changetype<usize>(this.ssn), 0, (<usize>Configuration.streams) << 1);
    return messages;
  }

  /** Whether nothing waits, and all is acknowledged. */
  get isDone(): bool {
    return this.head == 0 && this.cumulative + 1 == this.next;
  }

  /** Whether chunks could go out now, as far as the windows allow. */
  get isWaiting(): bool {
    return this.head != 0 || this.marked > 0;
  }

  get isOutstanding(): bool {
    return this.cumulative + 1 != this.next;
  }

  /** Whether there is room for a message of this many bytes, in fragments of this size. */
  hasRoomFor(length: u32, most: u32): bool {
    return this.used + this.blocksFor(length, most) <= Configuration.sendBlocks;
  }

  /** Whether little room is left, so that senders have to wait. */
  get isAlmostFull(): bool {
    return this.used * 4 >= Configuration.sendBlocks * 3;
  }

  /** Takes a message, in fragments of at most this size. There must be room. */
  add(at: usize, length: u32, most: u32, sid: u32, ppid: u32, flags: u32): void {
    const isUnordered = (flags & UNORDERED) != 0;
    const ssn: u16 = isUnordered ? 0 : this.ssn[sid]++;
    let left = length;
    do {
      const here = min(left, most);
      const number = Store.keep(at, here);
      const chunk = Store.chunk(number);
      this.used += Store.blocksFor(here);
      chunk.sid = <u16>sid;
      chunk.ssn = ssn;
      chunk.ppid = ppid;
      chunk.flags = <u8>(
        ((flags & (UNORDERED | IMMEDIATE)) |
          (left == length ? FIRST_FRAGMENT : 0) |
          (here == left ? LAST_FRAGMENT : 0))
      );
      chunk.state = <u8>ChunkState.queued;
      this.append(number);
      at += here;
      left -= here;
    } while (left > 0);
  }

  /** The first chunk that was not sent yet; 0 if there is none. */
  get first(): u32 {
    return this.head;
  }

  /** Whether there is a TSN for one more: its place in the ring is free. */
  get hasTsn(): bool {
    return this.next - this.cumulative - 1 < this.mask;
  }

  /** Gives the first waiting chunk its TSN. */
  takeFirst(): Chunk {
    const number = this.head;
    const chunk = Store.chunk(number);
    this.head = chunk.link;
    if (this.head == 0) this.tail = 0;
    chunk.tsn = this.next++;
    store<u32>(this.ring + ((<usize>(chunk.tsn & this.mask)) << 2), number);
    return chunk;
  }

  /** The first chunk to send again; 0 if there is none. */
  get firstMarked(): u32 {
    if (this.marked == 0) return 0;
    if (!isBefore(this.cumulative, this.markedFrom)) this.markedFrom = this.cumulative + 1;
    while (this.markedFrom != this.next) {
      const number = this.at(this.markedFrom);
      if (Store.chunk(number).state == ChunkState.marked) return number;
      this.markedFrom++;
    }
    return 0;
  }

  // @ts-expect-error: decorator
  @inline
  at(tsn: u32): u32 {
    return load<u32>(this.ring + ((<usize>(tsn & this.mask)) << 2));
  }

  /** Marks a chunk to be sent again. */
  mark(chunk: Chunk): void {
    chunk.state = <u8>ChunkState.marked;
    this.marked++;
    if (isBefore(chunk.tsn, this.markedFrom)) this.markedFrom = chunk.tsn;
    this.flight -= chunk.length;
    // RFC 9260 §6.2.1 (B).
    this.peerWindow += chunk.length;
  }

  /** Removes the chunk behind the cumulative TSN, which is acknowledged. */
  release(): void {
    const number = this.at(++this.cumulative);
    this.used -= Store.blocksFor(Store.chunk(number).length);
    Store.free(number);
  }

  /** The size of the state of all chunks. */
  get stateBytes(): u32 {
    let bytes: u32 = 0;
    for (let tsn = this.cumulative + 1; tsn != this.next; tsn++) bytes += Store.stateBytes(this.at(tsn));
    for (let number = this.head; number != 0; number = Store.chunk(number).link)
      bytes += Store.stateBytes(number);
    return bytes;
  }

  state(state: State): void {
    this.streams = <u32>state.count(<i32>this.streams, <i32>Configuration.streams);
    this.cumulative = state.u32(this.cumulative);
    this.peerWindow = state.u32(this.peerWindow);
    this.isFastRecovery = state.bool(this.isFastRecovery);
    this.fastRecoveryExit = state.u32(this.fastRecoveryExit);
    this.isFastDue = state.bool(this.isFastDue);
    const streams = state.count(<i32>Configuration.streams, <i32>Configuration.streams);
    state.bytes(changetype<usize>(this.ssn), streams << 1);
    const sent = <u32>state.count(<i32>(this.next - this.cumulative - 1), <i32>this.mask);
    const queued = <u32>state.count(<i32>this.queuedCount, <i32>Configuration.sendBlocks);
    if (state.isRestoring) this.restore(state, sent, queued);
    else this.save(state);
  }

  private get queuedCount(): u32 {
    let count: u32 = 0;
    for (let number = this.head; number != 0; number = Store.chunk(number).link) count++;
    return count;
  }

  private save(state: State): void {
    for (let tsn = this.cumulative + 1; tsn != this.next; tsn++) Store.stateOf(this.at(tsn), state, 0);
    for (let number = this.head; number != 0; number = Store.chunk(number).link)
      Store.stateOf(number, state, 0);
  }

  private restore(state: State, sent: u32, queued: u32): void {
    this.next = this.cumulative + 1;
    this.markedFrom = this.next;
    for (let n: u32 = 0; n < sent + queued; n++) {
      const number = Store.stateOf(0, state, Configuration.sendBlocks - this.used);
      if (number == 0) {
        state.refuse('the state holds more than send-buffer');
        return;
      }
      const chunk = Store.chunk(number);
      this.used += Store.blocksFor(chunk.length);
      if (n >= sent) {
        this.append(number);
        continue;
      }
      chunk.tsn = this.next++;
      store<u32>(this.ring + ((<usize>(chunk.tsn & this.mask)) << 2), number);
      if (chunk.state == ChunkState.marked) this.marked++;
      else if (chunk.state == ChunkState.gapAcked) this.gapAcked++;
      else this.flight += chunk.length;
    }
  }

  private append(number: u32): void {
    if (this.tail == 0) this.head = number;
    else Store.chunk(this.tail).link = number;
    this.tail = number;
  }

  private blocksFor(length: u32, most: u32): u32 {
    const whole = length / most;
    const rest = length % most;
    return whole * Store.blocksFor(most) + (rest > 0 ? Store.blocksFor(rest) : 0);
  }
}

/** The size of a chunk on the wire, without its padding. */
// @ts-expect-error: decorator
@inline
export function wireBytes(chunk: Chunk): u32 {
  return DATA_HEADER + chunk.length;
}
