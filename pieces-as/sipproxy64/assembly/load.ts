// The work that one call of the host may bring. A call has fuel for its frames, and the host discards a piece
// that uses up its fuel. So this module adds up beforehand what a batch of messages may cost at most, and a
// message that does not fit waits for a call of its own. The figures are units of fuel;
// `test/sipproxy64/fuel.test.ts` compares them with the real use.

import { Frame, HeldFrames, Outcome } from 'funnel-tunnel/as';

/**
 * The fuel of each call, and of each frame in it (`host/engine/component-piece.ts`), less a tenth for
 * everything else.
 */
@inline
const A_CALL: i32 = 4_500_000;

@inline
const A_FRAME: i32 = 52_000;

/** The most that a message costs: by itself, and for each of its bytes. */
@inline
const A_MESSAGE: i32 = 60_000;

@inline
const A_BYTE: i32 = 340;

@inline
const A_PACKET: i32 = 4_000;

/** Longer messages are refused unread: a single one would exceed the fuel of a call. */
@inline
export const MOST_MESSAGE: i32 = 10_240;

@inline
const MOST_WAITING: i32 = 512;

/** Enough for 512 messages of 2 KiB. */
@inline
const BLOCKS: i32 = 2_048;

const queue: StaticArray<i32> = new StaticArray<i32>(MOST_WAITING);
let first: i32 = 0;
let count: i32 = 0;
let left: i32 = 0;
let held: HeldFrames | null = null;

export abstract class Load {
  static start(): void {
    held = new HeldFrames(MOST_WAITING, BLOCKS);
  }

  /** Starts a call with this many frames. */
  static begin(frames: i32): void {
    left = A_CALL + frames * A_FRAME;
  }

  /** Whether a message of this many bytes still fits. If so, its cost is added. */
  static takesMessage(bytes: i32): bool {
    return Load.takes(bytes, 0);
  }

  /** The same for a message that costs some units more. One that would never fit takes a whole call. */
  static takes(bytes: i32, more: i32): bool {
    const cost = min(A_MESSAGE + min(bytes, MOST_MESSAGE) * A_BYTE + more, A_CALL);
    if (cost > left) return false;
    left -= cost;
    return true;
  }

  @inline
  static countPacket(): void {
    left -= A_PACKET;
  }

  /** Adds work that is not usual for a message. */
  @inline
  static spend(units: i32): void {
    left -= units;
  }

  /** The number of messages that wait. */
  static get waiting(): i32 {
    return count;
  }

  /** Lets the frame wait for the next call. False if there is no room for it. */
  static keep(frame: Frame): bool {
    if (count == MOST_WAITING) return false;
    const entry = (held as HeldFrames).keep(frame);
    if (entry < 0) return false;
    unchecked((queue[(first + count) % MOST_WAITING] = entry));
    count++;
    return true;
  }

  /** The frame that has waited longest, if one waits; `next` goes on to the one behind it. */
  static oldest(out: Outcome): Frame | null {
    return count == 0 ? null : (held as HeldFrames).restore(unchecked(queue[first]), out);
  }

  static next(): void {
    (held as HeldFrames).free(unchecked(queue[first]));
    first = (first + 1) % MOST_WAITING;
    count--;
  }
}
