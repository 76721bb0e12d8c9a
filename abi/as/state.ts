import { MAX_STATE_BYTES } from './generated';
import { room } from './memory';

/**
 * The number of bytes of state that `save` writes into the region of the call; a larger state gets memory of
 * its own.
 */
export const STATE_BYTES: i32 = 524_288;

/**
 * A piece's state. One list serves both directions: each call takes the present value and returns the value
 * that holds from now on. While saving that is the same value; while restoring it is the saved one.
 *
 * ```ts
 * state(state: State): void {
 *   this.port = state.u16(this.port);
 *   this.deadline = state.instant(this.deadline);
 * }
 * ```
 */
export class State {
  /** The version of the piece that saved the state; '' while saving. */
  version: string = '';
  /** Whether the state is being restored, and not saved. */
  isRestoring: bool = false;
  /** The time of the call, in milliseconds of the lane's clock. */
  now: f64 = 0;
  private start: usize = 0;
  private at: usize = 0;
  private end: usize = 0;
  /** As `end`, but 0 once the state is refused: then nothing more is read or written. */
  private limit: usize = 0;
  private refusal: string | null = null;
  private large: usize = 0;
  private largeBytes: i32 = 0;

  u8(value: u8): u8 {
    const at = this.take(1);
    if (at == 0) return value;
    if (this.isRestoring) return load<u8>(at);
    store<u8>(at, value);
    return value;
  }

  bool(value: bool): bool {
    return this.u8(value ? 1 : 0) != 0;
  }

  u16(value: u16): u16 {
    const at = this.take(2);
    if (at == 0) return value;
    if (this.isRestoring) return load<u16>(at);
    store<u16>(at, value);
    return value;
  }

  u32(value: u32): u32 {
    const at = this.take(4);
    if (at == 0) return value;
    if (this.isRestoring) return load<u32>(at);
    store<u32>(at, value);
    return value;
  }

  i32(value: i32): i32 {
    return <i32>this.u32(<u32>value);
  }

  u64(value: u64): u64 {
    const at = this.take(8);
    if (at == 0) return value;
    if (this.isRestoring) return load<u64>(at);
    store<u64>(at, value);
    return value;
  }

  f64(value: f64): f64 {
    return reinterpret<f64>(this.u64(reinterpret<u64>(value)));
  }

  /** An instant, saved as the duration until it. */
  instant(value: f64): f64 {
    return this.f64(value - this.now) + this.now;
  }

  /** Saves or restores bytes in place. */
  bytes(address: usize, length: i32): void {
    const at = this.take(length);
    if (at == 0) return;
    if (this.isRestoring) memory.copy(address, at, length);
    else memory.copy(at, address, length);
  }

  /** The number of items that follow. While restoring, a count above `most` is refused. */
  count(value: i32, most: i32): i32 {
    const count = this.i32(value);
    if (count >= 0 && count <= most) return count;
    this.refuse('the state holds more than this version can');
    return 0;
  }

  /**
   * The number of bytes that the state can still take while it is saved. A piece whose tables may hold more
   * leaves out what does not fit: a state that is too large ends the piece.
   */
  get left(): i32 {
    return this.isRestoring ? 0 : MAX_STATE_BYTES - this.savedLength;
  }

  /** Refuses the state. The user reads the first refusal. */
  refuse(message: string): void {
    if (this.refusal === null) this.refusal = message;
    this.limit = 0;
  }

  /** For the SDK. */
  openSave(now: f64): void {
    this.version = '';
    this.isRestoring = false;
    this.now = now;
    this.refusal = null;
    // The next state may need as much as this one did.
    this.start = this.large != 0 ? this.large : room(STATE_BYTES);
    this.at = this.start;
    this.end = this.start + (this.large != 0 ? this.largeBytes : STATE_BYTES);
    this.limit = this.end;
  }

  /** For the SDK. */
  openRestore(now: f64, version: string, address: usize, length: i32): void {
    this.version = version;
    this.isRestoring = true;
    this.now = now;
    this.refusal = null;
    this.start = address;
    this.at = address;
    this.end = address + length;
    this.limit = this.end;
  }

  /** For the SDK. */
  get savedAt(): usize {
    return this.start;
  }

  /** For the SDK. */
  get savedLength(): i32 {
    return <i32>(this.at - this.start);
  }

  /** For the SDK: why restoring failed, or null. Bytes that nothing read are a failure. */
  closeRestore(): string | null {
    if (this.refusal === null && this.at != this.end)
      this.refuse('the state holds more than this version knows');
    return this.refusal;
  }

  /** Inlined, since a state of many small values is one call, whose fuel is bounded. */
  // @ts-ignore: decorator
  @inline
  private take(size: i32): usize {
    const at = this.at;
    if (at + size > this.limit) return this.takeBehind(size);
    this.at = at + size;
    return at;
  }

  /** Takes bytes that do not fit, or does not: the state is enlarged, or refused. */
  private takeBehind(size: i32): usize {
    if (this.refusal !== null) return 0;
    if (this.isRestoring) {
      this.refuse('the state ends early');
      return 0;
    }
    this.enlarge(size);
    const at = this.at;
    this.at += size;
    return at;
  }

  /**
   * Continues in memory that is at least twice as large, so that all blocks together are at most twice the
   * last. The memory stays for the next `save`.
   */
  private enlarge(size: i32): void {
    const written = this.savedLength;
    let bytes = this.largeBytes == 0 ? 2 * STATE_BYTES : 2 * this.largeBytes;
    while (bytes < written + size && bytes < MAX_STATE_BYTES) bytes *= 2;
    // A state that does not fit must not be written in part.
    if (written + size > MAX_STATE_BYTES) unreachable();
    this.large = heap.alloc(bytes);
    this.largeBytes = bytes;
    memory.copy(this.large, this.start, written);
    this.start = this.large;
    this.at = this.start + written;
    this.end = this.start + bytes;
    this.limit = this.end;
  }
}
