import type { Frames } from '../frame/frames.ts';
import * as framesConstants from '../frame/frames.ts';
import type { PieceContext } from '../piece/piece.ts';
import type { FunnelIo } from './addon.ts';
import * as addonConstants from './addon.ts';

// The engine folds a module's own constants into the machine code; imported ones it loads and tests at each
// use.
const { HEADROOM, SMALL_ROOM, TAILROOM } = framesConstants;
const { TALLY_SIZE } = addonConstants;

/**
 * An endpoint's side of a batch of the addon: the rows to read into, and the rows to write.
 *
 * Every slot always has a row to read into: `take` hands a slot's row on only when it has another for the
 * slot. So when the lane has no free row, the frame is lost and counted, and reading never stalls.
 */
export class IoBatch {
  readonly lengths = new Int32Array(SLOTS);
  readonly #io: FunnelIo;
  readonly #frames: Frames;
  readonly #batch: number;
  readonly #addresses = new Int32Array(SLOTS);
  readonly #rows = new Int32Array(SLOTS).fill(-1);
  readonly #outAddresses = new Int32Array(SLOTS);
  readonly #outHeaders = new Int32Array(SLOTS);
  readonly #outLengths = new Int32Array(SLOTS);
  readonly #outRows = new Int32Array(SLOTS);
  readonly #tally = new Int32Array(TALLY_SIZE);
  #staged = 0;
  #isClosed = false;

  /**
   * @param onBatch called with a channel and how many of `lengths` are filled, or a negative errno
   * @throws RangeError if the lane has fewer free rows
   */
  constructor(io: FunnelIo, frames: Frames, onBatch: (channel: number, count: number) => void) {
    this.#io = io;
    this.#frames = frames;
    for (let slot = 0; slot < SLOTS; slot++) {
      const row = frames.allocate(READ_ROOM);
      if (row < 0) {
        this.#releaseRows();
        throw new RangeError(`the lane has no ${SLOTS} free rows for an endpoint; give it more rows`);
      }
      this.#rows[slot] = row;
      this.#addresses[slot] = frames.start[row]!;
    }
    this.#batch = io.createBatch({
      memory: frames.memory,
      slots: SLOTS,
      room: READ_ROOM,
      addresses: this.#addresses,
      lengths: this.lengths,
      outAddresses: this.#outAddresses,
      outHeaders: this.#outHeaders,
      outLengths: this.#outLengths,
      tally: this.#tally,
      onBatch,
    });
  }

  /** The addon's number of this batch. */
  get number(): number {
    return this.#batch;
  }

  get staged(): number {
    return this.#staged;
  }

  /**
   * The row of the frame in a slot, with start and length set and no parts. The caller owns it. -1 when no
   * row is free.
   */
  take(slot: number): number {
    const frames = this.#frames;
    const length = this.lengths[slot]!;
    if (length > READ_ROOM) {
      const large = frames.allocate(length);
      if (large >= 0) this.#io.gather(this.#batch, slot, frames.start[large]!, length);
      return large;
    }
    const fresh = frames.allocate(READ_ROOM);
    if (fresh < 0) return -1;
    const row = this.#rows[slot]!;
    this.#rows[slot] = fresh;
    this.#addresses[slot] = frames.start[fresh]!;
    frames.length[row] = length;
    return row;
  }

  /**
   * Stages a frame for writing, and takes its reference. @returns true when the batch is full and must be
   * flushed
   */
  stage(row: number, address: number, header: number, length: number): boolean {
    const at = this.#staged++;
    this.#outRows[at] = row;
    this.#outAddresses[at] = address;
    this.#outHeaders[at] = header;
    this.#outLengths[at] = length;
    return at === SLOTS - 1;
  }

  /**
   * Releases the staged rows after the write, and counts failures under `names`, by the index in the tally.
   */
  settle(written: number, context: PieceContext, names: readonly string[]): void {
    const count = this.#staged;
    for (let n = 0; n < count; n++) this.#frames.release(this.#outRows[n]!);
    this.#staged = 0;
    if (written === count) return;
    for (let kind = 0; kind < TALLY_SIZE; kind++) {
      const failures = this.#tally[kind]!;
      if (failures > 0) context.count(names[kind]!, failures);
      this.#tally[kind] = 0;
    }
  }

  /** Closes the batch after its channels. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (let n = 0; n < this.#staged; n++) this.#frames.release(this.#outRows[n]!);
    this.#staged = 0;
    this.#io.releaseBatch(this.#batch);
    this.#releaseRows();
  }

  #releaseRows(): void {
    for (let slot = 0; slot < SLOTS; slot++)
      if (this.#rows[slot]! >= 0) this.#frames.release(this.#rows[slot]!);
    this.#rows.fill(-1);
  }
}

/**
 * Frames read in one wake-up, and written in one call: enough to spread the cost of a call, few enough to
 * stay in the cache.
 */
const SLOTS = 64;
/** The bytes of a small room behind the headroom. Longer frames continue in the addon's spill. */
const READ_ROOM = SMALL_ROOM - HEADROOM - TAILROOM;
