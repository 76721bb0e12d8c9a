import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import { type BoundComponent, runThroughBindings } from '../compliance/run-through-bindings.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import {
  type GivenFrame,
  PieceRig,
  problemsOf,
  type RigResult,
  type SentFrame,
} from '../pieces/piece-rig.ts';
import { SrtpModel, SUITES, type SuiteName } from './srtp-model.ts';

let make: BoundComponent;
let component: Uint8Array;
beforeAll(async () => {
  component = await builtPiece(join(packageRoot(), 'pieces-as/srtp'));
  make = await runByOffset(component);
}, 300_000);

const SUITE_NAMES = Object.keys(SUITES) as SuiteName[];
const CM: SuiteName = 'AES_CM_128_HMAC_SHA1_80';
const SSRC = 0xcafe_babe;

describe.each(SUITE_NAMES)('%s', (suite) => {
  test('what leaves is what the RFCs say, and comes back to the byte', () => {
    const { rig, sendModel, receiveModel } = pair(suite);
    const packet = rtp(1000, 'speech');
    const control = senderReport();
    const sent = rig.process(plain(packet), plain(control), plain(rtp(1001, '')));
    expect(sent.ends).toEqual([]);
    expect(payloads(sent)).toEqual([
      sendModel.protect(packet, 1000),
      sendModel.protectControl(control, 0),
      sendModel.protect(rtp(1001, ''), 1001),
    ]);
    const back = rig.process(
      carried(receiveModel.protect(packet, 1000)),
      carried(receiveModel.protectControl(control, 5)),
      carried(receiveModel.protectControl(control, 6, false)),
    );
    expect(back.ends).toEqual([]);
    expect(payloads(back)).toEqual([packet, control, control]);
  });

  test('a packet with any bit changed, cut off or added does not pass', () => {
    const { rig, receiveModel } = pair(suite);
    const whole = receiveModel.protect(rtp(7, 'speech', { sources: 1, extension: 2 }), 7);
    const control = receiveModel.protectControl(senderReport(), 1);
    for (const packet of [whole, control]) {
      for (let bit = 0; bit < packet.length * 8; bit++) {
        const forged = Buffer.from(packet);
        forged[bit >> 3]! ^= 1 << (bit & 7);
        const { sent, ends } = rig.process(carried(forged));
        // A changed first byte may make it STUN, DTLS or the like, which passes unchanged.
        if (sent.length > 0) expect([bit >> 3, payloadOf(sent[0]!)]).toEqual([0, forged]);
        else expect(ends).toHaveLength(1);
      }
      for (let length = 1; length < packet.length; length++)
        expect(rig.process(carried(packet.subarray(0, length))).sent).toEqual([]);
      expect(rig.process(carried(Buffer.concat([packet, Buffer.from([0])]))).sent).toEqual([]);
    }
    // None of these changed the state: the true ones pass.
    expect(payloads(rig.process(carried(whole), carried(control)))).toHaveLength(2);
  });

  test('an MKI stands where the RFCs put it, chooses the key, and an unknown one is named', () => {
    const keys = [1, 2].map((n) => master(suite, n));
    const rig = new PieceRig(make, {
      suite,
      'send-key': `${keys[0]!.toString('base64')}|2^20|17:4`,
      'receive-key': `${keys[1]!.toString('base64')}|1:2`,
    }).join();
    const sending = new SrtpModel(suite, keys[0]!, Buffer.from([0, 0, 0, 17]));
    const right = new SrtpModel(suite, keys[1]!, Buffer.from([0, 1]));
    const wrong = new SrtpModel(suite, keys[1]!, Buffer.from([0, 2]));
    const control = senderReport();
    expect(payloads(rig.process(plain(rtp(5, 'x')), plain(control)))).toEqual([
      sending.protect(rtp(5, 'x'), 5),
      sending.protectControl(control, 0),
    ]);
    const result = rig.process(
      carried(wrong.protect(rtp(5, 'x'), 5)),
      carried(wrong.protectControl(control, 0)),
      carried(right.protect(rtp(5, 'x'), 5)),
      carried(right.protectControl(control, 0)),
    );
    expect(reasons(result)).toEqual(['unknown-key', 'unknown-key']);
    expect(payloads(result)).toEqual([rtp(5, 'x'), control]);
  });
});

test('runs the same through ordinary bindings', async () => {
  const bound = await runThroughBindings(component);
  for (const suite of [CM, 'AEAD_AES_256_GCM'] as const) {
    const [offset, bindings] = [make, bound].map((each) => {
      const { rig, receiveModel } = pair(suite, {}, each);
      const there = rig.process(plain(rtp(3, 'speech')), plain(senderReport()));
      const back = rig.process(
        carried(receiveModel.protect(rtp(9, 'speech'), 9)),
        carried(Buffer.alloc(40, 0x80)),
      );
      return [payloads(there), payloads(back), reasons(back)];
    });
    expect(bindings).toEqual(offset);
  }
}, 120_000);

describe('the index', () => {
  test('rolls over at both sides, also within one call, and from the first packets on', () => {
    const { rig, sendModel, receiveModel } = pair(CM);
    const numbers = [65_533, 65_534, 65_535, 0, 1, 2];
    const indices = numbers.map((n) => (n < 10 ? n + 0x1_0000 : n));
    expect(payloads(rig.process(...numbers.map((n) => plain(rtp(n, `p${n}`)))))).toEqual(
      numbers.map((n, i) => sendModel.protect(rtp(n, `p${n}`), indices[i]!)),
    );
    expect(
      payloads(
        rig.process(...numbers.map((n, i) => carried(receiveModel.protect(rtp(n, `p${n}`), indices[i]!)))),
      ),
    ).toEqual(numbers.map((n) => rtp(n, `p${n}`)));
  });

  test.each([
    [128, 9000],
    [1024, 1000],
  ])('agrees with a model over reordered and lossy sequences, by window (%d) and step', (window, most) => {
    fc.assert(
      fc.property(
        fc.nat(65_535),
        fc.array(fc.integer({ min: -60, max: most }), { minLength: 1, maxLength: 60 }),
        (first, steps) => {
          const { rig, receiveModel } = pair(CM, { window: `${window}` });
          const passed = new Set<number>();
          let index = first;
          let highest = first;
          for (const step of [0, ...steps]) {
            index = Math.max(first, highest + step);
            const packet = rtp(index % 0x1_0000, 'x');
            const { sent, ends } = rig.process(carried(receiveModel.protect(packet, index)));
            if (passed.has(index)) expect(ends).toMatchObject([{ reason: 'replayed' }]);
            else expect(sent.map(payloadOf)).toEqual([packet]);
            passed.add(index);
            highest = Math.max(highest, index);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test('may jump as far as the largest window with each packet of a full call', () => {
    const { rig } = pair(CM, { window: '32768', contexts: '4' });
    // The fuel of a call is bounded, so the work for a jump must be.
    for (let round = 0; round < 3; round++) {
      const packets = Array.from({ length: 256 }, (_, i) => plain(rtp((round * 256 + i) * 30_000, 'x')));
      expect(rig.process(...packets).sent).toHaveLength(256);
      rig.now += 1000;
    }
  });

  test('is not changed by a forged packet', () => {
    const { rig, receiveModel } = pair(CM);
    rig.process(carried(receiveModel.protect(rtp(100, 'x'), 100)));
    // Forged numbers all over, which would move a careless window by rollovers.
    for (let n = 0; n < 65_536; n += 4099)
      expect(reasons(rig.process(carried(Buffer.concat([rtp(n, 'x'), Buffer.alloc(10)]))))).toHaveLength(1);
    expect(payloads(rig.process(carried(receiveModel.protect(rtp(101, 'x'), 101))))).toEqual([rtp(101, 'x')]);
  });

  test('of a source is its own, whatever others do', () => {
    const { rig, receiveModel } = pair(CM);
    const of = (ssrc: number, n: number, index: number) =>
      carried(receiveModel.protect(rtp(n, 'x', { ssrc }), index));
    const result = rig.process(
      of(1, 65_535, 65_535),
      of(2, 5, 5),
      of(1, 0, 65_536),
      of(2, 6, 6),
      of(1, 1, 65_537),
    );
    expect(result.sent).toHaveLength(5);
  });

  test('comes once within the window, and never behind it, by the setting', () => {
    for (const window of [64, 128, 32_768]) {
      const { rig, receiveModel } = pair(CM, { window: `${window}`, contexts: '4' });
      const at = (index: number) => carried(receiveModel.protect(rtp(index % 0x1_0000, 'x'), index));
      rig.process(at(40_000));
      expect(reasons(rig.process(at(40_000)))).toEqual(['replayed']);
      expect(reasons(rig.process(at(40_000 - window)))).toEqual(['too-old']);
      expect(rig.process(at(40_000 - window + 1)).sent).toHaveLength(1);
      expect(reasons(rig.process(at(40_000 - window + 1)))).toEqual(['replayed']);
    }
  });

  test('of two copies in one call lets one pass', () => {
    const { rig, receiveModel } = pair(CM);
    const packet = carried(receiveModel.protect(rtp(9, 'x'), 9));
    for (let round = 0; round < 2; round++) {
      const result = rig.process(packet, packet, packet);
      expect([result.sent.length, new Set(reasons(result))]).toEqual([
        round === 0 ? 1 : 0,
        new Set(['replayed']),
      ]);
    }
  });
});

describe('no index is encrypted twice', () => {
  test('when the plain side begins its numbers anew: they go on behind the old ones', () => {
    const { rig, sendModel } = pair(CM);
    for (let n = 30_000; n <= 30_100; n++) rig.process(plain(rtp(n, `old ${n}`)));
    const results = [5, 6, 7, 8].map((n) => rig.process(plain(rtp(n, `new ${n}`))));
    expect(reasons(results[0]!)).toEqual(['late']);
    expect(results.slice(1).flatMap(payloads)).toEqual(
      [6, 7, 8].map((n, i) => {
        const renumbered = rtp(n, `new ${n}`);
        renumbered.writeUInt16BE(30_101 + i, 2);
        return sendModel.protect(renumbered, 30_101 + i);
      }),
    );
  });

  test('when a packet is sent again, or late', () => {
    const { rig } = pair(CM);
    rig.process(plain(rtp(500, 'x')), plain(rtp(502, 'x')));
    expect(reasons(rig.process(plain(rtp(500, 'other'))))).toEqual(['repeated']);
    expect(rig.process(plain(rtp(501, 'late'))).sent).toHaveLength(1);
    expect(reasons(rig.process(plain(rtp(300, 'x'))))).toEqual(['late']);
    // One that is late once does not move the numbers.
    expect(rig.process(plain(rtp(503, 'x'))).sent).toHaveLength(1);
  });

  test('whatever the plain side sends, restores included', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.record({ number: fc.nat(65_535) }),
            fc.record({ step: fc.integer({ min: -3, max: 3 }) }),
            fc.constant('restore' as const),
          ),
          { minLength: 1, maxLength: 60 },
        ),
        (events) => {
          let { rig } = pair(CM);
          const seen = new Map<string, string>();
          let number = 0;
          let serial = 0;
          for (const event of events) {
            if (event === 'restore') {
              const state = rig.piece.save(rig.now);
              rig = pair(CM).rig;
              expect(rig.piece.restore(rig.now, '0.1.0', state)).toBeUndefined();
              continue;
            }
            number = ('number' in event ? event.number : number + event.step) & 0xffff;
            const packet = rtp(number, `contents ${serial++}`);
            for (const sent of rig.process(plain(packet)).sent.map(payloadOf)) {
              // The key stream, from the text that is known: the same one twice is the fault.
              const stream = Buffer.from(sent.subarray(12, 28).map((byte, i) => byte ^ packet[12 + i]!));
              const key = stream.toString('hex');
              expect(seen.get(key)).toBeUndefined();
              seen.set(key, packet.toString('hex'));
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('what is on a media port', () => {
  test.each<[string, readonly number[], string]>([
    ['STUN', [0, 1, 0, 0], 'passes'],
    ['the last of STUN', [3], 'passes'],
    ['4', [4], 'not-media'],
    ['15', [15], 'not-media'],
    ['ZRTP', [16], 'passes'],
    ['DTLS', [20], 'passes'],
    ['the last of DTLS', [63], 'passes'],
    ['TURN', [64], 'passes'],
    ['the last of TURN', [79], 'passes'],
    ['80', [80], 'not-media'],
    ['127', [127], 'not-media'],
    ['192', [192], 'not-media'],
    ['an empty datagram', [], 'not-media'],
    ['RTP of three bytes', [128, 0, 0], 'malformed'],
    ['RTP of eleven bytes', [128, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0], 'malformed'],
    ['RTCP of seven bytes', [128, 200, 0, 1, 0, 0, 0], 'malformed'],
    ['RTP whose sources end outside', [143, 0, 0, 1, ...Array<number>(20).fill(0)], 'malformed'],
    ['RTP whose extension ends outside', [144, 0, 0, 1, ...Array<number>(10).fill(0), 0, 9], 'malformed'],
    ['payload type 72, which looks like RTCP', [128, 72, ...Array<number>(20).fill(0)], 'not-media'],
    ['payload type 95', [128, 95, ...Array<number>(20).fill(0)], 'not-media'],
  ])('%s: %s', (_name, bytes, expected) => {
    const { rig } = pair(CM);
    const result = rig.process(plain(Buffer.from(bytes)));
    if (expected === 'passes') expect(payloads(result)).toEqual([Buffer.from(bytes)]);
    else expect(reasons(result)).toEqual([expected]);
    // Nothing passes the other way that was not protected.
    const back = rig.process(carried(Buffer.from(bytes)));
    if (expected === 'passes') expect(payloads(back)).toEqual([Buffer.from(bytes)]);
    else expect(back.sent).toEqual([]);
  });

  test('only ports of the setting are media ports, at either end', () => {
    const { rig } = pair(CM, { port: '5004' });
    const packet = rtp(1, 'speech');
    expect(payloads(rig.process(plain(packet, 7000, 7002)))).toEqual([packet]);
    expect(payloads(rig.process(plain(packet, 5004, 7002)))).not.toEqual([packet]);
    expect(payloads(rig.process(plain(rtp(2, 'x'), 7000, 5004)))).not.toEqual([rtp(2, 'x')]);
  });
});

test('contexts are bounded in each direction, and strangers take none', () => {
  const { rig, receiveModel } = pair(CM, { contexts: '2' });
  const of = (ssrc: number) => rtp(1, 'x', { ssrc });
  expect(reasons(rig.process(plain(of(1)), plain(of(2)), plain(of(3))))).toEqual(['too-many-streams']);
  for (let ssrc = 10; ssrc < 50; ssrc++)
    expect(reasons(rig.process(carried(Buffer.concat([of(ssrc), Buffer.alloc(10)]))))).toEqual(['forged']);
  const all = [1, 2, 3].map((ssrc) => carried(receiveModel.protect(of(ssrc), 1)));
  const result = rig.process(...all);
  expect([result.sent.length, reasons(result)]).toEqual([2, ['too-many-streams']]);
});

test('the status shows the Edges without a network, and keys that differ, until a right packet comes', () => {
  const { rig, receiveModel } = pair(CM);
  const summary = () => rig.statuses.at(-1)!.summary;
  rig.process(plain(rtp(1, 'x')));
  expect(rig.statuses.at(-1)).toEqual({
    health: 'good',
    summary: 'protects RTP and RTCP, and has heard nothing of the other side',
    facts: { suite: CM },
  });
  rig.process(carried(Buffer.concat([rtp(1, 'x'), Buffer.alloc(10)])));
  expect(rig.statuses.at(-1)).toMatchObject({
    health: 'impaired',
    summary: 'no packet has a right tag: compare the keys of the two sides',
  });
  rig.process(carried(receiveModel.protect(rtp(1, 'x'), 1)));
  expect(summary()).toBe('protects RTP and RTCP');
  const reports = rig.statuses.length;
  rig.process(carried(receiveModel.protect(rtp(2, 'x'), 2)));
  expect(rig.statuses.length).toBe(reports);
  rig.leave('plain').process();
  expect(summary()).toBe('waits for a network on its Edge plain');
});

test('a key ends with its lifetime', () => {
  const { rig } = pair(CM, { 'send-key': `${master(CM, 1).toString('base64')}|3` });
  const result = rig.process(...[1, 2, 3, 4].map((n) => plain(rtp(n, 'x'))));
  expect([result.sent.length, reasons(result)]).toEqual([3, ['key-used-up']]);
});

test('a state goes to the next instance: sources go on where they were', () => {
  const { rig, receiveModel } = pair(CM);
  rig.process(carried(receiveModel.protect(rtp(65_535, 'x'), 65_535)));
  rig.process(carried(receiveModel.protect(rtp(0, 'x'), 0x1_0000)));
  const state = rig.piece.save(rig.now);
  const next = pair(CM).rig;
  expect(next.piece.restore(next.now, '0.1.0', state)).toBeUndefined();
  const result = next.process(
    carried(receiveModel.protect(rtp(0, 'x'), 0x1_0000)),
    carried(receiveModel.protect(rtp(1, 'x'), 0x1_0001)),
  );
  expect([result.sent.length, reasons(result)]).toEqual([1, ['replayed']]);
  // A saved state holds no key.
  expect(Buffer.from(state).includes(master(CM, 1).subarray(0, 16))).toBe(false);
});

test.each<[string, Record<string, string>, RegExp]>([
  ['another suite', { suite: 'AEAD_AES_256_GCM_8' }, /^suite must be one of AES_CM_128/],
  ['a key that is too short', { 'send-key': 'AAAA' }, /^send-key must be a key and a salt of 30 bytes/],
  ['no base64', { 'send-key': '!'.repeat(40) }, /^send-key must be a key and a salt/],
  ['a lifetime of nothing', { 'send-key': `${'A'.repeat(40)}|0` }, /^send-key must have a lifetime/],
  ['a lifetime beyond 2^48', { 'send-key': `${'A'.repeat(40)}|2^49` }, /^send-key must have a lifetime/],
  ['an MKI that does not fit', { 'send-key': `${'A'.repeat(40)}|256:1` }, /^send-key must have an MKI/],
  ['an MKI without its length', { 'send-key': `${'A'.repeat(40)}|2^9|1` }, /^send-key has two lifetimes/],
  ['an MKI in front', { 'send-key': `${'A'.repeat(40)}|1:4|2^9` }, /^send-key has an MKI in front/],
  ['a window that is no multiple of 64', { window: '100' }, /^window must be a multiple of 64/],
  ['too much memory', { window: '32768', contexts: '4096' }, /^contexts times window must not/],
])('%s is a problem of the settings', (_what, settings, message) => {
  const given = { 'send-key': 'A'.repeat(40), 'receive-key': 'A'.repeat(40), ...settings };
  expect(problemsOf(make, given)).toEqual([expect.stringMatching(message)]);
});

test.each([
  ['with its padding', 'AEAD_AES_256_GCM', `${master('AEAD_AES_256_GCM', 1).toString('base64')}`],
  [
    'without its padding',
    'AEAD_AES_256_GCM',
    master('AEAD_AES_256_GCM', 1).toString('base64').replace(/=+$/, ''),
  ],
  ['with inline: in front', CM, `inline:${master(CM, 1).toString('base64')}|2^31`],
  ['of the older name of the suite', 'AES_CM_256_HMAC_SHA1_80', Buffer.alloc(46, 7).toString('base64')],
  [
    'without padding, of the older name',
    'AES_CM_256_HMAC_SHA1_80',
    Buffer.alloc(46, 7).toString('base64').slice(0, -2),
  ],
])('a key is accepted %s', (_how, suite, key) => {
  expect(problemsOf(make, { suite, 'send-key': key, 'receive-key': key })).toEqual([]);
});

/** A piece with two keys, and the models of what it sends and of what its peer sends. */
function pair(suite: SuiteName, settings: Record<string, string> = {}, from = make) {
  const keys = [master(suite, 1), master(suite, 2)] as const;
  const rig = new PieceRig(from, {
    suite,
    'send-key': keys[0].toString('base64'),
    'receive-key': keys[1].toString('base64'),
    ...settings,
  }).join();
  return { rig, sendModel: new SrtpModel(suite, keys[0]), receiveModel: new SrtpModel(suite, keys[1]) };
}

function master(suite: SuiteName, seed: number): Buffer {
  const { key, salt } = SUITES[suite];
  return Buffer.from(Array.from({ length: key + salt }, (_, i) => (i * 37 + seed * 101) & 0xff));
}

function rtp(
  sequence: number,
  payload: string,
  { ssrc = SSRC, sources = 0, extension = -1 }: { ssrc?: number; sources?: number; extension?: number } = {},
): Buffer {
  const header = Buffer.alloc(12 + sources * 4 + (extension < 0 ? 0 : 4 + extension * 4));
  header[0] = 0x80 | sources | (extension < 0 ? 0 : 0x10);
  header.writeUInt16BE(sequence & 0xffff, 2);
  header.writeUInt32BE((sequence * 160) >>> 0, 4);
  header.writeUInt32BE(ssrc, 8);
  if (extension >= 0) header.writeUInt32BE(0xbede_0000 + extension, 12 + sources * 4);
  return Buffer.concat([header, Buffer.from(payload.padEnd(payload === '' ? 0 : 24))]);
}

function senderReport(): Buffer {
  const report = Buffer.alloc(28, 0x11);
  report.writeUInt32BE(0x80c8_0006, 0);
  report.writeUInt32BE(SSRC, 4);
  return report;
}

const plain = (bytes: Uint8Array, from = 5004, to = 5006): GivenFrame => datagram('plain', bytes, from, to);
const carried = (bytes: Uint8Array): GivenFrame => datagram('protected', bytes, 5006, 5004);

function datagram(edge: string, bytes: Uint8Array, from: number, to: number): GivenFrame {
  const ip = Buffer.alloc(20);
  ip[0] = 0x45;
  const udp = Buffer.alloc(8);
  udp.writeUInt16BE(from, 0);
  udp.writeUInt16BE(to, 2);
  return {
    edge,
    parts: [
      { protocol: 'ipv4', role: 'header', bytes: ip },
      { protocol: 'udp', role: 'header', bytes: udp },
      { bytes },
    ],
  };
}

function payloadOf(frame: SentFrame): Buffer {
  return Buffer.from(frame.bytes.subarray(28));
}

const payloads = ({ sent }: RigResult): Buffer[] => sent.map(payloadOf);
const reasons = ({ ends }: RigResult): string[] => ends.map(({ reason }) => reason);
