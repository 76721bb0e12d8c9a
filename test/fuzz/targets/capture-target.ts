import { constants, gunzipSync, gzipSync } from 'node:zlib';
import { CaptureError, CaptureReader } from '../../../host/endpoint/capture/capture-reader.ts';
import { LinkHeaders } from '../../../host/endpoint/capture/link-types.ts';
import { OffloadMender } from '../../../host/endpoint/capture/offload-mender.ts';
import { captureBytes, type TestPacket } from '../../../host/endpoint/capture/testing/capture-bytes.ts';
import { Frames } from '../../../host/frame/frames.ts';
import { Protocols } from '../../../host/stack/protocols.ts';
import type { FuzzRandom } from '../fuzz-random.ts';
import { type FuzzTarget, insist, type OpenTarget } from '../fuzz-target.ts';

/**
 * Capture files of strangers, plain or compressed: pcapng and pcap, with blocks that lie about their lengths.
 * The result does not depend on the pieces in which the file comes, and each packet goes on through the link
 * headers and the mending of offloaded frames.
 *
 * The first byte of an input is the size of the pieces.
 */
export const captureTarget: FuzzTarget = {
  name: 'capture',
  summary: 'capture files, pcapng, pcap and gzip, read in pieces of each size; link headers; mended frames',
  unit: 'packets',
  maxBytes: 2048,
  open: async () => new CaptureRun(),
};

class CaptureRun implements OpenTarget {
  readonly seeds: readonly Uint8Array[] = captures().map((capture, n) => Uint8Array.of(17 + n, ...capture));
  readonly #protocols = new Protocols();
  readonly #links = new LinkHeaders(this.#protocols);
  readonly #frames = new Frames({ smallRows: 3, largeRows: 1 });
  readonly #mender = new OffloadMender(this.#frames, this.#protocols);
  readonly #rows = [0, 0, 0].map(() => this.#frames.allocate(100));

  /** A length of a block, an option or a packet, somewhere; or only the size of the pieces. */
  mutate(random: FuzzRandom, bytes: Uint8Array, length: number): number {
    bytes[0] = random.below(255) + 1;
    if (length > 8 && random.below(2) === 0) {
      const at = 1 + random.below(length - 4);
      const value = LIES[random.below(LIES.length)]!;
      bytes.set([value, value >>> 8, value >>> 16, value >>> 24], at);
    }
    return Math.max(length, 1);
  }

  execute(input: Uint8Array): number {
    if (input.length < 2) return 0;
    const file = unpacked(input.subarray(1));
    const whole = this.#read(file, Math.max(file.length, 1));
    const pieces = this.#read(file, input[0]! || 1);
    insist(whole.text === pieces.text, () => `whole: ${whole.text}; in pieces: ${pieces.text}`);
    return whole.packets;
  }

  #read(file: Uint8Array, step: number): { readonly text: string; readonly packets: number } {
    const reader = new CaptureReader();
    let packets = 0;
    let sum = 0;
    let offset = 0;
    try {
      for (let at = 0; at < file.length; at += step) {
        reader.push(file.subarray(at, at + step));
        while (reader.next()) {
          packets++;
          insist(reader.offset > offset && reader.offset <= file.length, 'the place in the file goes astray');
          offset = reader.offset;
          sum = (Math.imul(sum, 31) + this.#packet(reader)) | 0;
        }
      }
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      insist(error.offset <= file.length, 'an error behind the file');
      return { text: `${packets} ${sum} ${error.message}`, packets };
    }
    insist(Number.isFinite(reader.dropped) && reader.dropped >= 0, 'losses that cannot be');
    return { text: `${packets} ${sum} ${reader.offset} ${reader.dropped} ${reader.interfaceName}`, packets };
  }

  /** A number that stands for all that is known of the packet. */
  #packet(reader: CaptureReader): number {
    const { packet, start, buffer } = reader;
    const { captured, nanoseconds, seconds } = packet;
    insist(captured >= 0 && start + captured <= buffer.length, 'a packet beyond what was read');
    insist(Number.isFinite(seconds), 'a second that is none');
    insist(
      Number.isInteger(nanoseconds) && nanoseconds >= 0 && nanoseconds < 1e9,
      'nanoseconds of no second',
    );
    let sum = captured ^ nanoseconds ^ (packet.direction << 20) ^ packet.linkType;
    for (let at = start; at < start + captured; at++) sum = (Math.imul(sum, 33) + buffer[at]!) | 0;
    if (this.#links.read(packet.linkType, buffer, start, captured) !== 'found') return sum;
    const { skipped, protocol } = this.#links;
    insist(skipped <= captured, 'a link header that is longer than its packet');
    this.#mend(buffer.subarray(start + skipped, start + captured), protocol);
    return sum + protocol;
  }

  /** A mended packet is right, and nothing around it changes. */
  #mend(bytes: Uint8Array, protocol: number): void {
    if (bytes.length > MOST_MENDED) return;
    const frames = this.#frames;
    const at = frames.start[this.#rows[1]!]!;
    const end = at + bytes.length;
    frames.bytes.fill(AROUND, at - 64, end + 64);
    frames.bytes.set(bytes, at);
    const found = this.#mender.look(at, end, protocol, false);
    insist(Buffer.compare(frames.bytes.subarray(at, end), bytes) === 0, 'looking changed the frame');
    insist(this.#mender.look(at, end, protocol, true) === found, 'mending finds something else than looking');
    const again = this.#mender.look(at, end, protocol, false);
    insist(again === 0 || found === 0, () => `after mending ${found} there is ${again}`);
    for (let n = 1; n <= 64; n++)
      insist(
        frames.bytes[at - n] === AROUND && frames.bytes[end + n - 1] === AROUND,
        'it wrote beside the frame',
      );
  }
}

/** Up to a megabyte: a bomb is the matter of `capture-source.ts`, which unpacks piece by piece. */
function unpacked(bytes: Uint8Array): Uint8Array {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 1 << 20 });
  } catch {
    return new Uint8Array();
  }
}

function captures(): readonly Uint8Array[] {
  const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));
  const ipv4 = '4500001c000000004011f6cdc0000201c00002020001000200080000';
  const ipv6 = `600000000014063f${'20010db8'.repeat(8)}00010002000000000000000050020000abcd0000`;
  const packets: readonly TestPacket[] = [
    { bytes: hex(ipv4), seconds: 1_700_000_000, nanoseconds: 123_456_789, direction: 1 },
    { bytes: hex(ipv6), direction: 2, comment: 'a comment' },
    { bytes: hex(`aabbccddeeff112233445566810000070800${ipv4}`), linkType: 1 },
    { bytes: hex(`ff030021${ipv4}`), linkType: 9 },
    { bytes: hex(`1e000000${ipv6}`), linkType: 0 },
    { bytes: hex(`000400010006aabbccddeeff00000800${ipv4}`), linkType: 113 },
    { bytes: hex(`86dd00000000000200010406aabbccddeeff0000${ipv6}`), linkType: 276 },
    { bytes: hex(`0f000800${ipv4}`), linkType: 50 },
  ];
  const all = captureBytes(packets, { lost: 7, interfaceName: 'lan0' });
  const one = captureBytes(packets.slice(0, 2), { format: 'pcap' });
  const fine = captureBytes(packets.slice(0, 2), { format: 'pcap-ns' });
  return [all, one, fine, gzipSync(all), gzipSync(one), Buffer.concat([all.subarray(0, 400), fine])];
}

/** The value of a length field that lies. */
const LIES = [
  0, 1, 3, 4, 8, 11, 12, 16, 28, 32, 0xff, 0xffff, 0x1_0000, 0xff_ffff, 0x100_0000, 0x7fff_ffff, 0xffff_ffff,
];
const MOST_MENDED = 1500;
const AROUND = 0xa5;
