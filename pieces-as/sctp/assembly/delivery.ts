import { State } from 'funnel-tunnel/as';
import { Configuration } from './configuration';
import { FIRST_FRAGMENT, LAST_FRAGMENT, NOTICE, UNORDERED } from './constants';
import { ReceiveBuffer } from './receive-buffer';
import { Chunk, Store } from './store';

/** The order of complete messages: those that are due, and those of each stream that wait for others. */
export class Delivery {
  /** Messages that are due, by their first fragments. */
  private readyHead: u32 = 0;
  private readyTail: u32 = 0;
  /** By stream: the number of the next message, and the messages that wait, with ascending numbers. */
  private readonly expected: StaticArray<u32> = new StaticArray<u32>(<i32>Configuration.streams);
  private readonly heads: StaticArray<u32> = new StaticArray<u32>(<i32>Configuration.streams);
  private readonly tails: StaticArray<u32> = new StaticArray<u32>(<i32>Configuration.streams);
  /** The unused high bits of a number: 16 for a stream sequence number. */
  private shift: u32 = 16;

  constructor(private readonly buffer: ReceiveBuffer) {}

  open(isInterleaved: bool): void {
    this.setInterleaved(isInterleaved);
    memory.fill(changetype<usize>(this.expected), 0, (<usize>Configuration.streams) << 2);
  }

  /** The numbers of messages in I-DATA chunks have 32 bits (RFC 8260). */
  setInterleaved(isInterleaved: bool): void {
    this.shift = isInterleaved ? 0 : 16;
  }

  /** Frees all messages. */
  close(): void {
    while (this.readyHead != 0) this.pop();
    for (let sid: u32 = 0; sid < Configuration.streams; sid++) {
      let number = this.heads[sid];
      while (number != 0) {
        const next = Store.chunk(number).link;
        this.buffer.freeMessage(number);
        number = next;
      }
      this.heads[sid] = 0;
      this.tails[sid] = 0;
    }
  }

  /** The chunk of the next message that is due; 0 if there is none. */
  get ready(): u32 {
    return this.readyHead;
  }

  /** Removes the message of `ready`. */
  pop(): void {
    const number = this.readyHead;
    this.readyHead = Store.chunk(number).link;
    this.buffer.freeMessage(number);
  }

  /** Whether a message of a stream with this number was due before. */
  isPast(sid: u32, mid: u32): bool {
    return this.distance(sid, mid) < 0;
  }

  /** Delivers a complete message, or lets it wait for its order. False if its number came before. */
  take(number: u32, chunk: Chunk): bool {
    if ((chunk.flags & <u8>UNORDERED) != 0) {
      this.addReady(number);
      return true;
    }
    const sid = chunk.sid;
    const distance = this.distance(sid, chunk.mid);
    if (distance != 0) {
      if (distance > 0 && this.wait(number, chunk)) return true;
      this.buffer.freeMessage(number);
      return false;
    }
    this.addReady(number);
    this.expected[sid] = chunk.mid + 1;
    this.deliverWaiting(sid);
    return true;
  }

  /** The peer sends no message of the stream up to this number any more (RFC 3758 §3.6). */
  skip(sid: u32, mid: u32): void {
    if (this.isPast(sid, mid)) return;
    let number = this.heads[sid];
    while (number != 0 && this.distance(sid, Store.chunk(number).mid) <= this.distance(sid, mid)) {
      this.removeHead(sid);
      this.addReady(number);
      number = this.heads[sid];
    }
    this.expected[sid] = mid + 1;
    this.deliverWaiting(sid);
  }

  /** The next message of the stream has the number 0 again (RFC 6525). */
  reset(sid: u32): void {
    while (this.heads[sid] != 0) {
      const number = this.heads[sid];
      this.removeHead(sid);
      this.addReady(number);
    }
    this.expected[sid] = 0;
  }

  /** Adds what the upper layer learns behind the messages that are due. */
  addNotice(at: usize, length: u32): void {
    const number = this.buffer.keep(at, length);
    const chunk = Store.chunk(number);
    chunk.flags = <u8>(NOTICE | UNORDERED | FIRST_FRAGMENT | LAST_FRAGMENT);
    chunk.total = length;
    this.addReady(number);
  }

  /** The size of the state of all messages. */
  get stateBytes(): u32 {
    let bytes = listBytes(this.readyHead);
    for (let sid: u32 = 0; sid < Configuration.streams; sid++) bytes += listBytes(this.heads[sid]);
    return bytes;
  }

  /** The state without the messages. */
  state(state: State): void {
    const streams = state.count(<i32>Configuration.streams, <i32>Configuration.streams);
    state.bytes(changetype<usize>(this.expected), streams << 2);
  }

  /** Saves the messages: those that are due in their order, then the others. */
  save(state: State): void {
    this.saveList(this.readyHead, state);
    for (let sid: u32 = 0; sid < Configuration.streams; sid++) this.saveList(this.heads[sid], state);
  }

  /** Puts a restored message in its place. It was due if its number is before the expected one. */
  restore(number: u32, chunk: Chunk): void {
    const isReady = (chunk.flags & <u8>UNORDERED) != 0 || this.isPast(chunk.sid, chunk.mid);
    if (isReady) this.addReady(number);
    else if (!this.wait(number, chunk)) this.buffer.freeMessage(number);
  }

  private saveList(number: u32, state: State): void {
    for (; number != 0; number = Store.chunk(number).link) {
      let fragment = number;
      for (; fragment != 0; fragment = Store.chunk(fragment).nextFragment) {
        state.u8(MESSAGE_STATE);
        Store.stateOf(fragment, state, 0);
      }
    }
  }

  /** How far a number is beyond the expected one; negative if it is before. */
  // @ts-expect-error: decorator
  @inline
  private distance(sid: u32, mid: u32): i32 {
    return <i32>((mid - this.expected[sid]) << this.shift) >> this.shift;
  }

  private deliverWaiting(sid: u32): void {
    let number = this.heads[sid];
    while (number != 0 && this.distance(sid, Store.chunk(number).mid) == 0) {
      this.expected[sid] = Store.chunk(number).mid + 1;
      this.removeHead(sid);
      this.addReady(number);
      number = this.heads[sid];
    }
  }

  /** Adds a message to those that wait. False if its number is among them. */
  private wait(number: u32, chunk: Chunk): bool {
    const sid = chunk.sid;
    const distance = this.distance(sid, chunk.mid);
    let before = this.tails[sid];
    // Usually it is the last one.
    if (before != 0 && this.distance(sid, Store.chunk(before).mid) >= distance) {
      before = 0;
      let other = this.heads[sid];
      while (this.distance(sid, Store.chunk(other).mid) < distance) {
        before = other;
        other = Store.chunk(other).link;
      }
      if (this.distance(sid, Store.chunk(other).mid) == distance) return false;
    }
    if (before == 0) {
      chunk.link = this.heads[sid];
      this.heads[sid] = number;
    } else {
      chunk.link = Store.chunk(before).link;
      Store.chunk(before).link = number;
    }
    if (chunk.link == 0) this.tails[sid] = number;
    return true;
  }

  private removeHead(sid: u32): void {
    const number = this.heads[sid];
    this.heads[sid] = Store.chunk(number).link;
    if (this.heads[sid] == 0) this.tails[sid] = 0;
  }

  private addReady(number: u32): void {
    Store.chunk(number).link = 0;
    if (this.readyHead == 0) this.readyHead = number;
    else Store.chunk(this.readyTail).link = number;
    this.readyTail = number;
  }
}

/** In the state of `Incoming`, before each chunk of a complete message. */
export const MESSAGE_STATE: u8 = 2;

function listBytes(number: u32): u32 {
  let bytes: u32 = 0;
  for (; number != 0; number = Store.chunk(number).link) {
    let fragment = number;
    for (; fragment != 0; fragment = Store.chunk(fragment).nextFragment)
      bytes += 1 + Store.stateBytes(fragment);
  }
  return bytes;
}
