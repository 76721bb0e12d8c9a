import { beforeAll, describe, expect, it } from 'vitest';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import type { RigResult, SentFrame } from '../pieces/piece-rig.ts';
import { type RequestOptions, request, response } from '../sipproxy64/phones.ts';
import {
  datagram,
  described,
  mediaIn,
  Path,
  PEER,
  PEER_RTP,
  PHONE,
  PHONE_RTP,
  phoneSdp,
  rtp,
  rtpEncryption,
  type Side,
  sdpOf,
  senderReport,
} from './phones.ts';

let piece: BoundComponent;
beforeAll(async () => {
  piece = await rtpEncryption();
});

const DTLS = { 'key-exchange': 'dtls', 'keys-in-clear': 'false' };
/** Lines of a peer that has no part in the handshake of a test. */
const STRANGER = [
  `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`,
  'a=setup:active',
  'a=rtcp-mux',
] as const;

/** Two pieces, with their protected sides to each other: a phone is behind one, its peer behind the other. */
class TwoPieces {
  readonly near: Path;
  readonly far: Path;
  /** Datagrams between the two, in the order in which they were sent. */
  readonly between: Buffer[] = [];
  #lose: (n: number) => boolean = () => false;

  constructor(near: Record<string, string> = {}, far: Record<string, string> = {}) {
    this.near = new Path(piece, { ...DTLS, ...near }, [], 5n);
    this.far = new Path(piece, { ...DTLS, ...far }, [], 7n);
  }

  losing(lose: (n: number) => boolean): this {
    this.#lose = lose;
    return this;
  }

  /** A message of the phone, or of its peer; returns what arrives at the other. */
  tell(fromPhone: boolean, text: string, changed: (text: string) => string = (same) => same): string {
    const [first, second] = fromPhone ? [this.near, this.far] : [this.far, this.near];
    const [from, to] = fromPhone ? [PHONE, PEER] : [PEER, PHONE];
    const out = first.rig.process(datagram('plain', Buffer.from(text), from, 5060, to, 5060));
    const passed = this.#split(out, first).join('');
    if (passed === '') return '';
    const arrived = second.rig.process(
      datagram('protected', Buffer.from(changed(passed)), from, 5060, to, 5060),
    );
    const told = this.#split(arrived, second, 'plain').join('');
    this.#run();
    return told;
  }

  /** The phone calls; returns the description that its peer gets, and the one of the answer. */
  call(
    answer = described(PEER, `m=audio ${PEER_RTP} RTP/AVP 0`, 'a=rtcp-mux'),
    changed: { readonly offer?: (text: string) => string; readonly answer?: (text: string) => string } = {},
    options: RequestOptions = {},
  ): { readonly offer: string; readonly answer: string } {
    const offer = this.tell(
      true,
      request('INVITE', { body: phoneSdp('a=rtcp-mux'), ...options }),
      changed.offer,
    );
    if (offer === '') return { offer, answer: '' };
    return { offer, answer: this.tell(false, response(offer, '200 OK', { body: answer }), changed.answer) };
  }

  /** Packets of the phone, or of its peer; returns what arrives at the other. */
  media(fromPhone: boolean, ...packets: Buffer[]): Buffer[] {
    const [first, second] = fromPhone ? [this.near, this.far] : [this.far, this.near];
    const sent = packets.flatMap((packet) => {
      const [from, fromPort, to, toPort] = fromPhone
        ? [PHONE, PHONE_RTP, PEER, PEER_RTP]
        : [PEER, PEER_RTP, PHONE, PHONE_RTP];
      return first.rig.process(datagram('plain', packet, from, fromPort, to, toPort)).sent;
    });
    for (const frame of sent) this.between.push(payload(frame));
    return sent.flatMap((frame) => second.rig.process(relayed(frame)).sent.map(payload));
  }

  /** Time goes by in both. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= 125) {
      for (const path of [this.near, this.far]) {
        path.rig.now += 125;
        this.#split(path.rig.process(), path);
      }
      this.#run();
    }
  }

  get logged(): string[] {
    return [...this.near.rig.logged, ...this.far.rig.logged];
  }

  #waiting: { to: Path; frame: SentFrame }[] = [];
  #sent = 0;

  /** Puts datagrams of DTLS on their way, and returns the other bodies that leave by this Edge. */
  #split(result: RigResult, from: Path, edge: Side = 'protected'): Buffer[] {
    const rest: Buffer[] = [];
    for (const frame of result.sent) {
      const bytes = payload(frame);
      if (frame.edge === 'protected' && bytes[0]! >= 20 && bytes[0]! <= 63 && bytes[1] === 0xfe) {
        this.between.push(bytes);
        if (!this.#lose(this.#sent++))
          this.#waiting.push({ to: from === this.near ? this.far : this.near, frame });
      } else if (frame.edge === edge) rest.push(bytes);
    }
    return rest;
  }

  #run(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift())
      this.#split(next.to.rig.process(relayed(next.frame)), next.to);
  }
}

const payload = (frame: SentFrame): Buffer => Buffer.from(frame.bytes.subarray(28));

function relayed(frame: SentFrame) {
  const bytes = Buffer.from(frame.bytes);
  const address = (at: number): string => [...bytes.subarray(at, at + 4)].join('.');
  return datagram(
    'protected',
    payload(frame),
    address(12),
    bytes.readUInt16BE(20),
    address(16),
    bytes.readUInt16BE(22),
  );
}

describe('two phones behind two pieces with DTLS', () => {
  it('get descriptions without keys, and media that no program between them can read', () => {
    const path = new TwoPieces();
    const seen: string[] = [];
    const note = (text: string): string => {
      seen.push(sdpOf(text));
      return text;
    };
    const { offer, answer } = path.call(undefined, { offer: note, answer: note });
    expect(mediaIn(seen[0]!)).toEqual([`m=audio ${PHONE_RTP} UDP/TLS/RTP/SAVP 0`]);
    expect(mediaIn(seen[1]!)).toEqual([`m=audio ${PEER_RTP} UDP/TLS/RTP/SAVP 0`]);
    expect(seen[0]).toMatch(/a=setup:actpass\r\n/);
    expect(seen[1]).toMatch(/a=setup:active\r\n/);
    for (const sdp of seen) {
      expect(sdp).toMatch(/^a=fingerprint:sha-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}\r$/m);
      expect(sdp).toMatch(/^a=tls-id:[0-9a-f]{32}\r$/m);
      expect(sdp).not.toContain('crypto');
    }
    for (const sdp of [offer, answer].map(sdpOf)) {
      expect(mediaIn(sdp)[0]).toMatch(/ RTP\/AVP 0$/);
      expect(sdp).not.toMatch(/fingerprint|setup|tls-id/);
    }
    const packets = [rtp(1), rtp(2), senderReport(), rtp(3)];
    expect(path.media(true, ...packets)).toEqual(packets);
    const back = [rtp(9, 'back', 77), senderReport(77)];
    expect(path.media(false, ...back)).toEqual(back);
    for (const bytes of path.between) expect(bytes.includes('packet')).toBe(false);
  });

  it('have their keys whichever datagrams of the handshake are lost', () => {
    for (let lost = 0; lost < 8; lost++) {
      const path = new TwoPieces().losing((n) => n === lost || n === lost + 3);
      path.call();
      path.pass(4000);
      expect(path.media(true, rtp(1)), `without ${lost}`).toEqual([rtp(1)]);
      expect(path.media(false, rtp(5, 'x', 3)), `without ${lost}`).toEqual([rtp(5, 'x', 3)]);
    }
  });

  it('send nothing in the clear before the keys are there', () => {
    const path = new TwoPieces().losing(() => true);
    path.call();
    expect(path.media(true, rtp(1))).toEqual([]);
    expect(path.near.media('plain', [rtp(2)]).ends).toEqual(['no-key']);
    path.pass(31_000);
    expect(path.logged.join()).toContain('has not finished its handshake of DTLS in time');
    expect(path.media(true, rtp(3))).toEqual([]);
  });

  it('refuse a certificate that is not the one of the description, by name', () => {
    const path = new TwoPieces();
    path.call(undefined, {
      answer: (text) =>
        text.replace(
          /(a=fingerprint:sha-256 )(\S\S)/,
          (_, name, byte) => name + (byte === '00' ? '01' : '00'),
        ),
    });
    path.pass(2000);
    expect(path.logged.join()).toContain('is not the one in its description');
    expect(path.media(true, rtp(1))).toEqual([]);
    expect(path.media(false, rtp(1))).toEqual([]);
  });

  it('keep role and association when either offers again', () => {
    const path = new TwoPieces();
    const { offer } = path.call();
    const handshake = path.between.length;
    let again = '';
    const tag = /To: .*/.exec(response(offer, '200 OK'))![0];
    const options = { to: tag.slice(4), cseq: '2 INVITE' } as RequestOptions;
    const note = (text: string): string => {
      again = text;
      return text;
    };
    path.call(undefined, { answer: note }, options);
    expect(again).toContain('a=setup:active');
    expect(path.between.length).toBe(handshake);
    expect(path.media(true, rtp(1))).toEqual([rtp(1)]);
    expect(path.media(false, rtp(2, 'x', 3))).toEqual([rtp(2, 'x', 3)]);
  });
});

describe('the attributes of a peer', () => {
  const offerOf = (...lines: string[]): string =>
    described(PEER, `m=audio ${PEER_RTP} UDP/TLS/RTP/SAVPF 0`, ...lines);
  const answered = (offer: string, settings: Record<string, string> = {}) => {
    const path = new Path(piece, { ...DTLS, ...settings });
    const invite = path.send('protected', request('INVITE', { body: offer }));
    if (invite.passed === '') return { setup: 'refused', line: '' };
    const sdp = path.send('plain', response(invite.passed, '200 OK', { body: phoneSdp() })).passed;
    return { setup: /a=setup:(\w+)/.exec(sdp)?.[1] ?? 'none', line: mediaIn(sdp)[0]! };
  };

  it.each([
    ['actpass', 'active'],
    ['passive', 'active'],
    ['active', 'passive'],
    ['ACTIVE', 'passive'],
    ['holdconn', 'refused'],
    ['sideways', 'refused'],
  ])('take setup:%s, and answer %s', (setup, expected) => {
    const { setup: own, line } = answered(offerOf(STRANGER[0], `a=setup:${setup}`));
    expect(own).toBe(expected);
    if (expected !== 'refused') expect(line).toBe(`m=audio ${PHONE_RTP} UDP/TLS/RTP/SAVP 0`);
  });

  const hex = (bytes: number, byte = 'ab'): string => Array(bytes).fill(byte).join(':');
  it.each([
    ['of any case', [`a=fingerprint:SHA-256 ${hex(32)}`], {}, true],
    ['of SHA-384', [`a=fingerprint:sha-384 ${hex(48)}`], {}, true],
    [
      'of SHA-512 behind an unknown hash',
      ['a=fingerprint:md5 AB:CD', `a=fingerprint:sha-512 ${hex(64)}`],
      {},
      true,
    ],
    ['of SHA-1', [`a=fingerprint:sha-1 ${hex(20)}`], {}, false],
    ['of SHA-1, where the setting allows it', [`a=fingerprint:sha-1 ${hex(20)}`], { 'sha-1': 'true' }, true],
    ['that is too short', [`a=fingerprint:sha-256 ${hex(31)}`], {}, false],
    ['that is too long', [`a=fingerprint:sha-256 ${hex(33)}`], {}, false],
    ['without colons', [`a=fingerprint:sha-256 ${'AB'.repeat(48)}`], {}, false],
    ['that is no number', [`a=fingerprint:sha-256 ${hex(32, 'XY')}`], {}, false],
    ['that is missing', [], {}, false],
  ] as const)('with a fingerprint %s', (_name, lines, settings, isTaken) => {
    expect(answered(offerOf('a=setup:actpass', ...lines), settings).setup).toBe(
      isTaken ? 'active' : 'refused',
    );
  });

  it('may stand in front of all lines', () => {
    const [head, line] = offerOf().split('m=');
    expect(answered(`${head}${STRANGER[0]}\r\na=setup:actpass\r\nm=${line}`).setup).toBe('active');
  });

  it('pass where no DTLS is set: the phone protects itself', () => {
    const path = new Path(piece);
    const offer = offerOf(...STRANGER);
    expect(sdpOf(path.send('protected', request('INVITE', { body: offer })).passed)).toBe(offer);
  });
});
