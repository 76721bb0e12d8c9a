import type { Slots } from './slots.ts';
import { CUT, DEPARTS } from './ticket-uses.ts';

/**
 * The frames that leave a piece of a puzzle in pieces, and are not over: one for a ticket, an Edge and a Shape; of frames of the
 * piece's own, which have no ticket, one for an Edge and a Shape. Each has a number of the lane's, a train, which its
 * pieces carry to whoever takes them, with their place in it.
 */
export class OutboundFragments {
  /** Frames of the piece's own. */
  own = 0;

  readonly #ledger: Slots;
  readonly #slots = new Int32Array(MOST);
  readonly #edgeShapes = new Uint32Array(MOST);
  /** 0 where there is none. */
  readonly #trains = new Uint32Array(MOST);
  readonly #next = new Uint32Array(MOST);
  readonly #wentLast = new Float64Array(MOST);
  #went = 0;
  #count = 0;

  constructor(ledger: Slots) {
    this.#ledger = ledger;
  }

  /** The entry of a ticket's slot, or of {@link OWN}; -1 where none is under way. */
  find(slot: number, edgeShape: number): number {
    if (this.#count === 0) return -1;
    for (let entry = 0; entry < MOST; entry++)
      if (this.#trains[entry] !== 0 && this.#slots[entry] === slot && this.#edgeShapes[entry] === edgeShape)
        return entry;
    return -1;
  }

  /**
   * A frame begins. Where as many are under way as may be, the one with a ticket of which nothing went for longest is cut: no more of it goes out.
   *
   * @returns its entry; -1 where too many of the piece's own are under way
   */
  begin(slot: number, edgeShape: number, train: number): number {
    if (slot === OWN && this.own === MOST_OWN) return -1;
    if (this.#count === MOST) this.#cut(this.#oldest());
    let entry = 0;
    while (this.#trains[entry] !== 0) entry++;
    this.#trains[entry] = train;
    this.#slots[entry] = slot;
    this.#edgeShapes[entry] = edgeShape;
    this.#next[entry] = 0;
    this.#wentLast[entry] = this.#went++;
    this.#count++;
    if (slot === OWN) this.own++;
    else this.#ledger.uses[slot]! |= DEPARTS;
    return entry;
  }

  trainOf(entry: number): number {
    return this.#trains[entry]!;
  }

  /** The place of the next piece, which is taken by it. */
  take(entry: number): number {
    const place = this.#next[entry]!;
    this.#next[entry] = (place + 1) & MOST_PIECES;
    this.#wentLast[entry] = this.#went++;
    return place;
  }

  remove(entry: number): void {
    this.#trains[entry] = 0;
    this.#count--;
    if (this.#slots[entry] === OWN) this.own--;
  }

  /** A ticket has ended. */
  ended(slot: number): void {
    for (let entry = 0; entry < MOST; entry++)
      if (this.#trains[entry] !== 0 && this.#slots[entry] === slot) this.remove(entry);
  }

  /** The piece is joined by this Edge and Shape no more: who comes there later is not to take a rest for a beginning. */
  left(edgeShape: number): void {
    for (let entry = 0; entry < MOST; entry++)
      if (this.#trains[entry] !== 0 && this.#edgeShapes[entry] === edgeShape) this.#cut(entry);
  }

  clear(): void {
    this.#trains.fill(0);
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

/** In the place of a slot: of a frame without a ticket. */
export const OWN = -1;
/** Frames of the piece's own that may leave in pieces at a time. */
export const MOST_OWN = 64;
const MOST = 256;
/** Places are counted modulo this, and one. */
const MOST_PIECES = 0x7fff_ffff;
