import type { Frames } from '../../frame/frames.ts';
import type { Connection } from './connection.ts';

/**
 * The frames that wait to be written, a list for each stream. The lists are linked by row in tables, so
 * nothing is allocated for a frame.
 */
export class StreamQueues {
  readonly #frames: Frames;
  readonly #next: Int32Array;
  /** The address and length of the rest of a frame's payload, by row. */
  readonly #at: Uint32Array;
  readonly #left: Uint32Array;
  /** The number of rows in all lists, and the bytes of their rooms. */
  #rows = 0;
  #held = 0;
  readonly #mostRows: number;
  readonly #mostHeld: number;

  /** @param mostHeld the most bytes of rooms in all lists; the room of the largest frame at least */
  constructor(frames: Frames, mostHeld: number) {
    this.#frames = frames;
    this.#mostHeld = mostHeld;
    this.#next = new Int32Array(frames.rows);
    this.#at = new Uint32Array(frames.rows);
    this.#left = new Uint32Array(frames.rows);
    this.#mostRows = frames.rows >>> 2;
  }

  /** The bytes of the lane that waiting frames hold: a frame takes a whole room, however short it is. */
  get held(): number {
    return this.#held;
  }

  /** Whether a stream, and the endpoint, have room for this frame. */
  hasRoom({ queuedBytes, queuedRows }: Connection, row: number): boolean {
    return (
      queuedBytes < MOST_BYTES &&
      queuedRows < MOST_ROWS &&
      this.#rows < this.#mostRows &&
      this.#held + this.#roomOf(row) <= this.#mostHeld
    );
  }

  /**
   * The most bytes for which a stream gets credit: half of the bytes that are left, so that many slow readers
   * leave something to the others. Never nothing, because a stream without credit has no event that could
   * bring it some.
   */
  get share(): number {
    return Math.max(LEAST_SHARE, Math.min(MOST_BYTES, (this.#mostHeld - this.#held) >>> 1));
  }

  #roomOf(row: number): number {
    return this.#frames.roomEnd(row) - this.#frames.roomStart(row);
  }

  /** Takes the caller's reference to `row`. */
  add(connection: Connection, row: number, at: number, length: number): void {
    this.#at[row] = at;
    this.#left[row] = length;
    this.#next[row] = -1;
    if (connection.firstRow < 0) connection.firstRow = row;
    else this.#next[connection.lastRow] = row;
    connection.lastRow = row;
    connection.queuedRows++;
    connection.queuedBytes += length;
    this.#rows++;
    this.#held += this.#roomOf(row);
  }

  /** Fills in the addresses and lengths of the first waiting frames. @returns their number */
  stage(connection: Connection, addresses: Int32Array, lengths: Int32Array): number {
    let count = 0;
    for (let row = connection.firstRow; row >= 0 && count < addresses.length; row = this.#next[row]!) {
      addresses[count] = this.#at[row]!;
      lengths[count++] = this.#left[row]!;
    }
    return count;
  }

  /** Releases the written frames. @returns whether all staged bytes were written */
  written(connection: Connection, bytes: number): boolean {
    let left = bytes;
    connection.queuedBytes -= bytes;
    while (left > 0) {
      const row = connection.firstRow;
      const length = this.#left[row]!;
      if (length > left) {
        this.#at[row]! += left;
        this.#left[row] = length - left;
        return false;
      }
      left -= length;
      this.#removeFirst(connection);
    }
    return true;
  }

  /** Releases all waiting frames. @returns their number */
  drop(connection: Connection): number {
    const count = connection.queuedRows;
    while (connection.firstRow >= 0) this.#removeFirst(connection);
    connection.queuedBytes = 0;
    return count;
  }

  #removeFirst(connection: Connection): void {
    const row = connection.firstRow;
    connection.firstRow = this.#next[row]!;
    connection.queuedRows--;
    this.#rows--;
    this.#held -= this.#roomOf(row);
    this.#frames.release(row);
  }

  /** Takes over the waiting frames of a stream. Their rows are of the same lane. */
  takeOver(from: StreamQueues, connection: Connection): void {
    for (let row = connection.firstRow; row >= 0; row = from.#next[row]!) {
      this.#held += this.#roomOf(row);
      from.#held -= this.#roomOf(row);
      this.#at[row] = from.#at[row]!;
      this.#left[row] = from.#left[row]!;
      this.#next[row] = from.#next[row]!;
    }
    this.#rows += connection.queuedRows;
    from.#rows -= connection.queuedRows;
  }
}

/** A frame still finds room while the list is below these limits, in bytes and in frames. */
const MOST_BYTES = 65_535;
const MOST_ROWS = 256;
/** The bytes of about one frame of Ethernet. */
const LEAST_SHARE = 2048;
