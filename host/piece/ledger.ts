import { InboundFragments } from './inbound-fragments.ts';
import { OutboundFragments } from './outbound-fragments.ts';
import type { Slots } from './slots.ts';
import { INBOUND, MOVED, OUTBOUND } from './ticket-uses.ts';

/**
 * The tickets of one named piece: which frames are inside it. A ticket is the host's name for a frame that
 * went in; it ends when an outcome passes the frame on or ends it for a described reason. Any other ticket is
 * held, and their number is capped, so that a piece cannot occupy all rooms of the lane.
 *
 * A ticket is a slot's index below a number that grows with each use of the slot. So one comparison
 * distinguishes a live ticket from one that has ended, that was never given, or that belongs to another
 * piece's slot of another age.
 *
 * The ledger is one region: a head, and arrays one behind the other. So it can stand in the memory of the
 * lane, where the engine's frame kernel works on it too: `engine/kernel/assembly/ledger.ts` has the same
 * layout.
 */
export class Ledger implements Slots {
  /** The frame of a live ticket, by slot; the ledger owns a reference to it unless `moved`. */
  readonly rows: Int32Array;
  /**
   * By slot: the address of the frame's withheld body in the lane's memory; 0 if no body is withheld.
   */
  readonly bodyStarts: Uint32Array;
  readonly bodyLengths: Uint32Array;
  /** The state of each ticket, by slot: bits of `ticket-uses.ts`. */
  readonly uses: Uint8Array;
  /** Incomplete frames that come in fragments, and those that leave in fragments. */
  readonly inbound: InboundFragments;
  readonly outbound: OutboundFragments;
  /** The slot that holds a row, by row; valid only if that slot's row is this row. */
  readonly slotOfRow: Uint16Array;
  /** Rows from this one on have large rooms; a piece may hold few of them. */
  readonly firstLarge: number;
  /** The region's address. */
  readonly at: number;

  readonly #head: Int32Array;
  /** By slot: its live ticket; without one, a ticket that would name another slot. */
  readonly #tickets: Uint32Array;
  /** The next ticket of each slot. */
  readonly #ages: Uint32Array;
  /** The frame in the kernel's image with which a ticket went in, by slot. */
  readonly #sent: Int32Array;
  readonly #free: Int32Array;
  /** The slots of the tickets that the current outcome names. */
  readonly #used: Int32Array;

  /**
   * @param rows the number of rows of the lane's frame store
   * @param capacity in tickets
   * @param firstLarge the first row with a large room
   * @param region the memory for it, of {@link ledgerBytes} bytes
   */
  constructor(
    rows: number,
    capacity = MAX_HELD,
    firstLarge = rows,
    { buffer, at }: Region = { buffer: new ArrayBuffer(ledgerBytes(rows, capacity)), at: 0 },
  ) {
    if (capacity > 1 << SLOT_BITS) throw new RangeError(`a ledger has at most ${1 << SLOT_BITS} tickets`);
    this.firstLarge = firstLarge;
    this.at = at;
    const array = (n: number) => at + HEAD_BYTES + n * capacity * 4;
    this.#head = new Int32Array(buffer, at, HEAD_BYTES / 4).fill(0);
    this.rows = new Int32Array(buffer, array(0), capacity).fill(-1);
    this.bodyStarts = new Uint32Array(buffer, array(1), capacity).fill(0);
    this.bodyLengths = new Uint32Array(buffer, array(2), capacity).fill(0);
    this.#tickets = new Uint32Array(buffer, array(3), capacity);
    this.#ages = new Uint32Array(buffer, array(4), capacity);
    this.#sent = new Int32Array(buffer, array(5), capacity).fill(-1);
    this.#free = new Int32Array(buffer, array(6), capacity);
    this.#used = new Int32Array(buffer, array(7), capacity);
    this.uses = new Uint8Array(buffer, array(8), capacity).fill(0);
    this.slotOfRow = new Uint16Array(buffer, array(8) + evenly(capacity), rows).fill(0);
    for (let slot = 0; slot < capacity; slot++) {
      this.#tickets[slot] = slot ^ 1;
      this.#free[slot] = capacity - 1 - slot;
      this.#ages[slot] = FIRST_AGE | slot;
    }
    this.#head[FREE_COUNT] = capacity;
    this.#head[LARGE_ROOM] = Math.ceil((rows - firstLarge) * LARGE_SHARE);
    this.#head[CAPACITY] = capacity;
    this.#head[FIRST_LARGE] = firstLarge;
    this.inbound = new InboundFragments(this);
    this.outbound = new OutboundFragments(this);
  }

  get capacity(): number {
    return this.rows.length;
  }

  /** The number of tickets that could still be opened. */
  get room(): number {
    return this.#head[FREE_COUNT]!;
  }

  /**
   * The number of frames in large rooms that could still come in: a lane has few such rooms, and a piece may
   * hold a quarter of them.
   */
  get largeRoom(): number {
    return this.#head[LARGE_ROOM]!;
  }

  /** The number of frames that the piece holds; a frame in fragments counts once for each fragment. */
  get held(): number {
    return this.rows.length - this.#head[FREE_COUNT]! - this.inbound.emptyHeads + this.inbound.seen;
  }

  /** Opens a ticket for a row, whose reference passes to the ledger. There must be room. */
  open(row: number, bodyStart: number, bodyLength: number): number {
    const slot = this.#take();
    this.occupy(slot, row, bodyStart, bodyLength);
    const ticket = this.#ages[slot]!;
    this.#tickets[slot] = ticket;
    return ticket;
  }

  openWithoutRow(): number {
    const slot = this.#take();
    this.#tickets[slot] = this.#ages[slot]!;
    this.vacate(slot);
    return slot;
  }

  openWithoutTicket(row: number, bodyStart: number, bodyLength: number): number {
    const slot = this.#take();
    this.occupy(slot, row, bodyStart, bodyLength);
    return slot;
  }

  occupy(slot: number, row: number, bodyStart: number, bodyLength: number): void {
    this.rows[slot] = row;
    if (row >= this.firstLarge) this.#head[LARGE_ROOM]!--;
    this.bodyStarts[slot] = bodyStart;
    this.bodyLengths[slot] = bodyLength;
    this.slotOfRow[row] = slot;
  }

  vacate(slot: number): void {
    if (this.rows[slot]! >= this.firstLarge) this.#head[LARGE_ROOM]!++;
    this.rows[slot] = -1;
    this.bodyStarts[slot] = NOWHERE;
    this.bodyLengths[slot] = 0;
  }

  #take(): number {
    const slot = this.#free[--this.#head[FREE_COUNT]!]!;
    this.uses[slot] = 0;
    this.#sent[slot] = -1;
    return slot;
  }

  ticketOf(slot: number): number {
    return this.#tickets[slot]!;
  }

  /** The slot of a live ticket; -1 for any other number. */
  slotOf(ticket: number): number {
    const slot = ticket & SLOT_MASK;
    return slot < this.#tickets.length && this.#tickets[slot] === ticket ? slot : -1;
  }

  /** The slot of the live ticket in whose withheld body a range lies; -1 if there is none. */
  slotOfBody(row: number, address: number, length: number): number {
    if (row < 0) return -1;
    // If a row came in twice, its latest slot may have released it.
    const last = this.slotOfRow[row]!;
    const slot = this.rows[last] === row ? last : this.rows.indexOf(row);
    return slot >= 0 && this.hasBody(slot, address, length) ? slot : -1;
  }

  /** Whether a range lies in the withheld body of a slot's frame. */
  hasBody(slot: number, address: number, length: number): boolean {
    const offset = address - this.bodyStarts[slot]!;
    const body = this.bodyLengths[slot]!;
    return offset >= 0 && length <= body && offset <= body - length;
  }

  /** Ends a live ticket. The caller has disposed of its row. */
  close(slot: number): void {
    if ((this.uses[slot]! & OUTBOUND) !== 0) this.outbound.ended(slot);
    this.uses[slot] = 0;
    if (this.rows[slot]! >= this.firstLarge) this.#head[LARGE_ROOM]!++;
    this.rows[slot] = -1;
    this.#tickets[slot] = slot ^ 1;
    const next = (this.#ages[slot]! + FIRST_AGE) >>> 0;
    this.#ages[slot] = next >= FIRST_AGE ? next : FIRST_AGE | slot;
    this.#free[this.#head[FREE_COUNT]!++] = slot;
  }

  /** Undoes the tickets that were opened last: their frames did not go in, and belong to the caller again. */
  withdraw(count: number): void {
    for (let n = 0; n < count; n++) this.close(this.#free[this.#head[FREE_COUNT]!]!);
  }

  /** How many tickets the current outcome has named. */
  get usedCount(): number {
    return this.#head[USED_COUNT]!;
  }

  set usedCount(count: number) {
    this.#head[USED_COUNT] = count;
  }

  usedSlot(n: number): number {
    return this.#used[n]!;
  }

  /** Records that the current outcome names a ticket for the first time. */
  listUsed(slot: number): void {
    this.#used[this.#head[USED_COUNT]!++] = slot;
  }

  /**
   * Ends every live ticket and gives its row to `dispose`, unless the row had moved on. Returns how many
   * frames and fragments were lost.
   */
  closeAll(dispose: (row: number) => void): number {
    let closed = 0;
    for (let slot = 0; slot < this.rows.length; slot++) {
      const row = this.rows[slot]!;
      const use = this.uses[slot]!;
      if (row < 0 && (use & INBOUND) === 0) continue;
      this.close(slot);
      if (row < 0 || (use & MOVED) !== 0) continue;
      dispose(row);
      closed++;
    }
    this.outbound.clear();
    return closed + this.inbound.clear();
  }
}

/** A region of memory: a separate one, or part of the lane's memory. */
export interface Region {
  readonly buffer: ArrayBuffer;
  readonly at: number;
}

/** The size of a ledger in bytes. */
export function ledgerBytes(rows: number, capacity = MAX_HELD): number {
  return HEAD_BYTES + capacity * 8 * 4 + evenly(capacity) + rows * 2;
}

function evenly(bytes: number): number {
  return (bytes + 1) & ~1;
}

/**
 * The most tickets that a piece may hold at a time: four full batches. Together with a full batch of 256
 * frames, such a piece still leaves seven eighths of a lane's rooms to others.
 */
export const MAX_HELD = 1024;

/** The share of a lane's large rooms that one piece may hold. */
const LARGE_SHARE = 1 / 4;

const SLOT_BITS = 12;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const FIRST_AGE = 1 << SLOT_BITS;
/** An address at which no body begins. */
const NOWHERE = 0xffff_ffff;

/** The head, in words. */
const FREE_COUNT = 0;
const LARGE_ROOM = 1;
const USED_COUNT = 2;
const CAPACITY = 3;
const FIRST_LARGE = 4;
const HEAD_BYTES = 64;
