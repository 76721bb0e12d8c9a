import { ComponentError } from './component-error.ts';

/**
 * Reads the binary format of WebAssembly from bytes that may be hostile. It checks each step against the end,
 * and LEB128 numbers against their width. Offsets count from the start of the file, so that messages can name
 * them.
 *
 * @throws {ComponentError} FT_COMPONENT_INVALID from each method that reads.
 */
export class BinaryReader {
  readonly bytes: Uint8Array;
  /** The offset of the next byte. */
  at: number;
  /** The offset behind the last readable byte. */
  readonly end: number;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get isAtEnd(): boolean {
    return this.at >= this.end;
  }

  byte(): number {
    if (this.at >= this.end) this.fail('ends too early');
    return this.bytes[this.at++]!;
  }

  /** Reads an unsigned number of at most 32 bits. */
  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      if (shift === 28 && byte > 0x0f) this.fail('has a number of more than 32 bits', this.at - 1);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return this.fail('has a number of more than 32 bits', this.at - 1);
  }

  /** Reads a signed number of at most 33 bits: a block type, or the reference to a heap type. */
  s33(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return byte & 0x40 ? value - 2 ** (shift + 7) : value;
    }
    return this.fail('has a number of more than 33 bits', this.at - 1);
  }

  /** Skips a LEB128 number of at most `bytes` bytes. */
  skipLeb(bytes: number): void {
    for (let i = 0; i < bytes; i++) if (this.byte() < 0x80) return;
    this.fail('has a number that is too long', this.at - 1);
  }

  skip(length: number): void {
    if (length > this.end - this.at) this.fail('ends too early', this.end);
    this.at += length;
  }

  /**
   * Reads the number of elements of a vector. Each takes at least one byte, so a number above the bytes left
   * is wrong.
   */
  count(): number {
    const at = this.at;
    const count = this.u32();
    if (count > this.end - this.at) this.fail(`announces ${count} elements, but fewer bytes are left`, at);
    return count;
  }

  name(): string {
    const at = this.at;
    const length = this.u32();
    const start = this.at;
    this.skip(length);
    try {
      return utf8.decode(this.bytes.subarray(start, this.at));
    } catch {
      return this.fail('has a name that is not UTF-8', at);
    }
  }

  /** Returns a reader of the next `length` bytes, and skips them here. */
  part(length: number): BinaryReader {
    const at = this.at;
    this.skip(length);
    return new BinaryReader(this.bytes, at, this.at);
  }

  /** Checks that all bytes have been read. */
  finish(what: string): void {
    if (this.at !== this.end) this.fail(`has ${this.end - this.at} bytes too many in its ${what}`);
  }

  fail(what: string, offset = this.at): never {
    throw new ComponentError(
      'FT_COMPONENT_INVALID',
      `the component ${what}, at byte ${offset}; the file is damaged or not a component`,
      {
        offset,
      },
    );
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
