import { arenaStart, Frame, Part } from './batch';
import {
  END_SIZE,
  EndRecord,
  FRAME_SIZE,
  FrameRecord,
  MAX_EDGES,
  MAX_FRAME_PARTS,
  OUTCOME_SIZE,
  OutcomeRecord,
  PART_SIZE,
  PartMarks,
  PartRecord,
  Role,
} from './generated';
import { arenaEnd, room } from './memory';

/** The number of frames, parts and ended tickets that one outcome can hold. */
export const OUTCOME_FRAMES: i32 = 8192;
export const OUTCOME_PARTS: i32 = 16384;
export const OUTCOME_ENDS: i32 = 4096;

const framesAt: usize = memory.data(OUTCOME_FRAMES * FRAME_SIZE, 8);
const partsAt: usize = memory.data(OUTCOME_PARTS * PART_SIZE, 8);
const endsAt: usize = memory.data(OUTCOME_ENDS * END_SIZE, 8);
const pausedAt: usize = memory.data(MAX_EDGES * 2, 8);
const outcomeAt: usize = memory.data(OUTCOME_SIZE, 8);

let frames: i32 = 0;
let parts: i32 = 0;
let ends: i32 = 0;
let paused: i32 = 0;
let wake: f64 = Infinity;

/** For the SDK, before the first call: touches the tables, so that no frame waits for their first pages. */
export function touchTables(): void {
  store<u32>(framesAt, 0);
  store<u32>(partsAt, 0);
  store<u32>(endsAt, 0);
}

/**
 * The outcome of a call. A frame goes on with `forward`, or with `begin` and its parts one by one; it ends
 * with `end`. The piece holds every other frame, by its ticket. Every method that returns bool returns false
 * if the tables are full. Then it has added nothing, and the piece may hold the frame or end it.
 */
export class Outcome {
  /** Passes the whole frame on as it came, on this Edge and Shape. */
  forward(frame: Frame, edge: u16, shape: u16): bool {
    const count = <i32>frame.partCount;
    if (frames == OUTCOME_FRAMES || parts + count > OUTCOME_PARTS) return false;
    copyParts(partsAt + parts * PART_SIZE, changetype<usize>(frame.part(0)), count);
    const out = this.addFrame(edge, shape, frame.ticket);
    out.partCount = <u16>count;
    out.skipHeaders = frame.skipHeaders;
    out.skipTrailers = frame.skipTrailers;
    parts += count;
    return true;
  }

  /** Sends the last frame once more, to another Edge: a copy that shares its parts. */
  again(edge: u16, shape: u16): bool {
    if (frames == 0 || frames == OUTCOME_FRAMES) return false;
    const before = this.current();
    const out = this.addFrame(edge, shape, before.ticket);
    out.firstPart = before.firstPart;
    out.partCount = before.partCount;
    out.skipHeaders = before.skipHeaders;
    out.skipTrailers = before.skipTrailers;
    return true;
  }

  /** The number of frames that still fit. */
  get framesLeft(): i32 {
    return OUTCOME_FRAMES - frames;
  }

  /** The number of parts that still fit. */
  get partsLeft(): i32 {
    return OUTCOME_PARTS - parts;
  }

  /**
   * Begins a frame; its parts follow. `ticket` is that of the frame which it continues, or 0 for a frame of
   * the piece's own.
   */
  begin(edge: u16, shape: u16, ticket: u32): bool {
    if (frames == OUTCOME_FRAMES) return false;
    this.addFrame(edge, shape, ticket);
    return true;
  }

  /** Adds a part to the frame that was begun last. `offset` counts from the start of the arena. */
  part(protocol: u16, role: i32, marks: i32, offset: u32, length: u32): bool {
    const frame = this.current();
    if (parts == OUTCOME_PARTS || <i32>frame.partCount == MAX_FRAME_PARTS) return false;
    const part = changetype<PartRecord>(partsAt + parts * PART_SIZE);
    part.protocol = protocol;
    part.role = role;
    part.marks = marks;
    part.offset = offset;
    part.length = length;
    frame.partCount++;
    parts++;
    return true;
  }

  /** Adds a part whose bytes stand in the incoming arena, or in a `room`. */
  bytes(protocol: u16, role: i32, marks: i32, address: usize, length: i32): bool {
    return this.part(protocol, role, marks, <u32>(address - arenaStart()), length);
  }

  /** Adds a part as it came in, withheld or not. */
  // @ts-ignore: decorator
  @inline
  pass(part: Part): bool {
    return this.part(part.protocol, part.role, part.marks, part.offset, part.length);
  }

  /** Adds `length` bytes of an incoming part, from its byte `from` on; withheld if that part is. */
  slice(part: Part, from: i32, length: i32, protocol: u16): bool {
    return this.part(protocol, part.role, part.marks & PartMarks.Withheld, part.offset + from, length);
  }

  /**
   * Adds a header of `length` new bytes and returns their address; 0 if there is no room. Write all of them.
   */
  header(protocol: u16, length: i32, marks: i32 = 0): usize {
    const at = room(length);
    if (at == 0 || !this.bytes(protocol, Role.Header, marks, at, length)) return 0;
    return at;
  }

  /** Returns new bytes in the arena; 0 if there is no room. */
  // @ts-ignore: decorator
  @inline
  room(length: i32): usize {
    return room(length);
  }

  /**
   * Sets the number of headers and trailers around the Shape's own stack that the present frame copies from
   * the ticket's frame.
   */
  skips(headers: u8, trailers: u8): void {
    const frame = this.current();
    frame.skipHeaders = headers;
    frame.skipTrailers = trailers;
  }

  /** Removes the last frame, for when its parts did not fit. */
  cancel(): void {
    if (frames == 0) return;
    parts = <i32>this.current().firstPart;
    frames--;
  }

  /** Ends a ticket, for the reason of this number in the description. */
  end(ticket: u32, reason: u16): bool {
    if (ends == OUTCOME_ENDS) return false;
    const end = changetype<EndRecord>(endsAt + ends * END_SIZE);
    end.ticket = ticket;
    end.reason = reason;
    ends++;
    return true;
  }

  /**
   * Requests a call at this time at the latest. The earliest request of a call holds, until the next call.
   */
  wakeAt(time: f64): void {
    if (time < wake) wake = time;
  }

  /** Takes no frame from this Edge until the next call. */
  pause(edge: u16): void {
    if (paused == MAX_EDGES) return;
    store<u16>(pausedAt + paused * 2, edge);
    paused++;
  }

  /** For the SDK: starts the outcome of a new call. */
  open(): void {
    frames = 0;
    parts = 0;
    ends = 0;
    paused = 0;
    wake = Infinity;
  }

  /** For the SDK: the outcome, as the contract lays it out. */
  close(now: f64): usize {
    const outcome = changetype<OutcomeRecord>(outcomeAt);
    const arena = arenaStart();
    outcome.frames.address = framesAt;
    outcome.frames.length = frames;
    outcome.parts.address = partsAt;
    outcome.parts.length = parts;
    outcome.arena.address = arena;
    outcome.arena.length = <i32>(arenaEnd() - arena);
    outcome.ends.address = endsAt;
    outcome.ends.length = ends;
    outcome.paused.address = pausedAt;
    outcome.paused.length = paused;
    // An instant in the past would be a fault, so it becomes `now`.
    outcome.wakeAt = wake < now ? now : wake;
    return outcomeAt;
  }

  // @ts-ignore: decorator
  @inline
  private current(): FrameRecord {
    return changetype<FrameRecord>(framesAt + (frames - 1) * FRAME_SIZE);
  }

  // @ts-ignore: decorator
  @inline
  private addFrame(edge: u16, shape: u16, ticket: u32): FrameRecord {
    const frame = changetype<FrameRecord>(framesAt + frames * FRAME_SIZE);
    frame.edge = edge;
    frame.shape = shape;
    frame.firstPart = parts;
    frame.partCount = 0;
    frame.skipHeaders = 0;
    frame.skipTrailers = 0;
    frame.roomOffset = 0;
    frame.roomLength = 0;
    frame.ticket = ticket;
    frames++;
    return frame;
  }
}

/** Two parts at a time: each turn of a loop costs fuel, and memory.copy a call. */
// @ts-ignore: decorator
@inline
function copyParts(to: usize, from: usize, count: i32): void {
  let left = count;
  for (; left >= 2; left -= 2, to += 2 * PART_SIZE, from += 2 * PART_SIZE) {
    store<u64>(to, load<u64>(from));
    store<u64>(to, load<u64>(from, 8), 8);
    store<u64>(to, load<u64>(from, 16), 16);
  }
  if (left == 0) return;
  store<u64>(to, load<u64>(from));
  store<u32>(to, load<u32>(from, 8), 8);
}
