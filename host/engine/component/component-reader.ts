import { BinaryReader } from '../wasm/binary-reader.ts';
import { ComponentError } from '../wasm/component-error.ts';

/** Reads a component, and counts its definitions, including those of nested components. */
export class ComponentReader extends BinaryReader {
  readonly #total: { items: number };

  constructor(bytes: Uint8Array, total: { items: number }, at?: number, end?: number) {
    super(bytes, at, end);
    this.#total = total;
  }

  /** Reads the number of elements of a vector, each of which becomes an object. */
  items(): number {
    const count = this.count();
    this.countItems(count);
    return count;
  }

  countItems(count: number): void {
    this.#total.items += count;
    if (this.#total.items > MAX_ITEMS) this.#tooLarge(`has more than ${MAX_ITEMS} definitions`);
  }

  override name(): string {
    const start = this.at;
    if (this.u32() > MAX_NAME_BYTES) this.#tooLarge(`has a name of more than ${MAX_NAME_BYTES} bytes`);
    this.at = start;
    return super.name();
  }

  /** Returns a reader of the next `length` bytes, and skips them here. */
  section(length: number): ComponentReader {
    const start = this.at;
    this.skip(length);
    return new ComponentReader(this.bytes, this.#total, start, this.at);
  }

  #tooLarge(what: string): never {
    throw new ComponentError(
      'FT_COMPONENT_TOO_LARGE',
      `the component ${what}, at byte ${this.at}, which is beyond the limits of this host; use another component`,
      { offset: this.at },
    );
  }
}

/**
 * The most definitions in a file, including those of nested components and the items that they list. The
 * largest components of the known tools have some thousands. While a file is examined, each costs a hundred
 * times its bytes.
 */
const MAX_ITEMS = 100_000;

/**
 * The most bytes in a name of the Component Model. Names of interfaces with their versions have up to a
 * hundred.
 */
const MAX_NAME_BYTES = 4096;
