import type { Given, Settings } from '../6bed4/driver.ts';
import type { Scene } from '../6bed4/random-scenes.ts';
import { cryptoLine, described, master, PEER, PHONE, rtp, type Side } from '../rtp-encryption/phones.ts';
import { request } from '../sipproxy64/phones.ts';
import { checked } from './ppp-scene.ts';

/**
 * Phones that are called with keys, answer, talk, offer again, and hang up, with media of both sides and
 * nonsense between them. The packets of the piece do not come back.
 */
export class RtpEncryptionScene implements Scene {
  readonly settings: Settings = [
    ['keys-in-clear', 'true'],
    ['policy', 'prefer'],
    ['suite', SUITE],
    ['calls', '40'],
    ['setup', '2s'],
    ['silence', '2s'],
  ];
  readonly #random: (below: number) => number;
  #sequence = 0;

  constructor(random: (below: number) => number) {
    this.#random = random;
  }

  next(): Given {
    const random = this.#random;
    const n = random(60);
    const kind = random(20);
    if (kind < 12) return this.#media(n);
    const callId = `call-${n}`;
    const from = '"Peer" <sip:p@example.com>;tag=peer';
    const to = '<sip:phone@example.com>;tag=phone';
    if (kind < 15) {
      const more = random(4) === 0 ? '|2^20|1:4' : '';
      const body = described(
        PEER,
        `m=audio ${7000 + 2 * n} RTP/SAVP 0`,
        cryptoLine(1, SUITE, master(30, random(9)), more),
      );
      const isAgain = random(2) === 0;
      return message(
        'protected',
        request('INVITE', { callId, from, body, ...(isAgain ? { to, cseq: '2 INVITE' } : {}) }),
      );
    }
    if (kind < 18) {
      const body = described(PHONE, `m=audio ${5000 + 2 * n} RTP/AVP 0`);
      const answer = request('INVITE', { callId, from, to, body }).replace(
        /^INVITE .*\r\n/,
        `SIP/2.0 ${random(5) === 0 ? '183 Progress' : '200 OK'}\r\n`,
      );
      return message('plain', answer);
    }
    if (kind < 19) return message('protected', request('BYE', { callId, from, to, cseq: '3 BYE' }));
    const text = request('INVITE', { callId, from, body: described(PEER, 'm=audio 7000 RTP/AVP 0') });
    return message('protected', text.slice(0, random(text.length)));
  }

  later(now: number, wakeAt: number): number {
    return Math.max(now + 1, Math.min(wakeAt, now + 1000));
  }

  #media(n: number): Given {
    const side: Side = this.#random(2) === 0 ? 'plain' : 'protected';
    this.#sequence = (this.#sequence + 1) & 0xffff;
    const [phone, peer] = [5000 + 2 * n, 7000 + 2 * n];
    return side === 'plain'
      ? packet(side, rtp(this.#sequence, 'x', 1 + n), phone, peer)
      : packet(side, rtp(this.#sequence, 'x', 1 + n), peer, phone);
  }
}

const SUITE = 'AES_CM_128_HMAC_SHA1_80';
const UDP = 17;

const message = (side: Side, text: string): Given => packet(side, Buffer.from(text), 5060, 5060);

function packet(side: Side, payload: Uint8Array, fromPort: number, toPort: number): Given {
  const [from, to] = side === 'plain' ? [PHONE, PEER] : [PEER, PHONE];
  const length = 28 + payload.length;
  const addresses = [from, to].flatMap((address) => address.split('.').map(Number));
  const header = [0x45, 0, length >> 8, length & 255, 0, 0, 0, 0, 64, UDP, 0, 0, ...addresses];
  const ports = [fromPort, toPort, length - 20, 0].flatMap((value) => [value >> 8, value & 255]);
  return { edge: side, bytes: Uint8Array.from([...checked(header), ...ports, ...payload]) };
}
