import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../abi/build/package-root.ts';
import type { BoundComponent } from '../../compliance/run-through-bindings.ts';
import { Driver, OWN4, OWN6, type Segment, type Sent, sipProxy } from '../../sipproxy64/driver.ts';
import { audio, headersOf, request, response } from '../../sipproxy64/phones.ts';
import { ACK, FIN, RST, SYN } from '../../sipproxy64/stream-peer.ts';
import type { FuzzRandom } from '../fuzz-random.ts';
import { type FuzzTarget, insist, type OpenTarget } from '../fuzz-target.ts';

/**
 * Messages of SIP with their SDP, in datagrams and in streams, and packets of media, through SIPproxy64. An
 * input is several datagrams. A byte in front of each selects its source and destination. `@VIA@` stands for
 * the Vias of the last request that went on, so that a response passes as one to it.
 */
export const sipproxy64Target: FuzzTarget = {
  name: 'sipproxy64',
  summary: 'messages of SIP with SDP, and media, through SIPproxy64',
  unit: 'datagrams',
  maxBytes: 6000,
  async open() {
    const fuel = { used: 0 };
    return new SipRun(
      await sipProxy((units) => {
        fuel.used = units;
      }),
      fuel,
    );
  },
};

class SipRun implements OpenTarget {
  readonly seeds: readonly Uint8Array[];
  readonly #make: BoundComponent;
  readonly #fuel: { readonly used: number };

  constructor(make: BoundComponent, fuel: { readonly used: number }) {
    this.#make = make;
    this.#fuel = fuel;
    const vectors = join(packageRoot(), 'test', 'sipproxy64', 'vectors');
    const messages = ['rfc4475', 'rfc5118'].flatMap((suite) =>
      readdirSync(join(vectors, suite)).map((name) => readFileSync(join(vectors, suite, name))),
    );
    this.seeds = [
      ...messages.map((bytes, n) => joined([[n & 1, bytes]])),
      ...TALKS.map((talk) => joined(talk.map(([way, text]) => [way, Buffer.from(text, 'latin1')]))),
    ];
  }

  /** Messages with one malformed place each, which mutation of bytes alone rarely makes. */
  generate(random: FuzzRandom): Uint8Array {
    const word = () => random.one(WORDS);
    const uri = () =>
      `sip:${word()}@${random.one(HOSTS)}${random.one(['', ':5060', ':0', ':99999'])}${random.one(URI_ENDS)}`;
    const name = () =>
      random.one([`<${uri()}>`, uri(), `"${word()}, <x>" <${uri()}>`, `${word()} <${uri()}>`]);
    const datagrams: [number, Uint8Array][] = [];
    for (let n = 1 + random.below(4); n > 0; n--) {
      const method = random.one(['INVITE', 'ACK', 'BYE', 'PRACK', 'UPDATE', 'REGISTER', 'CANCEL']);
      const description = audio(
        random.one(HOSTS).replaceAll(/[[\]]/g, ''),
        random.below(70_000),
        random.one(SDP_LINES),
        random.one(SDP_LINES),
      );
      const isRequest = random.below(3) > 0;
      const lines = [
        isRequest ? `${method} ${uri()} SIP/2.0` : `SIP/2.0 ${random.one(['180', '200', '401', '486'])} x`,
        isRequest ? `Via: SIP/2.0/UDP ${random.one(HOSTS)};branch=z9hG4bK${word()}` : '@VIA@',
        `From: ${name()};tag=${word()}`,
        `To: ${name()}${random.one(['', `;tag=${word()}`])}`,
        `Call-ID: ${random.one(['a', 'b'])}`,
        `CSeq: 1 ${method}`,
        `${random.one(['Contact', 'Route', 'Record-Route', 'Path', 'm', 'Warning'])}: ${name()}, ${name()}`,
        'Content-Type: application/sdp',
        '',
        description,
      ];
      datagrams.push([random.below(4), Buffer.from(lines.join('\r\n'), 'latin1')]);
    }
    return joined(datagrams);
  }

  execute(input: Uint8Array): number {
    const driver = new Driver(this.#make, SETTINGS).startWithStreams();
    let vias = '';
    let count = 0;
    for (const datagram of split(input)) {
      const way = datagram[0] ?? 0;
      const from = way & 1 ? '[2001:db8::6]:5060' : '192.0.2.4:5060';
      const text = Buffer.from(datagram.subarray(1)).toString('latin1').replaceAll('@VIA@', vias);
      const to = way & 2 ? 5060 : (way & 0xfc) === 0 ? 5060 : 30_000 + (way >> 2);
      const bytes = Buffer.from(text, 'latin1');
      const { sent } = isStream(way)
        ? driver.sendSegments([[from, 5060, segment(way), bytes]])
        : driver.send(from, bytes, to);
      insist(this.#fuel.used < MOST_FUEL, () => `${this.#fuel.used} units of fuel for ${text.length} bytes`);
      for (const each of sent) checkSent(each);
      // Every other connection that the piece opens comes about, and what then leaves is looked at too.
      for (const each of sent) {
        if (each.segment?.flags !== SYN || (way & 8) !== 0) continue;
        const opened = driver.sendSegments([[each.to, 40_001, { ...OPEN, flags: SYN | ACK }, NOTHING]]);
        for (const other of opened.sent) checkSent(other);
      }
      const onward = sent.find(({ text: each }) => headersOf(each, 'Via').length > 1);
      if (onward !== undefined)
        vias = headersOf(onward.text, 'Via')
          .map((via) => `Via: ${via}`)
          .join('\r\n');
      if (way === 0xff) driver.pass(40_000);
      count++;
    }
    driver.pass(1_000_000);
    // A state that was saved is one that can be restored.
    const after = new Driver(this.#make, SETTINGS, 7n);
    after.startWithStreams(driver.save());
    return count;
  }
}

/** Ways from 0xf0 on are segments; 0xff is time that passes. */
function isStream(way: number): boolean {
  return way >= 0xf0 && way < 0xff;
}

/** A way says what a segment does: it opens its stream, or brings bytes, or ends or resets it. */
function segment(way: number): Segment {
  return { ...OPEN, flags: [SYN, ACK, ACK, ACK, ACK, FIN | ACK, RST, SYN | ACK][(way >> 1) & 7]! };
}

/** Rules for everything that leaves, whatever came in. */
function checkSent({ to, from, text, shape, segment }: Sent): void {
  const host = to.slice(0, to.lastIndexOf(':'));
  insist(from.startsWith(`${OWN4}:`) || from.startsWith(`[${OWN6}]:`), () => `it leaves from ${from}`);
  insist(
    host !== OWN4 &&
      host !== `[${OWN6}]` &&
      !/^(0|127|22[4-9]|2[345]\d|169\.254)\.|^\[(::1?|ff..:.*|fe80:.*)\]$/.test(host),
    () => `it is sent to ${to}`,
  );
  if (!shape.includes('local:5060') || segment?.flags === SYN) return;
  const end = text.indexOf('\r\n\r\n');
  // A message may have bare line ends, and then they stay.
  if (end < 0 || /[^\r]\n/.test(text)) return;
  const [length] = headersOf(text, '(?:Content-Length|l)');
  if (length !== undefined)
    insist(
      Number(length) === text.length - end - 4,
      () => `Content-Length ${length}, and ${text.length - end - 4} bytes`,
    );
}

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

const SETTINGS = {
  proxy4: '192.0.2.9:5060',
  proxy6: '[2001:db8::9]:5060',
  phone: ['bob=[2001:db8::6]:5060', 'a=[2001:db8::7]:5060;transport=tcp'],
  connections: '3',
  calls: '6',
  registrations: '3',
  'media-ports': '30000-30063',
};
const OPEN: Segment = { flags: 0, sequence: 0, acknowledgement: 0, window: 65_535 };
const NOTHING = new Uint8Array(0);
/** The fuel of a call with one frame. */
const MOST_FUEL = 5_000_000;
const WORDS = ['a', 'bob', 'z9hG4bK', '%00', '', 'é', ';', '"', '<', 'x'.repeat(300)];
const HOSTS = [
  '192.0.2.1',
  '192.0.2.4',
  '[2001:db8::1]',
  '[2001:db8::6]',
  '[::]',
  '0.0.0.0',
  'example.com',
  '127.0.0.1',
  '[::ffff:192.0.2.4]',
  '',
  '[',
  'x.invalid',
];
const URI_ENDS = [
  '',
  ';m64=192.0.2.4:5060',
  ';n64=[2001:db8::6]',
  ';m64=',
  ';transport=tcp',
  ';m64=192.0.2.4:5060;transport=tcp;m64-transport=tcp',
  ';m64=192.0.2.1',
  ';lr',
  '?a=b',
  ';a="',
];
const SDP_LINES = [
  'a=sendonly',
  'a=rtcp:5',
  'a=rtcp:5 IN IP4 192.0.2.4',
  'a=rtcp:',
  'm=image 9 udptl t38',
  'm=audio 0 RTP/AVP 0',
  'c=IN IP6 ::',
  'a=ice-pwd:x',
  'c=IN IP4 ',
  'm=x',
];

const inStream = (text: string): string =>
  text.replace('/UDP', '/TCP').replace('\r\n\r\n', '\r\nContent-Length: 0\r\n\r\n');

/** Whole calls, without faults. */
const TALKS: readonly (readonly (readonly [number, string])[])[] = [
  [
    [0, request('INVITE', { body: audio('192.0.2.4', 6000) })],
    [
      1,
      response(
        'To: <sip:bob@192.0.2.1>\r\nFrom: "Alice" <sip:alice@192.0.2.4>;tag=alice\r\nCall-ID: call-1@192.0.2.4\r\nCSeq: 1 INVITE\r\n\r\n',
        '200 OK',
        { extra: ['@VIA@'], body: audio('2001:db8::6', 7000) },
      ),
    ],
    [4, '\x80\0\0\x01aaaabbbbpayload'],
    [0, request('BYE', { to: '<sip:bob@192.0.2.1>;tag=bob' })],
  ],
  [
    [0, request('REGISTER', { uri: 'sip:example.com', to: '<sip:alice@example.com>' })],
    [
      1,
      response(
        'To: <sip:alice@example.com>\r\nFrom: <sip:alice@example.com>;tag=alice\r\nCall-ID: call-1@192.0.2.4\r\nCSeq: 1 REGISTER\r\n\r\n',
        '200 OK',
        { extra: ['@VIA@', 'Contact: <sip:alice@[2001:db8::1];m64=192.0.2.4:5060>;expires=60'] },
      ),
    ],
    [1, request('MESSAGE', { uri: 'sip:alice@[2001:db8::1]' })],
  ],
  [
    [0xf0, ''],
    [0xf2, inStream(request('MESSAGE'))],
    [0xf2, `\r\n\r\n${inStream(request('MESSAGE', { uri: 'sip:a@192.0.2.1' })).slice(0, 200)}`],
    [0xf2, inStream(request('MESSAGE', { uri: 'sip:a@192.0.2.1' })).slice(200)],
    [0xfa, ''],
  ],
];
