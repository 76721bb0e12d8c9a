import { arenaStart, Frame, partIndex, partsFrom } from './batch';
import { FRAME_SIZE, PART_SIZE } from './generated';
import { Outcome } from './outcome';

const BLOCK: i32 = 512;

/**
 * Frames that a piece holds by their tickets, with their parts and visible bytes. Withheld payloads stay with
 * the host. Each frame has a chain of blocks, because frames go in another order than they came.
 */
export class HeldFrames {
  private frames: usize;
  private bytes: StaticArray<u32>;
  private chains: StaticArray<i32>;
  private freeEntries: StaticArray<i32>;
  private freeEntryCount: i32;
  /** The block that follows, by block; -1 behind the last. */
  private following: StaticArray<i32>;
  private freeBlock: i32 = -1;
  private freeBlockCount: i32;
  private blocks: usize;
  // The place in the chain that is being written or read.
  private block: i32 = -1;
  private within: i32 = 0;

  /**
   * @param most frames
   * @param blocks of 512 bytes, for their parts of 12 bytes and their visible bytes
   */
  constructor(most: i32, blocks: i32) {
    this.frames = heap.alloc(most * FRAME_SIZE);
    this.bytes = new StaticArray<u32>(most);
    this.chains = new StaticArray<i32>(most);
    this.freeEntries = new StaticArray<i32>(most);
    this.freeEntryCount = most;
    this.following = new StaticArray<i32>(blocks);
    this.freeBlockCount = blocks;
    this.blocks = heap.alloc(blocks * BLOCK);
    for (let i = 0; i < most; i++) this.freeEntries[i] = most - 1 - i;
    for (let i = 0; i < blocks; i++) {
      this.following[i] = this.freeBlock;
      this.freeBlock = i;
    }
  }

  /** Keeps a frame and returns its entry; -1 when there is no room. */
  keep(frame: Frame): i32 {
    const count = <i32>frame.partCount;
    let visible = 0;
    for (let i = 0; i < count; i++) if (!frame.part(i).isWithheld) visible += <i32>frame.part(i).length;
    const needed = (count * PART_SIZE + visible + BLOCK - 1) / BLOCK;
    if (this.freeEntryCount == 0 || needed > this.freeBlockCount) return -1;
    const entry = this.freeEntries[--this.freeEntryCount];
    memory.copy(this.frames + entry * FRAME_SIZE, changetype<usize>(frame), FRAME_SIZE);
    this.bytes[entry] = visible;
    this.chains[entry] = this.takeBlocks(needed);
    this.open(entry);
    for (let i = 0; i < count; i++) this.write(changetype<usize>(frame.part(i)), PART_SIZE);
    for (let i = 0; i < count; i++) {
      const part = frame.part(i);
      if (!part.isWithheld) this.write(part.bytes, <i32>part.length);
    }
    return entry;
  }

  ticketOf(entry: i32): u32 {
    return this.frame(entry).ticket;
  }

  /** The frame as it came, in the arena of this call; null if there is no room. The entry remains. */
  restore(entry: i32, out: Outcome): Frame | null {
    const kept = this.frame(entry);
    const count = <i32>kept.partCount;
    const visible = <i32>this.bytes[entry];
    const at = out.room(FRAME_SIZE + (count + 1) * PART_SIZE);
    let bytes = out.room(visible);
    if (at == 0 || bytes == 0) return null;
    const parts = partsFrom(at + FRAME_SIZE);
    this.open(entry);
    this.readInto(parts, count * PART_SIZE);
    this.readInto(bytes, visible);
    memory.copy(at, changetype<usize>(kept), FRAME_SIZE);
    const frame = changetype<Frame>(at);
    frame.firstPart = partIndex(parts);
    frame.roomOffset = <u32>(bytes - arenaStart());
    frame.roomLength = <u32>visible;
    for (let i = 0; i < count; i++) {
      const part = frame.part(i);
      if (part.isWithheld) continue;
      part.offset = <u32>(bytes - arenaStart());
      bytes += part.length;
    }
    return frame;
  }

  free(entry: i32): void {
    let block = this.chains[entry];
    while (block >= 0) {
      const next = this.following[block];
      this.following[block] = this.freeBlock;
      this.freeBlock = block;
      this.freeBlockCount++;
      block = next;
    }
    this.freeEntries[this.freeEntryCount++] = entry;
  }

  // @ts-ignore: decorator
  @inline
  private frame(entry: i32): Frame {
    return changetype<Frame>(this.frames + entry * FRAME_SIZE);
  }

  private takeBlocks(count: i32): i32 {
    let chain = -1;
    for (let n = 0; n < count; n++) {
      const block = this.freeBlock;
      this.freeBlock = this.following[block];
      this.following[block] = chain;
      chain = block;
    }
    this.freeBlockCount -= count;
    return chain;
  }

  private open(entry: i32): void {
    this.block = this.chains[entry];
    this.within = 0;
  }

  private write(from: usize, length: i32): void {
    while (length > 0) {
      const here = this.stretch(length);
      memory.copy(this.blocks + this.block * BLOCK + this.within, from, here);
      this.within += here;
      from += here;
      length -= here;
    }
  }

  private readInto(to: usize, length: i32): void {
    while (length > 0) {
      const here = this.stretch(length);
      memory.copy(to, this.blocks + this.block * BLOCK + this.within, here);
      this.within += here;
      to += here;
      length -= here;
    }
  }

  /** The number of these bytes that fit into the present block. */
  private stretch(length: i32): i32 {
    if (this.within == BLOCK) {
      this.block = this.following[this.block];
      this.within = 0;
    }
    return min(length, BLOCK - this.within);
  }
}
