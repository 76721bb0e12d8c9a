// A description of SDP (RFC 8866): what it says about media, and its form in the other family.
//
// Reading and writing are two passes over the lines, since the new form of a line may depend on a later one.
// The piece edits the address in `o=` and `c=`, each with its token of the family in one edit, and the ports
// in `m=` and `a=rtcp`. It leaves out attributes of ICE, because none of their addresses is valid on the
// other side.

import { TextEdit } from 'funnel-tunnel/as';
import { Ascii } from 'funnel-tunnel/as/views/ascii';
import { IpText } from 'funnel-tunnel/as/views/ip-text';
import { SdpConnection, SdpLine, SdpMedia } from 'funnel-tunnel/as/views/sdp';
import { Configuration } from './configuration';
import { Datagram } from './datagram';
import { copyEndpoint, familyOf, isNullAddress, portOf, sameAddress, setPort } from './endpoint';

/** The most `m=` lines of one description. */
@inline export const MOST_LINES: i32 = 16;

/** The kinds of an `m=` line. */
export const enum Carried {
  /** Refused, or of a protocol that does not use datagrams. Its line stays unchanged. */
  no,
  /** Two ports: RTP, and RTCP behind it. */
  pair,
  /** One port. */
  single,
}

@inline const CARRIED: usize = 0;
/** The family by the token of its `c=`; 0 if there is no `c=`. */
@inline const FAMILY: usize = 1;
@inline const PORT: usize = 2;
@inline const IS_RELAYED: usize = 4;
/** It named our address, because its SDP passed here before, and its real place is known. */
@inline const IS_RESOLVED: usize = 5;
@inline const NEW_PORT: usize = 6;
@inline const RTP: usize = 8;
@inline const RTCP: usize = 32;
@inline const LINE: usize = 56;

const lines: usize = memory.data(896, 8);
const connection: usize = memory.data(24, 8);
/** The real place of all of it, if it is written with its own address and not with ours; 0 otherwise. */
let direct: usize = 0;

export abstract class Session {
  static at: usize = 0;
  static to: usize = 0;
  static lineCount: i32 = 0;
  static isTooLong: bool = false;
  /** The family of the session's own `c=`; 0 if there is none. */
  static family: u32 = 0;
  /** A line pauses media in one or both directions. */
  static isHeld: bool = false;

  /** Reads the description from `at` to `to`. False if it is none. */
  static read(at: usize, to: usize): bool {
    Session.at = at;
    Session.to = to;
    Session.lineCount = 0;
    Session.isTooLong = false;
    Session.family = 0;
    Session.isHeld = false;
    direct = 0;
    memory.fill(session, 0, 24);
    let line: usize = 0;
    // The first line has the version, which is 0 (§5.1).
    if (!SdpLine.read(at, to) || SdpLine.type != 0x76) return false;
    while (SdpLine.next(to)) {
      switch (SdpLine.type) {
        case 0x63: // c=
          readConnection(line);
          break;
        case 0x6d: // m=
          if (Session.lineCount == MOST_LINES) {
            Session.isTooLong = true;
            return true;
          }
          line = lineAt(Session.lineCount++);
          readMedia(line);
          break;
        case 0x61: // a=
          readAttribute(line);
          break;
        default:
          break;
      }
    }
    // A line that is no SDP in the middle means that it is something else.
    return SdpLine.to >= to;
  }

  @inline static carried(line: i32): Carried {
    return load<u8>(lineAt(line), CARRIED);
  }

  @inline static familyOf(line: i32): u32 {
    return load<u8>(lineAt(line), FAMILY);
  }

  @inline static rtp(line: i32): usize {
    return lineAt(line) + RTP;
  }

  @inline static rtcp(line: i32): usize {
    return lineAt(line) + RTCP;
  }

  /** Relays the line through this port of ours. */
  static relay(line: i32, port: u32): void {
    store<bool>(lineAt(line), true, IS_RELAYED);
    store<u16>(lineAt(line), <u16>port, NEW_PORT);
  }

  /** An earlier line that is relayed and in the same place as this one; -1 if there is none. */
  static twin(line: i32): i32 {
    const rtp = Session.rtp(line);
    for (let i = 0; i < line; i++) {
      const other = Session.rtp(i);
      if (isRelayed(i) && portOf(other) == portOf(rtp) && sameAddress(other, rtp) && !isNullAddress(rtp))
        return i;
    }
    return -1;
  }

  /** Gives the real place of a line that names us. */
  static resolve(line: i32, rtp: usize, rtcp: usize): void {
    const at = lineAt(line);
    copyEndpoint(at + RTP, rtp);
    copyEndpoint(at + RTCP, rtcp);
    store<u8>(at, <u8>familyOf(rtp), FAMILY);
    store<bool>(at, true, IS_RESOLVED);
  }

  @inline static isResolved(line: i32): bool {
    return load<bool>(lineAt(line), IS_RESOLVED);
  }

  /**
   * Lets all lines go on with their own address and ports: they are in one place, and of the wanted family.
   */
  static goDirect(line: i32): void {
    direct = Session.rtp(line);
    for (let i = 0; i < Session.lineCount; i++) {
      if (Session.carried(i) != Carried.no) Session.relay(i, portOf(Session.rtp(i)));
    }
  }

  /** Whether some `c=` is of another family than this. */
  static differs(family: u32): bool {
    if (Session.family != 0 && Session.family != family) return true;
    for (let i = 0; i < Session.lineCount; i++) {
      if (Session.carried(i) != Carried.no && Session.familyOf(i) != family) return true;
    }
    return false;
  }

  /** Writes the description for `family`. */
  static write(edit: TextEdit, family: u32): void {
    let line = -1;
    SdpLine.read(Session.at, Session.to);
    do {
      switch (SdpLine.type) {
        case 0x6f: // o=
          if (SdpConnection.readOrigin(SdpLine.valueAt, SdpLine.valueTo))
            writeConnection(edit, family, false);
          break;
        case 0x63: // c=
          if (SdpConnection.read(SdpLine.valueAt, SdpLine.valueTo) && isRewritten(line, family)) {
            writeConnection(edit, family, isNull());
          }
          break;
        case 0x6d: // m=
          line++;
          if (isRelayed(line) && SdpMedia.read(SdpLine.valueAt, SdpLine.valueTo)) {
            edit
              .upTo(SdpMedia.portAt)
              .number(load<u16>(lineAt(line), NEW_PORT))
              .skipTo(SdpMedia.countTo);
          }
          break;
        case 0x61: // a=
          if (isOfIce()) edit.upTo(SdpLine.at).skipTo(SdpLine.to);
          else if (isRelayed(line) && SdpLine.isAttribute('rtcp')) writeRtcp(edit, family, line);
          break;
        default:
          break;
      }
    } while (SdpLine.next(Session.to));
    edit.upTo(Session.to);
  }
}

@inline
function lineAt(line: i32): usize {
  return lines + <usize>line * LINE;
}

@inline
function isRelayed(line: i32): bool {
  return line >= 0 && load<bool>(lineAt(line), IS_RELAYED);
}

/** Whether to rewrite a `c=`: that of the session (`line` is -1), or of a line that we carry. */
function isRewritten(line: i32, family: u32): bool {
  if (isRelayed(line)) return true;
  if (line < 0) return true;
  return SdpConnection.family != family && !isStream(line);
}

/** Whether its protocol is one that we do not carry, so that nothing of it is edited. */
function isStream(line: i32): bool {
  return Session.carried(line) == Carried.no && load<u16>(lineAt(line), PORT) != 0;
}

/** The current address, or the source of the signalling if it is a name. */
function readAddress(to: usize): void {
  if (IpText.read(SdpConnection.addressAt, SdpConnection.addressTo, to) != 0) return;
  copyEndpoint(to, Datagram.source);
  // An invalid name means that there is no address: the null of IPv6 (RFC 6157 §4.1).
  const from = SdpConnection.addressAt;
  const end = SdpConnection.addressTo;
  if (end - from > 8 && Ascii.is(end - 8, end, '.invalid')) memory.fill(to, 0, 16);
}

function isNull(): bool {
  readAddress(connection);
  return isNullAddress(connection);
}

/** `line` is 0 for the session's own. */
function readConnection(line: usize): void {
  if (!SdpConnection.read(SdpLine.valueAt, SdpLine.valueTo)) return;
  readAddress(connection);
  if (isNullAddress(connection)) Session.isHeld = true;
  if (line == 0) {
    Session.family = SdpConnection.family;
    copyEndpoint(session, connection);
    return;
  }
  store<u8>(line, <u8>SdpConnection.family, FAMILY);
  setAddress(line + RTP);
  setAddress(line + RTCP);
}

const session: usize = memory.data(24, 8);

/** The address of `connection`; the port stays. */
function setAddress(to: usize): void {
  store<u64>(to, load<u64>(connection));
  store<u64>(to, load<u64>(connection, 8), 8);
}

function readMedia(line: usize): void {
  memory.fill(line, 0, LINE);
  if (!SdpMedia.read(SdpLine.valueAt, SdpLine.valueTo)) return;
  store<u16>(line, <u16>SdpMedia.port, PORT);
  store<u8>(line, <u8>Session.family, FAMILY);
  copyEndpoint(line + RTP, session);
  copyEndpoint(line + RTCP, session);
  setPort(line + RTP, SdpMedia.port);
  setPort(line + RTCP, SdpMedia.port + 1);
  if (SdpMedia.port == 0) return;
  const at = SdpMedia.protocolAt;
  const to = SdpMedia.protocolTo;
  if (Ascii.begins(at, to, 'rtp/') || Ascii.begins(at, to, 'udp/tls/rtp/'))
    store<u8>(line, Carried.pair, CARRIED);
  else if (Ascii.begins(at, to, 'udp')) store<u8>(line, Carried.single, CARRIED);
}

function readAttribute(line: usize): void {
  if (SdpLine.isAttribute('sendonly') || SdpLine.isAttribute('recvonly') || SdpLine.isAttribute('inactive')) {
    Session.isHeld = true;
    return;
  }
  if (line == 0 || !SdpLine.isAttribute('rtcp')) return;
  let at = SdpLine.valueAt + 5;
  const port = at;
  while (at < SdpLine.valueTo && Ascii.isDigit(load<u8>(at))) at++;
  const number = Ascii.number(port, at, 65535);
  if (number <= 0) return;
  setPort(line + RTCP, <u32>number);
  if (at < SdpLine.valueTo && SdpConnection.read(at + 1, SdpLine.valueTo)) {
    readAddress(connection);
    setAddress(line + RTCP);
  }
}

/**
 * Token, family and address in one edit; a null is a name in IPv6, which has no null of its own (RFC 6157
 * §4.1).
 */
function writeConnection(edit: TextEdit, family: u32, isNull: bool): void {
  edit.upTo(SdpConnection.at).text(family == 4 ? 'IN IP4 ' : 'IN IP6 ');
  if (isNull) edit.text(family == 4 ? '0.0.0.0' : 'hold.invalid');
  else if (direct != 0) edit.ip(direct);
  else edit.text(Configuration.ownText(family));
  edit.skipTo(SdpConnection.to);
}

/** Port, token and address in one edit (RFC 3605 §2.1). */
function writeRtcp(edit: TextEdit, family: u32, line: i32): void {
  const at = SdpLine.valueAt + 5;
  if (at > SdpLine.valueTo) return;
  const rtcp = lineAt(line) + RTCP;
  edit.upTo(at).number(direct != 0 ? portOf(rtcp) : <u32>load<u16>(lineAt(line), NEW_PORT) + 1);
  let behind = at;
  while (behind < SdpLine.valueTo && Ascii.isDigit(load<u8>(behind))) behind++;
  if (behind < SdpLine.valueTo) {
    edit.text(family == 4 ? ' IN IP4 ' : ' IN IP6 ');
    if (direct != 0) edit.ip(rtcp);
    else edit.text(Configuration.ownText(family));
  }
  edit.skipTo(SdpLine.valueTo);
}

/** RFC 8839 §5. */
function isOfIce(): bool {
  const first = Ascii.lower(load<u8>(SdpLine.valueAt));
  if (first == 0x69) {
    return (
      SdpLine.isAttribute('ice-ufrag') ||
      SdpLine.isAttribute('ice-pwd') ||
      SdpLine.isAttribute('ice-options') ||
      SdpLine.isAttribute('ice-lite') ||
      SdpLine.isAttribute('ice-mismatch') ||
      SdpLine.isAttribute('ice-pacing')
    );
  }
  if (first == 0x63) return SdpLine.isAttribute('candidate');
  if (first == 0x72) return SdpLine.isAttribute('remote-candidates');
  return first == 0x65 && SdpLine.isAttribute('end-of-candidates');
}
