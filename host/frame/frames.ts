import { LaneMemory } from './lane-memory.ts';

/**
 * The frames of one lane: their bytes, their parts, their reference counts.
 *
 * All bytes of all frames are in one memory that lives as long as the lane. It begins with rooms of two
 * sizes; a frame is a row, and each row owns one room. So the frame path uses integers only: it makes no
 * view, object or closure for a frame, one number is a whole address, and a kept frame keeps nothing else
 * alive. The system backs no room that traffic never touches.
 *
 * Invariants, which composing and growth in place require:
 * - a frame's bytes are contiguous and lie in the room of its row;
 * - its parts are adjacent, in the order of the bytes, and cover it;
 * - a row with several references (`references > 1`) is only read.
 */
export class Frames {
  /** Rooms from address 0 on; behind them the tables of this class, and space for tables of other modules. */
  readonly lane: LaneMemory;
  /** Every byte of every frame. Addresses are offsets into it. */
  readonly memory: ArrayBuffer;
  readonly bytes: Uint8Array;
  /** The same bytes, eight at a time: the unit in which frames are copied. */
  readonly doubles: Float64Array;
  /** The address of a frame's first byte, by row. */
  readonly start: Uint32Array;
  /** Bytes in a frame, by row. */
  readonly length: Uint32Array;
  readonly partCount: Uint8Array;
  /** The number of queues and ledgers that hold a frame, by row; 0 for a free row. */
  readonly references: Int32Array;
  /** The number of pieces that a frame has passed, by row. It ends loops. */
  readonly hops: Uint8Array;
  /** The id of the message that a row is a fragment of, unique in the lane; 0 for a whole frame. */
  readonly messageIds: Uint32Array;
  /** By row with a message id: the fragment index | `LAST_FRAGMENT`. */
  readonly fragments: Uint32Array;
  /**
   * When a frame out of a capture was recorded, by row: seconds since 1970, and nanoseconds, which are
   * {@link NOT_RECORDED} for every other frame.
   */
  readonly recordedSeconds: Float64Array;
  readonly recordedNanoseconds: Uint32Array;
  /**
   * Three words for each part, {@link MAX_PARTS} parts for each row, laid out as the contract's `part`:
   * protocol, role and marks; offset, which is an address in `memory`; length.
   */
  readonly partWords: Uint32Array;
  readonly rows: number;

  readonly #smallRows: number;
  readonly #largeBase: number;
  readonly #free: Int32Array;
  #freeSmall: number;
  #freeLarge: number;
  #fewestFree: number;
  #lastMessageId = 0;

  constructor({ smallRows = 8192, largeRows = 128 }: { smallRows?: number; largeRows?: number } = {}) {
    this.#smallRows = smallRows;
    this.#largeBase = smallRows * SMALL_ROOM;
    const rows = smallRows + largeRows;
    const rooms = this.#largeBase + largeRows * LARGE_ROOM;
    this.rows = rows;
    this.lane = new LaneMemory(rooms + rows * BYTES_A_ROW + SPARE);
    this.memory = this.lane.buffer;
    this.lane.take(rooms);
    this.bytes = new Uint8Array(this.memory);
    this.doubles = new Float64Array(this.memory);
    this.start = new Uint32Array(this.memory, this.lane.take(rows * 4), rows);
    this.length = new Uint32Array(this.memory, this.lane.take(rows * 4), rows);
    this.partCount = new Uint8Array(this.memory, this.lane.take(rows), rows);
    this.references = new Int32Array(this.memory, this.lane.take(rows * 4), rows);
    this.hops = new Uint8Array(this.memory, this.lane.take(rows), rows);
    this.messageIds = new Uint32Array(rows);
    this.fragments = new Uint32Array(rows);
    this.recordedSeconds = new Float64Array(rows);
    this.recordedNanoseconds = new Uint32Array(rows).fill(NOT_RECORDED);
    const partWords = rows * MAX_PARTS * PART_WORDS;
    this.partWords = new Uint32Array(this.memory, this.lane.take(partWords * 4), partWords);
    // Two stacks of free rows in one array: small rows grow from its start, large rows from `smallRows`.
    this.#free = new Int32Array(this.rows);
    for (let i = 0; i < smallRows; i++) this.#free[i] = smallRows - 1 - i;
    for (let i = 0; i < largeRows; i++) this.#free[smallRows + i] = this.rows - 1 - i;
    this.#freeSmall = smallRows;
    this.#freeLarge = largeRows;
    this.#fewestFree = this.rows;
  }

  /**
   * A free row whose room holds `length` bytes behind {@link HEADROOM}, with one reference, no parts, and its
   * start set behind the headroom; or -1 if no room is left, or none is that large.
   */
  allocate(length: number): number {
    let row: number;
    if (length <= SMALL - HEAD - TAIL && this.#freeSmall > 0) {
      row = this.#free[--this.#freeSmall]!;
    } else if (length <= MOST_BYTES && this.#freeLarge > 0) {
      row = this.#free[this.#smallRows + --this.#freeLarge]!;
    } else {
      return -1;
    }
    if (this.#freeSmall + this.#freeLarge < this.#fewestFree)
      this.#fewestFree = this.#freeSmall + this.#freeLarge;
    this.references[row] = 1;
    this.start[row] = this.roomStart(row) + HEAD;
    this.length[row] = length;
    this.partCount[row] = 0;
    this.hops[row] = 0;
    this.messageIds[row] = 0;
    this.recordedNanoseconds[row] = NEVER;
    return row;
  }

  /** Gives a frame that was made of another one the time of that one. */
  copyTime(to: number, from: number): void {
    this.recordedSeconds[to] = this.recordedSeconds[from]!;
    this.recordedNanoseconds[to] = this.recordedNanoseconds[from]!;
  }

  /** Returns a new message id, for a frame that travels in fragments. */
  newMessageId(): number {
    this.#lastMessageId = this.#lastMessageId === 0xffff_ffff ? 1 : this.#lastMessageId + 1;
    return this.#lastMessageId;
  }

  /** Whether this lane has ever seen a fragment. */
  get hasFragments(): boolean {
    return this.#lastMessageId > 0;
  }

  retain(row: number): void {
    this.references[row]!++;
  }

  release(row: number): void {
    const left = --this.references[row]!;
    if (left > 0) return;
    if (left < 0) throw new Error(`frame row ${row} released more often than retained`);
    if (row < this.#smallRows) this.#free[this.#freeSmall++] = row;
    else this.#free[this.#smallRows + this.#freeLarge++] = row;
  }

  /**
   * Releases `rows` from one index up to another, in a fraction of the time of single calls. Returns the
   * number of their bytes.
   */
  releaseAll(rows: Int32Array, from: number, end: number): number {
    const { references, length } = this;
    const free = this.#free;
    const smallRows = this.#smallRows;
    let freeSmall = this.#freeSmall;
    let bytes = 0;
    for (let n = from; n < end; n++) {
      const row = rows[n]!;
      bytes += length[row]!;
      if (references[row] === 1 && row < smallRows) {
        references[row] = 0;
        free[freeSmall++] = row;
        continue;
      }
      this.#freeSmall = freeSmall;
      this.release(row);
      freeSmall = this.#freeSmall;
    }
    this.#freeSmall = freeSmall;
    return bytes;
  }

  roomStart(row: number): number {
    return row < this.#smallRows ? row * SMALL : this.#largeBase + (row - this.#smallRows) * LARGE;
  }

  roomEnd(row: number): number {
    return this.roomStart(row) + (row < this.#smallRows ? SMALL : LARGE);
  }

  /** The row in whose room an address lies; -1 for an address outside of all rooms. */
  rowAt(address: number): number {
    if (address < this.#largeBase) return (address / SMALL) | 0;
    const row = this.#smallRows + (((address - this.#largeBase) / LARGE) | 0);
    return row < this.rows ? row : -1;
  }

  /** Makes the whole frame one payload part that begins with `protocol` (0: not known). */
  begin(row: number, start: number, length: number, protocol: number): void {
    this.start[row] = start;
    this.length[row] = length;
    this.partCount[row] = 0;
    this.addPart(row, protocol | (PAYLOAD << 16), start, length);
  }

  /**
   * Appends a part: `kind` is protocol | role << 16 | marks << 24. False when the row holds {@link MAX_PARTS}
   * already.
   */
  addPart(row: number, kind: number, address: number, length: number): boolean {
    const count = this.partCount[row]!;
    if (count >= MOST_PARTS) return false;
    const at = row * ROW_STRIDE + count * PART_STRIDE;
    this.partWords[at] = kind;
    this.partWords[at + 1] = address;
    this.partWords[at + 2] = length;
    this.partCount[row] = count + 1;
    return true;
  }

  /** Copies bytes within the store; the ranges may overlap. */
  copy(to: number, from: number, length: number): void {
    this.bytes.copyWithin(to, from, from + length);
  }

  /** The address behind the last room. */
  get roomsEnd(): number {
    return this.#largeBase + (this.rows - this.#smallRows) * LARGE;
  }

  /** The first row with a large room; those before have small ones. */
  get firstLargeRow(): number {
    return this.#smallRows;
  }

  get freeRows(): number {
    return this.#freeSmall + this.#freeLarge;
  }

  /** The fewest rows that were free at any time. */
  get lowWater(): number {
    return this.#fewestFree;
  }
}

/** Room in front of a frame that an endpoint read, in bytes: for every header that pieces may put there. */
export const HEADROOM = 256;
/** Room kept behind a frame, in bytes: for trailers and authentication tags. */
export const TAILROOM = 64;
/** A small room holds an Ethernet frame with some jumbo left; it is a power of two, and a multiple of 8. */
export const SMALL_ROOM = 2048;
/** A large room holds the largest IP packet with a link header; a multiple of 8. */
export const LARGE_ROOM = 66_560;
/** The largest frame that travels in one row, in bytes. Larger ones travel in fragments marked `more`. */
export const MAX_FRAME_BYTES = LARGE_ROOM - HEADROOM - TAILROOM;
/** The most parts that a frame may have. */
export const MAX_PARTS = 32;
/** Words of 32 bits in the contract's `part`. */
export const PART_WORDS = 3;
/** In place of the nanoseconds of a frame that no capture brought. */
export const NOT_RECORDED = 0xffff_ffff;

const PAYLOAD = 1;
/** Bytes of a row in the tables: two addresses or lengths, references, two counts, parts. */
const BYTES_A_ROW = 3 * 4 + 2 + MAX_PARTS * PART_WORDS * 4;
/**
 * For tables of other modules that work on frames: some three hundred pieces, and the images of one crossing.
 */
const SPARE = 18 << 20;

// The engine folds a module's own constants into the machine code; imported and exported ones it loads and
// tests at each use.
const HEAD = HEADROOM;
const TAIL = TAILROOM;
const NEVER = NOT_RECORDED;
const SMALL = SMALL_ROOM;
const LARGE = LARGE_ROOM;
const MOST_BYTES = MAX_FRAME_BYTES;
const MOST_PARTS = MAX_PARTS;
const PART_STRIDE = PART_WORDS;
const ROW_STRIDE = MAX_PARTS * PART_WORDS;
