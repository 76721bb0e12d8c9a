import type { Given, Settings } from '../6bed4/driver.ts';
import type { Scene } from '../6bed4/random-scenes.ts';
import { A, nameBytes, PTR, ptr, query, response, rr } from '../mdns-reflector/dns.ts';
import { be16, be32 } from '../sctp/wire.ts';
import { datagram, ip, SITE } from './concentrator-scene.ts';

const PPID = 0x4654_0101;
const HELLO = 1;
const END = 2;
const ADDED = 3;
const GONE = 4;
const ASK = 5;

/**
 * Hosts that announce, ask and leave, on both sides, with more records than there is room for. Some packets
 * are broken.
 */
export class MdnsReflectorScene implements Scene {
  readonly settings: Settings = [
    ['remote', '192.0.2.2'],
    ['records', '50'],
    ['again', '1s'],
  ];
  readonly #random: (below: number) => number;

  constructor(random: (below: number) => number) {
    this.#random = random;
  }

  next(): Given {
    const random = this.#random;
    const host = `h${random(80)}.local`;
    const ttl = [0, 1, 10, 120][random(4)]!;
    const sort = random(10);
    if (sort < 4) {
      const service = ptr('_x._tcp.local', `h${random(80)}._x._tcp.local`, ttl);
      const records = [rr(host, A, [10, 0, 0, random(3)], ttl, random(2) === 0), service];
      return { edge: 'lan', bytes: packet(response(...records), random(20) === 0 ? random : undefined) };
    }
    if (sort < 6) {
      const question = [
        { name: host, type: A, unicast: random(2) === 0 },
        { name: '_x._tcp.local', type: PTR },
      ];
      return { edge: 'lan', bytes: packet(query(question), random(20) === 0 ? random : undefined) };
    }
    if (sort < 9) {
      const body = [...be16(A), 0, 0, ...be32(Math.max(ttl, 1)), ...nameBytes(host), 10, 1, 0, random(3)];
      return { edge: 'far', bytes: message(random(3) === 0 ? GONE : ADDED, random(2) * 2, body) };
    }
    const kind = [HELLO, END, ASK][random(3)]!;
    const name = kind === ASK ? nameBytes(host) : [];
    return { edge: 'far', bytes: message(kind, 0, [...be16(A), 0, 0, ...be32(0), ...name]) };
  }

  later(now: number, wakeAt: number): number {
    return Math.max(now + 1, Math.min(wakeAt, now + 1000));
  }
}

function packet(bytes: number[], spoil: ((below: number) => number) | undefined): Uint8Array {
  if (spoil !== undefined) bytes[spoil(bytes.length)]! ^= 1 + spoil(255);
  return datagram([10, 0, 0, 9], 5353, [224, 0, 0, 251], 5353, bytes);
}

function message(kind: number, flags: number, rest: readonly number[]): Uint8Array {
  const body = [1, kind, flags, 0, ...rest];
  const chunk = [0, 3, ...be16(16 + body.length), 0, 0, 0, 0, 0, 0, 0, 0, ...be32(PPID), ...body];
  while (chunk.length % 4 !== 0) chunk.push(0);
  return ip(132, [192, 0, 2, 2], SITE, [...be16(4296), ...be16(4296), 0, 0, 0, 0, 0, 0, 0, 0, ...chunk]);
}
