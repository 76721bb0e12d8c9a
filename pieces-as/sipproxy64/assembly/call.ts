// The place of the current message in a call: its dialog, the side that sent it, the contents of its
// description, and the new state of the dialog. Side 0 began the dialog.

import { TextEdit } from 'funnel-tunnel/as';
import { Ascii } from 'funnel-tunnel/as/views/ascii';
import { SipAddress, SipMessage, SipParameter } from 'funnel-tunnel/as/views/sip';
import { SipBody } from 'funnel-tunnel/as/views/sip-body';
import { Datagram } from './datagram';
import { isOwnAddress } from './destinations';
import { Dialogs, NO_DIALOG, Phase } from './dialogs';
import { familyOf, portOf, sameAddress } from './endpoint';
import { NO_PAIR, Ports } from './ports';
import { Reason } from './reasons';
import { Purpose, Secret } from './secret';
import { Carried, Session } from './session';
import { NO_END, NO_STREAM, Streams } from './streams';

const sdp = new TextEdit();
const body = new TextEdit();

export abstract class Call {
  /** The new body, if it changes; `at` is 0 if it stays. */
  static at: usize = 0;
  static length: i32 = 0;
  private static dialog: i32 = NO_DIALOG;
  /** The side that sent the message. */
  private static side: i32 = 0;
  private static fromKey: u64 = 0;
  private static toKey: u64 = 0;
  private static fromTag: u64 = 0;
  /** Whether the current message has begun the dialog. */
  private static isNew: bool = false;
  /** 0 if there is none. */
  private static toTag: u64 = 0;

  /**
   * Processes the current message, which goes on into `family`. Returns `Reason.none`, or the reason for its
   * end.
   */
  static take(now: f64, family: u32): Reason {
    Call.at = 0;
    Call.dialog = NO_DIALOG;
    Call.isNew = false;
    const isInvite = SipMessage.isMethod('INVITE');
    const isUpdate = SipMessage.isMethod('UPDATE');
    const mayDescribe = isInvite || isUpdate || SipMessage.isMethod('PRACK') || SipMessage.isMethod('ACK');
    const isBye = SipMessage.isMethod('BYE');
    if (!mayDescribe && !isBye) return Reason.none;
    Call.readTags();
    const hasSdp = mayDescribe && SipBody.findSdp() && Session.read(SipBody.sdpAt, SipBody.sdpTo);
    if (hasSdp && Session.isTooLong) return Reason.tooManyStreams;
    if (SipMessage.isRequest) Call.findOfRequest(family);
    else Call.findOfResponse(now, family, hasSdp);
    if (hasSdp) {
      const reason = Call.describe(now, family);
      if (reason != Reason.none) return reason;
    }
    if (Call.dialog == NO_DIALOG) return Reason.none;
    Dialogs.hear(Call.dialog, now);
    if (SipMessage.isRequest) {
      if (isBye) Dialogs.finish(Call.dialog, now);
      else if (isInvite && Call.toTag == 0 && Dialogs.phase(Call.dialog) == Phase.ended)
        Dialogs.setUp(Call.dialog, now);
    } else if (SipMessage.status < 200) {
      if (isInvite && SipMessage.status > 100) Call.ring(now);
    } else {
      if (isInvite) Call.answerInvite(now);
      else if (!isBye) Call.answerOffer(now, isUpdate);
    }
    return Reason.none;
  }

  /**
   * The current request does not go on: a dialog that it has begun ends, and an offer in another one holds no
   * longer.
   */
  static takeBack(): void {
    if (Call.dialog == NO_DIALOG) return;
    if (Call.isNew) Dialogs.drop(Call.dialog);
    else if (SipMessage.isRequest) goBack(Call.dialog, Call.side);
    Call.dialog = NO_DIALOG;
  }

  private static readTags(): void {
    Call.fromTag = readTag(SipMessage.fromAt, SipMessage.fromTo);
    Call.fromKey = keyOf();
    Call.toTag = readTag(SipMessage.toAt, SipMessage.toTo);
    Call.toKey = keyOf();
  }

  /** Finds the dialog, and the side that sent the message: exactly, or a side that has changed its family. */
  private static findOfRequest(family: u32): void {
    Call.side = 0;
    Call.dialog = Dialogs.find(Call.fromKey, Call.toTag, Datagram.family);
    if (Call.dialog == NO_DIALOG && Call.toTag != 0) {
      Call.side = 1;
      Call.dialog = Dialogs.find(Call.toKey, Call.fromTag, family);
      if (Call.dialog == NO_DIALOG) Call.dialog = Dialogs.find(Call.toKey, Call.fromTag, 0);
      if (Call.dialog == NO_DIALOG) {
        Call.side = 0;
        Call.dialog = Dialogs.find(Call.fromKey, Call.toTag, 0);
      }
    }
    // The INVITE is a repetition after the first answer.
    if (Call.dialog == NO_DIALOG && Call.toTag == 0)
      Call.dialog = Dialogs.findAny(Call.fromKey, Datagram.family);
    if (Call.dialog != NO_DIALOG) Dialogs.setFamily(Call.dialog, Call.side, Datagram.family);
  }

  /** A response comes from the receiver of the request, in a dialog that either side may have begun. */
  private static findOfResponse(now: f64, family: u32, hasSdp: bool): void {
    Call.side = 1;
    Call.dialog = Dialogs.find(Call.fromKey, Call.toTag, family);
    if (Call.dialog != NO_DIALOG) return;
    Call.dialog = Dialogs.find(Call.toKey, Call.fromTag, Datagram.family);
    if (Call.dialog == NO_DIALOG) Call.dialog = Dialogs.find(Call.toKey, Call.fromTag, 0);
    if (Call.dialog != NO_DIALOG) {
      Call.side = 0;
      return;
    }
    if (Call.toTag == 0) return;
    const isFirst = Dialogs.find(Call.fromKey, 0, family);
    if (isFirst != NO_DIALOG) {
      Call.dialog = isFirst;
      if (hasSdp || (SipMessage.status >= 200 && SipMessage.status < 300))
        Dialogs.setTag(isFirst, Call.toTag);
      return;
    }
    const sibling = Dialogs.findAny(Call.fromKey, family);
    if (sibling == NO_DIALOG) Call.dialog = Dialogs.find(Call.fromKey, Call.toTag, 0);
    else Call.dialog = hasSdp ? Dialogs.fork(now, sibling, Call.toTag) : sibling;
  }

  /** The description says where the sender is. It goes on with our address. */
  private static describe(now: f64, family: u32): Reason {
    const other = 1 - Call.side;
    const into = Call.dialog == NO_DIALOG ? family : Dialogs.mediaFamily(Call.dialog, other);
    const isDirect = Call.resolve(into);
    let isRelayed = isDirect;
    for (let line = 0; line < Session.lineCount && !isDirect; line++) {
      if (Session.carried(line) == Carried.no || Session.familyOf(line) == 0) continue;
      if (
        !Session.isResolved(line) &&
        Session.familyOf(line) == into &&
        (Call.dialog == NO_DIALOG || Dialogs.stream(Call.dialog, line) == NO_STREAM)
      )
        continue;
      const reason = Call.relay(now, line, into, family);
      if (reason != Reason.none) return reason;
      isRelayed = true;
    }
    if (Call.dialog != NO_DIALOG) {
      Dialogs.setHeld(Call.dialog, Session.isHeld);
      for (let line = 0; line < Session.lineCount; line++) {
        if (Session.carried(line) == Carried.no || Session.familyOf(line) == 0) continue;
        Dialogs.setMediaFamily(Call.dialog, Call.side, Session.familyOf(line));
        break;
      }
    }
    if (!isRelayed && !Session.differs(into)) return Reason.none;
    return Call.write(into);
  }

  /**
   * A call that passes twice, because a proxy sent it back, has our own address in its SDP the second time.
   * The stream of the first time has the real place. If all of it is of the wanted family, the description
   * goes on with the real place, and media do not need us: true.
   */
  private static resolve(into: u32): bool {
    let first = -1;
    let isOne = true;
    for (let line = 0; line < Session.lineCount; line++) {
      if (Session.carried(line) == Carried.no) continue;
      const rtp = Session.rtp(line);
      if (!isOwnAddress(rtp)) {
        isOne = false;
        continue;
      }
      const pair = Ports.pairOf(portOf(rtp));
      const end = pair == NO_PAIR ? NO_END : Ports.head(familyOf(rtp), pair);
      if (end == NO_END) return false;
      const other = Streams.opposite(end);
      // The place of another call's media stays secret.
      const key = Dialogs.key(Streams.dialog(end >> 1));
      if ((key != Call.fromKey && key != Call.toKey) || !Streams.takes(other)) return false;
      Session.resolve(line, Streams.rtp(other), Streams.rtcp(other));
      if (familyOf(rtp) != into || (first >= 0 && !sameAddress(rtp, Session.rtp(first)))) isOne = false;
      if (first < 0) first = line;
    }
    if (first < 0 || !isOne) return false;
    Session.goDirect(first);
    return true;
  }

  private static relay(now: f64, line: i32, into: u32, family: u32): Reason {
    if (Call.dialog == NO_DIALOG) {
      Call.dialog = SipMessage.isRequest
        ? Dialogs.add(now, Call.fromKey, Call.toTag, Datagram.family, family)
        : Dialogs.add(now, Call.fromKey, Call.toTag, family, Datagram.family);
      if (Call.dialog == NO_DIALOG) return Reason.callsFull;
      Call.isNew = true;
    }
    const other = 1 - Call.side;
    let stream = Dialogs.stream(Call.dialog, line);
    if (stream == NO_STREAM) {
      // A call that has ended gets no new streams.
      if (Dialogs.phase(Call.dialog) == Phase.ended && Call.toTag != 0) return Reason.none;
      stream = Dialogs.addStream(Call.dialog, line);
      if (stream == NO_STREAM) return Reason.callsFull;
    }
    Streams.locate(stream * 2 + Call.side, Session.rtp(line), Session.rtcp(line), Datagram.source);
    const end = stream * 2 + other;
    // Lines that are in one place, as in a BUNDLE (RFC 9143), have one pair on the other side, too; and lines
    // in several places have several.
    const twin = Session.twin(line);
    const shared = twin < 0 ? NO_PAIR : Streams.pair(Dialogs.stream(Call.dialog, twin) * 2 + other);
    let pair = Streams.pair(end);
    if (
      pair == NO_PAIR ||
      Streams.family(end) != into ||
      (shared != NO_PAIR ? pair != shared : Dialogs.hasPairBefore(Call.dialog, line, other, into, pair))
    ) {
      pair = shared != NO_PAIR ? shared : Ports.take(now, into);
      if (pair == NO_PAIR) return Reason.noPorts;
      Streams.dropPair(end);
      Streams.setPair(end, into, pair);
    }
    Session.relay(line, Ports.port(pair));
    return Reason.none;
  }

  private static write(into: u32): Reason {
    const length = <i32>(Session.to - Session.at);
    sdp.begin(Session.at, Session.to, length * 2 + 1024);
    Session.write(sdp, into);
    sdp.end();
    if (!sdp.isWhole) return Reason.noRoom;
    Call.at = sdp.address;
    Call.length = sdp.length;
    if (SipBody.isAlone) return Reason.none;
    // The description is one of several parts; the others stay byte for byte.
    const all = <i32>(SipMessage.bodyTo - SipMessage.bodyAt);
    body.begin(SipMessage.bodyAt, SipMessage.bodyTo, all + sdp.length + 16);
    if (SipBody.lengthAt != 0) body.upTo(SipBody.lengthAt).number(sdp.length).skipTo(SipBody.lengthTo);
    body
      .upTo(SipBody.sdpAt)
      .bytes(sdp.address, sdp.address + sdp.length)
      .skipTo(SipBody.sdpTo)
      .rest();
    if (!body.isWhole) return Reason.noRoom;
    Call.at = body.address;
    Call.length = body.length;
    return Reason.none;
  }

  /** Handles a provisional response to INVITE: all of its forks stay. */
  private static ring(now: f64): void {
    for (let each = Dialogs.findAny(Call.fromKey, 0); each != NO_DIALOG; each = Dialogs.nextOfCall(each))
      Dialogs.ring(each, now);
  }

  /** Handles a final response to INVITE: it establishes the call, ends it, or refuses a change of it. */
  private static answerInvite(now: f64): void {
    if (SipMessage.status < 300) {
      Dialogs.establish(Call.dialog, now, sessionMs());
      settle(Call.dialog);
      for (let each = Dialogs.findAny(Call.fromKey, 0); each != NO_DIALOG; each = Dialogs.nextOfCall(each)) {
        if (each != Call.dialog && Dialogs.phase(each) == Phase.setup) Dialogs.fade(each, now);
      }
      return;
    }
    if (Dialogs.phase(Call.dialog) != Phase.setup) {
      goBack(Call.dialog, 1 - Call.side);
      return;
    }
    for (let each = Dialogs.findAny(Call.fromKey, 0); each != NO_DIALOG; each = Dialogs.nextOfCall(each)) {
      if (Dialogs.phase(each) == Phase.setup) Dialogs.finish(each, now);
    }
  }

  /** Handles a final response to UPDATE or PRACK. */
  private static answerOffer(now: f64, isUpdate: bool): void {
    if (SipMessage.status >= 300) {
      goBack(Call.dialog, 1 - Call.side);
      return;
    }
    settle(Call.dialog);
    if (isUpdate && Dialogs.phase(Call.dialog) == Phase.established)
      Dialogs.establish(Call.dialog, now, sessionMs());
  }
}

/** The offer is accepted. */
function settle(dialog: i32): void {
  for (let stream = Dialogs.firstStream(dialog); stream != NO_STREAM; stream = Streams.next(stream)) {
    Streams.settle(stream * 2);
    Streams.settle(stream * 2 + 1);
  }
}

/**
 * The offer of a side is refused, so the earlier state holds. Both sides may have made one at the same time
 * (RFC 3261 §14.2).
 */
function goBack(dialog: i32, side: i32): void {
  for (let stream = Dialogs.firstStream(dialog); stream != NO_STREAM; stream = Streams.next(stream))
    Streams.goBack(stream * 2 + side);
}

/** The hash of a tag, 0 if there is none. `keyOf` then identifies the call that it began. */
function readTag(from: usize, to: usize): u64 {
  tagAt = 0;
  tagTo = 0;
  if (!SipAddress.read(from, to) || !SipParameter.find(SipAddress.parametersAt, to, 'tag')) return 0;
  tagAt = SipParameter.valueAt;
  tagTo = SipParameter.valueTo;
  return tagTo == tagAt ? 0 : Secret.of(Purpose.party, tagAt, tagTo);
}

let tagAt: usize = 0;
let tagTo: usize = 0;

function keyOf(): u64 {
  return Secret.begin(Purpose.call)
    .bytes(SipMessage.callIdAt, SipMessage.callIdTo)
    .byte(0)
    .bytes(tagAt, tagTo)
    .end();
}

/** Session-Expires in milliseconds; 0 if there is none (RFC 4028 §4). */
function sessionMs(): f64 {
  const at = SipMessage.sessionExpiresAt;
  if (at == 0) return 0;
  let to = at;
  while (to < SipMessage.sessionExpiresTo && Ascii.isDigit(load<u8>(to))) to++;
  const seconds = Ascii.number(at, to, 0x7fffffff);
  return seconds <= 0 ? 0 : <f64>seconds * 1000;
}
