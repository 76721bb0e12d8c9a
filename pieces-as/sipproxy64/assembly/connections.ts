// Connections of TCP, by which messages come and go (RFC 3261 §18). The host carries the bytes; a connection
// is known by the endpoint of the peer and our port.
//
//        SYN                 SYN, ACK
//   ------------> open <----------------- opening <---- a message for an endpoint without a connection
//                  |  FIN, RST, idle         |  RST, or no answer in time: messages go by UDP if they may
//                  v                         v
//   closing ---> failed ---> (gone)        failed ---> (gone)
//   (a stream that is out of step, until the peer has read why)
//
// A failed connection stays until the messages that wait for it have gone by UDP, or are refused
// (`connection-ends.ts`).
//
// Bytes that come are kept until a message is complete. The peer gets credit for the room that is left, so
// nothing is lost. Messages to the peer wait, whole, while the connection opens and while the peer grants no
// credit:
//
//   length | where its Via may become one of UDP, or 0 | the message

import { Outcome, Role } from 'funnel-tunnel/as';
import { Tcp } from 'funnel-tunnel/as/views/tcp';
import { Configuration } from './configuration';
import {
  add,
  at,
  BUFFERS,
  ConnectionTable,
  consumed,
  findFor,
  GRANTED,
  HEARD,
  hasCredit,
  IN_BYTES,
  IN_LENGTH,
  IS_PENDING,
  LOCAL_PORT,
  NONE,
  OUT_BYTES,
  OUT_LENGTH,
  PHASE,
  Phase,
  phase,
  REMOTE,
  remove,
  SENT,
  SHAPE,
  SINCE,
  TICKET,
} from './connection-table';
import { beginSegment } from './datagram';
import { Edges } from './edges';
import { copyEndpoint, familyOf, portOf, setTransport, Transport } from './endpoint';
import { forgetPeerPorts, peerShape } from './peer-ports';
import { Reason } from './reasons';

/** Credit that a peer has; what the host brought before it knew of credit comes on top. */
@inline const WINDOW: i32 = 16_384;
/** Length and place of the Via, in front of a message that waits. */
@inline export const OUT_HEADER: i32 = 8;

export abstract class Connections {
  /** The Edge is joined: connections of a state that was taken over are listened for. */
  static join(family: u32): void {
    for (let i = 0; i < ConnectionTable.used; i++) {
      const record = at(i);
      if (phase(i) == Phase.free || familyOf(record + REMOTE) != family) continue;
      if (load<u16>(record, LOCAL_PORT) != <u16>Configuration.port)
        store<u16>(record, <u16>max(0, peerShape(family, portOf(record + REMOTE))), SHAPE);
    }
  }

  /** The Edge is gone, and its streams: `expire` forgets them. */
  static leave(family: u32): void {
    forgetPeerPorts(family);
    for (let i = 0; i < ConnectionTable.used; i++) {
      if (phase(i) == Phase.free || familyOf(at(i) + REMOTE) != family) continue;
      // A frame that is held can end in the next call only.
      store<u8>(at(i), Phase.failed, PHASE);
      if (!load<bool>(at(i), IS_PENDING)) continue;
      store<bool>(at(i), false, IS_PENDING);
      ConnectionTable.pending--;
    }
  }

  /**
   * Sends a message to an endpoint: the head at `head`, which is in the arena, and a body there.
   *
   * @param ticket of the frame that goes on with it; 0 for none
   * @param viaAt where in the head the transport of our Via stands, if the message may go by UDP after all; 0
   * otherwise
   */
  static send(
    now: f64,
    out: Outcome,
    ticket: u32,
    to: usize,
    head: usize,
    headLength: i32,
    body: usize,
    bodyLength: i32,
    viaAt: usize,
  ): Reason {
    if (Edges.stream(familyOf(to)) < 0) return Reason.notJoined;
    let i = findFor(to);
    if (i == NONE) i = open(now, to, out);
    if (i == NONE) return Reason.connectionsFull;
    const record = at(i);
    const length = headLength + bodyLength;
    store<f64>(record, now, HEARD);
    if (phase(i) == Phase.open && load<i32>(record, OUT_LENGTH) == 0 && hasCredit(i, length)) {
      if (!beginOn(i, out, ticket, Tcp.ACK | Tcp.PSH)) return Reason.noRoom;
      out.bytes(0, Role.Payload, 0, head, headLength);
      if (bodyLength > 0) out.bytes(0, Role.Payload, 0, body, bodyLength);
      store<u32>(record, load<u32>(record, SENT) + length, SENT);
      return Reason.none;
    }
    const waits = load<i32>(record, OUT_LENGTH);
    if (waits + OUT_HEADER + length > OUT_BYTES) return Reason.slowPeer;
    const next = load<usize>(record, BUFFERS) + IN_BYTES + waits;
    store<i32>(next, length);
    store<u32>(next, viaAt == 0 ? 0 : <u32>(viaAt - head), 4);
    memory.copy(next + OUT_HEADER, head, headLength);
    memory.copy(next + OUT_HEADER + headLength, body, bodyLength);
    store<i32>(record, waits + OUT_HEADER + length, OUT_LENGTH);
    return ticket == 0 ? Reason.none : Reason.waits;
  }
}

/** Asks for a connection to an endpoint. */
function open(now: f64, to: usize, out: Outcome): i32 {
  const shape = peerShape(familyOf(to), portOf(to));
  if (shape < 0) return NONE;
  const i = add();
  if (i == NONE) return NONE;
  const record = at(i);
  copyEndpoint(record + REMOTE, to);
  setTransport(record + REMOTE, Transport.tcp);
  store<u16>(record, <u16>shape, SHAPE);
  store<u8>(record, Phase.opening, PHASE);
  store<f64>(record, now, SINCE);
  if (!beginOn(i, out, 0, Tcp.SYN)) {
    remove(i);
    return NONE;
  }
  return i;
}

/** Writes messages that wait, as far as there is credit. */
export function flush(i: i32, out: Outcome): void {
  const record = at(i);
  const waits = load<i32>(record, OUT_LENGTH);
  if (waits == 0 || phase(i) != Phase.open) return;
  const first = load<usize>(record, BUFFERS) + IN_BYTES;
  const end = first + waits;
  let next = first;
  while (next < end) {
    const length = load<i32>(next);
    if (!hasCredit(i, length) || out.framesLeft < 2 || out.partsLeft < 64) break;
    const room = out.room(length);
    if (room == 0 || !beginOn(i, out, 0, Tcp.ACK | Tcp.PSH)) break;
    memory.copy(room, next + OUT_HEADER, length);
    out.bytes(0, Role.Payload, 0, room, length);
    store<u32>(record, load<u32>(record, SENT) + length, SENT);
    next += OUT_HEADER + length;
  }
  memory.copy(first, next, end - next);
  store<i32>(record, <i32>(end - next), OUT_LENGTH);
}

/** Says that there is room again, when half of it is. */
export function grant(i: i32, out: Outcome): void {
  const record = at(i);
  if (phase(i) != Phase.open) return;
  const limit = consumed(i) + WINDOW;
  if (<i32>(limit - load<u32>(record, GRANTED)) >= WINDOW / 2) beginOn(i, out, 0, Tcp.ACK);
}

/** Ends a connection from our side, behind what was sent. */
export function close(now: f64, i: i32, out: Outcome): void {
  const record = at(i);
  if (load<bool>(record, IS_PENDING)) {
    ConnectionTable.pending--;
    store<bool>(record, false, IS_PENDING);
  }
  endTicket(i, out, Reason.brokenOff);
  store<i32>(record, 0, IN_LENGTH);
  beginOn(i, out, 0, Tcp.FIN | Tcp.ACK);
  store<u8>(record, Phase.closing, PHASE);
  store<f64>(record, now, SINCE);
}

export function reset(i: i32, out: Outcome): void {
  beginOn(i, out, 0, Tcp.RST | Tcp.ACK);
}

/** Begins a segment on a connection; its contents follow, where it has any. */
export function beginOn(i: i32, out: Outcome, ticket: u32, flags: u32): bool {
  const record = at(i);
  const remote = record + REMOTE;
  const edge = Edges.stream(familyOf(remote));
  const local = load<u16>(record, LOCAL_PORT);
  const sequence = load<u32>(record, SENT);
  const acknowledgement = consumed(i);
  if (
    !beginSegment(
      out,
      edge,
      load<u16>(record, SHAPE),
      ticket,
      local,
      remote,
      flags,
      sequence,
      acknowledgement,
      WINDOW,
    )
  )
    return false;
  store<u32>(record, acknowledgement + WINDOW, GRANTED);
  return true;
}

/** The frame that is held for messages that waited ends. */
export function endTicket(i: i32, out: Outcome, reason: Reason): void {
  const ticket = load<u32>(at(i), TICKET);
  store<u32>(at(i), 0, TICKET);
  if (ticket != 0) out.end(ticket, <u16>reason);
}
