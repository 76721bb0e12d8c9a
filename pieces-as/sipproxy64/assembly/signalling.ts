// Messages of SIP: a stateless proxy (RFC 3261 §16.11) between the families. The contents of a message decide
// where it goes. The piece remembers only what the media of calls need.

import { Outcome, Role, TextEdit } from 'funnel-tunnel/as';
import { Ascii } from 'funnel-tunnel/as/views/ascii';
import {
  SipAddress,
  SipFault,
  SipHeader,
  SipMessage,
  SipName,
  SipParameter,
  SipUri,
  SipValue,
} from 'funnel-tunnel/as/views/sip';
import { Call } from './call';
import { Configuration } from './configuration';
import { Connections } from './connections';
import { beginDatagram, Contents, Datagram } from './datagram';
import { isForbidden } from './destinations';
import { Edges, SHAPE_DATAGRAM, SHAPE_SIP } from './edges';
import { familyOf, flowOf, sameAddress, setFlow, Transport, transportOf } from './endpoint';
import { writeHeaders, writeOwnHeaders, writeRequestLine } from './headers';
import { Protocols } from './protocols';
import { isLoss, Reason } from './reasons';
import { Registrations } from './registrations';
import { Repeated, Repeats } from './repeats';
import { isAckOfRefusal, refusalLength, refuse, writeRefusalFor } from './reply';
import { Purpose, Secret } from './secret';
import { endOfUser, Target } from './target';
import { Transactions } from './transactions';
import { Mapped, restore } from './uri-map';
import { Returned, Via } from './via';

/** The most bytes of a message in one datagram. */
@inline const MOST_BYTES: i32 = 65000;
/** The most bytes for a path of unknown MTU (RFC 3261 §18.1.1). */
@inline const SAFE_BYTES: i32 = 1300;
/**
 * The most bytes that headers of ours, and an address in each of a few URIs, may add. A message that exceeds
 * it is too large.
 */
@inline const GROWTH: i32 = 4096;

const edit = new TextEdit();
const answerTo: usize = memory.data(24, 8);

/** The ticket of the frame with the current message, or 0; and whether the host has parsed that frame. */
let ticket: u32 = 0;
let isParsed: bool = false;

/** Handles a message that came to the port of SIP, in `Contents`. `Datagram` has its source. */
export function takeMessage(now: f64, out: Outcome, frameTicket: u32, isFrameParsed: bool): Reason {
  ticket = frameTicket;
  isParsed = isFrameParsed;
  const fault = SipMessage.read(Contents.at, Contents.to);
  if (fault == SipFault.keepalive) return Reason.keepalive;
  if (fault == SipFault.noStartLine) return Reason.noSip;
  return SipMessage.isRequest ? takeRequest(now, out, fault) : takeResponse(now, out, fault);
}

/** Refuses a message of a stream, in which the start of the next message is unknown (RFC 3261 §18.3). */
export function refuseFraming(now: f64, out: Outcome, reason: Reason): Reason {
  SipMessage.read(Contents.at, Contents.to);
  if (SipMessage.viaAt != 0) Via.take();
  const status = reason == Reason.tooLarge ? '513 Message Too Large' : '400 Bad Content-Length';
  return refuse(now, out, status, reason);
}

function takeRequest(now: f64, out: Outcome, fault: SipFault): Reason {
  const returned = SipMessage.viaAt == 0 ? Returned.broken : Via.take();
  if (fault == SipFault.version) return refuse(now, out, '505 Version Not Supported', Reason.badVersion);
  if (fault != SipFault.none || returned == Returned.broken)
    return refuse(now, out, '400 Bad Request', Reason.badRequest);
  if (
    !Ascii.equals(SipMessage.methodAt, SipMessage.methodTo, SipMessage.cseqMethodAt, SipMessage.cseqMethodTo)
  ) {
    return refuse(now, out, '400 CSeq Has Another Method', Reason.badRequest);
  }
  if (Repeats.count > 0 && SipMessage.isMethod('ACK')) Repeats.stop(repeatKey(Repeated.refusal));
  if (isAckOfRefusal()) return Reason.ackOfRefusal;
  if (
    Transactions.count > 0 &&
    transportOf(Datagram.source) == Transport.udp &&
    Transactions.absorbs(now, Transactions.keyOf(Datagram.source), out)
  )
    return Reason.repetition;
  if (!isAddress(SipMessage.fromAt, SipMessage.fromTo) || !isAddress(SipMessage.toAt, SipMessage.toTo)) {
    return refuse(now, out, '400 Bad Address', Reason.badRequest);
  }
  if (returned == Returned.looped) return refuse(now, out, '482 Loop Detected', Reason.loop);
  if (SipMessage.maxForwardsAt != 0) {
    const hops = Ascii.number(SipMessage.maxForwardsAt, SipMessage.maxForwardsTo, 255);
    if (hops < 0) return refuse(now, out, '400 Bad Max-Forwards', Reason.badRequest);
    if (hops == 0) return refuse(now, out, '483 Too Many Hops', Reason.hopLimit);
  }
  // We support no extension that a proxy has to (§16.3 item 5).
  if (SipMessage.proxyRequireAt != 0) return refuse(now, out, '420 Bad Extension', Reason.badExtension);
  let reason = Target.find(now);
  if (reason != Reason.none) return refuse(now, out, statusOf(reason), reason);
  const family = familyOf(Target.endpoint);
  const transport = transportOf(Target.endpoint);
  if ((transport == Transport.tcp ? Edges.stream(family) : Edges.sip(family)) < 0)
    return refuse(now, out, '503 Service Unavailable', Reason.notJoined);
  reason = Call.take(now, family);
  if (reason != Reason.none) {
    Call.takeBack();
    return refuse(now, out, statusOf(reason), reason);
  }
  beginEdit();
  writeRequestLine(edit);
  writeOwnHeaders(edit, family, transport);
  writeLength(transport);
  writeHeaders(edit, family, transport, bodyLength());
  reason = send(now, out, Target.endpoint);
  if (isLoss(reason)) Call.takeBack();
  if (reason == Reason.tooLarge) return refuse(now, out, '513 Message Too Large', reason);
  if (reason == Reason.connectionsFull || reason == Reason.slowPeer)
    return refuse(now, out, '503 Service Unavailable', reason);
  return reason;
}

/** The response to a request that cannot go on. */
function statusOf(reason: Reason): string {
  switch (reason) {
    case Reason.badScheme:
      return '416 Unsupported URI Scheme';
    case Reason.badRequest:
      return '400 Bad Request';
    case Reason.loop:
      return '482 Loop Detected';
    case Reason.forbiddenDestination:
      return '403 Forbidden';
    case Reason.noTarget:
      return '404 Not Found';
    case Reason.tooManyStreams:
      return '488 Not Acceptable Here';
    default:
      return '503 Service Unavailable';
  }
}

function takeResponse(now: f64, out: Outcome, fault: SipFault): Reason {
  if (fault != SipFault.none) return Reason.badResponse;
  // Our own Via is on top, and below it that of the host that sent us the request.
  if (!SipValue.read(SipMessage.viaAt, SipMessage.viaTo)) return Reason.badResponse;
  const own = SipValue.at;
  const ownTo = SipValue.to;
  if (!findSecondVia()) return Reason.strayResponse;
  const via = SipValue.at;
  const viaTo = SipValue.to;
  if (!Via.isAnswered(own, ownTo, via, viaTo) || !Via.destination(via, viaTo, answerTo))
    return Reason.strayResponse;
  if (Repeats.count > 0) endRepeats();
  if (transportOf(answerTo) == Transport.tcp) setFlow(answerTo, Via.flow(own, ownTo));
  if (isForbidden(answerTo)) return Reason.forbiddenDestination;
  const family = familyOf(answerTo);
  const reason = Call.take(now, family);
  if (reason != Reason.none) return reason;
  if (
    SipMessage.status >= 200 &&
    SipMessage.status < 300 &&
    SipMessage.isMethod('REGISTER') &&
    Configuration.isRegistrar(Datagram.source)
  )
    learnContacts(now, family);
  beginEdit();
  edit.upTo(SipMessage.headersAt);
  writeLength(transportOf(answerTo));
  writeHeaders(edit, family, transportOf(answerTo), bodyLength());
  return send(now, out, answerTo);
}

/** Finds the second Via, in the header field of the first or in the next, whichever form its name has. */
function findSecondVia(): bool {
  if (SipValue.next < SipMessage.viaTo && SipValue.read(SipValue.next, SipMessage.viaTo)) return true;
  for (let i = 0, n = SipMessage.fieldCount; i < n; i++) {
    if (SipMessage.field(i) == SipName.via && SipHeader.valueAt != SipMessage.viaAt)
      return SipValue.read(SipHeader.valueAt, SipHeader.valueTo);
  }
  return false;
}

function isAddress(from: usize, to: usize): bool {
  return SipAddress.read(from, to);
}

function beginEdit(): void {
  edit.begin(
    SipMessage.at,
    SipMessage.bodyAt,
    min(MOST_BYTES, <i32>(SipMessage.bodyAt - SipMessage.at) * 2 + GROWTH),
  );
}

@inline
function bodyLength(): i32 {
  return Call.at == 0 ? -1 : Call.length;
}

/** A message in a stream must have its length (RFC 3261 §20.14), and one in a datagram need not. */
function writeLength(transport: Transport): void {
  if (transport == Transport.udp || SipMessage.contentLengthAt != 0) return;
  edit.text('Content-Length: ').number(sentLength()).text('\r\n');
}

/** The bytes of the body that leaves. */
@inline
function sentLength(): i32 {
  return Call.at == 0 ? <i32>(SipMessage.bodyTo - SipMessage.bodyAt) : Call.length;
}

/** Sends the message in `edit`, with its body, to an endpoint. */
function send(now: f64, out: Outcome, to: usize): Reason {
  edit.end();
  const length = sentLength();
  if (!edit.isWhole || edit.length + length > MOST_BYTES) return Reason.tooLarge;
  // A message that may be too long for a path is counted: it goes as one of ours, and the current frame ends.
  const isLong = edit.length + length > SAFE_BYTES;
  const body = Call.at == 0 ? SipMessage.bodyAt : Call.at;
  const head = edit.address;
  if (transportOf(to) == Transport.tcp) {
    const reason = Connections.send(now, out, ticket, to, head, edit.length, body, length, 0);
    if (reason == Reason.none || reason == Reason.waits) wentByTcp(now, to);
    return reason;
  }
  if (isLong && SipMessage.isRequest && SipMessage.contentLengthAt != 0 && Edges.stream(familyOf(to)) >= 0) {
    // Long messages go by TCP, where that is possible (§18.1.1).
    const via = Via.setTransport(head, head + edit.length, Transport.tcp);
    const reason = Connections.send(now, out, ticket, to, head, edit.length, body, length, via);
    if (reason == Reason.none || reason == Reason.waits) wentByTcp(now, to);
    if (reason != Reason.connectionsFull && reason != Reason.slowPeer) return reason;
    Via.setTransport(head, head + edit.length, Transport.udp);
  }
  const shape = isParsed ? SHAPE_SIP : SHAPE_DATAGRAM;
  const edge = Edges.sip(familyOf(to));
  const goesOn = isLong ? 0 : ticket;
  if (!beginDatagram(out, edge, shape, goesOn, Configuration.port, to, Datagram.trafficClass))
    return Reason.notJoined;
  out.bytes(isParsed ? Protocols.sip : 0, isParsed ? Role.Header : Role.Payload, 0, head, edit.length);
  if (length > 0) out.bytes(0, Role.Payload, 0, body, length);
  if (transportOf(Datagram.source) == Transport.tcp) {
    repeat(now, to, head, edit.length, body, length);
    if (Transactions.count > 0 && !SipMessage.isRequest)
      Transactions.answer(now, Transactions.keyOf(to), to, head, edit.length, body, length);
  }
  return isLong ? Reason.longMessage : Reason.none;
}

/** The current message went to a server by TCP: a client of UDP may repeat it. */
function wentByTcp(now: f64, to: usize): void {
  if (!SipMessage.isRequest || SipMessage.isMethod('ACK') || transportOf(Datagram.source) != Transport.udp)
    return;
  Transactions.add(now, Transactions.keyOf(Datagram.source), to);
}

/**
 * A request could not be sent, because its connection has failed. It is handled like a 503 of the next hop
 * (RFC 3261 §16.9, §18.4), which `Datagram.source` is. Returns false if no response is possible.
 */
export function takeFailure(now: f64, out: Outcome, at: usize, length: i32): bool {
  if (SipMessage.read(at, at + length) != SipFault.none) return false;
  if (!SipMessage.isRequest || SipMessage.isMethod('ACK')) return false;
  if (!SipValue.read(SipMessage.viaAt, SipMessage.viaTo)) return false;
  const own = SipValue.at;
  const ownTo = SipValue.to;
  // Our tag is a hash of the client's branch.
  if (!findSecondVia() || !Via.isAnswered(own, ownTo, SipValue.at, SipValue.to)) return false;
  const answer = writeRefusalFor('503 Service Unavailable');
  if (answer == 0) return false;
  Contents.at = answer;
  Contents.to = answer + refusalLength;
  const reason = takeMessage(now, out, 0, false);
  return !isLoss(reason);
}

/**
 * The request at `at`, which a failed connection had to carry, has gone by UDP, which may lose it. So the
 * piece repeats it if it has come by TCP, and lets repetitions of its client pass otherwise.
 */
export function repeatLater(now: f64, to: usize, at: usize, length: i32): void {
  if (SipMessage.read(at, at + length) != SipFault.none || !SipMessage.isRequest) return;
  if (!SipValue.read(SipMessage.viaAt, SipMessage.viaTo)) return;
  const own = SipValue.at;
  const ownTo = SipValue.to;
  if (!findSecondVia()) return;
  const via = SipValue.at;
  const viaTo = SipValue.to;
  if (!Via.isAnswered(own, ownTo, via, viaTo)) return;
  if (Via.flow(own, ownTo) != 0) repeat(now, to, at, length, 0, 0);
  else if (Via.destination(via, viaTo, answerTo)) Transactions.forget(Transactions.keyOf(answerTo));
}

/** Keeps the current message, which has gone by UDP, if its sender does not repeat it. */
function repeat(now: f64, to: usize, head: usize, headLength: i32, body: usize, bodyLength: i32): void {
  const isInvite = SipMessage.isMethod('INVITE');
  if (SipMessage.isRequest ? SipMessage.isMethod('ACK') : !isInvite || SipMessage.status < 300) return;
  let kind = Repeated.refusal;
  if (SipMessage.isRequest) kind = isInvite ? Repeated.invite : Repeated.request;
  Repeats.keep(now, repeatKey(kind), kind, to, head, headLength, body, bodyLength);
}

/** A response has come to the request of its transaction. */
function endRepeats(): void {
  if (SipMessage.isMethod('INVITE')) Repeats.stop(repeatKey(Repeated.invite));
  else if (SipMessage.status >= 200) Repeats.stop(repeatKey(Repeated.request));
  else Repeats.slow(repeatKey(Repeated.request));
}

/** The transaction of the current message. A CANCEL has the branch of its INVITE, and is one of its own. */
function repeatKey(kind: Repeated): u64 {
  const hash = Secret.begin(Purpose.repeat).byte(kind);
  for (let shift: u64 = 0; shift < 64; shift += 8) hash.byte(<u32>(Via.transaction >> shift) & 255);
  if (kind == Repeated.request) hash.bytes(SipMessage.cseqMethodAt, SipMessage.cseqMethodTo);
  return hash.end();
}

/** A registrar lists the valid contacts of a user, and their times (§10.2.4). Keeps those that passed us. */
function learnContacts(now: f64, family: u32): void {
  if (
    !SipAddress.read(SipMessage.toAt, SipMessage.toTo) ||
    !SipUri.read(SipAddress.uriAt, SipAddress.uriTo) ||
    SipUri.userAt == 0
  )
    return;
  const user = Secret.of(Purpose.user, SipUri.userAt, endOfUser());
  Registrations.forget(user);
  const byDefault =
    SipMessage.expiresAt == 0 ? -1 : Ascii.number(SipMessage.expiresAt, SipMessage.expiresTo, 0xffffffff);
  for (let i = 0, n = SipMessage.fieldCount; i < n; i++) {
    if (SipMessage.field(i) != SipName.contact) continue;
    const valueTo = SipHeader.valueTo;
    let next = SipHeader.valueAt;
    while (SipValue.read(next, valueTo)) {
      next = SipValue.next;
      if (!SipAddress.read(SipValue.at, SipValue.to) || !SipUri.read(SipAddress.uriAt, SipAddress.uriTo))
        continue;
      if (!Mapped.read() || familyOf(Mapped.endpoint) != family || isForbidden(Mapped.endpoint)) continue;
      let seconds = byDefault;
      if (SipParameter.find(SipAddress.parametersAt, SipValue.to, 'expires')) {
        seconds = Ascii.number(SipParameter.valueAt, SipParameter.valueTo, 0xffffffff);
      }
      if (seconds <= 0) continue;
      // The URI in the form of the phone, and the connection of the registration if that is the phone's.
      const isFlow = isOfContact(answerTo);
      edit.begin(SipAddress.uriAt, SipAddress.uriTo, 512);
      restore(edit, SipAddress.uriAt, SipAddress.uriTo, false, true);
      edit.rest();
      if (isFlow) setFlow(Mapped.endpoint, flowOf(answerTo));
      if (edit.isWhole)
        Registrations.add(
          user,
          now + <f64>seconds * 1000,
          Mapped.endpoint,
          edit.address,
          edit.address + edit.length,
        );
    }
  }
}

/**
 * Whether the host of the contact at hand is that by whose connection this answer goes, as a phone behind it
 * wants.
 */
function isOfContact(answered: usize): bool {
  return (
    transportOf(answered) == Transport.tcp &&
    transportOf(Mapped.endpoint) == Transport.tcp &&
    sameAddress(answered, Mapped.endpoint)
  );
}
