import { State } from 'funnel-tunnel/as';

/** The result of looking up an index in a window. */
export const enum Place {
  fresh,
  seen,
  /** Too old to know whether it was there. */
  old,
}

/** The largest window, in packets (RFC 3711 §3.3.2 requires 64). */
export const MOST_WINDOW: i32 = 32_768;

/**
 * The indices that were there of late, up to the highest. It stands in the memory of its stream, with a bit
 * for each place behind it: thousands of streams are made in one restore.
 */
// @ts-ignore: decorator
@unmanaged
export class Window {
  size: u64;
  highest: u64;
  isEmpty: bool;

  /** The memory that a window of this size takes. `size` is a multiple of 64. */
  static bytes(size: i32): usize {
    return HEAD_BYTES + (<usize>size >> 3);
  }

  /** Makes a window at an address. `clear` has to follow. */
  static at(address: usize, size: i32): Window {
    const window = changetype<Window>(address);
    window.size = <u64>size;
    return window;
  }

  clear(): void {
    this.isEmpty = true;
    this.highest = 0;
    memory.fill(changetype<usize>(this) + HEAD_BYTES, 0, <usize>(this.size >> 3));
  }

  find(index: u64): Place {
    if (this.isEmpty || index > this.highest) return Place.fresh;
    if (this.highest - index >= this.size) return Place.old;
    const place = index % this.size;
    return (load<u64>(this.wordOf(place)) >> (place & 63)) & 1 ? Place.seen : Place.fresh;
  }

  /** Marks an index that `find` found fresh. */
  add(index: u64): void {
    if (this.isEmpty || index > this.highest) this.advance(index);
    const place = index % this.size;
    const word = this.wordOf(place);
    store<u64>(word, load<u64>(word) | ((<u64>1) << (place & 63)));
  }

  state(state: State): void {
    this.isEmpty = state.bool(this.isEmpty);
    if (this.isEmpty) return;
    this.highest = state.u64(this.highest);
    state.bytes(changetype<usize>(this) + HEAD_BYTES, <i32>(this.size >> 3));
  }

  @inline private wordOf(place: u64): usize {
    return changetype<usize>(this) + HEAD_BYTES + ((<usize>place >> 6) << 3);
  }

  /** Clears the places of the indices between the highest and a new one. */
  private advance(index: u64): void {
    if (this.isEmpty || index - this.highest >= this.size) {
      memory.fill(changetype<usize>(this) + HEAD_BYTES, 0, <usize>(this.size >> 3));
    } else {
      // Whole words where there are any: a jump may be as long as the window.
      for (let i = this.highest + 1; i <= index; ) {
        const place = i % this.size;
        const word = this.wordOf(place);
        if ((place & 63) == 0 && index - i >= 63) {
          store<u64>(word, 0);
          i += 64;
        } else {
          store<u64>(word, load<u64>(word) & ~((<u64>1) << (place & 63)));
          i++;
        }
      }
    }
    this.highest = index;
    this.isEmpty = false;
  }
}

/** The bytes in front of the bits of a window. */
const HEAD_BYTES: usize = (offsetof<Window>() + 7) & ~7;

/** No index: the packet came before all indices. */
export const NO_INDEX: u64 = u64.MAX_VALUE;

/** One source of packets, in one direction, under one key: by its SSRC (RFC 3711 §3.2.3). */
export class Stream {
  ssrc: u32 = 0;
  isUsed: bool = false;
  /** Indices of SRTP, of 48 bits, and of SRTCP, of 31 bits. */
  media: Window;
  control: Window;
  /**
   * For the sender, the number that is added to the sequence numbers of the plain side, after it began anew.
   */
  shift: u16 = 0;
  /**
   * For the sender, the sequence number behind which a sequence that began anew is believed; -1 for none.
   */
  suspect: i32 = -1;
  /** For the sender: no index is left that is certainly unused. */
  isSpent: bool = false;
  /** For the receiver: a new key holds, and no packet of SRTP, or of SRTCP, has come under it yet. */
  awaitsMedia: bool = false;
  awaitsControl: bool = false;
  private second: i64 = 0;
  private inSecond: i32 = 0;
  /** The next stream of the same chain in the table. */
  next: i32 = -1;

  constructor(window: i32) {
    const bytes = Window.bytes(window);
    const at = heap.alloc(2 * bytes);
    this.media = Window.at(at, window);
    this.control = Window.at(at + bytes, window);
  }

  begin(ssrc: u32): void {
    this.ssrc = ssrc;
    this.isUsed = true;
    this.media.clear();
    this.control.clear();
    this.shift = 0;
    this.suspect = -1;
    this.isSpent = false;
    this.awaitsMedia = false;
    this.awaitsControl = false;
    this.inSecond = 0;
  }

  /** Counts a packet in this second. False if there were as many as there may be. */
  isInTime(second: i64, most: i32): bool {
    if (second != this.second) this.inSecond = 0;
    this.second = second;
    if (this.inSecond == most) return false;
    this.inSecond++;
    return true;
  }

  /**
   * The index that a sequence number most probably has: that nearest to the highest one (RFC 3711 §3.3.1 and
   * Appendix A). `NO_INDEX` if that would be before the first rollover.
   */
  indexOf(sequence: u16): u64 {
    if (this.media.isEmpty) return <u64>sequence;
    const highest = this.media.highest;
    const difference = <i64>(<i16>(sequence - <u16>highest));
    if (difference < 0 && <u64>-difference > highest) return NO_INDEX;
    return highest + difference;
  }
}

/** The streams of one direction, by SSRC: as many as the setting permits, and the newest is refused. */
export class Streams {
  private streams: StaticArray<Stream>;
  private chains: StaticArray<i32>;
  used: i32 = 0;
  /** The number of `streams` that are there. They are made as sources come, and stay. */
  private made: i32 = 0;

  constructor(
    most: i32,
    private window: i32,
  ) {
    let chains = 1;
    while (chains < most) chains <<= 1;
    this.streams = new StaticArray<Stream>(most);
    this.chains = new StaticArray<i32>(chains);
    this.clear();
  }

  /** Forgets all streams. */
  clear(): void {
    this.used = 0;
    for (let i = 0; i < this.chains.length; i++) this.chains[i] = -1;
  }

  get isFull(): bool {
    return this.used == this.streams.length;
  }

  find(ssrc: u32): Stream | null {
    for (let i = this.chains[this.chainOf(ssrc)]; i >= 0; i = this.streams[i].next)
      if (this.streams[i].ssrc == ssrc) return this.streams[i];
    return null;
  }

  /** A new stream, or null if there are as many as there may be. */
  add(ssrc: u32): Stream | null {
    if (this.isFull) return null;
    if (this.used == this.made) this.streams[this.made++] = new Stream(this.window);
    const stream = this.streams[this.used];
    stream.begin(ssrc);
    const chain = this.chainOf(ssrc);
    stream.next = this.chains[chain];
    this.chains[chain] = this.used++;
    return stream;
  }

  at(i: i32): Stream {
    return this.streams[i];
  }

  /** SSRCs are random. A side that chooses them can lengthen one chain up to the whole table. */
  @inline private chainOf(ssrc: u32): i32 {
    return <i32>((ssrc * 0x9e37_79b1) >> 16) & (this.chains.length - 1);
  }
}
