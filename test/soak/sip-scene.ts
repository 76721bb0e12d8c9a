import type { Given, Settings } from '../6bed4/driver.ts';
import type { Scene } from '../6bed4/random-scenes.ts';
import { audio, request, response } from '../sipproxy64/phones.ts';

/**
 * Phones that call each other through SIPproxy64, by UDP and by TCP: calls that begin, carry media, change
 * and end, registrations, connections that are cut anywhere, and nonsense between them. Bob's phone responds,
 * because only SIPproxy64 knows the Via of its requests.
 */
export class SipScene implements Scene {
  readonly settings: Settings = [
    ['ipv4', '192.0.2.1'],
    ['ipv6', '2001:db8::1'],
    ['phone', 'bob=[2001:db8::6]:5060'],
    ['phone', 'carol=[2001:db8::7]:5060;transport=tcp'],
    ['proxy6', '[2001:db8::6]:5060'],
    ['media-ports', '30000-30127'],
    ['calls', '40'],
    ['connections', '20'],
    ['when-full', 'drop-oldest'],
    ['linger', '1s'],
    ['silence', '2s'],
    ['idle', '3s'],
  ];
  readonly #random: (below: number) => number;
  #count = 0;

  constructor(random: (below: number) => number) {
    this.#random = random;
  }

  next(): Given {
    const kind = this.#random(20);
    if (kind < 12) return this.#media();
    return kind < 16 ? this.#call() : this.#stream();
  }

  later(now: number, wakeAt: number): number {
    return Math.max(now + 1, Math.min(wakeAt, now + 1000));
  }

  /** Bob's response to a request that left, or undefined for all else. */
  reply(packet: Uint8Array): Uint8Array | undefined {
    if (packet[0] !== 0x60 || packet[6] !== UDP || packet[40] !== SIP_PORT >> 8) return undefined;
    const text = Buffer.from(packet.subarray(48)).toString('latin1');
    const method = /^(INVITE|BYE|REGISTER|MESSAGE) /.exec(text)?.[1];
    if (method === undefined) return undefined;
    const contact = /^Contact: (.*)\r$/m.exec(text)?.[1] ?? '';
    const answer = response(text, '200 OK', {
      contact: method === 'REGISTER' ? `${contact};expires=2` : '<sip:bob@[2001:db8::6]:5060>',
      body: method === 'INVITE' ? audio('2001:db8::6', 7000) : '',
    });
    return ipv6Packet(udpDatagram(SIP_PORT, SIP_PORT, bytesOf(answer)));
  }

  #media(): Given {
    const port = 30_000 + this.#random(128);
    const rtp = new Uint8Array(12 + this.#random(160));
    rtp[0] = 0x80;
    return this.#random(2) === 0
      ? { edge: 'ipv4', bytes: ipv4Packet(UDP, udpDatagram(6000, port, rtp)) }
      : { edge: 'ipv6', bytes: ipv6Packet(udpDatagram(7000, port, rtp)) };
  }

  #call(): Given {
    const n = this.#random(100);
    const method = ['INVITE', 'INVITE', 'BYE', 'MESSAGE', 'REGISTER'][this.#random(5)]!;
    const text = this.#request(method, n, this.#random(10) === 0 ? 'carol' : 'bob');
    const cut = this.#random(20) === 0 ? this.#random(text.length) : text.length;
    const payload = bytesOf(text.slice(0, cut));
    return { edge: 'ipv4', bytes: ipv4Packet(UDP, udpDatagram(SIP_PORT, SIP_PORT, payload)) };
  }

  #stream(): Given {
    const text = this.#request('MESSAGE', this.#random(100), 'bob')
      .replace('SIP/2.0/UDP', 'SIP/2.0/TCP')
      .replace('\r\n\r\n', '\r\nContent-Length: 0\r\n\r\n');
    const kind = this.#random(8);
    const flags = [SYN, ACK, ACK, ACK, ACK, ACK, FIN | ACK, RST][kind]!;
    const payload =
      flags === ACK ? text.slice(0, this.#random(3) === 0 ? this.#random(text.length) : undefined) : '';
    const segment = new Uint8Array(20 + payload.length);
    const view = new DataView(segment.buffer);
    view.setUint16(0, 40_000 + this.#random(30));
    view.setUint16(2, SIP_PORT);
    view.setUint32(8, this.#random(1 << 30));
    segment[12] = 5 << 4;
    segment[13] = flags;
    view.setUint16(14, 65_535);
    segment.set(bytesOf(payload), 20);
    return { edge: 'ipv4', bytes: ipv4Packet(TCP, segment) };
  }

  #request(method: string, n: number, user: string): string {
    const inDialog = method === 'BYE';
    return request(method, {
      uri: method === 'REGISTER' ? 'sip:example.org' : `sip:${user}@192.0.2.1`,
      callId: `call-${n}`,
      branch: `z9hG4bK${n}-${this.#count++}`,
      to: inDialog ? '<sip:bob@192.0.2.1>;tag=bob' : `<sip:${user}${n}@192.0.2.1>`,
      body: method === 'INVITE' ? audio('192.0.2.4', 6000) : '',
    });
  }
}

const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'latin1');

function udpDatagram(from: number, to: number, payload: Uint8Array): Uint8Array {
  const datagram = new Uint8Array(8 + payload.length);
  const view = new DataView(datagram.buffer);
  view.setUint16(0, from);
  view.setUint16(2, to);
  view.setUint16(4, datagram.length);
  datagram.set(payload, 8);
  return datagram;
}

/** From Alice to the proxy. */
function ipv4Packet(protocol: number, contents: Uint8Array): Uint8Array {
  const packet = new Uint8Array(20 + contents.length);
  const view = new DataView(packet.buffer);
  packet.set([0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 4, 192, 0, 2, 1]);
  view.setUint16(2, packet.length);
  view.setUint16(10, ~sum(packet.subarray(0, 20), 0) & 0xffff);
  packet.set(contents, 20);
  if (protocol === TCP) {
    const pseudo = sum(packet.subarray(12, 20), TCP + contents.length);
    view.setUint16(36, ~sum(packet.subarray(20), pseudo) & 0xffff);
  }
  return packet;
}

/** From Bob to the proxy. */
function ipv6Packet(datagram: Uint8Array): Uint8Array {
  const packet = new Uint8Array(40 + datagram.length);
  const view = new DataView(packet.buffer);
  packet.set([0x60, 0, 0, 0, 0, 0, UDP, 64]);
  packet.set([0x20, 1, 0x0d, 0xb8], 8);
  packet[23] = 6;
  packet.set([0x20, 1, 0x0d, 0xb8], 24);
  packet[39] = 1;
  view.setUint16(4, datagram.length);
  packet.set(datagram, 40);
  const pseudo = sum(packet.subarray(8, 40), UDP + datagram.length);
  view.setUint16(46, ~sum(packet.subarray(40), pseudo) & 0xffff);
  return packet;
}

/** The sum of RFC 1071, before it is inverted. */
function sum(bytes: Uint8Array, start: number): number {
  let total = start;
  for (let i = 0; i < bytes.length; i += 2) total += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

const SIP_PORT = 5060;
const UDP = 17;
const TCP = 6;
const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;
