// How much work one call of the host may bring. A call has fuel for its frames, and a piece that uses up its fuel is
// discarded; so what a batch of messages may cost at the most is counted beforehand, and what does not fit waits for a
// call of its own. The figures are units of fuel; `test/sipproxy64/fuel.test.ts` holds them against what is really used.

import { Frame, HeldFrames, Outcome } from 'funnel-tunnel/as';

/** What the host gives each call, and each frame of it (`host/engine/component-piece.ts`), less a tenth for all else. */
@inline
const A_CALL: i32 = 4_500_000;

@inline
const A_FRAME: i32 = 52_000;

/** What a message costs at the most: of itself, and for each of its bytes. */
@inline
const A_MESSAGE: i32 = 60_000;

@inline
const A_BYTE: i32 = 340;

@inline
const A_PACKET: i32 = 4_000;

/** Longer messages are refused unread: a single one would cost more than a call has. */
@inline
export const MOST_MESSAGE: i32 = 10_240;

@inline
const MOST_WAITING: i32 = 512;

/** For 512 messages of 2 KiB. */
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

  /** A call begins, with so many frames. */
  static begin(frames: i32): void {
    left = A_CALL + frames * A_FRAME;
  }

  /** Whether a message of so many bytes still fits; then it is counted. */
  static takesMessage(bytes: i32): bool {
    const cost = A_MESSAGE + min(bytes, MOST_MESSAGE) * A_BYTE;
    if (cost > left) return false;
    left -= cost;
    return true;
  }

  @inline
  static countPacket(): void {
    left -= A_PACKET;
  }

  /** Something costs more than a message does as a rule. */
  @inline
  static spend(units: i32): void {
    left -= units;
  }

  /** How many messages wait. */
  static get waiting(): i32 {
    return count;
  }

  /** The frame waits for the next call. False when there is no room for it. */
  static keep(frame: Frame): bool {
    if (count == MOST_WAITING) return false;
    const entry = (held as HeldFrames).keep(frame);
    if (entry < 0) return false;
    unchecked((queue[(first + count) % MOST_WAITING] = entry));
    count++;
    return true;
  }

  /** The frame that has waited longest, where one does; `next` goes on to the one behind it. */
  static oldest(out: Outcome): Frame | null {
    return count == 0 ? null : (held as HeldFrames).restore(unchecked(queue[first]), out);
  }

  static next(): void {
    (held as HeldFrames).free(unchecked(queue[first]));
    first = (first + 1) % MOST_WAITING;
    count--;
  }
}
