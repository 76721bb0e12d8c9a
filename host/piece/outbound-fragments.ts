import type { Slots } from './slots.ts';
import { CUT, OUTBOUND } from './ticket-uses.ts';

/**
 * The incomplete frames that leave a piece in fragments. There is at most one for each ticket, Edge and
 * Shape. Frames of the piece's own have no ticket, so there is at most one for each Edge and Shape. Each
 * frame has a message id, unique in the lane, and its fragments carry that id and their fragment index.
 */
export class OutboundFragments {
  /** Frames of the piece's own. */
  own = 0;

  readonly #ledger: Slots;
  readonly #slots = new Int32Array(MOST);
  readonly #edgeShapes = new Uint32Array(MOST);
  /** By entry; 0 for a free entry. */
  readonly #messageIds = new Uint32Array(MOST);
  readonly #next = new Uint32Array(MOST);
  readonly #wentLast = new Float64Array(MOST);
  #went = 0;
  #count = 0;

  constructor(ledger: Slots) {
    this.#ledger = ledger;
  }

  /** The entry of a ticket's slot, or of {@link OWN}; -1 if no frame of it is incomplete. */
  find(slot: number, edgeShape: number): number {
    if (this.#count === 0) return -1;
    for (let entry = 0; entry < MOST; entry++)
      if (
        this.#messageIds[entry] !== 0 &&
        this.#slots[entry] === slot &&
        this.#edgeShapes[entry] === edgeShape
      )
        return entry;
    return -1;
  }

  /**
   * Begins a frame. If all entries are in use, the frame with a ticket that has sent nothing for the longest
   * time is cut: no more of it goes out.
   *
   * @returns its entry; -1 if too many frames of the piece's own are incomplete
   */
  begin(slot: number, edgeShape: number, messageId: number): number {
    if (slot === OWN && this.own === MOST_OWN) return -1;
    if (this.#count === MOST) this.#cut(this.#oldest());
    let entry = 0;
    while (this.#messageIds[entry] !== 0) entry++;
    this.#messageIds[entry] = messageId;
    this.#slots[entry] = slot;
    this.#edgeShapes[entry] = edgeShape;
    this.#next[entry] = 0;
    this.#wentLast[entry] = this.#went++;
    this.#count++;
    if (slot === OWN) this.own++;
    else this.#ledger.uses[slot]! |= OUTBOUND;
    return entry;
  }

  messageIdOf(entry: number): number {
    return this.#messageIds[entry]!;
  }

  /** Returns the index of the next fragment, and counts that fragment. */
  take(entry: number): number {
    const index = this.#next[entry]!;
    this.#next[entry] = (index + 1) & LARGEST_INDEX;
    this.#wentLast[entry] = this.#went++;
    return index;
  }

  remove(entry: number): void {
    this.#messageIds[entry] = 0;
    this.#count--;
    if (this.#slots[entry] === OWN) this.own--;
  }

  /** Removes the frames of a ticket that has ended. */
  ended(slot: number): void {
    for (let entry = 0; entry < MOST; entry++)
      if (this.#messageIds[entry] !== 0 && this.#slots[entry] === slot) this.remove(entry);
  }

  /**
   * Cuts the frames of an Edge and Shape where the piece is no longer joined. A piece that joins there later
   * must not take the rest of a frame for its beginning.
   */
  left(edgeShape: number): void {
    // Stryker disable next-line EqualityOperator: behind the last entry there is none.
    for (let entry = 0; entry < MOST; entry++)
      if (this.#messageIds[entry] !== 0 && this.#edgeShapes[entry] === edgeShape) this.#cut(entry);
  }

  clear(): void {
    this.#messageIds.fill(0);
    this.#count = 0;
    this.own = 0;
  }

  #cut(entry: number): void {
    const slot = this.#slots[entry]!;
    if (slot !== OWN) this.#ledger.uses[slot]! |= CUT;
    this.remove(entry);
  }

  #oldest(): number {
    let oldest = -1;
    for (let entry = 0; entry < MOST; entry++)
      if (this.#slots[entry] !== OWN && (oldest < 0 || this.#wentLast[entry]! < this.#wentLast[oldest]!))
        oldest = entry;
    return oldest;
  }
}

/** Stands for the slot of a frame without a ticket. */
export const OWN = -1;
/** Frames of the piece's own that may leave in fragments at a time. */
export const MOST_OWN = 64;
const MOST = 256;
/** Fragment indices are counted modulo this plus one. */
const LARGEST_INDEX = 0x7fff_ffff;
