/**
 * Connections by the addresses and ports in the headers of frames, without an object for a look-up.
 *
 * A key is the local port, the remote port and the remote address, as 20 bytes; an IPv4 address is mapped
 * into
 * 16. Open addressing with linear probing; the table doubles at half load.
 */
export class ConnectionTable<T> {
  #keys = new Uint8Array(LEAST_SLOTS * KEY_BYTES);
  #values: (T | undefined)[] = new Array<T | undefined>(LEAST_SLOTS).fill(undefined);
  #mask = LEAST_SLOTS - 1;
  #size = 0;
  readonly #key = new Uint8Array(KEY_BYTES);

  get size(): number {
    return this.#size;
  }

  /**
   * Sets the key of the next call from two ports and an address in a frame. `local` and `remote` are the
   * addresses of ports.
   */
  setKey(bytes: Uint8Array, local: number, remote: number, address: number, isIpv4: boolean): void {
    const key = this.#key;
    key[0] = bytes[local]!;
    key[1] = bytes[local + 1]!;
    key[2] = bytes[remote]!;
    key[3] = bytes[remote + 1]!;
    if (isIpv4) {
      for (let i = 4; i < 14; i++) key[i] = 0;
      key[14] = key[15] = 255;
      for (let i = 0; i < 4; i++) key[16 + i] = bytes[address + i]!;
    } else {
      for (let i = 0; i < 16; i++) key[4 + i] = bytes[address + i]!;
    }
  }

  find(): T | undefined {
    return this.#values[this.#place()];
  }

  /** Adds a value. Returns false if the key has one already. */
  add(value: T): boolean {
    const at = this.#place();
    if (this.#values[at] !== undefined) return false;
    this.#keys.set(this.#key, at * KEY_BYTES);
    this.#values[at] = value;
    if (++this.#size * 2 > this.#values.length) this.#grow();
    return true;
  }

  /** Removes the value of the key, if it is this connection. */
  remove(value: T): void {
    let hole = this.#place();
    if (this.#values[hole] !== value) return;
    this.#size--;
    // Entries behind a hole move up, unless their own place lies behind it.
    for (let at = (hole + 1) & this.#mask; this.#values[at] !== undefined; at = (at + 1) & this.#mask) {
      const home = this.#hash(this.#keys, at * KEY_BYTES) & this.#mask;
      if (((at - home) & this.#mask) < ((at - hole) & this.#mask)) continue;
      this.#values[hole] = this.#values[at];
      this.#keys.copyWithin(hole * KEY_BYTES, at * KEY_BYTES, (at + 1) * KEY_BYTES);
      hole = at;
    }
    this.#values[hole] = undefined;
  }

  /** The slot of the key, or the free slot in which it belongs. */
  #place(): number {
    const key = this.#key;
    const keys = this.#keys;
    let at = this.#hash(key, 0) & this.#mask;
    while (this.#values[at] !== undefined) {
      let same = 0;
      while (same < KEY_BYTES && keys[at * KEY_BYTES + same] === key[same]) same++;
      if (same === KEY_BYTES) break;
      at = (at + 1) & this.#mask;
    }
    return at;
  }

  #hash(bytes: Uint8Array, from: number): number {
    let hash = SEED;
    for (let i = 0; i < KEY_BYTES; i++) hash = Math.imul(hash ^ bytes[from + i]!, 0x0100_0193);
    return hash ^ (hash >>> 15);
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    const saved = this.#key.slice();
    const slots = values.length * 2;
    this.#keys = new Uint8Array(slots * KEY_BYTES);
    this.#values = new Array<T | undefined>(slots).fill(undefined);
    this.#mask = slots - 1;
    for (let n = 0; n < values.length; n++) {
      if (values[n] === undefined) continue;
      this.#key.set(keys.subarray(n * KEY_BYTES, (n + 1) * KEY_BYTES));
      const at = this.#place();
      this.#keys.set(this.#key, at * KEY_BYTES);
      this.#values[at] = values[n];
    }
    this.#key.set(saved);
  }
}

const KEY_BYTES = 20;
const LEAST_SLOTS = 64;
/** Peers choose parts of the key, so its hash is not the same in each process. */
const SEED = (Math.random() * 0x1_0000_0000) | 0;
