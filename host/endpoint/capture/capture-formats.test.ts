import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CaptureError } from './capture-reader.ts';
import { INBOUND, OUTBOUND, UNKNOWN_DIRECTION } from './captured-packet.ts';
import { LinkType } from './link-types.ts';
import { interfaceDescription, sectionHeader } from './pcapng-format.ts';
import { captureBytes, packetsIn } from './testing/capture-bytes.ts';

const packet = Uint8Array.from({ length: 21 }, (_, i) => (i === 0 ? 0x45 : i));
const NOTHING_TOLD = { direction: UNKNOWN_DIRECTION, interfaceNumber: 0 };

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const ascii = (text: string) => Buffer.from(text).toString('hex');

describe('pcapng', () => {
  test('blocks are byte for byte what the format says', () => {
    expect(hex(sectionHeader())).toBe(
      '0a0d0d0a' +
        '34000000' +
        '4d3c2b1a' +
        '0100' +
        '0000' +
        'ffffffffffffffff' +
        `04000d00${ascii('funnel-tunnel')}000000` +
        '00000000' +
        '34000000',
    );
    const subject = { snapLength: 65_535, interfaceName: 'lan', about: 'a piece' };
    expect(hex(interfaceDescription(subject, LinkType.raw))).toBe(
      '01000000' +
        '34000000' +
        '6500' +
        '0000' +
        'ffff0000' +
        `02000300${ascii('lan')}00` +
        `03000700${ascii('a piece')}00` +
        '0900010009000000' +
        '00000000' +
        '34000000',
    );
    // 23.000000007 s: 0x55ae82607 nanoseconds, whose upper half stands first.
    const time = { seconds: 23, nanoseconds: 7 };
    const plain = captureBytes([{ bytes: packet, captured: 6, ...time }]);
    expect(hex(plain.subarray(-40))).toBe(
      '06000000' +
        '28000000' +
        '00000000' +
        '05000000' +
        '0726e85a' +
        '06000000' +
        '15000000' +
        '450102030405' +
        '0000' +
        '28000000',
    );
    const full = captureBytes([
      { bytes: packet, captured: 3, direction: OUTBOUND, comment: 'lost', ...time },
    ]);
    expect(hex(full.subarray(-56))).toBe(
      '06000000' +
        '38000000' +
        '00000000' +
        '05000000' +
        '0726e85a' +
        '03000000' +
        '15000000' +
        '45010200' +
        '0200040002000000' +
        `01000400${ascii('lost')}` +
        '00000000' +
        '38000000',
    );
    const ended = captureBytes([{ bytes: packet }], { lost: 3 });
    // Two intervals, the received packets, the lost packets, the delivered packets.
    const time1700000000 = 'fe9c9717' + '00002a36';
    expect(hex(ended.subarray(-88))).toBe(
      '05000000' +
        '58000000' +
        '00000000' +
        time1700000000 +
        `02000800${time1700000000}` +
        `03000800${time1700000000}` +
        `040008000400000000000000` +
        `050008000300000000000000` +
        `080008000100000000000000` +
        '00000000' +
        '58000000',
    );
  });

  test('an option ends within its block: exactly at its end, and not a byte behind', () => {
    // An interface with one option, whose 4 bytes of value are the last of its block.
    const withOption = (code: number, size: number) => {
      const block = new Uint8Array(28);
      const view = new DataView(block.buffer);
      view.setUint32(0, 1, true);
      view.setUint32(4, block.length, true);
      view.setUint16(8, LinkType.raw, true);
      view.setUint16(16, code, true);
      view.setUint16(18, size, true);
      view.setUint32(24, block.length, true);
      return new Uint8Array(Buffer.concat([sectionHeader(), block]));
    };
    // A comment, a name, the resolution of times, the check sequence, the offset of times, and an unknown
    // one.
    for (const code of [1, 2, 9, 13, 14, 4000]) {
      for (let size = 0; size <= 4; size++) expect(packetsIn(withOption(code, size)).packets).toEqual([]);
      for (const size of [5, 8, 9, 0xffff])
        expect(() => packetsIn(withOption(code, size)), `${code} ${size}`).toThrow(CaptureError);
    }
  });

  test('sections follow each other, each with its byte order, interfaces and losses', () => {
    const first = captureBytes([{ bytes: packet, direction: INBOUND }], { lost: 3, interfaceName: 'one' });
    const big = sectionOf([
      block(1, [0, 1, 0, 0, ...u32(64)]),
      // Lost by the interface, and by the system.
      block(5, [
        ...u32(0),
        ...u32(0),
        ...u32(0),
        0,
        5,
        0,
        8,
        ...u32(0),
        ...u32(4),
        0,
        7,
        0,
        8,
        ...u32(1),
        ...u32(0),
      ]),
      block(6, [...u32(0), ...u32(0), ...u32(5), ...u32(1), ...u32(1), 9, 0, 0, 0]),
    ]);
    const { packets, reader } = packetsIn(Buffer.concat([first, big]), 50);
    expect(packets).toMatchObject([
      { linkType: 101, direction: INBOUND },
      { linkType: 1, bytes: [9], nanoseconds: 5000, direction: UNKNOWN_DIRECTION },
    ]);
    expect(reader.dropped).toBe(3 + 4 + 2 ** 32);
    expect(reader.interfaceName).toBe('');
    expect(packetsIn(first).reader.interfaceName).toBe('one');
  });

  test('other byte orders, resolutions and block types are read', () => {
    const bytes = sectionOf([
      // Nanoseconds, and ten seconds to be added.
      block(1, [
        0,
        1,
        0,
        0,
        ...u32(64),
        0,
        9,
        0,
        1,
        9,
        0,
        0,
        0,
        0,
        14,
        0,
        8,
        ...u32(0),
        ...u32(10),
        0,
        0,
        0,
        0,
      ]),
      block(6, [...u32(0), ...u32(0), ...u32(5001), ...u32(2), ...u32(2), 1, 2, 0, 0]),
      block(0x40000bad, [1, 2, 3, 4]),
      block(2, [0, 0, 0, 0, ...u32(0), ...u32(7000), ...u32(1), ...u32(9), 3, 0, 0, 0]),
      block(3, [...u32(2), 4, 5, 0, 0]),
    ]);
    expect(packetsIn(bytes).packets).toEqual([
      { bytes: [1, 2], seconds: 10, nanoseconds: 5001, original: 2, linkType: 1, ...NOTHING_TOLD },
      { bytes: [3], seconds: 10, nanoseconds: 7000, original: 9, linkType: 1, ...NOTHING_TOLD },
      { bytes: [4, 5], seconds: 10, nanoseconds: 7000, original: 2, linkType: 1, ...NOTHING_TOLD },
    ]);
  });

  test.each([
    // Seconds, units of a tenth, milliseconds, picoseconds, attoseconds; and powers of two.
    [0, 1_700_000_000n, 1_700_000_000, 0],
    [1, 17_000_000_003n, 1_700_000_000, 300_000_000],
    [3, 1_700_000_000_123n, 1_700_000_000, 123_000_000],
    [9, 1_700_000_000_123_456_789n, 1_700_000_000, 123_456_789],
    [12, 1_700_000_123_456_789_012n, 1_700_000, 123_456_789],
    [18, 1_500_000_000_000_000_000n, 1, 500_000_000],
    [0x80, 42n, 42, 0],
    [0x80 | 20, (1_700_000_000n << 20n) | (1n << 19n), 1_700_000_000, 500_000_000],
    [0x80 | 32, (1_700_000_000n << 32n) | 0x4000_0000n, 1_700_000_000, 250_000_000],
    [0x80 | 60, (7n << 60n) | (1n << 59n), 7, 500_000_000],
    [127, 1n, 0, 0],
  ])('a time in the resolution %i', (resolution, units, seconds, nanoseconds) => {
    const time = [...u32(Number(units >> 32n)), ...u32(Number(units & 0xffff_ffffn))];
    const bytes = sectionOf([
      block(1, [0, 1, 0, 0, ...u32(64), 0, 9, 0, 1, resolution, 0, 0, 0]),
      block(6, [...u32(0), ...time, ...u32(1), ...u32(1), 1, 0, 0, 0]),
    ]);
    expect(packetsIn(bytes).packets).toMatchObject([{ seconds, nanoseconds }]);
  });

  test.each([
    ['4 bytes by the interface', [0, 13, 0, 1, 4, 0, 0, 0], [], 4],
    ['32 bits by the interface', [0, 13, 0, 1, 32, 0, 0, 0], [], 4],
    ['2 bytes by the packet', [0, 13, 0, 1, 4, 0, 0, 0], [0, 2, 0, 4, 0, 0, 0, 0x40], 2],
    ['none', [], [0, 2, 0, 4, 0, 0, 0, 0x01], 0],
  ])('a frame check sequence of %s is left out', (_, ofInterface, ofPacket, fcs) => {
    const body = [1, 2, 3, 4, 5, 6, 7, 8];
    const bytes = sectionOf([
      block(1, [0, 1, 0, 0, ...u32(64), ...ofInterface]),
      block(6, [...u32(0), ...u32(0), ...u32(0), ...u32(8), ...u32(8), ...body, ...ofPacket]),
      // A packet that is cut short lacks it already.
      block(6, [...u32(0), ...u32(0), ...u32(0), ...u32(8), ...u32(9), ...body, ...ofPacket]),
    ]);
    expect(packetsIn(bytes).packets).toMatchObject([
      { bytes: body.slice(0, 8 - fcs), original: 8 - fcs },
      { bytes: body, original: 9 },
    ]);
  });

  test.each([
    ['a block of 8 bytes', [...u32(6), ...u32(8), ...u32(8)], 'a block has an invalid length of 8 bytes'],
    ['a block of 13 bytes', [...u32(6), ...u32(13), ...u32(0)], 'a block has an invalid length of 13 bytes'],
    [
      'a large block',
      [...u32(6), ...u32(0x0100_0004), 0, 0, 0, 0],
      'a block has 16777220 bytes, but the limit is 16777216',
    ],
    ['a false end', [...u32(9), ...u32(12), ...u32(16)], 'the two lengths of a block differ'],
    ['a short packet', [...block(6, Array(16).fill(0))], 'a packet block is too short'],
    ['a short packet of old', [...block(2, Array(16).fill(0))], 'a packet block is too short'],
    ['a short simple packet', [...block(3, [])], 'a packet block is too short'],
    ['a short interface', [...block(1, u32(0))], 'an interface block is too short'],
    ['short statistics', [...block(5, u32(0))], 'a block of statistics is too short'],
    [
      'statistics of nothing',
      [...block(5, [...u32(0), ...u32(0), ...u32(0)])],
      'statistics name interface 0, which',
    ],
    [
      'a packet of nothing',
      [...block(6, [...u32(3), ...Array(16).fill(0)])],
      'a packet names interface 3, which',
    ],
    ['a packet of nothing', [...block(3, u32(0))], 'a packet names interface 0, which'],
    [
      'another version',
      [...block(0x0a0d0d0a, [...u32(0x1a2b3c4d), 0, 2, 0, 0, ...Array(8).fill(255)])],
      'a section has an unknown version; only version 1 is supported',
    ],
    [
      'no byte order',
      [...block(0x0a0d0d0a, [...u32(0x01020304), 0, 1, 0, 0, ...Array(8).fill(255)])],
      'a section has no valid byte order',
    ],
  ])('%s ends the reading', (_, bytes, message) => {
    const section = sectionOf([]);
    const whole = Uint8Array.from([...section, ...bytes]);
    expect(() => packetsIn(whole)).toThrow(`at byte ${section.length}: ${message}`);
  });

  test('a packet does not reach beyond its block', () => {
    const packetOf = (captured: number) =>
      sectionOf([
        block(1, [0, 1, 0, 0, ...u32(64)]),
        block(6, [...u32(0), ...u32(0), ...u32(0), ...u32(captured), ...u32(9), 1, 2, 3, 4]),
      ]);
    expect(packetsIn(packetOf(4)).packets).toMatchObject([{ bytes: [1, 2, 3, 4] }]);
    expect(() => packetsIn(packetOf(5))).toThrow('a packet has 5 bytes in a block with room for 4');
    // A simple packet has no length of its own: the interface's limit and the block say it.
    const simple = (snap: number, original: number) =>
      packetsIn(sectionOf([block(1, [0, 1, 0, 0, ...u32(snap)]), block(3, [...u32(original), 1, 2, 3, 4])]))
        .packets;
    expect(simple(0, 3)).toMatchObject([{ bytes: [1, 2, 3], original: 3 }]);
    expect(simple(2, 9)).toMatchObject([{ bytes: [1, 2], original: 9 }]);
    expect(simple(0, 9)).toMatchObject([{ bytes: [1, 2, 3, 4], original: 9 }]);
  });
});

describe('pcap', () => {
  test('headers are byte for byte what the format says', () => {
    const time = { seconds: 0x5_0000, nanoseconds: 7_999 };
    expect(hex(captureBytes([{ bytes: packet, captured: 3, ...time }], { format: 'pcap' }))).toBe(
      'd4c3b2a1' +
        '02000400' +
        '00000000' +
        '00000000' +
        'c0020100' +
        '65000000' +
        '00000500' +
        '07000000' +
        '03000000' +
        '15000000' +
        '450102',
    );
    expect(hex(captureBytes([{ bytes: packet, captured: 1, ...time }], { format: 'pcap-ns' }))).toBe(
      `4d3cb2a1020004000000000000000000c002010065000000000005003f1f0000010000001500000045`,
    );
    // Without packets there is a header nevertheless.
    expect(hex(captureBytes([], { format: 'pcap', linkType: 9 }))).toBe(
      'd4c3b2a1020004000000000000000000c002010009000000',
    );
  });

  const record = (magic: readonly number[], header: readonly number[], ...records: readonly number[][]) =>
    Uint8Array.from([
      ...magic,
      0,
      2,
      0,
      4,
      ...u32(0),
      ...u32(0),
      ...u32(65_535),
      ...header,
      ...records.flat(),
    ]);

  test('each byte order, resolution and variant is read', () => {
    const micro = record(u32(0xa1b2c3d4), u32(101), [...u32(3), ...u32(4), ...u32(2), ...u32(8), 0x60, 1]);
    const read = { bytes: [0x60, 1], seconds: 3, original: 8, linkType: 101, ...NOTHING_TOLD };
    expect(packetsIn(micro, 7).packets).toEqual([{ ...read, nanoseconds: 4000 }]);
    const nano = record(u32(0xa1b23c4d), u32(101), [...u32(3), ...u32(4), ...u32(2), ...u32(8), 0x60, 1]);
    expect(packetsIn(nano, 7).packets).toEqual([{ ...read, nanoseconds: 4 }]);
    // More than a second of microseconds.
    const much = record(u32(0xa1b2c3d4), u32(101), [
      ...u32(1),
      ...u32(2_000_004),
      ...u32(2),
      ...u32(8),
      0x60,
      1,
    ]);
    expect(packetsIn(much, 7).packets).toEqual([{ ...read, nanoseconds: 4000 }]);
    // Behind each usual header an interface, an EtherType and the way.
    const modified = record(
      u32(0xa1b2cd34),
      u32(101),
      [...u32(3), ...u32(4), ...u32(2), ...u32(2), ...u32(1), 8, 0, 4, 0, 0x60, 1],
      [...u32(3), ...u32(5), ...u32(1), ...u32(1), ...u32(1), 8, 0, 0, 0, 0x61],
    );
    expect(packetsIn(modified, 5).packets).toMatchObject([
      { bytes: [0x60, 1], direction: OUTBOUND },
      { bytes: [0x61], direction: INBOUND },
    ]);
  });

  test('a frame check sequence that the header announces is left out', () => {
    const of = (link: number) =>
      packetsIn(
        record(u32(0xa1b2c3d4), u32(link), [...u32(0), ...u32(0), ...u32(5), ...u32(5), 1, 2, 3, 4, 5]),
      );
    expect(of(0x2400_0001).packets).toMatchObject([{ bytes: [1], original: 1, linkType: 1 }]);
    expect(of(0x1400_0001).packets).toMatchObject([{ bytes: [1, 2, 3], linkType: 1 }]);
    // Its length is absent, or larger than the frame.
    expect(of(0x2000_0001).packets).toMatchObject([{ bytes: [1, 2, 3, 4, 5] }]);
    expect(of(0x3400_0001).packets).toMatchObject([{ bytes: [1, 2, 3, 4, 5] }]);
  });

  test('what cannot be ends the reading', () => {
    const large = record(u32(0xa1b2c3d4), u32(1), [...u32(0), ...u32(0), ...u32(0x0100_0001), ...u32(0)]);
    expect(() => packetsIn(large)).toThrow(
      'at byte 24: a packet has 16777217 bytes, but the limit is 16777216',
    );
    const other = Uint8Array.from([...u32(0xa1b2c3d4), 0, 3, 0, 4, ...Array(16).fill(0)]);
    expect(() => packetsIn(other)).toThrow(
      'at byte 0: a pcap file has the unknown version 3; only version 2 is supported',
    );
  });
});

test('what is written is read, in whatever pieces it comes', () => {
  const one = fc.record({
    bytes: fc.uint8Array({ minLength: 1, maxLength: 70 }),
    seconds: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
    direction: fc.constantFrom(UNKNOWN_DIRECTION, INBOUND, OUTBOUND),
    comment: fc.option(fc.string({ maxLength: 9, unit: 'grapheme' }), { nil: undefined }),
    linkType: fc.constantFrom(1, 101, 113),
  });
  const format = fc.constantFrom('pcapng', 'pcap', 'pcap-ns');
  const step = fc.integer({ min: 1, max: 200 });
  fc.assert(
    fc.property(fc.array(one, { maxLength: 12 }), step, format, (all, step, format) => {
      const packets = format === 'pcapng' ? all : all.filter(({ linkType }) => linkType === all[0]!.linkType);
      const linkTypes = [...new Set(packets.map(({ linkType }) => linkType))];
      const { packets: found, reader } = packetsIn(
        captureBytes(packets.map(withoutUndefined), { format }),
        step,
      );
      expect(found).toEqual(
        packets.map(({ bytes, seconds, nanoseconds, direction, linkType }) => ({
          bytes: [...bytes],
          seconds,
          nanoseconds: format === 'pcap' ? nanoseconds - (nanoseconds % 1000) : nanoseconds,
          original: bytes.length,
          linkType,
          direction: format === 'pcapng' ? direction : UNKNOWN_DIRECTION,
          interfaceNumber: format === 'pcapng' ? linkTypes.indexOf(linkType) : 0,
        })),
      );
      expect(reader.isInBlock).toBe(false);
    }),
  );
});

test.each([0, 2 ** 32 - 1, 2 ** 32, 3 * 2 ** 32 + 7, 18_446_744_073])(
  '%i seconds stand in pcapng',
  (seconds) => {
    const time = { seconds, nanoseconds: 709_551_615 };
    expect(packetsIn(captureBytes([{ bytes: packet, ...time }])).packets).toMatchObject([time]);
  },
);

test('a file that was cut off is read as far as it goes', () => {
  for (const format of ['pcapng', 'pcap'] as const) {
    const whole = captureBytes([{ bytes: packet }, { bytes: packet }], { format });
    const { packets, reader } = packetsIn(whole.subarray(0, whole.length - 5));
    expect(packets).toHaveLength(1);
    expect(reader.isInBlock).toBe(true);
  }
});

test('a hostile file ends in an error with its place, and never in anything else', () => {
  const packets = [{ bytes: packet }, { bytes: packet, direction: INBOUND, comment: 'here' } as const];
  const files = [captureBytes(packets, { lost: 1 }), captureBytes(packets, { format: 'pcap' })];
  let runs = 0;
  let errors = 0;
  const noise = fc.uint8Array({ minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(fc.constantFrom(...files), fc.nat(150), noise, (whole, place, noise) => {
      const at = place % whole.length;
      runs++;
      const bytes = new Uint8Array(whole);
      bytes.set(noise.subarray(0, bytes.length - at), at);
      try {
        for (const { bytes: read } of packetsIn(bytes).packets)
          expect(read.length).toBeLessThanOrEqual(bytes.length);
      } catch (error) {
        expect(error).toBeInstanceOf(CaptureError);
        expect((error as CaptureError).offset).toBeLessThanOrEqual(bytes.length);
        errors++;
      }
    }),
    { numRuns: 3000 },
  );
  expect(errors / runs).toBeGreaterThan(0.033);
});

test.each([
  ['706965636573', 'this is neither a pcapng nor a pcap file'],
  ['28b52ffd0458', 'this is compressed by Zstandard; give what zstd -d makes of it'],
  ['fd377a585a00', 'this is compressed by xz; give what xz -d makes of it'],
  ['425a68393141', 'this is compressed by bzip2; give what bzip2 -d makes of it'],
  ['425a68303141', 'this is neither'],
  ['04224d180000', 'this is compressed by LZ4'],
  ['504b03040000', 'this is compressed by ZIP'],
  ['736e6f6f7000', 'this is a capture of snoop (RFC 1761); Wireshark'],
  ['474d42550000', 'this is a capture of Microsoft Network Monitor 2; '],
  ['ac01001c0000', "this is a capture of the pcap variant of IXIA's hardware (magic number 0x1c0001ac); "],
])('what begins with %s is named', (begin, message) => {
  expect(() => packetsIn(Buffer.from(begin, 'hex'))).toThrow(`at byte 0: ${message}`);
});

function withoutUndefined<T extends { comment: string | undefined }>({ comment, ...rest }: T) {
  return comment === undefined ? rest : { ...rest, comment };
}

/** A section of the other byte order. */
function sectionOf(blocks: readonly Uint8Array[]): Uint8Array {
  const section = block(0x0a0d0d0a, [...u32(0x1a2b3c4d), 0, 1, 0, 0, ...Array(8).fill(255)]);
  return new Uint8Array(Buffer.concat([section, ...blocks]));
}

function block(type: number, body: readonly number[]): Uint8Array {
  const length = 12 + body.length;
  return Uint8Array.from([...u32(type), ...u32(length), ...body, ...u32(length)]);
}

function u32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}
