import { beforeAll, describe, expect, test } from 'vitest';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { problemsOf } from '../pieces/piece-rig.ts';
import { headerOf, request, response } from '../sipproxy64/phones.ts';
import { SrtpModel, type SuiteName } from '../srtp/srtp-model.ts';
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
} from './phones.ts';

let make: BoundComponent;
beforeAll(async () => {
  make = await rtpEncryption();
}, 300_000);

const CM: SuiteName = 'AES_CM_128_HMAC_SHA1_80';
const KEY = master(30, 1);
const clearPeer = described(PEER, `m=audio ${PEER_RTP} RTP/AVP 0`);

describe('keys', () => {
  const encrypted = [{ name: 'encrypted', value: { tag: 'yes' } }] as const;
  const bounded = [{ name: 'encrypted', value: { tag: 'at-least', val: 1n } }] as const;

  test('go where the network of the protected side is encrypted, and nowhere else without the setting', () => {
    const text = request('INVITE', { body: phoneSdp() });
    const secret = new Path(make, { 'keys-in-clear': 'false' }, encrypted);
    expect(cryptoIn(secret.send('plain', text).passed)).toHaveLength(2);
    for (const properties of [[], bounded]) {
      const open = new Path(make, { 'keys-in-clear': 'false' }, properties);
      const { passed, back, ends } = open.send('plain', text);
      expect([passed, ends]).toEqual(['', ['refused']]);
      expect(back).toMatch(/^SIP\/2\.0 488 /);
      expect(
        open.send('protected', request('INVITE', { body: peerSdp(cryptoLine(1, CM, KEY)) })).ends,
      ).toEqual(['refused']);
      expect(open.rig.statuses.at(-1)).toMatchObject({
        health: 'impaired',
        summary: expect.stringMatching(/^sends no keys, because the network .* keys-in-clear$/),
      });
    }
  });

  test('in the clear are a warning of the status', () => {
    const path = new Path(make);
    path.send('plain', request('OPTIONS'));
    expect(path.rig.statuses.at(-1)!.summary).toMatch(/whoever reads the signalling has the keys/);
    const secret = new Path(make, {}, encrypted);
    secret.send('plain', request('OPTIONS'));
    expect(secret.rig.statuses.at(-1)!.summary).toBe('protects media');
  });

  test('stand neither in logs, nor in the status, nor in a saved state', () => {
    const all: Record<string, string>[] = [{}, { 'state-key': master(32, 9).toString('base64') }];
    for (const settings of all) {
      const path = new Path(make, { suite: CM, ...settings });
      const { invite, peerKey, sending } = callOut(path);
      path.media('plain', [rtp(1)]);
      path.media('protected', [sending.protect(rtp(1), 1)]);
      const own = cryptoIn(invite)[0]!.master;
      const state = Buffer.from(path.rig.piece.save(path.rig.now));
      const told = JSON.stringify([path.rig.logged, path.rig.statuses]);
      for (const key of [own, peerKey]) {
        for (let at = 0; at + 8 <= key.length; at++)
          expect(state.includes(key.subarray(at, at + 8))).toBe(false);
        expect(state.includes(key.toString('base64').slice(0, 12))).toBe(false);
        expect(told).not.toContain(key.toString('base64').slice(0, 12));
        expect(told).not.toContain(key.toString('hex').slice(0, 12));
      }
      expect(state.includes(master(32, 9))).toBe(false);
    }
  });
});

describe('require', () => {
  test.each([
    ['RTP/AVP without keys', clearPeer],
    ['RTP/SAVP without keys', peerSdp()],
    ['RTP/SAVP with another suite', peerSdp(cryptoLine(1, 'AES_256_CM_HMAC_SHA1_80', master(46, 1)))],
    ['UDPTL', described(PEER, `m=image ${PEER_RTP} udptl t38`)],
  ])('refuses an offer of %s with 488, and takes the ACK', (_what, offer) => {
    const path = new Path(make, { suite: CM });
    const invite = request('INVITE', { body: offer });
    const { passed, back, ends } = path.send('protected', invite);
    expect([passed, ends]).toEqual(['', ['refused']]);
    expect(back).toMatch(/^SIP\/2\.0 488 /);
    for (const name of ['Via', 'From', 'Call-ID', 'CSeq'])
      expect(headerOf(back, name)).toBe(headerOf(invite, name));
    expect(headerOf(back, 'To')).toMatch(/;tag=re-[0-9a-f]{16}$/);
    expect(path.send('protected', invite).back).toBe(back);
    const ack = request('ACK', { to: headerOf(back, 'To') });
    expect(path.send('protected', ack).ends).toEqual(['ack-of-refusal']);
    const foreign = request('ACK', { to: '<sip:bob@192.0.2.1>;tag=re-0123456789abcdef' });
    expect(path.send('protected', foreign).passed).toBe(foreign);
  });

  test.each([
    ['RTP/AVP without keys', clearPeer],
    ['RTP/SAVP without keys', peerSdp()],
    ['a suite that was not offered', peerSdp(cryptoLine(1, 'AEAD_AES_256_GCM', master(44, 1)))],
    ['a tag that was not offered', peerSdp(cryptoLine(9, CM, KEY))],
    ['two keys', peerSdp(cryptoLine(1, CM, KEY), cryptoLine(2, CM, master(30, 2)))],
    ['a broken key', peerSdp(cryptoLine(1, CM, KEY.subarray(1)))],
    ['a refused line', described(PEER, 'm=audio 0 RTP/SAVP 0')],
  ])('refuses media that an answer has with %s, and nothing goes in the clear', (_what, body) => {
    const path = new Path(make, { suite: CM });
    const invite = path.send('plain', request('INVITE', { body: phoneSdp() })).passed;
    const { passed } = path.send('protected', response(invite, '200 OK', { body }));
    expect(mediaIn(passed)).toEqual(['m=audio 0 RTP/AVP 0']);
    expect(path.media('plain', [rtp(1)]).passed).toEqual([]);
    expect(path.media('protected', [rtp(1)]).passed).toEqual([]);
    if (!body.includes('m=audio 0'))
      expect(path.rig.logged).toContainEqual(expect.stringMatching(/^2|warn media is refused/));
  });

  test('lets the lines that are protected go on without the others', () => {
    const path = new Path(make, { suite: CM });
    const offer = described(
      PEER,
      `m=audio ${PEER_RTP} RTP/SAVP 0`,
      cryptoLine(1, CM, KEY),
      'm=video 7002 RTP/AVP 96',
      'm=image 7004 udptl t38',
      'm=audio 7006 UDP/TLS/RTP/SAVPF 0',
    );
    const { invite } = callIn(
      path,
      offer,
      phoneSdp('m=video 0 RTP/AVP 96', 'm=image 0 udptl t38', 'm=audio 0 UDP/TLS/RTP/SAVPF 0'),
    );
    expect(mediaIn(invite)).toEqual([
      `m=audio ${PEER_RTP} RTP/AVP 0`,
      'm=video 0 RTP/AVP 96',
      'm=image 0 udptl t38',
      'm=audio 7006 UDP/TLS/RTP/SAVPF 0',
    ]);
  });
});

describe('prefer', () => {
  test('offers a line of each kind, and takes the one of RTP/SAVP', () => {
    const path = new Path(make, { policy: 'prefer', suite: CM });
    const invite = path.send('plain', request('INVITE', { body: phoneSdp('a=ptime:20') })).passed;
    expect(mediaIn(invite)).toEqual([`m=audio ${PHONE_RTP} RTP/SAVP 0`, `m=audio ${PHONE_RTP} RTP/AVP 0`]);
    expect(cryptoIn(invite)).toHaveLength(1);
    expect(sdpOf(invite).match(/a=ptime:20/g)).toHaveLength(2);
    const body = peerSdp(cryptoLine(1, CM, KEY), 'm=audio 0 RTP/AVP 0');
    const answer = path.send('protected', response(invite, '200 OK', { body })).passed;
    expect(mediaIn(answer)).toEqual([`m=audio ${PEER_RTP} RTP/AVP 0`]);
    const own = modelOf(cryptoIn(invite)[0]!);
    expect(path.media('plain', [rtp(1)]).passed).toEqual([own.protect(rtp(1), 1)]);
    // Later offers of either side have both lines; the second one stays refused.
    const again = path.send(
      'plain',
      request('INVITE', { to: headerOf(answer, 'To'), cseq: '2 INVITE', body: phoneSdp() }),
    ).passed;
    expect(mediaIn(again)).toEqual([`m=audio ${PHONE_RTP} RTP/SAVP 0`, 'm=audio 0 RTP/AVP 0']);
    path.send('protected', response(again, '200 OK', { body }));
    const theirs = request('INVITE', {
      from: headerOf(answer, 'To'),
      to: headerOf(invite, 'From'),
      cseq: '7 INVITE',
      body,
    });
    const received = path.send('protected', theirs).passed;
    expect(mediaIn(received)).toEqual([`m=audio ${PEER_RTP} RTP/AVP 0`]);
    const answered = path.send('plain', response(received, '200 OK', { body: phoneSdp() })).passed;
    expect(mediaIn(answered)).toEqual([`m=audio ${PHONE_RTP} RTP/SAVP 0`, 'm=audio 0 RTP/AVP 0']);
    expect(path.media('plain', [rtp(2)]).passed).toEqual([own.protect(rtp(2), 2)]);
  });

  test('goes in the clear where the peer takes the line of RTP/AVP, and says so', () => {
    const path = new Path(make, { policy: 'prefer', suite: CM });
    const invite = path.send('plain', request('INVITE', { body: phoneSdp() })).passed;
    const body = described(PEER, 'm=audio 0 RTP/SAVP 0', `m=audio ${PEER_RTP} RTP/AVP 0`);
    const answer = path.send('protected', response(invite, '200 OK', { body })).passed;
    expect(mediaIn(answer)).toEqual([`m=audio ${PEER_RTP} RTP/AVP 0`]);
    expect(path.media('plain', [rtp(1)]).passed).toEqual([rtp(1)]);
    expect(path.media('protected', [rtp(1)]).passed).toEqual([rtp(1)]);
    expect(path.rig.logged).toContainEqual(expect.stringMatching(/media goes in the clear/));
    path.rig.now += 2000;
    path.rig.process();
    expect(path.rig.statuses.at(-1)!.facts).toMatchObject({ 'in-the-clear': '1', downgrades: '1' });
    const offer = request('INVITE', {
      from: headerOf(answer, 'To'),
      to: headerOf(invite, 'From'),
      cseq: '7 INVITE',
      body,
    });
    const received = path.send('protected', offer).passed;
    expect(mediaIn(received)).toEqual([`m=audio ${PEER_RTP} RTP/AVP 0`]);
    const answered = path.send('plain', response(received, '200 OK', { body: phoneSdp() })).passed;
    expect(mediaIn(answered)).toEqual(['m=audio 0 RTP/SAVP 0', `m=audio ${PHONE_RTP} RTP/AVP 0`]);
  });

  test('offers RTP/SAVP as a capability by the setting, and takes either answer (RFC 5939)', () => {
    for (const takes of [true, false]) {
      const path = new Path(make, { policy: 'prefer', offer: 'capability' });
      const invite = path.send('plain', request('INVITE', { body: phoneSdp() })).passed;
      expect(mediaIn(invite)).toEqual([`m=audio ${PHONE_RTP} RTP/AVP 0`]);
      const lines = sdpOf(invite).split('\r\n');
      expect(lines).toContain('a=tcap:1 RTP/SAVP');
      expect(lines).toContain('a=pcfg:1 t=1 a=1|2');
      const capability = lines.find((line) => line.startsWith('a=acap:2 crypto:2 '))!;
      const [own] = cryptoIn(capability.replace('a=acap:2 ', 'a='));
      expect(own!.suite).toBe(CM);
      const body = takes ? peerSdp('a=acfg:1 t=1 a=2', cryptoLine(2, CM, KEY)) : clearPeer;
      const answer = path.send('protected', response(invite, '200 OK', { body })).passed;
      expect(sdpOf(answer)).toBe(clearPeer);
      expect(path.media('plain', [rtp(1)]).passed).toEqual([
        takes ? modelOf(own!).protect(rtp(1), 1) : rtp(1),
      ]);
    }
  });

  test('takes a capability that is offered', () => {
    for (const [policy, configuration] of [
      ['prefer', 'a=pcfg:1 t=1 a=1|2'],
      ['require', 'a=pcfg:3 a=2|1 t=2|1'],
    ] as const) {
      const path = new Path(make, { policy, suite: CM });
      const offer = described(
        PEER,
        `m=audio ${PEER_RTP} RTP/AVP 0`,
        'a=tcap:1 RTP/SAVP RTP/SAVPF',
        `a=acap:1 crypto:4 AES_256_CM_HMAC_SHA1_80 inline:${master(46, 2).toString('base64')}`,
        `a=acap:2 crypto:5 ${CM} inline:${KEY.toString('base64')}`,
        configuration,
      );
      const { invite, answer } = callIn(path, offer);
      expect(sdpOf(invite)).toBe(clearPeer);
      expect(mediaIn(answer)).toEqual([`m=audio ${PHONE_RTP} RTP/SAVP 0`]);
      expect(sdpOf(answer)).toContain(`a=acfg:${configuration.slice(7, 8)} t=1 a=2\r\n`);
      expect(cryptoIn(answer).map(({ tag }) => tag)).toEqual(['5']);
      const packet = new SrtpModel(CM, KEY).protect(rtp(1), 1);
      expect(path.media('protected', [packet]).passed).toEqual([rtp(1)]);
    }
  });

  test('offers keys with RTP/AVP by the setting, and takes either answer (RFC 8643)', () => {
    for (const takes of [true, false]) {
      const path = new Path(make, { policy: 'prefer', offer: 'osrtp', suite: CM });
      const invite = path.send('plain', request('INVITE', { body: phoneSdp() })).passed;
      expect(mediaIn(invite)).toEqual([`m=audio ${PHONE_RTP} RTP/AVP 0`]);
      const [own] = cryptoIn(invite);
      const body = described(
        PEER,
        `m=audio ${PEER_RTP} RTP/AVP 0`,
        ...(takes ? [cryptoLine(1, CM, KEY)] : []),
      );
      const answer = path.send('protected', response(invite, '200 OK', { body })).passed;
      expect(sdpOf(answer)).toBe(clearPeer);
      expect(path.media('plain', [rtp(1)]).passed).toEqual([
        takes ? modelOf(own!).protect(rtp(1), 1) : rtp(1),
      ]);
    }
  });

  test('of two lines that are offered for one medium, takes the one of RTP/SAVP', () => {
    const offer = peerSdp(cryptoLine(1, CM, KEY), `m=audio ${PEER_RTP} RTP/AVP 0`);
    const path = new Path(make, { policy: 'prefer', suite: CM });
    const { invite, answer } = callIn(path, offer, phoneSdp('m=audio 0 RTP/AVP 0'));
    expect(mediaIn(invite)).toEqual([`m=audio ${PEER_RTP} RTP/AVP 0`, 'm=audio 0 RTP/AVP 0']);
    expect(mediaIn(answer)).toEqual([`m=audio ${PHONE_RTP} RTP/SAVP 0`, 'm=audio 0 RTP/AVP 0']);
  });

  test('lets a peer in the clear call, and says so', () => {
    const path = new Path(make, { policy: 'prefer' });
    const { invite, answer } = callIn(path, clearPeer);
    expect([sdpOf(invite), sdpOf(answer)]).toEqual([clearPeer, phoneSdp()]);
    expect(path.media('plain', [rtp(1)]).passed).toEqual([rtp(1)]);
    expect(path.rig.logged).toHaveLength(1);
  });
});

describe('never', () => {
  test('changes nothing of a call in the clear, and refuses one with keys', () => {
    const path = new Path(make, { policy: 'never' });
    const invite = request('INVITE', { body: phoneSdp() });
    expect(path.send('plain', invite).passed).toBe(invite);
    const other = new Path(make, { policy: 'never' });
    expect(
      other.send('protected', request('INVITE', { body: peerSdp(cryptoLine(1, CM, KEY)) })).ends,
    ).toEqual(['refused']);
    // Keys beside RTP/AVP are only an offer.
    const open = described(PEER, `m=audio ${PEER_RTP} RTP/AVP 0`, cryptoLine(1, CM, KEY));
    const answered = callIn(new Path(make, { policy: 'never' }), open);
    expect(cryptoIn(answered.answer)).toEqual([]);
  });
});

describe('what the phone protects itself', () => {
  test.each([`m=audio ${PHONE_RTP} RTP/SAVP 0`, `m=audio ${PHONE_RTP} UDP/TLS/RTP/SAVPF 0`])(
    'passes: %s',
    (line) => {
      const path = new Path(make);
      const invite = request('INVITE', {
        body: described('192.0.2.4', line, cryptoLine(1, CM, KEY), 'a=setup:actpass'),
      });
      expect(path.send('plain', invite).passed).toBe(invite);
      const answer = response(invite, '200 OK', {
        body: described(PEER, line.replace(`${PHONE_RTP}`, `${PEER_RTP}`), cryptoLine(1, CM, KEY)),
      });
      expect(path.send('protected', answer).passed).toBe(answer);
      const packet = new SrtpModel(CM, KEY).protect(rtp(1), 1);
      expect(path.media('plain', [packet]).passed).toEqual([packet]);
    },
  );
});

describe('what is in one place', () => {
  test('BUNDLE is left out, and lines that share a place are refused', () => {
    const path = new Path(make);
    const body = phoneSdp('a=mid:a', 'm=video 5006 RTP/AVP 96', 'a=mid:v').replace(
      't=0 0',
      't=0 0\r\na=group:BUNDLE a v\r\na=ice-lite',
    );
    const invite = path.send('plain', request('INVITE', { body })).passed;
    expect(sdpOf(invite)).not.toMatch(/BUNDLE|ice-/);
    expect(sdpOf(invite)).toContain('a=mid:v');
    expect(cryptoIn(invite)).toHaveLength(4);
    const shared = phoneSdp(`m=video ${PHONE_RTP} RTP/AVP 96`);
    const other = new Path(make);
    expect(other.send('plain', request('INVITE', { body: shared })).ends).toEqual(['refused']);
    expect(other.rig.logged).toContainEqual(expect.stringMatching(/BUNDLE/));
  });

  test('attributes of ICE, DTLS and of keys of the phone are left out', () => {
    const path = new Path(make, { suite: CM });
    const lines = [
      'a=ice-ufrag:x',
      'a=ice-pwd:y',
      'a=candidate:1 1 UDP 1 192.0.2.4 5004 typ host',
      'a=end-of-candidates',
      'a=remote-candidates:1 192.0.2.4 5004',
      'a=fingerprint:SHA-256 00',
      'a=setup:actpass',
      'a=tls-id:1',
      cryptoLine(4, CM, master(30, 8)),
    ];
    const invite = path.send('plain', request('INVITE', { body: phoneSdp(...lines, 'a=sendrecv') })).passed;
    expect(
      sdpOf(invite)
        .split('\r\n')
        .filter((line) => line.startsWith('a=')),
    ).toEqual(['a=sendrecv', expect.stringMatching(/^a=crypto:1 /)]);
  });
});

test.each([
  ['an encoded body', { extra: ['Content-Encoding: gzip'], body: phoneSdp() }],
  [
    'a signed body',
    {
      contentType: 'multipart/signed;boundary=x',
      body: '--x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--x--\r\n',
    },
  ],
  ['an encrypted body', { contentType: 'application/pkcs7-mime', body: 'v=0\r\n' }],
  ['a description that is none', { body: 'v=0\r\nm=audio\r\n' }],
  ['a description with another line', { body: `${phoneSdp()}no line of SDP\r\n` }],
  ['a connection of another kind', { body: phoneSdp().replace('IN IP4 192.0.2.4\r\nt', 'ATM NSAP x\r\nt') }],
])('%s may hide media, and ends under require', (_what, options) => {
  const path = new Path(make);
  const { back, ends } = path.send('plain', request('INVITE', options));
  expect(ends).toEqual(['unreadable-body']);
  expect(back).toMatch(/^SIP\/2\.0 488 /);
  const open = new Path(make, { policy: 'never' });
  expect(open.send('plain', request('INVITE', options)).ends).toEqual([]);
});

test('a description in a multipart body is changed there, and the rest stays', () => {
  const path = new Path(make, { suite: CM });
  const part = phoneSdp();
  const body = `--x\r\nContent-Type: application/sdp\r\nContent-Length: ${part.length}\r\n\r\n${part}\r\n--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n--x--\r\n`;
  const invite = path.send(
    'plain',
    request('INVITE', { contentType: 'multipart/mixed;boundary=x', body }),
  ).passed;
  const changed = invite.slice(invite.indexOf('v=0'), invite.indexOf('\r\n--x\r\nContent-Type: text'));
  expect(cryptoIn(changed)).toHaveLength(1);
  expect(invite).toContain(`Content-Length: ${changed.length}\r\n\r\nv=0`);
  expect(headerOf(invite, 'Content-Length')).toBe(`${sdpOf(invite).length}`);
  expect(invite).toContain('hello');
});

test.each<[string, Record<string, string>, RegExp]>([
  ['a policy', { policy: 'always' }, /^policy must be require, prefer or never/],
  ['an offer', { offer: 'both' }, /^offer must be two-lines, capability or osrtp/],
  ['a suite', { suite: 'AEAD_AES_256_GCM_8' }, /^suite must be one of AES_CM_128/],
  ['ports of media', { 'media-ports': '9-1' }, /^media-ports must be two ports/],
  [
    'ports of media with that of SIP',
    { 'media-ports': '5000-6000' },
    /^media-ports must not hold the port of SIP/,
  ],
  ['a key of states', { 'state-key': 'AAAA' }, /^state-key must be 32 bytes in base64/],
  ['what follows a new key', { 'new-key': 'x' }, /^new-key must be continue or restart/],
  ['a window', { window: '100' }, /^window must be a multiple of 64/],
  ['too much for one call', { contexts: '7' }, /^calls times contexts must not be more than 2048/],
  ['too much memory', { window: '32768', contexts: '6' }, /^calls times contexts times window/],
])('%s that is wrong is a problem of the settings', (_what, settings, message) => {
  expect(problemsOf(make, settings)).toEqual([expect.stringMatching(message)]);
});
