import { beforeEach, describe, expect, it } from 'vitest';
import { standardProtocols as protocols } from '../stack/protocols.ts';
import { Composer } from './composer.ts';
import { MAX_PARTS, PART_WORDS } from './frames.ts';
import { hex, partsOf, releaseAll, smallLane } from './testing/frame-fixture.ts';

const frames = smallLane();
const composer = new Composer(protocols);
const UNFINISHED = 2;
const IPV4 = '4500 0000 0001 0000 4011 0000 c0000201 c0000202';
const IPV6 = '6000 0000 0000 11 40 20010db8000000000000000000000001 20010db8000000000000000000000002';

beforeEach(() => releaseAll(frames));

/** A row of parts, each `role protocol` and its bytes; headers are unfinished. */
function compose(...parts: readonly (readonly [string, string])[]): number {
  const all = hex(parts.map(([, bytes]) => bytes).join(''));
  const row = frames.allocate(all.length);
  let at = frames.start[row]!;
  frames.bytes.set(all, at);
  for (const [name, bytes] of parts) {
    const [role, protocol] = name.split(' ');
    const kind = ['header', 'payload', 'trailer'].indexOf(role!);
    const length = hex(bytes).length;
    const marks = kind === 0 ? UNFINISHED : 0;
    frames.addPart(row, protocols.number(protocol ?? '') | (kind << 16) | (marks << 24), at, length);
    at += length;
  }
  return row;
}

function finished(row: number): string {
  expect(composer.problemName(composer.finish(frames, row))).toBe('');
  const from = frames.start[row]!;
  return Buffer.from(frames.bytes.subarray(from, from + frames.length[row]!)).toString('hex');
}

const joined = (...parts: string[]) => parts.join('').replace(/\s/g, '');

describe('Composer.finish', () => {
  it('fills a known packet', () => {
    const row = compose(
      ['header ipv4', IPV4],
      ['header udp', 'e612 64be ffff ffff'],
      ['payload', 'deadbeef'],
    );
    // 11 + c + c000 + 0201 + c000 + 0202 + e612 + 64be + c + dead + beef = 4 6c98 -> 6c9c -> 9363
    expect(finished(row)).toBe(
      joined('4500 0020 0001 0000 4011 f6c8 c0000201 c0000202', 'e612 64be 000c 9363', 'deadbeef'),
    );
    expect(frames.partWords[(row * MAX_PARTS + 0) * PART_WORDS]! >>> 24).toBe(0);
  });

  it('sends a UDP checksum of zero as all ones', () => {
    // The checksum of zeroes, as payload, makes the sum of the rest all ones.
    const zero = finished(
      compose(['header ipv4', IPV4], ['header udp', 'e612 64be 0000 0000'], ['payload', '0000 0000']),
    );
    const sum = zero.slice(52, 56);
    const row = compose(
      ['header ipv4', IPV4],
      ['header udp', 'e612 64be 0000 0000'],
      ['payload', `${sum} 0000`],
    );
    expect(finished(row).slice(52, 56)).toBe('ffff');
  });

  it('leaves alone what is finished', () => {
    const row = compose(
      ['header ipv4', IPV4],
      ['header udp', 'e612 64be 1234 5678'],
      ['payload', 'deadbeef'],
    );
    const udp = (row * MAX_PARTS + 1) * PART_WORDS;
    frames.partWords[udp] = frames.partWords[udp]! & 0xffffff;
    expect(finished(row)).toContain('e61264be12345678');
  });

  it('leaves trailers of outer headers out of lengths and checksums', () => {
    const parts = [
      ['header ipv4', IPV4],
      ['header udp', 'e612 64be ffff ffff'],
      ['payload', 'deadbeef'],
    ] as const;
    const plain = finished(compose(...parts));
    const ethernet = 'ffffffffffff 020000000001 0800';
    expect(
      finished(compose(['header ethernet', ethernet], ...parts, ['trailer ethernet', '0000 0000'])),
    ).toBe(joined(ethernet, plain, '00000000'));
    // A trailer of the header itself is inside.
    expect(finished(compose(...parts, ['trailer udp', '0102'])).slice(48, 52)).toBe('000e');
  });

  it('takes the last destination of a routing header on its way', () => {
    const routed = IPV6.replace(' 11 ', ' 2b ').replace(/2$/, '9');
    const last = '20010db8000000000000000000000002';
    const direct = finished(
      compose(['header ipv6', IPV6], ['header udp', '0001 0002 0000 0000'], ['payload', 'cafe']),
    );
    for (const routing of [
      `11 02 00 01 00000000 ${last}`,
      `11 02 02 01 00000000 ${last}`,
      `11 02 04 01 00000000 ${last}`,
    ]) {
      const row = compose(
        ['header ipv6', routed],
        ['header routing', routing],
        ['header udp', '0001 0002 0000 0000'],
        ['payload', 'cafe'],
      );
      expect(finished(row).slice(-20)).toBe(direct.slice(-20));
    }
  });

  it.each([
    ['udp-carrier', [['header udp', '0001 0002 0000 0000']]],
    [
      'udp-carrier',
      [
        ['header ethernet', 'ffffffffffff 020000000001 0800'],
        ['header udp', '0001 0002 0000 0000'],
      ],
    ],
    [
      'udp-fragment',
      [
        ['header ipv4', IPV4.replace('0000 4011', '2000 4011')],
        ['header udp', '0001 0002 0000 0000'],
      ],
    ],
    [
      'udp-fragment',
      [
        ['header ipv6', IPV6],
        ['header fragment', '11 00 0001 00000000'],
        ['header udp', '0001 0002 0000 0000'],
      ],
    ],
    [
      'udp-truncated',
      [
        ['header ipv4', IPV4],
        ['header udp', '0001 0002 0000'],
      ],
    ],
    [
      'ipv6-size',
      [
        ['header ipv6', IPV6],
        ['payload', '00'.repeat(65_536)],
      ],
    ],
  ] as const)('tells %s', (problem, parts) => {
    const row = compose(...parts);
    expect(composer.problemName(composer.finish(frames, row))).toBe(problem);
  });

  it('has nothing to fill in what has no definition', () => {
    const row = compose(['header', '0102'], ['payload', '03']);
    expect(finished(row)).toBe('010203');
    expect(partsOf(frames, row)).toEqual(['header - 0+2', 'payload - 2+1']);
  });
});
