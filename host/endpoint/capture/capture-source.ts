import { close, closeSync, constants, fstatSync, openSync, read, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { lockFile } from './file-lock.ts';

/**
 * The bytes of a capture, read off the frame path: a regular file in pieces by Node's thread pool, a pipe as
 * its writer brings them. One piece at a time is read, when it is asked for, so a reader that is paused
 * leaves the rest where it is.
 */
export class CaptureSource {
  readonly #events: CaptureSourceEvents;
  readonly #buffer = new Uint8Array(READ_BYTES);
  #fd: number;
  /** For a pipe: the descriptor is the socket's then. */
  readonly #pipe: Socket | undefined;
  #isReading = false;
  #isClosed = false;
  readonly #onRead = (error: Error | null, length: number): void => {
    this.#isReading = false;
    if (this.#isClosed) close(this.#fd, () => {});
    else if (error !== null) this.#events.failed(error);
    else if (length === 0) this.#events.ended();
    else this.#events.arrived(this.#buffer.subarray(0, length));
  };

  /**
   * Opens a file. It waits neither for a writer of a pipe, nor for data.
   *
   * @throws the system's error
   */
  constructor(path: string, events: CaptureSourceEvents) {
    this.#events = events;
    this.#fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const status = fstatSync(this.#fd);
      if (status.isFIFO() || status.isSocket()) {
        this.#pipe = this.#openPipe();
      } else if (status.isFile()) {
        // Keeps a capture from being written over. One that is still written can be read as far as it is.
        lockFile(this.#fd, 'shared');
      }
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  #openPipe(): Socket {
    const pipe = new Socket({ fd: this.#fd, readable: true, writable: false });
    pipe.on('data', (bytes: Uint8Array) => {
      pipe.pause();
      this.#isReading = false;
      this.#events.arrived(bytes);
    });
    pipe.on('end', () => this.#events.ended());
    pipe.on('error', (error) => this.#events.failed(error));
    pipe.pause();
    return pipe;
  }

  /** Whether the begin can be read at once, as from a regular file; or fails at once, as from a folder. */
  get isAtHand(): boolean {
    const status = fstatSync(this.#fd);
    return status.isFile() || status.isDirectory();
  }

  /** The next piece of a regular file, at once. Empty at its end. @throws the system's error */
  readNow(): Uint8Array {
    return this.#buffer.subarray(0, readSync(this.#fd, this.#buffer, 0, READ_BYTES, null));
  }

  /** Asks for the next piece; one of the events brings it. A second call meanwhile does nothing. */
  readMore(): void {
    if (this.#isReading || this.#isClosed) return;
    this.#isReading = true;
    if (this.#pipe !== undefined) this.#pipe.resume();
    else read(this.#fd, this.#buffer, 0, READ_BYTES, null, this.#onRead);
  }

  /** No event comes any more. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#pipe !== undefined) {
      this.#pipe.removeAllListeners();
      // An error while it closes concerns nobody.
      this.#pipe.on('error', () => {});
      this.#pipe.destroy();
    } else if (!this.#isReading) {
      closeSync(this.#fd);
    }
  }
}

export interface CaptureSourceEvents {
  /** The bytes are valid until this returns. */
  arrived(bytes: Uint8Array): void;
  ended(): void;
  failed(error: Error): void;
}

/** As much as is read at once. */
const READ_BYTES = 256 * 1024;
