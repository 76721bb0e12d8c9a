// Dialogs whose media we relay, and when they end. The key of a dialog is its Call-ID, the tag of the side
// that began it, and the tag of the side that answers. Texts are hashes under our own key, so each takes the
// same room.
//
//     SDP                200 to INVITE              BYE, or a final refusal
//   --------> setup -----------------> established ------------------------> ended ---linger---> (gone)
//               |  setup                    |  silence, hold, Session-Expires
//               +---------> (gone)          +----------> (gone)
//
// The first answer gives a dialog its second tag. An answer with another tag (a fork) copies the dialog: the
// caller's offer holds there too, and its port toward the callees is the same. One call may pass twice, if a
// proxy of the other family sends it back. Then the sides are of other families, and it is two dialogs.

import { State } from 'funnel-tunnel/as';
import { Configuration } from './configuration';
import { Load } from './load';
import { NO_END, NO_STREAM, Streams } from './streams';

@inline export const NO_DIALOG: i32 = -1;

export const enum Phase {
  none,
  setup,
  established,
  ended,
}

@inline const KEY: usize = 0;
/** 0 before the first answer. */
@inline const TAG: usize = 8;
/** When it ends in any case; Infinity for never. */
@inline const DEADLINE: usize = 16;
/** When its last message or media came. */
@inline const HEARD: usize = 24;
@inline const BEGAN: usize = 32;
@inline const FIRST: usize = 40;
@inline const CHAINED: usize = 44;
@inline const PHASE: usize = 48;
@inline const IS_HELD: usize = 49;
/** By side: the family of its signalling, and that of its media by its SDP (0 before its first SDP). */
@inline const FAMILIES: usize = 50;
@inline const MEDIA: usize = 52;
@inline const DIALOG: usize = 56;

@inline const BUCKETS: i32 = 1024;
/**
 * The most dialogs of one call. They share the pair toward the caller, so each packet that comes there looks
 * for its own among them.
 */
@inline const MOST_FORKS: i32 = 16;

let table: usize = 0;
let capacity: i32 = 0;
let firstFree: i32 = NO_DIALOG;
let count: i32 = 0;
/** Where the search for ended dialogs continues. */
let swept: i32 = 0;
/** Records from here on were never used. */
let used: i32 = 0;
/** The most dialogs that end in one call, because each gives back what it has, which takes work. */
@inline
const MOST_DROPS: i32 = 200;

const buckets: StaticArray<i32> = new StaticArray<i32>(BUCKETS);

export abstract class Dialogs {
  static start(): void {
    capacity = Configuration.calls;
    table = heap.alloc(<usize>capacity * DIALOG);
    memory.fill(table, 0, <usize>capacity * DIALOG);
    firstFree = NO_DIALOG;
    for (let i = capacity - 1; i >= 0; i--) free(i);
    count = 0;
    used = 0;
    for (let i = 0; i < BUCKETS; i++) unchecked((buckets[i] = NO_DIALOG));
  }

  static get count(): i32 {
    return count;
  }

  /**
   * The dialog of these keys, or `NO_DIALOG`.
   *
   * @param tag of the side that answers; 0 finds a dialog without an answer
   * @param family of the side that began it; 0 for any
   */
  static find(key: u64, tag: u64, family: u32): i32 {
    for (let i = unchecked(buckets[bucketOf(key)]); i != NO_DIALOG; i = load<i32>(at(i), CHAINED)) {
      const record = at(i);
      if (load<u64>(record, KEY) != key || load<u64>(record, TAG) != tag) continue;
      if (family == 0 || Dialogs.family(i, 0) == family) return i;
    }
    return NO_DIALOG;
  }

  /** The last made dialog of a call, whatever its second tag. */
  static findAny(key: u64, family: u32): i32 {
    for (let i = unchecked(buckets[bucketOf(key)]); i != NO_DIALOG; i = load<i32>(at(i), CHAINED)) {
      if (load<u64>(at(i), KEY) == key && (family == 0 || Dialogs.family(i, 0) == family)) return i;
    }
    return NO_DIALOG;
  }

  /** The next dialog of the same call behind this one, or `NO_DIALOG`. */
  static nextOfCall(dialog: i32): i32 {
    const key = load<u64>(at(dialog), KEY);
    const family = Dialogs.family(dialog, 0);
    for (let i = load<i32>(at(dialog), CHAINED); i != NO_DIALOG; i = load<i32>(at(i), CHAINED)) {
      if (load<u64>(at(i), KEY) == key && Dialogs.family(i, 0) == family) return i;
    }
    return NO_DIALOG;
  }

  /** Makes a dialog; `NO_DIALOG` if there are as many as allowed. */
  static add(now: f64, key: u64, tag: u64, family0: u32, family1: u32): i32 {
    if (firstFree == NO_DIALOG) {
      if (!Configuration.dropsOldest) return NO_DIALOG;
      Load.spend(capacity * 30);
      Dialogs.drop(oldest());
    }
    const dialog = firstFree;
    const record = at(dialog);
    firstFree = load<i32>(record, CHAINED);
    memory.fill(record, 0, DIALOG);
    store<u64>(record, key, KEY);
    store<u64>(record, tag, TAG);
    store<i32>(record, NO_STREAM, FIRST);
    store<u8>(record, Phase.setup, PHASE);
    store<u8>(record, <u8>family0, FAMILIES);
    store<u8>(record, <u8>family1, FAMILIES + 1);
    store<f64>(record, now + Configuration.setupMs, DEADLINE);
    store<f64>(record, now, HEARD);
    store<f64>(record, now, BEGAN);
    link(dialog);
    used = max(used, dialog + 1);
    count++;
    return dialog;
  }

  /** Ends a dialog: its streams end, and their ports are free. */
  static drop(dialog: i32): void {
    const record = at(dialog);
    for (let stream = load<i32>(record, FIRST); stream != NO_STREAM; ) stream = Streams.end(stream);
    unlink(dialog);
    store<u8>(record, Phase.none, PHASE);
    free(dialog);
    count--;
  }

  @inline static phase(dialog: i32): Phase {
    return <Phase>load<u8>(at(dialog), PHASE);
  }

  @inline static family(dialog: i32, side: i32): u32 {
    return load<u8>(at(dialog) + side, FAMILIES);
  }

  @inline static setFamily(dialog: i32, side: i32, family: u32): void {
    store<u8>(at(dialog) + side, <u8>family, FAMILIES);
  }

  /** The family in which a side takes media: that of its own SDP, else that of its signalling. */
  static mediaFamily(dialog: i32, side: i32): u32 {
    const family = load<u8>(at(dialog) + side, MEDIA);
    return family != 0 ? family : Dialogs.family(dialog, side);
  }

  @inline static setMediaFamily(dialog: i32, side: i32, family: u32): void {
    store<u8>(at(dialog) + side, <u8>family, MEDIA);
  }

  @inline static key(dialog: i32): u64 {
    return load<u64>(at(dialog), KEY);
  }

  @inline static tag(dialog: i32): u64 {
    return load<u64>(at(dialog), TAG);
  }

  /** Records the first answer. */
  @inline static setTag(dialog: i32, tag: u64): void {
    store<u64>(at(dialog), tag, TAG);
  }

  @inline static firstStream(dialog: i32): i32 {
    return load<i32>(at(dialog), FIRST);
  }

  /** The stream of an `m=` line, or `NO_STREAM`. */
  static stream(dialog: i32, line: i32): i32 {
    let stream = Dialogs.firstStream(dialog);
    while (stream != NO_STREAM && Streams.line(stream) != line) stream = Streams.next(stream);
    return stream;
  }

  /** Whether an earlier line has this pair on a side. */
  static hasPairBefore(dialog: i32, line: i32, side: i32, family: u32, pair: i32): bool {
    let stream = Dialogs.firstStream(dialog);
    for (; stream != NO_STREAM; stream = Streams.next(stream)) {
      const end = stream * 2 + side;
      if (Streams.line(stream) < line && Streams.pair(end) == pair && Streams.family(end) == family)
        return true;
    }
    return false;
  }

  static addStream(dialog: i32, line: i32): i32 {
    const stream = Streams.add(dialog, line, Dialogs.firstStream(dialog));
    if (stream != NO_STREAM) store<i32>(at(dialog), stream, FIRST);
    return stream;
  }

  /**
   * Makes a further dialog of the same call, whose callee has another tag; `NO_DIALOG` if there is no room.
   * The call has a limit of them: the last one then serves the new tag, too.
   */
  static fork(now: f64, from: i32, tag: u64): i32 {
    const key = load<u64>(at(from), KEY);
    let forks = 1;
    for (let each = from; each != NO_DIALOG; each = Dialogs.nextOfCall(each)) forks++;
    if (forks > MOST_FORKS) return from;
    const dialog = Dialogs.add(now, key, tag, Dialogs.family(from, 0), Dialogs.family(from, 1));
    // The dialog to copy may have been ended to make room.
    if (dialog == NO_DIALOG || dialog == from || load<u64>(at(from), KEY) != key) return dialog;
    Dialogs.setMediaFamily(dialog, 0, load<u8>(at(from), MEDIA));
    for (let stream = Dialogs.firstStream(from); stream != NO_STREAM; stream = Streams.next(stream)) {
      const copy = Dialogs.addStream(dialog, Streams.line(stream));
      if (copy == NO_STREAM) break;
      Streams.copyOffer(copy * 2, stream * 2);
      const pair = Streams.pair(stream * 2 + 1);
      if (pair != NO_END) Streams.setPair(copy * 2 + 1, Streams.family(stream * 2 + 1), pair);
    }
    return dialog;
  }

  /** Records activity. */
  @inline static hear(dialog: i32, now: f64): void {
    store<f64>(at(dialog), now, HEARD);
  }

  static setHeld(dialog: i32, isHeld: bool): void {
    store<bool>(at(dialog), isHeld, IS_HELD);
  }

  /** A request of setup came again, for example after a challenge. */
  static setUp(dialog: i32, now: f64): void {
    store<u8>(at(dialog), Phase.setup, PHASE);
    store<f64>(at(dialog), now + Configuration.setupMs, DEADLINE);
  }

  /** The callee is being called still, so its time to answer begins anew (RFC 3261 §16.7 item 2, timer C). */
  static ring(dialog: i32, now: f64): void {
    if (Dialogs.phase(dialog) == Phase.setup) store<f64>(at(dialog), now + Configuration.setupMs, DEADLINE);
  }

  /**
   * Records the answer. The dialog ends at the latest with the agreed session (RFC 4028); 0 for no such time.
   */
  static establish(dialog: i32, now: f64, sessionMs: f64): void {
    const record = at(dialog);
    if (load<u8>(record, PHASE) == Phase.ended) return;
    store<u8>(record, Phase.established, PHASE);
    store<f64>(record, sessionMs > 0 ? now + sessionMs + Configuration.lingerMs : Infinity, DEADLINE);
  }

  /** Marks it as ended; late packets still pass. */
  static finish(dialog: i32, now: f64): void {
    const record = at(dialog);
    if (load<u8>(record, PHASE) == Phase.ended) return;
    store<u8>(record, Phase.ended, PHASE);
    store<f64>(record, now + Configuration.lingerMs, DEADLINE);
  }

  /** Lets it end soon, unless something else happens to it. */
  static fade(dialog: i32, now: f64): void {
    const record = at(dialog);
    store<f64>(record, min(load<f64>(record, DEADLINE), now + Configuration.lingerMs), DEADLINE);
  }

  /**
   * Drops ended dialogs, some in each call. Returns whether it has looked at all of them; if not, call it
   * again.
   */
  static expire(now: f64): bool {
    let drops = MOST_DROPS;
    for (; swept < used; swept++) {
      const record = at(swept);
      const phase = load<u8>(record, PHASE);
      if (phase == Phase.none) continue;
      let end = load<f64>(record, DEADLINE);
      if (phase == Phase.established) {
        const silence = load<bool>(record, IS_HELD) ? Configuration.holdMs : Configuration.silenceMs;
        end = min(end, load<f64>(record, HEARD) + silence);
      }
      if (end > now) continue;
      if (drops-- == 0) return false;
      Dialogs.drop(swept);
    }
    Load.spend(used * 30 + (MOST_DROPS - drops) * 2_000);
    swept = 0;
    return true;
  }

  static state(state: State): void {
    let left = state.count(count, capacity);
    for (let i = 0; left > 0; i++) {
      if (state.isRestoring) {
        if (Dialogs.add(0, 0, 0, 4, 6) == NO_DIALOG) return;
        unlink(i);
      } else if (Dialogs.phase(i) == Phase.none) {
        continue;
      }
      left--;
      const record = at(i);
      state.bytes(record + KEY, 16);
      store<f64>(record, state.instant(load<f64>(record, DEADLINE)), DEADLINE);
      store<f64>(record, state.instant(load<f64>(record, HEARD)), HEARD);
      store<f64>(record, state.instant(load<f64>(record, BEGAN)), BEGAN);
      state.bytes(record + PHASE, <i32>(DIALOG - PHASE));
      if (state.isRestoring) link(i);
      streamsState(state, i);
      if (Dialogs.phase(i) == Phase.none || Dialogs.phase(i) > Phase.ended)
        state.refuse('the state has a call in an unknown phase');
    }
  }
}

function streamsState(state: State, dialog: i32): void {
  let streams = 0;
  for (let stream = Dialogs.firstStream(dialog); stream != NO_STREAM; stream = Streams.next(stream))
    streams++;
  streams = state.count(streams, 64);
  let stream = Dialogs.firstStream(dialog);
  for (let i = 0; i < streams; i++) {
    if (state.isRestoring) {
      stream = Dialogs.addStream(dialog, 0);
      if (stream == NO_STREAM) {
        state.refuse('the state holds more streams than this version can');
        return;
      }
    }
    Streams.state(state, stream);
    if (!state.isRestoring) stream = Streams.next(stream);
  }
}

@inline
function at(dialog: i32): usize {
  return table + <usize>dialog * DIALOG;
}

@inline
function bucketOf(key: u64): i32 {
  return <i32>(key & (BUCKETS - 1));
}

function link(dialog: i32): void {
  const bucket = bucketOf(load<u64>(at(dialog), KEY));
  store<i32>(at(dialog), unchecked(buckets[bucket]), CHAINED);
  unchecked((buckets[bucket] = dialog));
}

function unlink(dialog: i32): void {
  const bucket = bucketOf(load<u64>(at(dialog), KEY));
  const next = load<i32>(at(dialog), CHAINED);
  let i = unchecked(buckets[bucket]);
  if (i == dialog) {
    unchecked((buckets[bucket] = next));
    return;
  }
  while (load<i32>(at(i), CHAINED) != dialog) i = load<i32>(at(i), CHAINED);
  store<i32>(at(i), next, CHAINED);
}

function free(dialog: i32): void {
  store<i32>(at(dialog), firstFree, CHAINED);
  firstFree = dialog;
}

/** The dialog that began first, among ended ones if there are any. */
function oldest(): i32 {
  let found = 0;
  for (let i = 1; i < capacity; i++) {
    const isEnded = Dialogs.phase(i) == Phase.ended;
    const wasEnded = Dialogs.phase(found) == Phase.ended;
    if (isEnded != wasEnded ? isEnded : load<f64>(at(i), BEGAN) < load<f64>(at(found), BEGAN)) found = i;
  }
  return found;
}
