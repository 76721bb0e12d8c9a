/**
 * The memory of a guest, as the generated code in `contract.ts` sees it. An implementation must read the
 * buffer anew in `view` and `bytes`, because `realloc` may have grown the memory.
 */
export interface GuestMemory {
  view(): DataView;
  bytes(): Uint8Array;
  /** Allocates a new room with the guest's `cabi_realloc`, and checks its alignment and bounds. */
  realloc(align: number, size: number): number;
}

/**
 * A guest's values break the contract's types: an address outside of memory, an unknown case, text that is
 * not UTF-8.
 */
export class ContractError extends Error {
  readonly code = 'FT_CONTRACT';

  constructor(message: string) {
    super(message);
    this.name = 'ContractError';
  }
}

/**
 * Reads a guest's values, and trusts none of them. It checks each range, and all that one call reads has a
 * common budget, because lists may overlap and so describe more than the memory holds.
 */
export class Lifter {
  readonly #memory: GuestMemory;
  #budget = MAX_LIFTED_BYTES;

  constructor(memory: GuestMemory) {
    this.#memory = memory;
  }

  /** Returns the address if `size` bytes at it are in memory and it is aligned. */
  checked(address: number, size: number, align: number): number {
    const at = address >>> 0;
    if (at % align !== 0) throw new ContractError(`address ${at} is not a multiple of ${align}`);
    if (at + size > this.#memory.view().byteLength)
      throw new ContractError(`${size} bytes at ${at} end outside of memory`);
    return at;
  }

  bool(at: number): boolean {
    return this.u8(at) !== 0;
  }

  u8(at: number): number {
    return this.#memory.view().getUint8(at);
  }

  u16(at: number): number {
    return this.#memory.view().getUint16(at, true);
  }

  u32(at: number): number {
    return this.#memory.view().getUint32(at, true);
  }

  s32(at: number): number {
    return this.#memory.view().getInt32(at, true);
  }

  u64(at: number): bigint {
    return this.#memory.view().getBigUint64(at, true);
  }

  f64(at: number): number {
    return this.#memory.view().getFloat64(at, true);
  }

  /** Returns a discriminant if there is such a case. */
  discriminant(value: number, cases: number, type: string): number {
    if (value >= cases) throw new ContractError(`${type} has no case ${value}`);
    return value;
  }

  string(at: number): string {
    return this.stringAt(this.u32(at), this.u32(at + 4));
  }

  stringAt(address: number, byteLength: number): string {
    const bytes = this.bytesAt(address, byteLength);
    try {
      return UTF8.decode(bytes);
    } catch {
      throw new ContractError(`the string at ${address >>> 0} is not UTF-8`);
    }
  }

  /** Returns a copy. */
  byteList(at: number): Uint8Array {
    return this.bytesAt(this.u32(at), this.u32(at + 4));
  }

  /** Returns a copy. */
  bytesAt(address: number, byteLength: number): Uint8Array {
    const length = byteLength >>> 0;
    this.#spend(length);
    const at = this.checked(address, length, 1);
    return this.#memory.bytes().slice(at, at + length);
  }

  list<T>(at: number, size: number, align: number, lift: (at: number) => T): T[] {
    return this.listAt(this.u32(at), this.u32(at + 4), size, align, lift);
  }

  listAt<T>(address: number, count: number, size: number, align: number, lift: (at: number) => T): T[] {
    const length = count >>> 0;
    this.#spend(length * size);
    const at = this.checked(address, length * size, align);
    const items: T[] = [];
    for (let i = 0; i < length; i++) items.push(lift(at + i * size));
    return items;
  }

  #spend(bytes: number): void {
    this.#budget -= bytes;
    if (this.#budget < 0) throw new ContractError(`a result holds more than ${MAX_LIFTED_BYTES} bytes`);
  }
}

/** Writes values of the host into a guest's memory, in rooms that the guest allocates. */
export class Lowerer {
  readonly #memory: GuestMemory;

  constructor(memory: GuestMemory) {
    this.#memory = memory;
  }

  /** Returns the address if `size` bytes at it are in memory and it is aligned. */
  checked(address: number, size: number, align: number): number {
    const at = address >>> 0;
    if (at % align !== 0) throw new ContractError(`address ${at} is not a multiple of ${align}`);
    if (at + size > this.#memory.view().byteLength)
      throw new ContractError(`${size} bytes at ${at} end outside of memory`);
    return at;
  }

  bool(at: number, value: boolean): void {
    this.u8(at, value ? 1 : 0);
  }

  u8(at: number, value: number): void {
    this.#memory.view().setUint8(at, inRange(value, 0xff));
  }

  u16(at: number, value: number): void {
    this.#memory.view().setUint16(at, inRange(value, 0xffff), true);
  }

  u32(at: number, value: number): void {
    this.#memory.view().setUint32(at, inRange(value, 0xffff_ffff), true);
  }

  s32(at: number, value: number): void {
    this.#memory.view().setInt32(at, value, true);
  }

  u64(at: number, value: bigint): void {
    this.#memory.view().setBigUint64(at, value, true);
  }

  f64(at: number, value: number): void {
    this.#memory.view().setFloat64(at, value, true);
  }

  string(at: number, value: string): void {
    this.byteList(at, encoded(value));
  }

  byteList(at: number, value: Uint8Array): void {
    const [address, length] = this.bytesArgument(value);
    this.u32(at, address);
    this.u32(at + 4, length);
  }

  list<T>(
    at: number,
    values: ArrayLike<T>,
    size: number,
    align: number,
    lower: (at: number, value: T) => void,
  ): void {
    const [address, length] = this.listArgument(values, size, align, lower);
    this.u32(at, address);
    this.u32(at + 4, length);
  }

  stringArgument(value: string): [number, number] {
    return this.bytesArgument(encoded(value));
  }

  bytesArgument(value: Uint8Array): [number, number] {
    const address = this.#memory.realloc(1, value.length);
    this.#memory.bytes().set(value, address);
    return [address, value.length];
  }

  listArgument<T>(
    values: ArrayLike<T>,
    size: number,
    align: number,
    lower: (at: number, value: T) => void,
  ): [number, number] {
    const address = this.#memory.realloc(align, values.length * size);
    for (let i = 0; i < values.length; i++) lower(address + i * size, values[i] as T);
    return [address, values.length];
  }
}

/**
 * The most that one result may describe, in bytes as they stand in the guest: the largest saved state, and
 * far more than any description.
 */
export const MAX_LIFTED_BYTES = 4_194_304;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const ENCODER = new TextEncoder();

/** A cache: pieces receive the same few stacks and networks again and again, also while frames wait. */
function encoded(value: string): Uint8Array {
  const known = encodings.get(value);
  if (known !== undefined) return known;
  const bytes = ENCODER.encode(value);
  if (value.length > MOST_KEPT_LENGTH) return bytes;
  if (encodings.size >= MOST_KEPT) encodings.clear();
  encodings.set(value, bytes);
  return bytes;
}

const encodings = new Map<string, Uint8Array>();
const MOST_KEPT = 1024;
const MOST_KEPT_LENGTH = 64;

function inRange(value: number, max: number): number {
  if (!Number.isInteger(value) || value < 0 || value > max)
    throw new RangeError(`${value} is not in 0..${max}`);
  return value;
}
