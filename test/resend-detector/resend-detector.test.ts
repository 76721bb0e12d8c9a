import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { PieceRig, problemsOf } from '../pieces/piece-rig.ts';
import { be16 } from '../sctp/wire.ts';

let make: BoundComponent;
beforeAll(async () => {
  make = await runByOffset(await builtPiece(join(packageRoot(), 'pieces-as/resend-detector')));
}, 300_000);

const CLIENT = [10, 0, 1, 2];
const SERVER = [10, 0, 1, 1];

class Detector {
  readonly rig: PieceRig;

  constructor(settings: Readonly<Record<string, string>> = {}) {
    this.rig = new PieceRig(make, settings).join();
  }

  /**
   * The result for a datagram of the client: `passes`, the bytes of a repeated response, or the reason for
   * its end.
   */
  ask(port: number, bytes: readonly number[], { from = CLIENT, fromPort = 40_000 } = {}): string {
    return this.#bring('clients', from, fromPort, SERVER, port, bytes);
  }

  answer(port: number, bytes: readonly number[], { to = CLIENT, toPort = 40_000 } = {}): string {
    return this.#bring('servers', SERVER, port, to, toPort, bytes);
  }

  #bring(
    edge: string,
    from: readonly number[],
    fromPort: number,
    to: readonly number[],
    toPort: number,
    bytes: readonly number[],
  ): string {
    const { sent, ends } = this.rig.process({
      edge,
      parts: [
        {
          protocol: 'ipv4',
          role: 'header',
          bytes: [0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, ...from, ...to],
        },
        { protocol: 'udp', role: 'header', bytes: [...be16(fromPort), ...be16(toPort), 0, 0, 0, 0] },
        { bytes },
      ],
    });
    const [frame] = sent;
    if (frame === undefined) return ends[0]!.reason;
    if (frame.edge !== edge) {
      expect(ends).toEqual([]);
      expect([...frame.bytes.slice(28)]).toEqual([...bytes]);
      return 'passes';
    }
    // From whom the client asked, and to it.
    expect([...frame.bytes.slice(12, 28)].slice(0, 12)).toEqual([
      ...to,
      ...from,
      ...be16(toPort),
      ...be16(fromPort),
    ]);
    expect(ends.map(({ reason }) => reason)).toEqual(['answered']);
    return `answer ${frame.bytes.slice(28).join(' ')}`;
  }
}

const radius = (code: number, id: number, authenticator = 7) => [
  code,
  id,
  0,
  20,
  ...Array(16).fill(authenticator),
];
const dns = (id: number, isResponse: boolean) => [
  ...be16(id),
  isResponse ? 0x81 : 1,
  0,
  0,
  1,
  0,
  0,
  0,
  0,
  0,
  0,
  1,
  0x61,
  0,
  0,
  1,
  0,
  1,
];
const ber = (tag: number, ...contents: readonly number[][]) => [
  tag,
  contents.flat().length,
  ...contents.flat(),
];
const snmp = (pdu: number, id: number) =>
  ber(0x30, [2, 1, 1], ber(4, [0x70]), ber(pdu, [2, 2, ...be16(id)], [2, 1, 0], [2, 1, 0], ber(0x30)));
const snmp3 = (id: number) =>
  ber(0x30, [2, 1, 3], ber(0x30, [2, 2, ...be16(id)], [2, 1, 9]), ber(4, [1]), ber(4, [2]));
const text = (...lines: readonly string[]) => [...Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)];
const sip = (first: string, method: string, branch: string) =>
  text(first, `Via: SIP/2.0/UDP 10.0.1.2;branch=z9hG4bK${branch}`, `CSeq: 1 ${method}`);

describe('a request that comes again', () => {
  test.each<[string, number, readonly number[], readonly number[], readonly number[]]>([
    ['radius', 1812, radius(1, 5), radius(2, 5, 9), radius(1, 6)],
    ['snmp', 161, snmp(0xa0, 300), snmp(0xa2, 300), snmp(0xa0, 301)],
    ['dns', 53, dns(77, false), dns(77, true), dns(78, false)],
    [
      'sip',
      5060,
      sip('INVITE sip:bob SIP/2.0', 'INVITE', '1'),
      sip('SIP/2.0 180 Ringing', 'INVITE', '1'),
      sip('INVITE sip:bob SIP/2.0', 'INVITE', '2'),
    ],
  ])(
    'of %s ends here, and is answered from here once there is an answer',
    (_, port, request, response, other) => {
      const detector = new Detector();
      expect(detector.ask(port, request)).toBe('passes');
      expect(detector.ask(port, request)).toBe('resend');
      // Another request, another client and another port are none.
      expect(detector.ask(port, other)).toBe('passes');
      expect(detector.ask(port, request, { from: [10, 0, 1, 3] })).toBe('passes');
      expect(detector.ask(port, request, { fromPort: 40_001 })).toBe('passes');
      expect(detector.answer(port, response)).toBe('passes');
      expect(detector.ask(port, request)).toBe(`answer ${response.join(' ')}`);
      expect(detector.ask(port, request)).toBe(`answer ${response.join(' ')}`);
      expect(detector.ask(port, other)).toBe('resend');
      // A later answer takes the place of a provisional one.
      const final = port === 5060 ? sip('SIP/2.0 200 OK', 'INVITE', '1') : response;
      detector.answer(port, final);
      expect(detector.ask(port, request)).toBe(`answer ${final.join(' ')}`);
      detector.rig.now += 30_000;
      expect(detector.ask(port, request)).toBe('passes');
    },
  );

  test('with the same number and other bytes is another request', () => {
    const detector = new Detector();
    detector.ask(1812, radius(1, 5, 1));
    detector.answer(1812, radius(2, 5));
    expect(detector.ask(1812, radius(1, 5, 2))).toBe('passes');
    expect(detector.ask(1812, radius(1, 5, 2))).toBe('resend');
  });

  test('passes if none has passed for long and no response has come', () => {
    const detector = new Detector({ again: '3s' });
    expect(detector.ask(1812, radius(1, 5))).toBe('passes');
    detector.rig.now += 2999;
    expect(detector.ask(1812, radius(1, 5))).toBe('resend');
    detector.rig.now += 1;
    expect(detector.ask(1812, radius(1, 5))).toBe('passes');
    expect(detector.ask(1812, radius(1, 5))).toBe('resend');
  });

  test('of a protocol without numbers ends here until anything comes back', () => {
    const detector = new Detector();
    for (const [port, request] of [
      [9000, [1, 2, 3]],
      [69, [0, 1, 0x61, 0]],
    ] as const) {
      expect(detector.ask(port, request)).toBe('passes');
      expect(detector.ask(port, request)).toBe('resend');
    }
    expect(detector.answer(9000, [4])).toBe('passes');
    expect(detector.ask(9000, [1, 2, 3])).toBe('passes');
    expect(detector.ask(9000, [5])).toBe('passes');
    expect(detector.ask(9000, [1, 2, 3])).toBe('passes');
  });
});

test.each<[string, number, readonly number[]]>([
  ['Status-Server', 1812, radius(12, 5)],
  ['a trap', 161, snmp(0xa7, 300)],
  ['an ACK of SIP', 5060, sip('ACK sip:bob SIP/2.0', 'ACK', '1')],
  ['a block of TFTP', 69, [0, 4, 0, 1]],
  ['what is cut short', 1812, radius(1, 5).slice(0, 19)],
  ['a length that lies', 161, [0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 2, 1, 1]],
  ['an element that goes beyond its end', 161, [0x30, 5, 2, 9, 1, 1, 1]],
  ['SIP without a branch', 5060, text('INVITE sip:bob SIP/2.0', 'CSeq: 1 INVITE')],
  ['no bytes', 53, []],
  ['what is larger than is remembered', 9000, Array(2049).fill(1)],
])('%s passes each time', (_, port, bytes) => {
  const detector = new Detector();
  for (let n = 0; n < 3; n++) expect(detector.ask(port, bytes)).toBe('passes');
});

test('SNMPv3 is known by its message number', () => {
  const detector = new Detector();
  expect(detector.ask(161, snmp3(300))).toBe('passes');
  expect(detector.ask(161, snmp3(300))).toBe('resend');
  expect(detector.ask(161, snmp3(301))).toBe('passes');
});

test('what is remembered is bounded: the oldest makes room', () => {
  const detector = new Detector({ entries: '2' });
  for (const id of [1, 2, 3]) expect(detector.ask(1812, radius(1, id))).toBe('passes');
  expect(detector.ask(1812, radius(1, 3))).toBe('resend');
  expect(detector.ask(1812, radius(1, 1))).toBe('passes');
});

test('ports may be given other protocols, or none', () => {
  const detector = new Detector({ protocol: '2812=radius', other: 'pass' });
  expect(detector.ask(2812, radius(1, 5))).toBe('passes');
  expect(detector.ask(2812, radius(1, 5))).toBe('resend');
  for (let n = 0; n < 2; n++) expect(detector.ask(1812, radius(1, 5))).toBe('passes');
  expect(problemsOf(make, { protocol: '1812' })[0]).toMatch(/protocol must be such as 1812=radius/);
  expect(problemsOf(make, { other: 'ip' })[0]).toMatch(/other knows pass, content, radius/);
});

test('a frame for an Edge that is on no network is counted', () => {
  const detector = new Detector();
  detector.rig.leave('servers');
  expect(detector.ask(1812, radius(1, 5))).toBe('not-joined');
});
