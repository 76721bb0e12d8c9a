import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { headerOf, request, response } from '../sipproxy64/phones.ts';
import { SrtpModel, type SuiteName } from '../srtp/srtp-model.ts';
import {
  type Call,
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
  PHONE,
  PHONE_RTP,
  peerSdp,
  phoneSdp,
  rtp,
  rtpEncryption,
  senderReport,
} from './phones.ts';

// Situations in which other programs went wrong, by their public reports.

let make: BoundComponent;
beforeAll(async () => {
  make = await rtpEncryption();
}, 300_000);

const CM: SuiteName = 'AES_CM_128_HMAC_SHA1_80';
const KEY = master(30, 1);

/** The peer offers again, with these lines, and the phone answers as before. */
function reoffer(call: Call, body: string, cseq = 7): string {
  const offer = request('INVITE', {
    from: headerOf(call.answer, 'To'),
    to: headerOf(call.invite, 'From'),
    cseq: `${cseq} INVITE`,
    body,
  });
  const received = call.path.send('protected', offer).passed;
  return call.path.send('plain', response(received, '200 OK', { body: phoneSdp() })).passed;
}

describe('a re-INVITE', () => {
  const rolled = (): Call => {
    const call = callOut(new Path(make, { suite: CM }));
    call.path.media('protected', [
      call.receiving.protect(rtp(65_535), 65_535),
      call.receiving.protect(rtp(0), 65_536),
    ]);
    return call;
  };
  const arrives = (
    call: Call,
    model: SrtpModel,
    number: number,
    index: number,
    from = PEER,
    fromPort = PEER_RTP,
  ) => call.path.media('protected', [model.protect(rtp(number), index)], { from, fromPort });

  test('with the same key keeps the rollovers', () => {
    const call = rolled();
    reoffer(call, peerSdp(cryptoLine(1, CM, call.peerKey)));
    expect(arrives(call, call.receiving, 1, 65_537).passed).toEqual([rtp(1)]);
    expect(arrives(call, call.receiving, 0, 65_536).ends).toEqual(['replayed']);
  });

  test('with a new key and the same address: the peer may keep the rollovers, or begin anew', () => {
    for (const rollovers of [1, 0]) {
      const call = rolled();
      const model = new SrtpModel(CM, master(30, 77));
      reoffer(call, peerSdp(cryptoLine(1, CM, master(30, 77))));
      // Packets under the former key are still under way.
      expect(arrives(call, call.receiving, 1, 65_537).passed).toEqual([rtp(1)]);
      const batch = [2, 3, 4].map((n) => model.protect(rtp(n), rollovers * 65_536 + n));
      expect(call.path.media('protected', batch).passed).toEqual([rtp(2), rtp(3), rtp(4)]);
      expect(call.path.media('protected', batch).ends).toEqual(['replayed', 'replayed', 'replayed']);
      // Once the new key was used, the former one is over.
      expect(arrives(call, call.receiving, 5, 65_541).ends).toEqual(['forged']);
      const control = model.protectControl(senderReport(), 0);
      expect(call.path.media('protected', [control]).passed).toEqual([senderReport()]);
      expect(call.path.media('protected', [control]).ends).toEqual(['replayed']);
    }
  });

  test('with a new key and a new address begins the rollovers anew', () => {
    const call = rolled();
    const model = new SrtpModel(CM, master(30, 77));
    reoffer(call, described(PEER, 'm=audio 7200 RTP/SAVP 0', cryptoLine(1, CM, master(30, 77))));
    expect(arrives(call, model, 2, 65_538, PEER, 7200).ends).toEqual(['forged']);
    expect(arrives(call, model, 2, 2, PEER, 7200).passed).toEqual([rtp(2)]);
    expect(arrives(call, call.receiving, 1, 65_537).ends).toEqual(['forged']);
  });

  test('with another suite: our indices go on, or begin anew, by the setting', () => {
    for (const [setting, rollovers] of [
      ['continue', 1],
      ['restart', 0],
    ] as const) {
      const path = new Path(make, { 'new-key': setting });
      const invite = path.send('plain', request('INVITE', { body: phoneSdp() })).passed;
      const [gcm, cm] = cryptoIn(invite);
      const answer = path.send(
        'protected',
        response(invite, '200 OK', { body: peerSdp(cryptoLine(1, gcm!.suite, master(28, 1))) }),
      ).passed;
      path.media('plain', [rtp(65_535), rtp(0)]);
      const again = path.send(
        'plain',
        request('INVITE', { to: headerOf(answer, 'To'), cseq: '2 INVITE', body: phoneSdp() }),
      ).passed;
      expect(cryptoIn(again)).toEqual(cryptoIn(invite));
      path.send('protected', response(again, '200 OK', { body: peerSdp(cryptoLine(2, CM, KEY)) }));
      expect(path.media('plain', [rtp(1)]).passed).toEqual([
        modelOf(cm!).protect(rtp(1), rollovers * 65_536 + 1),
      ]);
    }
  });
});

describe('the lines of an offer', () => {
  const offered = (...lines: string[]) => {
    const path = new Path(make, { suite: CM });
    const result = path.send('protected', request('INVITE', { body: peerSdp(...lines) }));
    if (result.passed === '') return result.ends.join();
    const answer = path.send('plain', response(result.passed, '200 OK', { body: phoneSdp() })).passed;
    const [own] = cryptoIn(answer);
    return `${own!.tag} ${own!.suite}`;
  };
  const line = (more: string, tag = 1): string => cryptoLine(tag, CM, KEY, more);

  test.each([
    ['a lifetime', '|2^20'],
    ['a lifetime in decimal', '|1048576'],
    ['an MKI', '|1:4'],
    ['a lifetime and an MKI', '|2^20|1:4'],
    ['a space at the end', '|2^31 '],
    ['a hint for the window', ' WSH=128'],
    ['the usual order of FEC', ' FEC_ORDER=FEC_SRTP'],
    ['an unknown parameter that may be ignored', ' -FUTURE=1'],
  ])('with %s are taken', (_what, more) => {
    expect(offered(line(more))).toBe(`1 ${CM}`);
  });

  test.each([
    ['unencrypted SRTCP', '|2^48 UNENCRYPTED_SRTCP'],
    ['unencrypted SRTP', ' UNENCRYPTED_SRTP'],
    ['unauthenticated SRTP', ' UNAUTHENTICATED_SRTP'],
    ['a key derivation rate', ' KDR=3'],
    ['another order of FEC', ' FEC_ORDER=SRTP_FEC'],
    ['a key of FEC', ` FEC_KEY=inline:${KEY.toString('base64')}`],
    ['a window that is too small', ' WSH=63'],
    ['an unknown parameter', ' FUTURE=1'],
    ['a known parameter that may not be ignored', ' -KDR=3'],
    ['two keys', `|1:1;inline:${KEY.toString('base64')}|2:1`],
    ['a lifetime that is too long', '|2^49'],
    ['an MKI without a length', '|2^9|4'],
  ])('with %s are skipped, and the others stand', (_what, more) => {
    expect(offered(line(more))).toBe('refused');
    expect(offered(line(more), line('', 2))).toBe(`2 ${CM}`);
  });

  test.each([
    ['no tag', `a=crypto: ${CM} inline:${KEY.toString('base64')}`],
    ['a tag of ten digits', cryptoLine('1234567890', CM, KEY)],
    ['another method', `a=crypto:1 ${CM} uri:${KEY.toString('base64')}`],
    ['a short key', cryptoLine(1, CM, KEY.subarray(1))],
    ['no base64', `a=crypto:1 ${CM} inline:${'!'.repeat(40)}`],
    ['nothing', 'a=crypto:'],
    ['no value', 'a=crypto'],
    ['a suite with a tag of 8 octets', cryptoLine(1, 'AEAD_AES_256_GCM_8', master(44, 1))],
    ['a suite of another user', cryptoLine(1, 'AEAD_AES_256_GCM', master(44, 1))],
  ])('with %s are skipped', (_what, broken) => {
    expect(offered(broken)).toBe('refused');
    expect(offered(broken, line('', 2))).toBe(`2 ${CM}`);
  });

  test('that have one tag twice are no choice, and tag 0 is', () => {
    expect(offered(line('', 1), line('', 1))).toBe('refused');
    expect(offered(line('', 1), line('', 1), line('', 2))).toBe(`2 ${CM}`);
    expect(offered(line('', 0))).toBe(`0 ${CM}`);
  });

  test('are taken in the order of the peer', () => {
    const path = new Path(make);
    const answer = callIn(
      path,
      peerSdp(cryptoLine(4, CM, KEY), cryptoLine(5, 'AEAD_AES_128_GCM', master(28, 1))),
    ).answer;
    expect(cryptoIn(answer).map(({ tag }) => tag)).toEqual(['4']);
  });

  test('with keys with and without padding, of older names, are taken; ours is padded, and has that name', () => {
    for (const [suite, bytes] of [
      ['AEAD_AES_256_GCM', 44],
      ['AES_256_CM_HMAC_SHA1_80', 46],
      ['AES_CM_256_HMAC_SHA1_80', 46],
    ] as const) {
      for (const isPadded of [true, false]) {
        const path = new Path(make, { suite });
        const padded = cryptoLine(1, suite, master(bytes, 3));
        const { answer } = callIn(path, peerSdp(isPadded ? padded : padded.replace(/=+$/, '')));
        const [own] = cryptoIn(answer);
        expect([own!.suite, own!.master.length]).toEqual([suite, bytes]);
        expect(answer).toMatch(/inline:[^\r]*=\r/);
        const name = suite.replace('AES_CM_256', 'AES_256_CM') as SuiteName;
        const packet = new SrtpModel(name, master(bytes, 3)).protect(rtp(1), 1);
        expect(path.media('protected', [packet]).passed).toEqual([rtp(1)]);
      }
    }
  });
});

test('a renumbered tag in an answer is an error, or taken by the setting', () => {
  for (const [setting, expected] of [
    ['false', `m=audio 0 RTP/AVP 0`],
    ['true', `m=audio ${PEER_RTP} RTP/AVP 0`],
  ] as const) {
    const path = new Path(make, { suite: CM, 'renumbered-tag': setting });
    const invite = path.send('plain', request('INVITE', { body: phoneSdp() })).passed;
    const body = peerSdp(cryptoLine(7, CM, KEY));
    expect(mediaIn(path.send('protected', response(invite, '200 OK', { body })).passed)).toEqual([expected]);
  }
});

test('RTP/AVP with keys is answered with RTP/AVP and a key (RFC 8643)', () => {
  const path = new Path(make, { suite: CM });
  const offer = described(PEER, `m=audio ${PEER_RTP} RTP/AVP 0`, cryptoLine(1, CM, KEY));
  const { invite, answer } = callIn(path, offer);
  expect(cryptoIn(invite)).toEqual([]);
  expect(mediaIn(answer)).toEqual([`m=audio ${PHONE_RTP} RTP/AVP 0`]);
  expect(path.media('plain', [rtp(1)]).passed).toEqual([modelOf(cryptoIn(answer)[0]!).protect(rtp(1), 1)]);
});

test('no index is encrypted twice when the phone begins its numbers anew, in a new instance either', () => {
  const stateKey = { 'state-key': master(32, 9).toString('base64') };
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.record({ number: fc.nat(65_535) }),
          fc.constant('step' as const),
          fc.constant('again' as const),
          fc.constant('replaced' as const),
        ),
        {
          minLength: 1,
          maxLength: 40,
        },
      ),
      (events) => {
        const call = callOut(new Path(make, { suite: CM, calls: '4', ...stateKey }));
        let path = call.path;
        const seen = new Set<string>();
        let number = 30_000;
        let serial = 0;
        for (const event of events) {
          if (event === 'replaced') {
            path = path.replaced();
            continue;
          }
          if (event === 'again')
            path.send(
              'plain',
              request('INVITE', { to: headerOf(call.answer, 'To'), cseq: '2 INVITE', body: phoneSdp() }),
            );
          number = typeof event === 'object' ? event.number : (number + 1) & 0xffff;
          const packet = rtp(number, `contents ${serial++}`);
          for (const sent of path.media('plain', [packet]).passed) {
            const stream = Buffer.from(sent.subarray(12, 28).map((byte, i) => byte ^ packet[12 + i]!));
            expect(seen.has(stream.toString('hex'))).toBe(false);
            seen.add(stream.toString('hex'));
          }
        }
      },
    ),
    { numRuns: 30 },
  );
});

test('tags of SRTCP have 80 bits with suites of 32 bits, or 32 bits by the setting', () => {
  const suite: SuiteName = 'AES_CM_128_HMAC_SHA1_32';
  const lengths = ['false', 'true'].map((setting) => {
    const path = new Path(make, { suite, 'short-rtcp-tag': setting });
    callOut(path);
    return path
      .media('plain', [rtp(1), senderReport()])
      .passed.map((packet, i) => packet.length - [rtp(1), senderReport()][i]!.length);
  });
  expect(lengths).toEqual([
    [4, 14],
    [4, 8],
  ]);
});

test('a genuine packet that was sent again later than the window passes once, by the setting', () => {
  for (const [window, expected] of [
    ['128', ['too-old']],
    ['512', []],
  ] as const) {
    const call = callOut(new Path(make, { suite: CM, window }));
    for (let n = 101; n <= 400; n++) call.path.media('protected', [call.receiving.protect(rtp(n), n)]);
    const late = call.receiving.protect(rtp(100), 100);
    expect(call.path.media('protected', [late]).ends).toEqual(expected);
    expect(call.path.media('protected', [late]).ends).toEqual(
      expected.length === 0 ? ['replayed'] : expected,
    );
  }
});

test('an MKI of the peer is part of its key: unknown ones are counted, and change nothing', () => {
  const path = new Path(make, { suite: CM });
  callIn(path, peerSdp(cryptoLine(1, CM, KEY, '|2^20|5:4')));
  const known = new SrtpModel(CM, KEY, Buffer.from([0, 0, 0, 5]));
  const unknown = new SrtpModel(CM, KEY, Buffer.from([0, 0, 0, 6]));
  expect(path.media('protected', [unknown.protect(rtp(1, ''), 1)]).ends).toEqual(['unknown-key']);
  expect(path.media('protected', [known.protect(rtp(1, 'x'), 1)]).passed).toEqual([rtp(1, 'x')]);
});

test('100,000 sources of a peer take no memory, and do not harm those that are there', () => {
  const call = callOut(new Path(make, { suite: CM }));
  const genuine = (ssrc: number, n: number) => call.receiving.protect(rtp(n, 'x', ssrc), n);
  call.path.media(
    'protected',
    [1, 2, 3, 4].map((ssrc) => genuine(ssrc, 1)),
  );
  expect(call.path.media('protected', [genuine(5, 1)]).ends).toEqual(['too-many-streams']);
  const stranger = Buffer.concat([rtp(1), Buffer.alloc(10)]);
  for (let round = 0; round < 1000; round++) {
    const batch = Array.from({ length: 100 }, (_, i) => {
      const packet = Buffer.from(stranger);
      packet.writeUInt32BE(1_000_000 + round * 100 + i, 8);
      return packet;
    });
    expect(call.path.media('protected', batch).passed).toEqual([]);
  }
  expect(call.path.media('protected', [genuine(2, 2)]).passed).toEqual([rtp(2, 'x', 2)]);
});

describe('calls', () => {
  const nth = (n: number) => request('INVITE', { callId: `call-${n}`, body: phoneSdp() });

  test('beyond the setting are refused, and those that have ended make room', () => {
    const path = new Path(make, { calls: '3', suite: CM });
    for (let n = 0; n < 3; n++) expect(path.send('plain', nth(n)).ends).toEqual([]);
    expect(path.send('plain', nth(3)).ends).toEqual(['refused']);
    const invite = path.send('plain', nth(0)).passed;
    path.send('protected', response(invite, '486 Busy Here'));
    path.rig.now += 40_000;
    path.rig.process();
    expect(path.send('plain', nth(3)).ends).toEqual([]);
  });

  test('end after the longest time to an answer, and in silence', () => {
    const path = new Path(make, { calls: '3', suite: CM, setup: '10s', silence: '20s' });
    for (let n = 0; n < 3; n++) path.send('plain', nth(n));
    path.rig.now += 11_000;
    path.rig.process();
    expect(path.send('plain', nth(3)).ends).toEqual([]);
    const invite = path.send('plain', nth(3)).passed;
    path.send('protected', response(invite, '200 OK', { body: peerSdp(cryptoLine(1, CM, KEY)) }));
    path.rig.now += 19_000;
    expect(path.media('plain', [rtp(1)]).passed).not.toEqual([rtp(1)]);
    path.rig.now += 19_000;
    expect(path.media('plain', [rtp(2)]).passed).not.toEqual([rtp(2)]);
    path.rig.now += 21_000;
    path.rig.process();
    path.rig.now += 1000;
    path.rig.process();
    expect(path.rig.statuses.at(-1)!.facts).toMatchObject({ calls: '0' });
  });

  test('use all keys of many calls one after the other without running out', () => {
    const path = new Path(make, { calls: '2' });
    for (let n = 0; n < 300; n++) {
      const invite = path.send('plain', nth(n)).passed;
      const [own] = cryptoIn(invite);
      path.send(
        'protected',
        response(invite, '200 OK', { body: peerSdp(cryptoLine(1, own!.suite, master(28, n))) }),
      );
      expect(path.media('plain', [rtp(1)]).passed).toEqual([modelOf(own!).protect(rtp(1), 1)]);
      path.send(
        'plain',
        request('BYE', { callId: `call-${n}`, to: '<sip:bob@192.0.2.1>;tag=bob', cseq: '2 BYE' }),
      );
      path.rig.now += 300_000;
      path.rig.process();
    }
  });
});

describe('a new instance', () => {
  const stateKey = { 'state-key': master(32, 9).toString('base64') };

  test('goes on with the calls under the key of the state', () => {
    const call = callOut(new Path(make, { suite: CM, ...stateKey }));
    call.path.media('plain', [rtp(1)]);
    call.path.media('protected', [
      call.receiving.protect(rtp(65_535), 65_535),
      call.receiving.protect(rtp(0), 65_536),
    ]);
    const next = call.path.replaced();
    expect(next.media('protected', [call.receiving.protect(rtp(0), 65_536)]).ends).toEqual(['replayed']);
    expect(next.media('protected', [call.receiving.protect(rtp(1), 65_537)]).passed).toEqual([rtp(1)]);
    // Our numbers leap over all that the one before may have sent since.
    const leap = 6000;
    const renumbered = rtp(2);
    renumbered.writeUInt16BE(2 + leap, 2);
    expect(next.media('plain', [rtp(2)]).passed).toEqual([call.sending.protect(renumbered, 2 + leap)]);
    const again = next.send(
      'plain',
      request('INVITE', { to: headerOf(call.answer, 'To'), cseq: '2 INVITE', body: phoneSdp() }),
    ).passed;
    expect(cryptoIn(again)).toEqual(cryptoIn(call.invite));
  });

  test('has no keys without it, lets nothing out in the clear, and gets new ones by a re-INVITE', () => {
    const call = callOut(new Path(make, { suite: CM }));
    const next = call.path.replaced();
    expect(next.media('plain', [rtp(1)]).ends).toEqual(['no-key']);
    expect(next.media('protected', [call.receiving.protect(rtp(1), 1)]).ends).toEqual(['no-key']);
    const again = next.send(
      'plain',
      request('INVITE', { to: headerOf(call.answer, 'To'), cseq: '2 INVITE', body: phoneSdp() }),
    ).passed;
    const [own] = cryptoIn(again);
    expect(own!.master).not.toEqual(cryptoIn(call.invite)[0]!.master);
    next.send('protected', response(again, '200 OK', { body: peerSdp(cryptoLine(1, CM, call.peerKey)) }));
    expect(next.media('plain', [rtp(1)]).passed).toEqual([modelOf(own!).protect(rtp(1), 1)]);
    expect(next.media('protected', [call.receiving.protect(rtp(1), 1)]).passed).toEqual([rtp(1)]);
  });

  test('with fewer calls refuses the state', () => {
    const path = new Path(make, { calls: '4' });
    expect(() => path.replaced({ calls: '3' })).toThrow(/more than this version can/);
  });
});

test('a new instance takes over 1000 calls with two sources, and their reports, in each direction', () => {
  const calls = 1000;
  const path = new Path(make, {
    calls: `${calls + 24}`,
    contexts: '2',
    silence: '10h',
    suite: CM,
    'state-key': master(32, 9).toString('base64'),
  });
  const places = (n: number) => ({ fromPort: 10_000 + 2 * n, toPort: 20_000 + 2 * n });
  const models: { readonly own: SrtpModel; readonly peer: SrtpModel }[] = [];
  for (let n = 0; n < calls; n++) {
    const key = master(30, n);
    const { fromPort, toPort } = places(n);
    const offer = described(PEER, `m=audio ${toPort} RTP/SAVP 0`, cryptoLine(1, CM, key));
    const invite = path.send('protected', request('INVITE', { callId: `call-${n}`, body: offer })).passed;
    const body = described(PHONE, `m=audio ${fromPort} RTP/AVP 0`);
    const answer = path.send('plain', response(invite, '200 OK', { body })).passed;
    models.push({ own: modelOf(cryptoIn(answer)[0]!), peer: new SrtpModel(CM, key) });
    both(path, n, 1);
    // The dialog before the answer stays for a while, for other forks.
    if (n % 20 === 19) for (let second = 0; second < 40; second++) pass(path, 1000);
  }
  expect(path.rig.statuses.at(-1)!.facts).toMatchObject({ protected: `${calls}` });
  const next = path.replaced();
  pass(next, 1000);
  expect(next.rig.statuses.at(-1)!.facts).toMatchObject({ protected: `${calls}` });
  for (let n = 0; n < calls; n += 111) both(next, n, 2, 6000);

  /** Two sources in each direction; the piece adds a gap to its own after a restore. */
  function both(over: Path, n: number, sequence: number, gap = 0): void {
    const { fromPort, toPort } = places(n);
    const { own, peer } = models[n]!;
    for (const ssrc of [7, 8]) {
      const packet = rtp(sequence, 'x', ssrc);
      const sent = over.media('plain', [packet], { fromPort, toPort });
      expect(sent.ends).toEqual([]);
      const there = sent.passed[0]!;
      const index = there.readUInt16BE(2);
      expect(index).toBeGreaterThanOrEqual(sequence + gap);
      expect(own.unprotect(there, index).subarray(12)).toEqual(packet.subarray(12));
      const report = senderReport(ssrc);
      expect(over.media('plain', [report], { fromPort, toPort }).passed).toHaveLength(1);
      expect(
        over.media('protected', [peer.protectControl(report, sequence)], {
          fromPort: toPort,
          toPort: fromPort,
        }).passed,
      ).toEqual([report]);
      expect(
        over.media('protected', [peer.protect(packet, sequence)], { fromPort: toPort, toPort: fromPort })
          .passed,
      ).toEqual([packet]);
    }
  }
}, 120_000);

function pass(path: Path, time: number): void {
  path.rig.now += time;
  path.rig.process();
}
