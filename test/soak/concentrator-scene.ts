import type { Given, Settings } from '../6bed4/driver.ts';
import type { Scene } from '../6bed4/random-scenes.ts';
import { be16, be32, read16 } from '../sctp/wire.ts';

/** Kinds of messages (docs/concentrator.md). */
const OPEN = 1;
const DATA = 2;
const CLOSE = 3;
/** The sender accepted the flow. */
const ACCEPTED = 1;
const PPID = 0x4654_0001;

/**
 * Clients that ask a service of the far side, and clients of the far side that ask one here; both sides
 * answer. Flows come and go, more than there is room for, and some messages are broken.
 */
export class ConcentratorScene implements Scene {
  readonly settings: Settings = [
    ['serve', '161'],
    ['target', '162=192.0.2.9'],
    ['remote', '192.0.2.2'],
    ['idle', '1s'],
  ];
  readonly #random: (below: number) => number;

  constructor(random: (below: number) => number) {
    this.#random = random;
  }

  next(): Given {
    const random = this.#random;
    const body = Array.from({ length: random(200) }, () => random(256));
    if (random(2) === 0) {
      const client = [10, 0, 0, random(3)];
      return { edge: 'local', bytes: datagram([...client], 1024 + random(100), SITE, 161, body) };
    }
    const number = random(300);
    const kind = random(8);
    if (kind === 0) return { edge: 'far', bytes: message(CLOSE, 0, number, []) };
    const open = [...be16(162), ...be16(1024 + number), 4, 0, 0, 0, 10, 9, 9, 9, ...Array(12).fill(0)];
    if (kind < 3) return { edge: 'far', bytes: message(OPEN, 0, number, open) };
    const bytes = message(DATA, 0, number, body);
    if (kind === 3) bytes[48 + random(bytes.length - 48)]! ^= 1 + random(255);
    return { edge: 'far', bytes };
  }

  later(now: number, wakeAt: number): number {
    return Math.max(now + 1, Math.min(wakeAt, now + 1000));
  }

  /** The far side answers the data of a client, and the server here that of the far side. */
  reply(bytes: Uint8Array): Uint8Array | undefined {
    if (bytes[9] === 132) {
      const isData = bytes.length > 56 && bytes[49] === DATA && bytes[50] === 0;
      return isData ? message(DATA, ACCEPTED, read32(bytes, 52), [...bytes.subarray(56)]) : undefined;
    }
    if (read16(bytes, 22) !== 162) return undefined;
    return datagram(SERVER, 162, [...bytes.subarray(12, 16)], read16(bytes, 20), [...bytes.subarray(28)]);
  }
}

export const SITE = [192, 0, 2, 1];
const SERVER = [192, 0, 2, 9];

function read32(bytes: Uint8Array, at: number): number {
  return ((read16(bytes, at) << 16) | read16(bytes, at + 2)) >>> 0;
}

function message(kind: number, flags: number, number: number, contents: readonly number[]): Uint8Array {
  const body = [1, kind, flags, 0, ...be32(number), ...contents];
  const chunk = [
    0,
    3,
    ...be16(16 + body.length),
    0,
    0,
    0,
    0,
    ...be16(number % 64),
    0,
    0,
    ...be32(PPID),
    ...body,
  ];
  while (chunk.length % 4 !== 0) chunk.push(0);
  const ports = [...be16(4295), ...be16(4295), 0, 0, 0, 0, 0, 0, 0, 0];
  return ip(132, [192, 0, 2, 2], SITE, [...ports, ...chunk]);
}

export function datagram(
  from: readonly number[],
  fromPort: number,
  to: readonly number[],
  toPort: number,
  body: readonly number[],
): Uint8Array {
  return ip(17, from, to, [...be16(fromPort), ...be16(toPort), ...be16(8 + body.length), 0, 0, ...body]);
}

export function ip(
  protocol: number,
  from: readonly number[],
  to: readonly number[],
  body: readonly number[],
): Uint8Array {
  const length = 20 + body.length;
  const header = [0x45, 0, ...be16(length), 0, 0, 0, 0, 64, protocol, 0, 0, ...from, ...to];
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += (header[at]! << 8) | header[at + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  header.splice(10, 2, ...be16(~sum & 0xffff));
  return Uint8Array.from([...header, ...body]);
}
