/**
 * Random numbers that are the same on each run, and cheap. Source: the generator xorshift128, by G. Marsaglia
 * (2003).
 */
export class FuzzRandom {
  #x: number;
  #y: number;
  #z: number;
  #w: number;

  constructor(seed: number) {
    this.#x = (seed | 0) ^ 0x6d2b79f5;
    this.#y = 362436069;
    this.#z = 521288629;
    this.#w = 88675123;
    for (let i = 0; i < 16; i++) this.word();
  }

  /** 32 bits, as a signed number. */
  word(): number {
    const t = this.#x ^ (this.#x << 11);
    this.#x = this.#y;
    this.#y = this.#z;
    this.#z = this.#w;
    this.#w = this.#w ^ (this.#w >>> 19) ^ t ^ (t >>> 8);
    return this.#w;
  }

  /** An integer from 0, below `limit`, which is at most 2^31. */
  below(limit: number): number {
    return ((this.word() >>> 1) % limit) | 0;
  }

  one<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}

/**
 * Numbers from a tape of bytes: so that bytes drive what otherwise chance drives. Zeros when the tape has
 * ended.
 */
export class ByteTape {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get hasEnded(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** One byte for small limits, more for larger ones. */
  readonly below = (limit: number): number => {
    let value = this.#byte();
    for (let reach = 256; reach < limit; reach *= 256) value = value * 256 + this.#byte();
    return value % limit;
  };

  #byte(): number {
    return this.#bytes[this.#at++] ?? 0;
  }
}
