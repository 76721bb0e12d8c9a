/*
 * rtp-encryption: encrypts the calls of phones that cannot encrypt
 *
 * PURPOSE
 *   Stands in the path of phones with SIP and RTP. It changes the descriptions of media in SIP so that the
 *   other side sends and takes SRTP, with keys in the description (SDES) or by DTLS, and it protects and
 *   unprotects the media.
 *
 * EDGES AND SHAPES
 *
 *                ┌──────────────────┐
 *   plain (up) ──┤  rtp-encryption  ├── protected (down)
 *                └──────────────────┘
 *
 *   plain       ip/udp, whole frames: SIP, RTP and RTCP of the phones
 *   protected   ip/udp, whole frames: SIP with keys, SRTP and SRTCP
 *
 *   Both may be turned: with `turned`, plain is down and protected is up. No address changes, so the piece
 *   stands on either side of sipproxy64. A frame of media grows by up to 16 bytes towards the protected side.
 *
 * SETTINGS
 *   policy           require: all media is protected, or refused. prefer: it is protected where the other
 *                    side can, and goes in the clear otherwise. never: no media is protected; default require
 *   offer            how prefer offers both: two-lines, a line of RTP/SAVP and one of RTP/AVP; capability,
 *                    a line of RTP/AVP that may become one of RTP/SAVP (RFC 5939); osrtp, a line of RTP/AVP
 *                    with keys (RFC 8643); default two-lines
 *   suite            crypto suite, by its name in RFC 4568, 6188 or 7714; repeated in the order of
 *                    preference; default AEAD_AES_128_GCM, then AES_CM_128_HMAC_SHA1_80
 *   key-exchange     how keys come: sdes, in descriptions; dtls, by handshakes on the ports of the media;
 *                    may be repeated: the first is offered, and all are accepted; default sdes
 *   sha-1            believes certificates of DTLS also by fingerprints of SHA-1; default false
 *   keys-in-clear    sends keys also where the network of the protected side is not encrypted; default false
 *   port             UDP port of SIP, at either end; may be repeated; default 5060
 *   media-ports      ports of the plain side that carry only media, such as 16384-32767: what belongs to no
 *                    call ends there. Without it, such datagrams pass unchanged
 *   new-key          continue: after a new key of ours, a source keeps its indices (RFC 3711 §3.3.1).
 *                    restart: they begin anew; default continue
 *   renumbered-tag   accepts an answer whose tag was not offered; default false
 *   short-rtcp-tag   tags of SRTCP have 32 bits with suites whose name ends with _32, as ffmpeg writes them;
 *                    default false
 *   window           packets by which one may be late, a multiple of 64, up to 32768; default 128
 *   contexts         sources (SSRC) of each stream in each direction, 1 to 256; default 4
 *   calls            dialogs at a time, 1 to 1024; a new one is refused. Two dialogs have three lines of
 *                    media, and all of them 1024 lines at most; default 300
 *   setup            the longest time until a call is answered; default 200s
 *   silence          a call without media and signalling for this long is over; default 30m
 *   state-key        32 bytes in base64 that seal the keys in a saved state. Without it, calls need new keys
 *                    when the piece is replaced
 *   turned           plain is down and protected is up; default false
 *
 * WHAT PASSES
 *   Keys go only where signalling is protected: the network of the protected side has the property
 *   `encrypted`, or `keys-in-clear` allows it. The status says which.
 *
 *   An offer has a key of ours for each suite. An answer takes the first line of the peer that has a suite
 *   of the setting. Lines with an unknown suite, several keys, or a parameter that changes what is protected
 *   (KDR, UNENCRYPTED_SRTP, UNENCRYPTED_SRTCP, UNAUTHENTICATED_SRTP, FEC_KEY, an unknown one without a
 *   hyphen) are no choice. Each fork of a call has keys of its own from the peer. Our keys stay for a call,
 *   whatever it offers again.
 *
 *   With dtls, an offer is UDP/TLS/RTP/SAVP with a fingerprint of the piece's certificate, and `actpass`. The
 *   piece begins the handshake where the peer waits for it. A peer whose certificate has none of the
 *   fingerprints of its description is refused, with a warning. Until there are keys, nothing passes. A
 *   further offer keeps the association, unless fingerprints or `tls-id` change. RTCP needs the port of RTP
 *   (rtcp-mux). A program that can change the signalling can be the peer.
 *
 *   Under `require`, a line that the other side does not protect is refused (port 0), and a request that
 *   has no other is answered with 488. A line that was protected once never goes in the clear in the same
 *   call. A description that cannot be read ends. Media for which there is no key ends.
 *
 *   Attributes of ICE, DTLS and other keys are left out of lines that are protected, and so is BUNDLE.
 *   Several lines in one place are refused, and more than eight. Lines of RTP/SAVP or DTLS of the plain
 *   side pass: its phone protects itself.
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     repeated           the plain side sent a packet again; it is not encrypted for a second time
 *     ack-of-refusal     the ACK belongs to a refusal of the piece itself
 *     agreement          the packet belongs to the agreement on keys, in which the piece takes part
 *   Lost:
 *     not-media          neither RTP, RTCP, STUN, TURN, DTLS nor ZRTP, at a place of protected media
 *     malformed          a length is wrong, the packet is too short, or the message is no SIP
 *     forged             the tag is wrong
 *     replayed           a packet with this index has come before
 *     too-old            older than the window
 *     late               a packet of the plain side that is older than the window
 *     unknown-key        an MKI that the peer did not name
 *     too-many-streams   there are as many sources as `contexts` permits
 *     key-used-up        the key has protected as many packets as it may, or the restored state is too old
 *     too-fast           more than 2000 packets of one source in a second
 *     too-large          larger than one frame
 *     no-room            the outcome of the call to the piece is full
 *     not-joined         the other Edge is on no network
 *     no-key             media of a call that must be protected, and has no key yet, or none any more
 *     refused            488: the media cannot be protected as `policy` requires, or there are too many calls
 *     unreadable-body    488: the body may describe media, and is encoded, signed or malformed
 *     message-too-large  the message has more than 10240 bytes
 *     overload           more messages came than calls of the piece can work on
 *     no-call            a datagram at `media-ports` belongs to no call
 *
 * WHAT IT DOES NOT DO
 *   SIP over TCP or TLS does not pass. No keys by ZRTP (RFC 6189). No ICE. After the piece is replaced, calls
 *   with DTLS need another offer. A digest over bodies (qop=auth-int) and signatures over descriptions (RFC
 *   8224) fail, because the body changes. Keys by SDES stand in the packets of the protected side, and so in
 *   its captures.
 *
 * SPECIFICATION
 *   RFC 4568 (SDES), 5763 and 5764 (DTLS-SRTP), 8122 and 8842 (fingerprints, tls-id), 3711 and 7714 (SRTP),
 *   3264 and 8866 (SDP), 5939 (capabilities), 8643 (OSRTP), 3261 (SIP), 3262 and 3311 (PRACK, UPDATE), 3605
 *   and 5761 (RTCP).
 */

import {
  Batch,
  Description,
  Direction,
  describedEdge,
  Frame,
  Joining,
  MAX_FRAMES_IN,
  Outcome,
  PartMarks,
  Piece,
  Reach,
  Role,
  room,
  Settings,
  State,
} from 'funnel-tunnel/as';
import { Ascii } from 'funnel-tunnel/as/views/ascii';
import { portOf } from '../../sipproxy64/assembly/endpoint';
import { Load, MOST_MESSAGE } from '../../sipproxy64/assembly/load';
import { Packet } from '../../srtp/assembly/packet';
import { Pending } from '../../srtp/assembly/pending';
import { BEHIND, FRONT } from '../../srtp/assembly/protection';
import { Reason as SrtpReason } from '../../srtp/assembly/reasons';
import { Receiver } from '../../srtp/assembly/receiver';
import { Sender } from '../../srtp/assembly/sender';
import { Agreements } from './agreement';
import { Configuration, describeSettings } from './configuration';
import { Datagram } from './datagram';
import { Dialogs, MOST_LINES } from './dialogs';
import { Dtls } from './dtls';
import { LineTables } from './line-table';
import { Line, Lines, Mode, NO_AGREEMENT, NO_LINE } from './lines';
import { findLine, isMediaPort } from './media';
import { Message } from './message';
import { OwnKeys } from './own-keys';
import { describeReasons, Reason } from './reasons';
import { refuse } from './refusal';
import { Report } from './report';
import { Secret } from './secret';
import { PLAIN, PROTECTED, Sides } from './sides';
import { Vault } from './vault';

const SWEEP_MS: f64 = 1000;
/** Lines beyond three for each two dialogs. */
const MORE_LINES: i32 = 16;
/** The most lines at all: a new instance can take over no more in one call. */
const MOST_LINES_OF_ALL: i32 = 1024;

class RtpEncryption extends Piece {
  private nextSweep: f64 = 0;

  describe(d: Description, settings: Settings): void {
    d.piece('rtp-encryption', '0.1.0', 'Encrypts the calls of phones that cannot encrypt.');
    describeSettings(d);
    describeReasons(d);
    Datagram.describe(d);
    Configuration.read(settings);
    const turned = Configuration.turned;
    d.edge('plain').shape('ip/udp', turned ? Direction.Down : Direction.Up, Reach.WholeFrame);
    d.edge('protected').shape('ip/udp', turned ? Direction.Up : Direction.Down, Reach.WholeFrame);
    d.curve(0, 0, 1, 0)
      .keeps('ordered')
      .keeps('duplicate-free')
      .keeps('framed')
      .keeps('size')
      .keeps('low-delay')
      .keepsOffers()
      .grows(BEHIND);
  }

  start(_now: f64, settings: Settings): void {
    Datagram.start();
    Secret.make();
    Load.start();
    Dialogs.start(Configuration.calls);
    const lines = min(((Configuration.calls * 3) >> 1) + MORE_LINES, MOST_LINES_OF_ALL);
    OwnKeys.start(lines);
    Lines.start(lines);
    const dtls = new Dtls();
    Agreements.start(Configuration.takesDtls ? [dtls] : [], lines);
    if (Configuration.takesDtls && !dtls.isPossible)
      settings.problem('key-exchange', 'The host has no DTLS for this piece');
    Report.start();
    if (!Vault.start()) settings.problem('', 'The host has no cryptography for this piece');
  }

  join(joining: Joining): void {
    Sides.join(joining);
  }

  leave(_edge: u16, _shape: u16): void {
    Sides.learn();
  }

  state(state: State): void {
    Secret.state(state);
    OwnKeys.state(state);
    Lines.state(state);
    LineTables.state(state);
    Dialogs.state(state);
  }

  process(now: f64, batch: Batch, out: Outcome): void {
    Load.begin(batch.length);
    Agreements.begin(out);
    Pending.open(batch.length);
    if (now >= this.nextSweep) {
      Dialogs.sweep(now);
      this.nextSweep = now + SWEEP_MS;
    }
    // Waiting messages go first, so that messages stay in their order.
    while (Load.waiting > 0) {
      const frame = Load.oldest(out);
      if (frame === null) break;
      if (!takeMessage(now, frame, out)) break;
      Load.next();
    }
    for (let i = 0; i < batch.length; i++) {
      const frame = batch.frame(i);
      if (isMessage(frame) && !takeMessage(now, frame, out) && !Load.keep(frame))
        out.end(frame.ticket, <u16>Reason.overload);
    }
    takeMedia(now, batch, out);
    Agreements.wake(now, out);
    if (Load.waiting > 0) out.wakeAt(now);
    if (Dialogs.count > 0) out.wakeAt(this.nextSweep);
    Report.update(now, out);
  }
}

@inline function sideOf(frame: Frame): i32 {
  return describedEdge(frame.edge);
}

/** Whether a frame has a whole message of SIP, whose addresses are then in `Datagram`. */
function isMessage(frame: Frame): bool {
  return !frame.hasMore && !frame.isContinued && Datagram.read(frame) && isSipPort();
}

/** Whether the current datagram goes to a port of SIP, or comes from one. */
@inline function isSipPort(): bool {
  return (
    Configuration.sipPorts[portOf(Datagram.source)] || Configuration.sipPorts[portOf(Datagram.destination)]
  );
}

/** The most that a line `m=` costs, and each key of its offer, in units of fuel. */
const A_LINE: i32 = 300_000;
const A_KEY: i32 = 20_000;

/** The number of lines `m=` in a message, up to the most that are read. */
function mediaLines(from: usize, to: usize): i32 {
  let count = 0;
  for (let at = Ascii.lineEnd(from, to); at + 1 < to && count < MOST_LINES; at = Ascii.lineEnd(at, to))
    if (load<u16>(at) == 0x3d6d) count++;
  return count;
}

/** Takes a message. False if it exceeds the rest of this call's work. */
function takeMessage(now: f64, frame: Frame, out: Outcome): bool {
  Datagram.read(frame);
  Packet.findBody(frame, Datagram.udp);
  const length = Packet.length;
  const side = sideOf(frame);
  const to = Sides.edge(1 - side);
  if (to < 0) {
    out.end(frame.ticket, <u16>Reason.notJoined);
    return true;
  }
  if (length > MOST_MESSAGE) {
    out.end(frame.ticket, <u16>Reason.messageTooLarge);
    return true;
  }
  const at = room(length);
  let reason = at == 0 ? Reason.noRoom : Reason.none;
  if (at != 0) {
    Packet.gather(frame, at);
    const keys = mediaLines(at, at + length) * (A_LINE + Configuration.suites.length * A_KEY);
    if (!Load.takes(length, keys)) return false;
    reason = Message.take(now, side, at, at + length);
    if (reason == Reason.refused || reason == Reason.unreadableBody)
      refuse(out, Sides.edge(side), Sides.shape(side));
  }
  if (reason == Reason.none) {
    const isSent =
      Message.at == 0
        ? out.forward(frame, <u16>to, Sides.shape(1 - side))
        : send(frame, Message.at, Message.length, <u16>to, Sides.shape(1 - side), out);
    if (!isSent) reason = Reason.noRoom;
  }
  if (reason != Reason.none) out.end(frame.ticket, <u16>reason);
  return true;
}

/** The line to which each frame of a call belongs, if its media is protected. */
const lineIds: StaticArray<i32> = new StaticArray<i32>(MAX_FRAMES_IN);
/** For `lineIds`: a message, which was handled already. */
const MESSAGE: i32 = -2;

/** Takes all frames that are no messages: protects, unprotects, passes or ends them. */
function takeMedia(now: f64, batch: Batch, out: Outcome): void {
  for (let i = 0; i < batch.length; i++) lineIds[i] = lineFor(now, batch.frame(i), i);
  Sender.begin(now);
  for (let i = 0; i < batch.length; i++) {
    if (lineIds[i] < 0 || sideOf(batch.frame(i)) != PLAIN || !gather(batch.frame(i), i)) continue;
    OwnKeys.at(Lines.at(lineIds[i]).sender).add(i);
  }
  Sender.protect();
  Receiver.begin();
  for (let i = 0; i < batch.length; i++) {
    if (lineIds[i] < 0 || sideOf(batch.frame(i)) != PROTECTED || !gather(batch.frame(i), i)) continue;
    Lines.at(lineIds[i]).receiver.keep(i);
  }
  Receiver.unprotect();
  for (let i = 0; i < batch.length; i++) if (lineIds[i] != MESSAGE) finish(batch.frame(i), i, out);
}

/** The line whose keys protect a frame, if it has one. Decides about all other frames. */
function lineFor(now: f64, frame: Frame, i: i32): i32 {
  if (frame.hasMore || frame.isContinued) {
    Pending.refuse(i, SrtpReason.tooLarge);
    return NO_LINE;
  }
  if (!Datagram.read(frame)) {
    Pending.refuse(i, SrtpReason.malformed);
    return NO_LINE;
  }
  if (isSipPort()) return MESSAGE;
  Load.countPacket();
  const side = sideOf(frame);
  const id = findLine(side);
  if (id == NO_LINE) {
    if (isMediaPort(side)) Pending.refuse(i, Reason.noCall);
    return NO_LINE;
  }
  const line = Lines.at(id);
  Dialogs.at(line.dialog).heardAt = now;
  if (line.agreement != NO_AGREEMENT) {
    if (takeAgreement(now, side, line, frame, i)) return NO_LINE;
    // Another port needs another association (RFC 5764 §4.1): keys of this one do not hold there.
    if (line.mode == Mode.secured && isControlPort(side, line)) {
      Pending.refuse(i, Reason.noKey);
      return NO_LINE;
    }
  }
  if (line.mode == Mode.clear) return NO_LINE;
  if (line.mode == Mode.secured && line.isReady(side)) return id;
  Pending.refuse(i, Reason.noKey);
  return NO_LINE;
}

/**
 * Gives a packet to the agreement of its line, if that owns it. The plain side has no part in the agreement,
 * so its packets of that kind end.
 */
function takeAgreement(now: f64, side: i32, line: Line, frame: Frame, i: i32): bool {
  if (Packet.isMedia(frame, Datagram.udp) || !gather(frame, i)) return false;
  const agreement = Agreements.at(line.agreement);
  if (!agreement.owns(Packet.at, Packet.length)) return false;
  if (side == PLAIN) {
    Pending.refuse(i, SrtpReason.notMedia);
    return true;
  }
  const isControl = isControlPort(side, line);
  Pending.refuse(i, agreement.take(now, line, isControl ? 1 : 0, Packet.at, Packet.length));
  return true;
}

/** Whether the current datagram has, on the plain side, the port of RTCP and not that of RTP. */
function isControlPort(side: i32, line: Line): bool {
  const port = portOf(side == PLAIN ? Datagram.source : Datagram.destination);
  return port == portOf(line.placeOf(PLAIN, 1)) && port != portOf(line.placeOf(PLAIN, 0));
}

/** Copies the packet of a frame into a room. False if there is none. */
function gather(frame: Frame, i: i32): bool {
  Packet.findBody(frame, Datagram.udp);
  const at = room(FRONT + Packet.length + BEHIND);
  if (at == 0) {
    Pending.refuse(i, Reason.noRoom);
    return false;
  }
  Packet.gather(frame, at + FRONT);
  return true;
}

/** Ends a frame, or sends it unchanged or protected. */
function finish(frame: Frame, i: i32, out: Outcome): void {
  const side = sideOf(frame);
  const to = Sides.edge(1 - side);
  const reason = to < 0 ? <i32>Reason.notJoined : Pending.reason(i);
  if (reason >= 0) {
    out.end(frame.ticket, <u16>reason);
    return;
  }
  const shape = Sides.shape(1 - side);
  const isSent = Pending.isChanged(i)
    ? send(frame, Pending.at(i), Pending.length(i), <u16>to, shape, out)
    : out.forward(frame, <u16>to, shape);
  if (!isSent) out.end(frame.ticket, <u16>Reason.noRoom);
}

/** Sends a frame with its headers and another payload. */
function send(frame: Frame, at: usize, length: i32, to: u16, shape: u16, out: Outcome): bool {
  if (!out.begin(to, shape, frame.ticket)) return false;
  Packet.findBody(frame, Datagram.udp);
  for (let n = 0; n < Packet.firstPart; n++) {
    const part = frame.part(n);
    if (!out.part(part.protocol, Role.Header, part.marks | PartMarks.Unfinished, part.offset, part.length)) {
      out.cancel();
      return false;
    }
  }
  if (!out.bytes(0, Role.Payload, 0, at, length)) {
    out.cancel();
    return false;
  }
  out.skips(frame.skipHeaders, 0);
  return true;
}

export function create(): Piece {
  return new RtpEncryption();
}
