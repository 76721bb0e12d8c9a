import { formatIpv6, ipv6Text } from './ipv6-text';
import { room, roomLeft, shrinkRoom } from './memory';

/**
 * A copy of text with changes, written into the arena without allocating. A cursor goes through the source;
 * what it passes is copied or left out, and new text is inserted between. So what the piece does not name
 * stays byte for byte.
 *
 * ```ts
 * edit.begin(at, to, 1400);
 * edit.upTo(hostAt).skipTo(hostTo).text('[2001:db8::1]').rest();
 * if (!edit.isWhole) …                    // it did not fit
 * out.bytes(sip, Role.Header, 0, edit.address, edit.length);
 * ```
 *
 * Only one edit is under way at a time: between `begin` and `end`, take no other room.
 */
export class TextEdit {
  /** Where the new text stands. */
  address: usize = 0;
  /** Whether everything fitted. */
  isWhole: bool = false;
  /** The number of insertions and omissions. */
  changes: i32 = 0;
  private cursor: usize = 0;
  private sourceTo: usize = 0;
  private next: usize = 0;
  private limit: usize = 0;

  /** The number of bytes of the new text so far. */
  get length(): i32 {
    return <i32>(this.next - this.address);
  }

  /** The cursor's address in the source. */
  get source(): usize {
    return this.cursor;
  }

  /** Places the cursor at the start of a source; the new text may have `most` bytes. */
  begin(from: usize, to: usize, most: i32): TextEdit {
    this.cursor = from;
    this.sourceTo = to;
    this.changes = 0;
    const size = min(most, roomLeft());
    this.address = size > 0 ? room(size) : 0;
    this.isWhole = this.address != 0;
    this.next = this.address;
    this.limit = this.isWhole ? this.address + size : 0;
    return this;
  }

  /** Copies the source up to `at`, which is behind the cursor or at it. */
  upTo(at: usize): TextEdit {
    this.put(this.cursor, at);
    this.cursor = at;
    return this;
  }

  /** Continues with another source, and leaves out the rest of the present one. */
  goTo(from: usize, to: usize): TextEdit {
    this.cursor = from;
    this.sourceTo = to;
    return this;
  }

  /** Leaves out the source up to `at`. */
  skipTo(at: usize): TextEdit {
    if (at == this.cursor) return this;
    this.cursor = at;
    this.changes++;
    return this;
  }

  /** Copies the rest of the source, and gives back the room that is not needed. */
  rest(): TextEdit {
    this.upTo(this.sourceTo);
    return this.end();
  }

  /** Ends the edit without the rest of the source. */
  end(): TextEdit {
    if (this.address != 0) shrinkRoom(this.address, this.length);
    return this;
  }

  /** Inserts text of ASCII. */
  text(text: string): TextEdit {
    const length = text.length;
    this.changes++;
    if (!this.hasRoom(length)) return this;
    const at = changetype<usize>(text);
    for (let i = 0; i < length; i++) store<u8>(this.next + i, <u8>load<u16>(at + i * 2));
    this.next += length;
    return this;
  }

  /** Inserts bytes. */
  bytes(from: usize, to: usize): TextEdit {
    this.changes++;
    this.put(from, to);
    return this;
  }

  byte(value: u32): TextEdit {
    this.changes++;
    if (!this.hasRoom(1)) return this;
    store<u8>(this.next, <u8>value);
    this.next++;
    return this;
  }

  /** Inserts a number, in decimal. */
  number(value: u32): TextEdit {
    let scale: u32 = 1;
    while (value / scale >= 10) scale *= 10;
    for (; scale > 0; scale /= 10) this.byte(0x30 + ((value / scale) % 10));
    return this;
  }

  /**
   * Inserts an IP address of 16 bytes (`IpText`): IPv4 in dots, IPv6 in the form of RFC 5952 without
   * brackets.
   */
  ip(address: usize): TextEdit {
    if (load<u64>(address) == 0 && load<u32>(address, 8) == 0xffff0000) {
      for (let i = 0; i < 4; i++) {
        if (i > 0) this.byte(0x2e);
        this.number(load<u8>(address + 12 + i));
      }
      return this;
    }
    return this.bytes(ipv6Text, ipv6Text + formatIpv6(address));
  }

  /** Inserts 16 hexadecimal digits. */
  hex64(value: u64): TextEdit {
    this.changes++;
    if (!this.hasRoom(16)) return this;
    let left = value;
    for (let i = 15; i >= 0; i--) {
      const digit = <u32>left & 15;
      store<u8>(this.next + i, <u8>(digit < 10 ? 0x30 + digit : 0x57 + digit));
      left >>= 4;
    }
    this.next += 16;
    return this;
  }

  private put(from: usize, to: usize): void {
    if (to < from || !this.hasRoom(<i32>(to - from))) {
      this.isWhole = false;
      return;
    }
    memory.copy(this.next, from, to - from);
    this.next += to - from;
  }

  private hasRoom(size: i32): bool {
    if (size <= <i32>(this.limit - this.next)) return true;
    this.isWhole = false;
    return false;
  }
}
