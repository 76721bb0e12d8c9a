// Header fields of SIP (RFC 3261 §7.3, §25.1) in memory. One header field is current at a time, and its
// fields are static.

import { Ascii, ByteClass } from './ascii';

/** Header fields by name. The compact form (§7.3.3) has the same entry. */
export const enum SipName {
  other,
  via,
  from,
  to,
  callId,
  cseq,
  contact,
  contentLength,
  contentType,
  contentEncoding,
  maxForwards,
  route,
  recordRoute,
  expires,
  sessionExpires,
  proxyRequire,
  path,
  serviceRoute,
  assertedIdentity,
  preferredIdentity,
  referTo,
  referredBy,
  replyTo,
  callInfo,
  alertInfo,
  errorInfo,
  identityInfo,
  historyInfo,
  diversion,
  remotePartyId,
  warning,
  /**
   * Another header field whose values are addresses: P-Associated-URI, P-Called-Party-ID, P-Served-User,
   * P-Profile-Key, P-Refused-URI-List, P-DCS-Trace-Party-ID, Additional-Identity, Geolocation,
   * Permission-Missing, Trigger-Consent, Policy-Contact and Refer-Events-At.
   */
  otherAddress,
}

/** The current header field. `next` goes on to the following one. */
export abstract class SipHeader {
  static name: SipName = SipName.other;
  static nameAt: usize = 0;
  static nameTo: usize = 0;
  /** The value, without white space around it. Folds (§7.3.1) inside of it stay as they came. */
  static valueAt: usize = 0;
  static valueTo: usize = 0;
  /** Where its first line begins, and the address behind its last line. */
  static at: usize = 0;
  static to: usize = 0;

  /**
   * Reads the header field whose line begins at `from`. False at the empty line that ends the header fields
   * (`to` is then behind it), and if there is no header field (`to` is then 0).
   */
  static read(from: usize, end: usize): bool {
    SipHeader.at = from;
    const first = from < end ? <u32>load<u8>(from) : 0;
    if (first == Ascii.LF) {
      SipHeader.to = from + 1;
      return false;
    }
    if (first == Ascii.CR && from + 1 < end && load<u8>(from + 1) == Ascii.LF) {
      SipHeader.to = from + 2;
      return false;
    }
    SipHeader.to = 0;
    let at = from;
    at = Ascii.skip(at, end, ByteClass.token);
    SipHeader.nameAt = from;
    SipHeader.nameTo = at;
    while (at < end && (load<u8>(at) == Ascii.SPACE || load<u8>(at) == Ascii.TAB)) at++;
    if (SipHeader.nameTo == from || at >= end || load<u8>(at) != 0x3a) return false;
    at++;
    let line = at;
    for (;;) {
      line = Ascii.find(line, end, Ascii.LF);
      // A line without an end means that the message is incomplete.
      if (line >= end) return false;
      line++;
      if (line >= end || (load<u8>(line) != Ascii.SPACE && load<u8>(line) != Ascii.TAB)) break;
    }
    SipHeader.to = line;
    SipHeader.valueAt = Ascii.skipSpace(at, line);
    SipHeader.valueTo = Ascii.trimEnd(SipHeader.valueAt, line);
    SipHeader.name = nameOf(SipHeader.nameAt, SipHeader.nameTo);
    return true;
  }

  /** Reads the following header field. */
  @inline static next(end: usize): bool {
    return SipHeader.read(SipHeader.to, end);
  }
}

/** By length and first letter, so that at most three names are compared. */
function nameOf(at: usize, to: usize): SipName {
  const first = Ascii.lower(load<u8>(at));
  switch (<i32>(to - at)) {
    case 1:
      return compactName(first);
    case 2:
      return first == 0x74 && Ascii.is(at, to, 'to') ? SipName.to : SipName.other;
    case 3:
      return first == 0x76 && Ascii.is(at, to, 'via') ? SipName.via : SipName.other;
    case 4:
      if (first == 0x66) return Ascii.is(at, to, 'from') ? SipName.from : SipName.other;
      if (first == 0x63) return Ascii.is(at, to, 'cseq') ? SipName.cseq : SipName.other;
      return first == 0x70 && Ascii.is(at, to, 'path') ? SipName.path : SipName.other;
    case 5:
      return first == 0x72 && Ascii.is(at, to, 'route') ? SipName.route : SipName.other;
    case 7:
      if (first == 0x65) return Ascii.is(at, to, 'expires') ? SipName.expires : SipName.other;
      if (first == 0x77) return Ascii.is(at, to, 'warning') ? SipName.warning : SipName.other;
      if (first != 0x63) return SipName.other;
      if (Ascii.is(at, to, 'call-id')) return SipName.callId;
      return Ascii.is(at, to, 'contact') ? SipName.contact : SipName.other;
    case 8:
      if (first != 0x72) return SipName.other;
      if (Ascii.is(at, to, 'refer-to')) return SipName.referTo;
      return Ascii.is(at, to, 'reply-to') ? SipName.replyTo : SipName.other;
    case 9:
      if (first == 0x64) return Ascii.is(at, to, 'diversion') ? SipName.diversion : SipName.other;
      return first == 0x63 && Ascii.is(at, to, 'call-info') ? SipName.callInfo : SipName.other;
    case 10:
      if (first == 0x61) return Ascii.is(at, to, 'alert-info') ? SipName.alertInfo : SipName.other;
      return first == 0x65 && Ascii.is(at, to, 'error-info') ? SipName.errorInfo : SipName.other;
    case 11:
      if (first == 0x67) return Ascii.is(at, to, 'geolocation') ? SipName.otherAddress : SipName.other;
      return first == 0x72 && Ascii.is(at, to, 'referred-by') ? SipName.referredBy : SipName.other;
    case 12:
      if (first == 0x6d) return Ascii.is(at, to, 'max-forwards') ? SipName.maxForwards : SipName.other;
      if (first == 0x72) return Ascii.is(at, to, 'record-route') ? SipName.recordRoute : SipName.other;
      if (first == 0x63) return Ascii.is(at, to, 'content-type') ? SipName.contentType : SipName.other;
      return first == 0x68 && Ascii.is(at, to, 'history-info') ? SipName.historyInfo : SipName.other;
    case 13:
      if (first == 0x70) {
        if (Ascii.is(at, to, 'proxy-require')) return SipName.proxyRequire;
        return isOneOf(at, to, 'p-served-user', 'p-profile-key');
      }
      if (first == 0x73) return Ascii.is(at, to, 'service-route') ? SipName.serviceRoute : SipName.other;
      return first == 0x69 && Ascii.is(at, to, 'identity-info') ? SipName.identityInfo : SipName.other;
    case 14:
      if (first == 0x70) return Ascii.is(at, to, 'policy-contact') ? SipName.otherAddress : SipName.other;
      return first == 0x63 && Ascii.is(at, to, 'content-length') ? SipName.contentLength : SipName.other;
    case 15:
      if (first == 0x73) return Ascii.is(at, to, 'session-expires') ? SipName.sessionExpires : SipName.other;
      if (first == 0x74) return Ascii.is(at, to, 'trigger-consent') ? SipName.otherAddress : SipName.other;
      if (first != 0x72) return SipName.other;
      if (Ascii.is(at, to, 'remote-party-id')) return SipName.remotePartyId;
      return Ascii.is(at, to, 'refer-events-at') ? SipName.otherAddress : SipName.other;
    case 16:
      if (first == 0x70) return Ascii.is(at, to, 'p-associated-uri') ? SipName.otherAddress : SipName.other;
      return first == 0x63 && Ascii.is(at, to, 'content-encoding') ? SipName.contentEncoding : SipName.other;
    case 17:
      return first == 0x70 && Ascii.is(at, to, 'p-called-party-id') ? SipName.otherAddress : SipName.other;
    case 18:
      return first == 0x70 ? isOneOf(at, to, 'permission-missing', 'p-refused-uri-list') : SipName.other;
    case 19:
      if (first == 0x61)
        return Ascii.is(at, to, 'additional-identity') ? SipName.otherAddress : SipName.other;
      return first == 0x70 && Ascii.is(at, to, 'p-asserted-identity')
        ? SipName.assertedIdentity
        : SipName.other;
    case 20:
      if (first != 0x70) return SipName.other;
      if (Ascii.is(at, to, 'p-preferred-identity')) return SipName.preferredIdentity;
      return Ascii.is(at, to, 'p-dcs-trace-party-id') ? SipName.otherAddress : SipName.other;
    default:
      return SipName.other;
  }
}

function isOneOf(at: usize, to: usize, one: string, other: string): SipName {
  return Ascii.is(at, to, one) || Ascii.is(at, to, other) ? SipName.otherAddress : SipName.other;
}

/** The compact forms of RFC 3261 §7.3.3, and of later RFCs. */
function compactName(letter: u32): SipName {
  switch (letter) {
    case 0x62:
      return SipName.referredBy;
    case 0x63:
      return SipName.contentType;
    case 0x65:
      return SipName.contentEncoding;
    case 0x66:
      return SipName.from;
    case 0x69:
      return SipName.callId;
    case 0x6c:
      return SipName.contentLength;
    case 0x6d:
      return SipName.contact;
    case 0x6e:
      return SipName.identityInfo;
    case 0x72:
      return SipName.referTo;
    case 0x74:
      return SipName.to;
    case 0x76:
      return SipName.via;
    case 0x78:
      return SipName.sessionExpires;
    default:
      return SipName.other;
  }
}
