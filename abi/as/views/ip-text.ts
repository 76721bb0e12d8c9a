import { Ascii } from './ascii';
import { store16, store32 } from './bytes';

/**
 * IP addresses as text. An address is 16 bytes in memory. An IPv4 address stands there in its mapped form,
 * `::ffff:192.0.2.1` (RFC 4291 §2.5.5.2), so that the same address has the same bytes however it was written.
 */
export abstract class IpText {
  /**
   * Reads an address without brackets or zone to `address`. Returns 4 or 6, or 0 if it is no address. A
   * mapped form is an IPv4 address.
   */
  static read(from: usize, to: usize, address: usize): u32 {
    const v4 = IpText.readIpv4(from, to);
    if (v4 >= 0) {
      IpText.putIpv4(address, <u32>v4);
      return 4;
    }
    if (!IpText.readIpv6(from, to, address)) return 0;
    return IpText.family(address);
  }

  /** The same, where an IPv6 address may stand in brackets. */
  static readBracketed(from: usize, to: usize, address: usize): u32 {
    if (to > from + 1 && load<u8>(from) == 0x5b && load<u8>(to - 1) == 0x5d) {
      if (!IpText.readIpv6(from + 1, to - 1, address)) return 0;
      return IpText.family(address);
    }
    return IpText.read(from, to, address);
  }

  /** 4 or 6, for the 16 bytes at an address. */
  @inline static family(address: usize): u32 {
    return load<u64>(address) == 0 && load<u32>(address, 8) == 0xffff0000 ? 4 : 6;
  }

  /** The 16 bytes of an IPv4 address, given as a number in host order. */
  @inline static putIpv4(address: usize, v4: u32): void {
    store<u64>(address, 0);
    store<u32>(address, 0xffff0000, 8);
    store32(address + 12, v4);
  }

  /**
   * Dotted decimal, first octet highest; -1 for anything else. Some readers take a zero in front for octal,
   * so it is refused.
   */
  static readIpv4(from: usize, to: usize): i64 {
    if (to - from < 7 || to - from > 15) return -1;
    let address: i64 = 0;
    let octet = -1;
    let dots = 0;
    for (let at = from; at < to; at++) {
      const byte = <u32>load<u8>(at);
      if (byte == 0x2e) {
        if (octet < 0 || ++dots > 3) return -1;
        address = (address << 8) | octet;
        octet = -1;
      } else if (Ascii.isDigit(byte)) {
        if (octet == 0) return -1;
        octet = (octet < 0 ? 0 : octet * 10) + (<i32>byte - 0x30);
        if (octet > 255) return -1;
      } else {
        return -1;
      }
    }
    return dots == 3 && octet >= 0 ? (address << 8) | octet : -1;
  }

  /**
   * Reads the forms of RFC 4291 §2.2, also with an IPv4 address at the end. Leaves `address` undefined if it
   * is none.
   */
  static readIpv6(from: usize, to: usize, address: usize): bool {
    if (to - from < 2 || to - from > 45) return false;
    let groups = 0;
    let gap = -1;
    let at = from;
    if (load<u8>(at) == 0x3a) {
      if (load<u8>(at + 1) != 0x3a) return false;
      gap = 0;
      at += 2;
    }
    while (at < to) {
      let end = at;
      let value: u32 = 0;
      while (end < to && end - at < 5) {
        const digit = Ascii.hexDigit(load<u8>(end));
        if (digit < 0) break;
        value = (value << 4) | <u32>digit;
        end++;
      }
      if (end < to && load<u8>(end) == 0x2e) {
        const v4 = IpText.readIpv4(at, to);
        if (v4 < 0 || groups > 6) return false;
        store32(address + groups * 2, <u32>v4);
        groups += 2;
        at = to;
        break;
      }
      if (end == at || end - at > 4 || groups == 8) return false;
      store16(address + groups * 2, value);
      groups++;
      if (end == to) {
        at = end;
        break;
      }
      if (load<u8>(end) != 0x3a) return false;
      at = end + 1;
      if (at == to) return false;
      if (load<u8>(at) == 0x3a) {
        if (gap >= 0) return false;
        gap = groups;
        at++;
        // The grammar of RFC 3261 has one colon too many in front of an IPv4 address (RFC 5118 §4.10).
        if (at < to && load<u8>(at) == 0x3a && IpText.readIpv4(at + 1, to) >= 0) at++;
      }
    }
    if (gap < 0) return groups == 8;
    if (groups > 7) return false;
    const behind = groups - gap;
    const shift = (8 - groups) * 2;
    for (let i = behind * 2 - 1; i >= 0; i--) {
      store<u8>(address + gap * 2 + shift + i, load<u8>(address + gap * 2 + i));
    }
    memory.fill(address + gap * 2, 0, shift);
    return true;
  }
}
