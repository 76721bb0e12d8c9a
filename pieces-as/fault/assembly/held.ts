import { Frame, Outcome, PartMarks } from 'funnel-tunnel/as';

/** Bytes of the contract's `part`, as which parts are kept. */
const PART: i32 = 12;
const MOST_PARTS: i32 = 32;
const BLOCK: i32 = 512;
const IS_BACK: u8 = 1;
const IS_DUPLICATED: u8 = 2;
const IS_REORDERED: u8 = 4;
const NOT_JOINED: u16 = 3;

const parts: usize = memory.data(MOST_PARTS * PART, 4);

/**
 * Frames that are held by their tickets: their parts, and the bytes that can be seen of them; payloads that were withheld
 * stay with the host. Each is kept in a chain of blocks, since they go in another order than they came.
 */
export class Held {
  private tickets: StaticArray<u32>;
  private flags: StaticArray<u8>;
  private partCounts: StaticArray<u8>;
  private skips: StaticArray<u16>;
  private bytes: StaticArray<u32>;
  private chains: StaticArray<i32>;
  private freeEntries: StaticArray<i32>;
  private freeEntryCount: i32;
  /** The block that follows, by block; -1 behind the last. */
  private following: StaticArray<i32>;
  private freeBlock: i32 = -1;
  private freeBlockCount: i32;
  private blocks: usize;
  // Where a chain is being written or read.
  private block: i32 = -1;
  private within: i32 = 0;

  constructor(most: i32, blocks: i32) {
    this.tickets = new StaticArray<u32>(most);
    this.flags = new StaticArray<u8>(most);
    this.partCounts = new StaticArray<u8>(most);
    this.skips = new StaticArray<u16>(most);
    this.bytes = new StaticArray<u32>(most);
    this.chains = new StaticArray<i32>(most);
    this.freeEntries = new StaticArray<i32>(most);
    this.freeEntryCount = most;
    this.following = new StaticArray<i32>(blocks);
    this.freeBlockCount = blocks;
    this.blocks = heap.alloc(blocks * BLOCK);
    for (let i = 0; i < most; i++) this.freeEntries[i] = i;
    for (let i = 0; i < blocks; i++) {
      this.following[i] = this.freeBlock;
      this.freeBlock = i;
    }
  }

  /** Keeps a frame and returns its entry; -1 when there is no room. */
  keep(frame: Frame, isBack: bool, isDuplicated: bool, isReordered: bool): i32 {
    const count = <i32>frame.partCount;
    let visible = 0;
    for (let i = 0; i < count; i++) if (!frame.part(i).isWithheld) visible += <i32>frame.part(i).length;
    const needed = (count * PART + visible + BLOCK - 1) / BLOCK;
    if (this.freeEntryCount == 0 || needed > this.freeBlockCount) return -1;
    const entry = this.freeEntries[--this.freeEntryCount];
    this.tickets[entry] = frame.ticket;
    this.flags[entry] = (isBack ? IS_BACK : 0) | (isDuplicated ? IS_DUPLICATED : 0) | (isReordered ? IS_REORDERED : 0);
    this.partCounts[entry] = <u8>count;
    this.skips[entry] = <u16>frame.skipHeaders | (<u16>frame.skipTrailers << 8);
    this.bytes[entry] = visible;
    this.chains[entry] = this.takeBlocks(needed);
    this.open(entry);
    for (let i = 0; i < count; i++) this.write(changetype<usize>(frame.part(i)), PART);
    for (let i = 0; i < count; i++) {
      const part = frame.part(i);
      if (!part.isWithheld) this.write(part.bytes, <i32>part.length);
    }
    return entry;
  }

  isBack(entry: i32): bool {
    return (this.flags[entry] & IS_BACK) != 0;
  }

  isToBeOvertaken(entry: i32): bool {
    return (this.flags[entry] & IS_REORDERED) != 0;
  }

  /** The frame goes on by this Edge, or ends where that is on no network. False when it does not fit; then it is held on. */
  release(entry: i32, to: i32, out: Outcome): bool {
    if (to < 0) {
      if (!out.end(this.tickets[entry], NOT_JOINED)) return false;
      this.free(entry);
      return true;
    }
    const count = <i32>this.partCounts[entry];
    if (out.framesLeft < 2 || out.partsLeft < count) return false;
    const visible = <i32>this.bytes[entry];
    let at = out.room(visible);
    if (at == 0) return false;
    this.open(entry);
    this.readInto(parts, count * PART);
    this.readInto(at, visible);
    out.begin(<u16>to, 0, this.tickets[entry]);
    for (let i = 0; i < count; i++) {
      const part = parts + i * PART;
      const protocol = load<u16>(part);
      const role = <i32>load<u8>(part, 2);
      const marks = <i32>load<u8>(part, 3);
      const length = load<u32>(part, 8);
      if ((marks & PartMarks.Withheld) != 0) {
        out.part(protocol, role, marks, load<u32>(part, 4), length);
      } else {
        out.bytes(protocol, role, marks, at, <i32>length);
        at += length;
      }
    }
    out.skips(<u8>this.skips[entry], <u8>(this.skips[entry] >> 8));
    if ((this.flags[entry] & IS_DUPLICATED) != 0) out.again(<u16>to, 0);
    this.free(entry);
    return true;
  }

  private free(entry: i32): void {
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

  /** How many of so many bytes stand in one block, from the next byte on. */
  private stretch(length: i32): i32 {
    if (this.within == BLOCK) {
      this.block = this.following[this.block];
      this.within = 0;
    }
    return min(length, BLOCK - this.within);
  }
}
