/**
 * Capture files as bytes: writing pcapng (draft-ietf-opsawg-pcapng), and reading it and the older pcap.
 * Nothing here touches a file. The frame path's part, {@link writePacketBlock}, allocates nothing.
 */

/** The link types that a Funnel uses, from the registry at tcpdump.org/linktypes.html. */
export const LinkType = { ethernet: 1, ppp: 9, raw: 101, ipv4: 228, ipv6: 229 } as const;

/** Returns a section header that names the program which wrote the file. */
export function sectionHeader(): Uint8Array {
  const name = new TextEncoder().encode('funnel-tunnel');
  const option = padded(name.length) + 8;
  const block = new Uint8Array(28 + option);
  const view = new DataView(block.buffer);
  view.setUint32(0, SECTION_HEADER, true);
  view.setUint32(4, block.length, true);
  view.setUint32(8, BYTE_ORDER, true);
  view.setUint16(12, 1, true);
  // The section's length is not known while it is being written.
  view.setBigInt64(16, -1n, true);
  view.setUint16(24, OPTION_APPLICATION, true);
  view.setUint16(26, name.length, true);
  block.set(name, 28);
  view.setUint32(block.length - 4, block.length, true);
  return block;
}

/** An interface whose timestamps are microseconds since 1970. */
export function interfaceDescription(linkType: number, snapLength: number): Uint8Array {
  const block = new Uint8Array(20);
  const view = new DataView(block.buffer);
  view.setUint32(0, INTERFACE_DESCRIPTION, true);
  view.setUint32(4, block.length, true);
  view.setUint16(8, linkType, true);
  view.setUint32(12, snapLength, true);
  view.setUint32(16, block.length, true);
  return block;
}

/** The length of a block with `captured` bytes of a packet. */
export function packetBlockLength(captured: number): number {
  return 32 + padded(captured);
}

/**
 * Writes an enhanced packet block for the first `captured` bytes of a packet of `original` bytes at `from`.
 *
 * @param out must have {@link packetBlockLength} bytes at `at`
 * @param microseconds since 1970
 * @returns the end of the block
 */
export function writePacketBlock(
  out: Uint8Array,
  at: number,
  interfaceNumber: number,
  microseconds: number,
  source: Uint8Array,
  from: number,
  captured: number,
  original: number,
): number {
  const length = packetBlockLength(captured);
  put32(out, at, ENHANCED_PACKET);
  put32(out, at + 4, length);
  put32(out, at + 8, interfaceNumber);
  put32(out, at + 12, Math.floor(microseconds / TWO_32));
  put32(out, at + 16, microseconds % TWO_32);
  put32(out, at + 20, captured);
  put32(out, at + 24, original);
  for (let i = 0; i < captured; i++) out[at + 28 + i] = source[from + i]!;
  for (let i = at + 28 + captured; i < at + length - 4; i++) out[i] = 0;
  put32(out, at + length - 4, length);
  return at + length;
}

/** The bytes are not a valid capture. The offset counts from the start of the file. */
export class CaptureError extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(`at byte ${offset}: ${message}`);
    this.name = 'CaptureError';
    this.offset = offset;
  }
}

/**
 * Reads packets from the bytes of a capture file, which arrive in pieces of any size. The bytes are
 * untrusted: the reader checks each length, and skips blocks of unknown types.
 */
export class CaptureReader {
  /**
   * These fields describe the packet that `next` found. Its bytes stand in `buffer` from `start`, until more
   * are pushed.
   */
  linkType = 0;
  microseconds = 0;
  start = 0;
  captured = 0;
  original = 0;
  #buffer = new Uint8Array(0);
  #at = 0;
  #end = 0;
  /** The offset of `#at` in the file. */
  #offset = 0;
  #format: 'unknown' | 'pcapng' | 'pcap' = 'unknown';
  #littleEndian = true;
  #interfaces: Interface[] = [];
  #view = new DataView(this.#buffer.buffer);

  get buffer(): Uint8Array {
    return this.#buffer;
  }

  /** The offset in the file up to which the reader has come. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * Whether the remaining bytes are part of a block. At the end of a file this means that the file was cut
   * off.
   */
  get isInBlock(): boolean {
    return this.#end > this.#at;
  }

  push(bytes: Uint8Array): void {
    const left = this.#end - this.#at;
    if (this.#buffer.length < left + bytes.length) {
      const larger = new Uint8Array(Math.max(left + bytes.length, this.#buffer.length * 2));
      larger.set(this.#buffer.subarray(this.#at, this.#end));
      this.#buffer = larger;
      this.#view = new DataView(larger.buffer);
    } else {
      this.#buffer.copyWithin(0, this.#at, this.#end);
    }
    this.#buffer.set(bytes, left);
    this.#at = 0;
    this.#end = left + bytes.length;
  }

  /**
   * Reads the next packet. Returns false if more bytes are needed.
   *
   * @throws CaptureError
   */
  next(): boolean {
    if (this.#format === 'unknown' && !this.#readMagic()) return false;
    return this.#format === 'pcap' ? this.#nextRecord() : this.#nextBlock();
  }

  #has(bytes: number): boolean {
    return this.#end - this.#at >= bytes;
  }

  #take(bytes: number): void {
    this.#at += bytes;
    this.#offset += bytes;
  }

  #u32(at: number): number {
    return this.#view.getUint32(at, this.#littleEndian);
  }

  #u16(at: number): number {
    return this.#view.getUint16(at, this.#littleEndian);
  }

  #fail(message: string): never {
    throw new CaptureError(this.#offset, message);
  }

  #readMagic(): boolean {
    if (!this.#has(4)) return false;
    const magic = this.#view.getUint32(this.#at, false);
    if (magic === SECTION_HEADER) {
      this.#format = 'pcapng';
      return true;
    }
    const perSecond = PCAP_MAGICS.get(magic) ?? PCAP_MAGICS.get(swapped(magic));
    if (perSecond === undefined) this.#fail('this is neither a pcapng nor a pcap file');
    if (!this.#has(24)) return false;
    this.#littleEndian = !PCAP_MAGICS.has(magic);
    this.#format = 'pcap';
    // The upper bits of the link type describe checksums behind frames.
    this.#interfaces = [
      {
        linkType: this.#u32(this.#at + 20) & 0xffff,
        perMicrosecond: perSecond / 1e6,
        offset: 0,
        snapLength: 0,
      },
    ];
    this.#take(24);
    return true;
  }

  /** The record of a pcap file. */
  #nextRecord(): boolean {
    if (!this.#has(16)) return false;
    const captured = this.#u32(this.#at + 8);
    if (captured > MOST_BLOCK) this.#fail(`a packet has ${captured} bytes, but the limit is ${MOST_BLOCK}`);
    if (!this.#has(16 + captured)) return false;
    const { linkType, perMicrosecond } = this.#interfaces[0]!;
    this.microseconds = this.#u32(this.#at) * 1e6 + this.#u32(this.#at + 4) / perMicrosecond;
    this.#found(linkType, this.#at + 16, captured, this.#u32(this.#at + 12));
    this.#take(16 + captured);
    return true;
  }

  #nextBlock(): boolean {
    while (this.#has(12)) {
      const isSection = this.#view.getUint32(this.#at, false) === SECTION_HEADER;
      if (isSection) this.#readByteOrder();
      const type = this.#u32(this.#at);
      const length = this.#u32(this.#at + 4);
      if (length < 12 || length % 4 !== 0) this.#fail(`a block has an invalid length of ${length} bytes`);
      if (length > MOST_BLOCK) this.#fail(`a block has ${length} bytes, but the limit is ${MOST_BLOCK}`);
      if (!this.#has(length)) return false;
      if (this.#u32(this.#at + length - 4) !== length) this.#fail('the two lengths of a block differ');
      const isPacket = this.#readBlock(type, length);
      this.#take(length);
      if (isPacket) return true;
    }
    return false;
  }

  #readByteOrder(): void {
    const order = this.#view.getUint32(this.#at + 8, true);
    if (order !== BYTE_ORDER && order !== swapped(BYTE_ORDER))
      this.#fail('a section has no valid byte order');
    this.#littleEndian = order === BYTE_ORDER;
    this.#interfaces = [];
  }

  #readBlock(type: number, length: number): boolean {
    const at = this.#at;
    switch (type) {
      case SECTION_HEADER:
        if (length < 28 || this.#u16(at + 12) !== 1)
          this.#fail('a section has an unknown version; only version 1 is supported');
        return false;
      case INTERFACE_DESCRIPTION:
        this.#readInterface(length);
        return false;
      case ENHANCED_PACKET:
        if (length < 32) this.#fail('a packet block that is too short');
        return this.#packet(
          this.#u32(at + 8),
          at + 12,
          at + 28,
          this.#u32(at + 20),
          this.#u32(at + 24),
          length - 32,
        );
      case OBSOLETE_PACKET:
        if (length < 32) this.#fail('a packet block that is too short');
        return this.#packet(
          this.#u16(at + 8),
          at + 12,
          at + 28,
          this.#u32(at + 20),
          this.#u32(at + 24),
          length - 32,
        );
      case SIMPLE_PACKET: {
        if (length < 16) this.#fail('a packet block that is too short');
        const original = this.#u32(at + 8);
        const snap = this.#interfaces[0]?.snapLength || original;
        return this.#packet(0, -1, at + 12, Math.min(original, snap, length - 16), original, length - 16);
      }
      default:
        return false;
    }
  }

  #packet(
    number: number,
    timeAt: number,
    start: number,
    captured: number,
    original: number,
    room: number,
  ): boolean {
    const from = this.#interfaces[number];
    if (from === undefined) this.#fail(`a packet names interface ${number}, which was not described`);
    if (captured > room) this.#fail(`a packet has ${captured} bytes in a block with room for ${room}`);
    // A simple packet block has no time: the packet gets the time of the one before.
    if (timeAt >= 0)
      this.microseconds =
        (this.#u32(timeAt) * TWO_32 + this.#u32(timeAt + 4)) / from.perMicrosecond + from.offset;
    this.#found(from.linkType, start, captured, original);
    return true;
  }

  #found(linkType: number, start: number, captured: number, original: number): void {
    this.linkType = linkType;
    this.start = start;
    this.captured = captured;
    this.original = original;
  }

  #readInterface(length: number): void {
    const at = this.#at;
    if (length < 20) this.#fail('an interface block is too short');
    if (this.#interfaces.length >= MOST_INTERFACES) this.#fail(`more than ${MOST_INTERFACES} interfaces`);
    const made = {
      linkType: this.#u16(at + 8),
      snapLength: this.#u32(at + 12),
      perMicrosecond: 1,
      offset: 0,
    };
    const end = at + length - 4;
    for (let option = at + 16; option + 4 <= end; ) {
      const code = this.#u16(option);
      const size = this.#u16(option + 2);
      if (code === 0) break;
      if (option + 4 + size > end) this.#fail('an option is longer than its block');
      if (code === OPTION_RESOLUTION && size >= 1) {
        const value = this.#buffer[option + 4]!;
        made.perMicrosecond = (value & 0x80 ? 2 ** (value & 0x7f) : 10 ** value) / 1e6;
      } else if (code === OPTION_OFFSET && size >= 8) {
        made.offset = Number(this.#view.getBigInt64(option + 4, this.#littleEndian)) * 1e6;
      }
      option += 4 + padded(size);
    }
    this.#interfaces.push(made);
  }
}

interface Interface {
  readonly linkType: number;
  /** The units of a timestamp in a microsecond. */
  readonly perMicrosecond: number;
  /** In microseconds. */
  readonly offset: number;
  /** 0 for no limit. */
  readonly snapLength: number;
}

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const OBSOLETE_PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const BYTE_ORDER = 0x1a2b3c4d;
const OPTION_APPLICATION = 4;
const OPTION_RESOLUTION = 9;
const OPTION_OFFSET = 14;
/**
 * The units per second of timestamps in pcap files, by the magic number of a big-endian file.
 */
const PCAP_MAGICS = new Map([
  [0xa1b2c3d4, 1e6],
  [0xa1b23c4d, 1e9],
]);
/** The most bytes that a hostile length can make the reader keep; no frame with its options has as many. */
const MOST_BLOCK = 1 << 24;
const MOST_INTERFACES = 65_536;
const TWO_32 = 2 ** 32;

function padded(length: number): number {
  return (length + 3) & ~3;
}

function swapped(value: number): number {
  return ((value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}

function put32(out: Uint8Array, at: number, value: number): void {
  out[at] = value;
  out[at + 1] = value >>> 8;
  out[at + 2] = value >>> 16;
  out[at + 3] = value >>> 24;
}
