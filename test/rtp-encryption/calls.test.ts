import { beforeAll, describe, expect, test } from 'vitest';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { headerOf, request, response } from '../sipproxy64/phones.ts';
import { SrtpModel, SUITES, type SuiteName } from '../srtp/srtp-model.ts';
import {
  callIn,
  callOut,
  cryptoIn,
  cryptoLine,
  described,
  master,
  mediaIn,
  modelOf,
  Path,
  PEER,
  PEER_RTP,
  PHONE_RTP,
  peerSdp,
  phoneSdp,
  rtp,
  rtpEncryption,
  sdpOf,
  senderReport,
} from './phones.ts';

let make: BoundComponent;
beforeAll(async () => {
  make = await rtpEncryption();
}, 300_000);

const CM: SuiteName = 'AES_CM_128_HMAC_SHA1_80';
const GCM: SuiteName = 'AEAD_AES_128_GCM';
const keyFor = (suite: SuiteName, seed = 1): Buffer => master(SUITES[suite].key + SUITES[suite].salt, seed);

describe.each(Object.keys(SUITES) as SuiteName[])('with %s', (suite) => {
  test('a phone calls, and its media is what the RFCs say, both ways', () => {
    const path = new Path(make, { suite });
    const { invite, answer, sending, receiving } = callOut(path);
    expect(mediaIn(invite)).toEqual([`m=audio ${PHONE_RTP} RTP/SAVP 0`]);
    expect(cryptoIn(invite).map((line) => [line.tag, line.suite])).toEqual([['1', suite]]);
    expect(sdpOf(answer)).toBe(described(PEER, `m=audio ${PEER_RTP} RTP/AVP 0`));
    expect(headerOf(answer, 'Content-Length')).toBe(`${sdpOf(answer).length}`);
    expect(path.media('plain', [rtp(1), rtp(2)]).passed).toEqual([
      sending.protect(rtp(1), 1),
      sending.protect(rtp(2), 2),
    ]);
    expect(path.media('protected', [receiving.protect(rtp(9), 9)]).passed).toEqual([rtp(9)]);
    const control = { fromPort: PHONE_RTP + 1, toPort: PEER_RTP + 1 };
    expect(path.media('plain', [senderReport()], control).passed).toEqual([
      sending.protectControl(senderReport(), 0),
    ]);
    const back = { fromPort: PEER_RTP + 1, toPort: PHONE_RTP + 1 };
    expect(path.media('protected', [receiving.protectControl(senderReport(), 4)], back).passed).toEqual([
      senderReport(),
    ]);
  });

  test('a phone is called, and its media is what the RFCs say, both ways', () => {
    const path = new Path(make, { suite });
    const peerKey = keyFor(suite);
    const { invite, answer } = callIn(path, peerSdp(cryptoLine(7, suite, peerKey)));
    expect(sdpOf(invite)).toBe(described(PEER, `m=audio ${PEER_RTP} RTP/AVP 0`));
    expect(mediaIn(answer)).toEqual([`m=audio ${PHONE_RTP} RTP/SAVP 0`]);
    const [own] = cryptoIn(answer);
    expect([own!.tag, own!.suite]).toEqual(['7', suite]);
    expect(own!.master).not.toEqual(peerKey);
    expect(path.media('plain', [rtp(1)]).passed).toEqual([modelOf(own!).protect(rtp(1), 1)]);
    const packet = new SrtpModel(suite, peerKey).protect(rtp(5), 5);
    expect(path.media('protected', [packet]).passed).toEqual([rtp(5)]);
  });
});

test('an offer has a key for each suite of the user, in the order of the settings', () => {
  const path = new Path(make);
  const invite = path.send('plain', request('INVITE', { body: phoneSdp() })).passed;
  expect(cryptoIn(invite).map((line) => [line.tag, line.suite, line.master.length])).toEqual([
    ['1', GCM, 28],
    ['2', CM, 30],
  ]);
  // The peer takes the second.
  const key = keyFor(CM);
  path.send('protected', response(invite, '200 OK', { body: peerSdp(cryptoLine(2, CM, key)) }));
  const own = cryptoIn(invite)[1]!;
  expect(path.media('plain', [rtp(1)]).passed).toEqual([modelOf(own).protect(rtp(1), 1)]);
  expect(path.media('protected', [new SrtpModel(CM, key).protect(rtp(1), 1)]).passed).toEqual([rtp(1)]);
});

test('all else of a message stays byte for byte', () => {
  const path = new Path(make, { suite: CM });
  const text = request('INVITE', {
    body: phoneSdp('a=rtpmap:0 PCMU/8000', 'a=ptime:20', 'a=sendrecv', 'a=rtcp-mux', 'a=unknown:x'),
    extra: ['X-Other: ä\r\n folded'],
  });
  const { passed } = path.send('plain', text);
  const restored = passed
    .replace(/a=crypto.*\r\n/, '')
    .replace('RTP/SAVP', 'RTP/AVP')
    .replace(/Content-Length: \d+/, `Content-Length: ${headerOf(text, 'Content-Length')}`);
  expect(restored).toBe(text);
  for (const other of [
    request('OPTIONS'),
    request('REGISTER'),
    request('INFO', { body: phoneSdp() }),
    '\r\n',
  ])
    expect(path.send('plain', other).passed).toBe(other);
});

describe('offers and answers', () => {
  test('an offer in the answer to an empty INVITE is answered in the ACK', () => {
    const path = new Path(make, { suite: CM });
    const invite = path.send('protected', request('INVITE')).passed;
    const offer = path.send('plain', response(invite, '200 OK', { body: phoneSdp() })).passed;
    const [own] = cryptoIn(offer);
    expect(mediaIn(offer)).toEqual([`m=audio ${PHONE_RTP} RTP/SAVP 0`]);
    const key = keyFor(CM);
    const ack = request('ACK', { to: headerOf(offer, 'To'), body: peerSdp(cryptoLine(1, CM, key)) });
    expect(sdpOf(path.send('protected', ack).passed)).toBe(described(PEER, `m=audio ${PEER_RTP} RTP/AVP 0`));
    expect(path.media('plain', [rtp(1)]).passed).toEqual([modelOf(own!).protect(rtp(1), 1)]);
    expect(path.media('protected', [new SrtpModel(CM, key).protect(rtp(3), 3)]).passed).toEqual([rtp(3)]);
  });

  test('repeated messages have the same keys, and change nothing', () => {
    const path = new Path(make);
    const text = request('INVITE', { body: phoneSdp() });
    const invite = path.send('plain', text).passed;
    expect(path.send('plain', text).passed).toBe(invite);
    const call = callOut(path);
    path.media('plain', [rtp(1)]);
    const own = cryptoIn(call.invite)[0]!;
    const again = response(call.invite, '200 OK', {
      body: peerSdp(cryptoLine(own.tag, own.suite, call.peerKey)),
    });
    expect(path.send('protected', again).passed).toBe(call.answer);
    expect(path.media('plain', [rtp(2)]).passed).toEqual([call.sending.protect(rtp(2), 2)]);
    expect(path.media('plain', [rtp(1)]).ends).toEqual(['repeated']);
  });

  test('UPDATE and PRACK negotiate too', () => {
    const path = new Path(make, { suite: CM });
    const call = callOut(path);
    const update = request('UPDATE', {
      to: headerOf(call.answer, 'To'),
      cseq: '2 UPDATE',
      body: phoneSdp('a=sendonly'),
    });
    const offered = path.send('plain', update).passed;
    expect(cryptoIn(offered)).toEqual(cryptoIn(call.invite));
    const answered = response(offered, '200 OK', {
      body: peerSdp(cryptoLine(1, CM, call.peerKey), 'a=recvonly'),
    });
    expect(cryptoIn(path.send('protected', answered).passed)).toEqual([]);
    expect(path.media('plain', [rtp(1)]).passed).toEqual([call.sending.protect(rtp(1), 1)]);

    const other = new Path(make, { suite: CM });
    const invite = other.send('protected', request('INVITE')).passed;
    const ringing = other.send(
      'plain',
      response(invite, '183 Session Progress', { body: phoneSdp() }),
    ).passed;
    const [own] = cryptoIn(ringing);
    const key = keyFor(CM);
    const prack = request('PRACK', {
      to: headerOf(ringing, 'To'),
      cseq: '2 PRACK',
      body: peerSdp(cryptoLine(1, CM, key)),
    });
    expect(mediaIn(other.send('protected', prack).passed)).toEqual([`m=audio ${PEER_RTP} RTP/AVP 0`]);
    expect(other.media('plain', [rtp(1)]).passed).toEqual([modelOf(own!).protect(rtp(1), 1)]);
  });

  test('a refused re-INVITE changes nothing', () => {
    const path = new Path(make, { suite: CM });
    const call = callOut(path);
    path.media('protected', [call.receiving.protect(rtp(1), 1)]);
    const offer = request('INVITE', {
      from: headerOf(call.answer, 'To'),
      to: headerOf(call.invite, 'From'),
      cseq: '8 INVITE',
      body: described(PEER, 'm=audio 7100 RTP/SAVP 0', cryptoLine(3, CM, keyFor(CM, 44))),
    });
    const passed = path.send('protected', offer).passed;
    expect(mediaIn(passed)).toEqual(['m=audio 7100 RTP/AVP 0']);
    path.send('plain', response(passed, '488 Not Acceptable Here'));
    expect(path.media('protected', [call.receiving.protect(rtp(2), 2)]).passed).toEqual([rtp(2)]);
    expect(path.media('plain', [rtp(1)]).passed).toEqual([call.sending.protect(rtp(1), 1)]);
  });

  test('hold keeps keys and indices, in each of its forms', () => {
    for (const held of [
      phoneSdp('a=sendonly'),
      phoneSdp('a=inactive'),
      described('0.0.0.0', `m=audio ${PHONE_RTP} RTP/AVP 0`),
    ]) {
      const path = new Path(make, { suite: CM });
      const call = callOut(path);
      path.media('protected', [call.receiving.protect(rtp(65_535), 65_535)]);
      path.media('protected', [call.receiving.protect(rtp(0), 65_536)]);
      const reinvite = (body: string, cseq: string) => {
        const passed = path.send(
          'plain',
          request('INVITE', { to: headerOf(call.answer, 'To'), cseq, body }),
        ).passed;
        expect(cryptoIn(passed)).toEqual(cryptoIn(call.invite));
        path.send(
          'protected',
          response(passed, '200 OK', { body: peerSdp(cryptoLine(1, CM, call.peerKey)) }),
        );
      };
      reinvite(held, '2 INVITE');
      reinvite(phoneSdp(), '3 INVITE');
      expect(path.media('protected', [call.receiving.protect(rtp(1), 65_537)]).passed).toEqual([rtp(1)]);
    }
  });

  test('each fork has the key of its peer, and ours is used for no index twice', () => {
    const path = new Path(make, { suite: CM });
    const invite = path.send('plain', request('INVITE', { body: phoneSdp() })).passed;
    const own = modelOf(cryptoIn(invite)[0]!);
    const forks = [1, 2, 3].map((n) => {
      const key = keyFor(CM, n);
      const address = `198.51.100.${n}`;
      path.send(
        'protected',
        response(invite, '183 Session Progress', {
          tag: `fork-${n}`,
          body: described(address, `m=audio ${PEER_RTP} RTP/SAVP 0`, cryptoLine(1, CM, key)),
        }),
      );
      return { address, model: new SrtpModel(CM, key) };
    });
    // Early media of all of them, each under its own key.
    for (const [n, { address, model }] of forks.entries()) {
      const packet = rtp(100, `fork ${n}`, 1000 + n);
      expect(path.media('protected', [model.protect(packet, 100)], { from: address }).passed).toEqual([
        packet,
      ]);
      const wrong = forks[(n + 1) % 3]!.model.protect(rtp(101, 'x', 2000 + n), 101);
      expect(path.media('protected', [wrong], { from: address }).ends).toEqual(['forged']);
    }
    // The phone sends the same numbers to two of them.
    expect(path.media('plain', [rtp(5, 'to 1')], { to: forks[0]!.address }).passed).toEqual([
      own.protect(rtp(5, 'to 1'), 5),
    ]);
    expect(path.media('plain', [rtp(5, 'to 2')], { to: forks[1]!.address }).ends).toEqual(['repeated']);
  });

  test('the phones behind us that fork have keys of their own', () => {
    const path = new Path(make, { suite: CM });
    const invite = path.send(
      'protected',
      request('INVITE', { body: peerSdp(cryptoLine(1, CM, keyFor(CM))) }),
    ).passed;
    const keys = [1, 2].map((n) => {
      const body = described(`192.0.2.${n}`, `m=audio ${PHONE_RTP} RTP/AVP 0`);
      const answer = path.send(
        'plain',
        response(invite, '183 Session Progress', { tag: `phone-${n}`, body }),
      ).passed;
      return modelOf(cryptoIn(answer)[0]!);
    });
    for (const [n, model] of keys.entries())
      expect(path.media('plain', [rtp(5, `phone ${n}`)], { from: `192.0.2.${n + 1}` }).passed).toEqual([
        model.protect(rtp(5, `phone ${n}`), 5),
      ]);
  });
});

describe('media without a key', () => {
  test('is not let out before the answer, nor after the end', () => {
    const path = new Path(make, { suite: CM });
    const invite = path.send(
      'protected',
      request('INVITE', { body: peerSdp(cryptoLine(1, CM, keyFor(CM))) }),
    ).passed;
    // The phone sends before it has answered.
    expect(path.media('plain', [rtp(1)]).ends).toEqual(['no-key']);
    const answer = path.send('plain', response(invite, '200 OK', { body: phoneSdp() })).passed;
    expect(path.media('plain', [rtp(2)]).passed).toHaveLength(1);
    path.send('protected', request('BYE', { to: headerOf(answer, 'To'), cseq: '2 BYE' }));
    // Late packets still pass protected, until the call is forgotten.
    expect(path.media('plain', [rtp(3)]).passed).toHaveLength(1);
    expect(path.media('plain', [rtp(3)]).passed).not.toEqual([rtp(3)]);
  });

  test('is not let in before the answer: what the peer sends early ends', () => {
    const path = new Path(make, { suite: CM });
    const invite = path.send('plain', request('INVITE', { body: phoneSdp() })).passed;
    const key = keyFor(CM);
    const early = new SrtpModel(CM, key).protect(rtp(1), 1);
    expect(path.media('protected', [early]).ends).toEqual(['no-key']);
    path.send('protected', response(invite, '200 OK', { body: peerSdp(cryptoLine(1, CM, key)) }));
    expect(path.media('protected', [early]).passed).toEqual([rtp(1)]);
  });

  test('ends at the ports of the settings where it belongs to no call, and passes elsewhere', () => {
    const path = new Path(make, { 'media-ports': '5000-5999', port: '6060' });
    expect(path.media('plain', [rtp(1)]).ends).toEqual(['no-call']);
    expect(path.media('protected', [rtp(1)]).ends).toEqual(['no-call']);
    expect(path.media('plain', [rtp(1)], { fromPort: 4999 }).passed).toEqual([rtp(1)]);
  });

  test('what was protected and is refused later does not go in the clear', () => {
    const path = new Path(make, { suite: CM, policy: 'prefer', offer: 'osrtp' });
    const call = callOut(path);
    const reinvite = request('INVITE', {
      from: headerOf(call.answer, 'To'),
      to: headerOf(call.invite, 'From'),
      cseq: '9 INVITE',
      body: described(PEER, `m=audio ${PEER_RTP} RTP/AVP 0`),
    });
    const { back, ends } = path.send('protected', reinvite);
    expect(ends).toEqual(['refused']);
    expect(back).toMatch(/^SIP\/2\.0 488 /);
    expect(path.media('plain', [rtp(1)]).passed).toEqual([call.sending.protect(rtp(1), 1)]);
  });
});

test('media is found by its source where it goes elsewhere, as through a NAT', () => {
  const path = new Path(make, { suite: CM });
  const { sending, receiving } = callOut(path);
  expect(path.media('plain', [rtp(1)], { to: '203.0.113.9', toPort: 999 }).passed).toEqual([
    sending.protect(rtp(1), 1),
  ]);
  const packet = receiving.protect(rtp(1), 1);
  expect(path.media('protected', [packet], { from: '203.0.113.9', fromPort: 999 }).passed).toEqual([rtp(1)]);
});

test('RTCP goes by the port that a=rtcp names, or by that of RTP', () => {
  for (const [attribute, port] of [
    ['a=rtcp:7777', 7777],
    ['a=rtcp-mux', PEER_RTP],
  ] as const) {
    const path = new Path(make, { suite: CM });
    const invite = path.send('plain', request('INVITE', { body: phoneSdp('a=rtcp-mux') })).passed;
    const body = peerSdp(attribute, cryptoLine(1, CM, keyFor(CM)));
    path.send('protected', response(invite, '200 OK', { body }));
    const own = modelOf(cryptoIn(invite)[0]!);
    const { passed } = path.media('plain', [senderReport()], {
      fromPort: 1,
      from: '192.0.2.77',
      toPort: port,
    });
    expect(passed).toEqual([own.protectControl(senderReport(), 0)]);
    // Payload type 72 beside RTCP looks like a sender report (RFC 5761 §4).
    const confusing = rtp(1);
    confusing[1] = 72;
    expect(path.media('plain', [confusing]).ends).toEqual(['not-media']);
  }
});
