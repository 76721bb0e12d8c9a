import { arenaStart, MAX_FRAMES_IN, room, State, Tasks } from 'funnel-tunnel/as';
import { load32 } from 'funnel-tunnel/as/views/bytes';
import { encryptElements } from './header-extension';
import { KeyParams } from './key-params';
import { Packet, Sort } from './packet';
import { Pending } from './pending';
import { Protection } from './protection';
import { Reason } from './reasons';
import { SessionKeys } from './session-keys';
import { NO_INDEX, Place, Stream, Streams } from './stream';
import { SUITES, Suite } from './suite';

const ENCRYPTED: u32 = 0x8000_0000;
const INDEX: u32 = 0x7fff_ffff;

/**
 * The ways in which a packet may be protected, in the order in which they are tried. Only the tag decides.
 * The second and the third are for a source from which no packet has come since the peer changed its key:
 * some peers then begin their indices anew, and others go on (RFC 3711 §3.3.1).
 */
const enum Attempt {
  /** By the present key. */
  present,
  /** By the present key, with an index that has begun anew. */
  restarted,
  /** By the former key, as packets that were under way. */
  former,
  none,
}

/** A packet that waits to be unprotected. */
// @ts-ignore: decorator
@unmanaged
class Waiting {
  /** The frame's index in the call. */
  frame: i32;
  at: usize;
  /** A copy of the packet for a further attempt, since a wrong key may change it; 0 for none. */
  copy: usize;
  /** The length of the packet as it came, of the plain packet, and of its header. */
  protectedLength: i32;
  length: i32;
  headerLength: i32;
  ssrc: u32;
  index: u64;
  isControl: bool;
  isSettled: bool;
  sequence: u16;
  attempt: Attempt;
  /** A `Receiver`. */
  receiver: usize;
}

const WAITING_SIZE: usize = offsetof<Waiting>();
const waitingAt: usize = heap.alloc(<usize>MAX_FRAMES_IN * WAITING_SIZE);
/** The entry of each task. */
const entries: StaticArray<i32> = new StaticArray<i32>(MAX_FRAMES_IN);
let count: i32 = 0;

@inline function waiting(i: i32): Waiting {
  return changetype<Waiting>(waitingAt + <usize>i * WAITING_SIZE);
}

/** From the protected side to the plain one. */
export class Receiver {
  keys: SessionKeys[] = [];
  streams: Streams;
  /** Whether a packet came whose tag was wrong. */
  hasForged: bool = false;
  /** The key before the present one, while packets under it may still come. */
  private former: SessionKeys | null = null;
  private spare: SessionKeys | null = null;

  constructor(contexts: i32, window: i32) {
    this.streams = new Streams(contexts, window);
  }

  /** Begins a call. All receivers have one list of packets. */
  static begin(): void {
    count = 0;
  }

  /** Prepares for a single key that changes by `rekey`, instead of the keys of settings. */
  makeRoom(): void {
    this.keys = [new SessionKeys(SUITES[0])];
  }

  /**
   * The peer has another key. The former one holds beside it until `endFormer`. With `restarts`, as after the
   * peer has another address, all indices begin anew (RFC 4568 §7.1.4). False if the host has no more keys.
   */
  rekey(params: KeyParams, suite: Suite, restarts: bool): bool {
    let next = this.spare;
    if (next === null) next = new SessionKeys(SUITES[0]);
    this.endFormer();
    const before = this.keys[0];
    next.suite = suite;
    if (!next.derive(params)) return false;
    this.keys[0] = next;
    this.spare = before;
    this.hasForged = false;
    if (restarts || !before.isReady) {
      before.drop();
      this.streams.clear();
      return true;
    }
    this.former = before;
    for (let i = 0; i < this.streams.used; i++) {
      const stream = this.streams.at(i);
      stream.awaitsMedia = true;
      stream.awaitsControl = true;
    }
    return true;
  }

  /** Has its key again, after a state was restored. False if the host has no more keys. */
  resume(params: KeyParams, suite: Suite): bool {
    this.keys[0].suite = suite;
    return this.keys[0].derive(params);
  }

  /** No packet under the former key comes any more. */
  endFormer(): void {
    const former = this.former;
    if (former === null) return;
    former.drop();
    this.former = null;
  }

  /** Erases the keys, and forgets the sources. */
  close(): void {
    this.endFormer();
    for (let i = 0; i < this.keys.length; i++) this.keys[i].drop();
    this.streams.clear();
    this.hasForged = false;
  }

  /** Keeps the packet that was gathered last, which is that of the i-th frame. */
  keep(i: i32): void {
    const sort = Packet.read(0);
    if (sort == Sort.other) return;
    if (sort == Sort.unknown) return Pending.refuse(i, Reason.notMedia);
    const isControl = sort == Sort.control;
    const least = this.bytesAdded(this.keys[0], isControl);
    if (sort == Sort.malformed || Packet.length < Packet.headerLength + least)
      return Pending.refuse(i, Reason.malformed);
    const entry = waiting(count++);
    entry.frame = i;
    entry.at = Packet.at;
    entry.copy = 0;
    entry.protectedLength = Packet.length;
    entry.headerLength = Packet.headerLength;
    entry.ssrc = Packet.ssrc;
    entry.sequence = Packet.sequence;
    entry.isControl = isControl;
    entry.isSettled = false;
    entry.attempt = Attempt.present;
    entry.receiver = changetype<usize>(this);
    if (this.former === null) return;
    const copy = room(Packet.length);
    if (copy == 0) return;
    memory.copy(copy, Packet.at, Packet.length);
    entry.copy = copy;
  }

  /**
   * Unprotects what all receivers keep. A source that is not known yet is believed once a tag was right, so
   * only one packet of it takes part in a round: the index of the others depends on it.
   */
  static unprotect(): void {
    let left = count;
    while (left > 0) {
      Tasks.open(arenaStart());
      for (let i = 0; i < count; i++) {
        const entry = waiting(i);
        if (entry.isSettled || waitsForFirst(entry)) continue;
        left--;
        entry.isSettled = true;
        receiverOf(entry).addTask(entry, i);
      }
      Tasks.unprotect(room(0));
      for (let n = 0; n < Tasks.length; n++) {
        const entry = waiting(entries[n]);
        if (!receiverOf(entry).settle(entry, Tasks.isGenuine(n))) left++;
      }
    }
    count = 0;
  }

  state(state: State): void {
    const used = state.i32(this.streams.used);
    for (let i = 0; i < used; i++) {
      const stream = state.isRestoring ? this.streams.add(state.u32(0)) : this.streams.at(i);
      if (stream === null) return;
      if (!state.isRestoring) state.u32(stream.ssrc);
      stream.media.state(state);
      stream.control.state(state);
    }
  }

  private bytesAdded(keys: SessionKeys, isControl: bool): i32 {
    return isControl ? Protection.controlBytes(keys) : Protection.mediaBytes(keys);
  }

  /** The key that the packet names by its MKI, or the only one; null for none. */
  private keysOf(entry: Waiting): SessionKeys | null {
    for (let i = 0; i < this.keys.length; i++) if (names(entry, this.keys[i])) return this.keys[i];
    return null;
  }

  private addTask(entry: Waiting, i: i32): void {
    const stream = this.streams.find(entry.ssrc);
    if (stream === null && this.streams.isFull) return Pending.refuse(entry.frame, Reason.tooManyStreams);
    let reason = Reason.unknownKey;
    for (; entry.attempt < Attempt.none; entry.attempt = this.following(entry, stream)) {
      const keys = entry.attempt == Attempt.former ? this.former : this.keysOf(entry);
      if (keys === null || !names(entry, keys)) continue;
      const suite = keys.suite;
      entry.length = entry.protectedLength - this.bytesAdded(keys, entry.isControl);
      if (entry.length < entry.headerLength) {
        reason = Reason.malformed;
        continue;
      }
      const wordAt = entry.at + entry.length + (suite.isGcm ? <usize>suite.controlTagBytes : 0);
      const word: u32 = entry.isControl ? load32(wordAt) : 0;
      entry.index = entry.isControl ? <u64>(word & INDEX) : this.indexOf(entry, stream);
      if (stream !== null) {
        const place = this.placeOf(entry, stream);
        if (place != Place.fresh) {
          reason = place == Place.seen ? Reason.replayed : Reason.tooOld;
          continue;
        }
      }
      const isAdded = entry.isControl
        ? Protection.addControl(
            keys,
            entry.at,
            entry.length,
            entry.ssrc,
            <u32>entry.index,
            (word & ENCRYPTED) != 0,
          )
        : Protection.addMedia(keys, entry.at, entry.length, entry.headerLength, entry.ssrc, entry.index);
      if (!isAdded) return Pending.refuse(entry.frame, Reason.noRoom);
      entries[Tasks.length - 1] = i;
      return;
    }
    Pending.refuse(entry.frame, reason);
  }

  /** The attempt behind the present one of a packet. */
  private following(entry: Waiting, stream: Stream | null): Attempt {
    if (this.former === null || entry.copy == 0) return Attempt.none;
    const awaits = stream === null || (entry.isControl ? stream.awaitsControl : stream.awaitsMedia);
    if (!awaits) return Attempt.none;
    if (entry.attempt == Attempt.present)
      return stream === null || entry.isControl ? Attempt.former : Attempt.restarted;
    return entry.attempt == Attempt.restarted ? Attempt.former : Attempt.none;
  }

  private indexOf(entry: Waiting, stream: Stream | null): u64 {
    if (stream === null || entry.attempt == Attempt.restarted) return <u64>entry.sequence;
    const index = stream.indexOf(entry.sequence);
    // A source may begin shortly before its numbers start again: then this one is far ahead.
    return index == NO_INDEX ? <u64>entry.sequence : index;
  }

  /** Whether an index has come before. */
  private placeOf(entry: Waiting, stream: Stream): Place {
    if (entry.isControl)
      return stream.awaitsControl && entry.attempt == Attempt.present
        ? Place.fresh
        : stream.control.find(entry.index);
    return stream.awaitsMedia && entry.attempt == Attempt.restarted
      ? Place.fresh
      : stream.media.find(entry.index);
  }

  /** Handles the result of an attempt. False if there is another one. */
  private settle(entry: Waiting, isGenuine: bool): bool {
    let stream = this.streams.find(entry.ssrc);
    if (!isGenuine) {
      entry.attempt = this.following(entry, stream);
      if (entry.attempt != Attempt.none) {
        memory.copy(entry.at, entry.copy, entry.protectedLength);
        entry.isSettled = false;
        return false;
      }
      this.hasForged = true;
      Pending.refuse(entry.frame, Reason.forged);
      return true;
    }
    if (stream === null) {
      stream = this.streams.add(entry.ssrc);
      if (stream === null) {
        Pending.refuse(entry.frame, Reason.tooManyStreams);
        return true;
      }
      if (entry.attempt == Attempt.former) {
        stream.awaitsMedia = true;
        stream.awaitsControl = true;
      }
    }
    // Two packets of this round may have one index.
    const place = this.placeOf(entry, stream);
    if (place != Place.fresh) {
      Pending.refuse(entry.frame, place == Place.seen ? Reason.replayed : Reason.tooOld);
      return true;
    }
    const isNew = entry.attempt != Attempt.former;
    if (entry.isControl) {
      // Indices of SRTCP stand in the packets. Those under the former key are no replays.
      if (isNew && stream.awaitsControl) stream.control.clear();
      if (isNew) stream.awaitsControl = false;
      stream.control.add(entry.index);
    } else {
      if (stream.awaitsMedia && entry.attempt == Attempt.restarted) stream.media.clear();
      if (isNew) stream.awaitsMedia = false;
      stream.media.add(entry.index);
      const keys = entry.attempt == Attempt.former ? this.former : this.keysOf(entry);
      const headerTo = entry.at + entry.headerLength;
      const reason = keys === null ? -1 : encryptElements(keys, entry.at, headerTo, entry.ssrc, entry.index);
      if (reason >= 0) {
        Pending.refuse(entry.frame, reason);
        return true;
      }
    }
    Pending.change(entry.frame, entry.at, entry.length);
    return true;
  }
}

@inline function receiverOf(entry: Waiting): Receiver {
  return changetype<Receiver>(entry.receiver);
}

/** Whether another packet of the same, unknown source is in this round. */
function waitsForFirst(entry: Waiting): bool {
  if (receiverOf(entry).streams.find(entry.ssrc) !== null) return false;
  for (let n = 0; n < Tasks.length; n++) {
    const other = waiting(entries[n]);
    if (other.ssrc == entry.ssrc && other.receiver == entry.receiver) return true;
  }
  return false;
}

/**
 * Whether the MKI of a packet is that of these keys. It is at the end with GCM, and in front of the tag
 * otherwise.
 */
function names(entry: Waiting, keys: SessionKeys): bool {
  if (keys.mkiLength == 0) return true;
  const suite = keys.suite;
  const behind = suite.isGcm ? 0 : entry.isControl ? suite.controlTagBytes : suite.tagBytes;
  if (entry.protectedLength < entry.headerLength + keys.mkiLength + behind) return false;
  return keys.hasMki(entry.at + entry.protectedLength - behind - keys.mkiLength);
}
