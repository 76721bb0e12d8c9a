/**
 * Protocol numbers by identifier, for one Name Space. Identifiers of up to 16 bits index an array; larger
 * ones are in a hash with linear probing, and texts in the order of their arrival. Looking up a number
 * allocates nothing.
 */
export class IdentifierTable {
  /** For up to 16 bits: protocol numbers by identifier. Empty for larger ones. */
  readonly direct: Uint16Array;
  readonly #bits: number;
  /** Pairs of an identifier and a protocol number; 0 marks a free pair. */
  #slots = new Uint32Array(0);
  #size = 0;
  readonly #texts = new Map<string, number>();

  constructor(bits: number) {
    this.#bits = bits;
    this.direct = new Uint16Array(bits > 0 && bits <= 16 ? 2 ** bits : 0);
    if (bits > 16) this.#slots = new Uint32Array(32);
  }

  /** Whether an identifier is possible in this Name Space. */
  fits(id: number | string): boolean {
    if (typeof id === 'string') return this.#bits === 0 && isIdentifierText(id);
    return this.#bits > 0 && Number.isInteger(id) && id >= 0 && id < 2 ** this.#bits;
  }

  /** The protocol of a number, or 0. */
  get(id: number): number {
    if (this.#bits <= 16) return this.direct[id] ?? 0;
    const slots = this.#slots;
    const mask = slots.length - 2;
    for (let at = hash(id) & mask; ; at = (at + 2) & mask) {
      const protocol = slots[at + 1]!;
      if (protocol === 0 || slots[at] === id) return protocol;
    }
  }

  getText(id: string): number {
    return this.#texts.get(id) ?? 0;
  }

  /**
   * The textual identifiers; there are few. Users that look up bytes compile tables of their own from them.
   */
  get texts(): ReadonlyMap<string, number> {
    return this.#texts;
  }

  set(id: number | string, protocol: number): void {
    if (typeof id === 'string') this.#texts.set(id, protocol);
    else if (this.#bits <= 16) this.direct[id] = protocol;
    else this.#insert(id, protocol);
  }

  #insert(id: number, protocol: number): void {
    // An identifier that is set again, when a definition takes it over, counts twice: it costs only room.
    // Stryker disable next-line EqualityOperator: the table only doubles one identifier earlier.
    if (++this.#size * 4 > this.#slots.length) {
      const old = this.#slots;
      this.#slots = new Uint32Array(old.length * 2);
      // Stryker disable next-line EqualityOperator: behind the end is no protocol, so the slot stays free.
      for (let at = 0; at < old.length; at += 2) if (old[at + 1] !== 0) this.#put(old[at]!, old[at + 1]!);
    }
    this.#put(id, protocol);
  }

  #put(id: number, protocol: number): void {
    const mask = this.#slots.length - 2;
    let at = hash(id) & mask;
    while (this.#slots[at + 1] !== 0 && this.#slots[at] !== id) at = (at + 2) & mask;
    this.#slots[at] = id;
    this.#slots[at + 1] = protocol;
  }
}

/** Whether text can be an identifier: visible ASCII in lower case, without the delimiters of a stack. */
export function isIdentifierText(text: string): boolean {
  return /^[!#-@[-~]{1,127}$/.test(text);
}

function hash(id: number): number {
  const mixed = Math.imul(id, 0x9e3779b1);
  return (mixed ^ (mixed >>> 15)) & ~1;
}
