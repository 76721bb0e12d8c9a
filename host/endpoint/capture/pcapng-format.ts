import {
  BYTE_ORDER,
  ENHANCED_PACKET,
  INTERFACE_ABOUT,
  INTERFACE_DESCRIPTION,
  INTERFACE_NAME,
  INTERFACE_RESOLUTION,
  INTERFACE_STATISTICS,
  OPTION_COMMENT,
  PACKET_FLAGS,
  padded,
  SECTION_APPLICATION,
  SECTION_HEADER,
  STATISTICS_DELIVERED,
  STATISTICS_DROPPED,
  STATISTICS_END,
  STATISTICS_RECEIVED,
  STATISTICS_START,
  TWO_32,
} from './capture-constants.ts';
import type { CaptureFormat, CaptureStatistics, CaptureSubject } from './capture-format.ts';
import { type CapturedPacket, type PacketTime, UNKNOWN_DIRECTION } from './captured-packet.ts';
import { put32 } from './put-number.ts';

/**
 * The format pcapng (draft-ietf-opsawg-pcapng), little-endian, with times in nanoseconds. Each link type is
 * an interface of its own.
 */
export class PcapngFormat implements CaptureFormat {
  readonly #subject: CaptureSubject;
  #hasSection = false;
  /** By interface: its link type, and the packets on it. */
  #linkTypes: number[] = [];
  #packets: number[] = [];

  constructor(subject: CaptureSubject) {
    this.#subject = subject;
  }

  accepts(): boolean {
    return true;
  }

  missing(linkType?: number): Uint8Array | undefined {
    const isDescribed = linkType === undefined || this.#linkTypes.includes(linkType);
    if (this.#hasSection && isDescribed) return undefined;
    const section = this.#hasSection ? NOTHING : sectionHeader();
    const described = isDescribed ? NOTHING : interfaceDescription(this.#subject, linkType);
    return joined([section, described]);
  }

  described(linkType?: number): void {
    this.#hasSection = true;
    if (linkType === undefined || this.#linkTypes.includes(linkType)) return;
    this.#linkTypes.push(linkType);
    this.#packets.push(0);
  }

  interfaceOf(linkType: number): number {
    return this.#linkTypes.indexOf(linkType);
  }

  lengthOf(packet: CapturedPacket): number {
    const { comment, direction } = packet;
    const flags = direction === UNKNOWN_DIRECTION ? 0 : 8;
    const text = comment === undefined ? 0 : 4 + padded(comment.length);
    return 32 + padded(packet.captured) + flags + text + (flags + text > 0 ? 4 : 0);
  }

  /** Writes an enhanced packet block. */
  write(out: Uint8Array, at: number, packet: CapturedPacket, source: Uint8Array, from: number): number {
    const { captured, comment, direction } = packet;
    const length = this.lengthOf(packet);
    put32(out, at, ENHANCED_PACKET);
    put32(out, at + 4, length);
    put32(out, at + 8, packet.interfaceNumber);
    putTime(out, at + 12, packet);
    put32(out, at + 20, captured);
    put32(out, at + 24, packet.original);
    let end = at + 28;
    for (let i = 0; i < captured; i++) out[end + i] = source[from + i]!;
    end = zeros(out, end + captured, at);
    if (direction !== UNKNOWN_DIRECTION) {
      put32(out, end, PACKET_FLAGS | (4 << 16));
      put32(out, end + 4, direction);
      end += 8;
    }
    if (comment !== undefined) {
      put32(out, end, OPTION_COMMENT | (comment.length << 16));
      out.set(comment, end + 4);
      end = zeros(out, end + 4 + comment.length, at);
    }
    if (end + 4 < at + length) put32(out, end, 0);
    put32(out, at + length - 4, length);
    const count = this.#packets[packet.interfaceNumber];
    if (count !== undefined) this.#packets[packet.interfaceNumber] = count + 1;
    return at + length;
  }

  /** Statistics of each interface. The interface of a lost frame is unknown, so the first one counts it. */
  end({ began, ended, lost }: CaptureStatistics): Uint8Array | undefined {
    if (this.#linkTypes.length === 0) return undefined;
    return joined(
      this.#packets.map((recorded, number) => {
        const dropped = number === 0 ? lost : 0;
        return block(INTERFACE_STATISTICS, [
          ...numbers(number),
          ...timeWords(ended),
          ...option(STATISTICS_START, timeWords(began)),
          ...option(STATISTICS_END, timeWords(ended)),
          ...option(STATISTICS_RECEIVED, wide(recorded + dropped)),
          ...option(STATISTICS_DROPPED, wide(dropped)),
          ...option(STATISTICS_DELIVERED, wide(recorded)),
          ...numbers(0),
        ]);
      }),
    );
  }

  /** Begins another section with the next packet. */
  forget(): void {
    this.#hasSection = false;
    this.#linkTypes = [];
    this.#packets = [];
  }
}

/** A section header with the name of the program that wrote the file. */
export function sectionHeader(): Uint8Array {
  return block(SECTION_HEADER, [
    ...numbers(BYTE_ORDER),
    // Version 1.0.
    ...numbers(1),
    // The section's length is not known while it is being written.
    ...numbers(0xffff_ffff, 0xffff_ffff),
    ...option(SECTION_APPLICATION, text('funnel-tunnel')),
    ...numbers(0),
  ]);
}

/** An interface whose timestamps are nanoseconds since 1970. */
export function interfaceDescription(
  { snapLength, interfaceName, about }: Omit<CaptureSubject, 'linkType'>,
  linkType: number,
): Uint8Array {
  return block(INTERFACE_DESCRIPTION, [
    ...numbers(linkType, snapLength),
    ...(interfaceName === '' ? [] : option(INTERFACE_NAME, text(interfaceName))),
    ...(about === '' ? [] : option(INTERFACE_ABOUT, text(about))),
    ...option(INTERFACE_RESOLUTION, [9]),
    ...numbers(0),
  ]);
}

function block(type: number, contents: readonly number[]): Uint8Array {
  const length = 12 + contents.length;
  return Uint8Array.from([...numbers(type, length), ...contents, ...numbers(length)]);
}

function option(code: number, value: readonly number[]): number[] {
  const padding = Array<number>(padded(value.length) - value.length).fill(0);
  return [code, 0, value.length & 0xff, value.length >>> 8, ...value, ...padding];
}

function numbers(...values: readonly number[]): number[] {
  return values.flatMap((value) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff));
}

/** A number of 64 bits, the lowest byte first. */
function wide(value: number): number[] {
  return numbers(value % TWO_32, Math.floor(value / TWO_32));
}

/** Timestamps have their upper half first. */
function timeWords(time: PacketTime): number[] {
  const bytes = new Uint8Array(8);
  putTime(bytes, 0, time);
  return [...bytes];
}

function text(value: string): number[] {
  return [...new TextEncoder().encode(value).subarray(0, LONGEST_TEXT)];
}

function joined(blocks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(blocks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const each of blocks) {
    all.set(each, at);
    at += each.length;
  }
  return all;
}

/**
 * Writes nanoseconds since 1970, 64 bits with the upper half first. The product exceeds 53 bits: its lower
 * half is exact because it is computed modulo 2^32, and the upper half because the rest is a multiple of
 * 2^32.
 */
function putTime(out: Uint8Array, at: number, { seconds, nanoseconds }: PacketTime): void {
  const whole = Math.min(Math.max(seconds, 0), MOST_SECONDS);
  const product = Math.imul(whole >>> 0, 1e9) >>> 0;
  const highSeconds = Math.floor(whole / TWO_32);
  const low = product + nanoseconds;
  const high =
    Math.round(((whole >>> 0) * 1e9 - product) / TWO_32) + highSeconds * 1e9 + Math.floor(low / TWO_32);
  put32(out, at, high % TWO_32);
  put32(out, at + 4, low % TWO_32);
}

/** Writes zeros up to a place that is a multiple of four behind `from`, and returns it. */
function zeros(out: Uint8Array, at: number, from: number): number {
  const end = from + padded(at - from);
  for (let i = at; i < end; i++) out[i] = 0;
  return end;
}

const NOTHING = new Uint8Array();
/** The year 2554; 64 bits of nanoseconds end a little later. */
const MOST_SECONDS = 18_446_744_073;
const LONGEST_TEXT = 1024;
