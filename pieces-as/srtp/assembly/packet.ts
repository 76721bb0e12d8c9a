import { Frame, Role } from 'funnel-tunnel/as';
import { load16, load32 } from 'funnel-tunnel/as/views/bytes';

/** The kinds of datagrams on a media port. */
export const enum Sort {
  media,
  control,
  /** STUN, TURN, DTLS or ZRTP, which protect themselves. */
  other,
  unknown,
  malformed,
}

export const MEDIA_HEADER: i32 = 12;
export const CONTROL_HEADER: i32 = 8;
const EXTENSION_HEADER: i32 = 4;
const HAS_EXTENSION: i32 = 0x10;

/** The datagram that was read last: its bytes, and its fields in RTP and RTCP (RFC 3550). */
export abstract class Packet {
  static at: usize = 0;
  static length: i32 = 0;
  /** The index of the first part behind the UDP header. */
  static firstPart: i32 = 0;
  static lastPart: i32 = 0;
  static ssrc: u32 = 0;
  static sequence: u16 = 0;
  /** The bytes in front of what is encrypted. */
  static headerLength: i32 = 0;
  static sourcePort: u32 = 0;
  static destinationPort: u32 = 0;

  /** Finds the parts behind the UDP header. False if there is no UDP header. */
  static findBody(frame: Frame, udp: u16): bool {
    const count = <i32>frame.partCount - <i32>frame.skipTrailers;
    let i = <i32>frame.skipHeaders;
    while (i < count && frame.part(i).role == Role.Header && frame.part(i).protocol != udp) i++;
    if (i >= count || frame.part(i).role != Role.Header || frame.part(i).length < 8) return false;
    Packet.sourcePort = load16(frame.part(i).bytes);
    Packet.destinationPort = load16(frame.part(i).bytes + 2);
    Packet.firstPart = i + 1;
    let last = count;
    while (last > i + 1 && frame.part(last - 1).role == Role.Trailer) last--;
    Packet.lastPart = last;
    let length = 0;
    for (let n = i + 1; n < last; n++) length += <i32>frame.part(n).length;
    Packet.length = length;
    return true;
  }

  /** Whether the body is RTP or RTCP by its first byte (RFC 7983 §7). Finds the parts of the body. */
  static isMedia(frame: Frame, udp: u16): bool {
    if (!Packet.findBody(frame, udp) || Packet.length == 0) return false;
    let n = Packet.firstPart;
    while (frame.part(n).length == 0) n++;
    return (load<u8>(frame.part(n).bytes) & 0xc0) == 0x80;
  }

  /** Copies the parts behind the UDP header. */
  static gather(frame: Frame, to: usize): void {
    Packet.at = to;
    for (let n = Packet.firstPart; n < Packet.lastPart; n++) {
      const part = frame.part(n);
      memory.copy(to, part.bytes, part.length);
      to += part.length;
    }
  }

  /**
   * Reads the header. The first byte distinguishes RTP and RTCP from the others (RFC 7983 §7), and the second
   * one from the other (RFC 5761 §4): payload types 64 to 95 are not for RTP beside RTCP.
   *
   * @param behind the number of bytes that the protection adds
   */
  static read(behind: i32): Sort {
    if (Packet.length == 0) return Sort.unknown;
    const first = <i32>load<u8>(Packet.at);
    if (first < 128 || first > 191)
      return first < 4 || (first >= 16 && first < 80) ? Sort.other : Sort.unknown;
    if (Packet.length < CONTROL_HEADER + behind) return Sort.malformed;
    const second = <i32>load<u8>(Packet.at + 1);
    if (second >= 192 && second <= 223) {
      Packet.ssrc = load32(Packet.at + 4);
      Packet.headerLength = CONTROL_HEADER;
      return Sort.control;
    }
    if ((second & 0x60) == 0x40) return Sort.unknown;
    let length = MEDIA_HEADER + ((first & 15) << 2);
    if ((first & HAS_EXTENSION) != 0) {
      if (Packet.length < length + EXTENSION_HEADER + behind) return Sort.malformed;
      length += EXTENSION_HEADER + ((<i32>load16(Packet.at + length + 2)) << 2);
    }
    if (Packet.length < length + behind) return Sort.malformed;
    Packet.ssrc = load32(Packet.at + 8);
    Packet.sequence = <u16>load16(Packet.at + 2);
    Packet.headerLength = length;
    return Sort.media;
  }
}
