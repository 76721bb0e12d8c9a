import { Configuration } from './configuration';
import { BEHIND_RESET, FIRST_FRAGMENT, LAST_FRAGMENT } from './constants';
import { Store } from './store';

/** No stream. */
const NONE: i32 = -1;

/** The chunks that were not sent yet. The streams that have some take turns, a message each. */
export class SendQueue {
  /** The number of chunks. */
  count: u32 = 0;
  /** The turns change behind each chunk (RFC 8260 §3.2). */
  isInterleaved: bool = false;
  /** No further message begins beyond this many bytes of begun ones. */
  mostBegun: u32 = 0;
  private begun: u32 = 0;
  private readonly heads: StaticArray<u32> = new StaticArray<u32>(<i32>Configuration.streams);
  private readonly tails: StaticArray<u32> = new StaticArray<u32>(<i32>Configuration.streams);
  /** The streams that have chunks, linked in the order of their turns. */
  private readonly following: StaticArray<i32> = new StaticArray<i32>(<i32>Configuration.streams);
  /** By stream: whether one of its messages waits for a reset. */
  private readonly barriers: StaticArray<u8> = new StaticArray<u8>(<i32>Configuration.streams);
  private turn: i32 = NONE;
  private lastTurn: i32 = NONE;

  add(number: u32): void {
    const chunk = Store.chunk(number);
    const sid = chunk.sid;
    chunk.link = 0;
    if (isBarrier(number)) this.barriers[sid] = 1;
    if (this.heads[sid] == 0) {
      this.heads[sid] = number;
      if (!isBarrier(number)) this.addTurn(sid);
    } else {
      Store.chunk(this.tails[sid]).link = number;
    }
    this.tails[sid] = number;
    this.count++;
  }

  /** The chunk that is next; 0 if there is none. */
  get first(): u32 {
    return this.turn == NONE ? 0 : this.heads[this.turn];
  }

  /** Removes the chunk that is next, and gives the turn to another stream behind a whole message. */
  take(): u32 {
    const sid = this.turn;
    const number = this.removeHead(sid);
    if (this.isInterleaved) this.noteBegun(number);
    else if ((Store.chunk(number).flags & <u8>LAST_FRAGMENT) == 0) return number;
    this.endTurn();
    if (!this.isHeld(sid)) this.addTurn(sid);
    if (this.isInterleaved) this.passOver();
    return number;
  }

  /** Counts the bytes of the messages that have begun and not ended. */
  private noteBegun(number: u32): void {
    const chunk = Store.chunk(number);
    const isFirst = (chunk.flags & <u8>FIRST_FRAGMENT) != 0;
    const isLast = (chunk.flags & <u8>LAST_FRAGMENT) != 0;
    if (isFirst && !isLast) this.begun += chunk.total;
    else if (isLast && !isFirst) this.begun -= min(this.begun, chunk.total);
  }

  /** Gives the turn to a stream that goes on, where another message of several fragments may not begin. */
  private passOver(): void {
    if (this.begun < this.mostBegun || this.turn == NONE) return;
    let left = this.turn;
    while (left != NONE && !this.goesOn(left)) left = this.streamAfter(left);
    if (left == NONE) return;
    while (!this.goesOn(this.turn)) {
      const sid = this.turn;
      this.endTurn();
      this.addTurn(sid);
    }
  }

  /** Whether the first chunk of a stream makes no further demand on the buffer of the peer. */
  private goesOn(sid: i32): bool {
    const flags = <u32>Store.chunk(this.heads[sid]).flags;
    return (flags & FIRST_FRAGMENT) == 0 || (flags & LAST_FRAGMENT) != 0;
  }

  /** Whether the first message of a stream has begun, so that only its rest is here. */
  hasBegun(sid: i32): bool {
    return (Store.chunk(this.heads[sid]).flags & <u8>FIRST_FRAGMENT) == 0;
  }

  /** The first chunk of a stream; 0 if there is none. */
  headOf(sid: i32): u32 {
    return this.heads[sid];
  }

  /** Removes the first chunk of a stream out of turn. Its message may have begun. */
  drop(sid: i32, hasBegun: bool): u32 {
    const number = this.removeHead(sid);
    if (this.isInterleaved && hasBegun) this.noteBegun(number);
    if (this.isHeld(sid)) this.leave(sid);
    return number;
  }

  /** Whether nothing of a stream may be sent now: it is empty, or waits for its reset. */
  isHeld(sid: i32): bool {
    return this.heads[sid] == 0 || isBarrier(this.heads[sid]);
  }

  /** Whether a message of a stream waits for its reset. */
  hasBarrier(sid: i32): bool {
    return this.barriers[sid] != 0;
  }

  /** The reset of a stream is over. */
  release(sid: i32): void {
    if (this.barriers[sid] == 0) return;
    this.barriers[sid] = 0;
    // Where the reset was denied before it was requested, messages from before it may still be here.
    let number = this.heads[sid];
    while (number != 0 && !isBarrier(number)) number = Store.chunk(number).link;
    if (number == 0) return;
    const chunk = Store.chunk(number);
    chunk.flags = chunk.flags & ~(<u8>BEHIND_RESET);
    if (number == this.heads[sid]) this.addTurn(sid);
  }

  /** The stream whose turn it is, and the one after another; negative behind the last. */
  get firstStream(): i32 {
    return this.turn;
  }

  streamAfter(sid: i32): i32 {
    return sid == this.lastTurn ? NONE : this.following[sid];
  }

  private removeHead(sid: i32): u32 {
    const number = this.heads[sid];
    this.heads[sid] = Store.chunk(number).link;
    if (this.heads[sid] == 0) this.tails[sid] = 0;
    this.count--;
    return number;
  }

  private addTurn(sid: i32): void {
    if (this.turn == NONE) this.turn = sid;
    else this.following[this.lastTurn] = sid;
    this.lastTurn = sid;
  }

  private endTurn(): void {
    if (this.turn == this.lastTurn) {
      this.turn = NONE;
      this.lastTurn = NONE;
    } else {
      this.turn = this.following[this.turn];
    }
  }

  /** Removes a stream from the turns. */
  private leave(sid: i32): void {
    if (sid == this.turn) return this.endTurn();
    let before = this.turn;
    while (this.following[before] != sid) before = this.following[before];
    this.following[before] = this.following[sid];
    if (this.lastTurn == sid) this.lastTurn = before;
  }
}

function isBarrier(number: u32): bool {
  return (Store.chunk(number).flags & <u8>BEHIND_RESET) != 0;
}
