import { load16, load32, store16, store32 } from './bytes';
import { add, finish, fold, update16 } from './checksum';

// Where the fields stand (RFC 791 §3.1).
@inline const VERSION_AND_LENGTH: usize = 0;
@inline const TRAFFIC_CLASS: usize = 1;
@inline const TOTAL_LENGTH: usize = 2;
@inline const IDENTIFICATION: usize = 4;
@inline const FLAGS_AND_OFFSET: usize = 6;
@inline const TTL: usize = 8;
@inline const PROTOCOL: usize = 9;
@inline const CHECKSUM: usize = 10;
@inline const SOURCE: usize = 12;
@inline const DESTINATION: usize = 16;

/**
 * An IPv4 header, on its address. Addresses are numbers in host order. Only `fits` checks; after it no
 * accessor can fail.
 */
export abstract class Ipv4 {
  /** Bytes in a header without options. */
  @inline static readonly BYTES: u32 = 20;
  @inline static readonly PROTOCOL_ICMP: u32 = 1;
  @inline static readonly PROTOCOL_TCP: u32 = 6;
  @inline static readonly PROTOCOL_UDP: u32 = 17;

  /** Whether `length` bytes hold a header of version 4 with all of its options. */
  @inline static fits(at: usize, length: u32): bool {
    if (length < Ipv4.BYTES || load<u8>(at + VERSION_AND_LENGTH) >> 4 != 4) return false;
    const header = Ipv4.headerBytes(at);
    return header >= Ipv4.BYTES && header <= length;
  }

  /** Bytes in the header, its options included. */
  @inline static headerBytes(at: usize): u32 {
    return (<u32>load<u8>(at + VERSION_AND_LENGTH) & 15) << 2;
  }

  /** Writes a header without options, with 0 in all other fields; length and checksum follow later. */
  @inline static begin(at: usize, protocol: u32, ttl: u32, trafficClass: u32): void {
    store<u64>(at, 0);
    store<u64>(at + 8, 0);
    store<u32>(at + 16, 0);
    store<u8>(at + VERSION_AND_LENGTH, 0x45);
    store<u8>(at + TRAFFIC_CLASS, <u8>trafficClass);
    store<u8>(at + TTL, <u8>ttl);
    store<u8>(at + PROTOCOL, <u8>protocol);
  }

  /** The former TOS octet: DSCP (RFC 2474) and, in its low two bits, ECN (RFC 3168). */
  @inline static trafficClass(at: usize): u32 {
    return load<u8>(at + TRAFFIC_CLASS);
  }

  @inline static setTrafficClass(at: usize, value: u32): void {
    store<u8>(at + TRAFFIC_CLASS, <u8>value);
  }

  @inline static totalLength(at: usize): u32 {
    return load16(at + TOTAL_LENGTH);
  }

  @inline static setTotalLength(at: usize, bytes: u32): void {
    store16(at + TOTAL_LENGTH, bytes);
  }

  @inline static identification(at: usize): u32 {
    return load16(at + IDENTIFICATION);
  }

  @inline static setIdentification(at: usize, value: u32): void {
    store16(at + IDENTIFICATION, value);
  }

  @inline static dontFragment(at: usize): bool {
    return (load16(at + FLAGS_AND_OFFSET) & 0x4000) != 0;
  }

  @inline static setDontFragment(at: usize, value: bool): void {
    store16(at + FLAGS_AND_OFFSET, (load16(at + FLAGS_AND_OFFSET) & ~0x4000) | (value ? 0x4000 : 0));
  }

  @inline static moreFragments(at: usize): bool {
    return (load16(at + FLAGS_AND_OFFSET) & 0x2000) != 0;
  }

  /** The place of this fragment's payload in the payload of the datagram, in bytes. */
  @inline static fragmentOffset(at: usize): u32 {
    return (load16(at + FLAGS_AND_OFFSET) & 0x1fff) << 3;
  }

  @inline static ttl(at: usize): u32 {
    return load<u8>(at + TTL);
  }

  @inline static setTtl(at: usize, value: u32): void {
    store<u8>(at + TTL, <u8>value);
  }

  /** Decrements the TTL, and adjusts the checksum. The caller has checked that the TTL is above 1. */
  @inline static decrementTtl(at: usize): void {
    const before = load16(at + TTL);
    store16(at + TTL, before - 0x100);
    Ipv4.setChecksum(at, update16(Ipv4.checksum(at), before, before - 0x100));
  }

  @inline static protocol(at: usize): u32 {
    return load<u8>(at + PROTOCOL);
  }

  @inline static setProtocol(at: usize, value: u32): void {
    store<u8>(at + PROTOCOL, <u8>value);
  }

  @inline static checksum(at: usize): u32 {
    return load16(at + CHECKSUM);
  }

  @inline static setChecksum(at: usize, value: u32): void {
    store16(at + CHECKSUM, value);
  }

  @inline static source(at: usize): u32 {
    return load32(at + SOURCE);
  }

  @inline static setSource(at: usize, address: u32): void {
    store32(at + SOURCE, address);
  }

  @inline static destination(at: usize): u32 {
    return load32(at + DESTINATION);
  }

  @inline static setDestination(at: usize, address: u32): void {
    store32(at + DESTINATION, address);
  }

  /** Address of the source, which the destination follows, as at the start of a pseudo-header. */
  @inline static addresses(at: usize): usize {
    return at + SOURCE;
  }

  @inline static hasRightChecksum(at: usize): bool {
    return fold(add(0, at, Ipv4.headerBytes(at))) == 0xffff;
  }

  static fillChecksum(at: usize): void {
    Ipv4.setChecksum(at, 0);
    Ipv4.setChecksum(at, finish(add(0, at, Ipv4.headerBytes(at))));
  }
}
