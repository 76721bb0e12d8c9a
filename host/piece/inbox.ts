/**
 * The frames that wait for one piece: a bounded ring of rows, each with the Edge and the Shape it arrives on
 * and how many parts at both ends are not the Shape's concern (the specification's N and M).
 */
export class Inbox {
  readonly rows: Int32Array;
  /** Edge number | Shape number << 16, as the contract's `frame` begins. */
  readonly edgeShapes: Uint32Array;
  /** Headers to skip | trailers to skip << 8. */
  readonly skips: Uint16Array;
  readonly #mask: number;
  #head = 0;
  #tail = 0;

  /** `capacity` is in frames, a power of two. */
  constructor(capacity = INBOX_FRAMES) {
    if (capacity <= 0 || (capacity & (capacity - 1)) !== 0)
      throw new RangeError('an inbox holds a power of two of frames');
    this.rows = new Int32Array(capacity);
    this.edgeShapes = new Uint32Array(capacity);
    this.skips = new Uint16Array(capacity);
    this.#mask = capacity - 1;
  }

  get length(): number {
    return (this.#tail - this.#head) | 0;
  }

  get capacity(): number {
    return this.#mask + 1;
  }

  /**
   * Pushes a frame; the reference to `row` passes to the inbox. Returns false, and takes nothing, if the
   * inbox is full.
   */
  push(row: number, edgeShape: number, skips: number): boolean {
    if (this.length > this.#mask) return false;
    const at = this.#tail & this.#mask;
    this.rows[at] = row;
    this.edgeShapes[at] = edgeShape;
    this.skips[at] = skips;
    this.#tail = (this.#tail + 1) | 0;
    return true;
  }

  /** The index into the three arrays of the n-th waiting frame. */
  at(n: number): number {
    return (this.#head + n) & this.#mask;
  }

  /** Writes row, Edge and Shape, and skips of the first `count` waiting frames one behind the other. */
  listTo(waiting: Uint32Array, count: number): void {
    const { rows, edgeShapes, skips } = this;
    const mask = this.#mask;
    let at = this.#head & mask;
    for (let to = 0, end = count * 3; to < end; to += 3) {
      waiting[to] = rows[at]!;
      waiting[to + 1] = edgeShapes[at]!;
      waiting[to + 2] = skips[at]!;
      at = (at + 1) & mask;
    }
  }

  /** Forgets the first `count` frames; the caller owns their references now. */
  take(count: number): void {
    this.#head = (this.#head + count) | 0;
  }
}

/**
 * The most frames that may wait for one piece: 1024 large frames are 15 ms of a gigabit, and more than any
 * batch.
 */
export const INBOX_FRAMES = 1024;
