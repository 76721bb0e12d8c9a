import { load16, store16 } from './bytes';
import { add, addPseudoIpv4, addPseudoIpv6, finish, isRight } from './checksum';

// Where the fields stand (RFC 768).
@inline const SOURCE_PORT: usize = 0;
@inline const DESTINATION_PORT: usize = 2;
@inline const LENGTH: usize = 4;
@inline const CHECKSUM: usize = 6;

@inline const PROTOCOL: u32 = 17;

/** A UDP header, on its address. Only `fits` checks; after it no accessor can fail. */
export abstract class Udp {
  @inline static readonly BYTES: u32 = 8;

  @inline static fits(_at: usize, length: u32): bool {
    return length >= Udp.BYTES;
  }

  /** Writes a header whose length and checksum follow later. */
  @inline static begin(at: usize, sourcePort: u32, destinationPort: u32): void {
    store16(at + SOURCE_PORT, sourcePort);
    store16(at + DESTINATION_PORT, destinationPort);
    store<u32>(at + LENGTH, 0);
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

  /** Bytes of header and payload. */
  @inline static length(at: usize): u32 {
    return load16(at + LENGTH);
  }

  @inline static setLength(at: usize, bytes: u32): void {
    store16(at + LENGTH, bytes);
  }

  /** 0 means "none"; over IPv6 only tunnels may send it (RFC 6935). */
  @inline static checksum(at: usize): u32 {
    return load16(at + CHECKSUM);
  }

  @inline static setChecksum(at: usize, value: u32): void {
    store16(at + CHECKSUM, value);
  }

  /**
   * Whether the checksum of header and payload, `bytes` together at `at`, is right. `addresses` as in
   * `addPseudoIpv4`.
   */
  static hasRightChecksumOverIpv4(at: usize, bytes: u32, addresses: usize): bool {
    return Udp.checksum(at) == 0 || isRight(add(addPseudoIpv4(0, addresses, bytes, PROTOCOL), at, bytes));
  }

  /**
   * Whether the checksum of header and payload, `bytes` together at `at`, is right. `addresses` as in
   * `addPseudoIpv6`.
   */
  static hasRightChecksumOverIpv6(at: usize, bytes: u32, addresses: usize): bool {
    return Udp.checksum(at) != 0 && isRight(add(addPseudoIpv6(0, addresses, bytes, PROTOCOL), at, bytes));
  }

  static fillChecksumOverIpv4(at: usize, bytes: u32, addresses: usize): void {
    Udp.setChecksum(at, 0);
    Udp.setChecksum(at, zeroAsOnes(finish(add(addPseudoIpv4(0, addresses, bytes, PROTOCOL), at, bytes))));
  }

  static fillChecksumOverIpv6(at: usize, bytes: u32, addresses: usize): void {
    Udp.setChecksum(at, 0);
    Udp.setChecksum(at, zeroAsOnes(finish(add(addPseudoIpv6(0, addresses, bytes, PROTOCOL), at, bytes))));
  }
}

/** A computed 0 is sent as all ones, because 0 means "none" (RFC 768). */
@inline
function zeroAsOnes(checksum: u32): u32 {
  return checksum == 0 ? 0xffff : checksum;
}
