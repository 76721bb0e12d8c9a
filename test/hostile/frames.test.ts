import { expect, it } from 'vitest';
import { Classifier } from '../../host/frame/classifier.ts';
import { Frames, MAX_PARTS, PART_WORDS } from '../../host/frame/frames.ts';
import { parseStack } from '../../host/stack/parse-stack.ts';
import { Protocols } from '../../host/stack/protocols.ts';

// Frames that repeat headers without end, or whose lengths are wrong, by each protocol that has a length or a
// chain of its own. Whatever they are, their parts cover the frame, and are no more than a frame may have.

const STACKS = [
  'ipv6/hop-by-hop/routing/fragment/destination-options/ah/udp',
  'ip/gre/ip/gre/ip/gre/ip/sctp',
  'ip/sctp/2905/sctp-data/m3ua',
  'ip/sctp/local:5060',
  'ip/udp/1812/radius',
  'ip-protocol:',
  'ethertype:',
];

const protocols = new Protocols();
const classifier = new Classifier(
  protocols,
  STACKS.map((text, tag) => ({ stack: parseStack(text, protocols), tag })),
);
const frames = new Frames({ smallRows: 2, largeRows: 1 });
const row = frames.allocate(100);

function walk(protocol: 'ipv4' | 'ipv6', bytes: readonly number[]): void {
  const start = frames.roomStart(row) + 256;
  frames.bytes.set(bytes, start);
  frames.begin(row, start, bytes.length, protocols.number(protocol));
  for (const towardUp of [false, true]) classifier.walk(frames, row, towardUp);
  const count = frames.partCount[row]!;
  expect(count).toBeGreaterThan(0);
  expect(count).toBeLessThanOrEqual(MAX_PARTS);
  let at = start;
  for (let part = 0; part < count; part++) {
    const word = (row * MAX_PARTS + part) * PART_WORDS;
    expect(frames.partWords[word + 1]).toBe(at);
    at += frames.partWords[word + 2]!;
  }
  expect(at).toBe(start + bytes.length);
}

const LONGEST = 1400;
const ipv6 = (next: number, payload: readonly number[]) => [
  ...[0x60, 0, 0, 0, payload.length >> 8, payload.length & 255, next, 64],
  ...Array(32).fill(1),
  ...payload,
];
/** Each length up to a small one, and some beyond: a header may end anywhere. */
const cuts = (bytes: readonly number[]) =>
  [...Array(Math.min(bytes.length, 140)).keys(), bytes.length - 1, bytes.length].map((end) =>
    bytes.slice(0, end),
  );

const EXTENSIONS = [0, 43, 44, 51, 60, 135, 139, 140];
const FILL = [0, 1, 2, 4, 7, 8, 127, 254, 255];

it.each(EXTENSIONS)('IPv6 extension headers %i, as many as fit, of each length', (kind) => {
  for (const length of FILL) {
    for (const next of [kind, ...EXTENSIONS, 17, 59]) {
      const one = [next, length, ...Array(6).fill(0)];
      const chain = Array(LONGEST / 8)
        .fill(one)
        .flat() as number[];
      for (const payload of cuts(chain)) walk('ipv6', ipv6(kind, payload));
    }
  }
});

it('GRE with each combination of flags, in GRE, as deep as fits', () => {
  for (let flags = 0; flags < 256; flags++) {
    for (const [low, type] of [
      [0, 0x86dd],
      [1, 0x880b],
      [0x81, 0x880b],
      [0, 0x0800],
      [7, 0x6558],
    ] as const) {
      let inner: readonly number[] = [];
      while (inner.length < LONGEST - 60) inner = ipv6(47, [flags, low, type >> 8, type & 255, ...inner]);
      walk('ipv6', inner);
      for (const cut of [41, 43, 44, 47, 48, 52, 90]) walk('ipv6', inner.slice(0, cut));
    }
  }
});

it('SCTP with chunks of each length', () => {
  const common = [0x0b, 0x59, 0x0b, 0x59, 0, 0, 0, 1, 0, 0, 0, 0];
  for (const type of [0, 1, 3, 14, 64, 130, 192, 255])
    for (const length of [...FILL, 16, 17, 20, 0x100, 0x578, 0xffff]) {
      const chunk = [type, 3, length >> 8, length & 255, ...Array(12).fill(0)];
      const chunks = Array(80).fill(chunk).flat() as number[];
      for (const payload of cuts([...common, ...chunks])) walk('ipv6', ipv6(132, payload));
    }
});

it('RADIUS with attributes of each length', () => {
  for (const total of [0, 19, 20, 21, 300, 4096, 0xffff])
    for (const length of FILL) {
      const attributes = Array(400).fill([1, length, 0]).flat() as number[];
      const radius = [1, 7, total >> 8, total & 255, ...Array(16).fill(9), ...attributes];
      for (const payload of cuts(radius.slice(0, LONGEST)))
        walk(
          'ipv6',
          ipv6(17, [7, 20, 7, 20, (payload.length + 8) >> 8, (payload.length + 8) & 255, 0, 0, ...payload]),
        );
    }
});
