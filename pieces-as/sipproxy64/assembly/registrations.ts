// Contacts that registrars have accepted, so that callers from this side find the phone. The piece keeps only
// contacts that a registrar answered with 200, so that no flood of requests fills the table, and only for the
// time that the registrar gave.
//
//   a record: user (hash) | until | endpoint | the next with the same bucket | length | the URI of the
//   contact

import { State } from 'funnel-tunnel/as';
import { Configuration } from './configuration';
import { copyEndpoint, ENDPOINT_BYTES } from './endpoint';
import { Load } from './load';
import { Purpose, Secret } from './secret';

@inline
const USER: usize = 0;

/** 0 if the record is free. */
@inline
const UNTIL: usize = 8;

@inline
const ENDPOINT: usize = 16;

@inline
const CHAINED: usize = 40;

@inline
const LENGTH: usize = 44;

@inline
const URI: usize = 48;

/** Longer URIs are not kept; the registrar still leads requests to them. */
@inline
const MOST_URI: i32 = 208;

@inline
const RECORD: usize = 256;

/** Bytes of a contact in the state, without its URI; and those that are left for connections and messages. */
@inline
const SAVED: i32 = 44;

@inline
const RESERVED: i32 = 65_536;

@inline
const BUCKETS: i32 = 1024;

@inline
const NONE: i32 = -1;

const buckets: StaticArray<i32> = new StaticArray<i32>(BUCKETS);
let table: usize = 0;
let capacity: i32 = 0;
let count: i32 = 0;
let firstFree: i32 = NONE;
/** Records from here on were never used. */
let used: i32 = 0;

export abstract class Registrations {
  static start(): void {
    capacity = Configuration.registrations;
    table = heap.alloc(<usize>max(capacity, 1) * RECORD);
    memory.fill(table, 0, <usize>max(capacity, 1) * RECORD);
    firstFree = NONE;
    for (let i = capacity - 1; i >= 0; i--) free(i);
    for (let i = 0; i < BUCKETS; i++) unchecked((buckets[i] = NONE));
    count = 0;
    used = 0;
  }

  static get count(): i32 {
    return count;
  }

  /** The record of the user's last registered contact, or 0. */
  static find(now: f64, from: usize, to: usize): usize {
    const user = Secret.of(Purpose.user, from, to);
    for (let i = unchecked(buckets[bucketOf(user)]); i != NONE; i = load<i32>(at(i), CHAINED)) {
      if (load<u64>(at(i), USER) == user && load<f64>(at(i), UNTIL) > now) return at(i);
    }
    return 0;
  }

  @inline
  static endpointOf(record: usize): usize {
    return record + ENDPOINT;
  }

  @inline
  static uriOf(record: usize): usize {
    return record + URI;
  }

  @inline
  static uriEnd(record: usize): usize {
    return record + URI + load<u32>(record, LENGTH);
  }

  /** A registrar lists all contacts of a user, so the earlier ones are dropped. */
  static forget(user: u64): void {
    let i = unchecked(buckets[bucketOf(user)]);
    while (i != NONE) {
      const next = load<i32>(at(i), CHAINED);
      if (load<u64>(at(i), USER) == user) remove(i);
      i = next;
    }
  }

  /** Keeps a contact. If there is no room, it replaces the one that ends first, if the setting says so. */
  static add(user: u64, until: f64, endpoint: usize, uri: usize, uriTo: usize): void {
    const length = <i32>(uriTo - uri);
    if (length > MOST_URI || capacity == 0) return;
    if (firstFree == NONE) {
      if (!Configuration.dropsOldest) return;
      remove(first());
    }
    const i = firstFree;
    const record = at(i);
    firstFree = load<i32>(record, CHAINED);
    store<u64>(record, user, USER);
    store<f64>(record, until, UNTIL);
    copyEndpoint(record + ENDPOINT, endpoint);
    store<u32>(record, length, LENGTH);
    memory.copy(record + URI, uri, length);
    link(i);
    used = max(used, i + 1);
    count++;
  }

  /** Drops expired contacts. Returns true: it has looked at all. */
  static expire(now: f64): bool {
    if (count == 0) return true;
    Load.spend(used * 100);
    for (let i = 0; i < used; i++) {
      const until = load<f64>(at(i), UNTIL);
      if (until != 0 && until <= now) remove(i);
    }
    return true;
  }

  /** The state has as many contacts as fit into it beside the rest. */
  static state(state: State): void {
    let left = state.count(savedCount(state), capacity);
    for (let i = 0; left > 0; i++) {
      const record = at(i);
      if (!state.isRestoring && load<f64>(record, UNTIL) == 0) continue;
      left--;
      store<u64>(record, state.u64(load<u64>(record, USER)), USER);
      store<f64>(record, state.instant(load<f64>(record, UNTIL)), UNTIL);
      state.bytes(record + ENDPOINT, <i32>ENDPOINT_BYTES);
      const length = state.count(load<u32>(record, LENGTH), MOST_URI);
      store<u32>(record, length, LENGTH);
      state.bytes(record + URI, length);
      if (!state.isRestoring) continue;
      firstFree = load<i32>(record, CHAINED);
      link(i);
      used = i + 1;
      count++;
    }
  }
}

/** The number of contacts that fit into the state, and leave room for what follows. */
function savedCount(state: State): i32 {
  let saved = 0;
  let room = state.left - RESERVED;
  for (let i = 0; i < used && saved < count; i++) {
    if (load<f64>(at(i), UNTIL) == 0) continue;
    room -= SAVED + load<i32>(at(i), LENGTH);
    if (room < 0) break;
    saved++;
  }
  return saved;
}

@inline
function at(i: i32): usize {
  return table + <usize>i * RECORD;
}

@inline
function bucketOf(user: u64): i32 {
  return <i32>(user & (BUCKETS - 1));
}

function first(): i32 {
  Load.spend(capacity * 30);
  let found = 0;
  for (let i = 1; i < capacity; i++) if (load<f64>(at(i), UNTIL) < load<f64>(at(found), UNTIL)) found = i;
  return found;
}

function link(i: i32): void {
  const bucket = bucketOf(load<u64>(at(i), USER));
  store<i32>(at(i), unchecked(buckets[bucket]), CHAINED);
  unchecked((buckets[bucket] = i));
}

function remove(i: i32): void {
  const bucket = bucketOf(load<u64>(at(i), USER));
  const next = load<i32>(at(i), CHAINED);
  let other = unchecked(buckets[bucket]);
  if (other == i) {
    unchecked((buckets[bucket] = next));
  } else {
    while (load<i32>(at(other), CHAINED) != i) other = load<i32>(at(other), CHAINED);
    store<i32>(at(other), next, CHAINED);
  }
  free(i);
  count--;
}

function free(i: i32): void {
  store<f64>(at(i), 0, UNTIL);
  store<i32>(at(i), firstFree, CHAINED);
  firstFree = i;
}
