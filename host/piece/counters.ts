/**
 * Counters by name, for reading and for rare events; by index, for the frame path. Names are never forgotten.
 */
export class Counters {
  values = new Float64Array(16);
  readonly #indices = new Map<string, number>();

  /** The index of a name in `values`. `values` may be another array after a new name. */
  index(name: string): number {
    const known = this.#indices.get(name);
    if (known !== undefined) return known;
    const index = this.#indices.size;
    if (index === this.values.length) {
      const grown = new Float64Array(index * 2);
      grown.set(this.values);
      this.values = grown;
    }
    this.#indices.set(name, index);
    return index;
  }

  add(name: string, amount: number): void {
    const index = this.index(name);
    this.values[index]! += amount;
  }

  get(name: string): number {
    const index = this.#indices.get(name);
    return index === undefined ? 0 : this.values[index]!;
  }

  /** Names and values, in the order of the names' first use. */
  *entries(): IterableIterator<[string, number]> {
    for (const [name, index] of this.#indices) yield [name, this.values[index]!];
  }
}
