import type { Given, Settings } from '../6bed4/driver.ts';
import type { Scene } from '../6bed4/random-scenes.ts';
import { checked } from './ppp-scene.ts';

/**
 * Sources that send RTP, reports of RTCP, and what is neither. The packets that leave protected
 * come back, as from a side that has the same keys. The numbers of each source begin anew each time around.
 */
export class SrtpScene implements Scene {
  readonly settings: Settings = [
    ['send-key', KEY],
    ['receive-key', KEY],
  ];
  readonly #random: (below: number) => number;
  readonly #sequences = new Map<number, number>();

  constructor(random: (below: number) => number) {
    this.#random = random;
  }

  next(): Given {
    const random = this.#random;
    const ssrc = 1 + random(SOURCES);
    const payload = Array.from({ length: random(200) }, () => random(256));
    const kind = random(32);
    if (kind === 0) return { edge: 'plain', bytes: datagram(5004, payload) };
    if (kind === 1)
      return { edge: 'plain', bytes: datagram(5005, [0x80, 200, 0, 6, 0, 0, 0, ssrc, ...payload]) };
    if (kind === 2) return { edge: 'protected', bytes: datagram(5004, [0x80, 0, 0, 1, ...payload]) };
    const sequence = this.#sequences.get(ssrc) ?? random(65_536);
    this.#sequences.set(ssrc, (sequence + 1) & 0xffff);
    const header = [0x80, 0, sequence >> 8, sequence & 255, 0, 0, 0, 0, 0, 0, 0, ssrc];
    return { edge: 'plain', bytes: datagram(5004, [...header, ...payload]) };
  }

  later(now: number, wakeAt: number): number {
    return Math.max(now + 1, Math.min(wakeAt, now + 1000));
  }
}

function datagram(port: number, payload: readonly number[]): Uint8Array {
  const length = 28 + payload.length;
  const header = [0x45, 0, length >> 8, length & 255, 0, 0, 0, 0, 64, UDP, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
  const ports = [port >> 8, port & 255, port >> 8, port & 255];
  return Uint8Array.from([
    ...checked(header),
    ...ports,
    (length - 20) >> 8,
    (length - 20) & 255,
    0,
    0,
    ...payload,
  ]);
}

const UDP = 17;
/** So many that none sends more than the piece takes in a second. */
const SOURCES = 100;
const KEY = 'VsmATUTBXnTc6GPYYwB6SzVpqZWvYxqUJZcW4b0q';
