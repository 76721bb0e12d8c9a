import { State } from 'funnel-tunnel/as';

/** The size of a block. User data stands in chains of them. */
export const BLOCK: u32 = 256;
const RECORD: usize = 64;

/**
 * A chunk of user data, sent or received. Its bytes stand in a chain of blocks, and the number of the first
 * identifies it. 0 is none.
 */
// @ts-expect-error: decorator
@unmanaged
export class Chunk {
  sentAt: f64;
  /** When the message is given up, if it still waits (RFC 3758). */
  expiresAt: f64;
  /** The next chunk in its queue or chain. */
  link: u32;
  tsn: u32;
  ppid: u32;
  length: u32;
  /** The number of the message in its stream: of a DATA chunk, the stream sequence number. */
  mid: u32;
  sid: u16;
  /** As in the header of a DATA chunk. */
  flags: u8;
  state: u8;
  path: u8;
  misses: u8;
  transmissions: u16;
  /** The chunk of the next fragment, in a complete received message. */
  nextFragment: u32;
  /** The bytes of all fragments, in the first fragment of a complete received message. Else 0. */
  total: u32;
  /** The number of the fragment in its message, from 0 (RFC 8260). */
  fsn: u32;
  /** The last fragment so far, in the first one of an incomplete interleaved message. */
  tail: u32;
}

let blocks: usize = 0;
let records: usize = 0;
let following: usize = 0;
let firstFree: u32 = 0;

/** The user data of all associations. Each has its own share; `Outgoing` and `Incoming` stay within it. */
export abstract class Store {
  /** The number of blocks that are in use. */
  static used: u32 = 0;

  static start(count: u32): void {
    blocks = heap.alloc(<usize>(count + 1) * BLOCK);
    records = heap.alloc(<usize>(count + 1) * RECORD);
    following = heap.alloc((<usize>(count + 1)) << 2);
    for (let i: u32 = count; i > 0; i--) {
      store<u32>(following + ((<usize>i) << 2), firstFree);
      firstFree = i;
    }
  }

  // @ts-expect-error: decorator
  @inline
  static chunk(number: u32): Chunk {
    return changetype<Chunk>(records + <usize>number * RECORD);
  }

  // @ts-expect-error: decorator
  @inline
  static blocksFor(length: u32): u32 {
    return length == 0 ? 1 : (length + BLOCK - 1) / BLOCK;
  }

  /**
   * Stores this many bytes and returns the number of their chunk. There must be room, which the shares
   * guarantee.
   */
  static keep(at: usize, length: u32): u32 {
    const head = firstFree;
    let block = head;
    let left = length;
    while (true) {
      const here = min(left, BLOCK);
      memory.copy(blocks + <usize>block * BLOCK, at, here);
      at += here;
      left -= here;
      Store.used++;
      const next = load<u32>(following + ((<usize>block) << 2));
      if (left == 0) {
        store<u32>(following + ((<usize>block) << 2), 0);
        firstFree = next;
        break;
      }
      block = next;
    }
    memory.fill(records + <usize>head * RECORD, 0, RECORD);
    Store.chunk(head).length = length;
    return head;
  }

  /** Writes the bytes of a chunk to an address. */
  static copy(number: u32, to: usize): void {
    let left = Store.chunk(number).length;
    let block = number;
    while (left > 0) {
      const here = min(left, BLOCK);
      memory.copy(to, blocks + <usize>block * BLOCK, here);
      to += here;
      left -= here;
      block = load<u32>(following + ((<usize>block) << 2));
    }
  }

  /** Frees the bytes of a chunk, and keeps the chunk. */
  static empty(number: u32): void {
    const link = following + ((<usize>number) << 2);
    const rest = load<u32>(link);
    if (rest != 0) Store.free(rest);
    store<u32>(link, 0);
    Store.chunk(number).length = 0;
  }

  static free(number: u32): void {
    let block = number;
    while (true) {
      Store.used--;
      const next = load<u32>(following + ((<usize>block) << 2));
      if (next == 0) break;
      block = next;
    }
    store<u32>(following + ((<usize>block) << 2), firstFree);
    firstFree = number;
  }

  /** The bytes that {@link stateOf} takes for a chunk. */
  static stateBytes(number: u32): u32 {
    return CHUNK_STATE + Store.chunk(number).length;
  }

  /**
   * Saves or restores a chunk and its bytes. While restoring, returns the number of a new one; 0 if it would
   * exceed the given blocks.
   *
   * @param number the chunk that is saved
   */
  static stateOf(number: u32, state: State, most: u32): u32 {
    const length = state.u32(state.isRestoring ? 0 : Store.chunk(number).length);
    if (state.isRestoring) {
      if (length > 65_536 || Store.blocksFor(length) > most) return 0;
      number = Store.keep(scratch, length);
    } else {
      Store.copy(number, scratch);
    }
    const chunk = Store.chunk(number);
    chunk.tsn = state.u32(chunk.tsn);
    chunk.ppid = state.u32(chunk.ppid);
    chunk.sid = state.u16(chunk.sid);
    chunk.mid = state.u32(chunk.mid);
    chunk.fsn = state.u32(chunk.fsn);
    chunk.flags = state.u8(chunk.flags);
    chunk.state = state.u8(chunk.state);
    chunk.path = state.u8(chunk.path);
    chunk.misses = state.u8(chunk.misses);
    chunk.transmissions = state.u16(chunk.transmissions);
    const isSent = chunk.transmissions > 0;
    const sentAt = state.instant(isSent ? chunk.sentAt : Infinity);
    if (isSent) chunk.sentAt = sentAt;
    chunk.expiresAt = state.instant(chunk.expiresAt);
    state.bytes(scratch, <i32>length);
    if (state.isRestoring) Store.write(number, scratch);
    return number;
  }

  /** Replaces the bytes of a chunk. */
  private static write(number: u32, at: usize): void {
    let left = Store.chunk(number).length;
    let block = number;
    while (left > 0) {
      const here = min(left, BLOCK);
      memory.copy(blocks + <usize>block * BLOCK, at, here);
      at += here;
      left -= here;
      block = load<u32>(following + ((<usize>block) << 2));
    }
  }
}

/** The size of a chunk's state besides its data. */
const CHUNK_STATE: u32 = 44;
const scratch: usize = memory.data(65_536, 8);
