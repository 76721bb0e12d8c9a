/**
 * The tickets of one named piece: which frames are inside it. A ticket is the host's name for a frame that went in; it
 * ends when an outcome passes the frame on or ends it for a described reason. What has done neither is held, and holding
 * is capped, so that a piece cannot keep the lane's rooms to itself.
 *
 * A ticket is a slot's index below a number that grows with each use of the slot: a ticket that has ended, that was
 * never given, or that belongs to another piece's slot of another age is told from a living one by one comparison.
 */
export class Ledger {
  /** The frame of a live ticket, by slot; the ledger owns a reference to it unless `moved`. */
  readonly rows: Int32Array;
  /** Where the withheld body of the frame begins, by slot: an address of the lane's memory; 0 where none is withheld. */
  readonly bodyStarts: Uint32Array;
  readonly bodyLengths: Uint32Array;
  /** What this outcome has done with a ticket, by slot: a sum of {@link USED}, {@link MOVED} and {@link CONTINUES}. */
  readonly uses: Uint8Array;
  /** The slot that holds a row, by row; meaningful where that slot's row is the row. */
  readonly slotOfRow: Int32Array;
  /** Rows from this on have large rooms, of which few are to be held. */
  readonly firstLarge: number;

  /** The live ticket of each slot that a ticket can name; where there is none, a ticket that would name another slot. */
  readonly #tickets: Uint32Array;
  /** The next ticket of each slot. */
  readonly #ages: Uint32Array;
  readonly #free: Int32Array;
  #freeCount: number;
  #largeRoom: number;

  /**
   * @param rows the number of rows of the lane's frame store
   * @param capacity in tickets
   * @param firstLarge the first row with a large room
   */
  constructor(rows: number, capacity = MAX_HELD, firstLarge = rows) {
    this.firstLarge = firstLarge;
    this.#largeRoom = Math.ceil((rows - firstLarge) * LARGE_SHARE);
    if (capacity > 1 << SLOT_BITS) throw new RangeError(`a ledger has at most ${1 << SLOT_BITS} tickets`);
    this.rows = new Int32Array(capacity).fill(-1);
    this.bodyStarts = new Uint32Array(capacity);
    this.bodyLengths = new Uint32Array(capacity);
    this.uses = new Uint8Array(capacity);
    this.slotOfRow = new Int32Array(rows);
    this.#tickets = Uint32Array.from({ length: 1 << SLOT_BITS }, (_, slot) => slot ^ 1);
    this.#ages = new Uint32Array(capacity);
    this.#free = new Int32Array(capacity);
    for (let slot = 0; slot < capacity; slot++) {
      this.#free[slot] = capacity - 1 - slot;
      this.#ages[slot] = FIRST_AGE | slot;
    }
    this.#freeCount = capacity;
  }

  get capacity(): number {
    return this.rows.length;
  }

  /** Tickets that could still be opened. */
  get room(): number {
    return this.#freeCount;
  }

  /** Frames in large rooms that could still come in: there are few such rooms in a lane, and a piece may hold a quarter. */
  get largeRoom(): number {
    return this.#largeRoom;
  }

  /** Live tickets. */
  get held(): number {
    return this.rows.length - this.#freeCount;
  }

  /** Opens a ticket for a row, whose reference passes to the ledger. There must be room. */
  open(row: number, bodyStart: number, bodyLength: number): number {
    const slot = this.#free[--this.#freeCount]!;
    this.rows[slot] = row;
    if (row >= this.firstLarge) this.#largeRoom--;
    this.bodyStarts[slot] = bodyStart;
    this.bodyLengths[slot] = bodyLength;
    this.uses[slot] = 0;
    this.slotOfRow[row] = slot;
    const ticket = this.#ages[slot]!;
    this.#tickets[slot] = ticket;
    return ticket;
  }

  /** The slot of a live ticket; -1 for any other number. */
  slotOf(ticket: number): number {
    const slot = ticket & SLOT_MASK;
    return this.#tickets[slot] === ticket ? slot : -1;
  }

  /** The slot of the live ticket in whose withheld body a range lies; -1 where there is none. */
  slotOfBody(row: number, address: number, length: number): number {
    if (row < 0) return -1;
    const slot = this.slotOfRow[row]!;
    if (this.rows[slot] !== row) return -1;
    const offset = address - this.bodyStarts[slot]!;
    const body = this.bodyLengths[slot]!;
    return offset >= 0 && length <= body && offset <= body - length ? slot : -1;
  }

  /** Ends a live ticket. The caller has disposed of its row. */
  close(slot: number): void {
    if (this.rows[slot]! >= this.firstLarge) this.#largeRoom++;
    this.rows[slot] = -1;
    this.#tickets[slot] = slot ^ 1;
    const next = (this.#ages[slot]! + FIRST_AGE) >>> 0;
    this.#ages[slot] = next >= FIRST_AGE ? next : FIRST_AGE | slot;
    this.#free[this.#freeCount++] = slot;
  }

  /** Ends every live ticket and gives its row to `dispose`, unless the row had moved on. */
  closeAll(dispose: (row: number) => void): number {
    let closed = 0;
    for (let slot = 0; slot < this.rows.length; slot++) {
      const row = this.rows[slot]!;
      if (row < 0) continue;
      const moved = (this.uses[slot]! & MOVED) !== 0;
      this.close(slot);
      if (moved) continue;
      dispose(row);
      closed++;
    }
    return closed;
  }
}

/** A frame of this outcome goes on from the ticket. */
export const USED = 1;
/** The ticket's row itself went on, with the ledger's reference. */
export const MOVED = 2;
/** Only pieces of the frame went on so far, marked `more`: the ticket lives on. */
export const CONTINUES = 4;

/**
 * Tickets that a piece may hold at a time: four full batches. With the largest batch of 256 that a call brings, a piece
 * that holds all that it may still leaves seven eighths of a lane's rooms to others.
 */
export const MAX_HELD = 1024;

/** Of the large rooms of a lane, what one piece may hold. */
const LARGE_SHARE = 1 / 4;

const SLOT_BITS = 12;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const FIRST_AGE = 1 << SLOT_BITS;
