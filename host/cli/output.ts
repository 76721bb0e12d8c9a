/**
 * Writes to a stream of the process. Whoever reads it may go away (`funnel graph x | head`): then nothing more is written,
 * and that is no error of ours.
 */
export class Output {
  readonly #stream: NodeJS.WriteStream;
  #isGone = false;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // EIO is a terminal that was closed.
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
      this.#isGone = true;
    });
  }

  get isTTY(): boolean {
    return this.#stream.isTTY === true;
  }

  /** Whoever reads it stands still, and what is written now waits in memory. */
  get isBehind(): boolean {
    return this.#stream.writableLength > MOST_WAITING_BYTES;
  }

  get columns(): number {
    return this.#stream.columns ?? 80;
  }

  get rows(): number {
    return this.#stream.rows ?? 24;
  }

  /** Called when a terminal has another size. */
  onResize(listener: () => void): void {
    this.#stream.on('resize', listener);
  }

  readonly write = (text: string): void => {
    if (!this.#isGone) this.#stream.write(text);
  };
}

const MOST_WAITING_BYTES = 1024 * 1024;
