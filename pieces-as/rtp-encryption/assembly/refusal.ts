// Requests whose media cannot be protected get 488 from the piece itself, as from a stateless server (RFC
// 3261 §8.2.7). The ACK to it ends here; our tag identifies it.

import { Outcome, Role, TextEdit } from 'funnel-tunnel/as';
import { Ascii } from 'funnel-tunnel/as/views/ascii';
import {
  SipAddress,
  SipHeader,
  SipMessage,
  SipName,
  SipParameter,
  SipValue,
  SipVia,
} from 'funnel-tunnel/as/views/sip';
import { portOf } from '../../sipproxy64/assembly/endpoint';
import { Datagram } from './datagram';
import { Secret } from './secret';

const MARK = 're-';
const TAG_BYTES: usize = 19;
/** The number in front of what a tag is a hash of, so that it never passes for another hash. */
const PURPOSE: u32 = 1;

const edit = new TextEdit();

/** Refuses the current request, unless requests of its method get no response. */
export function refuse(out: Outcome, edge: i32, shape: u16): void {
  if (!SipMessage.isRequest || SipMessage.isMethod('ACK') || edge < 0) return;
  if (!SipValue.read(SipMessage.viaAt, SipMessage.viaTo) || !SipVia.read(SipValue.at, SipValue.to)) return;
  // To the real source; and to the port of the Via if there is no rport (RFC 3261 §18.2.2, RFC 3581).
  const hasPort = SipParameter.find(SipVia.parametersAt, SipValue.to, 'rport');
  const port = hasPort ? portOf(Datagram.source) : SipVia.port == 0 ? 5060 : SipVia.port;
  const size = <i32>(SipMessage.bodyAt - SipMessage.headersAt) + 400;
  edit.begin(SipMessage.headersAt, SipMessage.headersAt, size).text('SIP/2.0 488 Not Acceptable Here\r\n');
  for (let i = 0, n = SipMessage.fieldCount; i < n; i++) {
    const name = SipMessage.field(i);
    if (name == SipName.to) copyTo();
    else if (name == SipName.via || name == SipName.from || name == SipName.callId || name == SipName.cseq)
      edit.bytes(SipHeader.at, SipHeader.to);
  }
  edit.text('Content-Length: 0\r\n\r\n').end();
  if (!edit.isWhole || !Datagram.beginReply(out, <u16>edge, shape, port)) return;
  if (!out.bytes(0, Role.Payload, 0, edit.address, edit.length)) out.cancel();
}

/** Whether the current request is the ACK for a response of ours. */
export function isAckOfRefusal(): bool {
  if (!SipMessage.isMethod('ACK') || !SipAddress.read(SipMessage.toAt, SipMessage.toTo)) return false;
  if (!SipParameter.find(SipAddress.parametersAt, SipMessage.toTo, 'tag')) return false;
  const at = SipParameter.valueAt;
  if (SipParameter.valueTo - at != TAG_BYTES || !Ascii.begins(at, SipParameter.valueTo, MARK)) return false;
  const tag = ownTag();
  for (let i = 0; i < 16; i++) {
    if (Ascii.hexDigit(load<u8>(at + MARK.length + i)) != <i32>((tag >> <u64>(60 - 4 * i)) & 15))
      return false;
  }
  return true;
}

function copyTo(): void {
  edit.goTo(SipHeader.at, SipHeader.to);
  const hasTag =
    SipAddress.read(SipHeader.valueAt, SipHeader.valueTo) &&
    SipParameter.find(SipAddress.parametersAt, SipHeader.valueTo, 'tag');
  if (!hasTag) edit.upTo(SipHeader.valueTo).text(';tag=').text(MARK).hex64(ownTag());
  edit.upTo(SipHeader.to);
}

/** All requests of a transaction have one tag, so that no memory is needed to recognise an ACK. */
function ownTag(): u64 {
  return Secret.hash
    .begin()
    .byte(PURPOSE)
    .bytes(SipMessage.callIdAt, SipMessage.callIdTo)
    .byte(0)
    .bytes(SipMessage.cseqAt, SipMessage.cseqTo)
    .end();
}
