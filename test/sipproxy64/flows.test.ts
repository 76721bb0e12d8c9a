import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { Driver, type Endpoint, sdp, sipProxy } from './driver.ts';
import {
  ALICE,
  audio,
  BOB,
  bodyOf,
  establish,
  fromBob,
  headerOf,
  headersOf,
  inDialog,
  only,
  portIn,
  request,
  response,
  rtp,
} from './phones.ts';

// Flows of calls as RFC 3665, RFC 3725 and RFC 5359 have them, and descriptions as RFC 4317 has them, between
// a phone of IPv4 and one of IPv6.

let make: BoundComponent;
let driver: Driver;
beforeAll(async () => {
  make = await sipProxy();
});
beforeEach(() => {
  driver = new Driver(make, { phone: 'bob=[2001:db8::6]:5060', proxy6: '[2001:db8::9]:5060' }).start();
});

const alice = (text: string): string => only(driver.send(ALICE, text));
const bob = (text: string): string => only(driver.send(BOB, text));
const BOB_CONTACT = '<sip:bob@[2001:db8::6]:5060>';

/** Where a packet goes that comes from here to a port of the proxy; or why nowhere. */
function way(from: Endpoint, port: number): string {
  const { sent, ended } = driver.send(from, rtp(1), port);
  return sent[0]?.to ?? ended.join();
}

const HEAD4 = ['v=0', 'o=alice 2890844526 2890844526 IN IP4 192.0.2.4', 's=', 'c=IN IP4 192.0.2.4', 't=0 0'];
const HEAD6 = [
  'v=0',
  'o=bob 2808844564 2808844564 IN IP6 2001:db8::6',
  's=',
  'c=IN IP6 2001:db8::6',
  't=0 0',
];

/** Expects that a description has our address and ports in place of its own, and is the same otherwise. */
function expectMapped(
  text: string,
  lines: readonly string[],
  own: 'IP4 192.0.2.1' | 'IP6 2001:db8::1',
): void {
  const expected = lines.map((line) =>
    line.replace(/IP[46] \S+$/, own).replace(/^(m=\w+) [1-9]\d*/, '$1 PORT'),
  );
  const found = bodyOf(text)
    .trimEnd()
    .split('\r\n')
    .map((line) => line.replace(/^(m=\w+) [1-9]\d*/, '$1 PORT'));
  expect(found).toEqual(expected);
}

const portsIn = (lines: readonly string[]): number[] =>
  lines.flatMap((line) => /^m=\w+ (\d+)/.exec(line)?.[1] ?? []).map(Number);

/** One offer and its answer, in the lines behind the head; media pass where both have a port. */
function exchange(offer: readonly string[], answer: readonly string[], cseq = 1, last = ''): string {
  const there = [...HEAD4, ...offer];
  const back = [...HEAD6, ...answer];
  const options = { cseq: `${cseq} INVITE`, branch: `z9hG4bKx${cseq}`, body: sdp(...there) };
  const invite = alice(last === '' ? request('INVITE', options) : inDialog('INVITE', last, options));
  expectMapped(invite, there, 'IP6 2001:db8::1');
  const accepted = bob(response(invite, '200 OK', { contact: BOB_CONTACT, body: sdp(...back) }));
  expectMapped(accepted, back, 'IP4 192.0.2.1');
  const [hers, his] = [portsIn(there), portsIn(back)];
  for (const [line, port] of hers.entries()) {
    if (port === 0 || his[line] === 0) continue;
    expect(way(`192.0.2.4:${port}`, portIn(bodyOf(accepted), line))).toBe(`[2001:db8::6]:${his[line]}`);
    expect(way(`[2001:db8::6]:${his[line]}`, portIn(bodyOf(invite), line))).toBe(`192.0.2.4:${port}`);
  }
  return accepted;
}

describe('an offer and its answer of RFC 4317', () => {
  const AUDIO = ['m=audio 49170 RTP/AVP 0 8 97', 'a=rtpmap:0 PCMU/8000', 'a=rtpmap:97 iLBC/8000'];
  const VIDEO = ['m=video 51372 RTP/AVP 31 32', 'a=rtpmap:31 H261/90000', 'a=rtpmap:32 MPV/90000'];
  const HIS_AUDIO = ['m=audio 49174 RTP/AVP 0', 'a=rtpmap:0 PCMU/8000'];
  const HIS_VIDEO = ['m=video 49170 RTP/AVP 32', 'a=rtpmap:32 MPV/90000'];
  const EVENTS = ['m=audio 49172 RTP/AVP 98', 'a=rtpmap:98 telephone-event/8000'];

  it.each<[string, readonly string[], readonly string[]]>([
    ['§2.1: audio and video, one codec of each', [...AUDIO, ...VIDEO], [...HIS_AUDIO, ...HIS_VIDEO]],
    ['§2.2: a port of 0 refuses video', [...AUDIO, ...VIDEO], [...HIS_AUDIO, 'm=video 0 RTP/AVP 31']],
    [
      '§2.3: two lines of audio',
      [...AUDIO, ...EVENTS],
      [...HIS_AUDIO, 'm=audio 49178 RTP/AVP 98', EVENTS[1]!],
    ],
    [
      '§2.4: one of them in one direction',
      [...AUDIO, ...EVENTS, 'a=sendonly'],
      [...HIS_AUDIO, 'm=audio 49178 RTP/AVP 98', EVENTS[1]!, 'a=recvonly'],
    ],
    [
      '§2.4: the first is refused',
      [...AUDIO, ...EVENTS],
      ['m=audio 0 RTP/AVP 0', 'm=audio 49178 RTP/AVP 98'],
    ],
    [
      'with SRTP by SDES',
      ['m=audio 4000 RTP/SAVP 0', 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x|2^20|1:4'],
      ['m=audio 4002 RTP/SAVP 0', 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:y'],
    ],
    [
      'with DTLS-SRTP',
      ['m=audio 4000 UDP/TLS/RTP/SAVPF 0', 'a=setup:actpass', 'a=fingerprint:sha-1 4A:AD'],
      ['m=audio 4002 UDP/TLS/RTP/SAVPF 0', 'a=setup:active'],
    ],
    [
      'with feedback',
      ['m=video 4000 RTP/AVPF 96', 'a=rtcp-fb:96 nack', 'a=rtcp-xr:rcvr-rtt'],
      ['m=video 4002 RTP/AVPF 96'],
    ],
    [
      'of a data channel',
      ['m=application 4000 UDP/DTLS/SCTP webrtc-datachannel', 'a=sctp-port:5000'],
      ['m=application 4002 UDP/DTLS/SCTP webrtc-datachannel'],
    ],
    [
      'of BFCP and audio',
      [...AUDIO, 'm=application 4000 UDP/BFCP *', 'a=floorctrl:c-only'],
      [...HIS_AUDIO, 'm=application 4002 UDP/BFCP *'],
    ],
    [
      'with bandwidth, a key, zones and unknown attributes',
      ['b=AS:64', ...AUDIO, 'i=x y', 'b=TIAS:64000', 'k=prompt', 'a=x-unknown:192.0.2.4'],
      HIS_AUDIO,
    ],
    ['without any line of media (§5, and RFC 3725 §4.4)', [], []],
  ])('%s', (_, offer, answer) => {
    exchange(offer, answer);
  });

  it('§3.1: hold, and the end of it, with the direction alone', () => {
    const first = exchange(AUDIO, HIS_AUDIO);
    exchange([...AUDIO, 'a=sendonly'], [...HIS_AUDIO, 'a=recvonly'], 2, first);
    exchange(AUDIO, HIS_AUDIO, 3, first);
  });

  it('§4.1 to §4.3: a stream comes, another one comes, and one goes', () => {
    const first = exchange(AUDIO, HIS_AUDIO);
    exchange([...AUDIO, ...VIDEO], [...HIS_AUDIO, ...HIS_VIDEO], 2, first);
    exchange(
      [...AUDIO, 'm=video 0 RTP/AVP 31', ...EVENTS],
      [...HIS_AUDIO, 'm=video 0 RTP/AVP 31', 'm=audio 49178 RTP/AVP 98'],
      3,
      first,
    );
  });

  it.each([
    ['lines that end with LF', (text: string) => text.replaceAll('\r\n', '\n')],
    [
      'a type with a parameter',
      (text: string) => text.replace('application/sdp', 'Application/SDP; charset=utf-8'),
    ],
    ['a type in the compact form', (text: string) => text.replace('Content-Type:', 'c:')],
    ['a length in the compact form', (text: string) => text.replace('Content-Length:', 'l   :')],
    ['a folded type', (text: string) => text.replace('Content-Type: ', 'Content-Type:\r\n\t ')],
    [
      'a disposition',
      (text: string) =>
        text.replace('Content-Type', 'Content-Disposition: session;handling=required\r\nContent-Type'),
    ],
    ['no length', (text: string) => text.replace(/Content-Length: \d+\r\n/, '')],
    ['a token of its family in lower case', (text: string) => text.replaceAll('IN IP4', 'in ip4')],
  ])('is mapped with %s', (_, change) => {
    const text = request('INVITE', { body: sdp(...HEAD4, ...AUDIO) });
    const head = text.slice(0, text.indexOf('v=0'));
    let body = text.slice(head.length);
    const changed = change(head + body);
    body = changed.slice(changed.indexOf('v=0'));
    const whole = changed.replace(/(Content-Length|l {3}): \d+/, `$1: ${body.length}`);
    const sent = alice(whole);
    const out = sent.slice(sent.indexOf('v=0'));
    expect(out.match(/IN IP6 2001:db8::1/g)).toHaveLength(2);
    expect(out).not.toContain('192.0.2.4');
    const length = /^(?:Content-Length|l {3}): (\d+)/m.exec(sent);
    if (length !== null) expect(Number(length[1])).toBe(out.length);
  });
});

describe('a call of RFC 3665', () => {
  it('§3.6: is redirected, and the contact of the other family is called by way of us', () => {
    const invite = alice(request('INVITE', { body: audio('192.0.2.4', 6000) }));
    const moved = bob(
      response(invite, '302 Moved Temporarily', {
        extra: ['Contact: <sip:bob@[2001:db8::77]:5070>;q=0.9, "B" <sip:bob@192.0.2.66>;q=0.1'],
      }),
    );
    const contact = headerOf(moved, 'Contact');
    expect(contact).toBe('<sip:bob@192.0.2.1;m64=[2001:db8::77]:5070>;q=0.9, "B" <sip:bob@192.0.2.66>;q=0.1');
    const ack = driver.send(ALICE, request('ACK', { to: headerOf(moved, 'To') }));
    expect(ack.sent[0]!.to).toBe(BOB);
    const again = driver.send(
      ALICE,
      request('INVITE', {
        uri: 'sip:bob@192.0.2.1;m64=[2001:db8::77]:5070',
        branch: 'z9hG4bK2',
        cseq: '2 INVITE',
        body: audio('192.0.2.4', 6000),
      }),
    );
    expect([again.sent[0]!.to, again.sent[0]!.text.split(' ')[1]]).toEqual([
      '[2001:db8::77]:5070',
      'sip:bob@[2001:db8::77]:5070',
    ]);
  });

  it('§3.7: the callee moves to another address in the middle of it', () => {
    const { invite, port4, port6 } = establish(driver);
    const moved = fromBob('INVITE', invite, {
      contact: '<sip:bob@[2001:db8::66]>',
      body: audio('2001:db8::66', 7600),
    });
    const there = only(driver.send('[2001:db8::66]:5060', moved));
    expect(headerOf(there, 'Contact')).toBe('<sip:bob@192.0.2.1;m64=[2001:db8::66]>');
    const accepted = driver.send(ALICE, response(there, '200 OK', { body: audio('192.0.2.4', 6000) }));
    expect(accepted.sent[0]!.to).toBe('[2001:db8::66]:5060');
    expect(way('192.0.2.4:6000', port4)).toBe('[2001:db8::66]:7600');
    expect(way('[2001:db8::66]:7600', port6)).toBe('192.0.2.4:6000');
  });

  it('§3.8: is cancelled, with one transaction for CANCEL and one for INVITE', () => {
    const invite = alice(request('INVITE', { body: audio('192.0.2.4', 6000) }));
    bob(response(invite, '180 Ringing'));
    const cancel = alice(request('CANCEL', { cseq: '1 CANCEL' }));
    expect(headersOf(cancel, 'Via')[0]!.split(';')[1]).toBe(headersOf(invite, 'Via')[0]!.split(';')[1]);
    expect(headersOf(cancel, 'Record-Route')).toEqual([]);
    expect(bob(response(cancel, '200 OK'))).toContain('\r\nCSeq: 1 CANCEL\r\n');
    const ended = bob(response(invite, '487 Request Terminated'));
    expect(alice(request('ACK', { to: headerOf(ended, 'To') }))).toMatch(/^ACK /);
    driver.pass(33_000);
    expect(way('[2001:db8::6]:7000', portIn(invite))).toBe('no-call');
  });

  it.each(['486 Busy Here', '480 Temporarily Unavailable', '600 Busy Everywhere', '699', '404 Not Found'])(
    '§3.9 to §3.11: ends with %s',
    (status) => {
      const invite = alice(request('INVITE', { body: audio('192.0.2.4', 6000) }));
      const refused = bob(response(invite, status));
      expect(refused.split('\r\n')[0]).toBe(`SIP/2.0 ${status}`);
      expect(alice(request('ACK', { to: headerOf(refused, 'To') }))).toMatch(/^ACK /);
    },
  );

  it('§3.1: is ended by the callee before the ACK has come', () => {
    const { invite, answer } = establish(driver);
    expect(bob(fromBob('BYE', invite))).toMatch(/^BYE sip:alice@192\.0\.2\.4:5060 SIP/);
    expect(alice(inDialog('ACK', answer, { cseq: '1 ACK' }))).toMatch(
      /^ACK sip:bob@\[2001:db8::6\]:5060 SIP/,
    );
  });

  it('whose phones hide behind further proxies goes by their Routes, in both directions', () => {
    const upstream = ['Record-Route: <sip:192.0.2.50;lr>'];
    const invite = only(
      driver.send('192.0.2.50:5060', request('INVITE', { body: audio('192.0.2.4', 6000), extra: upstream })),
    );
    const routes = headersOf(invite, 'Record-Route').flatMap((each) => each.split(','));
    expect(routes).toEqual(['<sip:[2001:db8::1];lr>', '<sip:192.0.2.1;lr>', '<sip:192.0.2.50;lr>']);
    const bye = driver.send(BOB, fromBob('BYE', invite));
    expect(bye.sent[0]!.to).toBe('192.0.2.50:5060');
    expect(headersOf(bye.sent[0]!.text, 'Route')).toEqual(['<sip:192.0.2.50;lr>']);
    expect(bye.sent[0]!.text).toMatch(/^BYE sip:alice@192\.0\.2\.4:5060 SIP/);
  });
});

describe('a controller of RFC 3725', () => {
  it('§4.1: calls without an offer, and answers in the ACK', () => {
    const invite = alice(request('INVITE'));
    const offer = bob(response(invite, '200 OK', { contact: BOB_CONTACT, body: audio('2001:db8::6', 7000) }));
    const ack = alice(inDialog('ACK', offer, { cseq: '1 ACK', body: audio('192.0.2.4', 6000) }));
    expect(way('192.0.2.4:6000', portIn(offer))).toBe('[2001:db8::6]:7000');
    expect(way('[2001:db8::6]:7000', portIn(ack))).toBe('192.0.2.4:6000');
  });

  it('§4.3: answers with a null address at first, and later with a real one', () => {
    const invite = alice(request('INVITE'));
    const offer = bob(response(invite, '200 OK', { contact: BOB_CONTACT, body: audio('2001:db8::6', 7000) }));
    const hold = alice(inDialog('ACK', offer, { cseq: '1 ACK', body: audio('0.0.0.0', 6000) }));
    expect(bodyOf(hold)).toContain('c=IN IP6 hold.invalid');
    expect(way('[2001:db8::6]:7000', portIn(hold))).toBe('on-hold');
    const again = alice(inDialog('INVITE', offer, { branch: 'z9hG4bK2' }));
    const second = bob(response(again, '200 OK', { contact: BOB_CONTACT, body: audio('2001:db8::6', 7002) }));
    const ack = alice(
      inDialog('ACK', second, { branch: 'z9hG4bK3', cseq: '2 ACK', body: audio('192.0.2.99', 6500) }),
    );
    expect(way('192.0.2.99:6500', portIn(second))).toBe('[2001:db8::6]:7002');
    expect(way('[2001:db8::6]:7002', portIn(ack))).toBe('192.0.2.99:6500');
  });

  it('§4.4: offers no media at first, and asks for an offer later', () => {
    const first = exchange([], []);
    const again = alice(inDialog('INVITE', first, { branch: 'z9hG4bK2', cseq: '2 INVITE' }));
    const offer = bob(response(again, '200 OK', { contact: BOB_CONTACT, body: audio('2001:db8::6', 7000) }));
    const ack = alice(
      inDialog('ACK', offer, { branch: 'z9hG4bK3', cseq: '2 ACK', body: audio('192.0.2.4', 6000) }),
    );
    expect(way('192.0.2.4:6000', portIn(offer))).toBe('[2001:db8::6]:7000');
    expect(way('[2001:db8::6]:7000', portIn(ack))).toBe('192.0.2.4:6000');
  });
});

describe('a service of RFC 5359', () => {
  it('§2.3: music on hold, from an offer of another host', () => {
    const { invite, answer, port4 } = establish(driver);
    expect(portIn(answer)).toBe(port4);
    const hold = bob(fromBob('INVITE', invite, { body: audio('2001:db8::aaaa', 9000, 'a=sendonly') }));
    alice(response(hold, '200 OK', { body: audio('192.0.2.4', 6000, 'a=recvonly') }));
    expect(way('[2001:db8::aaaa]:9000', portIn(invite))).toBe('192.0.2.4:6000');
    expect(way('[2001:db8::6]:7000', portIn(invite))).toBe('foreign-source');
  });

  it('§2.4: a transfer by REFER, with the place of the third party and the progress of its call', () => {
    const { invite, answer } = establish(driver);
    const refer = alice(
      inDialog('REFER', answer, {
        extra: [
          'Refer-To: <sip:carol@192.0.2.77>',
          'Referred-By: <sip:alice@192.0.2.4>;cid="2UWQ@x.example"',
        ],
      }),
    );
    expect(headerOf(refer, 'Refer-To')).toBe('<sip:carol@[2001:db8::1];m64=192.0.2.77>');
    expect(headerOf(refer, 'Referred-By')).toBe(
      '<sip:alice@[2001:db8::1];m64=192.0.2.4>;cid="2UWQ@x.example"',
    );
    bob(response(refer, '202 Accepted', { contact: BOB_CONTACT }));
    const body = 'SIP/2.0 100 Trying\r\n';
    const contentType = 'message/sipfrag;version=2.0';
    const notify = bob(fromBob('NOTIFY', invite, { body, contentType, extra: ['Event: refer'] }));
    expect(bodyOf(notify)).toBe(body);
    // Bob calls whom he was referred to.
    const call = request('INVITE', { uri: 'sip:carol@[2001:db8::1];m64=192.0.2.77', callId: 'third' });
    expect(driver.send(BOB, call).sent[0]!.to).toBe('192.0.2.77:5060');
  });

  it('§2.5: an attended one, whose URI and header field replace a dialog', () => {
    const { answer } = establish(driver);
    const replaces = '12345%40192.0.2.118%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE';
    const refer = alice(
      inDialog('REFER', answer, {
        extra: [`Refer-To: <sip:dave@192.0.2.77:5062?Replaces=${replaces}&Subject=x>`],
      }),
    );
    expect(headerOf(refer, 'Refer-To')).toBe(
      `<sip:dave@[2001:db8::1];m64=192.0.2.77:5062?Replaces=${replaces}&Subject=x>`,
    );
    const header = 'Replaces: 12345@192.0.2.118;to-tag=12345;from-tag=5FFE;early-only';
    expect(alice(request('INVITE', { callId: 'new', extra: [header] }))).toContain(`\r\n${header}\r\n`);
  });

  it('§2.7: a call that is forwarded says so, with its history', () => {
    const invite = alice(request('INVITE', { body: audio('192.0.2.4', 6000) }));
    const forwarded = bob(
      response(invite, '181 Call Is Being Forwarded', {
        extra: [
          'History-Info: <sip:bob@[2001:db8::6]?Reason=SIP%3Bcause%3D302>;index=1, <sip:b@[2001:db8::7]>;index=1.1',
          'Diversion: "Bob" <sip:bob@[2001:db8::6]>;reason=no-answer;counter=1',
        ],
      }),
    );
    expect(headerOf(forwarded, 'History-Info')).toBe(
      '<sip:bob@192.0.2.1;m64=[2001:db8::6]?Reason=SIP%3Bcause%3D302>;index=1, <sip:b@192.0.2.1;m64=[2001:db8::7]>;index=1.1',
    );
    expect(headerOf(forwarded, 'Diversion')).toBe(
      '"Bob" <sip:bob@192.0.2.1;m64=[2001:db8::6]>;reason=no-answer;counter=1',
    );
  });

  it('§2.14: the dialogs of a phone, in a body that stays unchanged', () => {
    const subscribe = alice(request('SUBSCRIBE', { extra: ['Event: dialog', 'Expires: 3600'] }));
    expect(headerOf(subscribe, 'Record-Route')).toBe('<sip:[2001:db8::1];lr>,<sip:192.0.2.1;lr>');
    bob(response(subscribe, '200 OK', { contact: BOB_CONTACT, extra: ['Expires: 3600'] }));
    const body =
      '<dialog-info entity="sip:bob@[2001:db8::6]"><dialog id="1" call-id="1@192.0.2.4"/></dialog-info>';
    const contentType = 'application/dialog-info+xml';
    const notify = bob(fromBob('NOTIFY', subscribe, { body, contentType }));
    expect(bodyOf(notify)).toBe(body);
    expect(notify).toMatch(/^NOTIFY sip:alice@192\.0\.2\.4:5060 SIP/);
  });
});

describe('a message in an unusual form', () => {
  it.each<[string, (text: string) => string, RegExp]>([
    [
      'names in lower case',
      (text) => text.replace(/^[A-Z][\w-]*(?=:)/gm, (name) => name.toLowerCase()),
      /\r\ncontact: <sip:alice@\[2001/,
    ],
    [
      'tabs around the colon',
      (text) => text.replace(/^Contact: /m, 'Contact\t:\t'),
      /\r\nContact\t:\t<sip:alice@\[2001/,
    ],
    [
      'a folded Contact',
      (text) => text.replace('Contact: ', 'Contact:\r\n  "A\\"<b>, c"\r\n '),
      /\r\n {2}"A\\"<b>, c"\r\n <sip:alice@\[2001/,
    ],
    ['a CSeq with zeros in front', (text) => text.replace('CSeq: 1', 'CSeq: 0001'), /\r\nCSeq: 0001 INVITE/],
    [
      'a display name in UTF-8',
      (text) => text.replace('"Alice"', '"\xc3\x84lice \xe2\x98\x8e"'),
      /"\xc3\x84lice \xe2\x98\x8e" <sip:alice@\[2001/,
    ],
    [
      'a display name of tokens',
      (text) => text.replace('"Alice"', 'Alice of IPv4'),
      /From: Alice of IPv4 <sip:alice@\[2001/,
    ],
    [
      'a GRUU',
      (text) =>
        text.replace(
          'Contact: <sip:alice@192.0.2.4:5060>',
          'Contact: <sip:alice@192.0.2.4:5060;gr=urn:uuid:f8;ob>;+sip.instance="<urn:uuid:f8>"',
        ),
      /m64=192\.0\.2\.4:5060;gr=urn:uuid:f8;ob>;\+sip\.instance="<urn:uuid:f8>"/,
    ],
    [
      'a user that is a number',
      (text) => text.replace('Contact: <sip:alice@', 'Contact: <sip:+1-555;phone-context=a.example@'),
      /<sip:\+1-555;phone-context=a\.example@\[2001:db8::1\];m64=192/,
    ],
    [
      'a password',
      (text) => text.replace('Contact: <sip:alice@', 'Contact: <sip:al%40ice:s%3Bcret@'),
      /<sip:al%40ice:s%3Bcret@\[2001:db8::1\];m64=192/,
    ],
    [
      'a scheme in upper case',
      (text) => text.replace('Contact: <sip:', 'Contact: <SIP:'),
      /<SIP:alice@\[2001:db8::1\];m64=192/,
    ],
    [
      'a Contact that is a phone number',
      (text) => text.replace('<sip:alice@192.0.2.4:5060>', '<tel:+1-555>'),
      /\r\nContact: <tel:\+1-555>\r\n/,
    ],
    [
      'white space in its Via',
      (text) => text.replace('SIP/2.0/UDP 192.0.2.4:5060', 'SIP / 2.0 /\tUDP 192.0.2.4 : 5060'),
      /Via: SIP \/ 2\.0 \/\tUDP 192\.0\.2\.4 : 5060;branch/,
    ],
    [
      'a Via with odd parameters',
      (text) => text.replace(';rport', ';rport;x="a;b,c";ttl=16;y'),
      /;rport=5060;x="a;b,c";ttl=16;y;received=192\.0\.2\.4\r\n/,
    ],
    [
      'a Call-ID of odd characters',
      (text) => text.replace('call-1@192.0.2.4', 'a%<>[]{}"~*+@x'),
      /Call-ID: a%<>\[\]\{\}"~\*\+@x\r\n/,
    ],
    ['line ends in front', (text) => `\r\n\r\n${text}`, /^INVITE /],
    [
      'many unknown header fields',
      (text) => text.replace('Max-', `${'X-Unknown-Header: y;z="1,2"\r\n'.repeat(50)}Max-`),
      /(X-Unknown-Header: y;z="1,2"\r\n){50}/,
    ],
  ])('%s goes on, with its addresses in the other family', (_, change, expected) => {
    const text = alice(change(request('INVITE', { body: audio('192.0.2.4', 6000) })));
    expect(text).toMatch(expected);
    expect(bodyOf(text)).toContain('c=IN IP6 2001:db8::1');
  });
});
