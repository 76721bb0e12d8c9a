import {
  PCAP_HEADER_BYTES,
  PCAP_MICROSECONDS,
  PCAP_NANOSECONDS,
  PCAP_RECORD_BYTES,
} from './capture-constants.ts';
import type { CaptureFormat, CaptureSubject } from './capture-format.ts';
import type { CapturedPacket } from './captured-packet.ts';
import { put32 } from './put-number.ts';

/**
 * The classic format (draft-ietf-opsawg-pcap), little-endian. It has one link type in a file, that of the
 * first packet, and knows neither ways nor comments nor statistics.
 */
export class PcapFormat implements CaptureFormat {
  readonly #subject: CaptureSubject;
  readonly #isFine: boolean;
  /** -1 while the file has no header. */
  #linkType = -1;

  /** @param isFine counts nanoseconds, instead of microseconds */
  constructor(subject: CaptureSubject, isFine: boolean) {
    this.#subject = subject;
    this.#isFine = isFine;
  }

  /** Goes on with a file that begins so: with a header of this format, or with nothing. */
  goOn(header: Uint8Array): void {
    if (header.length < PCAP_HEADER_BYTES) return;
    this.#linkType = new DataView(header.buffer, header.byteOffset).getUint32(20, true);
  }

  accepts(linkType: number): boolean {
    return this.#linkType < 0 || this.#linkType === linkType;
  }

  missing(linkType?: number): Uint8Array | undefined {
    // The link type is unknown before the first packet.
    return this.#linkType >= 0 || linkType === undefined ? undefined : this.#header(linkType);
  }

  described(linkType?: number): void {
    if (linkType !== undefined) this.#linkType = linkType;
  }

  interfaceOf(): number {
    return 0;
  }

  lengthOf({ captured }: CapturedPacket): number {
    return PCAP_RECORD_BYTES + captured;
  }

  write(out: Uint8Array, at: number, packet: CapturedPacket, source: Uint8Array, from: number): number {
    const { captured, nanoseconds } = packet;
    // The format ends in 2106; a time before 1970 cannot be distinguished from one after it.
    put32(out, at, packet.seconds);
    put32(out, at + 4, this.#isFine ? nanoseconds : Math.floor(nanoseconds / 1000));
    put32(out, at + 8, captured);
    put32(out, at + 12, packet.original);
    const start = at + PCAP_RECORD_BYTES;
    for (let i = 0; i < captured; i++) out[start + i] = source[from + i]!;
    return start + captured;
  }

  /** A file without packets gets its header at the end. */
  end(): Uint8Array | undefined {
    if (this.#linkType >= 0) return undefined;
    this.#linkType = this.#subject.linkType;
    return this.#header(this.#linkType);
  }

  forget(hasBegun: boolean): void {
    if (!hasBegun) this.#linkType = -1;
  }

  #header(linkType: number): Uint8Array {
    const header = new Uint8Array(PCAP_HEADER_BYTES);
    const view = new DataView(header.buffer);
    view.setUint32(0, this.#isFine ? PCAP_NANOSECONDS : PCAP_MICROSECONDS, true);
    view.setUint16(4, 2, true);
    view.setUint16(6, 4, true);
    view.setUint32(16, this.#subject.snapLength, true);
    view.setUint32(20, linkType, true);
    return header;
  }
}
