// The table of places: by side and port, the lines that have one there.

const NONE: i32 = -1;
const PORTS: i32 = 65_536;

let heads: StaticArray<i32> = new StaticArray<i32>(0);
let following: StaticArray<i32> = new StaticArray<i32>(0);

/** An entry is `(line * 2 + side) * 2 + kind`, where `kind` is 0 for RTP and 1 for RTCP. */
export abstract class Places {
  static start(lines: i32): void {
    heads = new StaticArray<i32>(2 * PORTS);
    following = new StaticArray<i32>(lines * 4);
    memory.fill(changetype<usize>(heads), 0xff, 2 * PORTS * sizeof<i32>());
  }

  static add(line: i32, side: i32, kind: i32, port: u32): void {
    const entry = (line * 2 + side) * 2 + kind;
    const head = side * PORTS + <i32>port;
    following[entry] = heads[head];
    heads[head] = entry;
  }

  static remove(line: i32, side: i32, kind: i32, port: u32): void {
    const entry = (line * 2 + side) * 2 + kind;
    const head = side * PORTS + <i32>port;
    if (heads[head] == entry) {
      heads[head] = following[entry];
      return;
    }
    for (let each = heads[head]; each != NONE; each = following[each]) {
      if (following[each] != entry) continue;
      following[each] = following[entry];
      return;
    }
  }

  /** The first entry with this port on this side; -1 for none. */
  @inline static first(side: i32, port: u32): i32 {
    return unchecked(heads[side * PORTS + <i32>port]);
  }

  @inline static next(entry: i32): i32 {
    return unchecked(following[entry]);
  }

  @inline static line(entry: i32): i32 {
    return entry >> 2;
  }

  @inline static kind(entry: i32): i32 {
    return entry & 1;
  }
}
