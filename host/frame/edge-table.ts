/**
 * The edges of a trie: a map from a node and a label to the child. Open addressing with linear probing in one
 * Int32Array, so a look-up makes no object and touches one cache line.
 */
export class EdgeTable {
  /** Node + 1 (0: free), edge, child, and nothing: four words keep a slot within a cache line. */
  #slots = new Int32Array(64 * SLOT_WORDS);
  #mask = 63;
  #size = 0;

  /** The child, or -1. */
  get(node: number, edge: number): number {
    const slots = this.#slots;
    const mask = this.#mask;
    for (let slot = hash(node, edge) & mask; ; slot = (slot + 1) & mask) {
      const at = slot * SLOT_WORDS;
      const key = slots[at]!;
      if (key === 0) return -1;
      if (key === node + 1 && slots[at + 1] === edge) return slots[at + 2]!;
    }
  }

  /** Adds an edge that is not in the table yet. */
  set(node: number, edge: number, child: number): void {
    if ((this.#size + 1) * 2 > this.#mask) this.#grow();
    this.#size++;
    this.#insert(node, edge, child);
  }

  delete(node: number, edge: number): void {
    const slots = this.#slots;
    const mask = this.#mask;
    let free = hash(node, edge) & mask;
    for (; ; free = (free + 1) & mask) {
      const at = free * SLOT_WORDS;
      if (slots[at] === 0) return;
      if (slots[at] === node + 1 && slots[at + 1] === edge) break;
    }
    this.#size--;
    // Closes the gap with entries that were pushed past it, so that no probe ends too early and no tombstone
    // remains.
    for (let slot = (free + 1) & mask; slots[slot * SLOT_WORDS] !== 0; slot = (slot + 1) & mask) {
      const at = slot * SLOT_WORDS;
      const home = hash(slots[at]! - 1, slots[at + 1]!) & mask;
      if (((slot - home) & mask) < ((slot - free) & mask)) continue;
      slots.copyWithin(free * SLOT_WORDS, at, at + SLOT_WORDS);
      free = slot;
    }
    slots.fill(0, free * SLOT_WORDS, (free + 1) * SLOT_WORDS);
  }

  get size(): number {
    return this.#size;
  }

  #insert(node: number, edge: number, child: number): void {
    const slots = this.#slots;
    let slot = hash(node, edge) & this.#mask;
    while (slots[slot * SLOT_WORDS] !== 0) slot = (slot + 1) & this.#mask;
    const at = slot * SLOT_WORDS;
    slots[at] = node + 1;
    slots[at + 1] = edge;
    slots[at + 2] = child;
  }

  #grow(): void {
    const old = this.#slots;
    this.#mask = this.#mask * 2 + 1;
    this.#slots = new Int32Array((this.#mask + 1) * SLOT_WORDS);
    for (let at = 0; at < old.length; at += SLOT_WORDS) {
      if (old[at] !== 0) this.#insert(old[at]! - 1, old[at + 1]!, old[at + 2]!);
    }
  }
}

const SLOT_WORDS = 4;

function hash(node: number, edge: number): number {
  const mixed = Math.imul(node, 0x9e3779b1) ^ Math.imul(edge, 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
