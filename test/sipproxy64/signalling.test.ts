import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { Driver, message, sipProxy } from './driver.ts';
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
  request,
  response,
} from './phones.ts';

let make: BoundComponent;
let driver: Driver;
beforeAll(async () => {
  make = await sipProxy();
});
beforeEach(() => {
  driver = new Driver(make, {
    phone: ['bob=[2001:db8::6]:5060', 'alice=192.0.2.4:5060'],
    proxy6: '[2001:db8::9]:5060',
    domain: 'example.com',
  }).start();
});

describe('a request', () => {
  it('goes into the other family with our Via, the Routes back and its addresses in ours', () => {
    const result = driver.send(ALICE, request('INVITE'));
    const text = only(result);
    expect(result.sent[0]).toMatchObject({ from: '[2001:db8::1]:5060', to: BOB, continues: true });
    expect(text).toMatch(/^INVITE sip:bob@192\.0\.2\.1 SIP\/2\.0\r\n/);
    const [own, alice] = headersOf(text, 'Via');
    expect(own).toMatch(
      /^SIP\/2\.0\/UDP \[2001:db8::1\];branch=z9hG4bK-m64-[0-9a-f]{16};l64=[0-9a-f]{16};rport$/,
    );
    expect(alice).toBe('SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bKalice1;rport=5060;received=192.0.2.4');
    expect(headerOf(text, 'Record-Route')).toBe('<sip:[2001:db8::1];lr>,<sip:192.0.2.1;lr>');
    expect(headerOf(text, 'Max-Forwards')).toBe('69');
    expect(headerOf(text, 'Contact')).toBe('<sip:alice@[2001:db8::1];m64=192.0.2.4:5060>');
    expect(headerOf(text, 'From')).toBe('"Alice" <sip:alice@[2001:db8::1];m64=192.0.2.4>;tag=alice');
    expect(headerOf(text, 'To')).toBe('<sip:bob@192.0.2.1>');
    expect(headerOf(text, 'Call-ID')).toBe('call-1@192.0.2.4');
  });

  it('gets a Max-Forwards where it has none, and is refused where it has no hop left', () => {
    const without = request('OPTIONS').replace('Max-Forwards: 70\r\n', '');
    expect(headerOf(only(driver.send(ALICE, without)), 'Max-Forwards')).toBe('70');
    const result = driver.send(ALICE, request('OPTIONS').replace('Max-Forwards: 70', 'Max-Forwards: 0'));
    expect(only(result)).toMatch(/^SIP\/2\.0 483 /);
    expect(result).toMatchObject({ ended: ['hop-limit'], sent: [{ to: ALICE, continues: false }] });
  });

  it('in a dialog comes back by the Routes, and to the contact that was mapped', () => {
    const { invite, answer } = establish(driver);
    const bye = driver.send(ALICE, inDialog('BYE', answer));
    expect(bye.sent[0]!.to).toBe(BOB);
    expect(bye.sent[0]!.text).toMatch(/^BYE sip:bob@\[2001:db8::6\]:5060 SIP\/2\.0\r\n/);
    expect(headersOf(bye.sent[0]!.text, 'Route')).toEqual([]);
    const back = driver.send(BOB, fromBob('OPTIONS', invite));
    expect(back.sent[0]!.to).toBe(ALICE);
    expect(back.sent[0]!.text).toMatch(/^OPTIONS sip:alice@192\.0\.2\.4:5060 SIP\/2\.0\r\n/);
    expect(headerOf(back.sent[0]!.text, 'To')).toBe('"Alice" <sip:alice@192.0.2.4>;tag=alice');
  });

  it('with a Route behind ours goes there, by the family of that (A20)', () => {
    const extra = ['Route: <sip:192.0.2.1;lr>, <sip:[2001:db8::1];lr>', 'Route: <sip:[2001:db8::8]:5062;lr>'];
    const result = driver.send(ALICE, request('MESSAGE', { uri: 'sip:bob@elsewhere.example', extra }));
    expect(result.sent[0]!.to).toBe('[2001:db8::8]:5062');
    expect(headersOf(result.sent[0]!.text, 'Route')).toEqual(['<sip:[2001:db8::8]:5062;lr>']);
    const one = ['Route: <sip:192.0.2.1;lr>, <sip:[2001:db8::1];lr>,<sip:[2001:db8::8]:5062;lr>'];
    const again = driver.send(ALICE, request('MESSAGE', { uri: 'sip:bob@elsewhere.example', extra: one }));
    expect(headersOf(again.sent[0]!.text, 'Route')).toEqual(['<sip:[2001:db8::8]:5062;lr>']);
  });

  it.each([
    ['without any Route', [], ''],
    ['with a Route for its outbound proxy', ['Route: <sip:192.0.2.1;lr>'], ''],
    ['with a Route that names a domain of ours', ['Route: <sip:example.com;lr>'], ''],
    ['with such a Route, and a tag of the callee', ['Route: <sip:192.0.2.1:5060;lr>'], ';tag=refused'],
  ])('of a phone, to a name, goes to the proxy of the other family %s', (_what, extra, tag) => {
    const uri = 'sip:carol@elsewhere.example';
    for (const method of ['REGISTER', 'INVITE', 'ACK', 'CANCEL']) {
      const { sent } = driver.send(ALICE, request(method, { uri, to: `<${uri}>${tag}`, extra }));
      expect([sent[0]!.to, headersOf(sent[0]!.text, 'Route')]).toEqual(['[2001:db8::9]:5060', []]);
    }
  });

  it('with a Route has the URI that it stands for, where the next hop is of the family of that', () => {
    for (const [route, uri, to, sent] of [
      [
        '<sip:[2001:db8::8];lr>',
        'sip:x@192.0.2.1;m64=[2001:db8::66]:5099',
        '[2001:db8::8]:5060',
        'sip:x@[2001:db8::66]:5099',
      ],
      [
        '<sip:p.example;lr>',
        'sip:x@192.0.2.1;m64=[2001:db8::66]',
        '[2001:db8::9]:5060',
        'sip:x@[2001:db8::66]',
      ],
      [
        '<sip:[2001:db8::1];m64=192.0.2.8;lr>',
        'sip:x@[2001:db8::1];m64=192.0.2.66',
        '192.0.2.8:5060',
        'sip:x@192.0.2.66',
      ],
      [
        '<sip:192.0.2.8;lr>',
        'sip:x@192.0.2.1;m64=[2001:db8::66]',
        '192.0.2.8:5060',
        'sip:x@192.0.2.1;m64=[2001:db8::66]',
      ],
      ['<sip:[2001:db8::8];lr>', 'sip:x@192.0.2.77', '[2001:db8::8]:5060', 'sip:x@192.0.2.77'],
    ] as const) {
      const result = driver.send(ALICE, request('MESSAGE', { uri, extra: [`Route: ${route}`] }));
      expect(result.sent[0]!.to).toBe(to);
      expect(result.sent[0]!.text.split('\r\n')[0]).toBe(`MESSAGE ${sent} SIP/2.0`);
    }
  });

  it('in a dialog within one family goes to the proxy of that family, where its URI is a name', () => {
    const both = new Driver(make, { proxy4: '192.0.2.9', proxy6: '[2001:db8::9]:5060' }).start();
    const invite = only(both.send('192.0.2.9:5060', request('INVITE', { uri: 'sip:x@192.0.2.4' })));
    expect(headerOf(invite, 'Record-Route')).toBe('<sip:192.0.2.1;h64;lr>');
    const extra = [`Route: ${headerOf(invite, 'Record-Route')}`];
    const bye = request('BYE', { uri: 'sip:x@elsewhere.example', to: '<sip:x@x>;tag=x', extra });
    expect(both.send(ALICE, bye).sent[0]!.to).toBe('192.0.2.9:5060');
  });

  it.each([
    ['sip:bob@192.0.2.1', BOB],
    ['sip:bob:secret@192.0.2.1:5060;transport=udp', BOB],
    ['sip:[2001:db8::77]:5080', '[2001:db8::77]:5080'],
    ['sip:x@[2001:DB8:0:0::77]', '[2001:db8::77]:5060'],
    ['sip:x@198.51.100.7:5070', '198.51.100.7:5070'],
    ['sip:x@somewhere.example', '[2001:db8::9]:5060'],
    ['sip:bob@example.com', BOB],
    ['sip:nobody@192.0.2.1', '[2001:db8::9]:5060'],
    ['sip:x@192.0.2.1;m64=[2001:db8::66]:5099', '[2001:db8::66]:5099'],
    ['sip:x@somewhere.example;maddr=[2001:db8::55]', '[2001:db8::55]:5060'],
  ])('to %s goes to %s', (uri, to) => {
    expect(driver.send(ALICE, request('MESSAGE', { uri })).sent[0]!.to).toBe(to);
  });

  it.each([
    ['sip:x@0.0.0.0', 'forbidden-destination', 403],
    ['sip:x@127.0.0.1', 'forbidden-destination', 403],
    ['sip:x@224.0.0.1', 'forbidden-destination', 403],
    ['sip:x@255.255.255.255', 'forbidden-destination', 403],
    ['sip:x@169.254.1.1', 'forbidden-destination', 403],
    ['sip:x@192.0.0.1', 'forbidden-destination', 403],
    ['sip:x@[::]', 'forbidden-destination', 403],
    ['sip:x@[::1]', 'forbidden-destination', 403],
    ['sip:x@[::ffff:127.0.0.1]', 'forbidden-destination', 403],
    ['sip:x@[fe80::1]', 'forbidden-destination', 403],
    ['sip:x@[ff02::1]', 'forbidden-destination', 403],
    ['sip:x@192.0.2.1:5099', 'loop', 482],
    ['sip:x@192.0.2.1;m64=[2001:db8::1]:5060', 'loop', 482],
    ['tel:+31-555', 'bad-scheme', 416],
    ['sips:bob@192.0.2.1', 'bad-scheme', 416],
    ['sips:x@[2001:db8::77]', 'bad-scheme', 416],
    ['sips:x@somewhere.example', 'bad-scheme', 416],
    ['sip:', 'bad-request', 400],
  ])('to %s is refused as %s', (uri, reason, status) => {
    const result = driver.send(ALICE, request('MESSAGE', { uri }));
    expect(result.ended).toEqual([reason]);
    expect(only(result)).toMatch(new RegExp(`^SIP/2\\.0 ${status} `));
  });

  it('that nothing says where to is refused, and so is one that came from the proxy it would go to', () => {
    const alone = new Driver(make).start();
    expect(alone.send(ALICE, request('MESSAGE')).ended).toEqual(['no-target']);
    const proxy = request('MESSAGE', { uri: 'sip:nobody@[2001:db8::1]' });
    expect(driver.send('[2001:db8::9]:5060', proxy).ended).toEqual(['no-target']);
  });

  it('that comes back as it left is a loop, and one with another URI is not', () => {
    const first = only(driver.send(ALICE, request('MESSAGE', { uri: 'sip:x@somewhere.example' })));
    const again = driver.send('[2001:db8::9]:5060', first);
    expect(again.ended).toEqual(['loop']);
    expect(only(again)).toMatch(/^SIP\/2\.0 482 /);
    const onward = driver.send('[2001:db8::9]:5060', first.replace('somewhere.example', '192.0.2.4'));
    expect(onward.sent[0]!.to).toBe(ALICE);
  });

  it('whose CSeq is above 31 bits goes on digit for digit, and above 32 bits is refused (A29)', () => {
    for (const number of ['2147483647', '2147483648', '4294967295'])
      expect(
        headerOf(only(driver.send(ALICE, request('OPTIONS', { cseq: `${number} OPTIONS` }))), 'CSeq'),
      ).toBe(`${number} OPTIONS`);
    expect(driver.send(ALICE, request('OPTIONS', { cseq: '4294967296 OPTIONS' })).ended).toEqual([
      'bad-request',
    ]);
  });

  it('is refused where Content-Length says more than is there, and loses what is beyond (A17)', () => {
    const text = request('MESSAGE', { body: 'hello', contentType: 'text/plain' });
    for (const length of ['449', '2147483648', '-1', '5 5', ''])
      expect(
        driver.send(ALICE, text.replace('Content-Length: 5', `Content-Length: ${length}`)).ended,
      ).toEqual(['bad-request']);
    const surplus = only(driver.send(ALICE, `${text}and more`));
    expect(bodyOf(surplus)).toBe('hello');
  });

  it('with a digest keeps each byte of it and its URI (RFC 3261 §22.4)', () => {
    const extra = [
      'Proxy-Authorization: Digest username="alice",realm="192.0.2.1",\r\n\turi="sip:bob@192.0.2.1",nonce="n",response="r"',
    ];
    const text = only(driver.send(ALICE, request('INVITE', { extra })));
    expect(text).toContain(`\r\n${extra[0]}\r\n`);
    expect(text).toMatch(/^INVITE sip:bob@192\.0\.2\.1 SIP/);
  });

  it('with a Proxy-Require is refused, as one with two of what may be there once', () => {
    expect(driver.send(ALICE, request('INVITE', { extra: ['Proxy-Require: foo'] })).ended).toEqual([
      'bad-extension',
    ]);
    expect(driver.send(ALICE, request('INVITE', { extra: ['i: another'] })).ended).toEqual(['bad-request']);
  });
});

describe('one transaction', () => {
  it('has one branch for INVITE, CANCEL and the ACK to a refusal, whatever the sent-by (A22)', () => {
    const invite = only(driver.send(ALICE, request('INVITE')));
    const cancel = only(
      driver.send(
        ALICE,
        request('CANCEL', { cseq: '1 CANCEL' }).replace('UDP 192.0.2.4:5060;', 'UDP 10.0.0.5:5060;'),
      ),
    );
    const ack = only(driver.send(ALICE, request('ACK', { to: '<sip:bob@192.0.2.1>;tag=bob' })));
    const branchOf = (text: string) => /branch=(z9hG4bK-m64-[0-9a-f]+)/.exec(headerOf(text, 'Via'))![1];
    expect(branchOf(cancel)).toBe(branchOf(invite));
    expect(branchOf(ack)).toBe(branchOf(invite));
    const other = only(driver.send(ALICE, request('INVITE', { branch: 'z9hG4bKother' })));
    expect(branchOf(other)).not.toBe(branchOf(invite));
  });

  it('that was refused here ends with its ACK here', () => {
    const refused = only(driver.send(ALICE, request('INVITE', { uri: 'sip:x@[::1]' })));
    const ack = request('ACK', { uri: 'sip:x@[::1]', to: headerOf(refused, 'To') });
    expect(driver.send(ALICE, ack)).toMatchObject({ sent: [], ended: ['ack-of-refusal'] });
    // A forged tag is none of ours.
    const forged = request('ACK', { to: '<sip:bob@192.0.2.1>;tag=m64-0123456789abcdef' });
    expect(driver.send(ALICE, forged).sent).toHaveLength(1);
  });
});

describe('a response', () => {
  it('goes to where the request came from, without our Via', () => {
    const invite = only(driver.send('192.0.2.4:40000', request('INVITE')));
    const result = driver.send(BOB, response(invite, '180 Ringing'));
    expect(result.sent[0]).toMatchObject({ from: '192.0.2.1:5060', to: '192.0.2.4:40000' });
    expect(headersOf(result.sent[0]!.text, 'Via')).toEqual([
      'SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bKalice1;rport=40000;received=192.0.2.4',
    ]);
  });

  it('to a client without rport goes to the port of its Via', () => {
    const invite = only(driver.send('192.0.2.4:40000', request('INVITE').replace(';rport', '')));
    expect(driver.send(BOB, response(invite, '180 Ringing')).sent[0]!.to).toBe('192.0.2.4:5060');
  });

  it.each([
    ['compact and long forms mixed (A16)', (vias: string[]) => [`v: ${vias[0]}`, `Via : ${vias[1]}`]],
    ['all in one header field', (vias: string[]) => [`Via: ${vias[0]},\r\n ${vias[1]}`]],
    ['a fold behind the name', (vias: string[]) => [`vIA:\r\n ${vias[0]}`, `v:${vias[1]}`]],
  ])('has its Vias read in %s', (_, write) => {
    const invite = only(driver.send(ALICE, request('INVITE')));
    const vias = headersOf(invite, 'Via');
    const text = response(invite, '180 Ringing').replace(/(Via: .*\r\n)+/, `${write(vias).join('\r\n')}\r\n`);
    const result = driver.send(BOB, text);
    expect(result.sent[0]!.to).toBe(ALICE);
    expect(result.sent[0]!.text).not.toContain('z9hG4bK-m64');
    expect(result.sent[0]!.text).toContain('branch=z9hG4bKalice1');
  });

  it('with received in brackets and without goes to the same place (A10)', () => {
    for (const received of ['[2001:db8::9:255]', '2001:db8::9:255']) {
      const text = request('OPTIONS', { uri: 'sip:alice@[2001:db8::1]' }).replace(
        /Via: .*\r\n/,
        `Via: SIP/2.0/UDP [2001:db8::9:1]:5060;received=${received};rport=5060;branch=z9hG4bKa\r\n`,
      );
      const arrived = only(driver.send('[2001:db8::9:255]:5060', text));
      expect(headersOf(arrived, 'Via')[1]).toContain(';received=2001:db8::9:255;');
      expect(driver.send(ALICE, response(arrived, '200 OK')).sent[0]!.to).toBe('[2001:db8::9:255]:5060');
    }
  });

  it.each([
    ['without a Via below ours', (text: string) => text.replace(/Via: .*alice1.*\r\n/, '')],
    ['with another Via below ours', (text: string) => text.replace('z9hG4bKalice1', 'z9hG4bKevil')],
    ['with a Via that is not ours', (text: string) => text.replace('UDP [2001:db8::1]', 'UDP [2001:db8::2]')],
    [
      'with a branch that we did not make',
      (text: string) => text.replace(/m64-[0-9a-f]{16}/, `m64-${'0'.repeat(16)}`),
    ],
  ])('%s goes nowhere', (_, change) => {
    const invite = only(driver.send(ALICE, request('INVITE')));
    expect(driver.send(BOB, change(response(invite, '200 OK')))).toMatchObject({
      sent: [],
      ended: ['stray-response'],
    });
  });

  it('that cannot be read goes nowhere', () => {
    const invite = only(driver.send(ALICE, request('INVITE')));
    const text = response(invite, '200 OK', { body: audio('2001:db8::6', 7000) });
    const wrong = text.replace(/Content-Length: \d+/, 'Content-Length: 9999');
    expect(driver.send(BOB, wrong)).toMatchObject({ sent: [], ended: ['bad-response'] });
  });
});

describe('a URI', () => {
  const mapped = (line: string): string => {
    const text = only(driver.send(ALICE, request('MESSAGE', { extra: [line] })));
    return text.split('\r\n').find((each) => each.startsWith(line.slice(0, line.indexOf(':'))))!;
  };
  const sip = '<sip:x@192.0.2.7:5070;a=b?c=d>';
  const there = '<sip:x@[2001:db8::1];m64=192.0.2.7:5070;a=b?c=d>';

  it.each([
    'P-Asserted-Identity',
    'P-Preferred-Identity',
    'Refer-To',
    'r',
    'Referred-By',
    'b',
    'Reply-To',
    'Path',
    'Service-Route',
    'Call-Info',
    'Alert-Info',
    'Error-Info',
    'Identity-Info',
    'History-Info',
    'Diversion',
    'Remote-Party-ID',
    'n',
    'P-Associated-URI',
    'P-Called-Party-ID',
    'P-Served-User',
    'P-Profile-Key',
    'P-Refused-URI-List',
    'P-DCS-Trace-Party-ID',
    'Additional-Identity',
    'Geolocation',
    'Permission-Missing',
    'Trigger-Consent',
    'Policy-Contact',
    'Refer-Events-At',
  ])('in %s goes into the other family', (name) => {
    expect(mapped(`${name}: "a, <b>" ${sip};p="1,2" , <sip:y@example.org>, ${sip}`)).toBe(
      `${name}: "a, <b>" ${there};p="1,2" , <sip:y@example.org>, ${there}`,
    );
  });

  it.each([
    'Subject: <sip:x@192.0.2.7>',
    ...['P-Served-Used', 'P-Called-Party-IX', 'Geolocatioo', 'P-Refused-URI-Lisu'].map(
      (name) => `${name}: ${sip}`,
    ),
    'Replaces: 1@192.0.2.7;to-tag=1;from-tag=2',
    'Authorization: Digest uri="sip:192.0.2.7"',
    'X-Contact: <sip:x@192.0.2.7>',
    'Refer-To: <https://192.0.2.7/>',
    'Refer-To: <sip:x@[2001:db8::77]>',
    'Refer-To: <sip:x@192.0.2.07>',
    'Refer-To: <sip:x@a.example;n=192.0.2.7>',
    'Refer-To: "unfinished <sip:x@192.0.2.7>',
  ])('stays unchanged in %s', (line) => {
    expect(mapped(line)).toBe(line);
  });

  it('without brackets gets them, and loses them on the way back', () => {
    const invite = only(
      driver.send(ALICE, request('INVITE', { from: 'sip:alice@192.0.2.4:5060;tag=alice' })),
    );
    expect(headerOf(invite, 'From')).toBe('<sip:alice@[2001:db8::1];n64=192.0.2.4:5060>;tag=alice');
    const answer = only(driver.send(BOB, response(invite, '200 OK')));
    expect(headerOf(answer, 'From')).toBe('sip:alice@192.0.2.4:5060;tag=alice');
  });

  it('in Warning is our own', () => {
    const invite = only(driver.send(ALICE, request('INVITE')));
    const extra = ['Warning: 370 [2001:db8::6]:5060 "no, bandwidth", 399 example.org "x"'];
    const answer = only(driver.send(BOB, response(invite, '488 Not Acceptable Here', { extra })));
    expect(headerOf(answer, 'Warning')).toBe('370 192.0.2.1 "no, bandwidth", 399 example.org "x"');
  });

  it('of our own is bracketed in IPv6 (A11), and one that differs only in how it is written is ours (A13)', () => {
    const text = only(
      driver.send(ALICE, request('MESSAGE', { uri: 'sip:x@[2001:0DB8:0::0:1];m64=[2001:db8::6]:5060' })),
    );
    expect(text).toMatch(/^MESSAGE sip:x@\[2001:db8::6\]:5060 SIP/);
    expect(headersOf(text, 'Via')[0]).toMatch(/^SIP\/2\.0\/UDP \[2001:db8::1\];/);
  });
});

describe('a header field', () => {
  it('that needs no change leaves byte for byte, folds and all (A14)', () => {
    const invite = only(driver.send(ALICE, request('INVITE')));
    const odd =
      'Proxy-Authenticate: Digest\r\n\trealm="x",nonce="y"\r\nX-Odd  :\r\n  a ,  b\t\r\nsUbJect:\r\n';
    const text = response(invite, '407 Proxy Authentication Required').replace('Call-ID:', `${odd}Call-ID:`);
    expect(only(driver.send(BOB, text))).toContain(odd);
  });
});

describe('data that is no message', () => {
  it.each([
    ['line ends', '\r\n\r\n', 'keepalive'],
    ['nothing', '', 'keepalive'],
    ['another protocol', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', 'no-sip'],
    ['bytes', '\0\x01\x02\x03\xff\xfe', 'no-sip'],
    ['a line without an end', 'INVITE sip:x@y SIP/2.0', 'no-sip'],
  ])('%s ends here', (_, text, reason) => {
    expect(driver.send(ALICE, text)).toMatchObject({ sent: [], ended: [reason] });
  });

  it('is refused where it can be: another version, no end of headers, a body that is not there', () => {
    const text = request('INVITE');
    expect(only(driver.send(ALICE, text.replace(' SIP/2.0\r', ' SIP/7.0\r')))).toMatch(/^SIP\/2\.0 505 /);
    expect(driver.send(ALICE, text.slice(0, -4)).ended).toEqual(['bad-request']);
    expect(driver.send(ALICE, message(['INVITE sip:bob@192.0.2.1 SIP/2.0'])).ended).toEqual(['bad-request']);
  });
});
