import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { Driver, type Result, sdp, sipProxy } from './driver.ts';
import {
  ALICE,
  audio,
  BOB,
  bodyOf,
  CAROL,
  establish,
  fromBob,
  headerOf,
  inDialog,
  only,
  portIn,
  request,
  response,
  rtp,
} from './phones.ts';

const SETTINGS = {
  phone: ['bob=[2001:db8::6]:5060'],
  proxy6: '[2001:db8::9]:5060',
  'media-ports': '30000-30095',
};
const ALICE_RTP = '192.0.2.4:6000';
const BOB_RTP = '[2001:db8::6]:7000';

let make: BoundComponent;
let driver: Driver;
beforeAll(async () => {
  make = await sipProxy();
});
beforeEach(() => {
  driver = new Driver(make, SETTINGS).start();
});

/** Where a packet went, or why it ended. */
function way(result: Result): string {
  return result.sent[0] === undefined ? result.ended.join() : `${result.sent[0].from} ${result.sent[0].to}`;
}

describe('a call', () => {
  it('has its packets relayed both ways, byte for byte, RTCP beside them', () => {
    const { port4, port6 } = establish(driver);
    expect([port4 % 2, port6 % 2]).toEqual([0, 0]);
    const there = driver.send(ALICE_RTP, rtp(1), port4);
    expect(way(there)).toBe(`[2001:db8::1]:${port6} ${BOB_RTP}`);
    expect(there.sent[0]!.bytes).toEqual(Buffer.from(rtp(1)));
    expect(there.sent[0]!.shape).toMatch(/^ipv6\/udp\/\{.*\}\/rtp$/);
    expect(way(driver.send(BOB_RTP, rtp(2), port6))).toBe(`192.0.2.1:${port4} ${ALICE_RTP}`);
    expect(way(driver.send('192.0.2.4:6001', 'rtcp', port4 + 1))).toBe(
      `[2001:db8::1]:${port6 + 1} [2001:db8::6]:7001`,
    );
    expect(way(driver.send('[2001:db8::6]:7001', 'rtcp', port6 + 1))).toBe(
      `192.0.2.1:${port4 + 1} 192.0.2.4:6001`,
    );
    // Something that is no RTP, on its port: STUN or DTLS beside it (RFC 7983).
    expect(driver.send(ALICE_RTP, '\x00\x01stun', port4).sent[0]!.shape).not.toContain('rtp');
  });

  it('takes media from no host that SDP has not named (A28), and none to a port without a call', () => {
    const { port4, port6 } = establish(driver);
    expect(way(driver.send('192.0.2.99:6000', rtp(1), port4))).toBe('foreign-source');
    expect(way(driver.send('[2001:db8::99]:7000', rtp(1), port6))).toBe('foreign-source');
    expect(way(driver.send(ALICE_RTP, rtp(1), port4 + 2))).toBe('no-call');
    expect(way(driver.send(ALICE_RTP, rtp(1), 29_998))).toBe('no-call');
  });

  it('learns a port where media are symmetric, from the signalled host alone, and again after new SDP', () => {
    driver = new Driver(make, { ...SETTINGS, symmetric: 'true' }).start();
    const { port4, port6, answer } = establish(driver);
    expect(way(driver.send('192.0.2.99:6666', rtp(1), port4))).toBe('foreign-source');
    driver.send('192.0.2.4:44444', rtp(1), port4);
    expect(way(driver.send(BOB_RTP, rtp(2), port6))).toBe(`192.0.2.1:${port4} 192.0.2.4:44444`);
    driver.send('192.0.2.4:55555', rtp(3), port4);
    expect(way(driver.send(BOB_RTP, rtp(4), port6))).toContain('192.0.2.4:44444');
    only(driver.send(ALICE, inDialog('INVITE', answer, { body: audio('192.0.2.4', 6100) })));
    expect(way(driver.send(BOB_RTP, rtp(4), port6))).toContain('192.0.2.4:6100');
    driver.send('192.0.2.4:33333', rtp(5), port4);
    expect(way(driver.send(BOB_RTP, rtp(6), port6))).toContain('192.0.2.4:33333');
  });

  it('of a phone behind a NAT hears it from where its signalling comes, where media are symmetric', () => {
    driver = new Driver(make, { ...SETTINGS, symmetric: 'true' }).start();
    const { port4, port6 } = establish(driver, { body: audio('10.0.0.7', 6000) });
    driver.send('192.0.2.4:50505', rtp(1), port4);
    expect(way(driver.send(BOB_RTP, rtp(2), port6))).toContain('192.0.2.4:50505');
  });

  it('keeps its ports in a new offer, and goes back when that is refused', () => {
    const { port4, port6, answer } = establish(driver);
    const again = only(driver.send(ALICE, inDialog('INVITE', answer, { body: audio('192.0.2.4', 6200) })));
    expect(portIn(again)).toBe(port6);
    expect(way(driver.send(BOB_RTP, rtp(1), port6))).toContain('192.0.2.4:6200');
    driver.send(BOB, response(again, '488 Not Acceptable Here'));
    expect(way(driver.send(BOB_RTP, rtp(1), port6))).toContain(ALICE_RTP);
    const third = only(
      driver.send(
        ALICE,
        inDialog('INVITE', answer, { branch: 'z9hG4bK3', cseq: '3 INVITE', body: audio('192.0.2.4', 6300) }),
      ),
    );
    const accepted = only(driver.send(BOB, response(third, '200 OK', { body: audio('2001:db8::6', 7300) })));
    expect(portIn(accepted)).toBe(port4);
    expect(way(driver.send(BOB_RTP, rtp(1), port6))).toContain('192.0.2.4:6300');
    expect(way(driver.send(ALICE_RTP, rtp(1), port4))).toContain('[2001:db8::6]:7300');
  });

  it('goes back on both sides, where two offers cross and both are refused (RFC 3261 §14.2)', () => {
    const { port4, port6, answer, invite } = establish(driver);
    const hers = only(driver.send(ALICE, inDialog('INVITE', answer, { body: audio('192.0.2.4', 6200) })));
    const his = only(driver.send(BOB, fromBob('INVITE', invite, { body: audio('2001:db8::6', 7200) })));
    driver.send(BOB, response(hers, '491 Request Pending'));
    driver.send(ALICE, response(his, '491 Request Pending'));
    expect(way(driver.send(BOB_RTP, rtp(1), port6))).toContain(ALICE_RTP);
    expect(way(driver.send(ALICE_RTP, rtp(1), port4))).toContain(BOB_RTP);
  });

  it('goes on for 32 s after its end, and then gives its ports back; nothing new comes of it (A32)', () => {
    const { port4, port6, answer, invite } = establish(driver);
    driver.send(ALICE, inDialog('BYE', answer));
    const crossing = fromBob('INVITE', invite, {
      body: audio('2001:db8::6', 7000, 'm=video 7100 RTP/AVP 96'),
    });
    const text = only(driver.send(BOB, crossing));
    expect(portIn(text)).toBe(port4);
    expect(portIn(text, 1)).toBe(7100);
    driver.pass(31_000);
    expect(way(driver.send(BOB_RTP, rtp(1), port6))).toContain(ALICE_RTP);
    driver.pass(2000);
    expect(way(driver.send(BOB_RTP, rtp(1), port6))).toBe('no-call');
  });

  it('that fails gives its ports back', () => {
    const invite = only(driver.send(ALICE, request('INVITE', { body: audio('192.0.2.4', 6000) })));
    driver.send(BOB, response(invite, '486 Busy Here'));
    driver.pass(33_000);
    expect(way(driver.send(BOB_RTP, rtp(1), portIn(invite)))).toBe('no-call');
  });

  it('that is challenged is set up by the next INVITE, with the same ports', () => {
    const offer = { body: audio('192.0.2.4', 6000) };
    const first = only(driver.send(ALICE, request('INVITE', offer)));
    driver.send(BOB, response(first, '407 Proxy Authentication Required'));
    const second = only(
      driver.send(ALICE, request('INVITE', { ...offer, branch: 'z9hG4bK2', cseq: '2 INVITE' })),
    );
    expect(portIn(second)).toBe(portIn(first));
    driver.pass(60_000);
    driver.send(BOB, response(second, '200 OK', { body: audio('2001:db8::6', 7000) }));
    expect(way(driver.send(BOB_RTP, rtp(1), portIn(second)))).toContain(ALICE_RTP);
  });

  it('has its time to be answered anew with each 180, as timer C of RFC 3261 §16.7 has', () => {
    const invite = only(driver.send(ALICE, request('INVITE', { body: audio('192.0.2.4', 6000) })));
    for (const status of ['183 Session Progress', '180 Ringing', '180 Ringing']) {
      driver.pass(150_000);
      driver.send(BOB, response(invite, status));
    }
    driver.pass(150_000);
    driver.send(BOB, response(invite, '100 Trying', { tag: '' }));
    const answer = response(invite, '200 OK', { body: audio('2001:db8::6', 7000) });
    const { sent } = driver.send(BOB, answer);
    expect(way(driver.send(ALICE_RTP, rtp(1), portIn(sent[0]!.text)))).toContain(
      `[2001:db8::1]:${portIn(invite)} ${BOB_RTP}`,
    );
  });

  it('ends when it is not answered, when it is silent, and when its session expires (RFC 4028)', () => {
    const invite = only(driver.send(ALICE, request('INVITE', { body: audio('192.0.2.4', 6000) })));
    driver.pass(201_000);
    expect(way(driver.send(BOB_RTP, rtp(1), portIn(invite)))).toBe('no-call');

    const silent = establish(driver, { callId: 'silent' });
    driver.pass(170_000);
    expect(way(driver.send(BOB_RTP, rtp(1), silent.port6))).toContain(ALICE_RTP);
    driver.pass(170_000);
    expect(way(driver.send(BOB_RTP, rtp(1), silent.port6))).toContain(ALICE_RTP);
    driver.pass(181_000);
    expect(way(driver.send(BOB_RTP, rtp(1), silent.port6))).toBe('no-call');

    const timed = only(
      driver.send(ALICE, request('INVITE', { callId: 'timed', body: audio('192.0.2.4', 6000) })),
    );
    driver.send(
      BOB,
      response(timed, '200 OK', { body: audio('2001:db8::6', 7000), extra: ['x: 90;refresher=uac'] }),
    );
    driver.pass(60_000);
    expect(way(driver.send(BOB_RTP, rtp(1), portIn(timed)))).toContain(ALICE_RTP);
    driver.pass(63_000);
    expect(way(driver.send(BOB_RTP, rtp(1), portIn(timed)))).toBe('no-call');
  });

  it.each([['0.0.0.0 goes into IPv6 as a name that is none', 'IP4 0.0.0.0', 'c=IN IP6 hold.invalid']])(
    'on hold: %s (A8)',
    (_, connection, expected) => {
      const { answer, port4, port6 } = establish(driver);
      const hold = audio('192.0.2.4', 6000, 'a=sendonly').replace('c=IN IP4 192.0.2.4', `c=IN ${connection}`);
      const text = only(driver.send(ALICE, inDialog('INVITE', answer, { body: hold })));
      expect(bodyOf(text)).toContain(`\r\n${expected}\r\n`);
      expect(way(driver.send(BOB_RTP, rtp(1), port6))).toBe('on-hold');
      driver.send(BOB, response(text, '200 OK', { body: audio('2001:db8::6', 7000, 'a=recvonly') }));
      // A side on hold may be silent for longer.
      driver.pass(1_000_000);
      const resume = only(
        driver.send(
          ALICE,
          inDialog('INVITE', answer, {
            branch: 'z9hG4bKr',
            cseq: '9 INVITE',
            body: audio('192.0.2.4', 6000),
          }),
        ),
      );
      driver.send(BOB, response(resume, '200 OK', { body: audio('2001:db8::6', 7000) }));
      expect(way(driver.send(BOB_RTP, rtp(1), port6))).toContain(ALICE_RTP);
      expect(way(driver.send(ALICE_RTP, rtp(1), port4))).toContain(BOB_RTP);
    },
  );

  it.each(['::', '0:0:0:0:0:0:0:0', 'anything.invalid'])(
    'on hold by %s in IPv6 is on hold by 0.0.0.0 in IPv4, though the last line has no end (A8)',
    (address) => {
      const { invite, port4 } = establish(driver);
      const hold = audio('2001:db8::6', 7000, 'a=sendonly')
        .replace('c=IN IP6 2001:db8::6', `c=IN IP6 ${address}`)
        .slice(0, -2);
      const text = only(driver.send(BOB, fromBob('INVITE', invite, { body: hold })));
      expect(bodyOf(text)).toContain('\r\nc=IN IP4 0.0.0.0\r\n');
      expect(bodyOf(text).endsWith('a=sendonly')).toBe(true);
      expect(way(driver.send(ALICE_RTP, rtp(1), port4))).toBe('on-hold');
    },
  );

  it.each(['127.0.0.1', '224.2.1.1', '169.254.3.4', '192.0.0.7', '192.0.2.1', '255.255.255.255'])(
    'that names %s for media gets nothing sent there',
    (address) => {
      const { port6 } = establish(driver, { body: audio(address, 6000) });
      expect(way(driver.send(BOB_RTP, rtp(1), port6))).toBe('forbidden-destination');
    },
  );
});

describe('an offer', () => {
  it('may come in the 200, and be answered in the ACK', () => {
    const invite = only(driver.send(ALICE, request('INVITE')));
    const offer = only(
      driver.send(
        BOB,
        response(invite, '200 OK', { contact: '<sip:bob@[2001:db8::6]>', body: audio('2001:db8::6', 7000) }),
      ),
    );
    const ack = only(
      driver.send(ALICE, inDialog('ACK', offer, { cseq: '1 ACK', body: audio('192.0.2.4', 6000) })),
    );
    expect(way(driver.send(ALICE_RTP, rtp(1), portIn(offer)))).toContain(BOB_RTP);
    expect(way(driver.send(BOB_RTP, rtp(1), portIn(ack)))).toContain(ALICE_RTP);
  });

  it('may come in a 180 and be answered in PRACK; or in PRACK, and be answered in its 200 (A7)', () => {
    const invite = only(driver.send(ALICE, request('INVITE', { extra: ['Require: 100rel'] })));
    const ringing = only(
      driver.send(
        BOB,
        response(invite, '180 Ringing', {
          contact: '<sip:bob@[2001:db8::6]>',
          extra: ['Require: 100rel', 'RSeq: 1'],
          body: audio('2001:db8::6', 7000),
        }),
      ),
    );
    const prack = only(
      driver.send(
        ALICE,
        inDialog('PRACK', ringing, { body: audio('192.0.2.4', 6000), extra: ['RAck: 1 1 INVITE'] }),
      ),
    );
    expect(way(driver.send(BOB_RTP, rtp(1), portIn(prack)))).toContain(ALICE_RTP);
    expect(way(driver.send(ALICE_RTP, rtp(1), portIn(ringing)))).toContain(BOB_RTP);
    const offer = only(
      driver.send(
        ALICE,
        inDialog('PRACK', ringing, { branch: 'z9hG4bKp2', cseq: '3 PRACK', body: audio('192.0.2.4', 6400) }),
      ),
    );
    expect(portIn(offer)).toBe(portIn(prack));
    const answer = only(driver.send(BOB, response(offer, '200 OK', { body: audio('2001:db8::6', 7400) })));
    expect(portIn(answer)).toBe(portIn(ringing));
    expect(way(driver.send(BOB_RTP, rtp(1), portIn(prack)))).toContain('192.0.2.4:6400');
    expect(way(driver.send(ALICE_RTP, rtp(1), portIn(ringing)))).toContain('[2001:db8::6]:7400');
  });

  it('may come in UPDATE, from either side', () => {
    const { invite, port4, port6 } = establish(driver);
    const update = only(driver.send(BOB, fromBob('UPDATE', invite, { body: audio('2001:db8::6', 7500) })));
    expect(portIn(update)).toBe(port4);
    expect(way(driver.send(ALICE_RTP, rtp(1), port4))).toContain('[2001:db8::6]:7500');
    const answer = only(driver.send(ALICE, response(update, '200 OK', { body: audio('192.0.2.4', 6500) })));
    expect(portIn(answer)).toBe(port6);
  });

  it('may be answered by several: each is heard by its own way, and the one who answers stays', () => {
    const invite = only(driver.send(ALICE, request('INVITE', { body: audio('192.0.2.4', 6000) })));
    const early = (tag: string, address: string, port: number) =>
      only(driver.send(BOB, response(invite, '183 Session Progress', { tag, body: audio(address, port) })));
    const bob = portIn(early('bob', '2001:db8::6', 7000));
    const carol = portIn(early('carol', '2001:db8::7', 8000));
    expect(bob).not.toBe(carol);
    expect(way(driver.send(BOB_RTP, rtp(1), portIn(invite)))).toBe(`192.0.2.1:${bob} ${ALICE_RTP}`);
    expect(way(driver.send('[2001:db8::7]:8000', rtp(1), portIn(invite)))).toBe(
      `192.0.2.1:${carol} ${ALICE_RTP}`,
    );
    expect(way(driver.send(ALICE_RTP, rtp(1), carol))).toContain('[2001:db8::7]:8000');
    driver.send(CAROL, response(invite, '200 OK', { tag: 'carol', body: audio('2001:db8::7', 8000) }));
    driver.pass(33_000);
    expect(way(driver.send(ALICE_RTP, rtp(1), bob))).toBe('no-call');
    expect(way(driver.send(ALICE_RTP, rtp(1), carol))).toContain('[2001:db8::7]:8000');
    expect(way(driver.send('[2001:db8::7]:8000', rtp(1), portIn(invite)))).toContain(ALICE_RTP);
  });

  it('that comes again changes nothing', () => {
    const text = request('INVITE', { body: audio('192.0.2.4', 6000) });
    const first = only(driver.send(ALICE, text));
    driver.send(BOB, response(first, '180 Ringing'));
    expect(only(driver.send(ALICE, text))).toBe(first);
    const answer = response(first, '200 OK', { body: audio('2001:db8::6', 7000) });
    expect(only(driver.send(BOB, answer))).toBe(only(driver.send(BOB, answer)));
    expect(only(driver.send(ALICE, text))).toBe(first);
  });
});

describe('a description', () => {
  const there = (body: string): string =>
    bodyOf(only(driver.send(ALICE, request('INVITE', { body })))).replaceAll(/\r\n/g, '\n');

  it('has each c= rewritten, of the session and of each line (A2)', () => {
    expect(
      there(
        sdp(
          'v=0',
          'o=a 1 1 IN IP4 192.0.2.4',
          's=-',
          'c=IN IP4 192.0.2.4/127',
          't=0 0',
          'm=audio 10998 RTP/AVP 8',
          'c=IN IP4 192.0.2.5',
        ),
      ),
    ).toBe(
      'v=0\no=a 1 1 IN IP6 2001:db8::1\ns=-\nc=IN IP6 2001:db8::1\nt=0 0\nm=audio 30000 RTP/AVP 8\nc=IN IP6 2001:db8::1\n',
    );
  });

  it('with a refused line without any c= leaves that line, and relays the other (A4)', () => {
    const text = there(
      sdp(
        'v=0',
        'o=a 1 1 IN IP4 192.0.2.4',
        's=-',
        't=0 0',
        'm=video 0 RTP/AVPF 96',
        'm=audio 6000 RTP/AVP 8',
        'c=IN IP4 192.0.2.4',
      ),
    );
    expect(text).toContain('\nm=video 0 RTP/AVPF 96\nm=audio 30000 RTP/AVP 8\nc=IN IP6 2001:db8::1\n');
  });

  it('of T.38 has one port, and its attributes as they were (A5)', () => {
    const { answer, port4 } = establish(driver);
    const body = sdp(
      'v=0',
      'o=a 1 2 IN IP4 192.0.2.4',
      's=-',
      'c=IN IP4 192.0.2.4',
      't=0 0',
      'm=audio 0 RTP/AVP 8',
      'm=image 49158 udptl t38',
      'a=T38FaxVersion:0',
      'a=T38MaxBitRate:14400',
    );
    const invite = only(driver.send(ALICE, inDialog('INVITE', answer, { body })));
    expect(bodyOf(invite)).toMatch(
      /m=audio 0 RTP\/AVP 8\r\nm=image \d+ udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n$/,
    );
    const fax = portIn(bodyOf(invite), 1);
    const accepted = audio('2001:db8::6', 0, 'm=image 7200 udptl t38');
    const back = only(driver.send(BOB, response(invite, '200 OK', { body: accepted })));
    // Late packets of the old line change no place.
    for (let n = 0; n < 3; n++) driver.send(ALICE_RTP, rtp(n), port4);
    expect(way(driver.send('[2001:db8::6]:7200', '\0udptl', fax))).toContain('192.0.2.4:49158');
    expect(way(driver.send('192.0.2.4:49158', '\0udptl', portIn(bodyOf(back), 1)))).toContain(
      '[2001:db8::6]:7200',
    );
    expect(fax % 2).toBe(0);
  });

  it('has RTCP where a=rtcp says, with mux and without (A26)', () => {
    const lines = ['a=rtcp:53020 IN IP4 192.0.2.44', 'a=rtcp-mux'];
    const invite = only(driver.send(ALICE, request('INVITE', { body: audio('192.0.2.4', 6000, ...lines) })));
    const port = portIn(invite);
    expect(bodyOf(invite)).toContain(`\r\na=rtcp:${port + 1} IN IP6 2001:db8::1\r\na=rtcp-mux\r\n`);
    const answer = only(
      driver.send(BOB, response(invite, '200 OK', { body: audio('2001:db8::6', 7000, 'a=rtcp:7009') })),
    );
    expect(bodyOf(answer)).toContain(`\r\na=rtcp:${portIn(answer) + 1}\r\n`);
    expect(way(driver.send('[2001:db8::6]:7009', 'x', port + 1))).toContain('192.0.2.44:53020');
    expect(way(driver.send('192.0.2.44:53020', 'x', portIn(answer) + 1))).toContain('[2001:db8::6]:7009');
    expect(way(driver.send(ALICE_RTP, '\x80\xc8mux', portIn(answer)))).toContain(BOB_RTP);
  });

  it('loses what ICE says, and nothing else', () => {
    const lines = [
      'a=candidate:1 1 UDP 2130706431 192.0.2.4 6000 typ host',
      'a=ice-ufrag:x',
      'a=ice-pwd:y',
      'a=ice-options:trickle',
      'a=remote-candidates:1 192.0.2.4 6000',
      'a=end-of-candidates',
      'a=sendrecv',
      'a=rtpmap:0 PCMU/8000',
      'a=x-candidate:1',
    ];
    expect(there(audio('192.0.2.4', 6000, ...lines))).toMatch(
      /m=audio 30000 RTP\/AVP 0\na=sendrecv\na=rtpmap:0 PCMU\/8000\na=x-candidate:1\n$/,
    );
  });

  it('with lines of TCP leaves these as they are, and a port with a count loses it', () => {
    const text = there(
      sdp(
        'v=0',
        'o=a 1 1 IN IP4 192.0.2.4',
        's=-',
        'c=IN IP4 192.0.2.4',
        't=0 0',
        'm=message 2855 TCP/MSRP *',
        'c=IN IP4 192.0.2.8',
        'm=video 6000/2 RTP/AVP 31',
      ),
    );
    expect(text).toMatch(
      /\nm=message 2855 TCP\/MSRP \*\nc=IN IP4 192\.0\.2\.8\nm=video 30000 RTP\/AVP 31\n$/,
    );
  });

  describe('with lines in one place (BUNDLE, RFC 9143)', () => {
    const lines = (address: string, audioPort: number, videoPort: number): string =>
      `${audio(address, audioPort, 'a=mid:0', 'a=rtcp-mux')}m=video ${videoPort} RTP/AVP 96\r\na=mid:1\r\na=rtcp-mux\r\n`.replace(
        't=0 0\r\n',
        't=0 0\r\na=group:BUNDLE 0 1\r\n',
      );
    const ports = (text: string): number[] => [portIn(bodyOf(text), 0), portIn(bodyOf(text), 1)];
    const offer = (...own: readonly [number, number]): string =>
      only(driver.send(ALICE, request('INVITE', { body: lines('192.0.2.4', ...own) })));
    const answer = (invite: string, ...own: readonly [number, number]): string =>
      only(
        driver.send(
          BOB,
          response(invite, '200 OK', {
            contact: '<sip:bob@[2001:db8::6]:5060>',
            body: lines('2001:db8::6', ...own),
          }),
        ),
      );

    it('has one pair for them on the other side, in the offer and in the answer', () => {
      const invite = offer(6000, 6000);
      const [six, sixVideo] = ports(invite);
      expect(sixVideo).toBe(six);
      const [four, fourVideo] = ports(answer(invite, 7000, 7000));
      expect(fourVideo).toBe(four);
      expect(way(driver.send(ALICE_RTP, rtp(1), four!))).toBe(`[2001:db8::1]:${six} ${BOB_RTP}`);
      expect(way(driver.send(BOB_RTP, rtp(2), six!))).toBe(`192.0.2.1:${four} ${ALICE_RTP}`);
    });

    it('has several where the answer is not bundled, each with its own media', () => {
      const invite = offer(6000, 6000);
      const [six] = ports(invite);
      const [four, fourVideo] = ports(answer(invite, 7000, 7002));
      expect(fourVideo).not.toBe(four);
      expect(way(driver.send(ALICE_RTP, rtp(1), four!))).toContain(BOB_RTP);
      expect(way(driver.send(ALICE_RTP, rtp(2), fourVideo!))).toContain('[2001:db8::6]:7002');
      // Each comes from the port to which Alice sends what is for it.
      expect(way(driver.send(BOB_RTP, rtp(3), six!))).toBe(`192.0.2.1:${four} ${ALICE_RTP}`);
      expect(way(driver.send('[2001:db8::6]:7002', rtp(4), six!))).toBe(
        `192.0.2.1:${fourVideo} ${ALICE_RTP}`,
      );
    });

    it('has several from when a new offer separates them, and one from when an offer unites them', () => {
      const invite = offer(6000, 6002);
      const [six, sixVideo] = ports(invite);
      expect(sixVideo).not.toBe(six);
      const established = answer(invite, 7000, 7000);
      const again = (n: number, ...own: readonly [number, number]): number[] =>
        ports(
          only(
            driver.send(
              ALICE,
              inDialog('INVITE', established, {
                branch: `z9hG4bKagain${n}`,
                cseq: `${n} INVITE`,
                body: lines('192.0.2.4', ...own),
              }),
            ),
          ),
        );
      expect(again(2, 6000, 6000)).toEqual([six, six]);
      const [audioAfter, videoAfter] = again(3, 6000, 6002);
      expect(audioAfter).toBe(six);
      expect(videoAfter).not.toBe(six);
    });
  });

  it('of IPv6 that comes in IPv4 is left to both, and one with a mapped address is of IPv4 (A13)', () => {
    const six = audio('2001:db8::4', 6000, 'a=candidate:1');
    expect(bodyOf(only(driver.send(ALICE, request('INVITE', { body: six }))))).toBe(six);
    const mapped = audio('::ffff:192.0.2.4', 6000);
    const invite = only(
      driver.send(BOB, request('INVITE', { uri: 'sip:x@[2001:db8::1];m64=192.0.2.77:5060', body: mapped })),
    );
    expect(bodyOf(invite)).not.toContain('ffff');
    driver.send('192.0.2.77:5060', response(invite, '200 OK', { body: audio('192.0.2.77', 9000) }));
    expect(way(driver.send('192.0.2.77:9000', rtp(1), portIn(invite)))).toContain('192.0.2.4:6000');
  });

  it('with more lines than any call has is refused', () => {
    const body = audio('192.0.2.4', 6000, ...Array<string>(17).fill('m=audio 6000 RTP/AVP 0'));
    const result = driver.send(ALICE, request('INVITE', { body }));
    expect(result.ended).toEqual(['too-many-streams']);
    expect(only(result)).toMatch(/^SIP\/2\.0 488 /);
  });

  it.each(['MESSAGE', 'INFO', 'OPTIONS', 'SUBSCRIBE', 'NOTIFY'])('in %s is not touched', (method) => {
    const body = audio('192.0.2.4', 6000);
    expect(bodyOf(only(driver.send(ALICE, request(method, { body }))))).toBe(body);
  });

  it.each([
    ['of another type', 'text/plain', []],
    ['that is encoded', 'application/sdp', ['Content-Encoding: gzip']],
    ['that is signed', 'multipart/signed;boundary=b', []],
  ])('%s is not touched', (_, contentType, extra) => {
    const body = contentType.startsWith('multipart')
      ? `--b\r\nContent-Type: application/sdp\r\n\r\n${audio('192.0.2.4', 6000)}\r\n--b--\r\n`
      : audio('192.0.2.4', 6000);
    expect(bodyOf(only(driver.send(ALICE, request('INVITE', { body, contentType, extra }))))).toBe(body);
  });
});

describe('a multipart', () => {
  const ISUP = '\x01\x10\x00\r\n\n\r\xff--b';

  it.each([
    ['b', 'multipart/mixed;boundary=b'],
    ['u-1', 'multipart/mixed; boundary="u-1"'],
    ['b', 'Multipart/Mixed ; x=y;BOUNDARY=b'],
  ])(
    'with boundary %s as in %s has its SDP edited, and each other byte kept (A19)',
    (boundary, contentType) => {
      const offer = audio('192.0.2.4', 6000);
      const make = (description: string) =>
        `preamble\r\n--${boundary}\r\nContent-Type: application/sdp\r\nContent-Length: ${description.length}\r\n\r\n${description}\r\n` +
        `--${boundary}\r\nContent-Type: application/ISUP;version=x\r\nContent-Disposition: signal\r\n\r\n${ISUP}\r\n--${boundary}--\r\nend`;
      const text = only(driver.send(ALICE, request('INVITE', { body: make(offer), contentType })));
      const edited = offer
        .replaceAll('IN IP4 192.0.2.4', 'IN IP6 2001:db8::1')
        .replace('m=audio 6000', 'm=audio 30000');
      expect(bodyOf(text)).toBe(make(edited));
      expect(headerOf(text, 'Content-Length')).toBe(String(make(edited).length));
    },
  );

  it('in another is found, to a depth; of one that is only a last boundary nothing is made', () => {
    const nest = (depth: number): { body: string; contentType: string } => {
      let body = audio('192.0.2.4', 6000);
      let contentType = 'application/sdp';
      for (let n = 0; n < depth; n++) {
        body = `--b${n}\r\nContent-Type: ${contentType}\r\n\r\n${body}\r\n--b${n}--\r\n`;
        contentType = `multipart/mixed;boundary=b${n}`;
      }
      return { body, contentType };
    };
    expect(bodyOf(only(driver.send(ALICE, request('INVITE', nest(3)))))).toContain('IN IP6 2001:db8::1');
    for (const same of [nest(9), { body: '--b--', contentType: 'multipart/mixed;boundary=b' }])
      expect(
        bodyOf(
          only(
            driver.send(ALICE, request('INVITE', { ...same, callId: same.contentType + same.body.length })),
          ),
        ),
      ).toBe(same.body);
  });
});

describe('a phone', () => {
  it('that changes its family in the middle of a call keeps the far side unchanged (A1)', () => {
    // Bob, of IPv6, calls Alice, of IPv4; then he is of IPv4.
    const invite = only(
      driver.send(
        BOB,
        request('INVITE', {
          uri: 'sip:alice@[2001:db8::1];m64=192.0.2.4:5060',
          from: '<sip:bob@[2001:db8::6]>;tag=bob',
          contact: '<sip:bob@[2001:db8::6]>',
          body: audio('2001:db8::6', 7000),
        }),
      ),
    );
    const answer = only(
      driver.send(
        ALICE,
        response(invite, '200 OK', {
          tag: 'alice',
          contact: '<sip:alice@192.0.2.4>',
          body: audio('192.0.2.4', 6000),
        }),
      ),
    );
    const again = only(
      driver.send(
        '192.0.2.66:5060',
        inDialog('INVITE', answer, {
          from: '<sip:bob@[2001:db8::6]>;tag=bob',
          contact: '<sip:bob@192.0.2.66>',
          body: audio('192.0.2.66', 7600),
        }),
      ),
    );
    expect(bodyOf(again)).toBe(bodyOf(invite));
    const to = only(
      driver.send(ALICE, response(again, '200 OK', { tag: 'alice', body: audio('192.0.2.4', 6000) })),
    );
    expect(bodyOf(to)).toContain('c=IN IP4 192.0.2.1\r\n');
    expect(way(driver.send('192.0.2.66:7600', rtp(1), portIn(to)))).toBe(
      `192.0.2.1:${portIn(invite)} 192.0.2.4:6000`,
    );
    expect(way(driver.send(ALICE_RTP, rtp(1), portIn(invite)))).toBe(
      `192.0.2.1:${portIn(to)} 192.0.2.66:7600`,
    );
  });

  it('of IPv4 that calls another by way of a proxy of IPv6 hears it without us', () => {
    const invite = only(
      driver.send(
        ALICE,
        request('INVITE', {
          uri: 'sip:dave@somewhere.example',
          body: audio('192.0.2.4', 6000, 'a=rtcp:6009'),
        }),
      ),
    );
    expect(bodyOf(invite)).toContain('IN IP6 2001:db8::1');
    const back = driver.send(
      '[2001:db8::9]:5060',
      invite.replace('dave@somewhere.example', 'dave@[2001:db8::1];m64=192.0.2.77:5060'),
    );
    expect(back.sent[0]!.to).toBe('192.0.2.77:5060');
    expect(bodyOf(only(back))).toBe(
      audio('192.0.2.4', 6000, 'a=rtcp:6009').replace('o=- 1 1 IN IP4 192.0.2.4', 'o=- 1 1 IN IP4 192.0.2.4'),
    );
    const answer = only(
      driver.send(
        '192.0.2.77:5060',
        response(only(back), '200 OK', { tag: 'dave', body: audio('192.0.2.77', 9000) }),
      ),
    );
    expect(bodyOf(answer)).toContain('c=IN IP6 2001:db8::1\r\n');
    const last = only(driver.send('[2001:db8::9]:5060', answer));
    expect(bodyOf(last)).toBe(audio('192.0.2.77', 9000));
  });

  it('of another call does not learn a place by naming one of our ports', () => {
    const { port4 } = establish(driver);
    const invite = only(
      driver.send(
        BOB,
        request('INVITE', {
          callId: 'other',
          uri: 'sip:x@[2001:db8::1];m64=192.0.2.77:5060',
          body: audio('192.0.2.1', port4),
        }),
      ),
    );
    expect(bodyOf(invite)).not.toContain('2001:db8::6');
  });
});

describe('limits', () => {
  it('refuse the call that is one too many, or drop the oldest, as the setting says', () => {
    for (const [whenFull, last] of [
      ['refuse', 'no-call'],
      ['drop-oldest', 'way'],
    ] as const) {
      driver = new Driver(make, { ...SETTINGS, calls: '3', 'when-full': whenFull }).start();
      const first = establish(driver, { callId: 'c0' });
      for (const callId of ['c1', 'c2']) {
        driver.pass(10);
        establish(driver, { callId });
      }
      driver.pass(10);
      const result = driver.send(ALICE, request('INVITE', { callId: 'c3', body: audio('192.0.2.4', 6000) }));
      if (last === 'no-call') {
        expect(result.ended).toEqual(['calls-full']);
        expect(only(result)).toMatch(/^SIP\/2\.0 503 /);
        expect(way(driver.send(BOB_RTP, rtp(1), first.port6))).toContain(ALICE_RTP);
      } else {
        expect(result.ended).toEqual([]);
        expect(way(driver.send(BOB_RTP, rtp(1), first.port6))).not.toContain('6000');
      }
    }
  });

  it('of ports refuse what needs more, and the next call when some are given back', () => {
    driver = new Driver(make, { ...SETTINGS, 'media-ports': '30000-30003' }).start();
    const first = establish(driver, { callId: 'c0' });
    establish(driver, { callId: 'c1' });
    const offer = request('INVITE', { callId: 'c2', body: audio('192.0.2.4', 6000) });
    expect(driver.send(ALICE, offer).ended).toEqual(['no-ports']);
    driver.send(ALICE, inDialog('BYE', first.answer, { callId: 'c0' }));
    driver.pass(33_000);
    expect(driver.send(ALICE, offer).ended).toEqual([]);
  });

  it('leave nothing of a call that was refused, and nothing of an offer that was', () => {
    driver = new Driver(make, { ...SETTINGS, calls: '2', 'media-ports': '30000-30001' }).start();
    const lines = (...ports: number[]): string =>
      ports.map((port) => `m=audio ${port} RTP/AVP 0\r\n`).join('');
    const two = audio('192.0.2.4', 6000) + lines(6002);
    for (const callId of ['c1', 'c2', 'c3'])
      expect(driver.send(ALICE, request('INVITE', { callId, body: two })).ended).toEqual(['no-ports']);
    const { answer, port6 } = establish(driver);
    const more = audio('192.0.2.4', 6100) + lines(6002);
    expect(driver.send(ALICE, inDialog('INVITE', answer, { body: more })).ended).toEqual(['no-ports']);
    expect(way(driver.send(BOB_RTP, rtp(1), port6))).toContain(ALICE_RTP);
  });

  it('are opened before they are needed, a third of a block in each call of the host', () => {
    driver = new Driver(make, { ...SETTINGS, 'media-ports': '30000-39999' }).start();
    const opened = (): number => driver.listening.size;
    for (let n = 0; n < 8; n++) establish(driver, { callId: `c${n}` });
    // All of a block in each family, when the first call needed one.
    expect(opened()).toBe(6);
    establish(driver, { callId: 'c8' });
    const steps = Array.from({ length: 5 }, () => {
      driver.pass(0);
      return opened();
    });
    expect(steps.at(-1)).toBe(12);
    for (const [n, step] of steps.slice(1).entries()) expect(step - steps[n]!).toBeLessThanOrEqual(2);
    for (let n = 9; n < 24; n++) establish(driver, { callId: `c${n}` });
    expect(new Set([...driver.listening.values()]).size).toBe(opened());
  });

  it('that cannot be opened ahead of time leave nothing open, and are tried again later', () => {
    driver = new Driver(make, { ...SETTINGS, 'media-ports': '30000-30063' }).start();
    driver.refuseListen = (stack) => (/local:30033\b.*\/rtcp$/.test(stack) ? 'taken' : undefined);
    for (let n = 0; n < 10; n++) establish(driver, { callId: `c${n}` });
    for (let n = 0; n < 10; n++) driver.pass(100);
    expect(driver.listening.size).toBe(6);
    expect(driver.logged.length).toBe(2);
    driver.refuseListen = () => undefined;
    driver.pass(61_000);
    for (let n = 0; n < 4; n++) driver.pass(0);
    expect(driver.listening.size).toBe(12);
  });

  it('of the system can fail to open: the piece opens others, and reports it', () => {
    driver.refuseListen = (stack) => (stack.includes('local:30000') ? 'taken' : undefined);
    const { port6, port4 } = establish(driver);
    expect([port6, port4]).toEqual([30_032, 30_032]);
    expect(driver.logged.join()).toContain('30000');
    expect([...driver.listening.values()].some((stack) => stack.includes('local:30000'))).toBe(false);
  });
});
