// Messages that are kept beyond the call that brought them, each in a chain of blocks.

import { State } from 'funnel-tunnel/as';
import { Load } from './load';

@inline const BLOCK: i32 = 512;
@inline const NONE: i32 = -1;

/** Blocks for messages. Its memory is taken when the first message comes. */
export class MessagePool {
  private pool: usize = 0;
  private firstFree: i32 = NONE;
  private readonly following: StaticArray<i32>;

  constructor(private readonly blocks: i32) {
    this.following = new StaticArray<i32>(blocks);
  }

  /** The most bytes of one message. */
  get mostBytes(): i32 {
    return this.blocks * BLOCK;
  }

  /** A chain of blocks for so many bytes, more than 0; negative if there is no room. */
  take(length: i32): i32 {
    if (this.pool == 0) this.allocate();
    let last = this.firstFree;
    for (let left = length - BLOCK; left > 0 && last != NONE; left -= BLOCK)
      last = unchecked(this.following[last]);
    if (last == NONE) return NONE;
    const first = this.firstFree;
    this.firstFree = unchecked(this.following[last]);
    unchecked((this.following[last] = NONE));
    return first;
  }

  free(chain: i32): void {
    let last = chain;
    while (unchecked(this.following[last]) != NONE) last = unchecked(this.following[last]);
    unchecked((this.following[last] = this.firstFree));
    this.firstFree = chain;
  }

  /** Copies a head and a body, one behind the other, into a chain that they fill. */
  write(chain: i32, head: usize, headLength: i32, body: usize, bodyLength: i32): void {
    let block = chain;
    let room = BLOCK;
    for (let part = 0; part < 2; part++) {
      let from = part == 0 ? head : body;
      let left = part == 0 ? headLength : bodyLength;
      while (left > 0) {
        if (room == 0) {
          block = unchecked(this.following[block]);
          room = BLOCK;
        }
        const length = min(left, room);
        memory.copy(this.at(block) + BLOCK - room, from, length);
        from += length;
        left -= length;
        room -= length;
      }
    }
  }

  /** Copies a message out of its chain. */
  read(chain: i32, length: i32, to: usize): void {
    let block = chain;
    for (let done = 0; done < length; done += BLOCK) {
      memory.copy(to + done, this.at(block), min(length - done, BLOCK));
      block = unchecked(this.following[block]);
    }
  }

  /** Saves the bytes of a message, or restores them into a chain that has room for them. */
  state(state: State, chain: i32, length: i32): void {
    let block = chain;
    for (let left = length; left > 0; left -= BLOCK) {
      state.bytes(this.at(block), min(left, BLOCK));
      block = unchecked(this.following[block]);
    }
  }

  private allocate(): void {
    Load.spend(50_000);
    this.pool = heap.alloc(<usize>this.blocks * <usize>BLOCK);
    for (let i = this.blocks - 1; i >= 0; i--) {
      unchecked((this.following[i] = this.firstFree));
      this.firstFree = i;
    }
  }

  @inline
  private at(block: i32): usize {
    return this.pool + <usize>block * <usize>BLOCK;
  }
}
