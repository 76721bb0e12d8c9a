import { Outcome } from 'funnel-tunnel/as';
import { store16, store32 } from 'funnel-tunnel/as/views/bytes';
import { Endpoint } from '../../frame-sequence/assembly/endpoint';
import { bytesBelow, Carrier } from './carrier';
import { CHUNK_HEADER, COMMON_HEADER, padded } from './constants';
import { sealPacket } from './crc32c';

/** The packet of SCTP that is under construction. */
export abstract class Packet {
  /** Its size, with the common header; 0 if none is open. */
  static length: u32 = 0;
  /** Whether it gets a checksum; set anew by `open`. */
  static isSealed: bool = true;
  private static at: usize = 0;
  private static limit: u32 = 0;
  private static readonly from: Endpoint = new Endpoint();
  private static readonly to: Endpoint = new Endpoint();

  /** Begins a packet with room for this many bytes of chunks. False if this call has no room for it. */
  static open(
    out: Outcome,
    from: Endpoint,
    to: Endpoint,
    room: u32,
    fromPort: u32,
    toPort: u32,
    tag: u32,
  ): bool {
    const below = bytesBelow(to.isIpv6, to.port != 0);
    const bytes = out.room(<i32>(below + COMMON_HEADER + padded(room)));
    if (bytes == 0) return false;
    Packet.from.copy(from);
    Packet.to.copy(to);
    Packet.at = bytes + below;
    Packet.limit = COMMON_HEADER + padded(room);
    Packet.length = COMMON_HEADER;
    Packet.isSealed = true;
    store16(Packet.at, fromPort);
    store16(Packet.at + 2, toPort);
    store32(Packet.at + 4, tag);
    return true;
  }

  /** The bytes of chunks that still fit. */
  static get left(): u32 {
    return Packet.limit - Packet.length;
  }

  static get isEmpty(): bool {
    return Packet.length == COMMON_HEADER;
  }

  /**
   * Adds a chunk of this many bytes with its header. Returns the address of its value; 0 if it does not fit.
   */
  static chunk(type: u32, flags: u32, length: u32): usize {
    if (padded(length) > Packet.left) return 0;
    const at = Packet.at + Packet.length;
    store<u8>(at, <u8>type);
    store<u8>(at, <u8>flags, 1);
    store16(at + 2, length);
    // The padding is zero (RFC 9260 §3.2).
    const whole = padded(length);
    if (whole > length) memory.fill(at + length, 0, whole - length);
    Packet.length += whole;
    return at + CHUNK_HEADER;
  }

  static send(out: Outcome): bool {
    if (Packet.isSealed) sealPacket(Packet.at, Packet.length);
    else store<u32>(Packet.at, 0, 8);
    return Carrier.send(out, Packet.from, Packet.to, Packet.at, Packet.length);
  }
}
