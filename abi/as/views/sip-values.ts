// Values in header fields of SIP (RFC 3261 §20, §25.1): lists, addresses, URIs, parameters and Vias. One of
// each kind is current at a time, and its fields are static.

import { Ascii, ByteClass } from './ascii';

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
