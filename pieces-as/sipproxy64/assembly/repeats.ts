// Messages that came by TCP and went by UDP. The sender does not repeat them, because TCP loses nothing. So
// the piece repeats them on the side that may lose them, with the timers of a transaction (RFC 3261 §17): a
// request until it is answered, and a refusal of INVITE until its ACK has come. Other messages need no
// repetition: the endpoints repeat a 2xx and its ACK themselves (§13.3.1.4), and a client of UDP repeats its
// request until it has another response.
//
// If there is no room for a message, it is sent once only.

import { Outcome, Role, State } from 'funnel-tunnel/as';
import { Configuration } from './configuration';
import { beginDatagram } from './datagram';
import { Edges, SHAPE_DATAGRAM } from './edges';
import { copyEndpoint, ENDPOINT_BYTES, familyOf } from './endpoint';
import { Load } from './load';
import { MessagePool } from './message-pool';

export const enum Repeated {
  invite,
  /** Any other request: its interval has a limit. */
  request,
  refusal,
}

/** The times of RFC 3261 §17.1.1.1. */
@inline const T1_MS: f64 = 500;
@inline const T2_MS: f64 = 4_000;
/** 64 times T1: timers B, F and H. */
@inline const UNTIL_MS: f64 = 32_000;

/** The most messages that are repeated at a time. */
@inline const MOST: i32 = 512;
/** Enough for as many messages of 1 KiB. */
@inline const BLOCKS: i32 = 1_024;
/** Repetitions in one call. */
@inline const MOST_SENT: i32 = 32;
@inline const NONE: i32 = -1;
/** Bytes of a message in the state, besides its own; and those that are left for what follows. */
@inline const SAVED: i32 = 61;
@inline const RESERVED: i32 = 1_024;

@inline const KEY: usize = 0;
@inline const DUE: usize = 8;
@inline const UNTIL: usize = 16;
@inline const INTERVAL: usize = 24;
@inline const TO: usize = 32;
/** 0 if the record is free. */
@inline const LENGTH: usize = 56;
@inline const FIRST: usize = 60;
@inline const KIND: usize = 64;
@inline const RECORD: usize = 72;

let table: usize = 0;
let firstFree: i32 = NONE;
/** Records from here on were never used. */
let used: i32 = 0;
/** Where the search for repetitions that are due continues. */
let swept: i32 = 0;
const pool: MessagePool = new MessagePool(BLOCKS);
const nextRecord: StaticArray<i32> = new StaticArray<i32>(MOST);

export abstract class Repeats {
  static count: i32 = 0;
  /** When the next repetition is due; Infinity for never. */
  static next: f64 = Infinity;

  /** Keeps a message that has just been sent to an endpoint. A message with the same key replaces it. */
  static keep(
    now: f64,
    key: u64,
    kind: Repeated,
    to: usize,
    head: usize,
    headLength: i32,
    body: usize,
    bodyLength: i32,
  ): void {
    if (table == 0) allocate();
    Repeats.stop(key);
    const i = firstFree;
    if (i == NONE) return;
    const blocks = pool.take(headLength + bodyLength);
    if (blocks < 0) return;
    firstFree = unchecked(nextRecord[i]);
    const record = at(i);
    store<u64>(record, key, KEY);
    store<u8>(record, <u8>kind, KIND);
    store<f64>(record, T1_MS, INTERVAL);
    store<f64>(record, now + T1_MS, DUE);
    store<f64>(record, now + UNTIL_MS, UNTIL);
    copyEndpoint(record + TO, to);
    store<i32>(record, headLength + bodyLength, LENGTH);
    store<i32>(record, blocks, FIRST);
    pool.write(blocks, head, headLength, body, bodyLength);
    used = max(used, i + 1);
    Repeats.count++;
    Repeats.next = min(Repeats.next, now + T1_MS);
  }

  /** The message is answered. */
  static stop(key: u64): void {
    const i = find(key);
    if (i != NONE) drop(i);
  }

  /** A request has a provisional response, so its interval is the longest (RFC 3261 §17.1.2.2). */
  static slow(key: u64): void {
    const i = find(key);
    if (i != NONE) store<f64>(at(i), T2_MS, INTERVAL);
  }

  /** Sends again what is due. Returns whether that was all; if not, call it again. */
  static resend(now: f64, out: Outcome): bool {
    if (now < Repeats.next) return true;
    Load.spend(used * 20);
    let sent = 0;
    for (; swept < used; swept++) {
      const record = at(swept);
      if (load<i32>(record, LENGTH) == 0) continue;
      if (load<f64>(record, UNTIL) <= now) {
        drop(swept);
      } else if (load<f64>(record, DUE) <= now) {
        if (sent == MOST_SENT || out.framesLeft < 8 || !send(record, out)) return false;
        sent++;
        const twice = load<f64>(record, INTERVAL) * 2;
        const interval = load<u8>(record, KIND) == Repeated.invite ? twice : min(twice, T2_MS);
        store<f64>(record, interval, INTERVAL);
        store<f64>(record, now + interval, DUE);
      }
    }
    swept = 0;
    Repeats.next = Infinity;
    for (let i = 0; i < used; i++) {
      if (load<i32>(at(i), LENGTH) > 0)
        Repeats.next = min(Repeats.next, min(load<f64>(at(i), DUE), load<f64>(at(i), UNTIL)));
    }
    return true;
  }

  /** The state has as many messages as fit into it. */
  static state(state: State): void {
    let left = state.count(savedCount(state), MOST);
    if (left > 0 && table == 0) allocate();
    for (let i = 0; left > 0; i++) {
      if (!state.isRestoring && load<i32>(at(i), LENGTH) == 0) continue;
      left--;
      const record = at(i);
      state.bytes(record + KEY, 8);
      store<f64>(record, state.instant(load<f64>(record, DUE)), DUE);
      store<f64>(record, state.instant(load<f64>(record, UNTIL)), UNTIL);
      state.bytes(record + INTERVAL, 8);
      state.bytes(record + TO, <i32>ENDPOINT_BYTES);
      state.bytes(record + KIND, 1);
      const length = state.count(load<i32>(record, LENGTH), pool.mostBytes);
      if (state.isRestoring) {
        const blocks = length == 0 ? NONE : pool.take(length);
        if (blocks < 0) {
          state.refuse('the state has more to repeat than this version can');
          return;
        }
        firstFree = unchecked(nextRecord[i]);
        store<f64>(record, max(T1_MS, load<f64>(record, INTERVAL)), INTERVAL);
        store<i32>(record, length, LENGTH);
        store<i32>(record, blocks, FIRST);
        used = i + 1;
        Repeats.count++;
        Repeats.next = min(Repeats.next, load<f64>(record, DUE));
      }
      pool.state(state, load<i32>(record, FIRST), length);
    }
  }
}

/** The number of messages that fit into the state, and leave room for what follows. */
function savedCount(state: State): i32 {
  let saved = 0;
  let room = state.left - RESERVED;
  for (let i = 0; saved < Repeats.count; i++) {
    const length = load<i32>(at(i), LENGTH);
    if (length == 0) continue;
    room -= SAVED + length;
    if (room < 0) break;
    saved++;
  }
  return saved;
}

function allocate(): void {
  Load.spend(20_000);
  table = heap.alloc(<usize>MOST * RECORD);
  memory.fill(table, 0, <usize>MOST * RECORD);
  for (let i = MOST - 1; i >= 0; i--) {
    unchecked((nextRecord[i] = firstFree));
    firstFree = i;
  }
}

@inline
function at(i: i32): usize {
  return table + <usize>i * RECORD;
}

function find(key: u64): i32 {
  Load.spend(used * 10);
  for (let i = 0; i < used; i++) if (load<u64>(at(i), KEY) == key && load<i32>(at(i), LENGTH) > 0) return i;
  return NONE;
}

function drop(i: i32): void {
  const record = at(i);
  pool.free(load<i32>(record, FIRST));
  store<i32>(record, 0, LENGTH);
  unchecked((nextRecord[i] = firstFree));
  firstFree = i;
  Repeats.count--;
}

/** Sends a message again. False if there is no room for it in this call. */
function send(record: usize, out: Outcome): bool {
  const length = load<i32>(record, LENGTH);
  const to = record + TO;
  const edge = Edges.sip(familyOf(to));
  // The Edge may come back before the time is over.
  if (edge < 0) return true;
  const room = out.room(length);
  if (room == 0 || !beginDatagram(out, edge, SHAPE_DATAGRAM, 0, Configuration.port, to, 0)) return false;
  pool.read(load<i32>(record, FIRST), length, room);
  Load.spend(4_000 + length);
  return out.bytes(0, Role.Payload, 0, room, length);
}
