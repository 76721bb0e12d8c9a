import { FunnelError } from '../stack/funnel-error.ts';

/**
 * Splits bytes that arrive in chunks of any size into lines. It keeps at most twice the longest line and one
 * chunk.
 */
export class LineReader {
  readonly #maxBytes: number;
  #bytes = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  /** There is no line end before this offset. */
  #searched = 0;

  /** @param maxBytes the length limit of a line, without its end */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether a line has begun and not ended. */
  get isInLine(): boolean {
    return this.#end > this.#start;
  }

  push(chunk: Buffer): void {
    if (this.#end + chunk.length > this.#bytes.length) this.#makeRoom(chunk.length);
    chunk.copy(this.#bytes, this.#end);
    this.#end += chunk.length;
  }

  /** Doubles the buffer, so that a line that arrives byte by byte is not copied for each byte. */
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
   * @throws {FunnelError} `FT_CONTROL_TOO_LARGE`, which drops everything read so far; `FT_CONTROL_JSON` for a
   *   line that is not UTF-8
   */
  next(): string | undefined {
    const found = this.#bytes.subarray(0, this.#end).indexOf(LINE_FEED, this.#searched);
    const length = (found < 0 ? this.#end : found) - this.#start;
    if (length > this.#maxBytes) {
      this.#forget();
      throw new FunnelError(
        'FT_CONTROL_TOO_LARGE',
        `a line has at most ${this.#maxBytes} bytes; put a large configuration into a file and send its name`,
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

  /** Frees the buffer of a large line. */
  #forget(): void {
    this.#start = this.#end = this.#searched = 0;
    if (this.#bytes.length > LEAST_ROOM) this.#bytes = Buffer.alloc(0);
  }
}

const LINE_FEED = 0x0a;
const LEAST_ROOM = 4096;
const DECODER = new TextDecoder('utf-8', { fatal: true });
