import type { Slots } from './slots.ts';
import { ARRIVES, BODY_PASSED, CONTINUES, ORPHANED, STAYING, USED } from './ticket-uses.ts';

/**
 * The frames that come to a piece of a puzzle in pieces. All pieces of a frame come with one ticket. It lives until an outcome
 * passes it on unmarked or ends it; what still comes of the frame then is the host's to drop.
 *
 * What is kept of each piece: a row while withheld bytes of it may still go on, which is until some do, or the ticket ends;
 * of a piece that was seen whole a count. The first row of a ticket stands in the ticket's own slot, its head, further ones
 * in slots without a ticket.
 *
 * A gap, found by the places of the pieces in their train, ends a frame: the ticket is left with what the piece still holds of
 * it, and given up when that is nothing. What a piece says of a ticket that was given up is no fault of its.
 */
export class InboundFragments {
  /** Heads without a row. */
  emptyHeads = 0;
  /** Pieces that were seen whole, of which nothing was said yet. */
  seen = 0;
  /** Pieces that were lost with a ticket that was given up. Whoever counts them sets it back to 0. */
  lost = 0;

  readonly #ledger: Slots;
  // The frames of which more is to come.
  readonly #trains = new Uint32Array(MOST_ARRIVALS);
  readonly #edgeShapes = new Uint32Array(MOST_ARRIVALS);
  readonly #next = new Uint32Array(MOST_ARRIVALS);
  readonly #heads = new Int32Array(MOST_ARRIVALS);
  readonly #lastCame = new Float64Array(MOST_ARRIVALS);
  #came = 0;
  #count = 0;
  // By slot.
  /** The head of a slot without a ticket; -1 of all others. */
  readonly #headOf: Int16Array;
  readonly #further: Uint16Array;
  readonly #seen: Uint32Array;
  readonly #hops: Uint8Array;
  /** Tickets that were given up last, a ring. */
  readonly #givenUp = new Uint32Array(REMEMBERED);
  #givenUpCount = 0;

  constructor(ledger: Slots) {
    this.#ledger = ledger;
    const { capacity } = ledger;
    this.#headOf = new Int16Array(capacity).fill(-1);
    this.#further = new Uint16Array(capacity);
    this.#seen = new Uint32Array(capacity);
    this.#hops = new Uint8Array(capacity);
  }

  /**
   * Whether a piece of a frame may come in: the next of one that is under way, or the first. A frame of which one is lacking ends.
   *
   * @param piece its place in the train | {@link LAST_FRAGMENT}
   */
  admits(edgeShape: number, train: number, piece: number): boolean {
    const entry = this.#find(edgeShape, train);
    const place = placeOf(piece);
    if (entry < 0) return place === 0 && (this.#count < MOST_ARRIVALS || this.#makeRoom());
    if (this.#next[entry] === place) return true;
    this.#orphan(entry);
    return false;
  }

  /**
   * A piece that was admitted comes in. The row passes to the ledger where it has withheld bytes; else it is still the caller's.
   *
   * @returns the ticket of its frame
   */
  arrive(
    row: number,
    edgeShape: number,
    train: number,
    piece: number,
    bodyStart: number,
    bodyLength: number,
    hops: number,
  ): number {
    const ledger = this.#ledger;
    let entry = this.#find(edgeShape, train);
    if (entry < 0) entry = this.#begin(edgeShape, train);
    const head = this.#heads[entry]!;
    this.#next[entry] = (placeOf(piece) + 1) & ~LAST_FRAGMENT;
    this.#lastCame[entry] = this.#came++;
    if (hops > this.#hops[head]!) this.#hops[head] = hops;
    if (bodyLength === 0) {
      this.#seen[head]!++;
      this.seen++;
    } else if (ledger.rows[head]! < 0) {
      ledger.occupy(head, row, bodyStart, bodyLength);
      this.emptyHeads--;
    } else {
      const slot = ledger.openWithoutTicket(row, bodyStart, bodyLength);
      ledger.uses[slot] = ARRIVES;
      this.#headOf[slot] = head;
      this.#further[head]!++;
    }
    if (piece >= LAST_FRAGMENT) this.#remove(entry);
    return ledger.ticketOf(head);
  }

  /** The hop count of a frame in pieces. */
  hopsOf(head: number): number {
    return this.#hops[head]!;
  }

  /** Pieces of a frame that are inside. */
  piecesOf(head: number): number {
    return this.#seen[head]! + this.#further[head]! + (this.#ledger.rows[head]! >= 0 ? 1 : 0);
  }

  /** The slot of a ticket in which a row is; -1 where it is in none. */
  slotOfRow(head: number, row: number): number {
    const { rows } = this.#ledger;
    if (rows[head] === row) return head;
    if (this.#further[head]! > 0)
      for (let slot = 0; slot < rows.length; slot++)
        if (rows[slot] === row && this.#headOf[slot] === head) return slot;
    return -1;
  }

  /** Whether a ticket was given up by the host lately, while the piece had reason to name it. */
  isGivenUp(ticket: number): boolean {
    return ticket !== 0 && this.#givenUpCount > 0 && this.#givenUp.includes(ticket);
  }

  /** What an outcome said of a slot holds now. Rows of which bytes went on, or whose ticket ended, go to `dispose`. */
  settle(slot: number, dispose: (row: number) => void): void {
    const ledger = this.#ledger;
    const use = ledger.uses[slot]!;
    ledger.uses[slot] = use & STAYING;
    const head = this.#headOf[slot]!;
    if (head >= 0) {
      if ((use & BODY_PASSED) === 0) return;
      this.#closeFurther(slot, dispose);
      this.#giveUpOrphan(head);
      return;
    }
    if ((use & USED) !== 0) {
      this.#end(slot, dispose);
      return;
    }
    if ((use & BODY_PASSED) !== 0 && ledger.rows[slot]! >= 0) {
      dispose(ledger.rows[slot]!);
      ledger.vacate(slot);
      this.emptyHeads++;
    }
    if ((use & CONTINUES) !== 0) this.#forgetSeen(slot);
    this.#giveUpOrphan(slot);
  }

  /** The piece is joined by this Edge and Shape no more. */
  left(edgeShape: number): void {
    for (let entry = 0; entry < MOST_ARRIVALS; entry++)
      if (this.#trains[entry] !== 0 && this.#edgeShapes[entry] === edgeShape) this.#orphan(entry);
  }

  /** Forgets all of them, when all their slots are closed. Answers how many pieces there were without rows. */
  clear(): number {
    const seen = this.seen;
    this.#trains.fill(0);
    this.#headOf.fill(-1);
    this.#further.fill(0);
    this.#seen.fill(0);
    this.#givenUp.fill(0);
    this.#givenUpCount = 0;
    this.#count = 0;
    this.emptyHeads = 0;
    this.seen = 0;
    return seen;
  }

  #find(edgeShape: number, train: number): number {
    if (this.#count === 0) return -1;
    for (let entry = 0; entry < MOST_ARRIVALS; entry++)
      if (this.#trains[entry] === train && this.#edgeShapes[entry] === edgeShape) return entry;
    return -1;
  }

  #begin(edgeShape: number, train: number): number {
    const ledger = this.#ledger;
    const head = ledger.openWithoutRow();
    ledger.uses[head] = ARRIVES;
    this.#hops[head] = 0;
    this.emptyHeads++;
    let entry = 0;
    while (this.#trains[entry] !== 0) entry++;
    this.#trains[entry] = train;
    this.#edgeShapes[entry] = edgeShape;
    this.#heads[entry] = head;
    this.#count++;
    return entry;
  }

  #remove(entry: number): void {
    this.#trains[entry] = 0;
    this.#count--;
  }

  /** Gives up the frame of which nothing came for longest, among those of which the piece holds no row. */
  #makeRoom(): boolean {
    let oldest = -1;
    for (let entry = 0; entry < MOST_ARRIVALS; entry++) {
      const head = this.#heads[entry]!;
      if (this.#ledger.rows[head]! >= 0 || this.#further[head]! > 0) continue;
      if (oldest < 0 || this.#lastCame[entry]! < this.#lastCame[oldest]!) oldest = entry;
    }
    if (oldest < 0) return false;
    const head = this.#heads[oldest]!;
    this.#remove(oldest);
    this.#giveUp(head);
    return true;
  }

  /** No more comes of a frame. */
  #orphan(entry: number): void {
    const head = this.#heads[entry]!;
    this.#remove(entry);
    this.#ledger.uses[head]! |= ORPHANED;
    this.#giveUpOrphan(head);
  }

  #giveUpOrphan(head: number): void {
    const { uses, rows } = this.#ledger;
    if ((uses[head]! & ORPHANED) === 0 || rows[head]! >= 0) return;
    if (this.#further[head] === 0 && this.#seen[head] === 0) this.#giveUp(head);
  }

  #giveUp(head: number): void {
    const ledger = this.#ledger;
    this.#givenUp[this.#givenUpCount++ % REMEMBERED] = ledger.ticketOf(head);
    this.lost += this.#forgetSeen(head);
    this.emptyHeads--;
    ledger.close(head);
  }

  #end(head: number, dispose: (row: number) => void): void {
    const ledger = this.#ledger;
    for (let entry = 0; this.#count > 0 && entry < MOST_ARRIVALS; entry++)
      if (this.#trains[entry] !== 0 && this.#heads[entry] === head) this.#remove(entry);
    for (let slot = 0; this.#further[head]! > 0; slot++)
      if (this.#headOf[slot] === head) this.#closeFurther(slot, dispose);
    this.#forgetSeen(head);
    const row = ledger.rows[head]!;
    ledger.close(head);
    if (row >= 0) dispose(row);
    else this.emptyHeads--;
  }

  #closeFurther(slot: number, dispose: (row: number) => void): void {
    const ledger = this.#ledger;
    const row = ledger.rows[slot]!;
    this.#further[this.#headOf[slot]!]!--;
    this.#headOf[slot] = -1;
    ledger.close(slot);
    dispose(row);
  }

  #forgetSeen(head: number): number {
    const seen = this.#seen[head]!;
    this.#seen[head] = 0;
    this.seen -= seen;
    return seen;
  }
}

/** Frames in pieces that may be under way to one piece of a puzzle. */
export const MOST_ARRIVALS = 64;
/** Tickets that were given up are remembered for as long: the contract promises it. */
const REMEMBERED = 256;
/** In the place of a piece: it is the last of its frame. */
export const LAST_FRAGMENT = 0x8000_0000;

/** Which piece of its frame it is, from 0 on. */
export function placeOf(piece: number): number {
  return piece & 0x7fff_ffff;
}
