// A description of SDP (RFC 8866): its lines `m=`, and how they are written for the other side.

import { TextEdit } from 'funnel-tunnel/as';
import { Ascii } from 'funnel-tunnel/as/views/ascii';
import { IpText } from 'funnel-tunnel/as/views/ip-text';
import { SdpConnection, SdpLine, SdpMedia } from 'funnel-tunnel/as/views/sdp';
import {
  copyEndpoint,
  ENDPOINT_BYTES,
  isNullAddress,
  sameAddress,
  setPort,
} from '../../sipproxy64/assembly/endpoint';
import { Datagram } from './datagram';
import { MOST_LINES } from './dialogs';

/** The kinds of lines `m=`, by their protocol. */
export const enum Kind {
  /** RTP/AVP or RTP/AVPF. */
  rtp,
  /** RTP/SAVP or RTP/SAVPF, with keys in the description. */
  savp,
  /** UDP/TLS/RTP/SAVP or UDP/TLS/RTP/SAVPF, with keys by DTLS (RFC 5764). */
  dtls,
  /** Over DTLS or TCP, which protect themselves, or do not pass here. */
  foreign,
  /** Datagrams that cannot be protected, such as UDPTL. */
  other,
}

/** The attributes of a line that are noted when it is read. */
export const enum Note {
  crypto,
  /** Capabilities (RFC 5939): of protocols, of attributes, and configurations of both. */
  tcap,
  acap,
  pcfg,
  /** Of DTLS: the hash of a certificate, the part in the handshake, the name of the association. */
  fingerprint,
  setup,
  tlsId,
}

/** The most attributes that are noted for a line; later ones are no choice. */
const MOST_NOTES: i32 = 48;

/** The form of the protocol of a line that is written. */
export const enum Profile {
  same,
  plain,
  secure,
  /** Secure, with keys by DTLS. */
  dtls,
}

/** A line `m=` with what belongs to it. */
export class Section {
  at: usize = 0;
  to: usize = 0;
  /** The name of the medium, such as audio. */
  mediaTo: usize = 0;
  kind: Kind = Kind.other;
  /** RTP/AVPF or RTP/SAVPF. */
  isFeedback: bool = false;
  port: u32 = 0;
  /** Where its media goes, for RTP and RTCP. */
  places: usize = heap.alloc(2 * ENDPOINT_BYTES);
  noteCount: i32 = 0;
  private kinds: StaticArray<u8> = new StaticArray<u8>(MOST_NOTES);
  private values: StaticArray<usize> = new StaticArray<usize>(MOST_NOTES * 2);

  /** Whether the i-th note is of this kind. */
  @inline isNote(i: i32, note: Note): bool {
    return this.kinds[i] == <u8>note;
  }

  /** The value of the i-th note, behind the colon. */
  @inline noteAt(i: i32): usize {
    return this.values[i * 2];
  }

  @inline noteTo(i: i32): usize {
    return this.values[i * 2 + 1];
  }

  /** Notes the current line, whose attribute has a name of this length. */
  note(kind: Note, nameLength: usize): void {
    if (this.noteCount == MOST_NOTES) return;
    this.kinds[this.noteCount] = <u8>kind;
    this.values[this.noteCount * 2] = min(SdpLine.valueAt + nameLength + 1, SdpLine.valueTo);
    this.values[this.noteCount * 2 + 1] = SdpLine.valueTo;
    this.noteCount++;
  }

  @inline get rtp(): usize {
    return this.places;
  }

  @inline get rtcp(): usize {
    return this.places + ENDPOINT_BYTES;
  }
}

const sections: StaticArray<Section> = new StaticArray<Section>(MOST_LINES);
for (let i = 0; i < MOST_LINES; i++) sections[i] = new Section();
const connection: usize = memory.data(24, 8);
const own: usize = memory.data(24, 8);

export abstract class Session {
  static at: usize = 0;
  static to: usize = 0;
  static count: i32 = 0;
  static isTooLong: bool = false;
  /** The end of the lines in front of the first `m=`. */
  static headTo: usize = 0;

  /** Attributes in front of the first `m=`, which hold for all lines. */
  static readonly head: Section = new Section();

  @inline static section(i: i32): Section {
    return sections[i];
  }

  /** Reads the description. False if it is none, or has lines that are no SDP. */
  static read(at: usize, to: usize): bool {
    Session.at = at;
    Session.to = to;
    Session.count = 0;
    Session.isTooLong = false;
    Session.headTo = to;
    memory.fill(own, 0, ENDPOINT_BYTES);
    Session.head.noteCount = 0;
    let section: Section | null = null;
    if (!SdpLine.read(at, to) || SdpLine.type != 0x76) return false;
    while (SdpLine.next(to)) {
      if (SdpLine.type == 0x6d) {
        if (Session.count == MOST_LINES) {
          Session.isTooLong = true;
          return true;
        }
        if (Session.count == 0) Session.headTo = SdpLine.at;
        section = sections[Session.count++];
        if (!readMedia(section)) return false;
      } else if (SdpLine.type == 0x63) {
        if (!readConnection(section)) return false;
      } else if (SdpLine.type == 0x61) {
        if (section !== null) readAttribute(section);
        else readDtls(Session.head);
      }
      if (section !== null) section.to = SdpLine.to;
    }
    return SdpLine.to >= to;
  }

  /** Whether two lines of RTP are in one place, as in a BUNDLE (RFC 9143). */
  static get hasShared(): bool {
    for (let i = 1; i < Session.count; i++) {
      const section = sections[i];
      if (section.port == 0 || isNullAddress(section.rtp)) continue;
      for (let n = 0; n < i; n++) {
        const other = sections[n];
        if (other.port != section.port || !sameAddress(other.rtp, section.rtp)) continue;
        // RTP/AVP beside RTP/SAVP of one medium are two forms of one line.
        if (other.kind == section.kind || !isSameMedium(other, section)) return true;
      }
    }
    return false;
  }

  /** Whether two lines are of one medium. */
  static areSameMedium(i: i32, n: i32): bool {
    return isSameMedium(sections[i], sections[n]);
  }

  /** Writes the lines in front of the first `m=`; without groups and keys if lines behind them change. */
  static writeHead(edit: TextEdit, changes: bool): void {
    edit.goTo(Session.at, Session.headTo);
    copyLines(edit, Session.at, Session.headTo, changes, false);
  }

  /**
   * Writes a line `m=` and what belongs to it. With `changes`, attributes of keys, of ICE and of other
   * protections are left out.
   */
  static writeSection(edit: TextEdit, section: Section, profile: Profile, changes: bool): void {
    edit.goTo(section.at, section.to);
    SdpLine.read(section.at, section.to);
    writeMedia(edit, profile, false);
    copyLines(edit, SdpLine.to, section.to, changes, false);
    if (load<u8>(section.to - 1) != Ascii.LF) edit.text('\r\n');
  }

  /** Writes a line `m=` as refused (RFC 3264 §6). */
  static writeRefused(edit: TextEdit, section: Section, profile: Profile): void {
    edit.goTo(section.at, section.to);
    SdpLine.read(section.at, section.to);
    writeMedia(edit, profile, true);
    if (edit.source < SdpLine.to) edit.upTo(SdpLine.to);
    if (load<u8>(SdpLine.to - 1) != Ascii.LF) edit.text('\r\n');
    copyLines(edit, SdpLine.to, section.to, false, true);
  }
}

/** Writes the current line `m=`. */
function writeMedia(edit: TextEdit, profile: Profile, isRefused: bool): void {
  if (!SdpMedia.read(SdpLine.valueAt, SdpLine.valueTo)) return;
  if (isRefused) edit.upTo(SdpMedia.portAt).text('0').skipTo(SdpMedia.countTo);
  const at = SdpMedia.protocolAt;
  const to = SdpMedia.protocolTo;
  const isSecure = Ascii.begins(at, to, 'rtp/savp');
  if (profile == Profile.dtls && Ascii.begins(at, to, 'rtp/avp'))
    edit
      .upTo(at)
      .text('UDP/TLS/RTP/S')
      .skipTo(at + 4);
  else if (profile == Profile.plain && Ascii.begins(at, to, 'udp/tls/rtp/savp'))
    edit
      .upTo(at)
      .text('RTP/')
      .skipTo(at + 13);
  else if (profile == Profile.secure && Ascii.begins(at, to, 'rtp/avp')) edit.upTo(at + 4).text('S');
  else if (profile == Profile.plain && isSecure) edit.upTo(at + 4).skipTo(at + 5);
}

/** Copies lines, without those that do not hold on the other side; or only their `c=`. */
function copyLines(edit: TextEdit, from: usize, to: usize, changes: bool, onlyConnection: bool): void {
  let at = from;
  while (at < to && SdpLine.read(at, to)) {
    at = SdpLine.to;
    const isLeftOut = onlyConnection ? SdpLine.type != 0x63 : changes && isStripped();
    if (isLeftOut) edit.upTo(SdpLine.at).skipTo(SdpLine.to);
  }
  edit.upTo(to);
}

/**
 * Whether the current line must not cross: keys, other protections, ICE, and groups of lines in one place.
 */
function isStripped(): bool {
  if (SdpLine.type != 0x61) return false;
  switch (Ascii.lower(load<u8>(SdpLine.valueAt))) {
    case 0x61: // a
      return SdpLine.isAttribute('acap') || SdpLine.isAttribute('acfg');
    case 0x63: // c
      return SdpLine.isAttribute('crypto') || SdpLine.isAttribute('candidate');
    case 0x65: // e
      return SdpLine.isAttribute('end-of-candidates');
    case 0x66: // f
      return SdpLine.isAttribute('fingerprint');
    case 0x67: // g
      return Ascii.begins(SdpLine.valueAt, SdpLine.valueTo, 'group:bundle');
    case 0x69: // i
      return Ascii.begins(SdpLine.valueAt, SdpLine.valueTo, 'ice-');
    case 0x70: // p
      return SdpLine.isAttribute('pcfg');
    case 0x72: // r
      return SdpLine.isAttribute('remote-candidates');
    case 0x73: // s
      return SdpLine.isAttribute('setup');
    case 0x74: // t
      return SdpLine.isAttribute('tcap') || SdpLine.isAttribute('tls-id');
    default:
      return false;
  }
}

function isSameMedium(a: Section, b: Section): bool {
  return Ascii.equals(a.at, a.mediaTo, b.at, b.mediaTo);
}

function readMedia(section: Section): bool {
  if (!SdpMedia.read(SdpLine.valueAt, SdpLine.valueTo)) return false;
  section.at = SdpLine.at;
  section.mediaTo = Ascii.find(SdpLine.at, SdpLine.to, Ascii.SPACE);
  section.port = SdpMedia.port;
  section.noteCount = 0;
  copyEndpoint(section.rtp, own);
  copyEndpoint(section.rtcp, own);
  setPort(section.rtp, SdpMedia.port);
  setPort(section.rtcp, (SdpMedia.port + 1) & 0xffff);
  const at = SdpMedia.protocolAt;
  const to = SdpMedia.protocolTo;
  section.isFeedback = Ascii.lower(load<u8>(to - 1)) == 0x66;
  if (Ascii.is(at, to, 'rtp/avp') || Ascii.is(at, to, 'rtp/avpf')) section.kind = Kind.rtp;
  else if (Ascii.is(at, to, 'rtp/savp') || Ascii.is(at, to, 'rtp/savpf')) section.kind = Kind.savp;
  else if (Ascii.is(at, to, 'udp/tls/rtp/savp') || Ascii.is(at, to, 'udp/tls/rtp/savpf'))
    section.kind = Kind.dtls;
  else if (
    Ascii.begins(at, to, 'udp/tls/') ||
    Ascii.begins(at, to, 'udp/dtls/') ||
    Ascii.begins(at, to, 'dtls/') ||
    Ascii.begins(at, to, 'tcp')
  )
    section.kind = Kind.foreign;
  else section.kind = Kind.other;
  return true;
}

/** The current `c=`. Where it has a name, media is expected from the host that signals. */
function readConnection(section: Section | null): bool {
  if (!SdpConnection.read(SdpLine.valueAt, SdpLine.valueTo)) return false;
  if (IpText.read(SdpConnection.addressAt, SdpConnection.addressTo, connection) == 0)
    copyEndpoint(connection, Datagram.source);
  if (section === null) {
    copyEndpoint(own, connection);
    return true;
  }
  setAddress(section.rtp);
  setAddress(section.rtcp);
  return true;
}

/** The address of `connection`; the port stays. */
function setAddress(to: usize): void {
  store<u64>(to, load<u64>(connection));
  store<u64>(to, load<u64>(connection, 8), 8);
}

function readAttribute(section: Section): void {
  if (SdpLine.isAttribute('crypto')) section.note(Note.crypto, 6);
  else if (SdpLine.isAttribute('rtcp')) readControl(section);
  else if (SdpLine.isAttribute('tcap')) section.note(Note.tcap, 4);
  else if (SdpLine.isAttribute('acap')) section.note(Note.acap, 4);
  else if (SdpLine.isAttribute('pcfg')) section.note(Note.pcfg, 4);
  else readDtls(section);
}

function readDtls(section: Section): void {
  if (SdpLine.isAttribute('fingerprint')) section.note(Note.fingerprint, 11);
  else if (SdpLine.isAttribute('setup')) section.note(Note.setup, 5);
  else if (SdpLine.isAttribute('tls-id')) section.note(Note.tlsId, 6);
}

/** `a=rtcp` (RFC 3605). */
function readControl(section: Section): void {
  const from = SdpLine.valueAt + 5;
  let at = from;
  while (at < SdpLine.valueTo && Ascii.isDigit(load<u8>(at))) at++;
  const port = Ascii.number(from, at, 65_535);
  if (port <= 0) return;
  setPort(section.rtcp, <u32>port);
  if (at >= SdpLine.valueTo || !SdpConnection.read(at + 1, SdpLine.valueTo)) return;
  if (IpText.read(SdpConnection.addressAt, SdpConnection.addressTo, connection) != 0)
    setAddress(section.rtcp);
}
