/**
 * The frames that leave a piece in one call: rows, each with its Edge and its Shape. It grows as needed, and
 * never shrinks.
 */
export class Outbox {
  rows = new Int32Array(OUTBOX_FRAMES);
  /** Edge number | Shape number << 16. */
  edgeShapes = new Uint32Array(OUTBOX_FRAMES);
  /** Headers in front of the Shape's own stack | trailers behind it << 8. */
  skips = new Uint16Array(OUTBOX_FRAMES);
  length = 0;

  /** Pushes a frame; the reference to `row` passes to the outbox. */
  push(row: number, edgeShape: number, skips: number): void {
    const at = this.length;
    if (at === this.rows.length) this.#grow();
    this.rows[at] = row;
    this.edgeShapes[at] = edgeShape;
    this.skips[at] = skips;
    this.length = at + 1;
  }

  /**
   * Pushes `count` frames. `passed` has their rows, Edges and Shapes, and skips, one frame behind the other.
   */
  pushAll(passed: Uint32Array, count: number): void {
    while (this.length + count > this.rows.length) this.#grow();
    const { rows, edgeShapes, skips } = this;
    let at = this.length;
    const end = at + count;
    for (let from = 0; at < end; at++, from += 3) {
      rows[at] = passed[from]!;
      edgeShapes[at] = passed[from + 1]!;
      skips[at] = passed[from + 2]!;
    }
    this.length = end;
  }

  #grow(): void {
    const capacity = this.rows.length * 2;
    const rows = new Int32Array(capacity);
    const edgeShapes = new Uint32Array(capacity);
    const skips = new Uint16Array(capacity);
    rows.set(this.rows);
    edgeShapes.set(this.edgeShapes);
    skips.set(this.skips);
    this.rows = rows;
    this.edgeShapes = edgeShapes;
    this.skips = skips;
  }
}

const OUTBOX_FRAMES = 256;
