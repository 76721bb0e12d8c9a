import { arenaStart, MAX_FRAMES_IN, room, State, Tasks } from 'funnel-tunnel/as';
import { load32 } from 'funnel-tunnel/as/views/bytes';
import { Packet, Sort } from './packet';
import { Pending } from './pending';
import { Protection } from './protection';
import { Reason } from './reasons';
import { SessionKeys } from './session-keys';
import { NO_INDEX, Place, Stream, Streams } from './stream';

const ENCRYPTED: u32 = 0x8000_0000;
const INDEX: u32 = 0x7fff_ffff;

/** A packet that waits to be unprotected. */
// @ts-ignore: decorator
@unmanaged
class Waiting {
  /** The frame's index in the call. */
  frame: i32;
  at: usize;
  /** The length of the plain packet, and of its header. */
  length: i32;
  headerLength: i32;
  ssrc: u32;
  index: u64;
  /** The word of SRTCP with its index. */
  word: u32;
  isControl: bool;
  isSettled: bool;
  sequence: u16;
  key: i32;
}

const WAITING_SIZE: usize = offsetof<Waiting>();
const waitingAt: usize = heap.alloc(<usize>MAX_FRAMES_IN * WAITING_SIZE);
/** The entry of each task. */
const entries: StaticArray<i32> = new StaticArray<i32>(MAX_FRAMES_IN);

@inline function waiting(i: i32): Waiting {
  return changetype<Waiting>(waitingAt + <usize>i * WAITING_SIZE);
}

/** From the protected side to the plain one. */
export class Receiver {
  keys: SessionKeys[] = [];
  streams: Streams;
  /** Whether a packet came whose tag was wrong. */
  hasForged: bool = false;
  private count: i32 = 0;

  constructor(contexts: i32, window: i32) {
    this.streams = new Streams(contexts, window);
  }

  /** Keeps the packet that was gathered last, which is that of the i-th frame. */
  keep(i: i32): void {
    const keys = this.keys;
    const first = keys[0];
    const sort = Packet.read(0);
    if (sort == Sort.other) return;
    if (sort == Sort.unknown) return Pending.refuse(i, Reason.notMedia);
    const isControl = sort == Sort.control;
    const added = isControl ? Protection.controlBytes(first) : Protection.mediaBytes(first);
    if (sort == Sort.malformed || Packet.length < Packet.headerLength + added)
      return Pending.refuse(i, Reason.malformed);
    const length = Packet.length - added;
    const key = this.keyOf(isControl, length);
    if (key < 0) return Pending.refuse(i, Reason.unknownKey);
    const entry = waiting(this.count++);
    entry.frame = i;
    entry.at = Packet.at;
    entry.length = length;
    entry.headerLength = Packet.headerLength;
    entry.ssrc = Packet.ssrc;
    entry.sequence = Packet.sequence;
    entry.isControl = isControl;
    entry.isSettled = false;
    entry.key = key;
    if (isControl)
      entry.word = load32(Packet.at + length + (first.suite.isGcm ? <usize>first.suite.controlTagBytes : 0));
  }

  /**
   * Unprotects what is kept. A source that is not known yet is believed once a tag was right, so only one
   * packet of it takes part in a round: the index of the others depends on it.
   */
  unprotect(): void {
    let left = this.count;
    while (left > 0) {
      Tasks.open(arenaStart());
      for (let i = 0; i < this.count; i++) {
        const entry = waiting(i);
        if (entry.isSettled || this.waitsForFirst(entry)) continue;
        left--;
        entry.isSettled = true;
        this.addTask(entry, i);
      }
      Tasks.unprotect(room(0));
      for (let n = 0; n < Tasks.length; n++) this.settle(waiting(entries[n]), Tasks.isGenuine(n));
    }
    this.count = 0;
  }

  state(state: State): void {
    const count = state.i32(this.streams.used);
    for (let i = 0; i < count; i++) {
      const stream = state.isRestoring ? this.streams.add(state.u32(0)) : this.streams.at(i);
      if (stream === null) return;
      if (!state.isRestoring) state.u32(stream.ssrc);
      stream.media.state(state);
      stream.control.state(state);
    }
  }

  /** The number of the key that the packet names by its MKI; -1 for none. */
  private keyOf(isControl: bool, length: i32): i32 {
    const first = this.keys[0];
    const mkiBytes = first.mki.length;
    if (mkiBytes == 0) return 0;
    // The MKI is at the end with GCM, and in front of the tag otherwise.
    const tagBytes = isControl ? first.suite.controlTagBytes : first.suite.tagBytes;
    const behind = first.suite.isGcm ? 0 : tagBytes;
    const mki = Packet.at + Packet.length - behind - mkiBytes;
    for (let i = 0; i < this.keys.length; i++)
      if (memory.compare(mki, changetype<usize>(this.keys[i].mki), mkiBytes) == 0) return i;
    return -1;
  }

  /** Whether another packet of the same, unknown source is in this round. */
  private waitsForFirst(entry: Waiting): bool {
    if (this.streams.find(entry.ssrc) !== null) return false;
    for (let n = 0; n < Tasks.length; n++) if (waiting(entries[n]).ssrc == entry.ssrc) return true;
    return false;
  }

  private addTask(entry: Waiting, i: i32): void {
    const stream = this.streams.find(entry.ssrc);
    if (stream === null && this.streams.isFull) return Pending.refuse(entry.frame, Reason.tooManyStreams);
    entry.index = this.indexOf(entry, stream);
    if (stream !== null && !this.isFresh(entry, stream)) return;
    const keys = this.keys[entry.key];
    const isAdded = entry.isControl
      ? Protection.addControl(
          keys,
          entry.at,
          entry.length,
          entry.ssrc,
          <u32>entry.index,
          (entry.word & ENCRYPTED) != 0,
        )
      : Protection.addMedia(keys, entry.at, entry.length, entry.headerLength, entry.ssrc, entry.index);
    if (!isAdded) return Pending.refuse(entry.frame, Reason.noRoom);
    entries[Tasks.length - 1] = i;
  }

  private indexOf(entry: Waiting, stream: Stream | null): u64 {
    if (entry.isControl) return <u64>(entry.word & INDEX);
    if (stream === null) return <u64>entry.sequence;
    const index = stream.indexOf(entry.sequence);
    // A source may begin shortly before its numbers start again: then this one is far ahead.
    return index == NO_INDEX ? <u64>entry.sequence : index;
  }

  /** Whether an index has not come before. Else the frame ends. */
  private isFresh(entry: Waiting, stream: Stream): bool {
    const window = entry.isControl ? stream.control : stream.media;
    const place = window.find(entry.index);
    if (place == Place.fresh) return true;
    Pending.refuse(entry.frame, place == Place.seen ? Reason.replayed : Reason.tooOld);
    return false;
  }

  private settle(entry: Waiting, isGenuine: bool): void {
    if (!isGenuine) {
      this.hasForged = true;
      return Pending.refuse(entry.frame, Reason.forged);
    }
    let stream = this.streams.find(entry.ssrc);
    if (stream === null) stream = this.streams.add(entry.ssrc);
    if (stream === null) return Pending.refuse(entry.frame, Reason.tooManyStreams);
    // Two packets of this round may have one index.
    if (!this.isFresh(entry, stream)) return;
    (entry.isControl ? stream.control : stream.media).add(entry.index);
    Pending.change(entry.frame, entry.at, entry.length);
  }
}
