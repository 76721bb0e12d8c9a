// The ends of TCP connections: those that are idle, out of step, or do not open, and the messages that wait
// for a connection that has failed.

import { Level, Line, Outcome, Role } from 'funnel-tunnel/as';
import { Configuration } from './configuration';
import {
  at,
  BUFFERS,
  ConnectionTable,
  HEARD,
  IN_BYTES,
  IS_PENDING,
  OUT_LENGTH,
  PHASE,
  Phase,
  phase,
  REMOTE,
  remove,
  SINCE,
} from './connection-table';
import { close, endTicket, OUT_HEADER, reset } from './connections';
import { beginDatagram, Datagram } from './datagram';
import { Edges, SHAPE_DATAGRAM } from './edges';
import { copyEndpoint, familyOf, portOf } from './endpoint';
import { Load } from './load';
import { Reason } from './reasons';
import { repeatLater, takeFailure } from './signalling';
import { Transactions } from './transactions';

/**
 * After this, an opening has failed. A message that was to go by UDP goes so then, before its client gives
 * up (timer B).
 */
@inline const OPENING_MS: f64 = 4_000;
@inline const CLOSING_MS: f64 = 4_000;
/** The rest of a message comes within this time, or its stream is out of step: 64 times T1. */
@inline const MESSAGE_MS: f64 = 32_000;

const line = new Line();
const remote: usize = memory.data(24, 8);
const source: usize = memory.data(24, 8);

/**
 * Ends connections that are idle, out of step, or do not open. Returns whether it has looked at all; if not,
 * call it again.
 */
export function expireConnections(now: f64, out: Outcome): bool {
  Load.spend(ConnectionTable.used * 30);
  for (let i = 0; i < ConnectionTable.used; i++) {
    const is = phase(i);
    if (is == Phase.free) continue;
    if (out.framesLeft < 16 || out.partsLeft < 128) return false;
    const since = now - load<f64>(at(i), SINCE);
    if (is == Phase.failed) {
      if (!giveUp(now, i, out)) return false;
    } else if (is == Phase.opening || is == Phase.closing) {
      if (since < (is == Phase.opening ? OPENING_MS : CLOSING_MS)) continue;
      reset(i, out);
      if (!giveUp(now, i, out)) return false;
    } else if (since >= MESSAGE_MS) {
      line
        .clear()
        .text('a TCP connection is closed, because the rest of a message did not come')
        .log(Level.Warn);
      reset(i, out);
      if (!giveUp(now, i, out)) return false;
    } else if (now - load<f64>(at(i), HEARD) >= Configuration.idleMs) {
      close(now, i, out);
    }
  }
  return true;
}

/**
 * A connection has failed. Messages that wait for it go by UDP if they may; other requests are refused. False
 * if some of them have to wait for the next call, in which `expireConnections` goes on.
 */
export function giveUp(now: f64, i: i32, out: Outcome): bool {
  const record = at(i);
  endTicket(i, out, Reason.brokenOff);
  if (load<bool>(record, IS_PENDING)) {
    store<bool>(record, false, IS_PENDING);
    ConnectionTable.pending--;
  }
  // A refusal must not go by this connection, even if it is for its peer.
  store<u8>(record, Phase.failed, PHASE);
  copyEndpoint(remote, record + REMOTE);
  copyEndpoint(source, Datagram.source);
  const family = Datagram.family;
  const trafficClass = Datagram.trafficClass;
  const first = load<usize>(record, BUFFERS) + IN_BYTES;
  const end = first + load<i32>(record, OUT_LENGTH);
  let next = first;
  let lost = 0;
  while (next < end) {
    const length = load<i32>(next);
    if (out.framesLeft < 8 || out.partsLeft < 128 || !Load.takesMessage(length)) break;
    if (!sendByUdp(now, next + OUT_HEADER, length, load<u32>(next, 4), out)) {
      copyEndpoint(Datagram.source, remote);
      Datagram.family = familyOf(remote);
      Datagram.trafficClass = 0;
      if (!takeFailure(now, out, next + OUT_HEADER, length)) lost++;
    }
    next += OUT_HEADER + length;
  }
  copyEndpoint(Datagram.source, source);
  Datagram.family = family;
  Datagram.trafficClass = trafficClass;
  if (lost > 0) {
    line.clear().unsigned(lost).text(' messages are lost, because the TCP connection to port ');
    line.unsigned(portOf(remote)).text(' of their destination has failed').log(Level.Warn);
  }
  if (next < end) {
    memory.copy(first, next, end - next);
    store<i32>(record, <i32>(end - next), OUT_LENGTH);
    return false;
  }
  Transactions.forgetServer(remote);
  remove(i);
  return true;
}

/** A message that was to go by UDP does, to `remote`. */
function sendByUdp(now: f64, message: usize, length: i32, via: u32, out: Outcome): bool {
  const room = via == 0 ? 0 : out.room(length);
  const edge = Edges.sip(familyOf(remote));
  if (room == 0 || !beginDatagram(out, edge, SHAPE_DATAGRAM, 0, Configuration.port, remote, 0)) return false;
  memory.copy(room, message, length);
  // UDP in the place of TCP.
  store<u8>(room + via, 0x55);
  store<u8>(room + via, 0x44, 1);
  if (!out.bytes(0, Role.Payload, 0, room, length)) return false;
  repeatLater(now, remote, room, length);
  return true;
}
