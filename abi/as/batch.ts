import { FRAME_SIZE, FrameRecord, PART_SIZE, PartMarks, PartRecord, Role } from './generated';

let framesAt: usize = 0;
let partsAt: usize = 0;
let arenaAt: usize = 0;

/** Where the arena of the present call begins. Offsets of parts count from here. */
export function arenaStart(): usize {
  return arenaAt;
}

/** For the SDK: the first address from `at` on that can hold a part of a frame. */
export function partsFrom(address: usize): usize {
  const beyond = (address - partsAt) % PART_SIZE;
  return beyond == 0 ? address : address + PART_SIZE - beyond;
}

/** For the SDK: the index of the part that stands there. */
export function partIndex(address: usize): u32 {
  return <u32>((address - partsAt) / PART_SIZE);
}

/** The frames of a call. `frame(i)` and `part(i)` are views on what the host wrote and cost nothing. */
export class Batch {
  length: i32 = 0;

  // @ts-ignore: decorator
  @inline
  frame(i: i32): Frame {
    return changetype<Frame>(framesAt + i * FRAME_SIZE);
  }

  /** For the SDK: a new call begins. */
  open(frames: usize, count: i32, parts: usize, arena: usize): void {
    framesAt = frames;
    partsAt = parts;
    arenaAt = arena;
    this.length = count;
  }
}

/** A frame that came in; its fields are those of the contract's `frame`. Good until the call ends. */
// @ts-ignore: decorator
@unmanaged
export class Frame extends FrameRecord {
  /** The parts, in the order of their bytes; `i` is below `partCount`. */
  // @ts-ignore: decorator
  @inline
  part(i: i32): Part {
    return changetype<Part>(partsAt + (<i32>this.firstPart + i) * PART_SIZE);
  }

  /** This frame is a fragment; the next frame with its ticket continues it. */
  get hasMore(): bool {
    const count = <i32>this.partCount;
    return count > 0 && (this.part(count - 1).marks & PartMarks.More) != 0;
  }

  /** This frame is a fragment, and not the first. */
  get isContinued(): bool {
    return this.partCount > 0 && (this.part(0).marks & PartMarks.Continued) != 0;
  }

  /** The n-th header of the Shape's own stack, or null where the frame has no such header. */
  // @ts-ignore: decorator
  @inline
  header(n: i32): Part | null {
    const i = <i32>this.skipHeaders + n;
    if (i >= <i32>this.partCount) return null;
    const part = this.part(i);
    return part.role == Role.Header ? part : null;
  }

  /** The index of the first part from `from` on that is a payload, or -1. */
  payloadIndex(from: i32 = 0): i32 {
    for (let i = from, n = <i32>this.partCount; i < n; i++) if (this.part(i).role == Role.Payload) return i;
    return -1;
  }

  /** The number of bytes in all parts from the n-th to the last but `skipTrailers`. */
  lengthFrom(n: i32): i32 {
    let length = 0;
    const end = <i32>this.partCount - <i32>this.skipTrailers;
    for (let i = n; i < end; i++) length += <i32>this.part(i).length;
    return length;
  }
}

/** A part of a frame; its fields are those of the contract's `part`. */
// @ts-ignore: decorator
@unmanaged
export class Part extends PartRecord {
  /** Address of the bytes. Not for a withheld part: its bytes are not here. */
  // @ts-ignore: decorator
  @inline
  get bytes(): usize {
    return arenaAt + <usize>this.offset;
  }

  get isWithheld(): bool {
    return (this.marks & PartMarks.Withheld) != 0;
  }
}
