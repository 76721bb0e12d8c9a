// Messages of SIP (RFC 3261 §7, §25.1) in memory. Reading them allocates nothing, and takes time in
// proportion to their bytes. One message, one header field and one URI are current at a time, and their
// fields are static.

import { Ascii, ByteClass } from './ascii';

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

/** One value of a list with commas (§7.3.1), such as of several Contacts in one header field. */
export abstract class SipValue {
  static at: usize = 0;
  static to: usize = 0;
  /** The address behind the comma, or the end of the list. */
  static next: usize = 0;

  /**
   * Reads the value at `from` of a list that ends at `end`. False if there is none. Commas in quotes and in
   * `<>` do not separate values.
   */
  static read(from: usize, end: usize): bool {
    let at = Ascii.skipSpace(from, end);
    SipValue.at = at;
    if (at >= end) return false;
    let isInside = false;
    at = Ascii.until(at, end, ByteClass.divides);
    while (at < end) {
      const byte = <u32>load<u8>(at);
      if (byte == 0x2c && !isInside) break;
      if (byte == Ascii.QUOTE) at = endOfQuoted(at, end) - 1;
      else if (byte == 0x3c) isInside = true;
      else if (byte == 0x3e) isInside = false;
      at = Ascii.until(at + 1, end, ByteClass.divides);
    }
    at = min(at, end);
    SipValue.to = Ascii.trimEnd(SipValue.at, at);
    SipValue.next = at < end ? at + 1 : end;
    return true;
  }
}

/** A name-addr or addr-spec (§25.1): the place of its URI, and of the header field's parameters behind it. */
export abstract class SipAddress {
  static uriAt: usize = 0;
  static uriTo: usize = 0;
  /** Whether the URI stands in `<>`. */
  static isBracketed: bool = false;
  /** Whether a display name stands in front. */
  static hasName: bool = false;
  /** From the first `;` behind the URI on; `end` if there is none. */
  static parametersAt: usize = 0;

  /** False if there is no URI. */
  static read(from: usize, end: usize): bool {
    const at = Ascii.skipSpace(from, end);
    SipAddress.hasName = false;
    let i = Ascii.until(at, end, ByteClass.divides);
    while (i < end) {
      const byte = <u32>load<u8>(i);
      if (byte == Ascii.QUOTE) {
        const behind = endOfQuoted(i, end);
        if (load<u8>(behind - 1) != Ascii.QUOTE || behind == i + 1) return false;
        i = behind - 1;
      } else if (byte == 0x3c) {
        const close = Ascii.find(i, end, 0x3e);
        if (close >= end) return false;
        SipAddress.hasName = i > at;
        SipAddress.isBracketed = true;
        SipAddress.uriAt = i + 1;
        SipAddress.uriTo = close;
        SipAddress.parametersAt = Ascii.find(close, end, 0x3b);
        return true;
      }
      i = Ascii.until(i + 1, end, ByteClass.divides);
    }
    // Without brackets, parameters belong to the header field, and not to the URI (§20).
    const to = Ascii.until(at, end, ByteClass.endsParameter);
    SipAddress.isBracketed = false;
    SipAddress.uriAt = at;
    SipAddress.uriTo = to;
    SipAddress.parametersAt = Ascii.find(to, end, 0x3b);
    return to > at;
  }
}

/** A SIP URI (§19.1.1): `sip:user:password@host:port;parameters?headers`. */
export abstract class SipUri {
  static isSips: bool = false;
  /** Without the `@`; both 0 if there is none. */
  static userAt: usize = 0;
  static userTo: usize = 0;
  /** With the brackets of an IPv6 address. */
  static hostAt: usize = 0;
  static hostTo: usize = 0;
  /** The digits; both 0 if there are none. */
  static portAt: usize = 0;
  static portTo: usize = 0;
  /** The number of the port; 0 if the port is absent or out of range. */
  static port: u32 = 0;
  /** The address behind host and port: that of the first `;`, of the `?`, or of the end. */
  static restAt: usize = 0;
  /** At the `?`, or the end. */
  static parametersTo: usize = 0;

  /** Reads the URI from `from` to `end`. False for another scheme, or if host or port are malformed. */
  static read(from: usize, end: usize): bool {
    let at = from;
    if (Ascii.begins(at, end, 'sip:')) {
      SipUri.isSips = false;
      at += 4;
    } else if (Ascii.begins(at, end, 'sips:')) {
      SipUri.isSips = true;
      at += 5;
    } else {
      return false;
    }
    // An unescaped `@` may also stand in the headers, but not in front of them (§25.1).
    let mark = Ascii.find(at, end, 0x40);
    if (mark == end) mark = 0;
    SipUri.userAt = mark == 0 ? 0 : at;
    SipUri.userTo = mark;
    if (mark != 0) {
      if (mark == at) return false;
      at = mark + 1;
    }
    return SipUri.readHostPort(at, end);
  }

  /** Reads `host[:port]` at `from`, as in a URI and in a Via, up to the byte that may follow it. */
  static readHostPort(from: usize, end: usize): bool {
    let at = from;
    SipUri.hostAt = at;
    if (at < end && load<u8>(at) == 0x5b) {
      at = Ascii.find(at, end, 0x5d);
      if (at >= end) return false;
      at++;
    } else {
      at = Ascii.skip(at, end, ByteClass.host);
    }
    SipUri.hostTo = at;
    if (at == from) return false;
    SipUri.portAt = 0;
    SipUri.portTo = 0;
    SipUri.port = 0;
    if (at < end && load<u8>(at) == 0x3a) {
      at++;
      SipUri.portAt = at;
      at = Ascii.skip(at, end, ByteClass.digit);
      SipUri.portTo = at;
      const port = Ascii.number(SipUri.portAt, at, 65535);
      if (port <= 0) return false;
      SipUri.port = <u32>port;
    }
    SipUri.restAt = at;
    SipUri.parametersTo = Ascii.find(at, end, 0x3f);
    if (at == end) return true;
    const byte = <u32>load<u8>(at);
    return byte == 0x3b || byte == 0x3f || Ascii.isSpace(byte) || byte == 0x2c;
  }
}

/** A parameter `;name` or `;name=value`, of a URI or of a header field. */
export abstract class SipParameter {
  /** Where its semicolon stands, and the address behind its value. */
  static at: usize = 0;
  static to: usize = 0;
  static nameAt: usize = 0;
  static nameTo: usize = 0;
  /** With the quotes of a quoted value. Both are the end of the name if there is no value. */
  static valueAt: usize = 0;
  static valueTo: usize = 0;

  /** Reads the parameter whose semicolon is the first byte at `from` that is no white space. */
  static read(from: usize, end: usize): bool {
    let at = Ascii.skipSpace(from, end);
    if (at >= end || load<u8>(at) != 0x3b) return false;
    SipParameter.at = at;
    at = Ascii.skipSpace(at + 1, end);
    SipParameter.nameAt = at;
    while (at < end && !Ascii.isOf(load<u8>(at), ByteClass.endsParameter) && load<u8>(at) != 0x3d) at++;
    SipParameter.nameTo = at;
    SipParameter.valueAt = at;
    SipParameter.valueTo = at;
    SipParameter.to = at;
    at = Ascii.skipSpace(at, end);
    if (at >= end || load<u8>(at) != 0x3d) return true;
    at = Ascii.skipSpace(at + 1, end);
    SipParameter.valueAt = at;
    if (at < end && load<u8>(at) == Ascii.QUOTE) {
      at = endOfQuoted(at, end);
    } else {
      at = Ascii.until(at, end, ByteClass.endsParameter);
    }
    SipParameter.valueTo = at;
    SipParameter.to = at;
    return true;
  }

  /** Finds the first parameter of this name, in lower case, among those that begin at `from`. */
  static find(from: usize, end: usize, name: string): bool {
    let at = from;
    while (SipParameter.read(at, end)) {
      if (Ascii.is(SipParameter.nameAt, SipParameter.nameTo, name)) return true;
      at = SipParameter.to;
    }
    return false;
  }
}

/** One Via (§20.42): `SIP/2.0/UDP host:port;parameters`. The host is that of `SipUri`. */
export abstract class SipVia {
  static protocolTo: usize = 0;
  static isUdp: bool = false;
  static isTcp: bool = false;
  static hostAt: usize = 0;
  static hostTo: usize = 0;
  static port: u32 = 0;
  static parametersAt: usize = 0;

  /** Reads the Via from `from` to `end`, which is one value of a list. */
  static read(from: usize, end: usize): bool {
    let at = Ascii.skipSpace(from, end);
    // Name, version and transport, with white space allowed around each slash (§25.1).
    for (let part = 0; part < 3; part++) {
      const begin = at;
      at = Ascii.skip(at, end, ByteClass.token);
      if (at == begin) return false;
      if (part == 0 && !Ascii.is(begin, at, 'sip')) return false;
      if (part == 2) {
        SipVia.isUdp = Ascii.is(begin, at, 'udp');
        SipVia.isTcp = Ascii.is(begin, at, 'tcp');
        break;
      }
      at = Ascii.skipSpace(at, end);
      if (at >= end || load<u8>(at) != 0x2f) return false;
      at = Ascii.skipSpace(at + 1, end);
    }
    SipVia.protocolTo = at;
    const host = Ascii.skipSpace(at, end);
    if (host == at) return false;
    // Here, white space may stand around the colon of the port (§25.1).
    at = host;
    if (at < end && load<u8>(at) == 0x5b) at = min(Ascii.find(at, end, 0x5d) + 1, end);
    else at = Ascii.skip(at, end, ByteClass.host);
    if (at == host) return false;
    SipVia.hostAt = host;
    SipVia.hostTo = at;
    SipVia.port = 0;
    let behind = Ascii.skipSpace(at, end);
    if (behind < end && load<u8>(behind) == 0x3a) {
      behind = Ascii.skipSpace(behind + 1, end);
      const digits = behind;
      behind = Ascii.skip(behind, end, ByteClass.digit);
      const port = Ascii.number(digits, behind, 65535);
      if (port <= 0) return false;
      SipVia.port = <u32>port;
      at = behind;
    }
    SipVia.parametersAt = at;
    const rest = Ascii.skipSpace(at, end);
    return rest == end || load<u8>(rest) == 0x3b;
  }
}

/** The address behind the quoted string (§25.1) that begins at `from`; `end` if it does not end. */
function endOfQuoted(from: usize, end: usize): usize {
  for (let at = from + 1; at < end; at++) {
    const byte = <u32>load<u8>(at);
    if (byte == 0x5c) at++;
    else if (byte == Ascii.QUOTE) return at + 1;
  }
  return end;
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

/** By length and first letter, so that at most two names are compared. */
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
      return first == 0x72 && Ascii.is(at, to, 'referred-by') ? SipName.referredBy : SipName.other;
    case 12:
      if (first == 0x6d) return Ascii.is(at, to, 'max-forwards') ? SipName.maxForwards : SipName.other;
      if (first == 0x72) return Ascii.is(at, to, 'record-route') ? SipName.recordRoute : SipName.other;
      if (first == 0x63) return Ascii.is(at, to, 'content-type') ? SipName.contentType : SipName.other;
      return first == 0x68 && Ascii.is(at, to, 'history-info') ? SipName.historyInfo : SipName.other;
    case 13:
      if (first == 0x70) return Ascii.is(at, to, 'proxy-require') ? SipName.proxyRequire : SipName.other;
      if (first == 0x73) return Ascii.is(at, to, 'service-route') ? SipName.serviceRoute : SipName.other;
      return first == 0x69 && Ascii.is(at, to, 'identity-info') ? SipName.identityInfo : SipName.other;
    case 14:
      return first == 0x63 && Ascii.is(at, to, 'content-length') ? SipName.contentLength : SipName.other;
    case 15:
      if (first == 0x73) return Ascii.is(at, to, 'session-expires') ? SipName.sessionExpires : SipName.other;
      return first == 0x72 && Ascii.is(at, to, 'remote-party-id') ? SipName.remotePartyId : SipName.other;
    case 16:
      return first == 0x63 && Ascii.is(at, to, 'content-encoding') ? SipName.contentEncoding : SipName.other;
    case 19:
      return first == 0x70 && Ascii.is(at, to, 'p-asserted-identity')
        ? SipName.assertedIdentity
        : SipName.other;
    case 20:
      return first == 0x70 && Ascii.is(at, to, 'p-preferred-identity')
        ? SipName.preferredIdentity
        : SipName.other;
    default:
      return SipName.other;
  }
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
