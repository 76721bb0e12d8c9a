import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { parseStack } from '../stack/parse-stack.ts';
import { Protocols, standardProtocols as protocols } from '../stack/protocols.ts';
import { Classifier } from './classifier.ts';
import { MAX_PARTS, PART_WORDS } from './frames.ts';
import { hex, partsCover, partsOf, put, releaseAll, smallLane } from './testing/frame-fixture.ts';
import { type Packet, packet, packetArbitrary } from './testing/packet-arbitrary.ts';
import { acceptedBy } from './testing/wanted-model.ts';

const frames = smallLane();

const STACKS = [
  'ip',
  'ipv4',
  'ipv6',
  'ip/udp',
  'ip/{udp,tcp}',
  'ip/tcp',
  'ip/icmp',
  'ip/icmpv6',
  'ip/sctp',
  'udp/53',
  'udp',
  'tcp/local:5060',
  'icmpv6',
  'ip/udp/53',
  'ip/udp/{53,5060}',
  'ip/udp/local:53',
  'ip/udp/remote:53',
  'ip/udp/local:5060',
  'ip/udp/remote:25790',
  'ip/tcp/80',
  'ip/udp/*',
  'ip/udp/25790/ipv6',
  'ip/udp/25790/ip',
  'ipv4/udp/remote:25790/ipv6/icmpv6',
  'ip/udp/25790/ip/udp/53',
  'ip/udp/local:25790/ipv4/tcp',
  'ethernet',
  'ethernet/ip',
  'ethernet/vlan',
  'vlan',
  'vlan/ipv4',
  'vlan/vlan/ip/udp',
  'ppp',
  'ppp/ip',
  'ethertype:',
  'ppp:',
  'ip-protocol:',
  'ethertype:ipv4/udp',
  'ppp:ipv6',
  'ip-protocol:tcp',
  'ip/ip',
  'ip/ip/udp',
  'ipv4/ipv6/icmpv6',
  'ip/gre',
  'ip/gre/ip/udp',
  'gre/ipv6',
  'ipv6/hop-by-hop',
  'ipv6/hop-by-hop/udp',
  'ipv6/fragment',
  'ip/ah',
  'ah',
  'hop-by-hop/udp',
  'ipv6/routing/tcp',
  'destination-options',
] as const;
const wantedArbitrary = fc
  .array(fc.constantFrom(...STACKS), { minLength: 1, maxLength: 10 })
  .map((texts) => texts.map((text, tag) => ({ text, stack: parseStack(text), tag })));

interface Walked {
  readonly tag: number;
  readonly base: number;
}

function walk(classifier: Classifier, row: number, towardUp: boolean): Walked[] {
  const walked: Walked[] = [];
  const first = classifier.walk(frames, row, towardUp);
  for (let node = first; node >= 0; node = classifier.parent(node)) {
    if (node === first) expect(classifier.skipHeadersOf(node)).toBe(classifier.skipHeaders);
    for (const tag of classifier.accepts(node)) walked.push({ tag, base: classifier.skipHeadersOf(node) });
  }
  expect(partsCover(frames, row)).toBe(true);
  return walked;
}

const sorted = (all: readonly Walked[]) => all.map(({ tag, base }) => `${tag}@${base}`).sort();

/** A body that cannot be mistaken for an IP packet. */
const plain = packetArbitrary.filter(
  ({ bytes, body }) => ![0x40, 0x60].includes((bytes[body.at] ?? 0) & 0xf0),
);

function expectModel(
  each: Packet,
  row: number,
  classifier: Classifier,
  wanted: readonly { stack: ReturnType<typeof parseStack>; tag: number }[],
  towardUp: boolean,
): number {
  const walked = walk(classifier, row, towardUp);
  const model = acceptedBy(each, wanted, towardUp);
  expect(sorted(walked)).toEqual(sorted(model));
  // The deepest comes first, and none is deeper than the one before it.
  const ends = walked.map(({ tag, base }) =>
    model.filter((m) => m.tag === tag && m.base === base).map(({ end }) => end),
  );
  let limit = Number.POSITIVE_INFINITY;
  for (const possible of ends) {
    const fitting = possible.filter((end) => end <= limit);
    expect(fitting.length).toBeGreaterThan(0);
    limit = Math.max(...fitting);
  }
  return walked.length;
}

beforeEach(() => releaseAll(frames));

const classifierFor = (text: string) => new Classifier(protocols, [{ stack: parseStack(text), tag: 0 }]);

describe('Classifier.walk', () => {
  it('accepts the same stacks as a full parse with a literal comparison, whatever was parsed before', () => {
    let runs = 0;
    let accepted = 0;
    fc.assert(
      fc.property(
        plain,
        wantedArbitrary,
        wantedArbitrary,
        fc.boolean(),
        (each, earlier, wanted, towardUp) => {
          releaseAll(frames);
          const row = put(frames, each.bytes, each.headers[0]!.protocol);
          expectModel(each, row, new Classifier(protocols, earlier), earlier, !towardUp);
          accepted += expectModel(each, row, new Classifier(protocols, wanted), wanted, towardUp);
          runs++;
          frames.release(row);
        },
      ),
      { numRuns: 10_000 },
    );
    expect(accepted / runs).toBeGreaterThan(0.5);
  });

  it('stays correct while stacks come and go', () => {
    const changes = fc.array(fc.tuple(fc.boolean(), fc.constantFrom(...STACKS)), {
      minLength: 1,
      maxLength: 40,
    });
    fc.assert(
      fc.property(changes, plain, fc.boolean(), (all, each, towardUp) => {
        const classifier = new Classifier(protocols);
        const wanted: { stack: ReturnType<typeof parseStack>; tag: number }[] = [];
        for (const [adds, text] of all) {
          const tag = STACKS.indexOf(text);
          const stack = parseStack(text);
          if (adds) {
            classifier.add(stack, tag);
            wanted.push({ stack, tag });
          } else {
            classifier.remove(stack, tag);
            const at = wanted.findIndex((one) => one.tag === tag);
            if (at >= 0) wanted.splice(at, 1);
          }
        }
        releaseAll(frames);
        const row = put(frames, each.bytes, each.headers[0]!.protocol);
        expectModel(each, row, classifier, wanted, towardUp);
        frames.release(row);
      }),
      { numRuns: 3000 },
    );
  });

  it('finds what remains when a sibling of another kind leaves', () => {
    const texts = ['ipv4/udp/1', 'ipv4/udp/local:2', 'ipv4/udp/remote:3', 'ipv4/udp/4'];
    const stacks = texts.map((text) => parseStack(text));
    for (const leaving of stacks.keys()) {
      const classifier = new Classifier(protocols);
      for (const [tag, stack] of stacks.entries()) classifier.add(stack, tag);
      classifier.remove(stacks[leaving]!, leaving);
      releaseAll(frames);
      for (const [tag, [source, destination]] of [
        [9, 1],
        [9, 2],
        [3, 9],
        [4, 9],
      ].entries()) {
        const row = put(frames, udpFrom(source!, destination!), 'ethernet');
        const found = walk(classifier, row, true).map((each) => texts[each.tag]);
        expect(found, `${texts[tag]} without ${texts[leaving]}`).toEqual(tag === leaving ? [] : [texts[tag]]);
        frames.release(row);
      }
    }
  });

  it('returns the same for each of many equal frames', () => {
    const visit = fc.record({
      at: fc.nat(3),
      towardUp: fc.boolean(),
      times: fc.integer({ min: 1, max: 3 }),
      change: fc.constantFrom('none', 'none', 'add', 'remove'),
    });
    fc.assert(
      fc.property(
        fc.array(packetArbitrary, { minLength: 1, maxLength: 4 }),
        fc.array(visit, { minLength: 1, maxLength: 12 }),
        wantedArbitrary,
        (packets, visits, wanted) => {
          releaseAll(frames);
          const classifier = new Classifier(protocols, wanted);
          const present = [...wanted];
          const rows = packets.map(({ bytes, headers }) => put(frames, bytes, headers[0]!.protocol));
          for (const { at, towardUp, times, change } of visits) {
            const [one] = wanted;
            if (change === 'add') {
              classifier.add(one!.stack, one!.tag);
              present.push(one!);
            } else if (change === 'remove' && present.length > 0) {
              const gone = present.pop()!;
              classifier.remove(gone.stack, gone.tag);
            }
            const row = rows[at % rows.length]!;
            const answers = Array.from({ length: times }, () => {
              const fresh = new Classifier(protocols, present);
              // The second classifier finds the frame parsed; the used classifier comes first every other
              // time.
              const classifiers = at % 2 === 0 ? [fresh, classifier] : [classifier, fresh];
              const [a, b] = classifiers.map((each) => {
                const walked = walk(each, row, towardUp);
                const trailers = walked.length === 0 ? 0 : each.skipTrailers;
                return { walked: sorted(walked), trailers, problem: each.problem };
              });
              return [a, b];
            });
            for (const [a, b] of answers) expect(a).toEqual(b);
          }
          for (const row of rows) frames.release(row);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('reads each payload, even if the frame before had the same parts', () => {
    const classifier = classifierFor('ip/udp');
    const good = udpPacket(53);
    const bad = good.slice();
    bad[38] = 0xff; // the length in the header of UDP
    for (const [bytes, accepts] of [
      [bad, false],
      [good, true],
      [bad, false],
    ] as const) {
      const row = put(frames, bytes, 'ethernet');
      walk(classifierFor('ip'), row, true);
      expect(frames.partCount[row]).toBe(3);
      expect(classifier.walk(frames, row, true) >= 0).toBe(accepts);
      expect(classifier.problem === 0).toBe(accepts);
      frames.release(row);
    }
  });

  it('parses no deeper than a stack wants', () => {
    const bytes = udpPacket(5060);
    const partsAfter = (...wanted: string[]) => {
      const row = put(frames, bytes, 'ethernet');
      new Classifier(
        protocols,
        wanted.map((text, tag) => ({ stack: parseStack(text), tag })),
      ).walk(frames, row, true);
      const parts = partsOf(frames, row).length;
      frames.release(row);
      return parts;
    };
    expect(partsAfter()).toBe(1);
    expect(partsAfter('ethernet')).toBe(2);
    expect(partsAfter('ethertype:')).toBe(2);
    expect(partsAfter('ipv6')).toBe(2);
    expect(partsAfter('ip')).toBe(3);
    expect(partsAfter('ip/tcp/80')).toBe(3);
    expect(partsAfter('ip/udp')).toBe(4);
  });

  it('puts a local port before a remote one, and both before either', () => {
    const classifier = new Classifier(protocols);
    for (const [tag, text] of ['ip/udp', 'ip/udp/5060', 'ip/udp/remote:5060', 'ip/udp/local:5060'].entries())
      classifier.add(parseStack(text), tag);
    const row = put(frames, udpPacket(5060), 'ethernet');
    expect(walk(classifier, row, true).map(({ tag }) => tag)).toEqual([3, 2, 1, 0]);
    frames.release(row);
  });

  it('listens and ceases to listen behind an open step any number of times', () => {
    const classifier = new Classifier(protocols, [
      { stack: parseStack('ip/udp/*'), tag: 1 },
      { stack: parseStack('ip'), tag: 2 },
    ]);
    const row = put(frames, udpPacket(5060), 'ethernet');
    const tags = () => walk(classifier, row, true).map(({ tag }) => tag);
    expect(tags()).toEqual([2]);
    for (let round = 0; round < 20_000; round++)
      classifier.add(parseStack(`ip/udp/local:${1024 + (round % 4000)}`), round);
    for (let round = 0; round < 20_000; round++)
      classifier.remove(parseStack(`ip/udp/local:${1024 + (round % 4000)}`), round);
    expect(tags()).toEqual([2]);
    classifier.add(parseStack('ip/udp/local:5060'), 7);
    expect(tags()).toEqual([7, 2]);
    classifier.remove(parseStack('ip/udp/local:5060'), 7);
    expect(tags()).toEqual([2]);
    frames.release(row);
  });

  it('accepts at the deepest header that can be parsed, and names the problem', () => {
    const classifier = new Classifier(
      protocols,
      ['ipv4', 'ipv4/udp/25790', 'ipv4/udp/25790/ipv6/icmpv6'].map((text, tag) => ({
        stack: parseStack(text),
        tag,
      })),
    );
    const ipv6 = hex(`6000 0000 0008 3a ff ${'00'.repeat(32)} 80 00 0000 00000000`);
    const problemOf = (body: Uint8Array): [number, string] => {
      const row = put(frames, udpPacket(25790, body), 'ethernet');
      const [deepest] = walk(classifier, row, true);
      frames.release(row);
      return [deepest!.tag, classifier.problemName(classifier.problem)];
    };
    expect(problemOf(ipv6)).toEqual([2, '']);
    expect(problemOf(new Uint8Array(0))).toEqual([1, 'ipv6-truncated']);
    expect(problemOf(ipv6.subarray(0, 44))).toEqual([1, 'ipv6-length']);
    const short = ipv6.slice(0, 44);
    short[5] = 4;
    expect(problemOf(short)).toEqual([1, 'icmpv6-truncated']);
    expect(problemOf(hex('45'.repeat(60)))).toEqual([1, 'ipv6-version']);
  });

  it('accepts identifiers without a definition', () => {
    const own = new Protocols();
    const bytes = hex(`6000 0000 0004 63 ff ${'00'.repeat(32)} deadbeef`);
    const classifier = new Classifier(own, [
      { stack: parseStack('ip/99', own), tag: 1 },
      { stack: parseStack('ip', own), tag: 2 },
    ]);
    const row = put(frames, bytes, 'ipv6');
    expect(walk(classifier, row, true)).toEqual([
      { tag: 1, base: 0 },
      { tag: 2, base: 0 },
    ]);
    frames.release(row);
  });

  it('uses a protocol that came as data', () => {
    const own = new Protocols();
    own.define({
      name: 'toy',
      summary: 'one byte that identifies what follows',
      identifiers: [{ nameSpace: 'ip-protocol', id: 253 }],
      header: {
        minimum: 2,
        base: 2,
        version: { at: 0, mask: 0xff, value: 7 },
        next: { nameSpace: 'ip-protocol', at: 1, bytes: 1 },
      },
    });
    const classifier = new Classifier(own, [{ stack: parseStack('ip/toy/udp/53', own), tag: 1 }]);
    const bytes = hex(`6000 0000 000a fd ff ${'00'.repeat(32)} 07 11 0035 0001 0008 0000`);
    const row = put(frames, bytes, 'ipv6');
    expect(walk(classifier, row, true)).toEqual([{ tag: 1, base: 0 }]);
    frames.bytes[frames.start[row]! + 40] = 8;
    frames.begin(row, frames.start[row]!, bytes.length, own.number('ipv6'));
    expect(classifier.walk(frames, row, true)).toBe(-1);
    expect(classifier.problemName(classifier.problem)).toBe('toy-version');
    frames.release(row);
  });

  it('identifies a payload without a protocol by the header in front', () => {
    const row = put(frames, udpPacket(53), 'ethernet');
    new Classifier(protocols, [{ stack: parseStack('ip'), tag: 0 }]).walk(frames, row, true);
    const payload = (row * MAX_PARTS + 2) * PART_WORDS;
    frames.partWords[payload] = 1 << 16;
    expect(walk(new Classifier(protocols, [{ stack: parseStack('ip/udp/53'), tag: 1 }]), row, true)).toEqual([
      { tag: 1, base: 1 },
    ]);
    frames.release(row);
  });

  it('counts the trailers that are not part of a stack', () => {
    const row = put(frames, udpPacket(53, new Uint8Array(3), 5), 'ethernet');
    const classifier = new Classifier(protocols, [
      { stack: parseStack('ip/udp'), tag: 1 },
      { stack: parseStack('ethernet'), tag: 2 },
    ]);
    const node = classifier.walk(frames, row, true);
    expect(partsOf(frames, row).at(-1)).toBe('trailer ethernet 45+5');
    expect([classifier.skipHeaders, classifier.skipTrailers]).toEqual([1, 1]);
    const ethernet = classifier.parent(node);
    expect([classifier.skipHeadersOf(ethernet), classifier.skipTrailersOf(ethernet)]).toEqual([0, 0]);
    frames.release(row);
  });

  it('never throws, whatever the bytes and the parts', () => {
    const classifier = new Classifier(
      protocols,
      STACKS.map((text, tag) => ({ stack: parseStack(text), tag })),
    );
    const part = fc.tuple(fc.nat(30), fc.nat(3), fc.nat(20));
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: MAX_PARTS }),
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        fc.boolean(),
        (parts, bytes, towardUp) => {
          const length = parts.reduce((sum, [, , each]) => sum + each, 0);
          releaseAll(frames);
          const row = frames.allocate(length);
          for (let at = 0; at < length; at++) frames.bytes[frames.start[row]! + at] = bytes[at % 64]!;
          let at = frames.start[row]!;
          for (const [protocol, role, each] of parts) {
            frames.addPart(row, protocol | (role << 16), at, each);
            at += each;
          }
          walk(classifier, row, towardUp);
          frames.release(row);
        },
      ),
      { numRuns: 20_000 },
    );
  });
});

function udpFrom(source: number, destination: number): Uint8Array {
  const layers = [
    { kind: 'ethernet', seed: 1 },
    { kind: 'ipv4', seed: 2, options: 0 },
    { kind: 'udp', seed: 3, source, destination },
  ] as const;
  return packet(layers, new Uint8Array(4), 0).bytes;
}

function udpPacket(port: number, body: Uint8Array = new Uint8Array(4), padding = 0): Uint8Array {
  const layers = [
    { kind: 'ethernet', seed: 1 },
    { kind: 'ipv4', seed: 2, options: 0 },
    { kind: 'udp', seed: 3, source: port, destination: port },
  ] as const;
  return packet(layers, body, padding).bytes;
}
