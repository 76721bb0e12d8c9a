import type { Prefix } from './ip-address.ts';

/**
 * The destinations to which an endpoint may send. Pieces write the headers that a socket obeys, so
 * destinations are granted. The default grants all but this machine's own addresses and its loopback, because
 * a piece must not reach these with the rights of the user.
 *
 * The checks allocate nothing.
 */
export class Grants {
  readonly #everywhere: boolean;
  readonly #loopback: boolean;
  readonly #own: boolean;
  /** Network and mask alternate; the network is masked. */
  readonly #networks4: Uint32Array;
  /** Four words of network, then four of mask. */
  readonly #networks6: Uint32Array;
  #own4 = new Uint32Array(0);
  #own6 = new Uint32Array(0);

  /** @param destinations the only granted ones; an empty list grants all */
  constructor(destinations: readonly Prefix[], { loopback = false, own = false } = {}) {
    this.#everywhere = destinations.length === 0;
    this.#loopback = loopback;
    this.#own = own;
    this.#networks4 = networksOf(destinations, 4);
    this.#networks6 = networksOf(destinations, 16);
  }

  /** Sets the addresses that this machine has now. */
  setOwn(addresses: readonly Uint8Array[]): void {
    this.#own4 = Uint32Array.from(addresses.filter((each) => each.length === 4).flatMap(wordsOf));
    this.#own6 = Uint32Array.from(addresses.filter((each) => each.length === 16).flatMap(wordsOf));
  }

  /** Whether the IPv4 address at `at` is granted. */
  allowsIpv4(bytes: Uint8Array, at: number): boolean {
    const address = wordAt(bytes, at);
    if (address >>> 24 === 127) return this.#loopback;
    if (!this.#own && this.isOwnIpv4(bytes, at)) return false;
    if (this.#everywhere) return true;
    const networks = this.#networks4;
    for (let i = 0; i < networks.length; i += 2) {
      if ((address & networks[i + 1]!) >>> 0 === networks[i]!) return true;
    }
    return false;
  }

  /** Whether the IPv4 address at `at` is one of this machine's. */
  isOwnIpv4(bytes: Uint8Array, at: number): boolean {
    const address = wordAt(bytes, at);
    for (let i = 0; i < this.#own4.length; i++) if (this.#own4[i] === address) return true;
    return false;
  }

  isOwnIpv6(bytes: Uint8Array, at: number): boolean {
    const own = this.#own6;
    for (let i = 0; i < own.length; i += 4) {
      if (
        own[i] === wordAt(bytes, at) &&
        own[i + 1] === wordAt(bytes, at + 4) &&
        own[i + 2] === wordAt(bytes, at + 8) &&
        own[i + 3] === wordAt(bytes, at + 12)
      )
        return true;
    }
    return false;
  }

  allowsIpv6(bytes: Uint8Array, at: number): boolean {
    const a = wordAt(bytes, at);
    const b = wordAt(bytes, at + 4);
    const c = wordAt(bytes, at + 8);
    const d = wordAt(bytes, at + 12);
    if ((a | b) === 0) {
      // An IPv4-mapped address would bypass the grants of its IPv4 address, and these sockets do not carry
      // it.
      if (c === 0xffff) return false;
      if (c === 0 && d === 1) return this.#loopback;
    }
    if (!this.#own && this.isOwnIpv6(bytes, at)) return false;
    if (this.#everywhere) return true;
    const networks = this.#networks6;
    for (let i = 0; i < networks.length; i += 8) {
      if (
        (a & networks[i + 4]!) >>> 0 === networks[i]! &&
        (b & networks[i + 5]!) >>> 0 === networks[i + 1]! &&
        (c & networks[i + 6]!) >>> 0 === networks[i + 2]! &&
        (d & networks[i + 7]!) >>> 0 === networks[i + 3]!
      )
        return true;
    }
    return false;
  }
}

function networksOf(prefixes: readonly Prefix[], size: number): Uint32Array {
  return Uint32Array.from(
    prefixes
      .filter(({ bytes }) => bytes.length === size)
      .flatMap(({ bytes, length }) => {
        const words = wordsOf(bytes);
        const masks = words.map((_, i) => maskOf(length - i * 32));
        return [...words.map((word, i) => (word & masks[i]!) >>> 0), ...masks];
      }),
  );
}

function wordsOf(bytes: Uint8Array): number[] {
  return Array.from({ length: bytes.length / 4 }, (_, i) => wordAt(bytes, i * 4));
}

function wordAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function maskOf(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? 0xffffffff : (0xffffffff << (32 - bits)) >>> 0;
}
