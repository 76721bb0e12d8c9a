import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { PartMarks } from '../../abi/host/contract.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { areSame, FIN, RST, read, STRANGER, SYN, stream } from './carrier-frames.ts';
import { PieceRig, problemsOf } from './piece-rig.ts';
import {
  CODE_REJECT,
  CONFIGURE_ACK,
  control,
  DISCARD,
  ECHO_REPLY,
  ECHO_REQUEST,
  encode,
  framesIn,
  IPCP,
  IPV6CP,
  ipv4Packet,
  ipv6Packet,
  LCP,
  NAK,
  type Packet,
  PppPair,
  PppPeer,
  PROTOCOL_REJECT,
  packetsIn,
  REJECT,
  REQUEST,
  sequenceOf,
  TERMINATE,
  TERMINATE_ACK,
} from './ppp-peer.ts';

let make: BoundComponent;
beforeAll(async () => {
  make = await runByOffset(await builtPiece(join(packageRoot(), 'pieces-as/ppp')));
}, 300_000);

const GIVES = { address: '192.0.2.10', 'peer-address': '192.0.2.20', interface: '0:0:0:1' };

function rig(settings: Record<string, string> = {}, seed = 1n): PieceRig {
  let drawn = seed * 0x1_0000_0001n;
  const random = () => {
    drawn += 0x1234_5678_9abc_def1n;
    return drawn & 0xffff_ffff_ffff_ffffn;
  };
  return new PieceRig(make, settings, random).join();
}

function pair(cut?: (bytes: Uint8Array) => readonly Uint8Array[]): PppPair {
  const both = new PppPair(rig({ remote: '192.0.2.2' }), rig(GIVES, 2n), cut);
  both.call(0);
  return both;
}

function peer(settings: Record<string, string> = GIVES): PppPeer {
  return new PppPeer(rig(settings));
}

describe('two pieces', () => {
  it('agree on addresses, which they offer, with the routes to each other', () => {
    const { opener, other } = pair();
    expect(opener.statuses.at(-1)).toMatchObject({
      summary: 'carries packets',
      facts: { address: '192.0.2.20', 'peer-address': '192.0.2.10', mtu: '1500' },
    });
    expect(other.statuses.at(-1)).toMatchObject({
      facts: { address: '192.0.2.10', 'peer-address': '192.0.2.20', address6: 'fe80::1' },
    });
    for (const { offers } of [opener, other]) {
      expect(offers.at(-1)).toBe('up true');
      const held = new Map<string, number>();
      for (const offer of offers) {
        const [name, present] = offer.split(' ') as [string, string];
        held.set(name, (held.get(name) ?? 0) + (present === 'true' ? 1 : -1));
      }
      expect(Object.fromEntries(held)).toEqual({ address: 2, route: 1, mtu: 1, up: 1 });
    }
  });

  it('carry all packets as they are, however the stream is cut', () => {
    const packet = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      // Flags, escapes and control characters, which the stream must not show.
      fc.array(fc.constantFrom(0x7e, 0x7d, 0, 0x11, 0x13, 0x5e, 0x45, 0xff), {
        minLength: 1,
        maxLength: 1500,
      }),
      fc.nat({ max: 1499 }).map((length) => Array.from({ length: length + 1 }, (_, n) => (n * 7) & 255)),
    );
    fc.assert(
      fc.property(
        fc.array(packet, { maxLength: 12 }),
        fc.array(fc.nat(3000), { maxLength: 20 }),
        (all, cuts) => {
          const both = pair((bytes) => {
            const at = [
              0,
              ...[...new Set(cuts.filter((cut) => cut > 0 && cut < bytes.length))],
              bytes.length,
            ];
            at.sort((a, b) => a - b);
            return at.slice(1).map((end, n) => bytes.subarray(at[n]!, end));
          });
          both.call(0, ...all.map((bytes, n) => (n % 2 === 0 ? ipv4Packet(bytes) : ipv6Packet(bytes))));
          both.call(1, ...all.map((bytes, n) => (n % 2 === 0 ? ipv6Packet(bytes) : ipv4Packet(bytes))));
          const sent = all.map((bytes) => Uint8Array.from(bytes));
          expect(areSame(both.delivered[1], sent) && areSame(both.delivered[0], sent)).toBe(true);
          expect(new Set(both.reasons)).toEqual(
            new Set(both.reasons.filter((reason) => /merged|control/.test(reason))),
          );
          expect([both.opener.held, both.other.held]).toEqual([0, 0]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('go on when either is replaced by an instance with its state', () => {
    const both = pair();
    for (const which of ['opener', 'other'] as const) {
      const next = rig(which === 'opener' ? { remote: '192.0.2.2' } : GIVES, 7n);
      expect(next.piece.restore(2000, '0.1.0', both[which].piece.save(1000))).toBeUndefined();
      const after = new PppPair(
        which === 'opener' ? next : both.opener,
        which === 'other' ? next : both.other,
      );
      after.call(0, ipv4Packet([0x45, 1, 2]));
      after.call(1, ipv6Packet([0x60, 3]));
      expect(after.delivered).toEqual([[Uint8Array.from([0x60, 3])], [Uint8Array.from([0x45, 1, 2])]]);
    }
  });

  it('are the same line where it leads back: it never opens, falls silent, and is given up', () => {
    const one = rig({ ...GIVES });
    let result = one.process(stream([], SYN));
    for (let n = 0; n < 40; n++) {
      const bytes = result.sent
        .filter(({ edge }) => edge === 'carrier')
        .flatMap((frame) => [...read(frame).body]);
      if (bytes.length === 0) break;
      result = one.process(stream(bytes));
    }
    expect(one.statuses.every(({ summary }) => /opens? the stream|on the link/.test(summary))).toBe(true);
    expect(result.sent).toEqual([]);
    for (let n = 0; n < 10; n++) {
      one.now = result.wakeAt;
      result = one.process();
    }
    expect(result.sent.map((frame) => read(frame).flags & RST)).toEqual([RST]);
  });
});

describe('frames', () => {
  it('of the link come with everything escaped, and of packets as both agreed', () => {
    const side = peer();
    const [frame] = framesIn(side.open());
    expect(frame).toMatchObject({ isPlain: true, protocol: LCP });
    const other = peer();
    // The character map 0, and both compressions.
    other.agree([2, 6, 0, 0, 0, 0, 7, 2, 8, 2]);
    other.say({ protocol: IPCP, code: REQUEST, id: 1, data: [3, 6, 192, 0, 2, 20] });
    const result = other.rig.process(ipv4Packet([0x45, 0, 0x11]));
    expect(read(result.sent[0]!).body).toEqual(Uint8Array.from(encode([0x21, 0x45, 0, 0x11], () => false)));
  });

  it('are escaped as the other side asks', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffff_ffff }),
        fc.uint8Array({ minLength: 1, maxLength: 100 }),
        (map, bytes) => {
          const other = peer();
          other.agree([2, 6, map >>> 24, (map >>> 16) & 255, (map >>> 8) & 255, map & 255]);
          other.say({ protocol: IPCP, code: REQUEST, id: 1, data: [3, 6, 192, 0, 2, 20] });
          const [frame] = other.rig.process(ipv4Packet(bytes)).sent;
          const isEscaped = (byte: number) => byte < 0x20 && ((map >>> byte) & 1) === 1;
          expect(read(frame!).body).toEqual(Uint8Array.from(encode([0xff, 3, 0, 0x21, ...bytes], isEscaped)));
        },
      ),
      { numRuns: 40 },
    );
  });

  it.each([
    ['a wrong check sequence', () => encode([0xff, 3, 0, 0x21, 0x45], undefined, sequenceOf([1]))],
    ['an abort', () => [0x7e, 0xff, 3, 0, 0x21, 0x45, 0x7d, 0x7e]],
    ['too few bytes', () => [0x7e, 1, 2, 3, 0x7e]],
    ['more bytes than are taken', () => encode([0xff, 3, 0, 0x21, ...Array(1501).fill(0x45)])],
    ['more bytes than any', () => encode(Array(70_000).fill(0x45))],
  ])('with %s are lost by name, and the next one passes', (_what, bytes) => {
    const both = peer();
    both.agree();
    both.say({ protocol: IPCP, code: REQUEST, id: 1, data: [3, 6, 192, 0, 2, 20] });
    const bad = bytes();
    const results = [];
    for (let at = 0; at < bad.length; at += 60_000)
      results.push(both.rig.process(stream(bad.slice(at, at + 60_000))));
    expect(results.at(-1)!.ends.map(({ reason }) => reason)).toEqual(['bad-frame']);
    const good = both.rig.process(stream(encode([0xff, 3, 0, 0x21, 0x45, 9])));
    expect(good.sent.map((frame) => [frame.edge, ...frame.bytes])).toEqual([['packets', 0x45, 9]]);
    expect(good.sent[0]!.parts[0]!.marks).toBe(PartMarks.unparsed);
  });

  it('of a protocol that is not known are rejected, with what they held', () => {
    const both = peer();
    both.agree();
    const result = both.rig.process(stream(encode([0xff, 3, 0x80, 0xfd, 1, 2, 3])));
    expect(result.ends.map(({ reason }) => reason)).toEqual(['unknown-protocol']);
    expect(packetsIn(result)).toMatchObject([
      { protocol: LCP, code: PROTOCOL_REJECT, data: [0x80, 0xfd, 1, 2, 3] },
    ]);
  });

  it('before the link is up are not answered', () => {
    const both = peer();
    both.open();
    const result = both.say({ protocol: IPCP, code: REQUEST, id: 1, data: [] });
    expect([result.sent, result.ends.map(({ reason }) => reason)]).toEqual([[], ['not-open']]);
  });
});

describe('requests of the other side', () => {
  const lcp = (data: number[]) => ({ protocol: LCP, code: REQUEST, id: 77, data });
  const magic = [5, 6, 1, 2, 3, 4];

  test.each<[string, number[], number, number[]]>([
    ['nothing', [], CONFIGURE_ACK, []],
    [
      'all that is known',
      [1, 4, 5, 0xdc, 2, 6, 0, 0, 0, 0, ...magic, 7, 2, 8, 2],
      CONFIGURE_ACK,
      [1, 4, 5, 0xdc, 2, 6, 0, 0, 0, 0, ...magic, 7, 2, 8, 2],
    ],
    ['authentication', [3, 4, 0xc0, 0x23, ...magic], REJECT, [3, 4, 0xc0, 0x23]],
    ['quality reports', [4, 8, 0xc0, 0x25, 0, 0, 0, 9], REJECT, [4, 8, 0xc0, 0x25, 0, 0, 0, 9]],
    ['two that are not known, among others', [13, 3, 6, 7, 2, 99, 2], REJECT, [13, 3, 6, 99, 2]],
    ['packets that are too small', [1, 4, 0, 100], NAK, [1, 4, 5, 0xdc]],
    ['packets that are too small, and one not known', [1, 4, 0, 100, 13, 3, 6], REJECT, [13, 3, 6]],
    ['an option of another length', [7, 3, 0], REJECT, [7, 3, 0]],
  ])('%s', (_what, options, code, data) => {
    const side = peer();
    side.open();
    expect(packetsIn(side.say(lcp(options)))).toEqual([{ protocol: LCP, code, id: 77, data }]);
  });

  test.each([
    ['an option longer than the packet', [7, 9]],
    ['an option shorter than itself', [7, 1]],
    ['half an option', [7]],
  ])('with %s are not answered', (_what, options) => {
    const side = peer();
    side.open();
    expect(side.say(lcp(options)).sent).toEqual([]);
  });

  test('that never learn have to leave it out', () => {
    const side = peer();
    side.open();
    const codes = Array.from({ length: 7 }, () => packetsIn(side.say(lcp([1, 4, 0, 100])))[0]!.code);
    expect(codes).toEqual([NAK, NAK, NAK, NAK, NAK, REJECT, REJECT]);
  });

  test.each<[string, Record<string, string>, number, number[], number, number[]]>([
    ['an address to be assigned', GIVES, IPCP, [3, 6, 0, 0, 0, 0], NAK, [3, 6, 192, 0, 2, 20]],
    ['another address', GIVES, IPCP, [3, 6, 10, 0, 0, 1], NAK, [3, 6, 192, 0, 2, 20]],
    ['the right address', GIVES, IPCP, [3, 6, 192, 0, 2, 20], CONFIGURE_ACK, [3, 6, 192, 0, 2, 20]],
    ['no address', GIVES, IPCP, [], NAK, [3, 6, 192, 0, 2, 20]],
    ['an address of its own', {}, IPCP, [3, 6, 10, 0, 0, 1], CONFIGURE_ACK, [3, 6, 10, 0, 0, 1]],
    ['an address that nobody gives', {}, IPCP, [3, 6, 0, 0, 0, 0], REJECT, [3, 6, 0, 0, 0, 0]],
    [
      'compression of headers',
      GIVES,
      IPCP,
      [2, 6, 0, 0x2d, 15, 1, 3, 6, 192, 0, 2, 20],
      REJECT,
      [2, 6, 0, 0x2d, 15, 1],
    ],
    [
      'an identifier',
      GIVES,
      IPV6CP,
      [1, 10, 0, 0, 0, 0, 0, 0, 0, 2],
      CONFIGURE_ACK,
      [1, 10, 0, 0, 0, 0, 0, 0, 0, 2],
    ],
  ])('%s', (_what, settings, protocol, options, code, data) => {
    const side = peer(settings);
    side.agree();
    const answers = packetsIn(side.say({ protocol, code: REQUEST, id: 9, data: options }));
    expect(answers).toEqual([{ protocol, code, id: 9, data }]);
  });

  test.each([
    ['none', []],
    ['zero', [1, 10, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['ours', [1, 10, 0, 0, 0, 0, 0, 0, 0, 1]],
  ])('an identifier that is %s gets another suggested', (_what, data) => {
    const side = peer();
    side.agree();
    const [answer] = packetsIn(side.say({ protocol: IPV6CP, code: REQUEST, id: 9, data }));
    expect(answer).toMatchObject({ code: NAK, data: [1, 10, ...Array(8).fill(expect.any(Number))] });
    expect(answer!.data.slice(2)).not.toEqual([0, 0, 0, 0, 0, 0, 0, 1]);
    expect(answer!.data[2]! & 2).toBe(0);
  });

  test('as many as a packet can have, each with another value suggested, write no further than they may', () => {
    const side = peer();
    side.agree();
    const data = Array.from({ length: 256 }, () => [1, 2]).flat();
    expect(packetsIn(side.say({ protocol: IPV6CP, code: REQUEST, id: 9, data }))[0]!.code).toBe(REJECT);
    const zeros = Array.from({ length: 51 }, () => [1, 10, 0, 0, 0, 0, 0, 0, 0, 0]).flat();
    expect(packetsIn(side.say({ protocol: IPV6CP, code: REQUEST, id: 9, data: zeros }))[0]!.code).toBe(NAK);
    expect(side.say({ protocol: IPV6CP, code: REQUEST, id: 9, data: [...data, 7, 2] }).sent).toEqual([]);
  });
});

describe('answers of the other side', () => {
  const first = (side: PppPeer): Packet => packetsIn(side.open())[0]!;

  test('that reject options are followed', () => {
    const side = peer({ ...GIVES, mru: '1600' });
    const request = first(side);
    expect(request.data.filter((_, at, all) => at === 0 || all[at - 1] === undefined)).toEqual([1]);
    const [next] = packetsIn(side.say({ ...request, code: REJECT, data: request.data }));
    expect(next).toMatchObject({ code: REQUEST, data: [] });
    expect(next!.id).not.toBe(request.id);
  });

  test('to another request, or with other options, are ignored', () => {
    const side = peer();
    const request = first(side);
    side.say({ ...request, code: CONFIGURE_ACK, id: request.id ^ 1 });
    side.say({ ...request, code: CONFIGURE_ACK, data: request.data.slice(0, -2) });
    side.say({ ...request, code: REJECT, data: [...request.data, 9] });
    side.say({ protocol: LCP, code: REQUEST, id: 1, data: [] });
    expect(side.rig.statuses.at(-1)!.summary).toBe('agrees with the other side on the link');
    side.say({ ...request, code: CONFIGURE_ACK });
    expect(side.rig.statuses.at(-1)!.summary).toBe('agrees with the other side on addresses');
  });

  test('that assign an address are followed, unless the settings give one', () => {
    for (const [settings, address] of [
      [{}, [10, 0, 0, 7]],
      [{ address: '192.0.2.1' }, [192, 0, 2, 1]],
    ] as const) {
      const side = peer({ ...settings, ipv6: 'false' });
      const link = first(side);
      const asked = packetsIn(
        side.say({ ...link, code: CONFIGURE_ACK }, { protocol: LCP, code: REQUEST, id: 1, data: [] }),
      ).find(({ protocol }) => protocol === IPCP)!;
      const [again] = packetsIn(side.say({ ...asked, code: NAK, data: [3, 6, 10, 0, 0, 7] }));
      expect(again).toMatchObject({ protocol: IPCP, code: REQUEST, data: [3, 6, ...address] });
    }
  });

  test('that know nothing of IPv6 leave IPv4', () => {
    const side = peer();
    side.agree();
    side.say({ protocol: IPCP, code: REQUEST, id: 1, data: [3, 6, 192, 0, 2, 20] });
    side.say({ protocol: IPV6CP, code: REQUEST, id: 1, data: [1, 10, 0, 0, 0, 0, 0, 0, 0, 2] });
    side.say({ protocol: LCP, code: PROTOCOL_REJECT, id: 1, data: [0x80, 0x57, 1, 1, 0, 4] });
    const result = side.rig.process(ipv4Packet([0x45]), ipv6Packet([0x60]));
    expect([result.sent.length, result.ends.map(({ reason }) => reason)]).toEqual([1, ['not-open']]);
  });
});

describe('the link', () => {
  test('answers echo requests with its own number, ignores what is to be discarded, and rejects other codes', () => {
    const side = peer();
    side.agree();
    const [reply] = packetsIn(
      side.say({ protocol: LCP, code: ECHO_REQUEST, id: 5, data: [0, 0, 0, 0, 8, 9] }),
    );
    expect(reply).toMatchObject({
      code: ECHO_REPLY,
      id: 5,
      data: [...Array(4).fill(expect.any(Number)), 8, 9],
    });
    expect(side.say({ protocol: LCP, code: DISCARD, id: 5, data: [] }).sent).toEqual([]);
    const [rejected] = packetsIn(side.say({ protocol: LCP, code: 99, id: 5, data: [1] }));
    expect(rejected).toMatchObject({ code: CODE_REJECT, data: [99, 5, 0, 5, 1] });
  });

  test('is given up when the other side says nothing, and when it no longer answers', () => {
    const side = peer({ ...GIVES, echo: '10s' });
    let { wakeAt } = side.open();
    const requests = [];
    for (let n = 0; n < 20 && Number.isFinite(wakeAt); n++) {
      side.rig.now = wakeAt;
      const result = side.rig.process();
      requests.push(...framesIn(result));
      wakeAt = result.wakeAt;
      if (result.sent.some((frame) => read(frame).flags & RST)) break;
    }
    expect([requests.length, side.rig.now]).toEqual([9, 1000 + 10 * 3000]);

    const talking = peer({ ...GIVES, echo: '10s' });
    talking.agree();
    for (const [n, data] of [0, 1].entries()) {
      talking.rig.now += 10_000;
      expect(packetsIn(talking.rig.process()).filter(({ code }) => code === ECHO_REQUEST)).toHaveLength(1);
      talking.say({ protocol: LCP, code: ECHO_REPLY, id: n, data: [0, 0, 0, data] });
    }
    let isReset = false;
    for (let n = 0; n < 4 && !isReset; n++) {
      talking.rig.now += 10_000;
      isReset = talking.rig.process().sent.some((frame) => (read(frame).flags & RST) !== 0);
    }
    expect(isReset).toBe(true);
    expect(talking.rig.process(ipv4Packet([0x45])).ends.map(({ reason }) => reason)).toEqual([
      'not-connected',
    ]);
  });

  test('ends when the other side says so, and begins again with its next request', () => {
    const side = peer();
    side.agree();
    side.say({ protocol: IPCP, code: REQUEST, id: 1, data: [3, 6, 192, 0, 2, 20] });
    const result = side.say({ protocol: LCP, code: TERMINATE, id: 3, data: [] });
    expect(packetsIn(result)).toEqual([{ protocol: LCP, code: TERMINATE_ACK, id: 3, data: [] }]);
    expect(side.rig.offers.filter((offer) => offer === 'up false')).toHaveLength(
      side.rig.offers.filter((offer) => offer === 'up true').length,
    );
    expect(side.rig.process(ipv4Packet([0x45])).ends.map(({ reason }) => reason)).toEqual(['not-open']);
  });

  test('is negotiated anew when the other side asks for it', () => {
    const side = peer();
    side.agree();
    const codes = packetsIn(side.say({ protocol: LCP, code: REQUEST, id: 9, data: [] })).map(
      ({ code }) => code,
    );
    expect(codes).toEqual([REQUEST, CONFIGURE_ACK]);
    expect(side.rig.process(ipv6Packet([0x60])).ends.map(({ reason }) => reason)).toEqual(['not-open']);
  });

  test('ends with the stream, is opened again by its opener, and belongs to one host', () => {
    const both = pair();
    const { opener, other } = both;
    expect(other.process(stream([], SYN, STRANGER)).ends.map(({ reason }) => reason)).toEqual(['busy']);
    both.call(1, stream([], FIN | 16, { address: [192, 0, 2, 9], port: 40_000 }));
    expect(other.process(ipv4Packet([0x45])).ends.map(({ reason }) => reason)).toEqual(['not-connected']);
    opener.now += 60_000;
    both.call(0);
    both.call(0, ipv4Packet([0x45, 3]));
    expect(both.delivered[1].at(-1)).toEqual(Uint8Array.from([0x45, 3]));
  });

  test('takes no packet larger than the other side takes, and none that is not finished', () => {
    const side = peer();
    side.agree([1, 4, 2, 0x58]);
    side.say({ protocol: IPCP, code: REQUEST, id: 1, data: [3, 6, 192, 0, 2, 20] });
    const result = side.rig.process(ipv4Packet(Array(600).fill(0x45)), ipv4Packet(Array(601).fill(0x45)), {
      edge: 'packets',
      parts: [{ protocol: 'ipv4', role: 'header', marks: PartMarks.unfinished, bytes: [0x45] }],
    });
    expect(result.ends.map(({ reason }) => reason)).toEqual(['too-large', 'unfinished']);
    expect(result.sent).toHaveLength(1);
  });
});

test('frames of strangers are counted, and have no other effect', () => {
  const byte = fc.oneof(fc.constantFrom(0x7e, 0x7d, 0xff, 3, 0xc0, 0x21, 1, 2, 5, 0x80, 0), fc.nat(255));
  const packet = fc.record({
    protocol: fc.constantFrom(LCP, IPCP, IPV6CP, 0xc023),
    code: fc.nat(13),
    id: fc.nat(3),
    data: fc.array(fc.oneof(fc.nat(12), fc.nat(255)), { maxLength: 40 }),
  });
  const stretch = fc.oneof(fc.array(byte, { maxLength: 80 }), packet.map(control));
  fc.assert(
    fc.property(fc.array(stretch, { maxLength: 30 }), (stretches) => {
      const side = peer();
      side.open();
      for (const bytes of stretches) side.rig.process(stream(bytes));
      expect(side.rig.held).toBe(0);
    }),
    { numRuns: 300 },
  );
});

test.each([
  [{ carrier: 'ip/udp' }, 'carrier must be'],
  [{ remote: 'there' }, 'remote must be'],
  [{ ipv4: 'false', ipv6: 'false' }, 'nothing would be carried'],
  [{ address: '192.0.2.1', 'peer-address': '192.0.2.1' }, 'another address'],
  [{ interface: '0:0:0:0' }, 'interface must be'],
  [{ interface: 'fe80::1' }, 'interface must be'],
  [{ mru: '100' }, 'mru must be'],
  [{ echo: '10ms' }, 'echo must be'],
])('refuses %j', (settings, message) => {
  expect(problemsOf(make, settings)).toEqual([expect.stringContaining(message)]);
});
