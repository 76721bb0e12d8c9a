// Contacts that registrars have accepted: whoever calls a user here finds the phone. Only what a registrar answered with 200 is
// kept, so that no flood of requests fills the table; and not beyond the time that the registrar gave.
//
//   a record: user (hash) | contact (hash) | until | endpoint | length | the URI of the contact

import { State } from 'funnel-tunnel/as';
import { Configuration } from './configuration';
import { copyEndpoint, ENDPOINT_BYTES } from './endpoint';
import { Purpose, Secret } from './secret';

@inline const USER: usize = 0;
@inline const UNTIL: usize = 8;
@inline const ENDPOINT: usize = 16;
@inline const LENGTH: usize = 40;
@inline const URI: usize = 44;
/** Longer URIs are not kept; requests to them still find the phone by the registrar. */
@inline const MOST_URI: i32 = 212;
@inline const RECORD: usize = 256;
@inline const NEVER: f64 = Infinity;

let table: usize = 0;
let capacity: i32 = 0;
/** Records in use stand in front. */
let count: i32 = 0;
let earliest: f64 = NEVER;

export abstract class Registrations {
  static start(): void {
    capacity = Configuration.registrations;
    table = heap.alloc(<usize>max(capacity, 1) * RECORD);
    count = 0;
  }

  static get count(): i32 {
    return count;
  }

  /** When the next one ends. */
  static get nextEnd(): f64 {
    return earliest;
  }

  /** The record of a user whose contact was registered last, or 0. */
  static find(now: f64, from: usize, to: usize): usize {
    const user = Secret.of(Purpose.user, from, to);
    let found: usize = 0;
    for (let i = 0; i < count; i++) {
      const record = at(i);
      if (load<u64>(record, USER) == user && load<f64>(record, UNTIL) > now) found = record;
    }
    return found;
  }

  @inline static endpointOf(record: usize): usize {
    return record + ENDPOINT;
  }

  @inline static uriOf(record: usize): usize {
    return record + URI;
  }

  @inline static uriEnd(record: usize): usize {
    return record + URI + load<u32>(record, LENGTH);
  }

  /** A registrar tells all contacts of a user: those from before are forgotten. */
  static forget(user: u64): void {
    keep(-Infinity, user);
  }

  /** Keeps a contact. Where there is no room, the one that ends first gives way when the setting says so. */
  static add(user: u64, until: f64, endpoint: usize, uri: usize, uriTo: usize): void {
    const length = <i32>(uriTo - uri);
    if (length > MOST_URI || capacity == 0) return;
    if (count == capacity) {
      if (!Configuration.dropsOldest) return;
      remove(first());
    }
    const record = at(count++);
    store<u64>(record, user, USER);
    store<f64>(record, until, UNTIL);
    copyEndpoint(record + ENDPOINT, endpoint);
    store<u32>(record, length, LENGTH);
    memory.copy(record + URI, uri, length);
    earliest = min(earliest, until);
  }

  /** Forgets what has ended. */
  static expire(now: f64): void {
    if (now >= earliest) keep(now, 0);
  }

  static state(state: State): void {
    count = state.count(count, capacity);
    earliest = state.isRestoring ? NEVER : earliest;
    for (let i = 0; i < count; i++) {
      const record = at(i);
      store<u64>(record, state.u64(load<u64>(record, USER)), USER);
      store<f64>(record, state.instant(load<f64>(record, UNTIL)), UNTIL);
      state.bytes(record + ENDPOINT, <i32>ENDPOINT_BYTES);
      const length = state.count(load<u32>(record, LENGTH), MOST_URI);
      store<u32>(record, length, LENGTH);
      state.bytes(record + URI, length);
      earliest = min(earliest, load<f64>(record, UNTIL));
    }
  }
}

@inline
function at(i: i32): usize {
  return table + <usize>i * RECORD;
}

function first(): i32 {
  let found = 0;
  for (let i = 1; i < count; i++) if (load<f64>(at(i), UNTIL) < load<f64>(at(found), UNTIL)) found = i;
  return found;
}

/** Keeps what ends after `now` and is of another user, in one pass; in its order, because what was registered last is found. */
function keep(now: f64, user: u64): void {
  let kept = 0;
  earliest = NEVER;
  for (let i = 0; i < count; i++) {
    const record = at(i);
    const until = load<f64>(record, UNTIL);
    if (until <= now || load<u64>(record, USER) == user) continue;
    if (kept < i) memory.copy(at(kept), record, RECORD);
    earliest = min(earliest, until);
    kept++;
  }
  count = kept;
}

function remove(i: i32): void {
  count--;
  if (i < count) memory.copy(at(i), at(i + 1), <usize>(count - i) * RECORD);
}
