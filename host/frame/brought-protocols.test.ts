import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FunnelError } from '../stack/funnel-error.ts';
import { parseStack } from '../stack/parse-stack.ts';
import { Protocols } from '../stack/protocols.ts';
import { Classifier } from './classifier.ts';
import { Frames, MAX_PARTS, PART_WORDS } from './frames.ts';
import { Pattern } from './pattern.ts';

/** Stacks of pieces that name no protocol of the untrusted piece. */
const STACKS = 'ip|ip/89|89|ip/{253,udp}|ip/udp|ip/udp/53|ip-protocol:|ethernet/0x88b5|ethernet/ip'
  .split('|')
  .map((stack) => (/^\d/.test(stack) ? `ip-protocol:${stack}` : stack));

/** A definition that an untrusted piece may bring: for an identifier in use, with any kind of header. */
const definition = fc
  .record({
    space: fc.constantFrom('in ip-protocol 89', 'in ip-protocol 253', 'in ethertype 0x88b5'),
    header: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 255 })),
    extras: fc.subarray([
      'link',
      'network',
      'transparent',
      'leaf',
      'agreed',
      'length u8[0] total',
      'next ip-protocol u8[0]',
      'checksum header u16[0]',
      'item ip-protocol u8[0]',
    ]),
  })
  .map(({ space, header, extras }) => [space, `header ${header}`, ...extras].join('; '));

const packet = fc.record({
  isEthernet: fc.boolean(),
  protocol: fc.constantFrom(17, 89, 253),
  rest: fc
    .tuple(fc.subarray([17, 89, 253], { maxLength: 1 }), fc.uint8Array({ maxLength: 80 }))
    .map(([next, bytes]) => Uint8Array.from([...next, ...bytes])),
});
type Packet = typeof packet extends fc.Arbitrary<infer T> ? T : never;

function bytesOf({ isEthernet, protocol, rest }: Packet): Buffer {
  const header = Buffer.from(
    '600000000000004000000000000000000000000000000000000000000000000000000000',
    'hex',
  );
  const ip = Buffer.concat([header, Buffer.alloc(40 - header.length), rest]);
  ip.writeUInt16BE(rest.length, 4);
  ip[6] = protocol;
  if (!isEthernet) return ip;
  const link = Buffer.alloc(14);
  link.writeUInt16BE(protocol === 253 ? 0x88b5 : 0x86dd, 12);
  return Buffer.concat([link, ip]);
}

/** Returns the view of each receiver of a frame: the Shapes that accept it, and its parts. */
function received(protocols: Protocols, bytes: Buffer, first: string, others: readonly string[] = []) {
  const frames = new Frames({ smallRows: 2, largeRows: 0 });
  const wanted = [...STACKS, ...others].map((text, tag) => ({ stack: parseStack(text, protocols), tag }));
  const classifier = new Classifier(protocols, wanted);
  const row = frames.allocate(bytes.length);
  frames.bytes.set(bytes, frames.start[row]!);
  frames.begin(row, frames.start[row]!, bytes.length, protocols.number(first));
  const tags: number[] = [];
  for (let node = classifier.walk(frames, row, true); node >= 0; node = classifier.parent(node))
    tags.push(...classifier.accepts(node).filter((tag) => tag < STACKS.length));
  const parts = Array.from({ length: frames.partCount[row]! }, (_, part) => {
    const at = (row * MAX_PARTS + part) * PART_WORDS;
    const kind = frames.partWords[at]!;
    return `${protocols.name(kind & 0xffff)} ${kind >>> 16} ${frames.partWords[at + 2]}`;
  });
  const sent = wanted.slice(0, STACKS.length).map(({ stack }) => {
    frames.begin(row, frames.start[row]!, bytes.length, protocols.number(first));
    return new Pattern(protocols, stack).matches(frames, row, 0, true);
  });
  return { tags: tags.sort(), parts, sent };
}

function bring(protocols: Protocols, definitions: readonly string[]): number {
  let count = 0;
  for (const [n, text] of definitions.entries()) {
    try {
      protocols.defineFromText(`stranger${n}`, text, 'stranger');
      count++;
    } catch (error) {
      if (!(error instanceof FunnelError)) throw error;
    }
  }
  return count;
}

describe('a protocol that a piece brings', () => {
  it('changes no frame for stacks that do not name it', () => {
    let brought = 0;
    fc.assert(
      fc.property(fc.array(definition, { minLength: 1, maxLength: 4 }), packet, (definitions, each) => {
        const protocols = new Protocols();
        brought += bring(protocols, definitions);
        const bytes = bytesOf(each);
        const first = each.isEthernet ? 'ethernet' : 'ipv6';
        expect(received(protocols, bytes, first)).toEqual(received(new Protocols(), bytes, first));
      }),
      { numRuns: 300 },
    );
    expect(brought).toBeGreaterThan(100);
  });

  it('takes no frame from stacks on the same network that do not name it, if another stack names it', () => {
    fc.assert(
      fc.property(fc.array(definition, { minLength: 1, maxLength: 3 }), packet, (definitions, each) => {
        const protocols = new Protocols();
        fc.pre(bring(protocols, definitions) === definitions.length);
        const named = definitions.map((text, n) =>
          text.includes('ethertype') ? `ethernet/stranger${n}` : `ip/stranger${n}`,
        );
        const bytes = bytesOf(each);
        const first = each.isEthernet ? 'ethernet' : 'ipv6';
        expect(received(protocols, bytes, first, named).tags).toEqual(
          received(new Protocols(), bytes, first).tags,
        );
      }),
      { numRuns: 1000 },
    );
  });

  // IPv6, then `outer` with the identifier of `inner` in its first byte, then `inner` with that of UDP.
  const nested = Buffer.from(
    `60000000001053400000${'00'.repeat(30)}fe000000 11000000 0000000000080000`.replaceAll(' ', ''),
    'hex',
  );
  nested[6] = 253;

  it.each([
    ['a transparent header of its own', 'a', '; transparent', true],
    ['a header of its own that is not transparent', 'a', '', false],
    ['a transparent header of another piece', 'b', '; transparent', false],
  ])('has %s skipped in front of what a stack names: %s %s %s', (_, bringer, transparent, isSkipped) => {
    const protocols = new Protocols();
    protocols.defineFromText('outer', 'in ip-protocol 253; header 4; next ip-protocol u8[0]', 'a');
    protocols.defineFromText(
      'inner',
      `in ip-protocol 254; header 4; next ip-protocol u8[0]${transparent}`,
      bringer,
    );
    const stack = parseStack('ip/outer/udp', protocols);
    const whole = parseStack('ip/outer/inner/udp', protocols);
    const frames = new Frames({ smallRows: 1, largeRows: 0 });
    const row = frames.allocate(nested.length);
    const begin = () => {
      frames.bytes.set(nested, frames.start[row]!);
      frames.begin(row, frames.start[row]!, nested.length, protocols.number('ipv6'));
    };
    for (const [each, expected] of [
      [stack, isSkipped],
      [whole, true],
    ] as const) {
      begin();
      expect(new Pattern(protocols, each).matches(frames, row, 0, true)).toBe(expected);
      begin();
      const classifier = new Classifier(protocols, [{ stack: each, tag: 0 }]);
      expect(classifier.walk(frames, row, true) >= 0).toBe(expected);
    }
  });

  it('is found where a frame comes with it as its kind', () => {
    const protocols = new Protocols();
    protocols.defineFromText('outer', 'in ip-protocol 253; header 4; next ip-protocol u8[0]', 'a');
    const frames = new Frames({ smallRows: 1, largeRows: 0 });
    const row = frames.allocate(12);
    frames.bytes.set(Buffer.from('110000000000000000080000', 'hex'), frames.start[row]!);
    frames.begin(row, frames.start[row]!, 12, protocols.number('outer'));
    const classifier = new Classifier(protocols, [{ stack: parseStack('outer/udp', protocols), tag: 0 }]);
    expect(classifier.walk(frames, row, true)).toBeGreaterThanOrEqual(0);
  });
});
