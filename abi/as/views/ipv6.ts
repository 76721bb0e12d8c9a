import { load16, load32, store16, store32 } from './bytes';

// Where the fields stand (RFC 8200 §3).
@inline const VERSION_CLASS_FLOW: usize = 0;
@inline const PAYLOAD_LENGTH: usize = 4;
@inline const NEXT_HEADER: usize = 6;
@inline const HOP_LIMIT: usize = 7;
@inline const SOURCE: usize = 8;
@inline const DESTINATION: usize = 24;

/** An IPv6 header, on its address. Only `fits` checks; after it no accessor can fail. */
export abstract class Ipv6 {
  @inline static readonly BYTES: u32 = 40;
  @inline static readonly ADDRESS_BYTES: u32 = 16;
  /** The MTU that every link has (RFC 8200 §5). */
  @inline static readonly MINIMUM_MTU: u32 = 1280;
  @inline static readonly NEXT_HOP_BY_HOP: u32 = 0;
  @inline static readonly NEXT_TCP: u32 = 6;
  @inline static readonly NEXT_UDP: u32 = 17;
  @inline static readonly NEXT_ROUTING: u32 = 43;
  @inline static readonly NEXT_FRAGMENT: u32 = 44;
  @inline static readonly NEXT_AUTHENTICATION: u32 = 51;
  @inline static readonly NEXT_ICMPV6: u32 = 58;
  @inline static readonly NEXT_NONE: u32 = 59;
  @inline static readonly NEXT_DESTINATION_OPTIONS: u32 = 60;
  @inline static readonly NEXT_MOBILITY: u32 = 135;
  @inline static readonly NEXT_HIP: u32 = 139;
  @inline static readonly NEXT_SHIM6: u32 = 140;

  /** Whether `length` bytes hold a header of version 6. */
  @inline static fits(at: usize, length: u32): bool {
    return length >= Ipv6.BYTES && load<u8>(at) >> 4 == 6;
  }

  /** Writes a header whose addresses follow later. */
  @inline static begin(at: usize, payloadLength: u32, nextHeader: u32, hopLimit: u32): void {
    store32(at + VERSION_CLASS_FLOW, 0x60000000);
    store16(at + PAYLOAD_LENGTH, payloadLength);
    store<u8>(at + NEXT_HEADER, <u8>nextHeader);
    store<u8>(at + HOP_LIMIT, <u8>hopLimit);
  }

  /** DSCP and, in the low two bits, ECN. */
  @inline static trafficClass(at: usize): u32 {
    return (load32(at + VERSION_CLASS_FLOW) >> 20) & 0xff;
  }

  @inline static setTrafficClass(at: usize, value: u32): void {
    store32(at + VERSION_CLASS_FLOW, (load32(at + VERSION_CLASS_FLOW) & 0xf00fffff) | ((value & 0xff) << 20));
  }

  @inline static flowLabel(at: usize): u32 {
    return load32(at + VERSION_CLASS_FLOW) & 0xfffff;
  }

  @inline static setFlowLabel(at: usize, value: u32): void {
    store32(at + VERSION_CLASS_FLOW, (load32(at + VERSION_CLASS_FLOW) & 0xfff00000) | (value & 0xfffff));
  }

  /** Bytes behind this header, extension headers included; 0 for a jumbogram. */
  @inline static payloadLength(at: usize): u32 {
    return load16(at + PAYLOAD_LENGTH);
  }

  @inline static setPayloadLength(at: usize, bytes: u32): void {
    store16(at + PAYLOAD_LENGTH, bytes);
  }

  @inline static nextHeader(at: usize): u32 {
    return load<u8>(at + NEXT_HEADER);
  }

  @inline static setNextHeader(at: usize, value: u32): void {
    store<u8>(at + NEXT_HEADER, <u8>value);
  }

  @inline static hopLimit(at: usize): u32 {
    return load<u8>(at + HOP_LIMIT);
  }

  @inline static setHopLimit(at: usize, value: u32): void {
    store<u8>(at + HOP_LIMIT, <u8>value);
  }

  /** Address of the 16 bytes of the source; the 16 bytes of the destination follow. */
  @inline static source(at: usize): usize {
    return at + SOURCE;
  }

  /** Address of the 16 bytes of the destination. */
  @inline static destination(at: usize): usize {
    return at + DESTINATION;
  }
}

/** Properties of the 16 bytes of an IPv6 address (RFC 4291 §2.4), by their address. */
export abstract class Ipv6Address {
  @inline static copy(to: usize, from: usize): void {
    store<u64>(to, load<u64>(from));
    store<u64>(to + 8, load<u64>(from + 8));
  }

  @inline static equals(a: usize, b: usize): bool {
    return ((load<u64>(a) ^ load<u64>(b)) | (load<u64>(a + 8) ^ load<u64>(b + 8))) == 0;
  }

  @inline static isUnspecified(at: usize): bool {
    return (load<u64>(at) | load<u64>(at + 8)) == 0;
  }

  @inline static isLoopback(at: usize): bool {
    return load<u64>(at) == 0 && load<u64>(at + 8) == 0x0100000000000000;
  }

  @inline static isMulticast(at: usize): bool {
    return load<u8>(at) == 0xff;
  }

  /** fe80::/10. */
  @inline static isLinkLocal(at: usize): bool {
    return (load16(at) & 0xffc0) == 0xfe80;
  }

  /** Whether the first `bits` of two addresses are the same. */
  static shares(a: usize, b: usize, bits: u32): bool {
    const whole = bits >> 3;
    for (let i: u32 = 0; i < whole; i++) if (load<u8>(a + i) != load<u8>(b + i)) return false;
    const rest = bits & 7;
    return rest == 0 || (load<u8>(a + whole) ^ load<u8>(b + whole)) >> <u8>(8 - rest) == 0;
  }
}
