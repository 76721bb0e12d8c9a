// The IPv6 packet in the current frame. There is one at a time, so its fields are static and reading it
// allocates nothing. Bytes behind the headers may be withheld; the visible ones are known part by part.

import { Frame, Outcome, Part, PartMarks, Role } from 'funnel-tunnel/as';
import { load64 } from 'funnel-tunnel/as/views/bytes';
import { Icmpv6 } from 'funnel-tunnel/as/views/icmpv6';
import { Ipv6 } from 'funnel-tunnel/as/views/ipv6';
import { Ipv6UpperLayer } from 'funnel-tunnel/as/views/ipv6-extensions';
import { Tcp } from 'funnel-tunnel/as/views/tcp';
import { Protocols } from './protocols';

/** The longest message of Neighbour Discovery that the piece reads: a full tunnel packet. */
@inline const GATHER_BYTES: u32 = 2048;
const gathered: usize = memory.data(2048, 8);

export abstract class Packet {
  /** The address of the IPv6 header. */
  static at: usize = 0;
  /** The number of bytes in the packet, its header included; later bytes in the frame are no part of it. */
  static length: u32 = 0;
  static sourceTop: u64 = 0;
  static sourceLower: u64 = 0;
  static destinationTop: u64 = 0;
  static destinationLower: u64 = 0;
  /** The type of the ICMPv6 message directly behind the header, if it is visible; else -1. */
  static icmpType: i32 = -1;
  /** The flags of the TCP segment directly behind the header, if they are visible; else 0. */
  static tcpFlags: u32 = 0;

  private static frame: Frame = changetype<Frame>(0);
  private static first: i32 = 0;

  /**
   * Reads the packet whose header is the part `first` of a frame. False if there is none, or if its lengths
   * are wrong.
   */
  static read(frame: Frame, first: i32): bool {
    const last = <i32>frame.partCount - <i32>frame.skipTrailers;
    if (first >= last) return false;
    const header = frame.part(first);
    if (header.protocol != Protocols.ipv6 || header.role != Role.Header || header.isWithheld) return false;
    const at = header.bytes;
    if (header.length != Ipv6.BYTES || !Ipv6.fits(at, header.length)) return false;
    let available: u32 = 0;
    for (let i = first + 1; i < last; i++) available += frame.part(i).length;
    if (header.marks & PartMarks.Unfinished) {
      // A piece made the packet and left its length to the host, but we need it now. A length above that of
      // any packet is no packet.
      if (available > 0xffff) return false;
      Ipv6.setPayloadLength(at, available);
    }
    const payload = Ipv6.payloadLength(at);
    if (payload > available) return false;
    // A jumbogram (RFC 2675) is longer than the tunnel could carry. Behind a header without payload, no
    // protocol may follow.
    if (payload == 0 && Ipv6.nextHeader(at) != Ipv6.NEXT_NONE) return false;
    Packet.frame = frame;
    Packet.first = first;
    Packet.at = at;
    Packet.length = Ipv6.BYTES + payload;
    Packet.sourceTop = load64(Ipv6.source(at));
    Packet.sourceLower = load64(Ipv6.source(at) + 8);
    Packet.destinationTop = load64(Ipv6.destination(at));
    Packet.destinationLower = load64(Ipv6.destination(at) + 8);
    Packet.icmpType = -1;
    Packet.tcpFlags = 0;
    if (first + 1 < last) Packet.readUpper(frame.part(first + 1), Ipv6.nextHeader(at));
    return true;
  }

  private static readUpper(upper: Part, nextHeader: u32): void {
    if (upper.isWithheld) return;
    if (nextHeader == Ipv6.NEXT_ICMPV6) {
      if (upper.length > 0) Packet.icmpType = <i32>load<u8>(upper.bytes);
    } else if (nextHeader == Ipv6.NEXT_TCP) {
      // The flags are at byte 13 of the segment, so at 40 + 13 of the packet.
      if (Tcp.fits(upper.bytes, upper.length)) Packet.tcpFlags = Tcp.flags(upper.bytes);
    }
  }

  @inline static get isToMulticast(): bool {
    return Packet.destinationTop >> 56 == 0xff;
  }

  @inline static get isDiscovery(): bool {
    return Packet.icmpType >= 0 && Icmpv6.isNeighbourDiscovery(<u32>Packet.icmpType);
  }

  /** Whether a destination is one that no packet can reach: ::, ::1, fe80::/10. */
  static get isUnroutable(): bool {
    if (Packet.destinationTop == 0 && Packet.destinationLower <= 1) return true;
    return Packet.destinationTop >> 54 == 0x3fa;
  }

  /** Adds the parts of the packet to the frame that was begun. */
  static pass(out: Outcome): void {
    let left = Packet.length;
    for (let i = Packet.first; left > 0; i++) {
      const part = Packet.frame.part(i);
      if (part.length <= left) {
        out.pass(part);
        left -= part.length;
      } else {
        out.part(part.protocol, part.role, part.marks, part.offset, left);
        left = 0;
      }
    }
  }

  /** Adds the first `bytes` of the packet as a body without protocol, for the quote in an error message. */
  static quote(out: Outcome, bytes: u32): void {
    let left = min(bytes, Packet.length);
    for (let i = Packet.first; left > 0; i++) {
      const part = Packet.frame.part(i);
      const length = min(part.length, left);
      if (length > 0) out.part(0, Role.Payload, part.marks & PartMarks.Withheld, part.offset, length);
      left -= length;
    }
  }

  /**
   * The address of the whole packet if it is contiguous; 0 if some of it is withheld or it is larger than any
   * message of Neighbour Discovery. Fills in a checksum that was left to the host.
   */
  static whole(): usize {
    let at = Packet.at;
    let end = at;
    let isApart = false;
    let isUnfinished = false;
    let left = Packet.length;
    for (let i = Packet.first; left > 0; i++) {
      const part = Packet.frame.part(i);
      if (part.isWithheld) return 0;
      if (part.protocol == Protocols.icmpv6 && (part.marks & PartMarks.Unfinished) != 0) isUnfinished = true;
      if (part.bytes != end) isApart = true;
      end = part.bytes + part.length;
      left -= min(left, part.length);
    }
    if (isApart) {
      if (Packet.length > GATHER_BYTES) return 0;
      at = gathered;
      let to: u32 = 0;
      for (let i = Packet.first; to < Packet.length; i++) {
        const part = Packet.frame.part(i);
        const length = min(part.length, Packet.length - to);
        memory.copy(at + to, part.bytes, length);
        to += length;
      }
    }
    if (isUnfinished && Packet.length >= Ipv6.BYTES + Icmpv6.BYTES) {
      Icmpv6.fillChecksum(at + Ipv6.BYTES, Packet.length - Ipv6.BYTES, Ipv6.source(at));
    }
    return at;
  }

  /**
   * Whether an error about the packet may be sent (RFC 4443 §2.4(e)): not about an error or a redirect, nor
   * to or from an address that is not one node. False if withheld bytes hide the answer.
   */
  static mayBeAnswered(): bool {
    if (Packet.isToMulticast) return false;
    if (Packet.sourceTop >> 56 == 0xff || (Packet.sourceTop == 0 && Packet.sourceLower <= 1)) return false;
    let visible: u32 = 0;
    for (let i = Packet.first; visible < Packet.length; i++) {
      const part = Packet.frame.part(i);
      if (part.isWithheld || part.bytes != Packet.at + visible) break;
      visible += part.length;
    }
    visible = min(visible, Packet.length);
    if (!Ipv6UpperLayer.find(Packet.at, visible)) return false;
    if (Ipv6UpperLayer.protocol != Ipv6.NEXT_ICMPV6) return true;
    if (Ipv6UpperLayer.isLaterFragment || Ipv6UpperLayer.offset >= visible) return false;
    const type = <u32>load<u8>(Packet.at + Ipv6UpperLayer.offset);
    return !Icmpv6.isError(type) && type != Icmpv6.REDIRECT;
  }
}
