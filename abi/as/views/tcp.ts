import { load16, load32, store16, store32 } from './bytes';
import { add, addPseudoIpv4, addPseudoIpv6, finish, isRight } from './checksum';

// Where the fields stand (RFC 9293 §3.1).
@inline const SOURCE_PORT: usize = 0;
@inline const DESTINATION_PORT: usize = 2;
@inline const SEQUENCE: usize = 4;
@inline const ACKNOWLEDGEMENT: usize = 8;
@inline const DATA_OFFSET: usize = 12;
@inline const FLAGS: usize = 13;
@inline const WINDOW: usize = 14;
@inline const CHECKSUM: usize = 16;
@inline const URGENT_POINTER: usize = 18;

@inline const PROTOCOL: u32 = 6;

/** A TCP header, on its address. Only `fits` checks; after it no accessor can fail. */
export abstract class Tcp {
  /** Bytes in a header without options. */
  @inline static readonly BYTES: u32 = 20;
  @inline static readonly FIN: u32 = 0x01;
  @inline static readonly SYN: u32 = 0x02;
  @inline static readonly RST: u32 = 0x04;
  @inline static readonly PSH: u32 = 0x08;
  @inline static readonly ACK: u32 = 0x10;
  @inline static readonly URG: u32 = 0x20;
  @inline static readonly ECE: u32 = 0x40;
  @inline static readonly CWR: u32 = 0x80;

  /** Whether `length` bytes hold a header with all of its options. */
  @inline static fits(at: usize, length: u32): bool {
    if (length < Tcp.BYTES) return false;
    const header = Tcp.headerBytes(at);
    return header >= Tcp.BYTES && header <= length;
  }

  /** Bytes in the header, its options included. */
  @inline static headerBytes(at: usize): u32 {
    return (<u32>load<u8>(at + DATA_OFFSET) >> 4) << 2;
  }

  @inline static setHeaderBytes(at: usize, bytes: u32): void {
    store<u8>(at + DATA_OFFSET, <u8>((bytes << 2) | (load<u8>(at + DATA_OFFSET) & 15)));
  }

  @inline static sourcePort(at: usize): u32 {
    return load16(at + SOURCE_PORT);
  }

  @inline static setSourcePort(at: usize, port: u32): void {
    store16(at + SOURCE_PORT, port);
  }

  @inline static destinationPort(at: usize): u32 {
    return load16(at + DESTINATION_PORT);
  }

  @inline static setDestinationPort(at: usize, port: u32): void {
    store16(at + DESTINATION_PORT, port);
  }

  @inline static sequence(at: usize): u32 {
    return load32(at + SEQUENCE);
  }

  @inline static setSequence(at: usize, value: u32): void {
    store32(at + SEQUENCE, value);
  }

  /** Valid only with the flag ACK. */
  @inline static acknowledgement(at: usize): u32 {
    return load32(at + ACKNOWLEDGEMENT);
  }

  @inline static setAcknowledgement(at: usize, value: u32): void {
    store32(at + ACKNOWLEDGEMENT, value);
  }

  @inline static flags(at: usize): u32 {
    return load<u8>(at + FLAGS);
  }

  @inline static setFlags(at: usize, flags: u32): void {
    store<u8>(at + FLAGS, <u8>flags);
  }

  /** Not scaled (RFC 7323). */
  @inline static window(at: usize): u32 {
    return load16(at + WINDOW);
  }

  @inline static setWindow(at: usize, value: u32): void {
    store16(at + WINDOW, value);
  }

  @inline static checksum(at: usize): u32 {
    return load16(at + CHECKSUM);
  }

  @inline static setChecksum(at: usize, value: u32): void {
    store16(at + CHECKSUM, value);
  }

  @inline static urgentPointer(at: usize): u32 {
    return load16(at + URGENT_POINTER);
  }

  @inline static setUrgentPointer(at: usize, value: u32): void {
    store16(at + URGENT_POINTER, value);
  }

  /** Whether the checksum of the segment, `bytes` in all, is right. `addresses` as in `addPseudoIpv4`. */
  static hasRightChecksumOverIpv4(at: usize, bytes: u32, addresses: usize): bool {
    return isRight(add(addPseudoIpv4(0, addresses, bytes, PROTOCOL), at, bytes));
  }

  /** Whether the checksum of the segment, `bytes` in all, is right. `addresses` as in `addPseudoIpv6`. */
  static hasRightChecksumOverIpv6(at: usize, bytes: u32, addresses: usize): bool {
    return isRight(add(addPseudoIpv6(0, addresses, bytes, PROTOCOL), at, bytes));
  }

  static fillChecksumOverIpv4(at: usize, bytes: u32, addresses: usize): void {
    Tcp.setChecksum(at, 0);
    Tcp.setChecksum(at, finish(add(addPseudoIpv4(0, addresses, bytes, PROTOCOL), at, bytes)));
  }

  static fillChecksumOverIpv6(at: usize, bytes: u32, addresses: usize): void {
    Tcp.setChecksum(at, 0);
    Tcp.setChecksum(at, finish(add(addPseudoIpv6(0, addresses, bytes, PROTOCOL), at, bytes)));
  }
}
