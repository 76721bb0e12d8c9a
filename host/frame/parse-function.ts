/**
 * Parses a header that data cannot express, such as a textual one. It works on bytes, makes no object and no
 * string, takes time in proportion to the bytes, and trusts none of them.
 */
export interface ParseFunction {
  /**
   * Fills `cut` for the bytes from `from` up to `to`, which are at least the definition's minimum.
   *
   * @returns 0, or a kind of problem
   */
  parse(bytes: Uint8Array, from: number, to: number, cut: Cut): number;
  /**
   * Writes the number of bytes behind a header, `length`, into its place in the header, which lies from
   * `from` to `to`.
   *
   * @returns 0, or a kind of problem
   */
  finish?(bytes: Uint8Array, from: number, to: number, length: number): number;
}

/**
 * The result of a parse function: how it divides its bytes. One object is made, and filled anew for each
 * header.
 */
export class Cut {
  /** Bytes of the header. */
  header = 0;
  /** Bytes of the contents. */
  contents = 0;
  /** Bytes behind the contents that belong to this header, and end it. */
  closing = 0;
  /**
   * For an item: whether another of the same protocol follows. Otherwise the remaining bytes are not its own.
   */
  isFollowed = false;
  /** The identifier of the contents: a number, or -1. */
  next = -1;
  /** The identifier as text, from here to `nextTo`; none when both are equal. */
  nextFrom = 0;
  nextTo = 0;
  /** An input: the header in front, which may contain what this one needs. Empty if there is none. */
  frontFrom = 0;
  frontTo = 0;

  /** Starts a result with these numbers of bytes in header and contents. */
  begin(header: number, contents: number): void {
    this.header = header;
    this.contents = contents;
    this.closing = 0;
    this.isFollowed = false;
    this.next = -1;
    this.nextFrom = 0;
    this.nextTo = 0;
  }
}
