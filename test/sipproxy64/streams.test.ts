import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { Driver, message, type Result, sipProxy } from './driver.ts';
import { ALICE, audio, BOB, bodyOf, headerOf, headersOf, portIn, request, response, rtp } from './phones.ts';
import { ACK, FIN, RST, StreamPeer, SYN } from './stream-peer.ts';

const SETTINGS = { phone: ['bob=[2001:db8::6]:5060', 'carol=[2001:db8::7]:5060;transport=tcp'] };
/** Where Alice's phone listens, and the port from which it has connected. */
const ALICE_FLOW = '192.0.2.4:41000';
const CAROL = '[2001:db8::7]:5060';

let make: BoundComponent;
let driver: Driver;
let alice: StreamPeer;
beforeAll(async () => {
  make = await sipProxy();
});
beforeEach(() => {
  driver = new Driver(make, SETTINGS).startWithStreams();
  alice = new StreamPeer(driver, ALICE_FLOW).connect();
});

/** A request of a phone that speaks TCP. */
function tcpRequest(method: string, options: Parameters<typeof request>[1] = {}): string {
  const text = request(method, { contact: '<sip:alice@192.0.2.4:5060;transport=tcp>', ...options });
  const withLength =
    options.body === undefined ? text.replace('\r\n\r\n', '\r\nContent-Length: 0\r\n\r\n') : text;
  return withLength.replace('Via: SIP/2.0/UDP', 'Via: SIP/2.0/TCP');
}

function onlyDatagram(result: Result): string {
  const datagrams = result.sent.filter(({ segment }) => segment === undefined);
  expect(datagrams).toHaveLength(1);
  return datagrams[0]!.text;
}

describe('a connection', () => {
  it('is accepted with credit for more than the longest message', () => {
    expect(alice.flags).toEqual([SYN | ACK]);
    expect(alice.limit).toBeGreaterThan(10_240);
  });

  it('brings a message whole, wherever its segments are cut (A31)', () => {
    const text = tcpRequest('OPTIONS');
    for (let cut = 1; cut < text.length; cut++) {
      const peer = new StreamPeer(driver, `192.0.2.4:${42_000 + cut}`).connect();
      expect(peer.send(text.slice(0, cut)).sent).toEqual([]);
      expect(headerOf(onlyDatagram(peer.send(text.slice(cut))), 'CSeq')).toBe('1 OPTIONS');
      peer.end();
    }
  });

  it('brings a message that comes byte by byte', () => {
    const text = tcpRequest('INVITE', { body: audio('192.0.2.4', 6000) });
    const before = [...text].slice(0, -1).map((byte) => alice.send(byte));
    expect(before.every(({ sent }) => sent.length === 0)).toBe(true);
    expect(bodyOf(onlyDatagram(alice.send(text.slice(-1))))).toContain('c=IN IP6 2001:db8::1');
  });

  it('brings several messages in one segment, and line ends between them (A31)', () => {
    const texts = [1, 2, 3].map((n) =>
      tcpRequest('OPTIONS', { cseq: `${n} OPTIONS`, branch: `z9hG4bKo${n}` }),
    );
    const result = alice.send(`\r\n${texts.join('\r\n')}`);
    expect(result.sent.map(({ text }) => headerOf(text, 'CSeq'))).toEqual([
      '1 OPTIONS',
      '2 OPTIONS',
      '3 OPTIONS',
    ]);
    expect(result.ended).toEqual(['segment']);
  });

  it('answers two line ends with one, however they come (RFC 5626 §3.5.1)', () => {
    alice.send('\r\n\r\n');
    expect(alice.text).toBe('\r\n');
    for (const byte of '\r\n\r\n') alice.send(byte);
    expect(alice.text).toBe('\r\n\r\n');
    // One is an answer to a question of our own, which we never ask, or ends a message with one too many.
    alice.send('\r\n');
    expect(alice.text).toBe('\r\n\r\n');
  });

  it('grants credit again for what was taken, and never for more than it has room', () => {
    const first = alice.limit;
    for (let n = 0; alice.sent < 20_000; n++) {
      const text = tcpRequest('OPTIONS', { cseq: `${n} OPTIONS`, branch: `z9hG4bKo${n}` });
      expect(alice.sent + text.length).toBeLessThanOrEqual(alice.limit);
      alice.send(text);
      expect(alice.limit).toBeLessThanOrEqual(alice.sent + first);
    }
    expect(alice.limit).toBeGreaterThan(first);
  });

  it('takes more than one call can work on, and loses nothing of it', () => {
    const long = Array.from({ length: 90 }, (_, n) => `X-${n}: ${'x'.repeat(60)}`);
    const texts = Array.from({ length: 3 }, (_, n) =>
      tcpRequest('OPTIONS', { cseq: `${n} OPTIONS`, branch: `z9hG4bKo${n}`, extra: n < 2 ? long : [] }),
    );
    let result = alice.send(texts.join(''));
    const bob = new StreamPeer(driver, BOB);
    const seen = bob.take(result);
    for (let calls = 0; driver.held > 0 && calls < 20; calls++) {
      expect(result.wakeAt).toBe(driver.now);
      result = driver.pass(0);
      seen.push(...bob.take({ ...result, sent: alice.take(result) }));
    }
    // The long ones go by TCP, and wait.
    bob.accept(40_001);
    expect([...bob.text.matchAll(/CSeq: (\d)/g)].map(([, n]) => n)).toEqual(['0', '1']);
    const datagrams = seen.filter(({ segment }) => segment === undefined);
    expect(datagrams.map(({ text }) => headerOf(text, 'CSeq'))).toEqual(['2 OPTIONS']);
    expect(result.ended).toEqual(['segment']);
  });

  it('is refused when there are as many as the setting allows', () => {
    driver = new Driver(make, { ...SETTINGS, connections: '1' }).startWithStreams();
    new StreamPeer(driver, ALICE_FLOW).connect();
    const other = new StreamPeer(driver, '192.0.2.5:41000').connect();
    expect(other.flags).toEqual([RST | ACK]);
  });

  it('is ended when it is idle, and when the rest of a message does not come', () => {
    driver.pass(899_000);
    alice.take(driver.pass(2_000));
    expect(alice.flags.at(-1)).toBe(FIN | ACK);
    const bob = new StreamPeer(driver, '192.0.2.5:41000').connect();
    bob.send('OPTIONS sip:bob@192.0.2.1 SIP/2.0\r\n');
    bob.take(driver.pass(33_000));
    expect(bob.flags.at(-1)).toBe(RST | ACK);
  });

  it('ends with its peer, and what comes for it afterwards is refused', () => {
    expect(alice.end().ended).toEqual(['segment']);
    expect(alice.flags.at(-1)).toBe(FIN | ACK);
    expect(alice.send('OPTIONS ').ended).toEqual(['no-connection']);
    expect(alice.flags.at(-1)).toBe(RST | ACK);
  });

  it.each([
    ['ends', 'end'],
    ['is reset', 'reset'],
  ] as const)('that %s within a message is counted', (_how, what) => {
    alice.send('OPTIONS sip:bob@192.0.2.1 SIP/2.0\r\n');
    expect(alice[what]().ended).toEqual(['broken-off']);
  });

  it('that brings more than it has credit for is reset', () => {
    expect(alice.send('OPTIONS '.repeat(5_000)).ended).toEqual(['beyond-credit']);
    expect(alice.flags.at(-1)).toBe(RST | ACK);
  });
});

describe('a stream that is out of step', () => {
  const lines = tcpRequest('OPTIONS').split('\r\n');
  const withLength = (...lengths: string[]): string =>
    message([
      ...lines.filter((line) => line !== '' && !line.startsWith('Content-Length')),
      ...lengths.map((length) => `Content-Length: ${length}`),
    ]);

  it.each([
    ['no Content-Length', withLength(), 'bad-request', '400 Bad Content-Length'],
    ['one that is no number', withLength('ten'), 'bad-request', '400 Bad Content-Length'],
    ['a negative one', withLength('-1'), 'bad-request', '400 Bad Content-Length'],
    ['two that differ', withLength('0', '5'), 'bad-request', '400 Bad Content-Length'],
    ['one of 2^31', withLength('2147483648'), 'too-large', '513 Message Too Large'],
    ['one of 2^64', withLength('18446744073709551616'), 'bad-request', '400 Bad Content-Length'],
  ])('because of %s is answered, and ended', (_what, text, reason, status) => {
    expect(alice.send(text).ended).toEqual([reason]);
    expect(alice.text).toMatch(new RegExp(`^SIP/2.0 ${status}\r\n`));
    expect(headerOf(alice.text, 'Via')).toContain('branch=z9hG4bKalice1');
    expect(alice.flags.at(-1)).toBe(FIN | ACK);
    // Later bytes mean nothing.
    expect(alice.send(tcpRequest('OPTIONS')).sent).toEqual([]);
    alice.end();
    alice.connect();
    expect(alice.flags.at(-1)).toBe(SYN | ACK);
  });

  it('because Content-Length is too small is ended at what is no start line', () => {
    const text = tcpRequest('MESSAGE', { body: 'hello, you over there', contentType: 'text/plain' });
    const result = alice.send(text.replace(/Content-Length: \d+/, 'Content-Length: 5').concat('\r\n\r\n'));
    expect(bodyOf(onlyDatagram(result))).toBe('hello');
    expect(result.ended).toEqual(['no-sip']);
    expect(alice.flags.at(-1)).toBe(FIN | ACK);
  });

  it('because Content-Length is too large swallows what comes, and is ended when that is not enough', () => {
    const text = tcpRequest('MESSAGE', { body: 'hello', contentType: 'text/plain' });
    expect(alice.send(text.replace('Content-Length: 5', 'Content-Length: 50')).sent).toEqual([]);
    alice.take(driver.pass(32_500));
    expect(alice.flags.at(-1)).toBe(RST | ACK);
  });

  it('because header fields never end is ended', () => {
    const endless = `OPTIONS sip:bob@192.0.2.1 SIP/2.0\r\n${'X: y\r\n'.repeat(2_000)}`;
    expect(alice.send(endless).ended).toEqual(['too-large']);
    expect(alice.flags.at(-1)).toBe(FIN | ACK);
  });

  it('because it speaks another protocol is ended at once', () => {
    expect(alice.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n').ended).toEqual(['no-sip']);
    expect(alice.flags.at(-1)).toBe(FIN | ACK);
  });
});

describe('TCP on one side and UDP on the other', () => {
  it('carries a call of a phone of TCP to one of UDP, and the answer by the connection of the request', () => {
    const invite = onlyDatagram(alice.send(tcpRequest('INVITE', { body: audio('192.0.2.4', 6000) })));
    expect(headersOf(invite, 'Via')[0]).toMatch(/^SIP\/2\.0\/UDP \[2001:db8::1\];/);
    expect(headersOf(invite, 'Via')[1]).toMatch(/^SIP\/2\.0\/TCP 192\.0\.2\.4:5060;/);
    // Bob is not made to speak TCP.
    expect(headerOf(invite, 'Contact')).toBe(
      '<sip:alice@[2001:db8::1];m64=192.0.2.4:5060;m64-transport=tcp>',
    );
    expect(headerOf(invite, 'Record-Route')).toBe('<sip:[2001:db8::1];lr>,<sip:192.0.2.1;transport=tcp;lr>');
    const answer = response(invite, '200 OK', {
      contact: '<sip:bob@[2001:db8::6]:5060>',
      body: audio('2001:db8::6', 7000),
    });
    const result = driver.send(BOB, answer);
    expect(result.sent[0]!.continues).toBe(true);
    expect(alice.take(result)).toEqual([]);
    expect(headerOf(alice.text, 'Contact')).toBe('<sip:bob@192.0.2.1;m64=[2001:db8::6]:5060;transport=tcp>');
    expect(headersOf(alice.text, 'Via')).toHaveLength(1);
    const port4 = portIn(bodyOf(alice.text));
    expect(driver.send('192.0.2.4:6000', rtp(1), port4).sent[0]!.to).toBe('[2001:db8::6]:7000');

    // Within the dialog, Alice follows the Contact and the Routes that she received.
    const bye = tcpRequest('BYE', {
      uri: 'sip:bob@192.0.2.1;m64=[2001:db8::6]:5060;transport=tcp',
      to: headerOf(alice.text, 'To'),
      cseq: '2 BYE',
      extra: ['Route: <sip:192.0.2.1;transport=tcp;lr>,<sip:[2001:db8::1];lr>'],
    });
    const there = onlyDatagram(alice.send(bye));
    expect(there).toMatch(/^BYE sip:bob@\[2001:db8::6\]:5060 SIP/);
    expect(there).not.toContain('\r\nRoute:');

    // And Bob reaches her by a connection to where she listens.
    const info = request('INFO', {
      uri: 'sip:alice@[2001:db8::1];m64=192.0.2.4:5060;m64-transport=tcp',
      branch: 'z9hG4bKbob1',
    }).replace('192.0.2.4:5060;branch', '[2001:db8::6]:5060;branch');
    const opened = driver.send(BOB, info);
    expect(opened.ended).toEqual(['waits']);
    const listening = new StreamPeer(driver, ALICE);
    listening.take(opened);
    expect(listening.flags).toEqual([SYN]);
    listening.accept(40_001);
    expect(listening.text).toMatch(/^INFO sip:alice@192\.0\.2\.4:5060;transport=tcp SIP/);
  });

  it('connects to a phone of TCP, and goes on with one connection', () => {
    const carol = new StreamPeer(driver, CAROL);
    const first = driver.send(ALICE, request('OPTIONS', { uri: 'sip:carol@192.0.2.1' }));
    expect(first.ended).toEqual(['waits']);
    carol.take(first);
    const more = driver.send(
      ALICE,
      request('OPTIONS', { uri: 'sip:carol@192.0.2.1', cseq: '2 OPTIONS', branch: 'z9hG4bKalice2' }),
    );
    expect(more.sent).toEqual([]);
    carol.accept(40_001);
    expect(carol.flags).toEqual([SYN]);
    expect([...carol.text.matchAll(/CSeq: (\d)/g)].map(([, n]) => n)).toEqual(['1', '2']);
    // There was no Content-Length, as a datagram needs none; a stream does.
    expect(headerOf(carol.text, 'Content-Length')).toBe('0');
    expect(headersOf(carol.text, 'Via')[0]).toMatch(/^SIP\/2\.0\/TCP /);
    const answer = response(carol.text.slice(0, carol.text.indexOf('\r\n\r\n') + 4), '200 OK');
    const result = carol.send(answer.replace('\r\n\r\n', '\r\nContent-Length: 0\r\n\r\n'));
    expect(result.sent.map(({ to }) => to)).toEqual([ALICE]);
    const third = driver.send(
      ALICE,
      request('OPTIONS', { uri: 'sip:carol@192.0.2.1', cseq: '3 OPTIONS', branch: 'z9hG4bKalice3' }),
    );
    expect(third.sent[0]!.continues).toBe(true);
    expect(carol.take(third)).toEqual([]);
  });

  it('opens a connection to where the Via says, when that of the request is gone', () => {
    const options = onlyDatagram(alice.send(tcpRequest('OPTIONS')));
    alice.end();
    const result = driver.send(BOB, response(options, '200 OK'));
    expect(result.ended).toEqual(['waits']);
    expect(result.sent.map(({ to, segment }) => [to, segment?.flags])).toEqual([[ALICE, SYN]]);
  });

  it('finds a phone behind a connection that it has registered by', () => {
    driver = new Driver(make, { ...SETTINGS, proxy6: '[2001:db8::9]:5060' }).startWithStreams();
    alice = new StreamPeer(driver, ALICE_FLOW).connect();
    const register = onlyDatagram(
      alice.send(
        tcpRequest('REGISTER', {
          uri: 'sip:example.org',
          to: '<sip:alice@example.org>',
          from: '<sip:alice@example.org>;tag=a',
          contact: '<sip:alice@192.0.2.4:5060;transport=tcp;ob>',
        }),
      ),
    );
    const contact = headerOf(register, 'Contact');
    const answer = response(register, '200 OK', { contact: `${contact};expires=600` });
    expect(alice.take(driver.send('[2001:db8::9]:5060', answer))).toEqual([]);
    alice.text = '';
    const call = request('INVITE', { uri: 'sip:alice@[2001:db8::1]' }).replaceAll(
      '192.0.2.4:5060;branch',
      '[2001:db8::6]:5060;branch',
    );
    const result = driver.send(BOB, call);
    expect(alice.take(result)).toEqual([]);
    expect(alice.text).toMatch(/^INVITE sip:alice@192\.0\.2\.4:5060;transport=tcp;ob SIP/);
  });

  it('gives back each byte of a Contact, whichever side speaks TCP', () => {
    const uris = [
      '<sip:alice@192.0.2.4:5060;transport=tcp>',
      '<sip:alice@192.0.2.4;x=y;Transport=TCP;ob>;q=0.5',
      '"A, <b>" <sip:alice@192.0.2.4:5070;transport=udp;lr>',
      'sip:alice@192.0.2.4;q=0.1',
      'sip:alice@192.0.2.4',
    ];
    for (const [n, phone] of ['carol', 'bob'].entries()) {
      driver = new Driver(make, { ...SETTINGS, proxy6: '[2001:db8::9]:5060' }).startWithStreams();
      const carol = new StreamPeer(driver, CAROL);
      for (const [i, uri] of uris.entries()) {
        const text = request('REFER', {
          uri: `sip:${phone}@192.0.2.1`,
          contact: uri,
          branch: `z9hG4bK${n}${i}`,
          cseq: `${i + 1} REFER`,
        });
        const result = driver.send(ALICE, text);
        carol.text = '';
        if (phone === 'carol' && i === 0) {
          carol.take(result);
          carol.accept(40_001);
        }
        const there = phone === 'bob' ? onlyDatagram(result) : carol.text || result.sent[0]!.text;
        const back = response(there, '200 OK', { contact: headerOf(there, 'Contact') });
        const sent =
          phone === 'bob'
            ? driver.send(BOB, back)
            : carol.send(back.replace('\r\n\r\n', '\r\nContent-Length: 0\r\n\r\n'));
        expect(headerOf(onlyDatagram(sent), 'Contact')).toBe(uri);
      }
    }
  });
});

describe('a request that is longer than a path may carry (RFC 3261 §18.1.1)', () => {
  const long = (n = 1): string =>
    request('INVITE', {
      body: audio('192.0.2.4', 6000),
      branch: `z9hG4bKlong${n}`,
      extra: [`X-Long: ${'x'.repeat(1_000)}`],
    });

  it('goes by TCP, where that is joined', () => {
    const result = driver.send(ALICE, long());
    const bob = new StreamPeer(driver, BOB);
    expect(bob.take(result)).toEqual([]);
    expect(bob.flags).toEqual([SYN]);
    bob.accept(40_001);
    expect(headersOf(bob.text, 'Via')[0]).toMatch(/^SIP\/2\.0\/TCP /);
    expect(bodyOf(bob.text)).toContain('c=IN IP6 2001:db8::1');
  });

  it.each([
    ['refuses', (bob: StreamPeer) => bob.reset()],
    ['does not answer', () => driver.pass(4_500)],
  ])('goes by UDP after all, where the peer %s', (_how, fail) => {
    const first = driver.send(ALICE, long());
    const bob = new StreamPeer(driver, BOB, 0);
    bob.take(first);
    driver.send(ALICE, long(2));
    const result = fail(bob);
    const datagrams = result.sent.filter(({ segment }) => segment === undefined);
    expect(datagrams.map(({ to, text }) => [to, headersOf(text, 'Via')[0]!.slice(0, 12)])).toEqual([
      [BOB, 'SIP/2.0/UDP '],
      [BOB, 'SIP/2.0/UDP '],
    ]);
    // The answer finds its way as that to any request.
    const answer = driver.send(BOB, response(datagrams[0]!.text, '180 Ringing'));
    expect(answer.sent[0]!.to).toBe(ALICE);
  });
});

/** The datagrams of the next `ms`, each with the time that has passed. */
function datagramsOf(ms: number, step = 250): (readonly [ms: number, to: string, text: string])[] {
  const found: (readonly [number, string, string])[] = [];
  for (let passed = step; passed <= ms; passed += step)
    for (const { segment, to, text } of driver.pass(step).sent)
      if (segment === undefined) found.push([passed, to, text]);
  return found;
}

describe('a message that came by TCP and goes on by UDP', () => {
  const afterIts = (sent: ReturnType<typeof datagramsOf>): number[] => sent.map(([ms]) => ms);

  it('is repeated until its request has a response: INVITE at doubled intervals (timers A and B)', () => {
    const first = onlyDatagram(alice.send(tcpRequest('INVITE', { body: audio('192.0.2.4', 6000) })));
    const again = datagramsOf(60_000);
    expect(afterIts(again)).toEqual([500, 1500, 3500, 7500, 15_500, 31_500]);
    for (const [, to, text] of again) expect([to, text]).toEqual([BOB, first]);
    const next = onlyDatagram(alice.send(tcpRequest('INVITE', { branch: 'z9hG4bKa2', cseq: '2 INVITE' })));
    expect(afterIts(datagramsOf(1000))).toEqual([500]);
    alice.take(driver.send(BOB, response(next, '100 Trying', { tag: '' })));
    expect(datagramsOf(40_000)).toEqual([]);
  });

  it('is repeated at intervals of 4 s at most, where it is another request (timers E and F)', () => {
    const first = onlyDatagram(alice.send(tcpRequest('OPTIONS')));
    expect(afterIts(datagramsOf(60_000))).toEqual([
      500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
    ]);
    alice.send(tcpRequest('OPTIONS', { branch: 'z9hG4bKa2', cseq: '2 OPTIONS' }));
    expect(afterIts(datagramsOf(500))).toEqual([500]);
    const second = first.replace('1 OPTIONS', '2 OPTIONS').replace(/z9hG4bKalice1/, 'z9hG4bKa2');
    // A response to another transaction ends nothing.
    alice.take(driver.send(BOB, response(first, '200 OK')));
    expect(afterIts(datagramsOf(1000))).toEqual([1000]);
    expect(second).not.toBe(first);
  });

  it('is repeated more slowly after a provisional response, and no more after a final one', () => {
    const first = onlyDatagram(alice.send(tcpRequest('OPTIONS')));
    alice.take(driver.send(BOB, response(first, '100 Trying', { tag: '' })));
    expect(afterIts(datagramsOf(10_000))).toEqual([500, 4500, 8500]);
    alice.take(driver.send(BOB, response(first, '200 OK')));
    expect(datagramsOf(40_000)).toEqual([]);
  });

  it('is not repeated in a call that has the response, even if the time for that has come', () => {
    const invite = onlyDatagram(alice.send(tcpRequest('INVITE')));
    driver.now += 700;
    expect(alice.take(driver.send(BOB, response(invite, '180 Ringing')))).toEqual([]);
    expect(datagramsOf(40_000)).toEqual([]);
  });

  it('has a CANCEL beside it with the same branch, and each ends by its own response', () => {
    const invite = onlyDatagram(alice.send(tcpRequest('INVITE')));
    alice.take(driver.send(BOB, response(invite, '180 Ringing')));
    const cancel = onlyDatagram(alice.send(tcpRequest('CANCEL')));
    expect(datagramsOf(500).map(([, , text]) => text)).toEqual([cancel]);
    alice.take(driver.send(BOB, response(invite, '487 Request Terminated')));
    expect(datagramsOf(1000)).toHaveLength(1);
    alice.take(driver.send(BOB, response(cancel, '200 OK')));
    expect(datagramsOf(40_000)).toEqual([]);
  });

  it('is an ACK, or a response other than a refusal of INVITE: then it goes once', () => {
    const invite = onlyDatagram(alice.send(tcpRequest('INVITE')));
    alice.take(driver.send(BOB, response(invite, '200 OK')));
    onlyDatagram(alice.send(tcpRequest('ACK', { to: '<sip:bob@192.0.2.1>;tag=bob', branch: 'z9hG4bKack' })));
    expect(datagramsOf(40_000)).toEqual([]);
  });

  it('is a refusal of INVITE: it is repeated until its ACK (timers G and H)', () => {
    const carol = new StreamPeer(driver, CAROL);
    const toCarol = { uri: 'sip:carol@192.0.2.1', body: audio('192.0.2.4', 6000) };
    carol.take(driver.send(ALICE, request('INVITE', toCarol)));
    carol.accept(40_001);
    const busy = response(carol.text, '486 Busy Here').replace('\r\n\r\n', '\r\nContent-Length: 0\r\n\r\n');
    const refusal = onlyDatagram(carol.send(busy));
    expect(datagramsOf(4_000).map(([ms, to, text]) => [ms, to, text])).toEqual(
      [500, 1500, 3500].map((ms) => [ms, ALICE, refusal]),
    );
    const ack = request('ACK', { uri: 'sip:carol@192.0.2.1', to: headerOf(refusal, 'To') });
    carol.take(driver.send(ALICE, ack));
    expect(carol.text).toContain('ACK sip:carol@192.0.2.1');
    expect(datagramsOf(40_000)).toEqual([]);
  });

  it('is repeated by a new instance, too', () => {
    const first = onlyDatagram(alice.send(tcpRequest('OPTIONS')));
    const after = new Driver(make, SETTINGS, 99n);
    after.now = 50_000_000;
    after.startWithStreams(driver.save());
    driver = after;
    expect(datagramsOf(4_000).map(([, , text]) => text)).toEqual([first, first, first]);
    driver.send(BOB, response(first, '200 OK'));
    expect(datagramsOf(40_000)).toEqual([]);
  });

  it('is repeated for as many as there is room for, and each goes once in any case', () => {
    let sent = 0;
    for (let n = 0; n < 700; n++) {
      const text = tcpRequest('OPTIONS', { branch: `z9hG4bK${n}`, extra: [`X: ${'x'.repeat(500)}`] });
      sent += alice.send(text).sent.filter(({ segment }) => segment === undefined).length;
    }
    expect(sent).toBe(700);
    const again = datagramsOf(1_000, 10);
    const branches = new Set(again.map(([, , text]) => /z9hG4bK(\d+);/.exec(text)![1]!));
    expect(branches.size).toBe(512);
    expect(again.length).toBe(512);
    datagramsOf(40_000, 500);
    expect(datagramsOf(40_000, 500)).toEqual([]);
  });
});

describe('a request that came by UDP and went by TCP', () => {
  const toCarol = (method: string, options: Parameters<typeof request>[1] = {}): string =>
    request(method, { uri: 'sip:carol@192.0.2.1', to: '<sip:carol@192.0.2.1>', ...options });
  let carol: StreamPeer;

  /** Carol's response to what she got, in the form of a stream. */
  const answer = (received: string, status: string, options: Parameters<typeof response>[2] = {}): string => {
    const text = response(received, status, { tag: 'carol', ...options });
    return options.body === undefined ? text.replace('\r\n\r\n', '\r\nContent-Length: 0\r\n\r\n') : text;
  };
  /** Sends a request of Alice by UDP; returns the datagrams that leave, and what came to Carol. */
  const sends = (text: string, from = ALICE): { back: string[]; there: string; ended: readonly string[] } => {
    carol.text = '';
    const result = driver.send(from, text);
    const back = carol.take(result).map((sent) => sent.text);
    return { back, there: carol.text, ended: result.ended };
  };
  beforeEach(() => {
    carol = new StreamPeer(driver, CAROL);
    carol.take(driver.send(ALICE, toCarol('OPTIONS', { branch: 'z9hG4bKfirst', callId: 'first' })));
    carol.accept(40_001);
  });

  it.each(['MESSAGE', 'BYE', 'REGISTER', 'CANCEL', 'INVITE'])(
    'reaches the server once, though its client repeats it: %s',
    (method) => {
      const text = toCarol(method, { uri: 'sip:carol@[2001:db8::7];transport=tcp' });
      expect(sends(text).there).toMatch(new RegExp(`^${method} `));
      for (const _ of [1, 2, 3]) expect(sends(text)).toEqual({ back: [], there: '', ended: ['repetition'] });
    },
  );

  it('has its last response repeated, provisional and final, for 64 times T1 (timer J)', () => {
    const text = toCarol('MESSAGE', { body: 'x'.repeat(300), contentType: 'text/plain' });
    const { there } = sends(text);
    const trying = onlyDatagram(carol.send(answer(there, '100 Trying')));
    expect(sends(text)).toMatchObject({ back: [trying], there: '' });
    const extra = [`X-Long: ${'y'.repeat(900)}`];
    const done = onlyDatagram(carol.send(answer(there, '200 OK', { extra, body: 'z'.repeat(200) })));
    expect(done).toMatch(/^SIP\/2\.0 200 OK\r\n/);
    for (const _ of [1, 2, 3]) expect(sends(text)).toMatchObject({ back: [done], there: '' });
    driver.pass(31_000);
    expect(sends(text)).toMatchObject({ back: [done], there: '' });
    driver.pass(2_000);
    expect(sends(text).there).toMatch(/^MESSAGE /);
  });

  it('is an INVITE: its refusal is repeated, and one ACK reaches the server (§17.1.1.3)', () => {
    const text = toCarol('INVITE', { body: audio('192.0.2.4', 6000) });
    const { there } = sends(text);
    const busy = onlyDatagram(carol.send(answer(there, '486 Busy Here')));
    expect(sends(text)).toMatchObject({ back: [busy], there: '' });
    const ack = toCarol('ACK', { to: headerOf(busy, 'To') });
    expect(sends(ack).there).toMatch(/^ACK /);
    expect(sends(ack)).toEqual({ back: [], there: '', ended: ['repetition'] });
    expect(sends(text)).toEqual({ back: [], there: '', ended: ['repetition'] });
  });

  it('is an INVITE: the server itself repeats a 2xx, and each ACK to it goes on (§13.3.1.4)', () => {
    const text = toCarol('INVITE', { body: audio('192.0.2.4', 6000) });
    const { there } = sends(text);
    const accepted = answer(there, '200 OK', { body: audio('2001:db8::7', 7000) });
    const first = onlyDatagram(carol.send(accepted));
    expect(sends(text)).toEqual({ back: [], there: '', ended: ['repetition'] });
    expect(onlyDatagram(carol.send(accepted))).toBe(first);
    const ack = toCarol('ACK', { to: headerOf(first, 'To'), branch: 'z9hG4bKack' });
    for (const _ of [1, 2]) expect(sends(ack).there).toMatch(/^ACK /);
  });

  it('is not one with another branch, CSeq, Call-ID or method, or of another host', () => {
    const text = toCarol('MESSAGE');
    expect(sends(text).there).toMatch(/^MESSAGE /);
    const others = [
      toCarol('MESSAGE', { branch: 'z9hG4bKother' }),
      toCarol('MESSAGE', { cseq: '2 MESSAGE' }),
      toCarol('MESSAGE', { callId: 'other' }),
      toCarol('INFO'),
    ];
    for (const other of others) expect(sends(other).there).not.toBe('');
    expect(sends(text, '192.0.2.5:5060').there).toMatch(/^MESSAGE /);
    for (const each of [text, ...others]) expect(sends(each).there).toBe('');
  });

  it('goes again after its connection has failed without a response', () => {
    const text = toCarol('MESSAGE');
    const answered = toCarol('MESSAGE', { branch: 'z9hG4bK2', callId: 'answered' });
    expect(sends(text).there).toMatch(/^MESSAGE /);
    const done = onlyDatagram(carol.send(answer(sends(answered).there, '200 OK')));
    carol.reset();
    carol = new StreamPeer(driver, CAROL, 0);
    expect(sends(answered)).toMatchObject({ back: [done], ended: ['repetition'] });
    expect(sends(text).ended).toEqual(['waits']);
    expect(carol.flags).toEqual([SYN]);
  });

  it('is absorbed while it waits for a connection, and its 503 is repeated', () => {
    driver = new Driver(make, SETTINGS).startWithStreams();
    carol = new StreamPeer(driver, CAROL, 0);
    const text = toCarol('MESSAGE');
    expect(sends(text).ended).toEqual(['waits']);
    expect(sends(text)).toEqual({ back: [], there: '', ended: ['repetition'] });
    const refusal = onlyDatagram(driver.pass(4_500));
    expect(refusal).toMatch(/^SIP\/2\.0 503 /);
    expect(sends(text)).toMatchObject({ back: [refusal], there: '' });
  });

  it('passes again once it has gone by UDP after all', () => {
    const long = request('INVITE', { body: audio('192.0.2.4', 6000), extra: [`X: ${'x'.repeat(1_000)}`] });
    const bob = new StreamPeer(driver, BOB, 0);
    bob.take(driver.send(ALICE, long));
    expect(driver.send(ALICE, long).ended).toEqual(['repetition']);
    const first = onlyDatagram(bob.reset());
    expect(driver.send(ALICE, long).ended).toEqual(['waits']);
    expect(onlyDatagram(driver.pass(4_500))).toBe(first);
  });

  it('is known to a new instance, with its response', () => {
    const text = toCarol('MESSAGE');
    const waits = toCarol('MESSAGE', { branch: 'z9hG4bK2', cseq: '2 MESSAGE' });
    const done = onlyDatagram(carol.send(answer(sends(text).there, '200 OK')));
    sends(waits);
    const after = new Driver(make, SETTINGS, 99n);
    after.now = 50_000_000;
    after.startWithStreams(driver.save());
    driver = after;
    const { sent, received } = carol;
    carol = new StreamPeer(driver, CAROL, 40_001);
    carol.sent = sent;
    carol.received = received;
    expect(sends(text)).toMatchObject({ back: [done], there: '' });
    expect(sends(waits)).toMatchObject({ back: [], there: '', ended: ['repetition'] });
    driver.pass(33_000);
    driver.pass(1_000);
    expect(sends(text).there).toMatch(/^MESSAGE /);
  });

  it('goes once for each of many, and beyond the room for them as often as it comes', () => {
    const many = Array.from({ length: 1_200 }, (_, n) =>
      toCarol('MESSAGE', { branch: `z9hG4bKmany${n}`, callId: `many${n}` }),
    );
    const bare = (text: string): boolean => sends(text).there !== '';
    for (const [n, text] of many.entries()) {
      expect(bare(text)).toBe(true);
      carol.acknowledge();
      if (n % 100 === 0) driver.pass(1);
    }
    const again = many.filter((text) => {
      carol.acknowledge();
      return bare(text);
    });
    // One is that of `beforeEach`.
    expect(many.length - again.length).toBe(1_023);
    driver.pass(33_000);
    driver.pass(1_000);
    expect(bare(many[0]!)).toBe(true);
    expect(bare(many[0]!)).toBe(false);
  });
});

describe('connections to many ports', () => {
  /** Alice asks for a connection to this port of Carol's host. */
  const to = (port: number): string =>
    request('OPTIONS', {
      uri: `sip:carol@[2001:db8::7]:${port};transport=tcp`,
      branch: `z9hG4bKport${port}`,
      callId: `port-${port}`,
    });

  it('give up a port of which the connection has ended in the same call, and no frame goes there then', () => {
    for (let port = 5060; port < 5060 + 32; port++) driver.send(ALICE, to(port));
    // All 32 fail in one call, in which they are reset; a further request in it needs the place of one.
    driver.now += 4_500;
    const result = driver.sendAll([[ALICE, to(6_000), 5060]]);
    const resets = result.sent.filter(({ segment }) => segment?.flags === (RST | ACK));
    expect(resets.length).toBeGreaterThan(0);
    let opened = result.sent.filter(({ segment }) => segment?.flags === SYN);
    for (let calls = 0; opened.length === 0 && calls < 20; calls++)
      opened = driver.pass(0).sent.filter(({ segment }) => segment?.flags === SYN);
    expect(opened.map((each) => each.to)).toEqual(['[2001:db8::7]:6000']);
    // The listens of ports that made room end in later calls, and those that are wanted again stay.
    for (let n = 0; n < 10; n++) driver.pass(1_000);
    for (let port = 7_000; port < 7_040; port++) {
      driver.send(ALICE, to(port));
      for (let n = 0; n < 8; n++) driver.pass(1_000);
    }
    const peers = [...driver.listening.values()].filter((stack) => stack.includes('/tcp/remote:'));
    expect(peers.length).toBeLessThanOrEqual(33);
    expect(peers.at(-1)).toBe('ipv6/tcp/remote:7039');
  });
});

describe('a request whose connection fails (RFC 3261 §16.9, §18.4)', () => {
  const toCarol = (n = 1): string =>
    request('INVITE', {
      uri: 'sip:carol@192.0.2.1',
      body: audio('192.0.2.4', 6000),
      branch: `z9hG4bK${n}`,
      callId: `c${n}`,
    });

  it.each<[string, (carol: StreamPeer) => Result]>([
    ['refuses', (carol) => carol.reset()],
    ['does not answer', () => driver.pass(4_500)],
    [
      'ends before it has taken it',
      (carol) => {
        carol.window = 0;
        carol.accept(40_001);
        return carol.end();
      },
    ],
    [
      'breaks before it has taken it',
      (carol) => {
        carol.window = 0;
        carol.accept(40_001);
        return carol.reset();
      },
    ],
  ])('gets 503 where the peer %s, and its ports are free again', (how, fail) => {
    driver = new Driver(make, { ...SETTINGS, calls: '1', linger: '1s' }).startWithStreams();
    const carol = new StreamPeer(driver, CAROL, how.endsWith('it') ? 5060 : 0);
    carol.take(driver.send(ALICE, toCarol()));
    const result = fail(carol);
    const refusal = onlyDatagram(result);
    expect(refusal).toMatch(/^SIP\/2\.0 503 Service Unavailable\r\n/);
    expect(headersOf(refusal, 'Via')).toEqual([
      'SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bK1;rport=5060;received=192.0.2.4',
    ]);
    expect(headerOf(refusal, 'From')).toBe('"Alice" <sip:alice@192.0.2.4>;tag=alice');
    const ack = request('ACK', {
      uri: 'sip:carol@192.0.2.1',
      to: headerOf(refusal, 'To'),
      branch: 'z9hG4bK1',
      callId: 'c1',
    });
    expect(driver.send(ALICE, ack)).toMatchObject({ sent: [], ended: ['ack-of-refusal'] });
    expect(datagramsOf(3_000)).toEqual([]);
    // There is room for one call, and the failed one has ended.
    expect(driver.send(ALICE, toCarol(2)).ended).toEqual(['waits']);
  });

  it('gets 503 by its own connection, where it came by one', () => {
    const carol = new StreamPeer(driver, CAROL, 0);
    carol.take(alice.send(tcpRequest('OPTIONS', { uri: 'sip:carol@192.0.2.1' })) as never);
    const result = driver.pass(4_500);
    expect(alice.take(result).filter(({ to }) => to !== CAROL)).toEqual([]);
    expect(alice.text).toMatch(/^SIP\/2\.0 503 /);
    expect(headerOf(alice.text, 'CSeq')).toBe('1 OPTIONS');
  });

  it('gets 503 among more of them than one call can refuse', () => {
    const carol = new StreamPeer(driver, CAROL, 0);
    const extra = ['X: y\r\nX: y\r\nX: y'];
    const options = (n: number) =>
      request('OPTIONS', { uri: 'sip:carol@192.0.2.1', branch: `z9hG4bK${n}`, extra });
    for (let n = 0; n < 60; n++) carol.take(driver.send(ALICE, options(n)));
    const answered = [
      ...carol.reset().sent,
      ...Array.from({ length: 9 }, () => driver.pass(1000).sent).flat(),
    ]
      .filter(({ segment, text }) => segment === undefined && text.startsWith('SIP/2.0 503'))
      .map(({ text }) => /branch=z9hG4bK(\d+)/.exec(text)![1]);
    expect(answered).toEqual(Array.from({ length: 60 }, (_, n) => `${n}`));
  });

  it('is repeated by UDP after that, where it came by TCP and may go by UDP', () => {
    const long = tcpRequest('INVITE', {
      body: audio('192.0.2.4', 6000),
      extra: [`X-Long: ${'x'.repeat(1_000)}`],
    });
    const bob = new StreamPeer(driver, BOB, 0);
    bob.take(alice.send(long) as never);
    const first = onlyDatagram(bob.reset());
    expect(datagramsOf(2_000).map(([, , text]) => text)).toEqual([first, first]);
    alice.take(driver.send(BOB, response(first, '180 Ringing')));
    expect(datagramsOf(40_000)).toEqual([]);
  });
});

describe('a new instance that takes over connections', () => {
  it('goes on with what has come of a message, and with what waits', () => {
    const text = tcpRequest('OPTIONS');
    alice.send(text.slice(0, 100));
    const carol = new StreamPeer(driver, CAROL);
    carol.take(driver.send(ALICE, request('OPTIONS', { uri: 'sip:carol@192.0.2.1' })));
    const state = driver.save();
    const after = new Driver(make, SETTINGS, 99n);
    after.now = 50_000_000;
    after.startWithStreams(state);
    const later = (of: StreamPeer): StreamPeer => {
      const peer = new StreamPeer(after, of.endpoint);
      peer.sent = of.sent;
      return peer;
    };
    const rest = later(alice).send(text.slice(100));
    expect(headerOf(onlyDatagram(rest), 'CSeq')).toBe('1 OPTIONS');
    const accepted = later(carol);
    accepted.accept(40_001);
    expect(accepted.text).toMatch(/^OPTIONS sip:carol@/);
  });
});
