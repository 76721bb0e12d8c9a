import { readFileSync } from 'node:fs';

/** One packet of a capture. */
export interface CapturedPacket {
  /** LINKTYPE_… of the interface that it was seen on: 1 is Ethernet, 101 bare IP. */
  readonly linkType: number;
  /** Milliseconds since 1970, with their fraction. */
  readonly timeMs: number;
  readonly bytes: Buffer;
}

/**
 * Reads a pcapng file (draft-ietf-opsawg-pcapng): sections of either byte order, interfaces, and enhanced
 * packets. A block that was cut short at the end, because the writer was still busy, is left out.
 *
 * @throws Error where it is no pcapng
 */
export function readPcapng(file: string): CapturedPacket[] {
  const all = readFileSync(file);
  const packets: CapturedPacket[] = [];
  let interfaces: { linkType: number; ticksPerMs: number }[] = [];
  let isLittle = true;
  const u16 = (at: number): number => (isLittle ? all.readUInt16LE(at) : all.readUInt16BE(at));
  const u32 = (at: number): number => (isLittle ? all.readUInt32LE(at) : all.readUInt32BE(at));
  if (all.length < 12 || all.readUInt32BE(0) !== SECTION) throw new Error(`${file}: not a pcapng file`);
  for (let at = 0; at + 12 <= all.length; ) {
    if (all.readUInt32BE(at) === SECTION) {
      isLittle = all.readUInt32LE(at + 8) === BYTE_ORDER_MAGIC;
      interfaces = [];
    }
    const length = u32(at + 4);
    if (length < 12 || length % 4 !== 0) throw new Error(`${file}: a block of ${length} bytes at ${at}`);
    if (at + length > all.length) break;
    const type = u32(at);
    if (type === INTERFACE) {
      interfaces.push({ linkType: u16(at + 8), ticksPerMs: ticksPerMs(all, at + 16, at + length - 4, u16) });
    } else if (type === ENHANCED_PACKET) {
      const on = interfaces[u32(at + 8)];
      if (on === undefined)
        throw new Error(`${file}: a packet at ${at} of an interface that is not described`);
      const ticks = u32(at + 12) * 2 ** 32 + u32(at + 16);
      const bytes = all.subarray(at + 28, at + 28 + u32(at + 20));
      packets.push({ linkType: on.linkType, timeMs: ticks / on.ticksPerMs, bytes });
    }
    at += length;
  }
  return packets;
}

/** The option if_tsresol: a power of ten, or with the high bit of two; microseconds when it is not there. */
function ticksPerMs(all: Buffer, from: number, to: number, u16: (at: number) => number): number {
  for (let at = from; at + 4 <= to; ) {
    const code = u16(at);
    const length = u16(at + 2);
    if (code === 0) break;
    if (code === IF_TSRESOL && length === 1) {
      const value = all[at + 4]!;
      return ((value & 0x80) === 0 ? 10 ** value : 2 ** (value & 0x7f)) / 1000;
    }
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return 1000;
}

const SECTION = 0x0a0d0d0a;
const INTERFACE = 1;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const IF_TSRESOL = 9;
