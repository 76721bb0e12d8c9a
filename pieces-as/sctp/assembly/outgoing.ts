import { State } from 'funnel-tunnel/as';
import { Configuration } from './configuration';
import {
  BEHIND_RESET,
  DATA_HEADER,
  Feature,
  FIRST_FRAGMENT,
  I_DATA_HEADER,
  IMMEDIATE,
  isBefore,
  LAST_FRAGMENT,
  UNORDERED,
} from './constants';
import { Reliability } from './reliability';
import { SendQueue } from './send-queue';
import { Chunk, Store } from './store';

export const enum ChunkState {
  queued,
  inFlight,
  /** A Gap Ack Block acknowledged it; the peer may still revoke that. */
  gapAcked,
  /** The chunk has to be sent again. */
  marked,
  /** The message is given up, and its bytes are gone (RFC 3758). */
  abandoned,
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

  /** The peer learns by FORWARD TSN that nothing up to here comes any more (RFC 3758 §3.5 A1). */
  advanced: u32 = 0;
  /** A FORWARD TSN is to be sent. */
  isForwardDue: bool = false;
  /** The point that the last FORWARD TSN named, and whether a SACK came since that did not follow it. */
  forwarded: u32 = 0;
  hasIgnoredForward: bool = false;
  /** Chunks were marked since the last review of their limits. */
  hasNewMarks: bool = false;
  /** When the limit of a waiting message may have passed. */
  reviewAt: f64 = Infinity;
  /** The number of messages that were given up. */
  abandonedMessages: u32 = 0;

  readonly queue: SendQueue = new SendQueue();
  /** The chunk of a TSN from `cumulative` to `next`, both excluded. */
  private readonly ring: usize = heap.alloc((<usize>Outgoing.ringSize) << 2);
  private readonly mask: u32 = Outgoing.ringSize - 1;
  /** Whether messages go in I-DATA chunks (RFC 8260), and the size of the header of each chunk. */
  isInterleaved: bool = false;
  header: u32 = DATA_HEADER;
  /** By stream: the number of the next message, and of the next unordered one of I-DATA. */
  private readonly mids: StaticArray<u32> = new StaticArray<u32>(<i32>Configuration.streams);

  private readonly unorderedMids: StaticArray<u32> = new StaticArray<u32>(<i32>Configuration.streams);

  private static get ringSize(): u32 {
    let size: u32 = 64;
    while (size <= Configuration.sendBlocks) size <<= 1;
    return size;
  }

  open(streams: u32, initialTsn: u32, peerWindow: u32, features: u32): void {
    this.setInterleaved((features & Feature.interleaving) != 0);
    // Begun messages must fit into the buffer of the peer together.
    this.queue.mostBegun = peerWindow / 2;
    this.streams = streams;
    this.cumulative = initialTsn - 1;
    this.next = initialTsn;
    this.markedFrom = initialTsn;
    this.peerWindow = peerWindow;
    this.advanced = this.cumulative;
    this.forwarded = this.cumulative;
  }

  private setInterleaved(isInterleaved: bool): void {
    this.isInterleaved = isInterleaved;
    this.header = isInterleaved ? I_DATA_HEADER : DATA_HEADER;
    this.queue.isInterleaved = isInterleaved;
  }

  /** Sets the values of a new association, and drops what waited. Returns the number of lost messages. */
  close(): u32 {
    let messages: u32 = 0;
    for (let tsn = this.cumulative + 1; tsn != this.next; tsn++) {
      const number = this.at(tsn);
      const chunk = Store.chunk(number);
      const isLost = chunk.state != ChunkState.gapAcked && chunk.state != ChunkState.abandoned;
      if (isLost && (chunk.flags & <u8>LAST_FRAGMENT) != 0) messages++;
      Store.free(number);
    }
    for (let sid: u32 = 0; sid < this.streams; sid++) this.releaseStream(sid);
    while (this.queue.first != 0) {
      const number = this.queue.take();
      if ((Store.chunk(number).flags & <u8>LAST_FRAGMENT) != 0) messages++;
      Store.free(number);
    }
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
    this.advanced = 0;
    this.forwarded = 0;
    this.isForwardDue = false;
    this.hasIgnoredForward = false;
    this.hasNewMarks = false;
    this.reviewAt = Infinity;
    this.abandonedMessages = 0;
    memory.fill(changetype<usize>(this.mids), 0, (<usize>Configuration.streams) << 2);
    memory.fill(changetype<usize>(this.unorderedMids), 0, (<usize>Configuration.streams) << 2);
    return messages;
  }

  /** Whether nothing waits, and all is acknowledged. */
  get isDone(): bool {
    return this.queue.count == 0 && this.cumulative + 1 == this.next;
  }

  /** Whether chunks could go out now, as far as the windows allow. */
  get isWaiting(): bool {
    return this.queue.count > 0 || this.marked > 0;
  }

  get isOutstanding(): bool {
    return this.cumulative + 1 != this.next;
  }

  /** Whether there is room for a message of this many bytes, in fragments of this size. */
  hasRoomFor(length: u32, most: u32): bool {
    return this.used + this.blocksFor(length, most) <= Configuration.sendBlocks;
  }

  /** Whether there would be, if this many blocks became free. */
  wouldHaveRoomFor(length: u32, most: u32, freed: u32): bool {
    return this.used - freed + this.blocksFor(length, most) <= Configuration.sendBlocks;
  }

  /** Whether little room is left, so that senders have to wait. */
  get isAlmostFull(): bool {
    return this.used * 4 >= Configuration.sendBlocks * 3;
  }

  /** The peer must learn that messages were given up. */
  get isForwardOutstanding(): bool {
    return isBefore(this.cumulative, this.advanced);
  }

  /** Takes a message, in fragments of at most this size. There must be room. */
  add(at: usize, length: u32, most: u32, sid: u32, ppid: u32, flags: u32, now: f64): void {
    const expiresAt = Reliability.expiryOf(sid, now);
    this.reviewAt = min(this.reviewAt, expiresAt);
    let left = length;
    let fsn: u32 = 0;
    do {
      const here = min(left, most);
      const number = Store.keep(at, here);
      const chunk = Store.chunk(number);
      this.used += Store.blocksFor(here);
      chunk.sid = <u16>sid;
      chunk.expiresAt = expiresAt;
      chunk.fsn = fsn;
      // The queue counts the bytes of begun messages by it.
      if (fsn++ == 0 || here == left) chunk.total = length;
      chunk.ppid = ppid;
      chunk.flags = <u8>(
        ((flags & (UNORDERED | IMMEDIATE)) |
          (left == length ? FIRST_FRAGMENT | (flags & BEHIND_RESET) : 0) |
          (here == left ? LAST_FRAGMENT : 0))
      );
      chunk.state = <u8>ChunkState.queued;
      this.queue.add(number);
      at += here;
      left -= here;
    } while (left > 0);
  }

  /** Whether there is a TSN for one more: its place in the ring is free. */
  get hasTsn(): bool {
    return this.next - this.cumulative - 1 < this.mask;
  }

  /** Gives the first waiting chunk its TSN, and its message a number. */
  takeFirst(): Chunk {
    return this.number(this.queue.take());
  }

  /** Gives a chunk from the queue its TSN. */
  number(number: u32): Chunk {
    const chunk = Store.chunk(number);
    const isUnordered = (chunk.flags & <u8>UNORDERED) != 0;
    const isFirst = (chunk.flags & <u8>FIRST_FRAGMENT) != 0;
    const mids = isUnordered ? this.unorderedMids : this.mids;
    if (isFirst && (!isUnordered || this.isInterleaved)) mids[chunk.sid]++;
    // The stream sequence number of an unordered DATA chunk is ignored (RFC 9260 §3.3.1).
    if (!isUnordered || this.isInterleaved) chunk.mid = mids[chunk.sid] - 1;
    chunk.tsn = this.next++;
    store<u32>(this.ring + ((<usize>(chunk.tsn & this.mask)) << 2), number);
    return chunk;
  }

  /** The next message of the stream has the number 0 again (RFC 6525). */
  reset(sid: u32): void {
    this.mids[sid] = 0;
    this.unorderedMids[sid] = 0;
  }

  /** Whether the waiting chunk is a later fragment of the message of one that was sent. */
  isSameMessage(sent: Chunk, waiting: u32): bool {
    const chunk = Store.chunk(waiting);
    if ((chunk.flags & <u8>FIRST_FRAGMENT) != 0 || ((chunk.flags ^ sent.flags) & <u8>UNORDERED) != 0)
      return false;
    const isUnordered = (sent.flags & <u8>UNORDERED) != 0;
    return sent.mid == (isUnordered ? this.unorderedMids[sent.sid] : this.mids[sent.sid]) - 1;
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
    this.hasNewMarks = true;
    if (isBefore(chunk.tsn, this.markedFrom)) this.markedFrom = chunk.tsn;
    this.flight -= chunk.length;
    // RFC 9260 §6.2.1 (B).
    this.peerWindow += chunk.length;
  }

  /** The reset of a stream is over: what waited for it may be sent, or given up. */
  releaseStream(sid: u32): void {
    if (!this.queue.hasBarrier(sid)) return;
    this.queue.release(sid);
    this.hasNewMarks = true;
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
    for (let sid: u32 = 0; sid < this.streams; sid++) {
      for (let number = this.queue.headOf(sid); number != 0; number = Store.chunk(number).link)
        bytes += Store.stateBytes(number);
    }
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
    state.bytes(changetype<usize>(this.mids), streams << 2);
    state.bytes(changetype<usize>(this.unorderedMids), streams << 2);
    this.setInterleaved(state.bool(this.isInterleaved));
    this.queue.mostBegun = state.u32(this.queue.mostBegun);
    this.advanced = state.u32(this.advanced);
    this.forwarded = state.u32(this.forwarded);
    this.isForwardDue = state.bool(this.isForwardDue);
    this.abandonedMessages = state.u32(this.abandonedMessages);
    const sent = <u32>state.count(<i32>(this.next - this.cumulative - 1), <i32>this.mask);
    const queued = <u32>state.count(<i32>this.queue.count, <i32>Configuration.sendBlocks);
    if (state.isRestoring) this.restore(state, sent, queued);
    else this.save(state);
  }

  private save(state: State): void {
    for (let tsn = this.cumulative + 1; tsn != this.next; tsn++) Store.stateOf(this.at(tsn), state, 0);
    for (let sid = this.queue.firstStream; sid >= 0; sid = this.queue.streamAfter(sid))
      this.saveStream(sid, state);
    for (let sid: u32 = 0; sid < this.streams; sid++) if (this.queue.isHeld(sid)) this.saveStream(sid, state);
  }

  private saveStream(sid: i32, state: State): void {
    for (let number = this.queue.headOf(sid); number != 0; number = Store.chunk(number).link)
      Store.stateOf(number, state, 0);
  }

  private restore(state: State, sent: u32, queued: u32): void {
    this.next = this.cumulative + 1;
    this.markedFrom = this.next;
    this.reviewAt = -Infinity;
    for (let n: u32 = 0; n < sent + queued; n++) {
      const number = Store.stateOf(0, state, Configuration.sendBlocks - this.used);
      if (number == 0) {
        state.refuse('the state holds more than send-buffer');
        return;
      }
      const chunk = Store.chunk(number);
      if (<u32>chunk.sid >= Configuration.streams) {
        state.refuse('the state has a message for a stream that does not exist');
        return;
      }
      this.used += Store.blocksFor(chunk.length);
      if (n >= sent) {
        this.queue.add(number);
        continue;
      }
      chunk.tsn = this.next++;
      store<u32>(this.ring + ((<usize>(chunk.tsn & this.mask)) << 2), number);
      if (chunk.state == ChunkState.marked) this.marked++;
      else if (chunk.state == ChunkState.gapAcked) this.gapAcked++;
      else if (chunk.state != ChunkState.abandoned) this.flight += chunk.length;
    }
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
