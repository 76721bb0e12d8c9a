// Requests that came by UDP and went by TCP. Their client repeats them, because UDP may lose them, and TCP
// has brought the first one already. A server that gets a request by TCP forgets it with its final response
// (timers I and J are 0 there, RFC 3261 §17.2), and would act on a repetition anew. So the piece recognises
// repetitions as a server of UDP does: it absorbs them, and repeats the last response.
//
//     request        1xx               refusal of INVITE          ACK
//   ---------> trying ----> trying ------------------> refused ----------> confirmed
//                |  2xx, or a final response to another request
//                +----------------------------------------------> answered
//
// A transaction is known by the branch, the Call-ID, the CSeq and the host of its client. Without room for a
// transaction, or for a response to it, its repetitions go on like other requests.

import { Outcome, Role, State } from 'funnel-tunnel/as';
import { SipMessage } from 'funnel-tunnel/as/views/sip';
import { Configuration } from './configuration';
import { beginDatagram } from './datagram';
import { Edges, SHAPE_DATAGRAM } from './edges';
import { clearEndpoint, copyEndpoint, ENDPOINT_BYTES, familyOf, sameAddress } from './endpoint';
import { Load } from './load';
import { MessagePool } from './message-pool';
import { Purpose, Secret } from './secret';
import { Via } from './via';

const enum Phase {
  free,
  trying,
  answered,
  refused,
  confirmed,
}

/** 64 times T1: timers B, F, H and J (RFC 3261 §17), and timer L (RFC 6026). */
@inline const LINGER_MS: f64 = 32_000;
/** The most transactions at a time. */
@inline const MOST: i32 = 1_024;
/** Enough for as many responses of half a KiB. */
@inline const BLOCKS: i32 = 1_024;
@inline const BUCKETS: i32 = 256;
@inline const NONE: i32 = -1;
/** Bytes of a transaction in the state, besides its response. */
@inline const SAVED: i32 = 69;

@inline const KEY: usize = 0;
@inline const UNTIL: usize = 8;
/** The client, and the server to which the request went. */
@inline const TO: usize = 16;
@inline const SERVER: usize = 40;
/** The last response; 0 bytes before the first. */
@inline const LENGTH: usize = 64;
@inline const FIRST: usize = 68;
/** The next transaction in the bucket, or the next free record. */
@inline const NEXT: usize = 72;
@inline const PHASE: usize = 76;
@inline const RECORD: usize = 80;

let table: usize = 0;
let firstFree: i32 = NONE;
/** Records from here on were never used. */
let used: i32 = 0;
const buckets: StaticArray<i32> = new StaticArray<i32>(BUCKETS);
const pool: MessagePool = new MessagePool(BLOCKS);

export abstract class Transactions {
  static count: i32 = 0;

  /**
   * The transaction of the current message, whose client has this address. Valid when `Via.transaction` is.
   */
  static keyOf(client: usize): u64 {
    const hash = Secret.begin(Purpose.transaction);
    for (let shift: u64 = 0; shift < 64; shift += 8) hash.byte(<u32>(Via.transaction >> shift) & 255);
    hash
      .bytes(client, client + 16)
      .bytes(SipMessage.callIdAt, SipMessage.callIdTo)
      .byte(0);
    hash.bytes(SipMessage.cseqAt, SipMessage.cseqTo).byte(0);
    // The ACK to a refusal belongs to the transaction of its INVITE (§17.1.1.3).
    if (SipMessage.isMethod('ACK')) return hash.bytes(INVITE, INVITE + INVITE_BYTES).end();
    return hash.bytes(SipMessage.cseqMethodAt, SipMessage.cseqMethodTo).end();
  }

  /** The current request went to a server by TCP. */
  static add(now: f64, key: u64, server: usize): void {
    if (table == 0) allocate();
    let i = find(key);
    if (i == NONE) {
      i = firstFree;
      if (i == NONE) return;
      firstFree = load<i32>(at(i), NEXT);
      store<u64>(at(i), key, KEY);
      link(i);
      used = max(used, i + 1);
      Transactions.count++;
    }
    const record = at(i);
    dropResponse(record);
    clearEndpoint(record + TO);
    copyEndpoint(record + SERVER, server);
    store<u8>(record, Phase.trying, PHASE);
    store<f64>(record, now + (SipMessage.isMethod('INVITE') ? Configuration.setupMs : LINGER_MS), UNTIL);
  }

  /**
   * Whether the current request repeats one that went by TCP. If so, its last response goes to the client
   * again.
   */
  static absorbs(now: f64, key: u64, out: Outcome): bool {
    const i = find(key);
    if (i == NONE) return false;
    const record = at(i);
    const phase = load<u8>(record, PHASE);
    if (load<f64>(record, UNTIL) <= now) {
      drop(i);
      return false;
    }
    if (SipMessage.isMethod('ACK')) {
      // The server needs one ACK.
      if (phase == Phase.confirmed) return true;
      if (phase == Phase.refused) store<u8>(record, Phase.confirmed, PHASE);
      return false;
    }
    // The server repeats a 2xx to INVITE itself (§13.3.1.4), and a refusal has had its effect with the ACK.
    const isOver = phase == Phase.confirmed || (phase == Phase.answered && SipMessage.isMethod('INVITE'));
    if (!isOver && load<i32>(record, LENGTH) > 0) send(record, out);
    return true;
  }

  /** The current response goes by UDP to the client at `to`. */
  static answer(
    now: f64,
    key: u64,
    to: usize,
    head: usize,
    headLength: i32,
    body: usize,
    bodyLength: i32,
  ): void {
    const i = find(key);
    if (i == NONE) return;
    const record = at(i);
    if (load<u8>(record, PHASE) != Phase.trying) return;
    const isInvite = SipMessage.isMethod('INVITE');
    dropResponse(record);
    if (SipMessage.status >= 200) {
      store<f64>(record, now + LINGER_MS, UNTIL);
      store<u8>(record, isInvite && SipMessage.status >= 300 ? Phase.refused : Phase.answered, PHASE);
      if (isInvite && SipMessage.status < 300) return;
    } else if (isInvite) {
      store<f64>(record, now + Configuration.setupMs, UNTIL);
    }
    const chain = pool.take(headLength + bodyLength);
    if (chain < 0) {
      drop(i);
      return;
    }
    pool.write(chain, head, headLength, body, bodyLength);
    copyEndpoint(record + TO, to);
    store<i32>(record, chain, FIRST);
    store<i32>(record, headLength + bodyLength, LENGTH);
  }

  /** The request did not go by TCP after all. */
  static forget(key: u64): void {
    const i = find(key);
    if (i != NONE) drop(i);
  }

  /** The connection to a server has failed, perhaps with requests that it has not read. */
  static forgetServer(server: usize): void {
    if (Transactions.count == 0) return;
    Load.spend(used * 20);
    for (let i = 0; i < used; i++) {
      const record = at(i);
      if (load<u8>(record, PHASE) != Phase.trying || load<i32>(record, LENGTH) > 0) continue;
      // Its port may be that of the connection, or the one where it listens.
      if (sameAddress(record + SERVER, server)) drop(i);
    }
  }

  /** Drops what is over. Returns true: it has looked at all. */
  static expire(now: f64): bool {
    if (Transactions.count == 0) return true;
    Load.spend(used * 100);
    for (let i = 0; i < used; i++)
      if (load<u8>(at(i), PHASE) != Phase.free && load<f64>(at(i), UNTIL) <= now) drop(i);
    return true;
  }

  /** The state has as many transactions as fit into it. */
  static state(state: State): void {
    let left = state.count(savedCount(state), MOST);
    if (left > 0 && table == 0) allocate();
    for (let i = 0; left > 0; i++) {
      if (!state.isRestoring && load<u8>(at(i), PHASE) == Phase.free) continue;
      left--;
      const record = at(i);
      if (state.isRestoring) firstFree = load<i32>(record, NEXT);
      store<u64>(record, state.u64(load<u64>(record, KEY)), KEY);
      store<f64>(record, state.instant(load<f64>(record, UNTIL)), UNTIL);
      state.bytes(record + TO, <i32>(2 * ENDPOINT_BYTES));
      const phase = state.u8(load<u8>(record, PHASE));
      const length = state.count(load<i32>(record, LENGTH), pool.mostBytes);
      const chain = !state.isRestoring ? load<i32>(record, FIRST) : length == 0 ? NONE : pool.take(length);
      if (phase == <u8>Phase.free || phase > <u8>Phase.confirmed || (length > 0 && chain < 0)) {
        state.refuse('the state has a transaction that this version cannot keep');
        return;
      }
      if (state.isRestoring) {
        store<u8>(record, phase, PHASE);
        store<i32>(record, length, LENGTH);
        store<i32>(record, chain, FIRST);
        link(i);
        used = i + 1;
        Transactions.count++;
      }
      if (length > 0) pool.state(state, chain, length);
    }
  }
}

@inline const INVITE_BYTES: usize = 6;
const INVITE: usize = memory.data<u8>([0x49, 0x4e, 0x56, 0x49, 0x54, 0x45]);

/** The number of transactions that fit into the state. */
function savedCount(state: State): i32 {
  let saved = 0;
  let room = state.left - SAVED;
  for (let i = 0; saved < Transactions.count; i++) {
    if (load<u8>(at(i), PHASE) == Phase.free) continue;
    room -= SAVED + load<i32>(at(i), LENGTH);
    if (room < 0) break;
    saved++;
  }
  return saved;
}

function allocate(): void {
  Load.spend(30_000);
  table = heap.alloc(<usize>MOST * RECORD);
  memory.fill(table, 0, <usize>MOST * RECORD);
  for (let i = MOST - 1; i >= 0; i--) free(i);
  for (let i = 0; i < BUCKETS; i++) unchecked((buckets[i] = NONE));
}

@inline
function at(i: i32): usize {
  return table + <usize>i * RECORD;
}

@inline
function bucketOf(key: u64): i32 {
  return <i32>(key & (BUCKETS - 1));
}

function find(key: u64): i32 {
  if (Transactions.count == 0) return NONE;
  for (let i = unchecked(buckets[bucketOf(key)]); i != NONE; i = load<i32>(at(i), NEXT))
    if (load<u64>(at(i), KEY) == key) return i;
  return NONE;
}

function link(i: i32): void {
  const bucket = bucketOf(load<u64>(at(i), KEY));
  store<i32>(at(i), unchecked(buckets[bucket]), NEXT);
  unchecked((buckets[bucket] = i));
}

function drop(i: i32): void {
  const bucket = bucketOf(load<u64>(at(i), KEY));
  const next = load<i32>(at(i), NEXT);
  let other = unchecked(buckets[bucket]);
  if (other == i) {
    unchecked((buckets[bucket] = next));
  } else {
    while (load<i32>(at(other), NEXT) != i) other = load<i32>(at(other), NEXT);
    store<i32>(at(other), next, NEXT);
  }
  dropResponse(at(i));
  free(i);
  Transactions.count--;
}

function free(i: i32): void {
  store<u8>(at(i), Phase.free, PHASE);
  store<i32>(at(i), firstFree, NEXT);
  firstFree = i;
}

function dropResponse(record: usize): void {
  if (load<i32>(record, LENGTH) == 0) return;
  pool.free(load<i32>(record, FIRST));
  store<i32>(record, 0, LENGTH);
}

/** Sends the last response. Without room for it in this call, the client repeats its request once more. */
function send(record: usize, out: Outcome): void {
  const length = load<i32>(record, LENGTH);
  const to = record + TO;
  const room = out.room(length);
  if (room == 0) return;
  if (!beginDatagram(out, Edges.sip(familyOf(to)), SHAPE_DATAGRAM, 0, Configuration.port, to, 0)) return;
  pool.read(load<i32>(record, FIRST), length, room);
  Load.spend(4_000 + length);
  out.bytes(0, Role.Payload, 0, room, length);
}
