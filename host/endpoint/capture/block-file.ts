import {
  close,
  closeSync,
  constants,
  fstatSync,
  ftruncate,
  ftruncateSync,
  openSync,
  statSync,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs';
import { systemCode } from '../endpoint-error.ts';
import { lockFile } from './file-lock.ts';

/**
 * A file that blocks are appended to, off the frame path: blocks go into a few chunks of memory that are
 * written one after the other. When all chunks are full the block is refused; nothing ever waits for the
 * disk.
 *
 * A regular file ends with whole blocks at any time, or with the part of a chunk that the system is just
 * writing: the remains of a failed write are cut off again. So the file is readable after the process was
 * killed.
 *
 * Before {@link begin} the file is only opened and locked, so a change that fails leaves it unchanged.
 *
 * Into a pipe it writes the bytes that fit. If the reader stops reading, the blocks that do not fit into
 * memory are lost, and at the end those that the reader does not take within a second.
 */
export class BlockFile {
  readonly #fd: number;
  #events: BlockFileEvents;
  readonly #chunks: Chunk[];
  /** The chunk being filled; those before it, from `#oldest` on, wait to be written. */
  #newest = 0;
  #oldest = 0;
  #isWriting = false;
  #isClosed = false;
  #hasBegun = false;
  /** The path of a file that was made here; it is removed if it is never begun. */
  readonly #made: string | undefined;
  readonly #goesOn: boolean;
  /** The bytes that are to stand behind all blocks. */
  #ending: Uint8Array | undefined;
  /** The offset of the oldest chunk in a regular file; null for a pipe. */
  #position: number | null;
  #timer: NodeJS.Timeout | undefined;
  readonly #flush = (): void => {
    this.#timer = undefined;
    this.#writeNext();
  };
  readonly #onWritten = (error: Error | null, written: number): void => this.#continue(error, written);

  /**
   * Opens and locks the file, and makes it if it does not exist.
   *
   * @param goesOn whether `begin` keeps the contents of the file instead of emptying it
   * @throws the system's error; EBUSY if another capture is written to the file or read from it
   */
  constructor(
    path: string,
    events: BlockFileEvents,
    { chunks = CHUNKS, chunkBytes = CHUNK_BYTES, goesOn = false } = {},
  ) {
    this.#events = events;
    this.#chunks = Array.from({ length: chunks }, () => new Chunk(chunkBytes));
    this.#goesOn = goesOn;
    const { fd, isNew } = openForWriting(path);
    this.#fd = fd;
    this.#made = isNew ? path : undefined;
    const status = fstatSync(fd);
    this.#position = status.isFile() ? status.size : null;
    // The lock of a lane that ended by force may end a moment later than its thread.
    if (status.isFile() && !lockFile(fd, 'exclusive') && !goesOn) {
      closeSync(fd);
      throw Object.assign(new Error('another capture is written to it or read from it'), { code: 'EBUSY' });
    }
  }

  /** Empties the file, and writes from now on. It cannot fail: errors are reported as `failed`. */
  begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    if (this.#position !== null && !this.#goesOn) {
      try {
        ftruncateSync(this.#fd, 0);
        this.#position = 0;
      } catch (error) {
        this.#fail(error as Error);
      }
    }
    if (this.#chunks[this.#oldest]!.end > 0) this.#timer ??= setTimeout(this.#flush, FLUSH_MS);
  }

  /** Passes the file to another piece, which gets the events from now on. */
  passTo(events: BlockFileEvents): void {
    this.#events = events;
  }

  /**
   * Returns a chunk with room for `length` bytes at its `end`, to be followed by `append`; undefined if there
   * is none.
   */
  reserve(length: number): Chunk | undefined {
    const chunk = this.#chunks[this.#newest]!;
    if (chunk.end + length <= chunk.bytes.length) return chunk;
    const next = (this.#newest + 1) % this.#chunks.length;
    if (next === this.#oldest || length > chunk.bytes.length) return undefined;
    this.#newest = next;
    this.#writeNext();
    return this.#chunks[next]!;
  }

  /** Commits the blocks in the reserved chunk up to `end`, which hold `frames` frames. */
  append(chunk: Chunk, end: number, frames: number): void {
    chunk.end = end;
    chunk.frames += frames;
    if (this.#timer === undefined && !this.#isWriting && this.#hasBegun)
      this.#timer = setTimeout(this.#flush, FLUSH_MS);
  }

  #writeNext(): void {
    if (this.#isWriting || this.#isClosed || !this.#hasBegun) return;
    this.#lookForCut();
    const chunk = this.#chunks[this.#oldest]!;
    if (chunk.end === 0) return;
    this.#isWriting = true;
    write(this.#fd, chunk.bytes, chunk.done, chunk.end - chunk.done, this.#placeOf(chunk), this.#onWritten);
  }

  /**
   * Another program, such as logrotate with copytruncate, may have emptied the file. At the old offset the
   * next blocks would follow a gap of zeros, with which no program reads the file.
   */
  #lookForCut(): void {
    if (this.#position === null) return;
    const { size } = fstatSync(this.#fd);
    if (size >= this.#position) return;
    this.#position = size;
    // An end without the beginning of its section is unreadable.
    this.#ending = undefined;
    this.#events.cut(size);
    const error = Object.assign(new Error('another program emptied the file'), { code: 'ESTALE' });
    this.#fail(error);
  }

  /** Whether the file is no longer at its path: another program moved or removed it. */
  isGoneFrom(path: string): boolean {
    if (this.#position === null) return false;
    try {
      const [there, ours] = [statSync(path), fstatSync(this.#fd)];
      return there.ino !== ours.ino || there.dev !== ours.dev;
    } catch {
      // ENOENT, or its folder cannot be read any more.
      return true;
    }
  }

  #placeOf(chunk: Chunk): number | null {
    return this.#position === null ? null : this.#position + chunk.done;
  }

  #continue(error: Error | null, written: number): void {
    const chunk = this.#chunks[this.#oldest]!;
    if (this.#isClosed) {
      // All was written to a file while closing; only the descriptor had to wait for this write.
      if (this.#position === null) {
        if (error === null) chunk.done += written;
        this.#writeRest();
      }
      close(this.#fd, () => {});
      return;
    }
    if (error !== null && isFull(error)) {
      this.#isWriting = false;
      this.#timer ??= setTimeout(this.#flush, FULL_PIPE_MS);
      return;
    }
    if (error !== null) {
      const isCut = this.#position !== null && chunk.done > 0;
      this.#fail(error);
      if (isCut) {
        ftruncate(this.#fd, this.#position!, () => this.#goOn());
        return;
      }
    } else {
      chunk.done += written;
      if (chunk.done === chunk.end) this.#retire(chunk);
    }
    this.#goOn();
  }

  #goOn(): void {
    this.#isWriting = false;
    if (this.#isClosed) {
      close(this.#fd, () => {});
      return;
    }
    const chunk = this.#chunks[this.#oldest]!;
    if (chunk.done > 0 || this.#oldest !== this.#newest) this.#writeNext();
    else if (chunk.end > 0 && this.#timer === undefined) this.#timer = setTimeout(this.#flush, FLUSH_MS);
  }

  #retire(chunk: Chunk): void {
    if (this.#position !== null) this.#position += chunk.end;
    this.#events.written(chunk.frames);
    chunk.clear();
    if (this.#oldest !== this.#newest) this.#oldest = (this.#oldest + 1) % this.#chunks.length;
  }

  /** Drops all waiting blocks, because a block after a gap may need one in the gap. */
  #fail(error: Error): void {
    let frames = 0;
    for (const chunk of this.#chunks) {
      frames += chunk.frames;
      chunk.clear();
    }
    this.#oldest = this.#newest;
    this.#events.failed(error, frames);
  }

  /** Writes the waiting blocks, and `ending` behind them, and closes. Idempotent. */
  close(ending?: Uint8Array): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#ending = ending;
    clearTimeout(this.#timer);
    if (!this.#hasBegun) {
      if (this.#made !== undefined) removeUnused(this.#made, this.#fd);
      closeSync(this.#fd);
      return;
    }
    // For a regular file the write under way is repeated, byte for byte in the same place, so that all bytes
    // are in the file when this returns. For a pipe it cannot be repeated: the rest follows when it is done.
    if (this.#isWriting && this.#position === null) return;
    this.#writeRest();
    if (!this.#isWriting) closeSync(this.#fd);
  }

  #writeRest(): void {
    const deadline = performance.now() + CLOSING_MS;
    try {
      this.#lookForCut();
      while (this.#chunks[this.#oldest]!.end > 0) this.#writeWhole(this.#chunks[this.#oldest]!, deadline);
      if (this.#ending !== undefined) this.#writeEnding(this.#ending, deadline);
    } catch (error) {
      if (this.#position !== null) ftruncateSync(this.#fd, this.#position);
      this.#fail(error as Error);
    }
  }

  /** In memory of its own: a write that is still under way reads that of a chunk. */
  #writeEnding(ending: Uint8Array, deadline: number): void {
    const chunk = new Chunk(ending.length);
    chunk.bytes.set(ending);
    chunk.end = ending.length;
    this.#writeWhole(chunk, deadline);
  }

  #writeWhole(chunk: Chunk, deadline: number): void {
    while (chunk.done < chunk.end) {
      try {
        const left = chunk.end - chunk.done;
        chunk.done += writeSync(this.#fd, chunk.bytes, chunk.done, left, this.#placeOf(chunk));
      } catch (error) {
        if (!isFull(error)) throw error;
        if (performance.now() > deadline) throw new Error('the reader of this pipe does not read');
        Atomics.wait(NEVER, 0, 0, FULL_PIPE_MS);
      }
    }
    this.#retire(chunk);
  }
}

/**
 * Opens a file for writing. A pipe without a reader is an error (ENXIO), instead of a wait without end that
 * ignores signals.
 */
function openForWriting(path: string): { readonly fd: number; readonly isNew: boolean } {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NONBLOCK } = constants;
  try {
    return { fd: openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NONBLOCK, 0o644), isNew: true };
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    return { fd: openSync(path, O_WRONLY | O_CREAT | O_NONBLOCK, 0o644), isNew: false };
  }
}

/** Removes a file that was made and not used, unless another has its name by now. */
function removeUnused(path: string, fd: number): void {
  try {
    const [there, ours] = [statSync(path), fstatSync(fd)];
    if (there.ino === ours.ino && there.dev === ours.dev && ours.size === 0) unlinkSync(path);
  } catch {
    // It is gone, or its folder is no longer ours: an empty file does no harm.
  }
}

export interface BlockFileEvents {
  /** Blocks with `frames` frames are in the file. */
  written(frames: number): void;
  /** Another program cut the file to this size. The waiting blocks are lost, and `failed` follows. */
  cut(size: number): void;
  /** All waiting blocks are lost, with `frames` frames. Later blocks are tried again. */
  failed(error: Error, frames: number): void;
}

/** Memory for some blocks. */
export class Chunk {
  readonly bytes: Uint8Array;
  /** Bytes in it. */
  end = 0;
  /** Bytes of it that are already in the file. */
  done = 0;
  frames = 0;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
  }

  clear(): void {
    this.end = this.done = this.frames = 0;
  }
}

/** 4 MiB in all: half a second of a slow disk. Each holds the largest frame. */
const CHUNKS = 16;
const CHUNK_BYTES = 256 * 1024;
/** The longest time that a frame waits for others before it is written. */
const FLUSH_MS = 100;
/** The time until the next try to write to a full pipe. */
const FULL_PIPE_MS = 5;
/** The time limit for the reader of a pipe at the end. */
const CLOSING_MS = 1000;
/** Nothing ever notifies it, so each wait ends by its timeout. */
const NEVER = new Int32Array(new SharedArrayBuffer(4));

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN';
}
