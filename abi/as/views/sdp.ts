// Lines of SDP (RFC 8866 §5) in memory. One line is current at a time, and its fields are static.

import { Ascii } from './ascii';

/** The current line: a letter, `=`, and a value. */
export abstract class SdpLine {
  static at: usize = 0;
  /** The address behind its line end, which the last line may lack. */
  static to: usize = 0;
  /** The letter. */
  static type: u32 = 0;
  static valueAt: usize = 0;
  /** The address of the line end. */
  static valueTo: usize = 0;

  /** Reads the line at `from`. False at the end, and if there is no line of SDP. */
  static read(from: usize, end: usize): bool {
    if (from + 2 > end) return false;
    SdpLine.type = load<u8>(from);
    if (SdpLine.type - 0x61 > 25 || load<u8>(from + 1) != 0x3d) return false;
    SdpLine.at = from;
    SdpLine.to = Ascii.lineEnd(from, end);
    SdpLine.valueAt = from + 2;
    let to = SdpLine.to;
    if (load<u8>(to - 1) == Ascii.LF) to--;
    if (to > SdpLine.valueAt && load<u8>(to - 1) == Ascii.CR) to--;
    SdpLine.valueTo = to;
    return true;
  }

  @inline static next(end: usize): bool {
    return SdpLine.read(SdpLine.to, end);
  }

  /** Whether it is `a=NAME`, or `a=NAME:…`. `name` is in lower case. */
  static isAttribute(name: string): bool {
    if (SdpLine.type != 0x61 || !Ascii.begins(SdpLine.valueAt, SdpLine.valueTo, name)) return false;
    const behind = SdpLine.valueAt + name.length;
    return behind == SdpLine.valueTo || load<u8>(behind) == 0x3a;
  }
}

/**
 * `nettype addrtype address`, as it ends an `o=` line, makes up a `c=` line (§5.7), and may end `a=rtcp` (RFC
 * 3605 §2.1).
 */
export abstract class SdpConnection {
  /** 4 or 6, by the addrtype; 0 for any other. */
  static family: u32 = 0;
  static at: usize = 0;
  static familyAt: usize = 0;
  static addressAt: usize = 0;
  /** The address without the TTL and the count of addresses that may follow a slash. */
  static addressTo: usize = 0;
  static to: usize = 0;

  /** Reads the three words at `from`; only with nettype IN (§8.2.6). */
  static read(from: usize, to: usize): bool {
    const type = from;
    if (to < from + 8 || !Ascii.begins(type, to, 'in ')) return false;
    SdpConnection.at = from;
    SdpConnection.familyAt = from + 3;
    if (Ascii.begins(from + 3, to, 'ip4 ')) SdpConnection.family = 4;
    else if (Ascii.begins(from + 3, to, 'ip6 ')) SdpConnection.family = 6;
    else return false;
    SdpConnection.addressAt = from + 7;
    let at = from + 7;
    while (at < to && load<u8>(at) != 0x2f && !Ascii.isSpace(load<u8>(at))) at++;
    SdpConnection.addressTo = at;
    while (at < to && !Ascii.isSpace(load<u8>(at))) at++;
    SdpConnection.to = at;
    return SdpConnection.addressTo > SdpConnection.addressAt;
  }

  /** Reads the three words at the end of an `o=` line, behind user name, session and version (§5.2). */
  static readOrigin(from: usize, to: usize): bool {
    let at = from;
    for (let word = 0; word < 3; word++) {
      at = Ascii.find(at, to, Ascii.SPACE);
      if (at >= to) return false;
      at++;
    }
    return SdpConnection.read(at, to);
  }
}

/** The value of an `m=` line (§5.14): `media port[/count] protocol formats`. */
export abstract class SdpMedia {
  static portAt: usize = 0;
  static portTo: usize = 0;
  static port: u32 = 0;
  /** The address behind `/count`, if there is one. */
  static countTo: usize = 0;
  static protocolAt: usize = 0;
  static protocolTo: usize = 0;

  static read(from: usize, to: usize): bool {
    let at = Ascii.find(from, to, Ascii.SPACE);
    if (at == from || at >= to) return false;
    at++;
    SdpMedia.portAt = at;
    while (at < to && Ascii.isDigit(load<u8>(at))) at++;
    SdpMedia.portTo = at;
    const port = Ascii.number(SdpMedia.portAt, at, 65535);
    if (port < 0) return false;
    SdpMedia.port = <u32>port;
    if (at < to && load<u8>(at) == 0x2f) {
      at++;
      while (at < to && Ascii.isDigit(load<u8>(at))) at++;
    }
    SdpMedia.countTo = at;
    if (at >= to || load<u8>(at) != Ascii.SPACE) return false;
    at++;
    SdpMedia.protocolAt = at;
    while (at < to && load<u8>(at) != Ascii.SPACE) at++;
    SdpMedia.protocolTo = at;
    return at > SdpMedia.protocolAt;
  }
}
