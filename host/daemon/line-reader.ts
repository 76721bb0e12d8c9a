import { FunnelError } from '../stack/funnel-error.ts';

/** Lines out of bytes that come in pieces of any size. What is kept is bounded by the longest line and one piece, twice. */
export class LineReader {
  readonly #mostBytes: number;
  #bytes = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  /** Up to here there is no line end. */
  #searched = 0;

  /** @param mostBytes of a line, without its end */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** Whether a line has begun that has not ended. */
  get isInLine(): boolean {
    return this.#end > this.#start;
  }

  push(chunk: Buffer): void {
    if (this.#end + chunk.length > this.#bytes.length) this.#makeRoom(chunk.length);
    chunk.copy(this.#bytes, this.#end);
    this.#end += chunk.length;
  }

  /** By doubling, so that a line that comes byte by byte is not copied for each. */
  #makeRoom(length: number): void {
    const waiting = this.#bytes.subarray(this.#start, this.#end);
    const needed = waiting.length + length;
    const fits = needed * 2 <= this.#bytes.length;
    const bytes = fits ? this.#bytes : Buffer.alloc(Math.max(LEAST_ROOM, needed * 2));
    bytes.set(waiting, 0);
    this.#searched -= this.#start;
    this.#bytes = bytes;
    this.#start = 0;
    this.#end = waiting.length;
  }

  /**
   * The next whole line, without its end; undefined when there is none yet.
   *
   * @throws {FunnelError} `FT_CONTROL_TOO_LARGE`, after which nothing is kept; `FT_CONTROL_JSON` for what is not UTF-8
   */
  next(): string | undefined {
    const found = this.#bytes.subarray(0, this.#end).indexOf(LINE_FEED, this.#searched);
    const length = (found < 0 ? this.#end : found) - this.#start;
    if (length > this.#mostBytes) {
      this.#forget();
      throw new FunnelError(
        'FT_CONTROL_TOO_LARGE',
        `a line has at most ${this.#mostBytes} bytes; put a large configuration into a file, and name that`,
      );
    }
    if (found < 0) {
      this.#searched = this.#end;
      return undefined;
    }
    const line = this.#bytes.subarray(this.#start, found);
    this.#start = this.#searched = found + 1;
    try {
      return DECODER.decode(line);
    } catch {
      throw new FunnelError('FT_CONTROL_JSON', 'this is not text in UTF-8');
    } finally {
      if (this.#start === this.#end) this.#forget();
    }
  }

  /** A large line leaves no large buffer behind. */
  #forget(): void {
    this.#start = this.#end = this.#searched = 0;
    if (this.#bytes.length > LEAST_ROOM) this.#bytes = Buffer.alloc(0);
  }
}

const LINE_FEED = 0x0a;
const LEAST_ROOM = 4096;
const DECODER = new TextDecoder('utf-8', { fatal: true });
