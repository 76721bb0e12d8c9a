import { load16, load32, store16, store32 } from './bytes';
import { add, addPseudoIpv6, finish, isRight } from './checksum';

// Where the fields stand (RFC 4443 §2.1; those of Neighbour Discovery RFC 4861 §4).
@inline const TYPE: usize = 0;
@inline const CODE: usize = 1;
@inline const CHECKSUM: usize = 2;
@inline const REST: usize = 4;
@inline const TARGET: usize = 8;

@inline const PROTOCOL: u32 = 58;

/** An ICMPv6 message, on its address. Only `fits` checks; after it no accessor can fail. */
export abstract class Icmpv6 {
  /** Bytes in front of the body: type, code, checksum, and four more that each type uses in its own way. */
  @inline static readonly BYTES: u32 = 8;
  @inline static readonly DESTINATION_UNREACHABLE: u32 = 1;
  @inline static readonly PACKET_TOO_BIG: u32 = 2;
  @inline static readonly TIME_EXCEEDED: u32 = 3;
  @inline static readonly PARAMETER_PROBLEM: u32 = 4;
  @inline static readonly ECHO_REQUEST: u32 = 128;
  @inline static readonly ECHO_REPLY: u32 = 129;
  @inline static readonly ROUTER_SOLICITATION: u32 = 133;
  @inline static readonly ROUTER_ADVERTISEMENT: u32 = 134;
  @inline static readonly NEIGHBOUR_SOLICITATION: u32 = 135;
  @inline static readonly NEIGHBOUR_ADVERTISEMENT: u32 = 136;
  @inline static readonly REDIRECT: u32 = 137;

  @inline static fits(_at: usize, length: u32): bool {
    return length >= Icmpv6.BYTES;
  }

  @inline static begin(at: usize, type: u32, code: u32): void {
    store<u64>(at, 0);
    store<u8>(at + TYPE, <u8>type);
    store<u8>(at + CODE, <u8>code);
  }

  @inline static type(at: usize): u32 {
    return load<u8>(at + TYPE);
  }

  @inline static code(at: usize): u32 {
    return load<u8>(at + CODE);
  }

  @inline static checksum(at: usize): u32 {
    return load16(at + CHECKSUM);
  }

  @inline static setChecksum(at: usize, value: u32): void {
    store16(at + CHECKSUM, value);
  }

  /** The four bytes behind the checksum: MTU, pointer, flags, identifier and sequence number. */
  @inline static rest(at: usize): u32 {
    return load32(at + REST);
  }

  @inline static setRest(at: usize, value: u32): void {
    store32(at + REST, value);
  }

  /** Address of the 16 bytes of the target in a neighbour solicitation or advertisement. */
  @inline static target(at: usize): usize {
    return at + TARGET;
  }

  /** Errors have the high bit of their type clear (RFC 4443 §2.1). */
  @inline static isError(type: u32): bool {
    return type < 128;
  }

  @inline static isNeighbourDiscovery(type: u32): bool {
    return type - Icmpv6.ROUTER_SOLICITATION <= Icmpv6.REDIRECT - Icmpv6.ROUTER_SOLICITATION;
  }

  /** Whether the checksum of the message, `bytes` in all, is right. `addresses` as in `addPseudoIpv6`. */
  static hasRightChecksum(at: usize, bytes: u32, addresses: usize): bool {
    return isRight(add(addPseudoIpv6(0, addresses, bytes, PROTOCOL), at, bytes));
  }

  static fillChecksum(at: usize, bytes: u32, addresses: usize): void {
    Icmpv6.setChecksum(at, 0);
    Icmpv6.setChecksum(at, finish(add(addPseudoIpv6(0, addresses, bytes, PROTOCOL), at, bytes)));
  }
}
