import type { Given, Settings } from '../6bed4/driver.ts';
import type { Scene } from '../6bed4/random-scenes.ts';
import { CONFIGURE_ACK, control, decode, encode, IPCP, IPV6CP, LCP, REQUEST } from '../pieces/ppp-peer.ts';

/**
 * A peer that opens a stream, agrees with ppp, and sends packets in pieces of any length, some of which are
 * broken; it opens the stream anew from time to time. The system sends packets of both versions of IP.
 */
export class PppScene implements Scene {
  readonly settings: Settings = [
    ['address', '192.0.2.10'],
    ['peer-address', '192.0.2.20'],
    ['echo', '1s'],
  ];
  readonly #random: (below: number) => number;
  #count = 0;
  #asked = new Set<number>();

  constructor(random: (below: number) => number) {
    this.#random = random;
  }

  next(): Given {
    const n = this.#count++;
    if (n % 1000 === 0) return { edge: 'carrier', bytes: segment(SYN, []) };
    const isIpv6 = this.#random(2) === 0;
    const length = 40 + this.#random(200);
    const packet = Array.from({ length }, () => this.#random(256));
    packet.splice(0, 6, ...(isIpv6 ? [0x60, 0, 0, 0, 0, length - 40] : [0x45, 0, 0, length, 0, 0]));
    if (this.#random(2) === 0) return { edge: 'packets', bytes: Uint8Array.from(packet) };
    const frame = encode([0xff, 3, 0, isIpv6 ? 0x57 : 0x21, ...packet]);
    if (this.#random(8) === 0) frame.splice(this.#random(frame.length), 1 + this.#random(5));
    return { edge: 'carrier', bytes: segment(ACK, frame) };
  }

  later(now: number, wakeAt: number): number {
    return Math.max(now + 1, Math.min(wakeAt, now + 1000));
  }

  /** Acknowledges each request that left, and sends its own for that protocol once. */
  reply(packet: Uint8Array): Uint8Array | undefined {
    if (packet[0] !== 0x45 || packet[9] !== TCP || packet.length <= HEADERS) return undefined;
    const said = decode(packet.subarray(HEADERS)).flatMap(({ protocol, body }) => {
      if (!OWN.has(protocol) || body[0] !== REQUEST) return [];
      if (protocol === LCP) this.#asked = new Set();
      const answer = control({ protocol, code: CONFIGURE_ACK, id: body[1]!, data: [...body.slice(4)] });
      if (this.#asked.has(protocol)) return answer;
      this.#asked.add(protocol);
      return [...answer, ...control({ protocol, code: REQUEST, id: 1, data: [...OWN.get(protocol)!] })];
    });
    return said.length === 0 ? undefined : segment(ACK, said);
  }
}

/** The options that the peer asks for. */
const OWN: ReadonlyMap<number, readonly number[]> = new Map([
  [LCP, []],
  [IPCP, [3, 6, 192, 0, 2, 20]],
  [IPV6CP, [1, 10, 0, 0, 0, 0, 0, 0, 0, 2]],
]);
const TCP = 6;
const SYN = 2;
const ACK = 16;
/** Bytes of the headers of IPv4 and TCP. */
const HEADERS = 40;

function segment(flags: number, body: readonly number[]): Uint8Array {
  const length = HEADERS + body.length;
  const ipv4 = [0x45, 0, length >> 8, length & 255, 0, 0, 0, 0, 64, TCP, 0, 0, 192, 0, 2, 2, 192, 0, 2, 1];
  const tcp = [0x9c, 0x40, 3000 >> 8, 3000 & 255, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0];
  const header = checked(ipv4);
  return Uint8Array.from([...header, ...tcp, ...body]);
}

/** An IPv4 header with its checksum (RFC 791 §3.1). */
export function checked(header: number[]): number[] {
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += (header[at]! << 8) | header[at + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  header[10] = (~sum >> 8) & 255;
  header[11] = ~sum & 255;
  return header;
}
