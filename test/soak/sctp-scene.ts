import type { Given, Settings } from '../6bed4/driver.ts';
import type { Scene } from '../6bed4/random-scenes.ts';
import { parameter } from '../sctp/scripted-peer.ts';
import { be16, be32, CHUNK, chunk, encodeUnsealed, read16, read32, type WireChunk } from '../sctp/wire.ts';

interface Peer {
  /** The tag of packets to the piece, and the last TSN in sequence from it. */
  tag: number;
  cumulative: number;
  tsn: number;
  packets: number;
}

/**
 * Peers with which the piece opens associations, and others that open some. They acknowledge what comes, send
 * messages of their own, have streams reset, and abort an association after some time, so that another one
 * follows. Between their packets come those of no association.
 */
export class SctpScene implements Scene {
  readonly settings: Settings = [
    ['port', '5001'],
    ['associations', '8'],
    ['reliability', '3 resends 0'],
    ['abort-rate', '100000'],
    ['notices', 'true'],
  ];
  readonly #random: (below: number) => number;
  readonly #peers = new Map<number, Peer>();

  constructor(random: (below: number) => number) {
    this.#random = random;
  }

  next(): Given {
    const random = this.#random;
    const kind = random(16);
    if (kind > 3) {
      const value = [...Array(4).fill(0), ...be16(random(8)), 0, 0, ...be32(random(1000))];
      const bytes = [...value, ...Array(1 + random(kind === 4 ? 1500 : 120)).fill(kind)];
      return {
        edge: 'streams',
        bytes: ip(132, packet(5002 + random(4), 7, 0, [chunk(CHUNK.DATA, bytes, 3)])),
      };
    }
    if (kind === 3) {
      const reset = chunk(CHUNK.RE_CONFIG, parameter(13, [...Array(12).fill(0), ...be16(random(8))]));
      return { edge: 'streams', bytes: ip(132, packet(5002 + random(4), 7, 0, [reset])) };
    }
    const port = 6000 + random(4);
    const init = chunk(CHUNK.INIT, [...be32(1 + random(1000)), ...WINDOW, 0, 8, 0, 8, ...be32(random(1000))]);
    const stray = chunk(CHUNK.HEARTBEAT, parameter(1, [1, 2, 3]));
    const one = kind === 0 ? packet(port, 5001, 0, [init]) : packet(port, 5001, random(1000), [stray]);
    if (kind === 2) one[random(one.length)]! ^= 1 + random(255);
    return { edge: 'carrier', bytes: ip(17, [...UDP, ...one]) };
  }

  later(now: number, wakeAt: number): number {
    return Math.max(now + 1, Math.min(wakeAt, now + 1000));
  }

  reply(bytes: Uint8Array): Uint8Array | undefined {
    if (bytes[9] !== 17) return undefined;
    const body = bytes.subarray(28);
    const key = (read16(body, 0) << 16) | read16(body, 2);
    const answers: WireChunk[] = [];
    for (let at = 12; at + 4 <= body.length; at += (read16(body, at + 2) + 3) & ~3) {
      const value = body.subarray(at + 4, at + read16(body, at + 2));
      this.#answer(key, body[at]!, value, answers);
    }
    const peer = this.#peers.get(key);
    if (answers.length === 0 || peer === undefined) return undefined;
    if (answers[0]!.type === CHUNK.ABORT) this.#peers.delete(key);
    return ip(17, [...UDP, ...packet(read16(body, 2), read16(body, 0), peer.tag, answers)]);
  }

  #answer(key: number, type: number, value: Uint8Array, answers: WireChunk[]): void {
    if (type === CHUNK.INIT || type === CHUNK.INIT_ACK) {
      const [tag, tsn] = [read32(value, 0), read32(value, 12)];
      this.#peers.set(key, { tag, cumulative: (tsn - 1) >>> 0, tsn: 77, packets: 0 });
      if (type === CHUNK.INIT) {
        const fields = [...be32(0x1234), ...WINDOW, 0, 8, 0, 8, ...be32(77)];
        answers.push(chunk(CHUNK.INIT_ACK, [...fields, ...FEATURES, ...parameter(7, [1, 2, 3, 4])]));
      } else {
        const length = cookieLength(value);
        answers.push(chunk(CHUNK.COOKIE_ECHO, value.slice(value.length - length)));
      }
      return;
    }
    const peer = this.#peers.get(key);
    if (peer === undefined) return;
    if (type === CHUNK.COOKIE_ECHO) answers.push(chunk(CHUNK.COOKIE_ACK));
    else if (type === CHUNK.HEARTBEAT) answers.push(chunk(CHUNK.HEARTBEAT_ACK, value.slice()));
    else if (type === CHUNK.RE_CONFIG && read16(value, 0) === 13)
      answers.push(chunk(CHUNK.RE_CONFIG, parameter(16, [...value.slice(4, 8), ...be32(1)])));
    else if (type === CHUNK.DATA) this.#acknowledge(peer, read32(value, 0), answers);
  }

  #acknowledge(peer: Peer, tsn: number, answers: WireChunk[]): void {
    if (tsn === (peer.cumulative + 1) >>> 0) peer.cumulative = tsn;
    if (answers.length > 0) {
      const sack = answers[0]!;
      if (sack.type === CHUNK.SACK) sack.value.set(be32(peer.cumulative));
      return;
    }
    if (++peer.packets === 20_000) answers.push(chunk(CHUNK.ABORT));
    else answers.push(chunk(CHUNK.SACK, [...be32(peer.cumulative), ...WINDOW, 0, 0, 0, 0]));
    if (peer.packets % 3 !== 0) return;
    // Unordered, so that messages need no numbers.
    answers.push(chunk(CHUNK.DATA, [...be32(peer.tsn++), 0, 1, 0, 0, ...be32(5), ...Array(30).fill(9)], 7));
  }
}

const WINDOW = be32(200_000);
const FEATURES = parameter(0x8008, [CHUNK.FORWARD_TSN, CHUNK.RE_CONFIG]);
/** Ports of UDP, without length and checksum. */
const UDP = [...be16(9899), ...be16(9899), 0, 0, 0, 0];

/** The length of the cookie, which is the last parameter of an INIT ACK without unknown ones. */
function cookieLength(value: Uint8Array): number {
  let length = 0;
  for (let at = 16; at < value.length; at += (read16(value, at + 2) + 3) & ~3)
    if (read16(value, at) === 7) length = read16(value, at + 2) - 4;
  return length;
}

function packet(
  sourcePort: number,
  destinationPort: number,
  tag: number,
  chunks: readonly WireChunk[],
): Uint8Array {
  const bytes = encodeUnsealed({ sourcePort, destinationPort, tag, chunks });
  new DataView(bytes.buffer).setUint32(8, crc32c(bytes), true);
  return bytes;
}

/** The table for a byte at a time of CRC32c (RFC 9260 appendix A). */
const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let crc = n;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
  return crc;
});

function crc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (let i = 0; i < bytes.length; i++) crc = TABLE[(crc ^ bytes[i]!) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** From 192.0.2.2 to 192.0.2.1, or from above the other way round. */
function ip(protocol: number, body: ArrayLike<number>): Uint8Array {
  const length = 20 + body.length;
  const [near, far] = [
    [192, 0, 2, 1],
    [192, 0, 2, 2],
  ] as const;
  const ends = protocol === 132 ? [...near, ...far] : [...far, ...near];
  const bytes = new Uint8Array(length);
  bytes.set([0x45, 0, ...be16(length), 0, 0, 0, 0, 64, protocol, 0, 0, ...ends]);
  bytes.set(body, 20);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += read16(bytes, at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  bytes.set(be16(~sum & 0xffff), 10);
  if (protocol === 17) bytes.set(be16(body.length), 24);
  return bytes;
}
