import type { CaptureFormat } from '../capture-format.ts';
import { CaptureReader } from '../capture-reader.ts';
import { type CapturedDirection, CapturedPacket } from '../captured-packet.ts';
import { LinkType } from '../link-types.ts';
import { PcapFormat } from '../pcap-format.ts';
import { PcapngFormat } from '../pcapng-format.ts';

/** For tests: a packet of a capture. */
export interface TestPacket {
  readonly bytes: Uint8Array;
  readonly seconds?: number;
  readonly nanoseconds?: number;
  /** Bytes of it that the capture has; all by default. */
  readonly captured?: number;
  readonly linkType?: number;
  readonly direction?: CapturedDirection;
  readonly comment?: string;
}

export interface TestCapture {
  readonly format?: 'pcapng' | 'pcap' | 'pcap-ns';
  /** For packets that name none. */
  readonly linkType?: number;
  readonly interfaceName?: string;
  /** Packets that the statistics at its end count as lost; without it, there are no statistics. */
  readonly lost?: number;
}

/** For tests: the bytes of a capture, as `pcap-writer` writes them. */
export function captureBytes(packets: readonly TestPacket[], options: TestCapture = {}): Buffer {
  const { format: name = 'pcapng', linkType = LinkType.raw, interfaceName = '', lost } = options;
  const subject = { linkType, snapLength: 66_240, interfaceName, about: '' };
  const format: CaptureFormat =
    name === 'pcapng' ? new PcapngFormat(subject) : new PcapFormat(subject, name === 'pcap-ns');
  const blocks: Uint8Array[] = [];
  const describe = (type?: number) => {
    const missing = format.missing(type);
    if (missing !== undefined) blocks.push(missing);
    format.described(type);
  };
  describe();
  const packet = new CapturedPacket();
  for (const each of packets) {
    const type = each.linkType ?? linkType;
    describe(type);
    Object.assign(packet, {
      interfaceNumber: format.interfaceOf(type),
      linkType: type,
      seconds: each.seconds ?? 0,
      nanoseconds: each.nanoseconds ?? 0,
      captured: each.captured ?? each.bytes.length,
      original: each.bytes.length,
      direction: each.direction ?? 0,
      comment: each.comment === undefined ? undefined : new TextEncoder().encode(each.comment),
    });
    const block = new Uint8Array(format.lengthOf(packet));
    format.write(block, 0, packet, each.bytes, 0);
    blocks.push(block);
  }
  const time = { seconds: 1_700_000_000, nanoseconds: 0 };
  if (lost !== undefined || name !== 'pcapng')
    blocks.push(format.end({ began: time, ended: time, lost: lost ?? 0 }) ?? new Uint8Array());
  return Buffer.concat(blocks);
}

/** For tests: what a reader finds in the bytes of a capture, which it gets in pieces of `step` bytes. */
export function packetsIn(bytes: Uint8Array, step = Math.max(bytes.length, 1)) {
  const reader = new CaptureReader();
  const packets: {
    bytes: number[];
    seconds: number;
    nanoseconds: number;
    original: number;
    linkType: number;
    direction: CapturedDirection;
    interfaceNumber: number;
  }[] = [];
  for (let at = 0; at < bytes.length; at += step) {
    reader.push(bytes.subarray(at, at + step));
    while (reader.next()) {
      const { start, packet } = reader;
      const { seconds, nanoseconds, original, linkType, direction, interfaceNumber } = packet;
      packets.push({
        bytes: [...reader.buffer.subarray(start, start + packet.captured)],
        seconds,
        nanoseconds,
        original,
        linkType,
        direction,
        interfaceNumber,
      });
    }
  }
  return { packets, reader };
}
