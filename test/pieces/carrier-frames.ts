import type { GivenFrame, SentFrame } from './piece-rig.ts';

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const ACK = 16;

/** One end of a stream, or of messages: an IPv4 or IPv6 address as bytes, and a port. */
export interface Party {
  readonly address: readonly number[];
  readonly port: number;
}

export const ME: Party = { address: [192, 0, 2, 1], port: 4294 };
export const PEER: Party = { address: [192, 0, 2, 2], port: 40_000 };
export const STRANGER: Party = { address: [192, 0, 2, 3], port: 40_000 };
export const PEER6: Party = {
  address: [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
  port: 40_000,
};
const ME6: Party = { address: [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], port: 4294 };

/** A frame of the carrier as an endpoint brings it: a piece of a stream. */
export function stream(bytes: ArrayLike<number>, flags = ACK, from = PEER): GivenFrame {
  return framed('tcp', tcpHeader(from, flags), bytes, from);
}

/** A message. */
export function message(bytes: ArrayLike<number>, from = PEER): GivenFrame {
  const ports = [from.port >> 8, from.port & 255, ME.port >> 8, ME.port & 255];
  return framed('udp', [...ports, 0, 0, 0, 0], bytes, from);
}

/** The contents of a frame that was sent on the carrier. */
export function read(frame: SentFrame): {
  to: readonly number[];
  from: readonly number[];
  toPort: number;
  fromPort: number;
  flags: number;
  body: Uint8Array;
} {
  const { bytes } = frame;
  const isIpv6 = bytes[0]! >> 4 === 6;
  const network = isIpv6 ? 40 : 20;
  const isTcp = bytes[isIpv6 ? 6 : 9] === 6;
  const at = isIpv6 ? 8 : 12;
  const size = isIpv6 ? 16 : 4;
  return {
    from: [...bytes.slice(at, at + size)],
    to: [...bytes.slice(at + size, at + 2 * size)],
    fromPort: (bytes[network]! << 8) | bytes[network + 1]!,
    toPort: (bytes[network + 2]! << 8) | bytes[network + 3]!,
    flags: isTcp ? bytes[network + 13]! : 0,
    body: bytes.slice(network + (isTcp ? 20 : 8)),
  };
}

export function concat(...chunks: readonly ArrayLike<number>[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

export function be32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

function framed(
  transport: string,
  header: readonly number[],
  bytes: ArrayLike<number>,
  from: Party,
): GivenFrame {
  const isIpv6 = from.address.length === 16;
  const protocol = transport === 'tcp' ? 6 : 17;
  const network = isIpv6
    ? [0x60, 0, 0, 0, 0, 0, protocol, 64, ...from.address, ...ME6.address]
    : [0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0, ...from.address, ...ME.address];
  return {
    edge: 'carrier',
    parts: [
      { protocol: isIpv6 ? 'ipv6' : 'ipv4', role: 'header', bytes: network },
      { protocol: transport, role: 'header', bytes: header },
      ...(bytes.length > 0 ? [{ bytes }] : []),
    ],
  };
}

function tcpHeader(from: Party, flags: number): number[] {
  const ports = [from.port >> 8, from.port & 255, ME.port >> 8, ME.port & 255];
  return [...ports, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0];
}

/** Whether these are the same bytes: an assertion that would print them takes seconds. */
export function areSame(some: readonly Uint8Array[], others: readonly Uint8Array[]): boolean {
  return some.length === others.length && some.every((bytes, i) => Buffer.compare(bytes, others[i]!) === 0);
}
