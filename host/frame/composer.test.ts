import { beforeEach, describe, expect, it } from 'vitest';
import { Protocols, standardProtocols as protocols } from '../stack/protocols.ts';
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

const widths = new Protocols();
const sizing = new Composer(widths);

/** A row with a header of 8 bytes, whose field at byte 2 holds the length, and so many bytes behind it. */
function sized(field: string, counts: string, size: number): number {
  const number = widths.defineFromText(`sized-${field}-${counts}`, `header 8; length ${field}[2] ${counts}`);
  const row = frames.allocate(8 + size);
  const from = frames.start[row]!;
  frames.bytes.fill(0xee, from, from + 8 + size);
  frames.addPart(row, number | (UNFINISHED << 24), from, 8);
  frames.addPart(row, 1 << 16, from + 8, size);
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

  // The filler is chosen so that the sum of the rest is all ones: then the checksum is zero.
  it.each<[string, string, number, (filler: string) => [string, string][]]>([
    [
      'ipv4',
      '0000',
      20,
      (filler) => [
        ['header ipv4', IPV4.replace('0001', filler)],
        ['payload', ''],
      ],
    ],
    [
      'tcp',
      '0000',
      72,
      (filler) => [
        ['header ipv4', IPV4.replace('11 ', '06 ').replace('4011', '4006')],
        ['header tcp', '0001 0002 00000000 00000000 5000 0000 0000 0000'],
        ['payload', filler],
      ],
    ],
    [
      'icmp',
      '0000',
      44,
      (filler) => [
        ['header ipv4', IPV4.replace('4011', '4001')],
        ['header icmp', '0800 0000 0001 0002'],
        ['payload', filler],
      ],
    ],
    [
      'udp',
      'ffff',
      52,
      (filler) => [
        ['header ipv4', IPV4],
        ['header udp', '0001 0002 0000 0000'],
        ['payload', filler],
      ],
    ],
    [
      'udp-lite',
      'ffff',
      52,
      (filler) => [
        ['header ipv4', IPV4.replace('4011', '4088')],
        ['header udp-lite', '0001 0002 0000 0000'],
        ['payload', filler],
      ],
    ],
  ])('writes a checksum of zero of %s as %s', (_, expected, at, parts) => {
    const withFiller = finished(compose(...parts('0000'))).slice(at, at + 4);
    expect(withFiller).not.toBe('0000');
    expect(finished(compose(...parts(withFiller))).slice(at, at + 4)).toBe(expected);
  });

  it.each([
    [0, 'whole'],
    [1, 'refused'],
    [4, 'refused'],
    [7, 'refused'],
    [8, 'header'],
    [10, 'two'],
    [12, 'whole'],
    [13, 'refused'],
  ] as const)('covers with a UDP-Lite checksum of coverage %i: %s', (coverage, what) => {
    const lite = (body: string) =>
      compose(
        ['header ipv6', IPV6.replace(' 11 ', ' 88 ')],
        ['header udp-lite', `0001 0002 ${coverage.toString(16).padStart(4, '0')} 0000`],
        ['payload', body],
      );
    if (what === 'refused') {
      expect(composer.problemName(composer.finish(frames, lite('cafe 0102')))).toBe('udp-lite-length');
      return;
    }
    const checksums = ['cafe 0102', 'cafe 0103', 'caff 0102'].map((body) =>
      finished(lite(body)).slice(92, 96),
    );
    // Bytes that are covered change the checksum; others do not.
    expect(checksums.map((each) => each === checksums[0])).toEqual([
      true,
      what !== 'whole',
      what === 'header',
    ]);
  });

  it.each([
    ['00 00', 8, 'none'],
    ['00 01', 8, 'none'],
    ['02 01', 8, 'none'],
    ['04 01', 8, 'none'],
    ['00 01', 16, 'none'],
    ['05 01', 24, 'none'],
    ['00 00', 24, 'none'],
    ['00 01', 24, 'last'],
    ['00 01', 40, 'last'],
    ['04 01', 40, 'first'],
  ] as const)(
    'takes of a routing header with type and segments %s, of %i bytes, %s as the destination',
    (type, length, which) => {
      const [first, last] = ['20010db80000000000000000000000aa', '20010db80000000000000000000000bb'];
      const addresses = length === 24 ? last : `${first}${last}`;
      const routing = `11 ${(length / 8 - 1).toString(16).padStart(2, '0')} ${type} 00000000 ${addresses}`;
      const cut = hex(routing).subarray(0, length);
      const udp = [
        ['header udp', '0001 0002 0000 0000'],
        ['payload', 'cafe'],
      ] as const;
      const routed = compose(
        ['header ipv6', IPV6.replace(' 11 ', ' 2b ')],
        ['header routing', Buffer.from(cut).toString('hex')],
        ...udp,
      );
      const to = { none: '20010db8000000000000000000000002', first, last }[which];
      const direct = compose(['header ipv6', IPV6.replace('20010db8000000000000000000000002', to)], ...udp);
      expect(finished(routed).slice(-20)).toBe(finished(direct).slice(-20));
    },
  );

  const CAFE = [
    ['header udp', '0001 0002 0000 0000'],
    ['payload', 'cafe'],
  ] as const;
  const TO = '20010db8000000000000000000000002';

  it.each([
    ['nothing elided', '00 00', '20010db8aabbccddeeff00112233445a', '20010db8aabbccddeeff00112233445a'],
    ['8 bytes elided', '08 00', 'aabbccddeeff005a', `${TO.slice(0, 16)}aabbccddeeff005a`],
    ['13 bytes elided, and padding', '0d 50', '5a5b5c 0000000000', `${TO.slice(0, 26)}5a5b5c`],
    ['15 bytes elided of each', 'ff 50', '0a0b5a 0000000000', `${TO.slice(0, 30)}5a`],
    ['nothing elided, and no room for an address', '00 00', '20010db8aabbccdd', TO],
  ])('completes the last address of a source route of RPL with %s', (_which, form, addresses, last) => {
    const units = hex(addresses).length / 8;
    const routed = compose(
      ['header ipv6', IPV6.replace(' 11 ', ' 2b ')],
      ['header routing', `11 0${units} 03 01 ${form} 0000 ${addresses}`],
      ...CAFE,
    );
    const direct = compose(['header ipv6', IPV6.replace(TO, last)], ...CAFE);
    expect(finished(routed).slice(-20)).toBe(finished(direct).slice(-20));
  });

  it.each([
    ['a home address', '11 02 c910 20010db80000000000000000000000cc 0102 0000', 'home'],
    ['one behind padding', '11 02 00 c910 20010db80000000000000000000000cc 00 00 00', 'home'],
    [
      'one behind another option',
      '11 03 1e02 ffff 0100 c910 20010db80000000000000000000000cc 0104 00000000',
      'home',
    ],
    ['none', '11 00 0104 00000000', 'source'],
    ['one of a wrong length', '11 02 c90f 20010db80000000000000000000000cc 0102 0000', 'source'],
    ['one beyond its end', '11 00 0102 0000 c910', 'source'],
    ['an option beyond its end', '11 00 1eff 00000000', 'source'],
  ])('takes %s of destination options into account for the source of IPv6', (_which, options, from) => {
    const source = '20010db8000000000000000000000001';
    const home = '20010db80000000000000000000000cc';
    const moved = compose(
      ['header ipv6', IPV6.replace(' 11 ', ' 3c ')],
      ['header destination-options', options],
      ...CAFE,
    );
    const direct = compose(['header ipv6', from === 'home' ? IPV6.replace(source, home) : IPV6], ...CAFE);
    expect(finished(moved).slice(-20)).toBe(finished(direct).slice(-20));
  });

  it('covers an extension header with its own checksum, and nothing behind it', () => {
    const mobility = (body: string) =>
      finished(
        compose(
          ['header ipv6', IPV6.replace(' 11 ', ' 87 ')],
          ['header mobility', '3b 00 0500 ffff 0007'],
          ['payload', body],
        ),
      ).slice(80);
    expect(mobility('cafe').slice(0, 16)).toBe(mobility('').slice(0, 16));
    expect(mobility('').slice(8, 12)).not.toBe('ffff');
  });

  it.each([
    ['no option', '', 'none'],
    ['a loose source route', '83 07 04 c0000263 00', 'last'],
    ['a strict source route', '89 07 04 c0000263 00', 'last'],
    ['one behind other options', '01 44 04 00 00 83 07 04 c0000263', 'last'],
    ['one with two addresses', '83 0b 04 c0000262 c0000263 00', 'last'],
    ['one that is passed', '83 07 08 c0000263 00', 'none'],
    ['one whose last address is the next', '83 0b 08 c0000262 c0000263 00', 'last'],
    ['one behind the end of options', '00 83 07 04 c0000263', 'none'],
    ['one that reaches beyond the header', '83 0b 04 c0000263 00', 'none'],
    ['an option of one byte that says its length', '44 01 83 07 04 c0000263 00 00 00', 'none'],
    ['one without an address', '83 03 04 00', 'none'],
    ['one too short for an address', '83 06 03 c00002 00 00', 'none'],
  ])('takes %s into account for the destination of IPv4', (_, options, which) => {
    const bytes = hex(options);
    const words = Math.ceil(bytes.length / 4);
    const padded = `${Buffer.from(bytes).toString('hex')}${'00'.repeat(4 * words - bytes.length)}`;
    const udp = [
      ['header udp', '0001 0002 0000 0000'],
      ['payload', 'cafe'],
    ] as const;
    const routed = compose(['header ipv4', `${IPV4.replace('45', `4${5 + words}`)}${padded}`], ...udp);
    const to = which === 'last' ? 'c0000263' : 'c0000202';
    const direct = compose(['header ipv4', IPV4.replace('c0000202', to)], ...udp);
    expect(finished(routed).slice(-20)).toBe(finished(direct).slice(-20));
  });

  it.each([
    ['u8', 'contents', 255, 'ff'],
    ['u8', 'total', 247, 'ff'],
    ['u16', 'contents', 300, '012c'],
    ['u32', 'total', 300, '00000134'],
    ['u32', 'contents', 300, '0000012c'],
  ])('writes a length of %s that counts the %s of %i bytes', (field, counts, size, expected) => {
    const row = sized(field, counts, size);
    expect(sizing.finish(frames, row)).toBe(0);
    const from = frames.start[row]!;
    const header = Buffer.from(frames.bytes.subarray(from, from + 8)).toString('hex');
    expect(header).toBe(`eeee${expected}`.padEnd(16, 'e'));
  });

  it.each([
    ['contents', 256],
    ['total', 248],
  ])('reports a length that its field cannot hold, which counts the %s', (counts, size) => {
    const row = sized('u8', counts, size);
    expect(sizing.problemName(sizing.finish(frames, row))).toBe(`sized-u8-${counts}-size`);
    expect(frames.bytes[frames.start[row]! + 2]).toBe(0xee);
    expect(frames.partWords[row * MAX_PARTS * PART_WORDS]! >>> 24).toBe(UNFINISHED);
  });

  it('leaves finished headers unchanged', () => {
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
    // A trailer of the header itself is included.
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
      'gre-truncated',
      [
        ['header gre', '8000 0800'],
        ['payload', 'cafe'],
      ],
    ],
    [
      'ipv6-size',
      [
        ['header ipv6', IPV6],
        ['payload', '00'.repeat(65_536)],
      ],
    ],
  ] as const)('reports %s', (problem, parts) => {
    const row = compose(...parts);
    expect(composer.problemName(composer.finish(frames, row))).toBe(problem);
  });

  it('fills in nothing without a definition', () => {
    const row = compose(['header', '0102'], ['payload', '03']);
    expect(finished(row)).toBe('010203');
    expect(partsOf(frames, row)).toEqual(['header - 0+2', 'payload - 2+1']);
  });
});
