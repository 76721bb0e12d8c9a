// TCP segments: streams that open and end, and the messages in them.

import { Frame, Outcome, Role } from 'funnel-tunnel/as';
import { Ascii } from 'funnel-tunnel/as/views/ascii';
import { Tcp } from 'funnel-tunnel/as/views/tcp';
import { Configuration } from './configuration';
import { giveUp } from './connection-ends';
import {
  add,
  at,
  BUFFERS,
  ConnectionTable,
  find,
  HEARD,
  hasCredit,
  IN_BYTES,
  IN_LENGTH,
  IS_PENDING,
  isTo,
  LIMIT,
  LINE_ENDS,
  LOCAL_PORT,
  MESSAGE,
  NONE,
  OUT_LENGTH,
  PHASE,
  Phase,
  phase,
  REMOTE,
  SCANNED,
  SENT,
  SHAPE,
  SINCE,
  TAKEN,
  TICKET,
} from './connection-table';
import { beginOn, close, endTicket, flush, grant, reset } from './connections';
import { beginSegment, Contents, Datagram } from './datagram';
import { Edges, SHAPE_ACCEPTED } from './edges';
import { copyEndpoint, familyOf, portOf } from './endpoint';
import { Framed, Framing } from './framing';
import { Load } from './load';
import { peerShape } from './peer-ports';
import { isLoss, Reason } from './reasons';
import { refuseFraming, takeMessage } from './signalling';

/** Where the next call goes on with messages that wait, so that each connection has its turn. */
let turn: i32 = 0;
const source: usize = memory.data(24, 8);

export abstract class Segments {
  /**
   * Takes the current segment; `Datagram` has its headers. Returns why its frame ends, or `Reason.none`
   * where it is held.
   */
  static take(now: f64, frame: Frame, out: Outcome): Reason {
    const flags = Datagram.flags;
    let length = 0;
    for (let i = Datagram.first; i < Datagram.last; i++) length += <i32>frame.part(i).length;
    Load.spend(5_000 + length * 20);
    if ((flags & Tcp.SYN) != 0) {
      return (flags & Tcp.ACK) != 0 ? opened(now, out) : accept(now, out);
    }
    const i = find(Datagram.source, Datagram.destinationPort);
    if (i == NONE) {
      if ((flags & Tcp.RST) == 0) refuseStream(out);
      return length > 0 ? Reason.noConnection : Reason.segment;
    }
    const record = at(i);
    if ((flags & Tcp.RST) != 0) {
      const reason = load<i32>(record, IN_LENGTH) > 0 ? Reason.brokenOff : Reason.segment;
      giveUp(now, i, out);
      return reason;
    }
    store<f64>(record, now, HEARD);
    if ((flags & Tcp.ACK) != 0) store<u32>(record, Datagram.limit, LIMIT);
    let reason = Reason.segment;
    if (length > 0 && phase(i) == Phase.open) {
      const before = load<i32>(record, IN_LENGTH);
      store<u32>(record, load<u32>(record, TAKEN) + length, TAKEN);
      if (length > IN_BYTES - before) {
        reset(i, out);
        giveUp(now, i, out);
        return Reason.beyondCredit;
      }
      let to = load<usize>(record, BUFFERS) + before;
      for (let part = Datagram.first; part < Datagram.last; part++) {
        memory.copy(to, frame.part(part).bytes, frame.part(part).length);
        to += frame.part(part).length;
      }
      store<i32>(record, before + length, IN_LENGTH);
      // Behind messages that wait already.
      if (!load<bool>(record, IS_PENDING)) reason = work(now, i, out);
      if (load<bool>(record, IS_PENDING) && load<u32>(record, TICKET) == 0 && (flags & Tcp.FIN) == 0) {
        store<u32>(record, frame.ticket, TICKET);
        reason = Reason.none;
      }
    }
    if (phase(i) == Phase.free) return reason;
    flush(i, out);
    if ((flags & Tcp.FIN) != 0) {
      // Messages that wait for work end with it: the peer has gone without waiting for an answer.
      if (load<i32>(record, IN_LENGTH) > 0) reason = Reason.brokenOff;
      if (phase(i) != Phase.closing && phase(i) != Phase.failed) beginOn(i, out, 0, Tcp.FIN | Tcp.ACK);
      giveUp(now, i, out);
    } else {
      grant(i, out);
    }
    return reason;
  }

  /** Goes on with messages that wait. */
  static resume(now: f64, out: Outcome): void {
    for (
      let n = ConnectionTable.pending > 0 ? ConnectionTable.used : 0;
      n > 0 && ConnectionTable.pending > 0;
      n--
    ) {
      turn = turn + 1 < ConnectionTable.used ? turn + 1 : 0;
      if (phase(turn) == Phase.free || !load<bool>(at(turn), IS_PENDING)) continue;
      copyEndpoint(Datagram.source, at(turn) + REMOTE);
      Datagram.family = familyOf(Datagram.source);
      const reason = work(now, turn, out);
      if (phase(turn) == Phase.free) continue;
      if (load<bool>(at(turn), IS_PENDING)) return;
      endTicket(turn, out, reason);
      flush(turn, out);
      grant(turn, out);
    }
  }
}

/** A peer has connected. */
function accept(now: f64, out: Outcome): Reason {
  const old = find(Datagram.source, Datagram.destinationPort);
  if (old != NONE) giveUp(now, old, out);
  const i = add();
  if (i == NONE) {
    refuseStream(out);
    return Reason.connectionsFull;
  }
  const record = at(i);
  copyEndpoint(record + REMOTE, Datagram.source);
  store<u16>(record, <u16>Datagram.destinationPort, LOCAL_PORT);
  store<u16>(record, SHAPE_ACCEPTED, SHAPE);
  begin(now, i, out, Tcp.SYN | Tcp.ACK);
  return Reason.segment;
}

/** A connection that we asked for is there. The system has chosen our port. */
function opened(now: f64, out: Outcome): Reason {
  for (let i = 0; i < ConnectionTable.used; i++) {
    const record = at(i);
    if (phase(i) != Phase.opening || !isTo(i, Datagram.source, portOf(Datagram.source))) continue;
    store<u16>(record, <u16>Datagram.destinationPort, LOCAL_PORT);
    begin(now, i, out, 0);
    flush(i, out);
    return Reason.segment;
  }
  refuseStream(out);
  return Reason.segment;
}

function begin(now: f64, i: i32, out: Outcome, flags: u32): void {
  const record = at(i);
  store<u8>(record, Phase.open, PHASE);
  store<f64>(record, now, HEARD);
  store<f64>(record, Infinity, SINCE);
  store<u32>(record, Datagram.limit, LIMIT);
  if (flags != 0) beginOn(i, out, 0, flags);
}

/**
 * Takes the messages that are complete. Returns the reason that counts most, of those for which one ended.
 */
function work(now: f64, i: i32, out: Outcome): Reason {
  const record = at(i);
  const buffer = load<usize>(record, BUFFERS);
  const to = buffer + load<i32>(record, IN_LENGTH);
  let from = buffer;
  let worst = Reason.segment;
  let waits = false;
  copyEndpoint(source, record + REMOTE);
  Framing.scanned = load<i32>(record, SCANNED);
  Framing.length = load<i32>(record, MESSAGE);
  let framed = Framed.more;
  for (;;) {
    if (Framing.length == 0 && Framing.scanned == 0) from = skipLineEnds(i, from, to, out);
    if (from == to) break;
    framed = Framing.read(from, to);
    if (framed == Framed.more) break;
    const length = framed == Framed.whole ? Framing.length : min(<i32>(to - from), max(Framing.length, 1));
    // A message whose work, or whose answer, does not fit in this call waits for the next.
    const room =
      out.framesLeft < 4 || out.partsLeft < 128 || !Load.takesMessage(length) ? 0 : out.room(length);
    if (room == 0) {
      waits = true;
      break;
    }
    memory.copy(room, from, length);
    Contents.at = room;
    Contents.to = room + length;
    Datagram.trafficClass = 0;
    Datagram.destinationPort = Configuration.port;
    copyEndpoint(Datagram.source, source);
    Datagram.family = familyOf(source);
    let reason = Reason.noSip;
    if (framed == Framed.whole) reason = takeMessage(now, out, 0, false);
    else if (framed != Framed.noSip)
      reason = refuseFraming(now, out, framed == Framed.tooLarge ? Reason.tooLarge : Reason.badRequest);
    if (reason != Reason.none && (worst == Reason.segment || (isLoss(reason) && !isLoss(worst))))
      worst = reason;
    // A message may have ended the connection that it came by.
    if (phase(i) != Phase.open) return worst;
    if (framed != Framed.whole || reason == Reason.noSip) {
      close(now, i, out);
      return reason;
    }
    from += length;
    Framing.scanned = 0;
    Framing.length = 0;
  }
  const left = <i32>(to - from);
  if (from > buffer) memory.copy(buffer, from, left);
  store<i32>(record, left, IN_LENGTH);
  store<i32>(record, Framing.scanned, SCANNED);
  store<i32>(record, Framing.length, MESSAGE);
  if (load<bool>(record, IS_PENDING) != waits) ConnectionTable.pending += waits ? 1 : -1;
  store<bool>(record, waits, IS_PENDING);
  if (left == 0 || waits) store<f64>(record, Infinity, SINCE);
  else if (from > buffer || load<f64>(record, SINCE) == Infinity) store<f64>(record, now, SINCE);
  return worst;
}

/**
 * Line ends between messages mean nothing (RFC 3261 §7.5), but two in a row ask whether we are there (RFC
 * 5626 §3.5.1).
 */
function skipLineEnds(i: i32, from: usize, to: usize, out: Outcome): usize {
  const record = at(i);
  let next = from;
  let ends = <u32>load<u8>(record, LINE_ENDS);
  let isAsked = false;
  while (next < to && (load<u8>(next) == Ascii.CR || load<u8>(next) == Ascii.LF)) {
    next++;
    if (++ends < 4) continue;
    ends = 0;
    isAsked = true;
  }
  store<u8>(record, <u8>(next < to ? 0 : ends), LINE_ENDS);
  // One answer to many questions is enough.
  if (isAsked && load<i32>(record, OUT_LENGTH) == 0 && hasCredit(i, 2)) {
    const pong = out.room(2);
    if (pong != 0 && beginOn(i, out, 0, Tcp.ACK | Tcp.PSH)) {
      store<u16>(pong, 0x0a0d);
      out.bytes(0, Role.Payload, 0, pong, 2);
      store<u32>(record, load<u32>(record, SENT) + 2, SENT);
    }
  }
  return next;
}

/** Resets a stream that does not belong to us. */
function refuseStream(out: Outcome): void {
  const family = familyOf(Datagram.source);
  const shape =
    Datagram.destinationPort == Configuration.port
      ? SHAPE_ACCEPTED
      : peerShape(family, portOf(Datagram.source));
  if (shape < 0) return;
  beginSegment(
    out,
    Edges.stream(family),
    <u16>shape,
    0,
    Datagram.destinationPort,
    Datagram.source,
    Tcp.RST | Tcp.ACK,
    0,
    0,
    0,
  );
}
