// The table of TCP connections. A connection is known by the endpoint of the peer and our port, and has a
// buffer for each direction: for the bytes of messages that are not complete, and for messages that wait to
// go out.

import { State } from 'funnel-tunnel/as';
import { Configuration } from './configuration';
import { ENDPOINT_BYTES, flowOf, portOf, sameAddress } from './endpoint';
import { Load } from './load';

export const enum Phase {
  free,
  /** We have asked for it. */
  opening,
  open,
  /** We have ended it, and wait for the peer. */
  closing,
  /** It is gone, but messages wait for it. */
  failed,
}

@inline export const REMOTE: usize = 0;
@inline export const LOCAL_PORT: usize = 24;
@inline export const SHAPE: usize = 26;
@inline export const PHASE: usize = 28;
/** Line ends that came one behind the other: four are a ping (RFC 5626 §3.5.1). */
@inline export const LINE_ENDS: usize = 29;
/** Messages wait for a call that has work left for them. */
@inline export const IS_PENDING: usize = 30;
/** In a state: its bytes did not fit. */
@inline const IS_LEFT_OUT: usize = 31;
@inline export const IN_LENGTH: usize = 32;
@inline export const OUT_LENGTH: usize = 36;
@inline export const SCANNED: usize = 40;
@inline export const MESSAGE: usize = 44;
/** Bytes that came, and up to where we have said that there is room. */
@inline export const TAKEN: usize = 48;
@inline export const GRANTED: usize = 52;
/** Bytes that went, and up to where there is room for more. */
@inline export const SENT: usize = 56;
@inline export const LIMIT: usize = 60;
/** When something came or went last. */
@inline export const HEARD: usize = 64;
/** Since when it opens, closes, or lacks the rest of a message; Infinity where it does nothing of that. */
@inline export const SINCE: usize = 72;
/** The frame whose messages wait; 0 for none. */
@inline export const TICKET: usize = 80;
@inline export const NEXT: usize = 84;
/** Its two buffers; they stay when it is gone, for the next. */
@inline export const BUFFERS: usize = 88;
@inline export const RECORD: usize = 96;

@inline export const IN_BYTES: i32 = 32_768;
@inline export const OUT_BYTES: i32 = 32_768;
@inline export const NONE: i32 = -1;

/** Bytes of a state that are left for what follows the bytes of a connection. */
@inline const RESERVED: i32 = 49_152;

let table: usize = 0;
let capacity: i32 = 0;
let firstFree: i32 = NONE;

export abstract class ConnectionTable {
  static count: i32 = 0;
  /** Records from here on were never used. */
  static used: i32 = 0;
  /** Connections with messages that wait for work. */
  static pending: i32 = 0;

  static start(): void {
    capacity = Configuration.connections;
    table = heap.alloc(<usize>max(capacity, 1) * RECORD);
    memory.fill(table, 0, <usize>max(capacity, 1) * RECORD);
    firstFree = NONE;
    for (let i = capacity - 1; i >= 0; i--) free(i);
    ConnectionTable.count = 0;
    ConnectionTable.used = 0;
    ConnectionTable.pending = 0;
  }

  /**
   * A connection whose bytes do not fit into the state beside the rest has failed for the new instance, which
   * resets it.
   */
  static state(state: State): void {
    let left = state.count(ConnectionTable.count, capacity);
    for (let i = 0; left > 0; i++) {
      if (state.isRestoring) {
        if (add() == NONE) return;
      } else if (phase(i) == Phase.free) {
        continue;
      }
      left--;
      const record = at(i);
      state.bytes(record + REMOTE, <i32>ENDPOINT_BYTES);
      const bytes = load<i32>(record, IN_LENGTH) + load<i32>(record, OUT_LENGTH);
      const fits = state.isRestoring || bytes < state.left - RESERVED;
      store<bool>(record, !fits, IS_LEFT_OUT);
      state.bytes(record + LOCAL_PORT, <i32>(HEARD - LOCAL_PORT));
      store<f64>(record, state.instant(load<f64>(record, HEARD)), HEARD);
      store<f64>(record, state.instant(load<f64>(record, SINCE)), SINCE);
      store<u32>(record, 0, TICKET);
      if (phase(i) == Phase.free || phase(i) > Phase.failed)
        state.refuse('the state has a connection of no known phase');
      const inLength = state.count(fits ? load<i32>(record, IN_LENGTH) : 0, IN_BYTES);
      const outLength = state.count(fits ? load<i32>(record, OUT_LENGTH) : 0, OUT_BYTES);
      if (state.isRestoring) {
        store<i32>(record, inLength, IN_LENGTH);
        store<i32>(record, outLength, OUT_LENGTH);
        if (load<bool>(record, IS_LEFT_OUT)) {
          store<u8>(record, Phase.failed, PHASE);
          store<bool>(record, false, IS_PENDING);
        }
      }
      state.bytes(load<usize>(record, BUFFERS), inLength);
      state.bytes(load<usize>(record, BUFFERS) + IN_BYTES, outLength);
      if (state.isRestoring && load<bool>(record, IS_PENDING)) ConnectionTable.pending++;
    }
  }
}

@inline
export function at(i: i32): usize {
  return table + <usize>i * RECORD;
}

@inline
export function phase(i: i32): Phase {
  return <Phase>load<u8>(at(i), PHASE);
}

@inline
export function consumed(i: i32): u32 {
  return load<u32>(at(i), TAKEN) - load<i32>(at(i), IN_LENGTH);
}

@inline
export function hasCredit(i: i32, bytes: i32): bool {
  return <i32>(load<u32>(at(i), LIMIT) - load<u32>(at(i), SENT)) >= bytes;
}

@inline
export function isTo(i: i32, endpoint: usize, port: u32): bool {
  return portOf(at(i) + REMOTE) == port && sameAddress(at(i) + REMOTE, endpoint);
}

/** The connection of a peer and our port. */
export function find(remote: usize, localPort: u32): i32 {
  Load.spend(ConnectionTable.used * 12);
  for (let i = 0; i < ConnectionTable.used; i++) {
    if (phase(i) == Phase.free || phase(i) == Phase.failed || !isTo(i, remote, portOf(remote))) continue;
    // One that opens has no port yet.
    if (load<u16>(at(i), LOCAL_PORT) == <u16>localPort || phase(i) == Phase.opening) return i;
  }
  return NONE;
}

/** A connection by which an endpoint is reached: the one that a message names, else any to its port. */
export function findFor(to: usize): i32 {
  Load.spend(ConnectionTable.used * 24);
  const flow = flowOf(to);
  for (let i = 0; i < ConnectionTable.used && flow != 0; i++) if (isUsable(i) && isTo(i, to, flow)) return i;
  for (let i = 0; i < ConnectionTable.used; i++) if (isUsable(i) && isTo(i, to, portOf(to))) return i;
  return NONE;
}

@inline
export function isUsable(i: i32): bool {
  return phase(i) == Phase.open || phase(i) == Phase.opening;
}

/**
 * A record with buffers, which the caller fills; NONE where there are as many connections as there may be.
 */
export function add(): i32 {
  const i = firstFree;
  if (i == NONE) return NONE;
  const record = at(i);
  firstFree = load<i32>(record, NEXT);
  let buffers = load<usize>(record, BUFFERS);
  if (buffers == 0) buffers = heap.alloc(IN_BYTES + OUT_BYTES);
  memory.fill(record, 0, RECORD);
  store<usize>(record, buffers, BUFFERS);
  store<u8>(record, Phase.open, PHASE);
  store<f64>(record, Infinity, SINCE);
  ConnectionTable.used = max(ConnectionTable.used, i + 1);
  ConnectionTable.count++;
  return i;
}

export function remove(i: i32): void {
  if (load<bool>(at(i), IS_PENDING)) ConnectionTable.pending--;
  store<u8>(at(i), Phase.free, PHASE);
  free(i);
  ConnectionTable.count--;
}

function free(i: i32): void {
  store<i32>(at(i), firstFree, NEXT);
  firstFree = i;
}
