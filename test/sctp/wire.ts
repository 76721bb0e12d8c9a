import type { GivenFrame, SentFrame } from '../pieces/piece-rig.ts';

/** Types of chunks, by the names of RFC 9260. */
export const CHUNK = {
  DATA: 0,
  INIT: 1,
  INIT_ACK: 2,
  SACK: 3,
  HEARTBEAT: 4,
  HEARTBEAT_ACK: 5,
  ABORT: 6,
  SHUTDOWN: 7,
  SHUTDOWN_ACK: 8,
  ERROR: 9,
  COOKIE_ECHO: 10,
  COOKIE_ACK: 11,
  SHUTDOWN_COMPLETE: 14,
  I_DATA: 64,
  RE_CONFIG: 130,
  PAD: 132,
  FORWARD_TSN: 192,
  I_FORWARD_TSN: 194,
} as const;

export interface WireChunk {
  readonly type: number;
  readonly flags: number;
  /** The bytes behind the four bytes of the chunk's header, without padding. */
  readonly value: Uint8Array;
}

export interface WirePacket {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly tag: number;
  readonly chunks: readonly WireChunk[];
}

/** One end on the wire: an address, and the UDP port; 0 where SCTP goes on IP itself. */
export interface End {
  readonly address: readonly number[];
  readonly udp: number;
}

export const A: End = { address: [192, 0, 2, 1], udp: 9899 };
export const B: End = { address: [192, 0, 2, 2], udp: 9899 };
export const C: End = { address: [192, 0, 2, 3], udp: 9899 };

/** The CRC32c of RFC 9260 appendix A, bit by bit: slow, and without a table. */
export function crc32c(bytes: ArrayLike<number>): number {
  let crc = 0xffff_ffff;
  for (let i = 0; i < bytes.length; i++) {
    crc ^= bytes[i]!;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

export function chunk(type: number, value: ArrayLike<number> = [], flags = 0): WireChunk {
  return { type, flags, value: Uint8Array.from(value) };
}

/** A packet's bytes, with its checksum. */
export function encode(packet: WirePacket): Uint8Array {
  return seal(encodeUnsealed(packet));
}

/** The same without the checksum. */
export function encodeUnsealed({ sourcePort, destinationPort, tag, chunks }: WirePacket): Uint8Array {
  const bytes: number[] = [...be16(sourcePort), ...be16(destinationPort), ...be32(tag), 0, 0, 0, 0];
  for (const { type, flags, value } of chunks) {
    bytes.push(type, flags, ...be16(4 + value.length), ...value);
    while (bytes.length % 4 !== 0) bytes.push(0);
  }
  return Uint8Array.from(bytes);
}

/** Writes the checksum. */
export function seal(bytes: Uint8Array): Uint8Array {
  bytes.fill(0, 8, 12);
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(8, crc32c(bytes), true);
  return bytes;
}

/** Reads a packet by the letter, and throws at whatever the RFC does not allow a sender. */
export function decode(bytes: Uint8Array): WirePacket {
  if (bytes.length < 16 || bytes.length % 4 !== 0) throw new Error(`a packet of ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const copy = bytes.slice();
  if (view.getUint32(8, true) !== new DataView(seal(copy).buffer).getUint32(8, true))
    throw new Error('the checksum is wrong');
  const chunks: WireChunk[] = [];
  for (let at = 12; at < bytes.length; ) {
    const length = view.getUint16(at + 2);
    if (length < 4 || at + length > bytes.length) throw new Error(`a chunk of ${length} bytes at ${at}`);
    const padded = (length + 3) & ~3;
    if (bytes.subarray(at + length, at + padded).some((byte) => byte !== 0))
      throw new Error('the padding is not zero');
    const type = bytes[at]!;
    const value = bytes.slice(at + 4, at + length);
    if (type === CHUNK.INIT || type === CHUNK.INIT_ACK) checkParameters(value);
    chunks.push({ type, flags: bytes[at + 1]!, value });
    at += padded;
  }
  return {
    sourcePort: view.getUint16(0),
    destinationPort: view.getUint16(2),
    tag: view.getUint32(4),
    chunks,
  };
}

/** The parameters that may be in an INIT or INIT ACK more than once: unrecognised ones. */
const REPEATED = 8;

/** Reads the parameters of an INIT or INIT ACK by the letter. */
function checkParameters(value: Uint8Array): void {
  if (value.length < 16) throw new Error(`an INIT of ${value.length} bytes`);
  const types = new Set<number>();
  for (let at = 16; at < value.length; ) {
    const type = read16(value, at);
    const length = read16(value, at + 2);
    if (length < 4 || at + length > value.length) throw new Error(`a parameter of ${length} bytes`);
    if (type !== REPEATED && types.has(type)) throw new Error(`the parameter ${type} is there twice`);
    types.add(type);
    const padded = (length + 3) & ~3;
    if (value.subarray(at + length, at + padded).some((byte) => byte !== 0))
      throw new Error('the padding of a parameter is not zero');
    at += padded;
  }
}

/** A packet as the endpoint `udp`, or one for raw sockets, brings it. */
export function carried(bytes: ArrayLike<number>, from: End, to: End): GivenFrame {
  const isIpv6 = from.address.length === 16;
  const isPlain = from.udp === 0;
  const protocol = isPlain ? 132 : 17;
  const network = isIpv6
    ? [0x60, 0, 0, 0, 0, 0, protocol, 64, ...from.address, ...to.address]
    : [0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0, ...from.address, ...to.address];
  const all = Uint8Array.from(bytes);
  return {
    edge: 'carrier',
    shape: isPlain ? 1 : 0,
    parts: [
      { protocol: isIpv6 ? 'ipv6' : 'ipv4', role: 'header', bytes: network },
      ...(isPlain
        ? [{ protocol: 'sctp', role: 'header' as const, bytes: all.slice(0, 12) }, { bytes: all.slice(12) }]
        : [
            {
              protocol: 'udp',
              role: 'header' as const,
              bytes: [...be16(from.udp), ...be16(to.udp), 0, 0, 0, 0],
            },
            { bytes: all },
          ]),
    ],
  };
}

/** The contents of a frame on the carrier, with its source and destination. */
export function uncarried(frame: SentFrame): { bytes: Uint8Array; from: End; to: End } {
  const { bytes } = frame;
  const isIpv6 = bytes[0]! >> 4 === 6;
  const network = isIpv6 ? 40 : 20;
  const isPlain = bytes[isIpv6 ? 6 : 9] === 132;
  const at = isIpv6 ? 8 : 12;
  const size = isIpv6 ? 16 : 4;
  const port = (offset: number) => (isPlain ? 0 : (bytes[offset]! << 8) | bytes[offset + 1]!);
  return {
    bytes: bytes.slice(network + (isPlain ? 0 : 8)),
    from: { address: [...bytes.slice(at, at + size)], udp: port(network) },
    to: { address: [...bytes.slice(at + size, at + 2 * size)], udp: port(network + 2) },
  };
}

export interface Message {
  readonly sid: number;
  readonly ppid: number;
  readonly bytes: Uint8Array;
  readonly isUnordered?: boolean;
}

/** A frame on the Edge `streams`: a message, or any other chunk, from one end and port to another. */
export function above(from: End, fromPort: number, to: End, toPort: number, contents: WireChunk): GivenFrame {
  const isIpv6 = from.address.length === 16;
  const network = isIpv6
    ? [0x60, 0, 0, 0, 0, 0, 132, 64, ...from.address, ...to.address]
    : [0x45, 0, 0, 0, 0, 0, 0, 0, 64, 132, 0, 0, ...from.address, ...to.address];
  const length = 4 + contents.value.length;
  const header = [contents.type, contents.flags, ...be16(length > 0xffff ? 0 : length)];
  const isData = contents.type === CHUNK.DATA;
  return {
    edge: 'streams',
    parts: [
      { protocol: isIpv6 ? 'ipv6' : 'ipv4', role: 'header', bytes: network },
      {
        protocol: 'sctp',
        role: 'header',
        bytes: [...be16(fromPort), ...be16(toPort), 0, 0, 0, 0, 0, 0, 0, 0],
      },
      ...(isData
        ? [
            {
              protocol: 'sctp-data',
              role: 'header' as const,
              bytes: [...header, ...contents.value.slice(0, 12)],
            },
            { bytes: contents.value.slice(12) },
          ]
        : [{ bytes: [...header, ...contents.value] }]),
    ],
  };
}

/** A DATA chunk as a message from above, or as one on the wire. */
export function data(
  { sid, ppid, bytes, isUnordered = false }: Message,
  { tsn = 0, ssn = 0, flags = 3 } = {},
): WireChunk {
  const value = new Uint8Array(12 + bytes.length);
  value.set([...be32(tsn), ...be16(sid), ...be16(ssn), ...be32(ppid)]);
  value.set(bytes, 12);
  return { type: CHUNK.DATA, flags: flags | (isUnordered ? 4 : 0), value };
}

/** The contents of a frame that went up. */
export function messageOf(frame: SentFrame): Message & { from: number[]; fromPort: number; ssn: number } {
  const { bytes } = frame;
  const isIpv6 = bytes[0]! >> 4 === 6;
  const network = isIpv6 ? 40 : 20;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const at = network + 12;
  if (bytes[at] !== CHUNK.DATA) throw new Error(`chunk ${bytes[at]} went up`);
  return {
    from: [...bytes.slice(isIpv6 ? 8 : 12, isIpv6 ? 24 : 16)],
    fromPort: view.getUint16(network),
    isUnordered: (bytes[at + 1]! & 4) !== 0,
    sid: view.getUint16(at + 8),
    ssn: view.getUint16(at + 10),
    ppid: view.getUint32(at + 12),
    bytes: bytes.slice(at + 16),
  };
}

export function be16(value: number): number[] {
  return [(value >>> 8) & 255, value & 255];
}

export function be32(value: number): number[] {
  return [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

export function read32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
}

export function read16(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint16(at);
}
