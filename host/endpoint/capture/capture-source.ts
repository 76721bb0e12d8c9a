import { closeSync, constants, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { createGunzip, gunzipSync, constants as zlib } from 'node:zlib';
import { systemCode } from '../endpoint-error.ts';
import { lockFile } from './file-lock.ts';

/**
 * The bytes of a capture, read off the frame path: a regular file in pieces by Node's thread pool, a pipe as
 * its writer brings them. A capture in gzip is unpacked while it is read, so memory holds only a piece of it,
 * whatever its size. One piece at a time is read, on request, so a reader that is paused leaves the rest
 * unread.
 */
export class CaptureSource {
  readonly #events: CaptureSourceEvents;
  readonly #fd: number;
  /**
   * A descriptor for the lock alone, which ends with `close`, while a stream closes its own some time later.
   */
  readonly #lock: number | undefined;
  readonly #stream: Readable;
  readonly #pieces: AsyncGenerator<Uint8Array>;
  readonly isAtHand: boolean;
  #isReading = false;
  #isClosed = false;

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
      this.isAtHand = status.isFile() || status.isDirectory();
      // Keeps the capture from being overwritten. A capture that is still being written is readable up to its
      // present end.
      this.#lock = status.isFile() ? openSync(path, constants.O_RDONLY) : undefined;
      if (this.#lock !== undefined) lockFile(this.#lock, 'shared');
      this.#stream =
        status.isFIFO() || status.isSocket()
          ? new Socket({ fd: this.#fd, readable: true, writable: false })
          : createReadStream('', {
              fd: this.#fd,
              highWaterMark: READ_BYTES,
              // Where there are places, `peek` moves none of them.
              ...(status.isFile() ? { start: 0 } : {}),
            });
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
    this.#pieces = unpacked(this.#stream);
  }

  /**
   * The first bytes of a regular file, unpacked: enough to see whether it is a capture. Reading begins at the
   * begin nevertheless.
   *
   * @throws the system's error; {@link PackedError}
   */
  peek(): Uint8Array {
    const begin = new Uint8Array(PEEK_BYTES);
    const bytes = begin.subarray(0, readSync(this.#fd, begin, 0, PEEK_BYTES, 0));
    if (!isPacked(bytes)) return bytes;
    try {
      // Four KiB unpack to four MiB at most.
      return gunzipSync(bytes, { finishFlush: zlib.Z_SYNC_FLUSH });
    } catch (error) {
      throw packedError(error);
    }
  }

  /** Requests the next piece; one of the events brings it. A second call meanwhile does nothing. */
  readMore(): void {
    if (this.#isReading || this.#isClosed) return;
    this.#isReading = true;
    this.#pieces.next().then(
      ({ done, value }) => {
        this.#isReading = false;
        if (this.#isClosed) return;
        if (done === true) this.#events.ended();
        else this.#events.arrived(value);
      },
      (error: Error) => {
        this.#isReading = false;
        if (!this.#isClosed) this.#events.failed(error);
      },
    );
  }

  /** Closes the file. No event comes any more. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#lock !== undefined) closeSync(this.#lock);
    // An error of the pipe does not matter any more.
    this.#stream.on('error', () => {});
    this.#stream.destroy();
  }
}

export interface CaptureSourceEvents {
  arrived(bytes: Uint8Array): void;
  ended(): void;
  /** The system's error, or a {@link PackedError}. */
  failed(error: Error): void;
}

/** Data that begins as gzip is damaged, or ends early. */
export class PackedError extends Error {
  readonly isCut: boolean;

  constructor(message: string, { isCut, cause }: { isCut: boolean; cause?: unknown }) {
    super(message, { cause });
    this.name = 'PackedError';
    this.isCut = isCut;
  }
}

function packedError(error: unknown): unknown {
  const code = systemCode(error);
  if (code === 'Z_BUF_ERROR')
    return new PackedError('the gzip data ends early', { isCut: true, cause: error });
  return code.startsWith('Z_')
    ? new PackedError('the gzip data is damaged', { isCut: false, cause: error })
    : error;
}

/** The pieces of a stream; of what they unpack to, where they are packed. */
async function* unpacked(stream: Readable): AsyncGenerator<Uint8Array> {
  const pieces: AsyncIterator<Uint8Array> = stream[Symbol.asyncIterator]();
  let begin = new Uint8Array();
  while (begin.length < MAGIC.length) {
    const { done, value } = await pieces.next();
    if (done === true) break;
    begin = new Uint8Array(Buffer.concat([begin, value]));
  }
  const all = from(begin, pieces);
  if (!isPacked(begin)) {
    yield* all;
    return;
  }
  const gunzip = createGunzip({ chunkSize: READ_BYTES });
  // Errors come out of the loop below.
  pipeline(Readable.from(all), gunzip, () => {});
  try {
    yield* gunzip;
  } catch (error) {
    throw packedError(error);
  }
}

async function* from(begin: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (begin.length > 0) yield begin;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

function isPacked(bytes: Uint8Array): boolean {
  return bytes.length >= MAGIC.length && MAGIC.every((byte, at) => bytes[at] === byte);
}

/** The begin of gzip data (RFC 1952 §2.3.1). */
const MAGIC = [0x1f, 0x8b];
/** The most bytes of one read. */
const READ_BYTES = 256 * 1024;
const PEEK_BYTES = 4096;
