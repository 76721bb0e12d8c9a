/** A segment on an unreliable carrier, as its header says. */
export interface Segment {
  readonly from: number;
  readonly bytes: readonly number[];
  readonly isFirst: boolean;
  readonly isLast: boolean;
  /** The total length, in a first segment; 0 where it is not known. */
  readonly total: number;
}

/** How segments of one frame are put together, byte by byte and without any table that could be full. */
export class ReassemblyModel {
  #bytes: (number | undefined)[] = [];
  #total: number | undefined;
  #state: 'none' | 'open' | 'spoilt' | 'done' = 'none';

  /** The result of a segment: the reason for the end of its ticket, `held`, or the frame. */
  take({ from, bytes, isFirst, isLast, total }: Segment): string | readonly number[] {
    const to = from + bytes.length;
    if (isFirst !== (from === 0)) return 'bad-segment';
    if (bytes.length === 0 && !isLast) return 'bad-segment';
    if (isFirst && total > 0 && (to > total || (isLast && to !== total))) return 'bad-segment';
    if (isFirst && isLast) return bytes;
    if (this.#state === 'done') return 'duplicate';
    if (this.#state === 'spoilt') return 'inconsistent';
    const isNew = this.#state === 'none';
    this.#state = 'open';
    const known = isLast ? to : isFirst && total > 0 ? total : undefined;
    if (known !== undefined) {
      if ((this.#total ?? known) !== known || this.#bytes.length > known) return this.#spoil();
      this.#total = known;
    }
    if (this.#total !== undefined && to > this.#total) return this.#spoil();
    if (bytes.length > 0) {
      const there = bytes.filter((_, i) => this.#bytes[from + i] !== undefined).length;
      const isSame = bytes.every((byte, i) => this.#bytes[from + i] === byte);
      if (there === bytes.length && isSame) return 'duplicate';
      if (there > 0) return this.#spoil();
      for (const [i, byte] of bytes.entries()) this.#bytes[from + i] = byte;
    }
    if (this.#total !== undefined) {
      const all = Array.from({ length: this.#total }, (_, i) => this.#bytes[i]);
      if (!all.includes(undefined)) {
        this.#state = 'done';
        return all as number[];
      }
    }
    return isNew ? 'held' : 'merged';
  }

  #spoil(): string {
    this.#state = 'spoilt';
    return 'inconsistent';
  }
}
