// Messages of SIP that pass: finds the dialog of each, and lets its description be negotiated. All else of
// a message stays byte for byte, but for the length of its body.

import { TextEdit } from 'funnel-tunnel/as';
import { Ascii } from 'funnel-tunnel/as/views/ascii';
import { SipAddress, SipFault, SipMessage, SipParameter } from 'funnel-tunnel/as/views/sip';
import { SipBody } from 'funnel-tunnel/as/views/sip-body';
import { Configuration, Policy } from './configuration';
import { Dialog, Dialogs, NO_DIALOG, Phase } from './dialogs';
import { goBack, Rewritten, takeAnswer, takeOffer } from './negotiation';
import { Reason } from './reasons';
import { isAckOfRefusal } from './refusal';
import { Secret } from './secret';
import { Session } from './session';
import { PLAIN, PROTECTED } from './sides';

const edit = new TextEdit();
const body = new TextEdit();

/** The message that goes on. */
export abstract class Message {
  /** 0 if the message goes on as it came. */
  static at: usize = 0;
  static length: i32 = 0;
  private static call: u64 = 0;
  private static plainTag: u64 = 0;
  private static protectedTag: u64 = 0;

  /** Takes a message of a side. Returns why it ends, or `Reason.none`. */
  static take(now: f64, side: i32, at: usize, to: usize): Reason {
    Message.at = 0;
    const fault = SipMessage.read(at, to);
    if (fault == SipFault.keepalive || fault == SipFault.noStartLine) return Reason.none;
    if (fault != SipFault.none) return Reason.malformed;
    if (SipMessage.isRequest && isAckOfRefusal()) return Reason.ackOfRefusal;
    const isInvite = SipMessage.isMethod('INVITE');
    const isUpdate = SipMessage.isMethod('UPDATE');
    const isAck = SipMessage.isMethod('ACK');
    const mayDescribe = isInvite || isUpdate || isAck || SipMessage.isMethod('PRACK');
    const isBye = SipMessage.isMethod('BYE');
    if (!mayDescribe && !isBye) return Reason.none;
    Message.readTags(side);
    let id = Dialogs.find(Message.call, Message.plainTag, Message.protectedTag);
    const hasBody = SipMessage.bodyTo > SipMessage.bodyAt;
    if (mayDescribe && hasBody && (SipMessage.isRequest || SipMessage.status < 300)) {
      if (SipBody.findSdp() && Session.read(SipBody.sdpAt, SipBody.sdpTo)) {
        if (Session.isTooLong) return Reason.refused;
        const reason = Message.describe(now, side, id, isAck);
        if (reason != Reason.none) return reason;
        id = Dialogs.find(Message.call, Message.plainTag, Message.protectedTag);
      } else if (Configuration.policy != Policy.never && mayHideSdp()) {
        return Reason.unreadableBody;
      }
    }
    Message.progress(now, side, id, isInvite, isBye);
    return Reason.none;
  }

  /** The tags by their sides: From is the sender of a request, and To that of a response. */
  private static readTags(side: i32): void {
    Message.call = Secret.of(SipMessage.callIdAt, SipMessage.callIdTo);
    const from = readTag(SipMessage.fromAt, SipMessage.fromTo);
    const to = readTag(SipMessage.toAt, SipMessage.toTo);
    const isFromPlain = SipMessage.isRequest == (side == PLAIN);
    Message.plainTag = isFromPlain ? from : to;
    Message.protectedTag = isFromPlain ? to : from;
  }

  /** The dialog before the first answer, which the other side's tag is not part of. */
  private static findUnanswered(side: i32): i32 {
    return side == PLAIN
      ? Dialogs.find(Message.call, 0, Message.protectedTag)
      : Dialogs.find(Message.call, Message.plainTag, 0);
  }

  private static describe(now: f64, side: i32, found: i32, isAck: bool): Reason {
    let id = found;
    if (id == NO_DIALOG && !SipMessage.isRequest) {
      const first = Message.findUnanswered(side);
      if (first != NO_DIALOG) id = Dialogs.fork(now, first, Message.plainTag, Message.protectedTag);
    }
    if (id == NO_DIALOG) id = Dialogs.add(now, Message.call, Message.plainTag, Message.protectedTag);
    if (id == NO_DIALOG) return Configuration.policy == Policy.never ? Reason.none : Reason.refused;
    const dialog = Dialogs.at(id);
    const sequence = <u32>Ascii.number(SipMessage.cseqAt, SipMessage.cseqTo, 0xffff_ffff);
    const isAnswer = isAnswerIn(dialog, side, sequence, isAck);
    if (!isAnswer) {
      dialog.offeredBy = side;
      dialog.isOfferOpen = true;
      dialog.isOfferInResponse = !SipMessage.isRequest;
      if (SipMessage.isRequest && SipMessage.isMethod('INVITE')) dialog.invites[side] = sequence;
    } else {
      dialog.isOfferOpen = false;
    }
    const reason = isAnswer ? takeAnswer(now, side, id) : takeOffer(side, id);
    if (reason != Reason.none) {
      if (!isAnswer) {
        goBack(dialog);
        dialog.isOfferOpen = false;
        if (dialog.phase == Phase.setup) Dialogs.finish(id, now);
      }
      return reason;
    }
    return Rewritten.at == 0 ? Reason.none : writeMessage();
  }

  /** Notes the state of the dialog that the message implies. */
  private static progress(now: f64, side: i32, id: i32, isInvite: bool, isBye: bool): void {
    if (SipMessage.isRequest) {
      if (id == NO_DIALOG) return;
      const dialog = Dialogs.at(id);
      dialog.heardAt = now;
      if (isBye) Dialogs.finish(id, now);
      else if (isInvite && dialog.phase == Phase.ended && (dialog.plainTag == 0 || dialog.protectedTag == 0))
        Dialogs.setUp(id, now);
      return;
    }
    const status = SipMessage.status;
    if (status < 200 || isBye) return;
    // A response comes from the side that did not send the request.
    const isPlain = side == PROTECTED;
    const tag = isPlain ? Message.plainTag : Message.protectedTag;
    if (status < 300) {
      if (id == NO_DIALOG) return;
      const dialog = Dialogs.at(id);
      dialog.heardAt = now;
      if (!isInvite || dialog.phase == Phase.ended) return;
      const isFirst = dialog.phase == Phase.setup;
      Dialogs.establish(id, now);
      if (isFirst) Dialogs.finishSetup(now, Message.call, isPlain, tag, id);
      return;
    }
    const dialogId = id != NO_DIALOG ? id : Message.findUnanswered(side);
    if (dialogId == NO_DIALOG) return;
    const dialog = Dialogs.at(dialogId);
    if (isInvite && dialog.phase == Phase.setup) {
      Dialogs.finishSetup(now, Message.call, isPlain, tag, NO_DIALOG);
    } else if (dialog.isOfferOpen && dialog.offeredBy == 1 - side) {
      goBack(dialog);
      dialog.isOfferOpen = false;
    }
  }
}

/**
 * Whether the description answers that of the other side (RFC 3264, RFC 6337). A response answers the offer
 * in its request, however often it comes.
 */
function isAnswerIn(dialog: Dialog, side: i32, sequence: u32, isAck: bool): bool {
  if (isAck) return true;
  if (!SipMessage.isRequest) return !SipMessage.isMethod('INVITE') || dialog.invites[1 - side] == sequence;
  return (
    SipMessage.isMethod('PRACK') &&
    dialog.offeredBy == 1 - side &&
    dialog.isOfferInResponse &&
    dialog.isOfferOpen
  );
}

/**
 * Whether the body, in which no description was found, may have one: it is encoded or signed, or it has a
 * part of that type which cannot be read.
 */
function mayHideSdp(): bool {
  if (SipMessage.hasContentEncoding || SipMessage.contentTypeAt == 0) return true;
  const at = SipMessage.contentTypeAt;
  const to = SipMessage.contentTypeTo;
  if (Ascii.begins(at, to, 'application/sdp') || Ascii.begins(at, to, 'application/pkcs7')) return true;
  if (Ascii.begins(at, to, 'multipart/encrypted')) return true;
  if (!Ascii.begins(at, to, 'multipart/')) return false;
  for (let i = SipMessage.bodyAt; i + 3 <= SipMessage.bodyTo; i++)
    if (Ascii.begins(i, SipMessage.bodyTo, 'sdp')) return true;
  return false;
}

/** Writes the message with its new description. */
function writeMessage(): Reason {
  let at = Rewritten.at;
  let length = Rewritten.length;
  if (!SipBody.isAlone) {
    const all = <i32>(SipMessage.bodyTo - SipMessage.bodyAt);
    body.begin(SipMessage.bodyAt, SipMessage.bodyTo, all + length + 16);
    if (SipBody.lengthAt != 0) body.upTo(SipBody.lengthAt).number(length).skipTo(SipBody.lengthTo);
    body
      .upTo(SipBody.sdpAt)
      .bytes(at, at + length)
      .skipTo(SipBody.sdpTo)
      .rest();
    if (!body.isWhole) return Reason.noRoom;
    at = body.address;
    length = body.length;
  }
  edit.begin(SipMessage.at, SipMessage.bodyAt, <i32>(SipMessage.bodyAt - SipMessage.at) + length + 32);
  if (SipMessage.contentLengthAt != 0)
    edit.upTo(SipMessage.contentLengthAt).number(length).skipTo(SipMessage.contentLengthTo);
  edit
    .upTo(SipMessage.bodyAt)
    .bytes(at, at + length)
    .end();
  if (!edit.isWhole) return Reason.noRoom;
  Message.at = edit.address;
  Message.length = edit.length;
  return Reason.none;
}

/** The hash of a tag; 0 if there is none. */
function readTag(from: usize, to: usize): u64 {
  if (!SipAddress.read(from, to) || !SipParameter.find(SipAddress.parametersAt, to, 'tag')) return 0;
  if (SipParameter.valueTo == SipParameter.valueAt) return 0;
  return Secret.of(SipParameter.valueAt, SipParameter.valueTo);
}
