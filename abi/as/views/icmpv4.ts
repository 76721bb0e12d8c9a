import { load16, load32, store16, store32 } from './bytes';
import { add, finish, isRight } from './checksum';

// Where the fields stand (RFC 792).
@inline const TYPE: usize = 0;
@inline const CODE: usize = 1;
@inline const CHECKSUM: usize = 2;
@inline const REST: usize = 4;
@inline const NEXT_HOP_MTU: usize = 6;

/** An ICMP message, on its address. Only `fits` checks; after it no accessor can fail. */
export abstract class Icmpv4 {
  @inline static readonly BYTES: u32 = 8;
  @inline static readonly ECHO_REPLY: u32 = 0;
  @inline static readonly DESTINATION_UNREACHABLE: u32 = 3;
  @inline static readonly REDIRECT: u32 = 5;
  @inline static readonly ECHO_REQUEST: u32 = 8;
  @inline static readonly TIME_EXCEEDED: u32 = 11;
  @inline static readonly PARAMETER_PROBLEM: u32 = 12;

  @inline static fits(_at: usize, length: u32): bool {
    return length >= Icmpv4.BYTES;
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

  /** The four bytes behind the checksum: identifier and sequence number of an echo, pointer, gateway. */
  @inline static rest(at: usize): u32 {
    return load32(at + REST);
  }

  @inline static setRest(at: usize, value: u32): void {
    store32(at + REST, value);
  }

  /** The MTU in a "fragmentation needed" (RFC 1191 §4). */
  @inline static nextHopMtu(at: usize): u32 {
    return load16(at + NEXT_HOP_MTU);
  }

  /** Whether the checksum of the message, `bytes` in all, is right. */
  static hasRightChecksum(at: usize, bytes: u32): bool {
    return isRight(add(0, at, bytes));
  }

  static fillChecksum(at: usize, bytes: u32): void {
    Icmpv4.setChecksum(at, 0);
    Icmpv4.setChecksum(at, finish(add(0, at, bytes)));
  }
}
