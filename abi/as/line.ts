import { hostLog } from './generated';
import { formatIpv6, ipv6Text } from './ipv6-text';
import { Text, writeUtf8 } from './text';

const ROOM: i32 = 1024;

/**
 * Builds a text without allocating, for messages and offers on the frame path, where concatenating strings is
 * forbidden. Text that does not fit is cut off.
 */
export class Line {
  private start: usize = heap.alloc(ROOM);
  length: i32 = 0;

  get address(): usize {
    return this.start;
  }

  /** Starts with an empty text. */
  clear(): Line {
    this.length = 0;
    return this;
  }

  text(text: string): Line {
    this.length += writeUtf8(this.start + this.length, ROOM - this.length, text);
    return this;
  }

  /** Text that the host owns, as it stands in memory. */
  utf8(text: Text): Line {
    for (let i = 0; i < text.length; i++) this.byte(load<u8>(text.address + i));
    return this;
  }

  number(value: i64): Line {
    if (value < 0) return this.byte(0x2d).unsigned(~(<u64>value) + 1);
    return this.unsigned(<u64>value);
  }

  unsigned(value: u64): Line {
    let scale: u64 = 1;
    while (value / scale >= 10) scale *= 10;
    for (; scale > 0; scale /= 10) this.byte(<u8>(0x30 + ((value / scale) % 10)));
    return this;
  }

  /** Lower-case hexadecimal without leading zeros. */
  hex(value: u64): Line {
    let shift = 60;
    while (shift > 0 && value >> shift == 0) shift -= 4;
    for (; shift >= 0; shift -= 4) {
      const digit = <u8>((value >> shift) & 15);
      this.byte(digit < 10 ? 0x30 + digit : 0x57 + digit);
    }
    return this;
  }

  /** `first octet highest`, as in `Settings.ipv4`. */
  ipv4(address: u32): Line {
    for (let shift = 24; shift >= 0; shift -= 8) {
      this.unsigned((address >> shift) & 0xff);
      if (shift > 0) this.byte(0x2e);
    }
    return this;
  }

  /** The 16 bytes at an address, in the form of RFC 5952. */
  ipv6(at: usize): Line {
    const length = formatIpv6(at);
    for (let i: u32 = 0; i < length; i++) this.byte(load<u8>(ipv6Text + i));
    return this;
  }

  /** Logs the text for the user; `level` is a `Level`. */
  log(level: i32): void {
    hostLog(level, <i32>this.start, this.length);
    this.length = 0;
  }

  private byte(value: u8): Line {
    if (this.length < ROOM) {
      store<u8>(this.start + this.length, value);
      this.length++;
    }
    return this;
  }
}
