import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { parseStack } from '../stack/parse-stack.ts';
import { Protocols, standardProtocols as protocols } from '../stack/protocols.ts';
import { Classifier } from './classifier.ts';
import { Pattern } from './pattern.ts';
import { hex, partsOf, put, releaseAll, smallLane } from './testing/frame-fixture.ts';
import { packetArbitrary } from './testing/packet-arbitrary.ts';
import { beginsAt } from './testing/wanted-model.ts';

const frames = smallLane();
const STACKS = [
  'ip',
  'ipv4',
  'ipv6',
  'ip/udp',
  'ip/{udp,tcp}/53',
  'udp',
  'tcp',
  'udp/local:53',
  'ip/udp/remote:53',
  'ip/udp/*',
  'ip/udp/*/ipv6',
  'ip/udp/local:*/ip',
  'ip/udp/25790/ipv6/icmpv6',
  'ethernet',
  'ethernet/ip',
  'vlan',
  'ppp/ip/tcp',
  'ip/icmpv6',
  'ipv6/hop-by-hop',
  'ipv6/fragment/udp',
  'ip/ah/tcp',
  'ip/ip/udp',
  'ip/gre/ip',
];
const plain = packetArbitrary.filter(
  ({ bytes, body }) => ![0x40, 0x60].includes((bytes[body.at] ?? 0) & 0xf0),
);

beforeEach(() => releaseAll(frames));

describe('Pattern', () => {
  it('agrees with a literal comparison of the headers, parsed or not', () => {
    let runs = 0;
    let matched = 0;
    const classifier = new Classifier(protocols, [{ stack: parseStack('ip/udp'), tag: 0 }]);
    fc.assert(
      fc.property(
        plain,
        fc.constantFrom(...STACKS),
        fc.nat(3),
        fc.boolean(),
        fc.boolean(),
        (packet, text, skip, towardUp, parsed) => {
          releaseAll(frames);
          const row = put(frames, packet.bytes, packet.headers[0]!.protocol);
          if (parsed) classifier.walk(frames, row, towardUp);
          const stack = parseStack(text);
          // Parts in front have been parsed, or the frame would have no such number to skip.
          const from = Math.min(
            skip,
            partsOf(frames, row).filter((part) => part.startsWith('header')).length,
          );
          // Only the stack determines the contents of a port, so no stack begins there.
          const expected =
            packet.headers[from - 1]?.protocol !== 'udp' && beginsAt(packet, stack, from, towardUp);
          expect(new Pattern(protocols, stack).matches(frames, row, from, towardUp)).toBe(expected);
          runs++;
          if (expected) matched++;
          frames.release(row);
        },
      ),
      { numRuns: 20_000 },
    );
    expect(matched / runs).toBeGreaterThan(0.05);
  });

  it('accepts every protocol of a Name Space alone', () => {
    const row = put(frames, hex('ffffffffffff 020000000001 88b5 0000'), 'ethernet');
    expect(new Pattern(protocols, parseStack('ethernet')).matches(frames, row, 0, true)).toBe(true);
    expect(partsOf(frames, row)).toEqual(['header ethernet 0+14', 'payload - 14+2']);
    expect(new Pattern(protocols, parseStack('ethertype:')).matches(frames, row, 1, true)).toBe(true);
    expect(new Pattern(protocols, parseStack('ppp:')).matches(frames, row, 1, true)).toBe(false);
    expect(new Pattern(protocols, parseStack('ethertype:')).matches(frames, row, 2, true)).toBe(false);
    frames.release(row);
  });

  it.each([
    ['udp', 'ip-protocol:', true],
    ['udp', 'ethertype:', false],
    ['arp', 'ethertype:', true],
    ['arp', 'ip-protocol:', false],
    ['ipv6', 'ip-protocol:', true],
    ['ipv6', 'ethertype:', true],
  ])('finds the first part, %s, in %s or not', (protocol, nameSpace, expected) => {
    const row = put(frames, hex('60000000 00001140'), protocol);
    expect(new Pattern(protocols, parseStack(nameSpace)).matches(frames, row, 0, true)).toBe(expected);
    frames.release(row);
  });

  it('looks for a Name Space in the frame that is asked about, and in no other row', () => {
    releaseAll(frames);
    const kinds = [
      { protocol: 'ethernet', bytes: 'ffffffffffff 020000000001 88b5 0000', nameSpace: 'ethertype:' },
      { protocol: 'ppp', bytes: '3035 0000', nameSpace: 'ppp:' },
    ];
    const all = [...kinds, ...kinds, ...kinds].map((kind) => {
      const row = put(frames, hex(kind.bytes), kind.protocol);
      expect(new Pattern(protocols, parseStack(kind.protocol)).matches(frames, row, 0, true)).toBe(true);
      return { ...kind, row };
    });
    for (const { row, nameSpace } of all)
      for (const asked of ['ethertype:', 'ppp:']) {
        const found = new Pattern(protocols, parseStack(asked)).matches(frames, row, 1, true);
        expect(found, `${asked} in row ${row}`).toBe(asked === nameSpace);
      }
    for (const { row } of all) frames.release(row);
  });

  it('is refused where the lane does not know a protocol of its stack', () => {
    const others = new Protocols();
    others.defineFromText('toy', 'in ip-protocol 253; header 4');
    expect(() => new Pattern(protocols, parseStack('ipv4/toy', others))).toThrow(
      expect.objectContaining({ code: 'FT_STACK_UNKNOWN' }),
    );
    expect(new Pattern(others, parseStack('ipv4/toy', others)).headers).toHaveLength(4);
  });

  it('does not trust a header that is too short for its ports', () => {
    const row = frames.allocate(3);
    frames.addPart(row, protocols.number('udp'), frames.start[row]!, 3);
    expect(new Pattern(protocols, parseStack('udp')).matches(frames, row, 0, true)).toBe(true);
    expect(new Pattern(protocols, parseStack('udp/*')).matches(frames, row, 0, true)).toBe(false);
    frames.release(row);
  });
});
