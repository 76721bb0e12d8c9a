import { Frame, HeldFrames, Outcome } from 'funnel-tunnel/as';

const MOST: i32 = 256;
/** Parts and visible headers of a frame usually take one block. */
const BLOCKS: i32 = 384;

/** Frames that wait, in their order, for the end of one that goes out in fragments. */
export abstract class Waiting {
  static count: i32 = 0;
  private static held: HeldFrames = new HeldFrames(0, 0);
  private static readonly entries: StaticArray<i32> = new StaticArray<i32>(MOST);

  static start(): void {
    Waiting.held = new HeldFrames(MOST, BLOCKS);
  }

  /** Adds a frame. False if there is no room for it. */
  static add(frame: Frame): bool {
    const entry = Waiting.held.keep(frame);
    if (entry < 0) return false;
    Waiting.entries[Waiting.count++] = entry;
    return true;
  }

  static ticketAt(i: i32): u32 {
    return Waiting.held.ticketOf(Waiting.entries[i]);
  }

  static has(ticket: u32): bool {
    for (let i = 0; i < Waiting.count; i++) if (Waiting.ticketAt(i) == ticket) return true;
    return false;
  }

  /** The frame as it came; null if this outcome has no room for it. */
  static restore(i: i32, out: Outcome): Frame | null {
    return Waiting.held.restore(Waiting.entries[i], out);
  }

  static remove(i: i32): void {
    Waiting.held.free(Waiting.entries[i]);
    Waiting.count--;
    for (; i < Waiting.count; i++) Waiting.entries[i] = Waiting.entries[i + 1];
  }

  /** Records that a ticket has ended. */
  static forget(ticket: u32): void {
    for (let i = Waiting.count - 1; i >= 0; i--) if (Waiting.ticketAt(i) == ticket) Waiting.remove(i);
  }
}
