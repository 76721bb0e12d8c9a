/**
 * Writes to a stream of the process. A reader that goes away (`funnel graph x | head`) is not an error; then
 * nothing more is written. A full disk is reported once, and a running Funnel continues.
 */
export class Output {
  readonly #stream: NodeJS.WriteStream;
  readonly #onFailure: (code: string) => void;
  #isGone = false;
  #hasFailed = false;

  /**
   * @param onFailure called with the system's code when a write fails; called again only after a write has
   * succeeded
   */
  constructor(stream: NodeJS.WriteStream, onFailure: (code: string) => void) {
    this.#stream = stream;
    this.#onFailure = onFailure;
    stream.on('error', (error: NodeJS.ErrnoException) => this.#fail(error));
  }

  get isTTY(): boolean {
    return this.#stream.isTTY === true;
  }

  /** The reader does not keep up, and further output waits in memory. */
  get isBehind(): boolean {
    return this.#stream.writableLength > MAX_WAITING_BYTES;
  }

  get columns(): number {
    return this.#stream.columns ?? 80;
  }

  get rows(): number {
    return this.#stream.rows ?? 24;
  }

  /** Calls a listener when the size of the terminal changes. */
  onResize(listener: () => void): void {
    this.#stream.on('resize', listener);
  }

  /** Nothing is written any more: the stream belongs to a peer. */
  silence(): void {
    this.#isGone = true;
  }

  readonly write = (text: string): void => {
    if (this.#isGone) return;
    this.#stream.write(text, (error) => {
      if (error == null) this.#hasFailed = false;
    });
  };

  #fail(error: NodeJS.ErrnoException): void {
    // EIO means that the terminal was closed.
    if (error.code === 'EPIPE' || error.code === 'EIO') {
      this.#isGone = true;
    } else if (!this.#hasFailed) {
      this.#hasFailed = true;
      this.#onFailure(error.code ?? error.message);
    }
  }
}

const MAX_WAITING_BYTES = 1024 * 1024;
