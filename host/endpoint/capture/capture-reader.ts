import { printable } from '../../stack/foreign-text.ts';
import {
  BYTE_ORDER,
  ENHANCED_PACKET,
  INTERFACE_DESCRIPTION,
  INTERFACE_FCS_LENGTH,
  INTERFACE_NAME,
  INTERFACE_OFFSET,
  INTERFACE_RESOLUTION,
  INTERFACE_STATISTICS,
  OBSOLETE_PACKET,
  OPTION_END,
  PACKET_FLAGS,
  PCAP_HEADER_BYTES,
  PCAP_MICROSECONDS,
  PCAP_MODIFIED,
  PCAP_NANOSECONDS,
  PCAP_RECORD_BYTES,
  padded,
  SECTION_HEADER,
  SIMPLE_PACKET,
  STATISTICS_DROPPED,
  STATISTICS_DROPPED_BY_SYSTEM,
  swapped,
  TWO_32,
} from './capture-constants.ts';
import { CapturedPacket, INBOUND, OUTBOUND, UNKNOWN_DIRECTION } from './captured-packet.ts';
import { foreignFormat } from './foreign-formats.ts';
import { TickClock } from './tick-clock.ts';

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
 * Reads packets from the bytes of a pcapng or pcap file, which arrive in pieces of any size. The bytes are
 * untrusted: the reader checks each length, and skips blocks of unknown types. Nothing here touches a file,
 * and nothing is allocated for a packet.
 */
export class CaptureReader {
  /** The packet that `next` found. Its bytes stand in `buffer` from `start`, until more are pushed. */
  readonly packet = new CapturedPacket();
  start = 0;
  #buffer = new Uint8Array(0);
  #at = 0;
  #end = 0;
  /** The offset of `#at` in the file. */
  #offset = 0;
  #format: 'unknown' | 'pcapng' | 'pcap' = 'unknown';
  #littleEndian = true;
  /** Bytes in front of each packet of a pcap file. */
  #recordHeader = PCAP_RECORD_BYTES;
  /** Those of the present section. */
  #interfaces: Interface[] = [];
  #droppedBefore = 0;
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

  /** Packets that the statistics of the file count as lost when it was captured. */
  get dropped(): number {
    return this.#droppedBefore + sum(this.#interfaces);
  }

  /** The name of the interface that captured the packet, for messages; empty where the file has none. */
  get interfaceName(): string {
    return this.#interfaces[this.packet.interfaceNumber]?.name ?? '';
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

  #u64(at: number): number {
    return this.#littleEndian
      ? this.#u32(at + 4) * TWO_32 + this.#u32(at)
      : this.#u32(at) * TWO_32 + this.#u32(at + 4);
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
    if (perSecond === undefined)
      this.#fail(foreignFormat(magic) ?? 'this is neither a pcapng nor a pcap file');
    if (!this.#has(PCAP_HEADER_BYTES)) return false;
    this.#littleEndian = !PCAP_MAGICS.has(magic);
    const major = this.#u16(this.#at + 4);
    if (major !== PCAP_MAJOR)
      this.#fail(`a pcap file has the unknown version ${major}; only version ${PCAP_MAJOR} is supported`);
    this.#format = 'pcap';
    if (magic === PCAP_MODIFIED || swapped(magic) === PCAP_MODIFIED)
      this.#recordHeader = MODIFIED_RECORD_BYTES;
    const link = this.#u32(this.#at + 20);
    this.#interfaces = [
      {
        name: '',
        linkType: link & 0xffff,
        clock: new TickClock(perSecond, 0),
        snapLength: 0,
        // In units of 16 bits.
        fcsBytes: (link & FCS_IS_KNOWN) === 0 ? 0 : (link >>> 28) * 2,
        dropped: 0,
      },
    ];
    this.#take(PCAP_HEADER_BYTES);
    return true;
  }

  /** The record of a pcap file. */
  #nextRecord(): boolean {
    const header = this.#recordHeader;
    if (!this.#has(header)) return false;
    const at = this.#at;
    const captured = this.#u32(at + 8);
    if (captured > MOST_BLOCK) this.#fail(`a packet has ${captured} bytes, but the limit is ${MOST_BLOCK}`);
    if (!this.#has(header + captured)) return false;
    const from = this.#interfaces[0]!;
    const { packet } = this;
    packet.interfaceNumber = 0;
    packet.direction = UNKNOWN_DIRECTION;
    if (header === MODIFIED_RECORD_BYTES)
      packet.direction = this.#buffer[at + MODIFIED_WAY_AT] === MODIFIED_OUTGOING ? OUTBOUND : INBOUND;
    from.clock.readParts(this.#u32(at), this.#u32(at + 4), packet);
    this.#found(from, at + header, captured, this.#u32(at + 12));
    this.#take(header + captured);
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
  }

  #readBlock(type: number, length: number): boolean {
    const at = this.#at;
    switch (type) {
      case SECTION_HEADER:
        this.#readSection(length);
        return false;
      case INTERFACE_DESCRIPTION:
        this.#readInterface(length);
        return false;
      case INTERFACE_STATISTICS:
        this.#readStatistics(length);
        return false;
      case ENHANCED_PACKET:
        if (length < 32) this.#fail('a packet block is too short');
        this.#readPacket(this.#u32(at + 8), length);
        return true;
      case OBSOLETE_PACKET:
        if (length < 32) this.#fail('a packet block is too short');
        this.#readPacket(this.#u16(at + 8), length);
        return true;
      case SIMPLE_PACKET:
        this.#readSimplePacket(length);
        return true;
      default:
        return false;
    }
  }

  #readSection(length: number): void {
    if (length < 28 || this.#u16(this.#at + 12) !== 1)
      this.#fail('a section has an unknown version; only version 1 is supported');
    this.#droppedBefore += sum(this.#interfaces);
    this.#interfaces = [];
  }

  #readPacket(number: number, length: number): void {
    const at = this.#at;
    const from = this.#interfaceOf(number);
    const captured = this.#u32(at + 20);
    const room = length - 32;
    if (captured > room) this.#fail(`a packet has ${captured} bytes in a block with room for ${room}`);
    const { packet } = this;
    packet.direction = UNKNOWN_DIRECTION;
    from.clock.read(this.#u32(at + 12), this.#u32(at + 16), packet);
    let fcsBytes = from.fcsBytes;
    const end = at + length - 4;
    for (let option = at + 28 + padded(captured); option + 4 <= end; ) {
      const size = this.#sizeOfOption(option, end);
      if (size < 0) break;
      if (this.#u16(option) === PACKET_FLAGS && size >= 4) {
        const flags = this.#u32(option + 4);
        packet.direction = (flags & 3) === 1 ? INBOUND : (flags & 3) === 2 ? OUTBOUND : UNKNOWN_DIRECTION;
        // In bytes; 0 where it is not known.
        fcsBytes = (flags >>> 5) & 0xf || fcsBytes;
      }
      option += 4 + padded(size);
    }
    packet.interfaceNumber = number;
    this.#found(from, at + 28, captured, this.#u32(at + 24), fcsBytes);
  }

  /** It has no time of its own: it came with the one before. */
  #readSimplePacket(length: number): void {
    if (length < 16) this.#fail('a packet block is too short');
    const from = this.#interfaceOf(0);
    const original = this.#u32(this.#at + 8);
    const captured = Math.min(original, from.snapLength || original, length - 16);
    this.packet.interfaceNumber = 0;
    this.packet.direction = UNKNOWN_DIRECTION;
    this.#found(from, this.#at + 12, captured, original);
  }

  #interfaceOf(number: number): Interface {
    const found = this.#interfaces[number];
    if (found === undefined) this.#fail(`a packet names interface ${number}, which was not described`);
    return found;
  }

  /** Leaves out the frame check sequence, which a Funnel never sees. */
  #found(from: Interface, start: number, captured: number, original: number, fcsBytes = from.fcsBytes): void {
    const behind = captured === original && captured > fcsBytes ? fcsBytes : 0;
    const { packet } = this;
    packet.linkType = from.linkType;
    packet.captured = captured - behind;
    packet.original = original - behind;
    this.start = start;
  }

  /** The bytes of an option's value; -1 for the option that ends them. */
  #sizeOfOption(option: number, end: number): number {
    const size = this.#u16(option + 2);
    if (this.#u16(option) === OPTION_END) return -1;
    if (option + 4 + size > end) this.#fail('an option is longer than its block');
    return size;
  }

  #readInterface(length: number): void {
    const at = this.#at;
    if (length < 20) this.#fail('an interface block is too short');
    if (this.#interfaces.length >= MOST_INTERFACES) this.#fail(`more than ${MOST_INTERFACES} interfaces`);
    let name = '';
    let perSecond = 1e6;
    let offset = 0;
    let fcsBytes = 0;
    const end = at + length - 4;
    for (let option = at + 16; option + 4 <= end; ) {
      const size = this.#sizeOfOption(option, end);
      if (size < 0) break;
      const code = this.#u16(option);
      const value = option + 4;
      if (code === INTERFACE_NAME) {
        const text = this.#buffer.subarray(value, value + Math.min(size, LONGEST_NAME));
        name = printable(new TextDecoder().decode(text));
      } else if (code === INTERFACE_RESOLUTION && size >= 1) {
        const exponent = this.#buffer[value]! & 0x7f;
        perSecond = (this.#buffer[value]! & 0x80) === 0 ? 10 ** exponent : 2 ** exponent;
      } else if (code === INTERFACE_OFFSET && size >= 8) {
        offset = Number(this.#view.getBigInt64(value, this.#littleEndian));
      } else if (code === INTERFACE_FCS_LENGTH && size >= 1) {
        // Some writers count bits, and others bytes.
        const fcs = this.#buffer[value]!;
        fcsBytes = fcs >= 8 ? fcs >>> 3 : fcs;
      }
      option += 4 + padded(size);
    }
    this.#interfaces.push({
      name,
      linkType: this.#u16(at + 8),
      snapLength: this.#u32(at + 12),
      clock: new TickClock(perSecond, offset),
      fcsBytes,
      dropped: 0,
    });
  }

  /** Where an interface has statistics more than once, the last ones count. */
  #readStatistics(length: number): void {
    const at = this.#at;
    if (length < 24) this.#fail('a block of statistics is too short');
    const from = this.#interfaces[this.#u32(at + 8)];
    if (from === undefined)
      this.#fail(`statistics name interface ${this.#u32(at + 8)}, which was not described`);
    let dropped = 0;
    const end = at + length - 4;
    for (let option = at + 20; option + 4 <= end; ) {
      const size = this.#sizeOfOption(option, end);
      if (size < 0) break;
      const code = this.#u16(option);
      if ((code === STATISTICS_DROPPED || code === STATISTICS_DROPPED_BY_SYSTEM) && size >= 8)
        dropped += this.#u64(option + 4);
      option += 4 + padded(size);
    }
    from.dropped = dropped;
  }
}

interface Interface {
  readonly name: string;
  readonly linkType: number;
  readonly clock: TickClock;
  /** 0 for no limit. */
  readonly snapLength: number;
  /** Bytes of a frame check sequence behind each frame. */
  readonly fcsBytes: number;
  dropped: number;
}

function sum(interfaces: readonly Interface[]): number {
  return interfaces.reduce((all, { dropped }) => all + dropped, 0);
}

/** Times count so many in a second, by the magic number. */
const PCAP_MAGICS = new Map([
  [PCAP_MICROSECONDS, 1e6],
  [PCAP_NANOSECONDS, 1e9],
  [PCAP_MODIFIED, 1e6],
]);
const PCAP_MAJOR = 2;
/** In the field of the link type of a pcap file: the four highest bits count the frame check sequence. */
const FCS_IS_KNOWN = 0x0400_0000;
/**
 * The records of the modified variant: behind the usual header the interface, the EtherType, the way, a gap.
 */
const MODIFIED_RECORD_BYTES = 24;
const MODIFIED_WAY_AT = 22;
const MODIFIED_OUTGOING = 4;
/** The most bytes that a hostile length can make the reader keep; no frame with its options has as many. */
const MOST_BLOCK = 1 << 24;
const MOST_INTERFACES = 65_536;
/** Bytes of a name that are kept for messages. */
const LONGEST_NAME = 64;
