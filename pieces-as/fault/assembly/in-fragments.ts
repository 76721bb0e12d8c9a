import { FragmentTable, Frame, Outcome } from 'funnel-tunnel/as';

const MOST: i32 = 64;

/**
 * Frames that pass in fragments. The draw for the first fragment holds for the whole frame: it is lost, or
 * one bit of it is inverted, or neither. All its fragments are delayed alike, in their order. Such a frame is
 * neither reordered nor duplicated.
 */
export class InFragments {
  private fragments: FragmentTable = new FragmentTable(MOST);
  private swings: StaticArray<u32> = new StaticArray<u32>(MOST);
  /** By entry: the number of held fragments. */
  private held: StaticArray<i32> = new StaticArray<i32>(MOST);

  /** The entry of a fragment's frame; -1 for a whole frame, or one that has no entry. */
  find(frame: Frame): i32 {
    return frame.isContinued || frame.hasMore ? this.fragments.find(frame.ticket) : -1;
  }

  /** Begins a frame with this difference of its delay. If there are too many, the longest idle one ends. */
  begin(frame: Frame, swing: u32, out: Outcome, reason: u16): i32 {
    const entry = this.fragments.add(frame.ticket);
    if (this.fragments.evicted != 0) out.end(this.fragments.evicted, reason);
    this.swings[entry] = swing;
    this.held[entry] = 0;
    return entry;
  }

  swingOf(entry: i32): u32 {
    return this.swings[entry];
  }

  /** Whether fragments of this frame are held. Then later fragments are held as well. */
  isHeld(entry: i32): bool {
    return entry >= 0 && this.held[entry] > 0;
  }

  hold(entry: i32): void {
    if (entry >= 0) this.held[entry]++;
  }

  /** Records that a held fragment went on. */
  release(entry: i32): void {
    this.held[entry]--;
  }

  /** Records that a fragment went on. The last one completes its frame. */
  passed(entry: i32, frame: Frame): void {
    if (entry >= 0 && !frame.hasMore) this.fragments.remove(entry);
  }

  /** Ends a frame, with all its held fragments. */
  end(entry: i32): void {
    if (entry >= 0) this.fragments.remove(entry);
  }
}
