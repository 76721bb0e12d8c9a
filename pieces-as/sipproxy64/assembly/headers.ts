// Rewrites the header fields of a message in one pass. Everything that this module does not name stays byte
// for byte.

import { TextEdit } from 'funnel-tunnel/as';
import { Ascii } from 'funnel-tunnel/as/views/ascii';
import { IpText } from 'funnel-tunnel/as/views/ip-text';
import { SipAddress, SipHeader, SipMessage, SipName, SipUri, SipValue } from 'funnel-tunnel/as/views/sip';
import { Configuration } from './configuration';
import { Datagram } from './datagram';
import { familyOf, Transport, transportOf } from './endpoint';
import { Registrations } from './registrations';
import { Target, UriChange } from './target';
import { Mapped, mapAddress, restore } from './uri-map';
import { Via } from './via';

const address: usize = memory.data(24, 8);

/** The start line of a request. Its URI has led to the target. */
export function writeRequestLine(edit: TextEdit): void {
  if (Target.uriChange == UriChange.registered) {
    edit
      .upTo(SipMessage.uriAt)
      .bytes(Registrations.uriOf(Target.contact), Registrations.uriEnd(Target.contact))
      .skipTo(SipMessage.uriTo);
  } else if (
    Target.uriChange == UriChange.restored &&
    SipUri.read(SipMessage.uriAt, SipMessage.uriTo) &&
    Mapped.read()
  ) {
    restore(edit, SipMessage.uriAt, SipMessage.uriTo, false, true);
  }
  edit.upTo(SipMessage.headersAt);
}

/**
 * Adds our header fields in front of a request's: our Via, the Routes back to us, and Max-Forwards if it is
 * missing.
 */
export function writeOwnHeaders(edit: TextEdit, family: u32, transport: Transport): void {
  Via.write(edit, family, transport);
  if (SipMessage.maxForwardsAt == 0) edit.text('Max-Forwards: 70\r\n');
  if (!makesDialog()) return;
  // The side of the destination comes first, and then that of the source: each reads the one that it can
  // reach first. One Route for both sides has a parameter, because a phone may write the same Route without
  // it, for its outbound proxy.
  const from = Datagram.family;
  const came = transportOf(Datagram.source);
  const isOne = from == family && came == transport;
  edit.text('Record-Route: ');
  writeOwnRoute(edit, family, transport, isOne);
  if (!isOne) writeOwnRoute(edit.text(','), from, came, false);
  edit.text('\r\n');
}

function writeOwnRoute(edit: TextEdit, family: u32, transport: Transport, isOne: bool): void {
  edit.text('<sip:').text(Configuration.ownHost(family));
  if (transport == Transport.tcp) edit.text(';transport=tcp');
  edit.text(isOne ? ';h64;lr>' : ';lr>');
}

/** Requests that begin a dialog, or refresh one whose beginning did not pass us. */
function makesDialog(): bool {
  return (
    SipMessage.isMethod('INVITE') ||
    SipMessage.isMethod('SUBSCRIBE') ||
    SipMessage.isMethod('REFER') ||
    SipMessage.isMethod('NOTIFY')
  );
}

/**
 * Writes all header fields, and the empty line behind them.
 *
 * @param family in which the message goes on
 * @param transport by which the message leaves
 * @param bodyLength of the new body; negative if it is unchanged
 */
export function writeHeaders(edit: TextEdit, family: u32, transport: Transport, bodyLength: i32): void {
  const end = SipMessage.bodyAt;
  let vias = 0;
  let routes = 0;
  for (let i = 0, n = SipMessage.fieldCount; i < n; i++) {
    switch (SipMessage.field(i)) {
      case SipName.via:
        if (vias == 0) writeFirstVia(edit);
        vias++;
        break;
      case SipName.route:
        if (SipMessage.isRequest) routes = writeRoutes(edit, routes);
        break;
      case SipName.maxForwards:
        if (SipMessage.isRequest && SipHeader.valueAt == SipMessage.maxForwardsAt) {
          const hops = Ascii.number(SipHeader.valueAt, SipHeader.valueTo, 255);
          edit
            .upTo(SipHeader.valueAt)
            .number(<u32>hops - 1)
            .skipTo(SipHeader.valueTo);
        }
        break;
      case SipName.contentLength:
        if (bodyLength >= 0) edit.upTo(SipHeader.valueAt).number(bodyLength).skipTo(SipHeader.valueTo);
        break;
      case SipName.contact:
      case SipName.from:
      case SipName.to:
      case SipName.path:
      case SipName.serviceRoute:
      case SipName.assertedIdentity:
      case SipName.preferredIdentity:
      case SipName.referTo:
      case SipName.referredBy:
      case SipName.replyTo:
      case SipName.callInfo:
      case SipName.alertInfo:
      case SipName.errorInfo:
      case SipName.identityInfo:
      case SipName.historyInfo:
      case SipName.diversion:
      case SipName.remotePartyId:
      case SipName.otherAddress:
        writeAddresses(edit, family, transport);
        break;
      case SipName.warning:
        writeWarnings(edit, family);
        break;
      default:
        break;
    }
  }
  edit.upTo(end);
}

/** The topmost Via of a request says where it came from; that of a response is ours, and is removed. */
function writeFirstVia(edit: TextEdit): void {
  const valueTo = SipHeader.valueTo;
  if (!SipValue.read(SipHeader.valueAt, valueTo)) return;
  if (SipMessage.isRequest) {
    Via.stamp(edit, SipValue.at, SipValue.to);
    return;
  }
  // Without a comma it was alone in its header field, which is removed as a whole.
  const next = SipValue.next;
  const rest = Ascii.skipSpace(next, valueTo);
  if (rest < valueTo) edit.upTo(SipHeader.valueAt).skipTo(rest);
  else edit.upTo(SipHeader.at).skipTo(SipHeader.to);
}

/**
 * Removes our own Routes, of which `before` stood in header fields in front. Returns the number of Routes so
 * far.
 */
function writeRoutes(edit: TextEdit, before: i32): i32 {
  let count = before;
  const valueTo = SipHeader.valueTo;
  let next = SipHeader.valueAt;
  let kept: usize = 0;
  while (SipValue.read(next, valueTo)) {
    next = SipValue.next;
    if (count >= Target.ownRoutes) {
      if (kept == 0) {
        kept = SipValue.at;
        // The values behind ours move to the front.
        if (count > before) edit.upTo(SipHeader.valueAt).skipTo(kept);
        // The first remaining one may have gone through us, and gets its own form again.
        if (
          SipAddress.read(SipValue.at, SipValue.to) &&
          SipUri.read(SipAddress.uriAt, SipAddress.uriTo) &&
          Mapped.read() &&
          count == Target.ownRoutes
        ) {
          const family = IpText.readBracketed(SipUri.hostAt, SipUri.hostTo, address);
          if (family != 0) mapAddress(edit, familyOf(Mapped.endpoint), Transport.udp);
        }
      }
      return count + 1;
    }
    count++;
  }
  if (kept == 0 && count > before) edit.upTo(SipHeader.at).skipTo(SipHeader.to);
  return count;
}

function writeAddresses(edit: TextEdit, family: u32, transport: Transport): void {
  const valueTo = SipHeader.valueTo;
  let next = SipHeader.valueAt;
  while (SipValue.read(next, valueTo)) {
    next = SipValue.next;
    if (SipValue.to > SipValue.at && SipAddress.read(SipValue.at, SipValue.to))
      mapAddress(edit, family, transport);
  }
}

/** `code agent "text"`: an agent of the other family gets our own address (RFC 3261 §20.43). */
function writeWarnings(edit: TextEdit, family: u32): void {
  const valueTo = SipHeader.valueTo;
  let next = SipHeader.valueAt;
  while (SipValue.read(next, valueTo)) {
    next = SipValue.next;
    const agent = Ascii.skipSpace(Ascii.find(SipValue.at, SipValue.to, Ascii.SPACE), SipValue.to);
    if (agent >= SipValue.to || !SipUri.readHostPort(agent, SipValue.to)) continue;
    const is = IpText.readBracketed(SipUri.hostAt, SipUri.hostTo, address);
    if (is != 0 && is != family)
      edit.upTo(SipUri.hostAt).text(Configuration.ownHost(family)).skipTo(SipUri.restAt);
  }
}
