// Requests that the piece itself refuses, as a stateless server does (RFC 3261 §8.2.7, §16.3). The response
// repeats header fields of the request, and goes back to its sender. The client's ACK to such a response ends
// here; our tag identifies it.

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
import { Configuration } from './configuration';
import { Connections } from './connections';
import { beginDatagram, Datagram } from './datagram';
import { isForbidden } from './destinations';
import { Edges, SHAPE_DATAGRAM } from './edges';
import { copyEndpoint, setPort, Transport, transportOf } from './endpoint';
import { Reason } from './reasons';
import { Purpose, Secret } from './secret';
import { Via } from './via';

@inline const MOST_BYTES: i32 = 65000;
@inline const TAG_BYTES: usize = 20;

const edit = new TextEdit();
const to: usize = memory.data(24, 8);

/** Refuses the current request, unless requests of its method get no response. */
export function refuse(now: f64, out: Outcome, status: string, reason: Reason): Reason {
  if (!SipMessage.isRequest || SipMessage.isMethod('ACK') || SipMessage.viaAt == 0 || SipMessage.bodyAt == 0)
    return reason;
  if (!SipValue.read(SipMessage.viaAt, SipMessage.viaTo) || !SipVia.read(SipValue.at, SipValue.to))
    return reason;
  // To the real source; and to the port of the Via if there is no rport (RFC 3261 §18.2.2).
  copyEndpoint(to, Datagram.source);
  const isStream = transportOf(to) == Transport.tcp;
  if (!isStream && !SipParameter.find(SipVia.parametersAt, SipValue.to, 'rport'))
    setPort(to, SipVia.port == 0 ? 5060 : SipVia.port);
  if (isForbidden(to)) return reason;
  const size = <i32>(SipMessage.bodyAt - SipMessage.headersAt) + 400;
  if (size > MOST_BYTES) return reason;
  writeStatus(status, size, true);
  if (reason == Reason.badExtension) {
    edit.text('Unsupported: ').bytes(SipMessage.proxyRequireAt, SipMessage.proxyRequireTo).text('\r\n');
  }
  edit.text('Content-Length: 0\r\n\r\n').end();
  if (!edit.isWhole) return Reason.noRoom;
  if (isStream) {
    Connections.send(now, out, 0, to, edit.address, edit.length, 0, 0, 0);
    return reason;
  }
  if (
    !beginDatagram(
      out,
      Edges.sip(Datagram.family),
      SHAPE_DATAGRAM,
      0,
      Configuration.port,
      to,
      Datagram.trafficClass,
    )
  )
    return Reason.notJoined;
  out.bytes(0, Role.Payload, 0, edit.address, edit.length);
  return reason;
}

/**
 * Writes the refusal of the current request, which has our own Via, like a response of the next hop. Returns
 * where it stands, or 0; `refusalLength` is its length.
 */
export function writeRefusalFor(status: string): usize {
  writeStatus(status, <i32>(SipMessage.bodyAt - SipMessage.headersAt) + 400, false);
  edit.text('Content-Length: 0\r\n\r\n').end();
  refusalLength = edit.length;
  return edit.isWhole ? edit.address : 0;
}

export let refusalLength: i32 = 0;

/** Writes the status, and the header fields that a response repeats (RFC 3261 §8.2.6.2). */
function writeStatus(status: string, size: i32, stamps: bool): void {
  edit.begin(SipMessage.headersAt, SipMessage.headersAt, size).text('SIP/2.0 ').text(status).text('\r\n');
  let vias = 0;
  for (let i = 0, n = SipMessage.fieldCount; i < n; i++) {
    const name = SipMessage.field(i);
    if (stamps && name == SipName.via && vias++ == 0 && SipValue.read(SipHeader.valueAt, SipHeader.valueTo)) {
      stampVia();
    } else if (name == SipName.to) {
      copyTo();
    } else if (
      name == SipName.via ||
      name == SipName.from ||
      name == SipName.callId ||
      name == SipName.cseq
    ) {
      edit.bytes(SipHeader.at, SipHeader.to);
    }
  }
}

/** Whether the current ACK is for a response of ours. */
export function isAckOfRefusal(): bool {
  if (!SipMessage.isMethod('ACK') || !SipAddress.read(SipMessage.toAt, SipMessage.toTo)) return false;
  if (!SipParameter.find(SipAddress.parametersAt, SipMessage.toTo, 'tag')) return false;
  const at = SipParameter.valueAt;
  if (SipParameter.valueTo - at != TAG_BYTES || !Ascii.begins(at, SipParameter.valueTo, 'm64-')) return false;
  const tag = ownTag();
  for (let i = 0; i < 16; i++) {
    if (Ascii.hexDigit(load<u8>(at + 4 + i)) != <i32>((tag >> <u64>(60 - 4 * i)) & 15)) return false;
  }
  return true;
}

function stampVia(): void {
  edit.goTo(SipHeader.at, SipHeader.to);
  Via.stamp(edit, SipValue.at, SipValue.to);
  edit.upTo(SipHeader.to);
}

function copyTo(): void {
  edit.goTo(SipHeader.at, SipHeader.to);
  const hasTag =
    SipAddress.read(SipHeader.valueAt, SipHeader.valueTo) &&
    SipParameter.find(SipAddress.parametersAt, SipHeader.valueTo, 'tag');
  if (!hasTag) edit.upTo(SipHeader.valueTo).text(';tag=m64-').hex64(ownTag());
  edit.upTo(SipHeader.to);
}

/** All requests of a transaction have one tag, so that no memory is needed to recognise an ACK. */
function ownTag(): u64 {
  return Secret.begin(Purpose.tag)
    .bytes(SipMessage.callIdAt, SipMessage.callIdTo)
    .byte(<u32>Via.transaction)
    .byte(<u32>(Via.transaction >> 8))
    .byte(<u32>(Via.transaction >> 16))
    .byte(<u32>(Via.transaction >> 24))
    .end();
}
