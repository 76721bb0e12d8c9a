import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Protocols, standardProtocols as protocols } from '../stack/protocols.ts';
import { Composer } from './composer.ts';
import { type Frames, MAX_PARTS, PART_WORDS } from './frames.ts';
import { Layouts } from './layouts.ts';
import { Parser } from './parser.ts';
import { trailersOutside } from './scope.ts';
import { hex, partsCover, partsOf, put, releaseAll, smallLane } from './testing/frame-fixture.ts';
import { type Packet, packetArbitrary } from './testing/packet-arbitrary.ts';

const frames = smallLane();
const parser = new Parser(protocols);
const composer = new Composer(protocols);
const UNFINISHED = 2 << 24;

/**
 * Parses as deep as the headers identify their contents, and the given contents of ports. Returns the
 * problem's name, or ''.
 */
function parseAll(lane: Frames, row: number, behindPorts: readonly string[] = []): string {
  const carried = [...behindPorts];
  for (;;) {
    const part = lastPayload(lane, row);
    if (part < 0) return '';
    const before =
      part === 0 ? '' : protocols.name(lane.partWords[(row * MAX_PARTS + part - 1) * PART_WORDS]! & 0xffff);
    let protocol = lane.partWords[(row * MAX_PARTS + part) * PART_WORDS]! & 0xffff;
    if (protocol === 0 && before === 'udp') protocol = protocols.number(carried.shift() ?? '');
    if (protocol === 0 || protocols.definition(protocol)?.header === undefined) return '';
    const problem = parser.deepen(lane, row, part, protocol);
    if (problem !== 0) return parser.problemName(problem);
  }
}

function lastPayload(lane: Frames, row: number): number {
  for (let part = lane.partCount[row]! - 1; part >= 0; part--) {
    if (((lane.partWords[(row * MAX_PARTS + part) * PART_WORDS]! >>> 16) & 0xff) === 1) return part;
  }
  return -1;
}

function parse(bytes: Uint8Array, protocol: string): { problem: string; parts: string[] } {
  const row = put(frames, bytes, protocol);
  const problem = parseAll(frames, row);
  const parts = partsOf(frames, row);
  expect(partsCover(frames, row)).toBe(true);
  frames.release(row);
  return { problem, parts };
}

/** The contents of UDP in these tests, if there is a tunnel. */
function tunnelled({ headers }: Packet): string[] {
  const udp = headers.findIndex(({ protocol }) => protocol === 'udp');
  const inner = headers[udp + 1];
  return udp >= 0 && inner !== undefined ? [inner.protocol] : [];
}

const IPV4_UDP = '4500 0020 0001 0000 4011 f6c8 c000 0201 c000 0202 e612 64be 000c 0000 deadbeef';
const IPV6_ICMP =
  '6000 0000 0008 3a ff fe80000000000000 0000000000000001 ff02000000000000 0000000000000002 8500 7bb8 00000000';

describe('a length of any width', () => {
  const own = new Protocols();
  const reader = new Parser(own);
  it.each([1, 2, 4])('is read from its %i bytes, and from no other', (width) => {
    const protocol = own.defineFromText(
      `wide-${width}`,
      `in ip-protocol ${200 + width}; header 8; length u${8 * width}[2] total`,
    );
    Layouts.of(own).refresh();
    const problemOf = (length: readonly number[]) => {
      releaseAll(frames);
      const bytes = [0xff, 0xff, ...length, ...Array(8 - 2 - width).fill(0xff), 7, 7];
      const row = put(frames, Uint8Array.from(bytes), 'ipv6');
      frames.begin(row, frames.start[row]!, bytes.length, protocol);
      const problem = reader.deepen(frames, row, 0, protocol);
      return problem === 0 ? '' : reader.problemName(problem);
    };
    const right = [...Array(width - 1).fill(0), 10];
    expect(problemOf(right)).toBe('');
    for (let at = 0; at < width; at++) {
      const wrong = right.with(at, right[at]! + 1);
      expect(problemOf(wrong), String(wrong)).toBe(`wide-${width}-length`);
    }
    releaseAll(frames);
  });
});

describe('a field of 1, 2 or 4 bytes', () => {
  const made = new Protocols();
  made.defineNameSpace({ name: 'wide', summary: '', bits: 32 });
  const parserOf = () => new Parser(made);

  it.each([
    [1, 0xfe, 'fe'],
    [2, 0x8102, '8102'],
    [4, 0x01020304, '01020304'],
    [4, 0x81828384, '81828384'],
    [4, 0xffffffff, 'ffffffff'],
  ] as const)('of %i identifies the contents by each of its bits', (bytes, id, field) => {
    const name = `carrier-${field}`;
    const next = { nameSpace: 'wide', at: 1, bytes };
    made.define({ name, summary: '', identifiers: [], header: { minimum: 8, base: 8, next } });
    const inner = made.define({ name: `in-${field}`, summary: '', identifiers: [{ nameSpace: 'wide', id }] });
    const header = `aa${field}`.padEnd(16, 'a');
    expect(nextIn(name, header)).toBe(inner);
    for (let bit = 0; bit < 8 * bytes; bit++) {
      const other = ((id ^ (1 << bit)) >>> 0).toString(16).padStart(2 * bytes, '0');
      expect(nextIn(name, `aa${other}`.padEnd(16, 'a')), `bit ${bit}`).toBe(0);
    }
  });

  /** The protocol that the parser finds behind this header. */
  function nextIn(name: string, header: string): number {
    releaseAll(frames);
    const row = frames.allocate(12);
    const from = frames.start[row]!;
    frames.bytes.set(hex(`${header}11111111`), from);
    frames.begin(row, from, 12, made.number(name));
    expect(parserOf().deepen(frames, row, 0, made.number(name))).toBe(0);
    return frames.partWords[(row * MAX_PARTS + 1) * PART_WORDS]! & 0xffff;
  }

  it.each([
    [1, 'payload', 'ff', 255],
    [2, 'total', '0104', 252],
    [4, 'payload', '00000102', 258],
    [4, 'total', '0000010a', 258],
  ] as const)('of %i counts the %s', (bytes, counts, field, contents) => {
    const name = `counted-${counts}-${field}`;
    const length = { at: 2, bytes, counts };
    const number = made.define({
      name,
      summary: '',
      identifiers: [],
      header: { minimum: 8, base: 8, length },
    });
    const read = (text: string) => {
      releaseAll(frames);
      const row = frames.allocate(8 + contents);
      const from = frames.start[row]!;
      frames.bytes.fill(0, from, from + 8 + contents);
      frames.bytes.set(hex(`0000${text}`), from);
      frames.begin(row, from, 8 + contents, number);
      const problem = parserOf().problemName(parserOf().deepen(frames, row, 0, number));
      return problem || frames.partWords[(row * MAX_PARTS + 1) * PART_WORDS + 2];
    };
    expect(read(field)).toBe(contents);
    if (bytes > 1) expect(read(`80${field.slice(2)}`)).toBe(`${name}-length`);
  });
});

describe('Parser', () => {
  it('parses a known packet', () => {
    expect(parse(hex(`02 0000000001 02 0000000002 0800 ${IPV4_UDP} 0000`), 'ethernet')).toEqual({
      problem: '',
      parts: [
        'header ethernet 0+14',
        'header ipv4 14+20',
        'header udp 34+8',
        'payload - 42+4',
        'trailer ethernet 46+2',
      ],
    });
  });

  it('gives padding behind ARP to Ethernet', () => {
    const arp = '0001 0800 06 04 0001 020000000001 c0000201 000000000000 c0000202';
    expect(parse(hex(`ffffffffffff 020000000001 0806 ${arp} 0000 0000 0000`), 'ethernet')).toEqual({
      problem: '',
      parts: ['header ethernet 0+14', 'header arp 14+28', 'trailer ethernet 42+6'],
    });
  });

  it.each([
    ['ipv4-truncated', 'ipv4', '4500 0014'],
    ['ipv4-version', 'ipv4', IPV4_UDP.replace('45', '55')],
    ['ipv4-header-length', 'ipv4', IPV4_UDP.replace('45', '44')],
    ['ipv4-truncated', 'ipv4', '4f00 0014 0000 0000 4011 0000 c000 0201 c000 0202'],
    ['ipv4-length', 'ipv4', IPV4_UDP.replace('0020', '0021')],
    ['ipv4-length', 'ipv4', IPV4_UDP.replace('0020', '0013')],
    ['ipv4-checksum', 'ipv4', IPV4_UDP.replace('f6c8', 'f6c9')],
    ['udp-length', 'ipv4', IPV4_UDP.replace('64be 000c', '64be 000d')],
    ['udp-length', 'ipv4', IPV4_UDP.replace('64be 000c', '64be 0007')],
    ['ipv6-truncated', 'ipv6', '6000'],
    ['ipv6-truncated', 'ipv6', ''],
    ['ipv6-version', 'ipv6', IPV6_ICMP.replace('6000', '4000')],
    ['ipv6-length', 'ipv6', IPV6_ICMP.replace('0008', '0009')],
    ['icmpv6-truncated', 'ipv6', IPV6_ICMP.replace('0008', '0007')],
    ['tcp-truncated', 'ipv6', IPV6_ICMP.replace(' 3a ', ' 06 ')],
    ['hop-by-hop-truncated', 'ipv6', IPV6_ICMP.replace(' 3a ', ' 00 ').replace('8500', '3a01')],
    ['tcp-header-length', 'tcp', '0000 0000 00000000 00000000 4000 0000 0000 0000'],
    ['gre-version', 'gre', '4000 0800 0000 0000'],
    ['gre-truncated', 'gre', 'a000 0800 0000 0000'],
  ])('reports %s', (problem, protocol, bytes) => {
    const row = put(frames, hex(bytes), protocol);
    expect(parseAll(frames, row)).toBe(problem);
    expect(partsCover(frames, row)).toBe(true);
    frames.release(row);
  });

  it('leaves the contents of fragments opaque, except for atomic ones', () => {
    const fragment = (field: string) =>
      `6000 0000 0010 2c ff ${'00'.repeat(32)} 11 00 ${field} 00000000 0001 0002 0008 0000`;
    const opaque = ['header ipv6 0+40', 'header fragment 40+8', 'payload - 48+8'];
    expect(parse(hex(fragment('0001')), 'ipv6').parts).toEqual(opaque);
    expect(parse(hex(fragment('0008')), 'ipv6').parts).toEqual(opaque);
    expect(parse(hex(fragment('0006')), 'ipv6').parts).toEqual([
      ...opaque.slice(0, 2),
      'header udp 48+8',
      'payload - 56+0',
    ]);
    const first = hex('4500 001c 0001 2000 4011 d6cc c000 0201 c000 0202 0001 0002 0008 0000');
    expect(parse(first, 'ipv4')).toEqual({ problem: '', parts: ['header ipv4 0+20', 'payload - 20+8'] });
  });

  it.each([
    ['ipv4', 20, 'udp'],
    ['ipv6', 40, 'udp'],
    ['fragment', 8, 'udp'],
  ])('reads no field of a made header %s that has less than %i bytes', (name, minimum, next) => {
    const number = protocols.number(name);
    for (const length of [4, minimum - 1, minimum]) {
      const bytes = new Uint8Array(minimum + 8);
      // The bytes behind a short header would identify UDP as its contents, and in two of three cases mark a
      // fragment.
      bytes[0] = name === 'ipv4' ? 0x45 : name === 'ipv6' ? 0x60 : 17;
      bytes[name === 'ipv4' ? 9 : 6] = 17;
      const row = put(frames, bytes, name);
      const start = frames.start[row]!;
      frames.partCount[row] = 0;
      frames.addPart(row, number, start, length);
      frames.addPart(row, 1 << 16, start + length, bytes.length - length);
      const found = parser.next(frames, row, 0);
      expect(protocols.name(found)).toBe(length < minimum ? '' : next);
      frames.release(row);
    }
    // The same header with the bits of a fragment marks a fragment only if the header is whole.
    if (name === 'ipv6') return;
    for (const length of [4, minimum - 1, minimum]) {
      const bytes = new Uint8Array(minimum + 8);
      bytes[name === 'ipv4' ? 6 : 3] = name === 'ipv4' ? 0x20 : 1;
      const row = put(frames, bytes, name);
      frames.partCount[row] = 0;
      frames.addPart(row, number, frames.start[row]!, length);
      expect(parser.isFragment(frames, row, 0)).toBe(length === minimum);
      frames.release(row);
    }
  });

  it('takes following payload without a protocol as a continuation', () => {
    const bytes = hex(IPV4_UDP);
    const row = put(frames, bytes, 'ipv4');
    const start = frames.start[row]!;
    frames.partCount[row] = 0;
    const ipv4 = protocols.number('ipv4');
    frames.addPart(row, ipv4 | (1 << 16), start, 10);
    frames.addPart(row, 1 << 16, start + 10, 1);
    frames.addPart(row, 1 << 16, start + 11, bytes.length - 11);
    expect(parser.deepen(frames, row, 0, ipv4)).toBe(0);
    expect(partsOf(frames, row)).toEqual(['header ipv4 0+20', 'payload udp 20+12']);
    frames.release(row);
  });

  it('changes nothing if there are more parts than fit', () => {
    const options = '3c00 0000 0000 0000'.repeat(40);
    const row = put(frames, hex(`6000 0000 0140 3c ff ${'00'.repeat(32)} ${options}`), 'ipv6');
    expect(parseAll(frames, row)).toBe('destination-options-parts');
    expect(frames.partCount[row]).toBe(MAX_PARTS);
    expect(partsCover(frames, row)).toBe(true);
    frames.release(row);
  });

  it('finds the headers of packets of many layers, and the composer makes them anew byte for byte', () => {
    fc.assert(
      fc.property(packetArbitrary, fc.nat(3), (packet, odd) => {
        releaseAll(frames);
        const row = put(frames, packet.bytes, packet.headers[0]!.protocol, odd);
        expect(parseAll(frames, row, tunnelled(packet))).toBe('');
        expect(partsCover(frames, row)).toBe(true);
        const parts = partsOf(frames, row);
        expect(parts.filter((part) => part.startsWith('header'))).toEqual(
          packet.headers.map(({ protocol, at, length }) => `header ${protocol} ${at}+${length}`),
        );
        expect(parts).toContain(`payload - ${packet.body.at}+${packet.body.length}`);
        spoilAndFinish(row);
        expect(frames.bytes.slice(frames.start[row]!, frames.start[row]! + packet.bytes.length)).toEqual(
          packet.bytes,
        );
        frames.release(row);
      }),
      { numRuns: 3000 },
    );
  });

  it('never throws, and its parts always cover the frame, whatever the bytes', () => {
    const starts = [
      'ethernet',
      'vlan',
      'ppp',
      'ipv4',
      'ipv6',
      'udp',
      'tcp',
      'gre',
      'arp',
      'ah',
      'routing',
      'sctp',
      'icmp',
    ];
    let runs = 0;
    let parsed = 0;
    // Nearly valid bytes lead deeper than plain noise.
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc
        .tuple(packetArbitrary, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat(120))
        .map(([packet, changes, cut]) => {
          const changed = packet.bytes.slice();
          for (const [at, value] of changes) if (changed.length > 0) changed[at % changed.length] = value;
          return cut < 100 ? changed : changed.subarray(0, cut - 100 + (changed.length >> 1));
        }),
    );
    fc.assert(
      fc.property(bytes, fc.constantFrom(...starts), (each, protocol) => {
        releaseAll(frames);
        const row = put(frames, each, protocol);
        parseAll(frames, row, ['ipv6']);
        runs++;
        if (frames.partCount[row]! > 1) parsed++;
        expect(partsCover(frames, row) && frames.length[row] === each.length).toBe(true);
        frames.release(row);
      }),
      { numRuns: 100_000 },
    );
    expect(parsed / runs).toBeGreaterThan(0.1);
  }, 120_000);
});

/** Wipes every length and checksum, marks the headers, and lets the composer fill them again. */
function spoilAndFinish(row: number): void {
  for (let part = 0; part < frames.partCount[row]!; part++) {
    const at = (row * MAX_PARTS + part) * PART_WORDS;
    const kind = frames.partWords[at]!;
    if (((kind >>> 16) & 0xff) !== 0) continue;
    const header = protocols.definition(kind & 0xffff)?.header;
    const address = frames.partWords[at + 1]!;
    if (header?.length !== undefined)
      frames.bytes.fill(0x5a, address + header.length.at, address + header.length.at + 2);
    const when = header?.checksum?.when;
    if (
      header?.checksum !== undefined &&
      (when === undefined || (frames.bytes[address + when.at]! & when.mask) !== 0)
    )
      frames.bytes.fill(0xa5, address + header.checksum.at, address + header.checksum.at + 2);
    frames.partWords[at] = kind | UNFINISHED;
  }
  expect(composer.finish(frames, row)).toBe(0);
  for (let part = 0; part < frames.partCount[row]!; part++) {
    expect(frames.partWords[(row * MAX_PARTS + part) * PART_WORDS]! >>> 24).toBe(0);
  }
}

describe('trailersOutside', () => {
  it('counts what belongs to headers in front, from the outside in', () => {
    const row = put(
      frames,
      hex(`02 0000000001 02 0000000002 0800 ${IPV4_UDP.replace('64be 000c', '64be 000a')} 0000`),
      'ethernet',
    );
    parseAll(frames, row);
    expect(partsOf(frames, row).slice(3)).toEqual([
      'payload - 42+2',
      'trailer ipv4 44+2',
      'trailer ethernet 46+2',
    ]);
    expect([0, 1, 2].map((header) => trailersOutside(Layouts.of(protocols), frames, row, header))).toEqual([
      0, 1, 2,
    ]);
    frames.release(row);
  });
});
