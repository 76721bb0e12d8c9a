import type { Slots } from './slots.ts';
import { BODY_PASSED, CONTINUES, FRAGMENT_STATE, INBOUND, ORPHANED, USED } from './ticket-uses.ts';

/**
 * The frames that reach a piece in fragments. All fragments of a frame have one ticket. The ticket lives
 * until an outcome passes the frame on without `more`, or ends it. The host drops fragments that arrive
 * later.
 *
 * The ledger keeps the row of a fragment with withheld bytes, until some of those bytes go on or the ticket
 * ends. It counts the fragments that the piece saw whole. The first row of a ticket stands in the
 * ticket's own slot, the head; further rows stand in slots without a ticket.
 *
 * A gap in the fragment indices ends the frame. Its ticket keeps what the piece still holds, and is given up
 * when nothing is held. It is not a fault if a piece names such a ticket.
 */
export class InboundFragments {
  /** Heads without a row. */
  emptyHeads = 0;
  /** The number of fragments that the piece saw whole, and that no outcome has named yet. */
  seen = 0;
  /**
   * The number of fragments lost with tickets that were given up. The caller counts them and resets this to
   * 0.
   */
  lost = 0;

  readonly #ledger: Slots;
  // By entry: the frames that are not complete.
  readonly #messageIds = new Uint32Array(MOST_INBOUND);
  readonly #edgeShapes = new Uint32Array(MOST_INBOUND);
  readonly #next = new Uint32Array(MOST_INBOUND);
  readonly #heads = new Int32Array(MOST_INBOUND);
  readonly #lastCame = new Float64Array(MOST_INBOUND);
  #came = 0;
  #count = 0;
  // By slot.
  /** The head of a slot without a ticket; -1 for all other slots. */
  readonly #headOf: Int16Array;
  readonly #further: Uint16Array;
  readonly #seen: Uint32Array;
  readonly #hops: Uint8Array;
  /** A ring of the most recent tickets that were given up. */
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
   * Returns whether a fragment may come in: the first of a frame, or the next of one that is not complete. A
   * fragment behind a gap ends its frame.
   *
   * @param fragment its index in the frame | {@link LAST_FRAGMENT}
   */
  admits(edgeShape: number, messageId: number, fragment: number): boolean {
    const entry = this.#find(edgeShape, messageId);
    const index = fragmentIndex(fragment);
    if (entry < 0) return index === 0 && (this.#count < MOST_INBOUND || this.#makeRoom());
    if (this.#next[entry] === index) return true;
    this.#orphan(entry);
    return false;
  }

  /**
   * Takes in a fragment that was admitted. A row with withheld bytes passes to the ledger; any other stays
   * the caller's.
   *
   * @returns the ticket of its frame
   */
  arrive(
    row: number,
    edgeShape: number,
    messageId: number,
    fragment: number,
    bodyStart: number,
    bodyLength: number,
    hops: number,
  ): number {
    const ledger = this.#ledger;
    let entry = this.#find(edgeShape, messageId);
    if (entry < 0) entry = this.#begin(edgeShape, messageId);
    const head = this.#heads[entry]!;
    this.#next[entry] = (fragmentIndex(fragment) + 1) & ~LAST_FRAGMENT;
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
      ledger.uses[slot] = INBOUND;
      this.#headOf[slot] = head;
      this.#further[head]!++;
    }
    if (fragment >= LAST_FRAGMENT) this.#remove(entry);
    return ledger.ticketOf(head);
  }

  /** The largest hop count of a frame's fragments. */
  hopsOf(head: number): number {
    return this.#hops[head]!;
  }

  /** Fragments of a frame that the piece holds. */
  fragmentsOf(head: number): number {
    return this.#seen[head]! + this.#further[head]! + (this.#ledger.rows[head]! >= 0 ? 1 : 0);
  }

  /** The slot of a ticket that holds this row; -1 if none does. */
  slotOfRow(head: number, row: number): number {
    const { rows } = this.#ledger;
    if (rows[head] === row) return head;
    if (this.#further[head]! > 0)
      for (let slot = 0; slot < rows.length; slot++)
        if (rows[slot] === row && this.#headOf[slot] === head) return slot;
    return -1;
  }

  /** Whether the host gave this ticket up lately, so that the piece may still name it. */
  isGivenUp(ticket: number): boolean {
    return ticket !== 0 && this.#givenUpCount > 0 && this.#givenUp.includes(ticket);
  }

  /**
   * Applies an outcome to a slot. Rows whose bytes went on, or whose ticket ended, go to `dispose`.
   */
  settle(slot: number, dispose: (row: number) => void): void {
    const ledger = this.#ledger;
    const use = ledger.uses[slot]!;
    ledger.uses[slot] = use & FRAGMENT_STATE;
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

  /** Ends the frames of an Edge and Shape where the piece is no longer joined. */
  left(edgeShape: number): void {
    for (let entry = 0; entry < MOST_INBOUND; entry++)
      if (this.#messageIds[entry] !== 0 && this.#edgeShapes[entry] === edgeShape) this.#orphan(entry);
  }

  /** Forgets all frames; all their slots are closed already. Returns how many fragments had no row. */
  clear(): number {
    const seen = this.seen;
    this.#messageIds.fill(0);
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

  #find(edgeShape: number, messageId: number): number {
    if (this.#count === 0) return -1;
    for (let entry = 0; entry < MOST_INBOUND; entry++)
      if (this.#messageIds[entry] === messageId && this.#edgeShapes[entry] === edgeShape) return entry;
    return -1;
  }

  #begin(edgeShape: number, messageId: number): number {
    const ledger = this.#ledger;
    const head = ledger.openWithoutRow();
    ledger.uses[head] = INBOUND;
    this.#hops[head] = 0;
    this.emptyHeads++;
    let entry = 0;
    while (this.#messageIds[entry] !== 0) entry++;
    this.#messageIds[entry] = messageId;
    this.#edgeShapes[entry] = edgeShape;
    this.#heads[entry] = head;
    this.#count++;
    return entry;
  }

  #remove(entry: number): void {
    this.#messageIds[entry] = 0;
    this.#count--;
  }

  /**
   * Gives up the frame that has waited longest for a fragment, among those of which the piece holds no row.
   */
  #makeRoom(): boolean {
    let oldest = -1;
    for (let entry = 0; entry < MOST_INBOUND; entry++) {
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

  /** Records that no more fragments of a frame are accepted. */
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
    for (let entry = 0; this.#count > 0 && entry < MOST_INBOUND; entry++)
      if (this.#messageIds[entry] !== 0 && this.#heads[entry] === head) this.#remove(entry);
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

/** The most incomplete frames that may come into one piece. */
export const MOST_INBOUND = 64;
/**
 * A ticket that was given up is remembered until this many more have been given up. The contract promises it.
 */
const REMEMBERED = 256;
/** A bit beside the fragment index: this is the last fragment of its frame. */
export const LAST_FRAGMENT = 0x8000_0000;

/** The index of a fragment in its frame, from 0 on, without {@link LAST_FRAGMENT}. */
export function fragmentIndex(fragment: number): number {
  return fragment & 0x7fff_ffff;
}
