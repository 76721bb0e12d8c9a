/**
 * How a header is parsed that data cannot express, such as a textual one: a function on bytes, that makes no
 * object and no string, takes time in proportion to the bytes, and trusts none of them.
 */
export interface ParseFunction {
  /**
   * Fills `cut` for what begins at `from` and ends before `to`, of which the definition's minimum is there.
   *
   * @returns 0, or a kind of problem
   */
  parse(bytes: Uint8Array, from: number, to: number, cut: Cut): number;
  /**
   * Writes what a header from `from` to `to` tells of the `length` bytes behind it, in the room that it has.
   *
   * @returns 0, or a kind of problem
   */
  finish?(bytes: Uint8Array, from: number, to: number, length: number): number;
}

/** How a parse function divides what it was given. Made once, and filled anew for each header. */
export class Cut {
  /** Bytes of the header. */
  header = 0;
  /** Bytes of what it contains. */
  contents = 0;
  /** Bytes behind the contents that belong to this header, and end it. */
  closing = 0;
  /**
   * Whether another of the same protocol follows, of an item; what is left is not of its concern otherwise.
   */
  isFollowed = false;
  /** The identifier of what it contains: a number, or -1. */
  next = -1;
  /** The same, as text from here to `nextTo`; nothing when both are equal. */
  nextFrom = 0;
  nextTo = 0;
  /** Where the header in front stands, which may tell what is needed: an input. Empty when there is none. */
  frontFrom = 0;
  frontTo = 0;

  /** All of it is contents, behind a header of so many bytes. */
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
