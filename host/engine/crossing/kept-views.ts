/**
 * Views on stretches of one memory, kept for the next block from there: a new view for each block would be
 * garbage in each batch. There are few entries, by address and length, and a new view replaces an old one. So
 * blocks should have few different addresses and lengths.
 */
export class KeptViews {
  readonly #bytes: Uint8Array;
  readonly #views: (Uint8Array | undefined)[] = Array(PLACES).fill(undefined);
  // Kept beside the views, because reading a view's properties costs as much as making one.
  readonly #addresses = new Int32Array(PLACES);
  readonly #lengths = new Int32Array(PLACES);

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The stretch must lie in the memory and must not be empty. */
  of(at: number, length: number): Uint8Array {
    const place = ((at >>> 6) + (at >>> 13) + (length >>> 6) * 31 + (length >>> 12)) & (PLACES - 1);
    const kept = this.#views[place];
    if (kept !== undefined && this.#lengths[place] === length && this.#addresses[place] === at) return kept;
    const view = this.#bytes.subarray(at, at + length);
    this.#views[place] = view;
    this.#addresses[place] = at;
    this.#lengths[place] = length;
    return view;
  }
}

const PLACES = 256;
