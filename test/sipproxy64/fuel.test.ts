import { beforeAll, describe, expect, it } from 'vitest';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { Driver, sipProxy } from './driver.ts';
import { ALICE, audio, BOB, establish, only, portIn, request, response, rtp } from './phones.ts';
import { StreamPeer } from './stream-peer.ts';

// Time is counted in fuel, and not by a clock: a machine that is busy changes nothing of it.

const SETTINGS = { phone: 'bob=[2001:db8::6]:5060', proxy6: '[2001:db8::9]:5060' };
/** The fuel of a call with one frame (`host/engine/component-piece.ts`). */
const CALL_FUEL = 5_000_000;
/** The costs by which the piece plans (`pieces-as/sipproxy64/assembly/load.ts`). */
const A_MESSAGE = 60_000;
const A_BYTE = 340;
/** The longest message that is read; a longer one costs nothing. */
const LONGEST = 10_240;

let make: BoundComponent;
let used = 0;
beforeAll(async () => {
  make = await sipProxy((units) => {
    used = units;
  });
});

/** The fuel of one message of about this many bytes, in a new proxy. */
function fuelFor(write: (bytes: number) => string, bytes: number, from = ALICE): number {
  const driver = new Driver(make, SETTINGS).start();
  driver.send(from, write(bytes));
  return used;
}

const repeated = (text: string, bytes: number): string =>
  text.repeat(Math.max(1, Math.floor(bytes / text.length)));
const extra = (lines: string) => request('MESSAGE').replace('Max-Forwards', `${lines}Max-Forwards`);

/** Each is of any length, and of the kind that keeps a parser busy. */
const WORST: Record<string, (bytes: number) => string> = {
  'unknown header fields': (n) => extra(repeated('X: y\r\n', n)),
  'empty header fields': (n) => extra(repeated('a:\r\n', n)),
  'Vias, one a field': (n) => extra(repeated('v:SIP/2.0/UDP a;branch=b\r\n', n)),
  'Vias of our own': (n) => extra(repeated('v:SIP/2.0/UDP 192.0.2.1;l64=0123456789abcdef\r\n', n)),
  'Vias in one field': (n) => extra(`Via: ${repeated('SIP/2.0/UDP a,', n)}SIP/2.0/UDP b\r\n`),
  'parameters of a Via': (n) => extra(`Via: SIP/2.0/UDP a${repeated(';a', n)}\r\n`),
  'Contacts in one field': (n) => extra(`m:${repeated('<sip:a@b>,', n)}<sip:c>\r\n`),
  'Contacts that are mapped': (n) => extra(`m:${repeated('<sip:1.2.3.4>,', n)}<sip:c>\r\n`),
  commas: (n) => extra(`Contact: ${repeated(',', n)}\r\n`),
  quotes: (n) => extra(`Contact: ${repeated('"', n)}\r\n`),
  'quoted backslashes': (n) => extra(`Contact: "${repeated('\\', n)}\r\n`),
  'brackets that open': (n) => extra(`Contact: ${repeated('<', n)}\r\n`),
  'brackets and commas': (n) => extra(`Contact: ${repeated('<,', n)}\r\n`),
  'parameters of a URI': (n) => extra(`Contact: <sip:a@1.2.3.4${repeated(';a', n)}>\r\n`),
  'parameters of our own URI': (n) =>
    extra(`Contact: <sip:a@[2001:db8::1]${repeated(';a', n)};m64=1.2.3.4>\r\n`),
  'signs of a user': (n) => extra(`Contact: <sip:${repeated('a@', n)}1.2.3.4>\r\n`),
  'white space': (n) => extra(`Contact: ${repeated(' ', n)}\r\n`),
  folds: (n) => extra(`Contact: ${repeated('\r\n ', n)}<sip:a>\r\n`),
  'white space between values': (n) => extra(`Contact: ${repeated('a ,', n)}\r\n`),
  'Routes of our own': (n) => extra(repeated('Route: <sip:192.0.2.1;lr>\r\n', n)),
  'Routes of our own in one field': (n) =>
    extra(`Route: ${repeated('<sip:192.0.2.1>,', n)}<sip:192.0.2.1>\r\n`),
  Warnings: (n) => extra(repeated('Warning: 300 1.2.3.4 "x"\r\n', n)),
  'a long URI': (n) => request('MESSAGE', { uri: `sip:bob@192.0.2.1${repeated(';a', n)}` }),
  'a long Call-ID': (n) => request('INVITE', { callId: repeated('x', n) }),
  'a long tag': (n) => request('BYE', { from: `<sip:a@b>;tag=${repeated('x', n)}` }),
  'a start line without an end': (n) => `INVITE ${repeated('x', n)}`,
  'spaces in a start line': (n) => `INVITE ${repeated(' ', n)}SIP/2.0\r\n\r\n`,
  'header fields without an end': (n) => `INVITE sip:a SIP/2.0\r\n${repeated('a: b\r\n', n)}`,
  'line ends': (n) => repeated('\r\n', n),
  zeros: (n) => repeated('\0', n),
  'a Content-Length of zeros': (n) => extra(`Content-Length: ${repeated('0', n)}\r\n`),
  'lines of SDP': (n) => request('INVITE', { body: audio('192.0.2.4', 6000) + repeated('a=x\r\n', n) }),
  'connections of SDP': (n) =>
    request('INVITE', { body: audio('192.0.2.4', 6000) + repeated('c=IN IP4 1.2.3.4\r\n', n) }),
  'candidates of ICE': (n) =>
    request('INVITE', { body: audio('192.0.2.4', 6000) + repeated('a=candidate:\r\n', n) }),
  'empty lines in SDP': (n) => request('INVITE', { body: `v=0\r\n${repeated('\r\n', n)}` }),
  'delimiters that are none': (n) =>
    request('INVITE', { contentType: 'multipart/mixed;boundary=b', body: repeated('--a\r\n', n) }),
  'delimiters that are one': (n) =>
    request('INVITE', { contentType: 'multipart/mixed;boundary=b', body: repeated('--b\r\n', n) }),
  'long delimiters': (n) =>
    request('INVITE', {
      contentType: `multipart/mixed;boundary=${'b'.repeat(70)}`,
      body: repeated(`--${'b'.repeat(69)}\r\n`, n),
    }),
  'parts with header fields': (n) =>
    request('INVITE', {
      contentType: 'multipart/mixed;boundary=b',
      body: `--b\r\n${repeated('a: b\r\n', n)}\r\n--b--`,
    }),
  'parts in parts': (n) =>
    request('INVITE', {
      contentType: 'multipart/mixed;boundary=b',
      body: repeated('--b\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n', n),
    }),
};

describe('the longest message', () => {
  it.each(Object.entries(WORST))(
    'of %s takes fuel in proportion to its bytes, and no more than a call has',
    (_, write) => {
      const nothing = fuelFor(write, 1);
      const half = fuelFor(write, LONGEST / 2 - 300) - nothing;
      const whole = fuelFor(write, LONGEST - 600) - nothing;
      expect(whole).toBeLessThan(A_MESSAGE + LONGEST * A_BYTE);
      expect(A_MESSAGE + LONGEST * A_BYTE + 750_000).toBeLessThan(CALL_FUEL);
      // Twice as long, twice the fuel; a square would be four times.
      expect(whole / Math.max(half, 50_000)).toBeLessThan(2.3);
    },
  );

  it('costs nothing when it is longer than that, though it has 64 KiB or 10,000 header fields', () => {
    const driver = new Driver(make, SETTINGS).start();
    // The first call reports the status, too.
    driver.send('192.0.2.4:6000', rtp(1), 5060);
    for (const text of [extra('X:y\r\n'.repeat(10_000)), extra(repeated(';', 64_000)), 'x'.repeat(65_000)]) {
      expect(driver.send(ALICE, text)).toMatchObject({ sent: [], ended: ['too-large'] });
      expect(used).toBeLessThan(5000);
    }
  });

  it('goes on with 1000 header fields', () => {
    const driver = new Driver(make, SETTINGS).start();
    const lines = 'X:y\r\n'.repeat(1000);
    expect(only(driver.send(ALICE, extra(lines)))).toContain(lines);
  });
});

it('a packet of media takes the same fuel however many calls there are', () => {
  const fuelWith = (calls: number): number => {
    const driver = new Driver(make, { ...SETTINGS, calls: '2000' }).start();
    let port = 0;
    for (let n = 0; n < calls; n++)
      port = establish(driver, { callId: `c${n}`, branch: `z9hG4bK${n}` }).port4;
    driver.send('192.0.2.4:6000', rtp(1), port);
    return used;
  };
  const one = fuelWith(1);
  expect(fuelWith(500)).toBeLessThan(one * 1.2);
  expect(one).toBeLessThan(3200);
});

it('of forks without number, one more takes bounded fuel, and so does a packet for them', () => {
  const driver = new Driver(make, { ...SETTINGS, calls: '2000', 'media-ports': '30000-39999' }).start();
  const invite = only(driver.send(ALICE, request('INVITE', { body: audio('192.0.2.4', 6000) })));
  for (let n = 0; n < 400; n++) {
    const early = { tag: `t${n}`, body: audio('2001:db8::6', 7000) };
    expect(driver.send(BOB, response(invite, '183 Session Progress', early)).ended).toEqual([]);
    // Opening ports is included, once for 16 pairs.
    expect(used).toBeLessThan(2_000_000);
  }
  expect(driver.send('[2001:db8::6]:7777', rtp(1), portIn(invite)).sent).toHaveLength(1);
  expect(used).toBeLessThan(8_000);
});

it('a batch of more messages than a call has fuel for goes on in several calls, in its order', () => {
  const driver = new Driver(make, SETTINGS).start();
  const texts = Array.from({ length: 256 }, (_, n) =>
    request('INVITE', {
      callId: `c${n}`,
      branch: `z9hG4bK${n}`,
      body: audio('192.0.2.4', 6000),
      extra: [`X: ${'x'.repeat(500)}`],
    }),
  );
  const results = [driver.sendAll(texts.map((text) => [ALICE, text, 5060]))];
  expect(used).toBeLessThan(20_000_000);
  expect(driver.held).toBeGreaterThan(0);
  for (let n = 0; driver.held > 0 && n < 100; n++) {
    expect(results.at(-1)!.wakeAt).toBe(driver.now);
    results.push(driver.pass(0));
    expect(used).toBeLessThan(CALL_FUEL);
  }
  const ids = results.flatMap(({ sent }) => sent.map(({ text }) => /Call-ID: (\w+)/.exec(text)![1]));
  expect(ids).toEqual(texts.map((_, n) => `c${n}`));
  expect(results.flatMap(({ ended }) => ended)).toEqual([]);
});

it('of more messages than can wait, those that came last are lost, and counted', () => {
  const driver = new Driver(make, SETTINGS).start();
  const large = extra(`X: ${'x'.repeat(9000)}\r\n`);
  const ended: string[] = [];
  for (let n = 0; n < 40; n++) {
    const result = driver.sendAll(Array.from({ length: 50 }, () => [ALICE, large, 5060] as const));
    ended.push(...result.ended.filter((reason) => reason !== 'long-message'));
    expect(used).toBeLessThan(CALL_FUEL + 50 * 58_000);
  }
  expect(new Set(ended)).toEqual(new Set(['overload']));
});

describe('a stream', () => {
  const tiny =
    'MESSAGE sip:a SIP/2.0\r\nv:SIP/2.0/TCP a\r\nf:<sip:a>\r\nt:<sip:a>\r\ni:a\r\nCSeq:1 MESSAGE\r\nl:0\r\n\r\n';
  const inStream = (text: string): string =>
    text.includes('Content-Length') ? text : text.replace('\r\n\r\n', '\r\nContent-Length: 0\r\n\r\n');

  it.each([
    ['messages, as short as can be', repeated(tiny, 16_384)],
    ['messages of the longest kind', inStream(WORST['parameters of a Via']!(8_000)).repeat(2)],
    ['line ends', '\r\n'.repeat(8_000)],
    ['lines without an end of header fields', `MESSAGE sip:a SIP/2.0\r\n${repeated('a:\r\n', 10_000)}`],
    ['line feeds that end nothing', `MESSAGE sip:a SIP/2.0\r\n${repeated('\nx', 9_000)}`],
    ['zeros', '\0'.repeat(16_000)],
  ])('of %s takes in each call no more than the call has', (_what, text) => {
    const driver = new Driver(make, SETTINGS).startWithStreams();
    const peer = new StreamPeer(driver, ALICE).connect();
    peer.send(text.slice(0, 16_384));
    expect(used).toBeLessThan(CALL_FUEL);
    let calls = 1;
    for (; driver.held > 0 && calls < 100; calls++) {
      driver.pass(0);
      expect(used).toBeLessThan(CALL_FUEL);
    }
    expect(calls).toBeLessThan(100);
  });

  it('that comes byte by byte takes fuel in proportion to its bytes', () => {
    const driver = new Driver(make, SETTINGS).startWithStreams();
    const peer = new StreamPeer(driver, ALICE).connect();
    const text = inStream(extra(repeated('X: y\r\n', 600)));
    let all = 0;
    let most = 0;
    for (const byte of text.slice(0, -1)) {
      peer.send(byte);
      all += used;
      most = Math.max(most, used);
    }
    expect(most).toBeLessThan(20_000);
    expect(all).toBeLessThan(text.length * 10_000);
  });

  it('of as many peers as there may be has its turn, and none takes more of a call than there is', () => {
    const driver = new Driver(make, { ...SETTINGS, connections: '100' }).startWithStreams();
    const peers = Array.from({ length: 100 }, (_, n) =>
      new StreamPeer(driver, `192.0.2.4:${20_000 + n}`).connect(),
    );
    const text = inStream(request('MESSAGE', { extra: [`X: ${'x'.repeat(3_000)}`] }));
    const results = peers.map((peer) => {
      const result = peer.send(text);
      expect(used).toBeLessThan(CALL_FUEL);
      return result;
    });
    for (let calls = 0; driver.held > 0 && calls < 1_000; calls++) {
      results.push(driver.pass(0));
      expect(used).toBeLessThan(CALL_FUEL);
    }
    expect(driver.held).toBe(0);
    const sent = results.flatMap((result) => result.sent).filter(({ text }) => text.startsWith('MESSAGE'));
    expect(sent).toHaveLength(100);
    driver.pass(1_000_000);
    expect(used).toBeLessThan(CALL_FUEL);
  });
});
