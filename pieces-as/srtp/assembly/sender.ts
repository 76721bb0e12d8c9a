import { arenaStart, room, State, Tasks, utcSeconds } from 'funnel-tunnel/as';
import { store16 } from 'funnel-tunnel/as/views/bytes';
import { encryptElements } from './header-extension';
import { KeyParams } from './key-params';
import { Packet, Sort } from './packet';
import { Pending } from './pending';
import { Protection } from './protection';
import { Reason } from './reasons';
import { SessionKeys } from './session-keys';
import { NO_INDEX, Place, Stream, Streams } from './stream';
import { SUITES, Suite } from './suite';

/** The largest index of SRTCP (RFC 3711 §3.2.1). */
const MOST_CONTROL_INDEX: u64 = 0x7fff_ffff;

/** From the plain side to the protected one. */
export class Sender {
  keys: SessionKeys = new SessionKeys(SUITES[0]);
  streams: Streams;

  constructor(contexts: i32, window: i32) {
    this.streams = new Streams(contexts, window);
  }

  /** Begins a call. All senders have one list of tasks. */
  static begin(now: f64): void {
    readClock(now);
    Tasks.open(arenaStart());
  }

  /** Takes the packet that was gathered last, which is that of the i-th frame. */
  add(i: i32): void {
    const sort = Packet.read(0);
    if (sort == Sort.other) return;
    if (sort == Sort.unknown) return Pending.refuse(i, Reason.notMedia);
    if (sort == Sort.malformed) return Pending.refuse(i, Reason.malformed);
    if (this.keys.packetsLeft == 0) return Pending.refuse(i, Reason.keyUsedUp);
    let stream = this.streams.find(Packet.ssrc);
    if (stream === null) stream = this.streams.add(Packet.ssrc);
    if (stream === null) return Pending.refuse(i, Reason.tooManyStreams);
    if (stream.isSpent) return Pending.refuse(i, Reason.keyUsedUp);
    if (!stream.isInTime(second, MOST_RATE)) return Pending.refuse(i, Reason.tooFast);
    if (sort == Sort.media) this.addMedia(i, stream);
    else this.addControl(i, stream);
  }

  /** Protects what all senders took. */
  static protect(): void {
    Tasks.protect(room(0));
  }

  /**
   * Goes on with another key. With `continues`, each source keeps its indices (RFC 3711 §3.3.1); otherwise
   * they begin anew. False if the host has no more keys.
   */
  rekey(params: KeyParams, suite: Suite, continues: bool): bool {
    this.keys.suite = suite;
    if (!continues) this.streams.clear();
    else for (let i = 0; i < this.streams.used; i++) this.streams.at(i).isSpent = false;
    return this.keys.derive(params);
  }

  /** Has its key again, after a state was restored. False if the host has no more keys. */
  resume(params: KeyParams, suite: Suite): bool {
    const left = this.keys.packetsLeft;
    this.keys.suite = suite;
    if (!this.keys.derive(params)) return false;
    this.keys.packetsLeft = left;
    return true;
  }

  /** Takes the sources of another sender, with their indices. */
  follow(other: Sender): void {
    this.streams.clear();
    for (let i = 0; i < other.streams.used; i++) {
      const from = other.streams.at(i);
      const stream = this.streams.add(from.ssrc);
      if (stream === null) return;
      stream.shift = from.shift;
      if (!from.media.isEmpty) stream.media.add(from.media.highest);
      if (!from.control.isEmpty) stream.control.add(from.control.highest);
    }
  }

  /** Erases the key, and forgets the sources. */
  close(): void {
    this.keys.drop();
    this.streams.clear();
  }

  private addMedia(i: i32, stream: Stream): void {
    const index = this.indexFor(i, stream);
    if (index == NO_INDEX) return;
    const length = Packet.length;
    if (stream.shift != 0) store16(Packet.at + 2, <u32>(<u16>index));
    const headerTo = Packet.at + Packet.headerLength;
    const reason = encryptElements(this.keys, Packet.at, headerTo, stream.ssrc, index);
    if (reason >= 0) return Pending.refuse(i, reason);
    if (!Protection.addMedia(this.keys, Packet.at, length, Packet.headerLength, stream.ssrc, index))
      return Pending.refuse(i, Reason.noRoom);
    Protection.writeMediaMki(this.keys, Packet.at, length);
    stream.media.add(index);
    this.keys.packetsLeft--;
    Pending.change(i, Packet.at, length + Protection.mediaBytes(this.keys));
  }

  /** The index of a packet of the plain side, or `NO_INDEX` if the packet ends here. */
  private indexFor(i: i32, stream: Stream): u64 {
    const sequence = Packet.sequence;
    let index = stream.indexOf(sequence + stream.shift);
    const place = index == NO_INDEX ? Place.old : stream.media.find(index);
    if (place == Place.fresh) {
      stream.suspect = -1;
      return index;
    }
    // Two packets in a row that do not fit belong to a sequence that began anew (RFC 3550 A.1).
    if (stream.suspect != <i32>sequence) {
      stream.suspect = <i32>(<u16>(sequence + 1));
      Pending.refuse(i, place == Place.seen ? Reason.repeated : Reason.late);
      return NO_INDEX;
    }
    stream.suspect = -1;
    index = stream.media.highest + 1;
    stream.shift = <u16>index - sequence;
    return index;
  }

  private addControl(i: i32, stream: Stream): void {
    const index = stream.control.isEmpty ? 0 : stream.control.highest + 1;
    if (index > MOST_CONTROL_INDEX) return Pending.refuse(i, Reason.keyUsedUp);
    const length = Packet.length;
    Protection.writeControlEnd(this.keys, Packet.at, length, <u32>index);
    if (!Protection.addControl(this.keys, Packet.at, length, stream.ssrc, <u32>index, true))
      return Pending.refuse(i, Reason.noRoom);
    stream.control.add(index);
    this.keys.packetsLeft--;
    Pending.change(i, Packet.at, length + Protection.controlBytes(this.keys));
  }

  /**
   * Saved: the sources, and the time of day, so that the next instance knows how long ago that was. `utc` may
   * not be called here, so its last value stands with its age.
   */
  state(state: State): void {
    const since = readAt < 0 ? 0 : <u64>((state.now - readAt) / 1000);
    const savedAt = state.u64(utc + since);
    this.keys.packetsLeft = state.u64(this.keys.packetsLeft);
    if (state.isRestoring && state.now != restoredAt) {
      restoredAt = state.now;
      restoredUtc = utcSeconds();
    }
    const age = state.isRestoring ? <i64>(restoredUtc - savedAt) : 0;
    if (state.isRestoring) {
      // The next call reads the clock.
      utc = savedAt;
      readAt = -1;
    }
    const count = state.i32(this.streams.used);
    for (let i = 0; i < count; i++) {
      const stream = state.isRestoring ? this.streams.add(state.u32(0)) : this.streams.at(i);
      if (stream === null) return;
      if (!state.isRestoring) state.u32(stream.ssrc);
      stream.shift = state.u16(stream.shift);
      stream.isSpent = state.bool(stream.isSpent);
      stream.media.state(state);
      stream.control.state(state);
      if (state.isRestoring) leap(stream, age);
    }
  }
}

/** The second of the lane's clock, which bounds the rate. */
let second: i64 = 0;
/** The time of day, in seconds, and the lane's time at which it was read. */
let utc: u64 = 0;
let readAt: f64 = -1;
/** The lane's time of a restore, and the time of day then: all senders ask for it once. */
let restoredAt: f64 = -1;
let restoredUtc: u64 = 0;

/** Notes the second, and the time of day once a second. */
function readClock(now: f64): void {
  second = <i64>(now / 1000);
  if (readAt >= 0 && now - readAt < 1000) return;
  readAt = now;
  utc = utcSeconds();
}

/**
 * The most packets of one source in a second. It bounds what an instance can have sent after its state was
 * saved.
 */
const MOST_RATE: i32 = 2000;
/** The largest gap in sequence numbers behind which a receiver finds the right index (RFC 3711 §3.3.1). */
const MOST_LEAP: i64 = 32_000;

/**
 * Goes on behind all indices that the instance which saved this state may have used since: no index is
 * encrypted twice. A source whose state is too old for that is spent: it needs a new key.
 */
function leap(stream: Stream, age: i64): void {
  // Seconds are cut off at both ends, and a second of the clock may have been used in part.
  const most = (age + 3) * MOST_RATE;
  if (age < -1 || most > MOST_LEAP) {
    stream.isSpent = true;
    return;
  }
  if (!stream.media.isEmpty) {
    stream.media.add(stream.media.highest + most);
    stream.shift += <u16>most;
  }
  if (!stream.control.isEmpty) stream.control.add(stream.control.highest + most);
}
