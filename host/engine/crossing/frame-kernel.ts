import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FRAME, LIMITS, PART } from '../../../abi/host/contract.ts';
import {
  type Frames,
  HEADROOM,
  LARGE_ROOM,
  MAX_FRAME_BYTES,
  MAX_PARTS,
  PART_WORDS,
  SMALL_ROOM,
} from '../../frame/frames.ts';
import type { LaneMemory } from '../../frame/lane-memory.ts';
import type { Ledger } from '../../piece/ledger.ts';
import { BLOCK_MARGIN, type BlockSource } from './copy-block.ts';
import { KeptViews } from './kept-views.ts';

/**
 * The frame kernel (folder `kernel`) in the memory of one lane, with its buffers there: the images of the
 * lists that cross into a piece and out of it. A lane calls one piece at a time, so one set of buffers is
 * enough.
 */
export class FrameKernel {
  /** The lane's memory. */
  readonly memory: BlockSource;
  /** Three words for each frame that waits to be lowered: row; edge | shape << 16; skips | withheld << 16. */
  readonly waiting: Uint32Array;
  /** Three words for each lifted frame: row; edge | shape << 16; skips. */
  readonly passed: Uint32Array;
  /** Results of a call besides its return value, by {@link PARTS_AT} and so on. */
  readonly results: Uint32Array;
  /** The addresses of the images of an outcome's lists. */
  readonly framesAt: number;
  readonly partsAt: number;
  readonly arenaAt: number;
  /** The address of the image of the lists that go in, which starts with the frames. */
  readonly imageAt: number;

  /** See `kernel/assembly/lower.ts`. */
  readonly lower: (most: number, ledger: number) => number;
  /** See `kernel/assembly/lift.ts`. */
  readonly lift: (
    from: number,
    count: number,
    parts: number,
    arena: number,
    sent: number,
    ledger: number,
    outlets: number,
    protocols: number,
    anchor: number,
  ) => number;
  /** See `kernel/assembly/settle.ts`. */
  readonly settle: (ledger: number) => number;

  /** The ledger whose frames the image holds until they are lifted, and the number of these frames. */
  sentBy: Ledger | undefined;
  sent = 0;

  /** The kernel of a lane. */
  static of(frames: Frames): FrameKernel {
    let kernel = kernels.get(frames);
    if (kernel === undefined) {
      kernel = new FrameKernel(frames);
      kernels.set(frames, kernel);
    }
    return kernel;
  }

  private constructor(frames: Frames) {
    const { lane } = frames;
    const buffer = lane.buffer;
    const waitingAt = lane.take(LIMITS.maxFramesIn * WAITING_WORDS * 4);
    const passedAt = lane.take(MOST_FRAMES_OUT * PASSED_WORDS * 4);
    const resultsAt = lane.take(RESULTS * 4);
    this.imageAt = lane.take(IMAGE_BYTES);
    this.framesAt = takeWithMargin(lane, MOST_FRAMES_OUT * FRAME.size);
    this.partsAt = takeWithMargin(lane, MOST_PARTS_OUT * PART.size);
    this.arenaAt = takeWithMargin(lane, MOST_ARENA_OUT);
    if (this.arenaAt < 0) throw new Error('the memory of a lane is too small for the frame kernel');
    this.memory = { bytes: frames.bytes, doubles: frames.doubles, views: new KeptViews(frames.bytes) };
    this.waiting = new Uint32Array(buffer, waitingAt, LIMITS.maxFramesIn * WAITING_WORDS);
    this.passed = new Uint32Array(buffer, passedAt, MOST_FRAMES_OUT * PASSED_WORDS);
    this.results = new Uint32Array(buffer, resultsAt, RESULTS);

    const imports = { env: { memory: lane.memory } };
    const { exports } = new WebAssembly.Instance<KernelExports>(compiled(), imports);
    const { lower, lift, settle, setRows, setWorkbench } = exports;
    setRows(
      frames.start.byteOffset,
      frames.length.byteOffset,
      frames.partCount.byteOffset,
      frames.references.byteOffset,
      frames.hops.byteOffset,
      frames.partWords.byteOffset,
      MAX_PARTS * PART_WORDS * 4,
      frames.firstLargeRow,
      SMALL_ROOM,
      LARGE_ROOM,
      HEADROOM,
    );
    setWorkbench(waitingAt, this.imageAt, this.framesAt, this.partsAt, this.arenaAt, passedAt, resultsAt);
    this.lower = lower;
    this.lift = lift;
    this.settle = settle;
  }
}

/** The largest outcome that fits in the kernel's buffers. Larger ones are lifted without the kernel. */
export const MOST_FRAMES_OUT = 1024;
export const MOST_PARTS_OUT = 8192;
export const MOST_ARENA_OUT = 1 << 20;

// Indices of `results`, as in kernel/assembly/tables.ts.
export const PARTS_AT = 0;
export const ARENA_AT = 1;
export const PARTS = 2;
export const ARENA = 3;
export const HOPS = 4;
export const BYTES_OUT = 5;
export const UNMATCHED = 6;

export const WAITING_WORDS = 3;
export const PASSED_WORDS = 3;
const RESULTS = 16;
/**
 * The size of the image of incoming frames: an arena has room for one frame more than it holds, and ends with
 * the bytes that are cleared behind it.
 */
const IMAGE_BYTES =
  LIMITS.maxFramesIn * FRAME.size +
  LIMITS.maxPartsIn * PART.size +
  LIMITS.maxArenaIn +
  MAX_FRAME_BYTES +
  1024;

/** The room for a block that is copied with bytes around it. */
function takeWithMargin(lane: LaneMemory, bytes: number): number {
  const margin = bytes * BLOCK_MARGIN;
  const at = lane.take(margin + bytes + margin);
  return at < 0 ? at : at + margin;
}

interface KernelExports {
  readonly lower: FrameKernel['lower'];
  readonly lift: FrameKernel['lift'];
  readonly settle: FrameKernel['settle'];
  readonly setRows: (...addresses: number[]) => void;
  readonly setWorkbench: (...addresses: number[]) => void;
}

const kernels = new WeakMap<Frames, FrameKernel>();
let module: WebAssembly.Module | undefined;

/**
 * Built, this file is dist/host/engine/crossing/frame-kernel.js; in a checkout,
 * host/engine/crossing/frame-kernel.ts.
 */
function compiled(): WebAssembly.Module {
  if (module !== undefined) return module;
  const file = ['../../../kernel/', '../../../dist/kernel/']
    .map((folder) => fileURLToPath(new URL(`${folder}frame-kernel.wasm`, import.meta.url)))
    .find((each) => existsSync(each));
  if (file === undefined)
    throw new Error('dist/kernel/frame-kernel.wasm is missing: build it with `npm run build`');
  module = new WebAssembly.Module(readFileSync(file));
  return module;
}
