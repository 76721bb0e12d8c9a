import { Frame, HeldFrames } from 'funnel-tunnel/as';

const IS_BACK: u8 = 1;
const IS_DUPLICATED: u8 = 2;
const IS_REORDERED: u8 = 4;

/** Frames that are held, with their random draws. */
export class Held extends HeldFrames {
  private flags: StaticArray<u8>;

  constructor(most: i32, blocks: i32) {
    super(most, blocks);
    this.flags = new StaticArray<u8>(most);
  }

  /** Keeps a frame and returns its entry; -1 if there is no room. */
  take(frame: Frame, isBack: bool, isDuplicated: bool, isReordered: bool): i32 {
    const entry = this.keep(frame);
    if (entry >= 0)
      this.flags[entry] =
        (isBack ? IS_BACK : 0) | (isDuplicated ? IS_DUPLICATED : 0) | (isReordered ? IS_REORDERED : 0);
    return entry;
  }

  isBack(entry: i32): bool {
    return (this.flags[entry] & IS_BACK) != 0;
  }

  isDuplicated(entry: i32): bool {
    return (this.flags[entry] & IS_DUPLICATED) != 0;
  }

  isToBeOvertaken(entry: i32): bool {
    return (this.flags[entry] & IS_REORDERED) != 0;
  }
}
