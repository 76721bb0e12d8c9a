import type { BoundComponent } from '../../compliance/run-through-bindings.ts';
import {
  cryptoLine,
  described,
  master,
  Path,
  PEER,
  PEER_RTP,
  PHONE,
  PHONE_RTP,
  peerSdp,
  phoneSdp,
  rtp,
  rtpEncryption,
  type Side,
} from '../../rtp-encryption/phones.ts';
import { request, response } from '../../sipproxy64/phones.ts';
import type { FuzzRandom } from '../fuzz-random.ts';
import { type FuzzTarget, insist, type OpenTarget } from '../fuzz-target.ts';

/**
 * Messages of SIP with keys in their SDP, and packets of media, through rtp-encryption. An input is several
 * datagrams. A byte in front of each selects its side, and whether it is a message or media.
 */
export const rtpEncryptionTarget: FuzzTarget = {
  name: 'rtp-encryption',
  summary: 'messages of SIP with keys in SDP, and media, through rtp-encryption',
  unit: 'datagrams',
  maxBytes: 6000,
  async open() {
    const fuel = { used: 0 };
    return new RtpEncryptionRun(
      await rtpEncryption((units) => {
        fuel.used = units;
      }),
      fuel,
    );
  },
};

class RtpEncryptionRun implements OpenTarget {
  readonly seeds: readonly Uint8Array[] = TALKS.map((talk) => joined(talk));
  readonly #make: BoundComponent;
  readonly #fuel: { readonly used: number };

  constructor(make: BoundComponent, fuel: { readonly used: number }) {
    this.#make = make;
    this.#fuel = fuel;
  }

  /** Messages with one malformed place each, which mutation of bytes alone rarely makes. */
  generate(random: FuzzRandom): Uint8Array {
    const datagrams: [number, Uint8Array][] = [];
    for (let n = 1 + random.below(5); n > 0; n--) {
      if (random.below(3) === 0) {
        datagrams.push([MEDIA | random.below(2), rtp(random.below(65_536), 'x'.repeat(random.below(40)))]);
        continue;
      }
      const side = random.below(2);
      const lines = Array.from({ length: random.below(5) }, () => random.one(SDP_LINES));
      const profile = random.one(['RTP/AVP', 'RTP/AVP', 'RTP/AVPF', 'udptl']);
      const media = side === 0 ? profile : random.one(['RTP/SAVP', 'RTP/SAVP', 'RTP/SAVPF', profile]);
      const [address, port] = side === 0 ? [PHONE, PHONE_RTP] : [PEER, PEER_RTP];
      const body = described(address, `m=audio ${random.one([port, port, 0, 70_000])} ${media} 0`, ...lines);
      const method = random.one(['INVITE', 'ACK', 'PRACK', 'UPDATE', 'BYE']);
      const to = random.one(['<sip:b@x>', '<sip:b@x>;tag=b', '<sip:b@x>;tag=c']);
      const text = request(method, { body, to, cseq: `${random.below(3)} ${method}` });
      const status = random.one(['183 x', '200 OK', '488 x']);
      const sent = random.below(2) === 0 ? text : text.replace(/^.*\r\n/, `SIP/2.0 ${status}\r\n`);
      datagrams.push([side, Buffer.from(sent)]);
    }
    return joined(datagrams);
  }

  execute(input: Uint8Array): number {
    const path = new Path(this.#make, { calls: '6', 'media-ports': '5000-5059', setup: '10s' });
    let protectsItself = false;
    let count = 0;
    for (const datagram of split(input)) {
      const way = datagram[0] ?? 0;
      const side: Side = (way & 1) === 0 ? 'plain' : 'protected';
      const bytes = Buffer.from(datagram.subarray(1));
      if (way === TIME) {
        path.rig.now += 40_000;
        path.rig.process();
      } else if ((way & MEDIA) !== 0) {
        path.media(side, [bytes]);
      } else {
        path.send(side, bytes.toString('latin1'));
        // Lines of the phone that it protects itself pass, and their media too.
        if (side === 'plain') protectsItself ||= /savp|tls|tcp/i.test(bytes.toString('latin1'));
      }
      insist(this.#fuel.used < MOST_FUEL, () => `${this.#fuel.used} units of fuel for ${bytes.length} bytes`);
      count++;
    }
    // Under `require`, nothing of the phone leaves in the clear.
    const speech = rtp(4321, 'the speech of the phone');
    for (const places of [{}, { to: '198.51.100.99', toPort: 9 }]) {
      const { passed } = path.media('plain', [speech, rtp(4322, 'the speech of the phone')], places);
      insist(
        protectsItself || !passed.some((packet) => packet.includes('speech')),
        'speech left in the clear',
      );
    }
    // A state that was saved is one that can be restored.
    path.replaced();
    return count;
  }
}

const MEDIA = 0x40;
const TIME = 0xff;
/** Between datagrams: in no text of UTF-8. */
const MARK = 0xf5;

function joined(datagrams: readonly (readonly [number, Uint8Array])[]): Uint8Array {
  return Buffer.concat(datagrams.flatMap(([way, bytes]) => [Uint8Array.of(way), bytes, Uint8Array.of(MARK)]));
}

function* split(input: Uint8Array): Generator<Uint8Array> {
  let from = 0;
  while (from < input.length) {
    const mark = input.indexOf(MARK, from);
    const to = mark < 0 ? input.length : mark;
    yield input.subarray(from, to);
    from = to + 1;
  }
}

/** The fuel of a call with one frame. */
const MOST_FUEL = 5_000_000;
const SUITE = 'AES_CM_128_HMAC_SHA1_80';
const KEY = master(30, 1);
const SDP_LINES = [
  cryptoLine(1, SUITE, KEY),
  cryptoLine(1, SUITE, KEY, '|2^20|1:4'),
  cryptoLine(2, 'AEAD_AES_128_GCM', master(28, 2), ' UNENCRYPTED_SRTCP'),
  cryptoLine(999_999_999, SUITE, KEY, '|1:128 WSH=64 -X'),
  'a=crypto:',
  'a=crypto:1',
  `a=crypto:1 ${SUITE}`,
  `a=crypto:1 ${SUITE} inline:`,
  `a=crypto:1 ${SUITE} inline:=|`,
  'a=tcap:1 RTP/SAVP RTP/SAVPF',
  `a=acap:1 crypto:1 ${SUITE} inline:${KEY.toString('base64')}`,
  'a=pcfg:1 t=1 a=1',
  'a=pcfg:1 t=1|2 a=2|1',
  'a=pcfg:',
  'a=sendonly',
  'a=rtcp:7001 IN IP4 198.51.100.7',
  'a=rtcp-mux',
  'a=group:BUNDLE a',
  'c=IN IP4 0.0.0.0',
  'c=IN IP4 phone.example.com',
  'm=video 5006 RTP/AVP 96',
  `m=audio ${PEER_RTP} RTP/AVP 0`,
  'm=image 9 udptl t38',
];

const invite = request('INVITE', { body: phoneSdp() });
const called = request('INVITE', { body: peerSdp(cryptoLine(1, SUITE, KEY)) });
const text = (side: number, message: string): [number, Uint8Array] => [side, Buffer.from(message)];

/** Whole calls, without faults. */
const TALKS: readonly (readonly [number, Uint8Array])[][] = [
  [
    text(0, invite),
    text(1, response(invite, '200 OK', { body: peerSdp(cryptoLine(2, SUITE, KEY)) })),
    [MEDIA, rtp(1)],
  ],
  [
    text(1, called),
    text(0, response(called, '200 OK', { body: phoneSdp() })),
    [MEDIA, rtp(1)],
    [MEDIA | 1, rtp(1)],
    [TIME, Buffer.alloc(0)],
  ],
];
