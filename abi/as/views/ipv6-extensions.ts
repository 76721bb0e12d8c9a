import { load16, load32 } from './bytes';
import { Ipv6 } from './ipv6';

// Extension headers (RFC 8200 §4): each begins with the number of the next one, and most continue with their
// own length.
@inline const NEXT: usize = 0;
@inline const LENGTH: usize = 1;
@inline const FRAGMENT_OFFSET: usize = 2;
@inline const FRAGMENT_IDENTIFICATION: usize = 4;

/** An extension header of IPv6, on its address. */
export abstract class Ipv6Extension {
  /** Bytes in a fragment header. */
  @inline static readonly FRAGMENT_BYTES: u32 = 8;

  /** Whether a next-header number is that of an extension header with a length field. */
  static isExtension(nextHeader: u32): bool {
    return (
      nextHeader == Ipv6.NEXT_HOP_BY_HOP ||
      nextHeader == Ipv6.NEXT_ROUTING ||
      nextHeader == Ipv6.NEXT_FRAGMENT ||
      nextHeader == Ipv6.NEXT_AUTHENTICATION ||
      nextHeader == Ipv6.NEXT_DESTINATION_OPTIONS ||
      nextHeader == Ipv6.NEXT_MOBILITY ||
      nextHeader == Ipv6.NEXT_HIP ||
      nextHeader == Ipv6.NEXT_SHIM6
    );
  }

  /** The number of bytes in the header of kind `kind` at `at`; 0 if `length` bytes do not hold it. */
  static bytes(at: usize, length: u32, kind: u32): u32 {
    if (length < 8) return 0;
    let bytes: u32;
    if (kind == Ipv6.NEXT_FRAGMENT) bytes = Ipv6Extension.FRAGMENT_BYTES;
    // The authentication header counts in words of four, less two (RFC 4302 §2.2).
    else if (kind == Ipv6.NEXT_AUTHENTICATION) bytes = (<u32>load<u8>(at + LENGTH) + 2) << 2;
    else bytes = (<u32>load<u8>(at + LENGTH) + 1) << 3;
    return bytes <= length ? bytes : 0;
  }

  @inline static nextHeader(at: usize): u32 {
    return load<u8>(at + NEXT);
  }

  /** The place of a fragment's payload in the payload of the packet, in bytes. */
  @inline static fragmentOffset(at: usize): u32 {
    return load16(at + FRAGMENT_OFFSET) & 0xfff8;
  }

  @inline static moreFragments(at: usize): bool {
    return (load16(at + FRAGMENT_OFFSET) & 1) != 0;
  }

  @inline static fragmentIdentification(at: usize): u32 {
    return load32(at + FRAGMENT_IDENTIFICATION);
  }
}

/**
 * The result of a walk over the extension headers of an IPv6 packet. A walk sets all fields, and they stay
 * until the next walk. There is only one result, so that a walk allocates nothing.
 */
export abstract class Ipv6UpperLayer {
  /**
   * Number of the upper-layer protocol; where the walk is incomplete, number of the extension header at which
   * it ended.
   */
  static protocol: u32 = 0;
  /** Where the upper layer begins, in bytes from the IPv6 header. */
  static offset: u32 = 0;
  /** The packet is a fragment, and not the first: the bytes at `offset` are in the middle of a payload. */
  static isLaterFragment: bool = false;

  /**
   * Walks the extension headers of the packet of `length` bytes at `at`, whose IPv6 header fits.
   * @returns false when an extension header does not fit.
   */
  static find(at: usize, length: u32): bool {
    let kind = Ipv6.nextHeader(at);
    let offset = Ipv6.BYTES;
    Ipv6UpperLayer.isLaterFragment = false;
    while (Ipv6Extension.isExtension(kind)) {
      const bytes = Ipv6Extension.bytes(at + offset, length - offset, kind);
      if (bytes == 0) break;
      if (kind == Ipv6.NEXT_FRAGMENT && Ipv6Extension.fragmentOffset(at + offset) != 0) {
        Ipv6UpperLayer.isLaterFragment = true;
      }
      kind = Ipv6Extension.nextHeader(at + offset);
      offset += bytes;
      if (Ipv6UpperLayer.isLaterFragment) {
        Ipv6UpperLayer.protocol = kind;
        Ipv6UpperLayer.offset = offset;
        return true;
      }
    }
    Ipv6UpperLayer.protocol = kind;
    Ipv6UpperLayer.offset = offset;
    return !Ipv6Extension.isExtension(kind);
  }
}
