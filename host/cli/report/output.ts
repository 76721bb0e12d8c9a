/**
 * Writes to a stream of the process. Whoever reads it may go away (`funnel graph x | head`): then nothing more is written,
 * and that is no error of ours. Where it is a file on a full disk, that is told once, and a Funnel that runs goes on.
 */
export class Output {
  readonly #stream: NodeJS.WriteStream;
  readonly #onFailure: (code: string) => void;
  #isGone = false;
  #hasFailed = false;

  /** @param onFailure told the system's code when something could not be written; again only after something could be */
  constructor(stream: NodeJS.WriteStream, onFailure: (code: string) => void) {
    this.#stream = stream;
    this.#onFailure = onFailure;
    stream.on('error', (error: NodeJS.ErrnoException) => this.#fail(error));
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
    if (this.#isGone) return;
    this.#stream.write(text, (error) => {
      if (error == null) this.#hasFailed = false;
    });
  };

  #fail(error: NodeJS.ErrnoException): void {
    // EIO is a terminal that was closed.
    if (error.code === 'EPIPE' || error.code === 'EIO') {
      this.#isGone = true;
    } else if (!this.#hasFailed) {
      this.#hasFailed = true;
      this.#onFailure(error.code ?? error.message);
    }
  }
}

const MOST_WAITING_BYTES = 1024 * 1024;
