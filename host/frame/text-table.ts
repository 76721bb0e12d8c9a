/**
 * Protocol numbers by textual identifier, looked up in bytes without making a string. Letters of ASCII are
 * equal in both cases, and white space in the bytes does not count: no identifier has any.
 */
export class TextTable {
  /** The bytes of all identifiers, one behind the other. */
  readonly #text: Uint8Array;
  /** Four words a slot: hash, where the identifier begins, where it ends, protocol (0: free). */
  readonly #slots: Int32Array;

  constructor(texts: ReadonlyMap<string, number>) {
    let size = 8;
    while (size < texts.size * 2) size *= 2;
    this.#slots = new Int32Array(size * 4);
    this.#text = new TextEncoder().encode([...texts.keys()].join(''));
    let from = 0;
    for (const [text, protocol] of texts) {
      const to = from + text.length;
      const hash = hashOf(this.#text, from, to);
      let slot = hash & (size - 1);
      while (this.#slots[slot * 4 + 3] !== 0) slot = (slot + 1) & (size - 1);
      this.#slots.set([hash, from, to, protocol], slot * 4);
      from = to;
    }
  }

  /** The protocol whose identifier is these bytes, or 0. */
  find(bytes: Uint8Array, from: number, to: number): number {
    const slots = this.#slots;
    const mask = slots.length / 4 - 1;
    const hash = hashOf(bytes, from, to);
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const at = slot * 4;
      const protocol = slots[at + 3]!;
      if (protocol === 0) return 0;
      if (slots[at] === hash && this.#isAt(slots[at + 1]!, slots[at + 2]!, bytes, from, to)) return protocol;
    }
  }

  #isAt(textFrom: number, textTo: number, bytes: Uint8Array, from: number, to: number): boolean {
    let text = textFrom;
    for (let at = from; at < to; at++) {
      if (bytes[at]! <= SPACE) continue;
      if (text === textTo || this.#text[text] !== lowerCase(bytes[at]!)) return false;
      text++;
    }
    return text === textTo;
  }
}

/** Returns a letter of ASCII in lower case; any other byte unchanged. */
export function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

/** The FNV-1a hash of the bytes in lower case, without white space. */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = -2128831035;
  for (let at = from; at < to; at++)
    if (bytes[at]! > SPACE) hash = Math.imul(hash ^ lowerCase(bytes[at]!), 16777619);
  return hash;
}

const SPACE = 0x20;
