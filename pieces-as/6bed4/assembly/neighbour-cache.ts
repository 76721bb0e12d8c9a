// The neighbours that are reached directly: the cache of direct peering (RFC 4861 §7.3 in spirit, with the
// states and times of 6bed4's Java peer).
//
//   no entry --packet--> LAN1 --50ms--> LAN2 --50ms--> ATTEMPT1 --50ms--> ATTEMPT2 --50ms--> ATTEMPT3
//      |  (same public IPv4 only)                       ^   |                                  | 50ms
//      +---------------------- packet ------------------+   | answer                           v
//                                                           |            no entry <--30s-- FAILED
//                                                           v
//      no entry <--30s-- STALE <--27.5s-- REACHABLE <-------+
//                          +---- answer ----^
//
// Entering LAN1, LAN2 and each ATTEMPT sends a solicitation; so does using a STALE entry, at most once a
// second. An answer in FAILED changes nothing, so that no packet can bring back a path that the peer gave up.
// An entry made for a TCP SYN is playful: its first packet goes out directly in place of ATTEMPT1's
// solicitation, and a TCP segment with ACK that comes back directly is an answer.
//
// Memory is static: a hash of 1024 entries in which a neighbour may stand in 8 places in a row. Where all 8
// are taken, a neighbour to which we send replaces the one that would end soonest, unproven ones (FAILED,
// then attempts) before proven ones. A neighbour that a stranger names takes a free place or none. No other
// entry ever moves.

import { endpointOf, peerOf } from './address';
import { NEVER } from './constants';

export const enum State {
  none,
  lan1,
  lan2,
  attempt1,
  attempt2,
  attempt3,
  failed,
  reachable,
  stale,
}

/** The action for an entry whose state changed. */
export const enum Probe {
  none,
  /** Solicit by multicast on the LAN. */
  lan,
  /** Solicit at the entry's path. */
  direct,
}

@inline const ATTEMPT_MS: f64 = 50;
@inline const FAILED_MS: f64 = 30_000;
@inline const REACHABLE_MS: f64 = 27_500;
@inline const STALE_MS: f64 = 30_000;
/** Least time between solicitations for one STALE entry: RetransTimer of RFC 4861 §10. */
@inline const STALE_PROBE_MS: f64 = 1000;

@inline const ENTRIES: u32 = 1024;
@inline const PLACES: u32 = 8;

// Where the fields of an entry stand.
@inline const LOWER: usize = 0;
@inline const DEADLINE: usize = 8;
@inline const PATH: usize = 16;
@inline const PROBED_AT: usize = 24;
@inline const STATE: usize = 32;
@inline const IS_PLAYFUL: usize = 33;
@inline const IS_LAN: usize = 34;
@inline const ENTRY_BYTES: u32 = 40;

const table: usize = memory.data(40960, 8);
/** No entry ends before this instant. */
let earliest: f64 = NEVER;

/** The entry of the peer that owns a lower half; 0 if there is none. */
export function findNeighbour(lower: u64): usize {
  const peer = peerOf(lower);
  const home = homeOf(peer);
  for (let i: u32 = 0; i < PLACES; i++) {
    const entry = entryAt(home + i);
    if (stateOf(entry) != State.none && peerOf(load<u64>(entry, LOWER)) == peer) return entry;
  }
  return 0;
}

/**
 * Makes an entry for a neighbour that has none, and puts it in its first state. `lower` may have any lanip;
 * solicitations ask for that address.
 * @param isOurs a packet of ours goes there: another entry may be evicted for it.
 * @returns 0 when there is no place for it.
 */
export function addNeighbour(
  now: f64,
  lower: u64,
  path: u64,
  state: State,
  isPlayful: bool,
  isLan: bool,
  isOurs: bool,
): usize {
  const entry = placeFor(peerOf(lower), isOurs);
  if (entry == 0) return 0;
  store<u64>(entry, lower, LOWER);
  store<u64>(entry, path, PATH);
  store<f64>(entry, now, PROBED_AT);
  store<bool>(entry, isPlayful, IS_PLAYFUL);
  store<bool>(entry, isLan, IS_LAN);
  enter(entry, state, now + ATTEMPT_MS);
  return entry;
}

@inline
export function stateOf(entry: usize): State {
  return <State>load<u8>(entry, STATE);
}

/** The address in solicitations: the lower half with which the entry was made. */
@inline
export function lowerOf(entry: usize): u64 {
  return load<u64>(entry, LOWER);
}

/** The endpoint of the neighbour: that of its address, or its own on the LAN. */
@inline
export function pathOf(entry: usize): u64 {
  return load<u64>(entry, PATH);
}

@inline
export function isProven(entry: usize): bool {
  return stateOf(entry) >= State.reachable;
}

/** Whether the entry waits for an answer. */
@inline
export function isAsking(entry: usize): bool {
  const state = stateOf(entry);
  return (state >= State.lan1 && state <= State.attempt3) || state == State.stale;
}

/** Whether the neighbour may answer from another endpoint than its path, on the LAN. */
@inline
export function isOnLan(entry: usize): bool {
  return load<bool>(entry, IS_LAN);
}

@inline
export function isPlayful(entry: usize): bool {
  return load<bool>(entry, IS_PLAYFUL);
}

/** Records that the neighbour answered from `path`. */
export function setReachable(entry: usize, now: f64, path: u64): void {
  store<u64>(entry, path, PATH);
  enter(entry, State.reachable, now + REACHABLE_MS);
}

/** Records the endpoint of a neighbour on the LAN, and solicits it there. */
export function tryOnLan(entry: usize, now: f64, path: u64): void {
  store<u64>(entry, path, PATH);
  store<bool>(entry, true, IS_LAN);
  enter(entry, State.attempt1, now + ATTEMPT_MS);
}

/** Whether the use of a STALE entry sends a solicitation again; if so, the entry records it. */
export function mayAskAgain(entry: usize, now: f64): bool {
  if (stateOf(entry) != State.stale || now < load<f64>(entry, PROBED_AT) + STALE_PROBE_MS) return false;
  store<f64>(entry, now, PROBED_AT);
  return true;
}

/** When `advanceNeighbours` has something to do. The time may be too early, never too late. */
@inline
export function nextNeighbourDeadline(): f64 {
  return earliest;
}

/** `advanceNeighbours` calls it for each solicitation that is due. */
export type OnProbe = (now: f64, entry: usize, probe: Probe) => void;

/** Advances every entry whose time has come. */
export function advanceNeighbours(now: f64, onProbe: OnProbe): void {
  if (now < earliest) return;
  earliest = NEVER;
  for (let i: u32 = 0; i < ENTRIES; i++) {
    const entry = entryAt(i);
    while (stateOf(entry) != State.none && load<f64>(entry, DEADLINE) <= now) {
      const probe = advance(entry, now);
      if (probe != Probe.none) onProbe(now, entry, probe);
    }
    if (stateOf(entry) != State.none) earliest = min(earliest, load<f64>(entry, DEADLINE));
  }
}

/** Forgets all neighbours. Our own address changed, and they know the old one. */
export function forgetNeighbours(): void {
  memory.fill(table, 0, ENTRIES * ENTRY_BYTES);
  earliest = NEVER;
}

/** The number of known neighbours, for tests and the log. */
export function countNeighbours(): u32 {
  let count: u32 = 0;
  for (let i: u32 = 0; i < ENTRIES; i++) if (stateOf(entryAt(i)) != State.none) count++;
  return count;
}

function advance(entry: usize, now: f64): Probe {
  // Attempts are spaced from now, so that a late wake-up sends no burst. The long times are not shifted.
  const deadline = load<f64>(entry, DEADLINE);
  switch (stateOf(entry)) {
    case State.lan1:
      enter(entry, State.lan2, now + ATTEMPT_MS);
      return Probe.lan;
    case State.lan2:
      store<u64>(entry, endpointOf(lowerOf(entry)), PATH);
      enter(entry, State.attempt1, now + ATTEMPT_MS);
      return Probe.direct;
    case State.attempt1:
      enter(entry, State.attempt2, now + ATTEMPT_MS);
      return Probe.direct;
    case State.attempt2:
      enter(entry, State.attempt3, now + ATTEMPT_MS);
      return Probe.direct;
    case State.attempt3:
      enter(entry, State.failed, now + FAILED_MS);
      return Probe.none;
    case State.reachable:
      enter(entry, State.stale, deadline + STALE_MS);
      return Probe.none;
    default:
      store<u8>(entry, <u8>State.none, STATE);
      return Probe.none;
  }
}

function enter(entry: usize, state: State, deadline: f64): void {
  store<u8>(entry, <u8>state, STATE);
  store<f64>(entry, deadline, DEADLINE);
  earliest = min(earliest, deadline);
}

function placeFor(peer: u64, mayEvict: bool): usize {
  const home = homeOf(peer);
  let worst: usize = 0;
  for (let i: u32 = 0; i < PLACES; i++) {
    const entry = entryAt(home + i);
    if (stateOf(entry) == State.none) return entry;
    if (worst == 0 || isWorse(entry, worst)) worst = entry;
  }
  return mayEvict ? worst : 0;
}

function isWorse(entry: usize, than: usize): bool {
  const a = worthOf(entry);
  const b = worthOf(than);
  return a < b || (a == b && load<f64>(entry, DEADLINE) < load<f64>(than, DEADLINE));
}

function worthOf(entry: usize): u32 {
  const state = stateOf(entry);
  if (state == State.failed) return 0;
  return state >= State.reachable ? 2 : 1;
}

@inline
function homeOf(peer: u64): u32 {
  return <u32>((peer * 0x9e3779b97f4a7c15) >> 54);
}

@inline
function entryAt(index: u32): usize {
  return table + (index & (ENTRIES - 1)) * ENTRY_BYTES;
}

/**
 * The number of neighbours that are reached directly, and of those that go by the router because attempts
 * failed.
 */
export abstract class NeighbourCounts {
  static direct: u32 = 0;
  static relayed: u32 = 0;

  static take(): void {
    NeighbourCounts.direct = 0;
    NeighbourCounts.relayed = 0;
    for (let i: u32 = 0; i < ENTRIES; i++) {
      const state = stateOf(entryAt(i));
      if (state == State.reachable || state == State.stale) NeighbourCounts.direct++;
      else if (state == State.failed) NeighbourCounts.relayed++;
    }
  }
}
