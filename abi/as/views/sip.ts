// Messages of SIP (RFC 3261 §7, §25.1) in memory. Reading them allocates nothing, and takes time in
// proportion to their bytes. One message, one header field and one URI are current at a time, and their
// fields are static.

import { Ascii, ByteClass } from './ascii';
import { SipHeader, SipName } from './sip-header';

export { SipHeader, SipName } from './sip-header';
export { SipAddress, SipParameter, SipUri, SipValue, SipVia } from './sip-values';

/** A fault of a message. `none` says that the message can be read, not that each value in it is right. */
export const enum SipFault {
  none,
  /** Only line ends, which keep a mapping alive (RFC 5626 §3.5.1). */
  keepalive,
  /** No start line of SIP, so there is no sender to answer. */
  noStartLine,
  /** A malformed start line of SIP. */
  startLine,
  /** Another version of SIP. */
  version,
  /** The header fields do not end, or a line is no header field. */
  headers,
  /** Via, From, To, Call-ID or CSeq is missing (§8.1.1), or is there twice where it must not be. */
  mandatory,
  /** Content-Length is no number, differs from another one, or exceeds the bytes that are there (§18.3). */
  contentLength,
}

/** The most header fields of `SipName` in one message. Real messages have fewer. */
const MOST_FIELDS: i32 = 8192;
@inline const FIELD: usize = 20;
const fieldTable: usize = memory.data(163840, 4);
let fields: i32 = 0;

/** The current message. Values that are not there are 0. */
export abstract class SipMessage {
  static isRequest: bool = false;
  static at: usize = 0;
  /** Where header fields begin, and where the body does. */
  static headersAt: usize = 0;
  static bodyAt: usize = 0;
  /** The address behind the body. Later bytes of the datagram belong to no message (§18.3). */
  static bodyTo: usize = 0;
  static methodAt: usize = 0;
  static methodTo: usize = 0;
  static uriAt: usize = 0;
  static uriTo: usize = 0;
  /** The version behind the URI of a request, or in front of the code of a response. */
  static versionAt: usize = 0;
  static versionTo: usize = 0;
  /** The status of a response. */
  static status: i32 = 0;
  static viaAt: usize = 0;
  static viaTo: usize = 0;
  static fromAt: usize = 0;
  static fromTo: usize = 0;
  static toAt: usize = 0;
  static toTo: usize = 0;
  static callIdAt: usize = 0;
  static callIdTo: usize = 0;
  /** The number of CSeq, and its method. */
  static cseqAt: usize = 0;
  static cseqTo: usize = 0;
  static cseqMethodAt: usize = 0;
  static cseqMethodTo: usize = 0;
  static maxForwardsAt: usize = 0;
  static maxForwardsTo: usize = 0;
  static contentTypeAt: usize = 0;
  static contentTypeTo: usize = 0;
  static contentLengthAt: usize = 0;
  static contentLengthTo: usize = 0;
  static hasContentEncoding: bool = false;
  /** The first of several header fields. */
  static routeAt: usize = 0;
  static routeTo: usize = 0;
  static proxyRequireAt: usize = 0;
  static proxyRequireTo: usize = 0;
  static expiresAt: usize = 0;
  static expiresTo: usize = 0;
  static sessionExpiresAt: usize = 0;
  static sessionExpiresTo: usize = 0;

  /**
   * Reads the message that begins at `from`, in a datagram that ends at `end`. If something is wrong, the
   * fields found so far are set, so that a request can be refused with what it has.
   */
  static read(from: usize, end: usize): SipFault {
    reset();
    let at = from;
    // Skips line ends in front of a start line (§7.5).
    while (at < end && (load<u8>(at) == Ascii.CR || load<u8>(at) == Ascii.LF)) at++;
    SipMessage.at = at;
    if (at == end) return SipFault.keepalive;
    const line = Ascii.lineEnd(at, end);
    if (load<u8>(line - 1) != Ascii.LF) return SipFault.noStartLine;
    let lineTo = line - 1;
    if (lineTo > at && load<u8>(lineTo - 1) == Ascii.CR) lineTo--;
    const startLine = readStartLine(at, lineTo);
    if (startLine == SipFault.noStartLine) return startLine;
    SipMessage.headersAt = line;
    const headers = readHeaders(line, end);
    if (startLine != SipFault.none) return startLine;
    return headers;
  }

  /**
   * The number of header fields whose name is in `SipName`. `field` selects one of them without reading it
   * again.
   */
  @inline static get fieldCount(): i32 {
    return fields;
  }

  /** Makes the i-th such header field the current one. */
  static field(i: i32): SipName {
    const at = fieldTable + <usize>i * FIELD;
    SipHeader.at = load<u32>(at);
    SipHeader.to = load<u32>(at, 4);
    SipHeader.valueAt = load<u32>(at, 8);
    SipHeader.valueTo = load<u32>(at, 12);
    SipHeader.name = <SipName>load<u32>(at, 16);
    return SipHeader.name;
  }

  /**
   * Whether the method is this one, which is case-sensitive (§7.1). For a response, this compares the method
   * of CSeq.
   */
  static isMethod(method: string): bool {
    return SipMessage.isRequest
      ? Ascii.isExactly(SipMessage.methodAt, SipMessage.methodTo, method)
      : Ascii.isExactly(SipMessage.cseqMethodAt, SipMessage.cseqMethodTo, method);
  }
}

function reset(): void {
  fields = 0;
  SipMessage.isRequest = false;
  SipMessage.headersAt = 0;
  SipMessage.bodyAt = 0;
  SipMessage.bodyTo = 0;
  SipMessage.methodAt = 0;
  SipMessage.methodTo = 0;
  SipMessage.uriAt = 0;
  SipMessage.uriTo = 0;
  SipMessage.versionAt = 0;
  SipMessage.versionTo = 0;
  SipMessage.status = 0;
  SipMessage.viaAt = 0;
  SipMessage.viaTo = 0;
  SipMessage.fromAt = 0;
  SipMessage.fromTo = 0;
  SipMessage.toAt = 0;
  SipMessage.toTo = 0;
  SipMessage.callIdAt = 0;
  SipMessage.callIdTo = 0;
  SipMessage.cseqAt = 0;
  SipMessage.cseqTo = 0;
  SipMessage.cseqMethodAt = 0;
  SipMessage.cseqMethodTo = 0;
  SipMessage.maxForwardsAt = 0;
  SipMessage.maxForwardsTo = 0;
  SipMessage.contentTypeAt = 0;
  SipMessage.contentTypeTo = 0;
  SipMessage.contentLengthAt = 0;
  SipMessage.contentLengthTo = 0;
  SipMessage.hasContentEncoding = false;
  SipMessage.routeAt = 0;
  SipMessage.routeTo = 0;
  SipMessage.proxyRequireAt = 0;
  SipMessage.proxyRequireTo = 0;
  SipMessage.expiresAt = 0;
  SipMessage.expiresTo = 0;
  SipMessage.sessionExpiresAt = 0;
  SipMessage.sessionExpiresTo = 0;
}

/** `METHOD URI SIP/2.0`, or `SIP/2.0 CODE REASON`, each with one space between (§7.1, §7.2). */
function readStartLine(from: usize, to: usize): SipFault {
  if (Ascii.begins(from, to, 'sip/')) {
    const version = Ascii.find(from, to, Ascii.SPACE);
    SipMessage.versionAt = from;
    SipMessage.versionTo = version;
    const code = version + 1;
    if (code + 3 > to) return SipFault.startLine;
    const status = Ascii.number(code, code + 3, 999);
    // Some senders leave out the space behind the code if there is no reason.
    if (status < 100 || status > 699 || (code + 3 < to && load<u8>(code + 3) != Ascii.SPACE))
      return SipFault.startLine;
    SipMessage.status = <i32>status;
    return Ascii.is(from, version, 'sip/2.0') ? SipFault.none : SipFault.version;
  }
  // The version stands behind the last space.
  let version = to;
  while (version > from && load<u8>(version - 1) != Ascii.SPACE && load<u8>(version - 1) != Ascii.TAB)
    version--;
  let isTrailed = false;
  if (version == to) {
    // Skips white space at the end; the version is in front of it.
    isTrailed = true;
    const end = Ascii.trimEnd(from, to);
    version = end;
    while (version > from && !Ascii.isSpace(load<u8>(version - 1))) version--;
    to = end;
  }
  if (!Ascii.begins(version, to, 'sip/')) return SipFault.noStartLine;
  SipMessage.isRequest = true;
  SipMessage.versionAt = version;
  SipMessage.versionTo = to;
  let at = from;
  at = Ascii.skip(at, version, ByteClass.token);
  SipMessage.methodAt = from;
  SipMessage.methodTo = at;
  if (at == from || at >= version || load<u8>(at) != Ascii.SPACE) return SipFault.startLine;
  SipMessage.uriAt = at + 1;
  SipMessage.uriTo = version - 1;
  if (SipMessage.uriTo <= SipMessage.uriAt) return SipFault.startLine;
  if (!Ascii.is(version, to, 'sip/2.0')) return SipFault.version;
  if (isTrailed) return SipFault.startLine;
  for (let i = SipMessage.uriAt; i < SipMessage.uriTo; i++) {
    const byte = <u32>load<u8>(i);
    if (byte <= Ascii.SPACE || byte == 0x7f || byte == 0x3c || byte == 0x3e) return SipFault.startLine;
  }
  return SipFault.none;
}

function readHeaders(from: usize, end: usize): SipFault {
  let at = from;
  let isRepeated = false;
  let lengthFault = false;
  let length: i64 = -1;
  while (SipHeader.read(at, end)) {
    at = SipHeader.to;
    if (SipHeader.name == SipName.other) continue;
    const value = SipHeader.valueAt;
    const valueTo = SipHeader.valueTo;
    if (fields == MOST_FIELDS) return SipFault.headers;
    const field = fieldTable + <usize>fields * FIELD;
    fields++;
    store<u32>(field, <u32>SipHeader.at);
    store<u32>(field, <u32>at, 4);
    store<u32>(field, <u32>value, 8);
    store<u32>(field, <u32>valueTo, 12);
    store<u32>(field, SipHeader.name, 16);
    switch (SipHeader.name) {
      case SipName.via:
        if (SipMessage.viaAt == 0) {
          SipMessage.viaAt = value;
          SipMessage.viaTo = valueTo;
        }
        break;
      case SipName.from:
        if (SipMessage.fromAt != 0) isRepeated = true;
        SipMessage.fromAt = value;
        SipMessage.fromTo = valueTo;
        break;
      case SipName.to:
        if (SipMessage.toAt != 0) isRepeated = true;
        SipMessage.toAt = value;
        SipMessage.toTo = valueTo;
        break;
      case SipName.callId:
        if (SipMessage.callIdAt != 0) isRepeated = true;
        SipMessage.callIdAt = value;
        SipMessage.callIdTo = valueTo;
        break;
      case SipName.cseq:
        if (SipMessage.cseqAt != 0) isRepeated = true;
        readCSeq(value, valueTo);
        break;
      case SipName.maxForwards:
        if (SipMessage.maxForwardsAt != 0) isRepeated = true;
        SipMessage.maxForwardsAt = value;
        SipMessage.maxForwardsTo = valueTo;
        break;
      case SipName.contentType:
        SipMessage.contentTypeAt = value;
        SipMessage.contentTypeTo = valueTo;
        break;
      case SipName.contentEncoding:
        SipMessage.hasContentEncoding = valueTo > value && !Ascii.is(value, valueTo, 'identity');
        break;
      case SipName.contentLength: {
        const stated = Ascii.number(value, valueTo, 0x7fffffff);
        if (stated < 0 || (length >= 0 && stated != length)) lengthFault = true;
        length = stated;
        SipMessage.contentLengthAt = value;
        SipMessage.contentLengthTo = valueTo;
        break;
      }
      case SipName.route:
        if (SipMessage.routeAt == 0) {
          SipMessage.routeAt = value;
          SipMessage.routeTo = valueTo;
        }
        break;
      case SipName.proxyRequire:
        SipMessage.proxyRequireAt = value;
        SipMessage.proxyRequireTo = valueTo;
        break;
      case SipName.expires:
        SipMessage.expiresAt = value;
        SipMessage.expiresTo = valueTo;
        break;
      case SipName.sessionExpires:
        SipMessage.sessionExpiresAt = value;
        SipMessage.sessionExpiresTo = valueTo;
        break;
      default:
        break;
    }
  }
  if (SipHeader.to == 0) return SipFault.headers;
  SipMessage.bodyAt = SipHeader.to;
  SipMessage.bodyTo = end;
  if (lengthFault) return SipFault.contentLength;
  if (length >= 0) {
    if (length > <i64>(end - SipMessage.bodyAt)) return SipFault.contentLength;
    SipMessage.bodyTo = SipMessage.bodyAt + <usize>length;
  }
  if (
    isRepeated ||
    SipMessage.viaAt == 0 ||
    SipMessage.fromTo == SipMessage.fromAt ||
    SipMessage.toTo == SipMessage.toAt ||
    SipMessage.callIdTo == SipMessage.callIdAt ||
    SipMessage.cseqMethodAt == 0
  ) {
    return SipFault.mandatory;
  }
  return SipFault.none;
}

/** A number of up to 32 bits (§8.1.1.5), without arithmetic, and a method. */
function readCSeq(from: usize, to: usize): void {
  let at = from;
  at = Ascii.skip(at, to, ByteClass.digit);
  SipMessage.cseqAt = from;
  SipMessage.cseqTo = at;
  SipMessage.cseqMethodAt = 0;
  if (Ascii.number(from, at, 0xffffffff) < 0) return;
  const method = Ascii.skipSpace(at, to);
  if (method == at || method == to) return;
  if (Ascii.skip(method, to, ByteClass.token) != to) return;
  SipMessage.cseqMethodAt = method;
  SipMessage.cseqMethodTo = to;
}
