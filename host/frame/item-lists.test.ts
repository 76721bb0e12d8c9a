import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { parseStack } from '../stack/parse-stack.ts';
import { standardProtocols as protocols } from '../stack/protocols.ts';
import { Classifier } from './classifier.ts';
import { Composer } from './composer.ts';
import { MAX_PARTS, PART_WORDS } from './frames.ts';
import { Parser } from './parser.ts';
import { Pattern } from './pattern.ts';
import { hex, partsCover, partsOf, put, releaseAll, smallLane } from './testing/frame-fixture.ts';
import { checksum, crcBitByBit } from './testing/packet-arbitrary.ts';

/* Several bodies in one frame: the chunks of SCTP, the packets of RTCP, the parts of a MIME multipart. */

const frames = smallLane();
const composer = new Composer(protocols);
const parser = new Parser(protocols);
beforeEach(() => releaseAll(frames));

const SACK = '03 00 0010 00000001 0001f000 0000 0000';
/** A whole message of 3 bytes, of M3UA; padded. */
const DATA_M3UA = '00 03 0013 00000001 0002 0003 00000003 010001 00';
/** A whole message of 4 bytes, whose PPID identifies nothing. */
const DATA = '00 03 0014 00000002 0002 0004 00000000 c0ffee00';
const FIRST_FRAGMENT = '00 02 0014 00000002 0002 0004 00000003 c0ffee00';

/** An IPv4 packet with its checksum. */
function ipv4(protocol: number, contents: Uint8Array): Uint8Array {
  const header = hex('4500 0000 0001 0000 4000 0000 c0000201 c0000202');
  new DataView(header.buffer).setUint16(2, 20 + contents.length);
  header[9] = protocol;
  new DataView(header.buffer).setUint16(10, checksum([header]));
  return Uint8Array.from([...header, ...contents]);
}

function sctpAlone(chunks: string): Uint8Array {
  const packet = hex(`0b59 0b59 12345678 00000000 ${chunks}`);
  new DataView(packet.buffer).setUint32(8, crcBitByBit(packet), true);
  return packet;
}

/** A packet of SCTP over IPv4 with its checksums, port 2905. */
function sctp(...chunks: string[]): Uint8Array {
  return ipv4(132, sctpAlone(chunks.join('')));
}

function walk(bytes: Uint8Array, protocol: string, ...stacks: string[]) {
  const row = put(frames, bytes, protocol);
  const classifier = new Classifier(
    protocols,
    stacks.map((stack, tag) => ({ stack: parseStack(stack), tag })),
  );
  const accepted: string[] = [];
  for (let node = classifier.walk(frames, row, true); node >= 0; node = classifier.parent(node))
    accepted.push(...classifier.accepts(node).map((tag) => stacks[tag]!));
  expect(partsCover(frames, row)).toBe(true);
  return { row, accepted, parts: partsOf(frames, row), problem: classifier.problemName(classifier.problem) };
}

function refinish(row: number): void {
  const before = frames.bytes.slice(frames.start[row]!, frames.start[row]! + frames.length[row]!);
  for (let part = 0; part < frames.partCount[row]!; part++) {
    const at = (row * MAX_PARTS + part) * PART_WORDS;
    const header = protocols.definition(frames.partWords[at]! & 0xffff)?.header;
    if (((frames.partWords[at]! >>> 16) & 0xff) !== 0) continue;
    if (header?.length !== undefined)
      frames.bytes.fill(
        0x5a,
        frames.partWords[at + 1]! + header.length.at,
        frames.partWords[at + 1]! + header.length.at + 2,
      );
    frames.partWords[at]! |= 2 << 24;
  }
  expect(composer.problemName(composer.finish(frames, row))).toBe('');
  expect(frames.bytes.slice(frames.start[row]!, frames.start[row]! + frames.length[row]!)).toEqual(before);
}

describe('the chunks of SCTP', () => {
  it('are parsed only where a stack continues behind the port', () => {
    expect(walk(sctp(SACK, DATA), 'ipv4', 'ip/sctp/2905').parts).toEqual([
      'header ipv4 0+20',
      'header sctp 20+12',
      'payload sctp-sack 32+36',
    ]);
  });

  it('each become a header with a body and a padding, whichever stack was wanted', () => {
    const { parts, accepted, row } = walk(sctp(SACK, DATA_M3UA, DATA), 'ipv4', 'ip/sctp/2905/sctp-data/m3ua');
    expect(parts).toEqual([
      'header ipv4 0+20',
      'header sctp 20+12',
      'header sctp-sack 32+16',
      'header sctp-data 48+16',
      'payload sctp-ppid:3 64+3',
      'trailer sctp-data 67+1',
      'header sctp-data 68+16',
      'payload - 84+4',
    ]);
    expect(accepted).toEqual(['ip/sctp/2905/sctp-data/m3ua']);
    refinish(row);
  });

  it('are found at each place in the list, by classifier and by pattern', () => {
    const stacks = ['ip/sctp/2905/sctp-data/m3ua', 'ip/sctp/2905/sctp-sack', 'ip/sctp/2905/sctp-abort'];
    for (const chunks of [
      [SACK, DATA, DATA_M3UA],
      [DATA_M3UA, DATA, SACK],
      [DATA, SACK, DATA_M3UA],
    ]) {
      expect(walk(sctp(...chunks), 'ipv4', ...stacks).accepted.sort()).toEqual(stacks.slice(0, 2));
      const row = put(frames, sctp(...chunks), 'ipv4');
      expect(
        stacks.map((each) => new Pattern(protocols, parseStack(each)).matches(frames, row, 0, true)),
      ).toEqual([true, true, false]);
      releaseAll(frames);
    }
  });

  it('carry the protocol of the stack if the PPID identifies nothing, unless the chunk is a fragment', () => {
    const inner = `60 00 0000 0000 3b 40 ${'00'.repeat(32)}`;
    const chunk = (flags: string, ppid: string) => `00 ${flags} 0038 00000002 0002 0004 ${ppid} ${inner}`;
    const stack = 'ip/sctp/2905/sctp-data/ipv6';
    protocols.intern('sctp-ppid', 3);
    for (const [flags, ppid, accepted] of [
      ['03', '00000000', [stack]],
      ['02', '00000000', []],
      ['03', '00000003', []],
    ] as const) {
      expect(walk(sctp(chunk(flags, ppid)), 'ipv4', stack).accepted).toEqual(accepted);
      const row = put(frames, sctp(chunk(flags, ppid)), 'ipv4');
      expect(new Pattern(protocols, parseStack(stack)).matches(frames, row, 0, true)).toBe(
        accepted.length > 0,
      );
    }
    expect(walk(sctp(FIRST_FRAGMENT), 'ipv4', 'ip/sctp/2905/sctp-data/m3ua').accepted).toEqual([]);
  });

  it('nest: SCTP in UDP in a chunk has its own scopes', () => {
    const inside = Buffer.from(sctpAlone(DATA_M3UA + DATA)).toString('hex');
    const udp = hex(`26ab 26ab ${(8 + inside.length / 2).toString(16).padStart(4, '0')} 0000 ${inside}`);
    const addresses = hex('c0000201 c0000202 0011 0000');
    new DataView(addresses.buffer).setUint16(10, udp.length);
    new DataView(udp.buffer).setUint16(6, checksum([addresses, udp]));
    const body = Buffer.from(ipv4(17, udp)).toString('hex');
    const length = (16 + body.length / 2).toString(16).padStart(4, '0');
    const outer = sctp(`00 03 ${length} 00000001 0002 0003 00000000 ${body}`, SACK, DATA_M3UA);
    const stacks = [
      'ip/sctp/2905/sctp-data/ipv4/udp/9899/sctp/2905/sctp-data/m3ua',
      'ip/sctp/2905/sctp-data/m3ua',
    ];
    const { row, parts, accepted } = walk(outer, 'ipv4', ...stacks);
    expect(accepted.sort()).toEqual(stacks);
    expect(parts.map((part) => part.split(' ').slice(0, 2).join(' '))).toEqual([
      'header ipv4',
      'header sctp',
      'header sctp-data',
      'header ipv4',
      'header udp',
      'header sctp',
      'header sctp-data',
      'payload sctp-ppid:3',
      'trailer sctp-data',
      'header sctp-data',
      'payload -',
      'trailer sctp-data',
      'trailer sctp-data',
      'header sctp-sack',
      'header sctp-data',
      'payload sctp-ppid:3',
      'trailer sctp-data',
    ]);
    refinish(row);
  });

  it.each([
    ['sctp-data-truncated', '00 03 0013 00000001'],
    ['sctp-data-length', DATA.replace('0014', '0015')],
    ['sctp-data-length', DATA.replace('0014', '0004')],
    ['sctp-sack-truncated', '03 00 0100 00000001 0001f000 0000 0000'],
    ['sctp-sack-header-length', '03 00 0000 00000001 0001f000 0000 0000'],
  ])('report %s', (problem, chunk) => {
    expect(walk(sctp(chunk), 'ipv4', 'ip/sctp/2905/sctp-data').problem).toBe(problem);
  });

  it('of an unknown type end the list', () => {
    const { parts, accepted } = walk(
      sctp(DATA_M3UA, '77 00 0008 00000000', DATA),
      'ipv4',
      'ip/sctp/2905/sctp-data',
    );
    expect(parts.slice(2)).toEqual([
      'header sctp-data 32+16',
      'payload sctp-ppid:3 48+3',
      'trailer sctp-data 51+1',
      'trailer sctp 52+28',
    ]);
    expect(accepted).toEqual(['ip/sctp/2905/sctp-data']);
  });

  it('are no more than a frame may have parts', () => {
    const many = Array.from({ length: 40 }, () => DATA);
    const { row, accepted, problem } = walk(sctp(...many), 'ipv4', 'ip/sctp/2905/sctp-data');
    expect(frames.partCount[row]).toBeLessThanOrEqual(MAX_PARTS);
    expect([accepted, problem]).toEqual([['ip/sctp/2905/sctp-data'], 'sctp-data-parts']);
  });
});

describe('the packets of RTCP', () => {
  it('follow each other', () => {
    const bytes = hex('80 c9 0001 00000001 81 ca 0002 00000001 01 00 0000 81 cb 0001 00000001');
    const row = put(frames, bytes, 'rtcp');
    for (let part = 0; part < 3; part++)
      expect(parser.deepen(frames, row, part, protocols.number('rtcp'))).toBe(0);
    expect(partsOf(frames, row)).toEqual(['header rtcp 0+8', 'header rtcp 8+12', 'header rtcp 20+8']);
  });
});

describe('textual headers', () => {
  const SDP = 'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n';
  const message = (headers: string, body: string) =>
    `INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n${headers}\r\n${body}`;
  const bytes = (text: string) => new TextEncoder().encode(text);

  it('of SIP identify their contents, and the length of these', () => {
    const text = message(`content-TYPE :\r\n Application/SDP; x=y\r\nl: ${SDP.length}\r\n`, SDP);
    const { accepted, parts } = walk(bytes(`${text}rest`), 'sip', 'sip/sdp', 'sip');
    const header = text.length - SDP.length;
    expect(parts).toEqual([
      `header sip 0+${header}`,
      `header sdp ${header}+${SDP.length}`,
      `trailer - ${text.length}+4`,
    ]);
    expect(accepted).toEqual(['sip/sdp', 'sip']);
    expect(walk(bytes(`SIP/2.0 200 OK\r\n\r\nbody`), 'sip', 'sip/sdp', 'sip').accepted).toEqual(['sip']);
  });

  it('of SIP get their length from the composer', () => {
    const text = message('Content-Type: application/sdp\r\nContent-Length: 0036\r\n', SDP);
    const { row } = walk(bytes(text), 'sip', 'sip/sdp');
    expect(SDP.length).toBe(36);
    const at = row * MAX_PARTS * PART_WORDS;
    frames.bytes.set(bytes('9999'), frames.start[row]! + text.indexOf('0036'));
    frames.partWords[at]! |= 2 << 24;
    expect(composer.finish(frames, row)).toBe(0);
    expect(
      new TextDecoder().decode(frames.bytes.subarray(frames.start[row]!, frames.start[row]! + text.length)),
    ).toBe(text);
    releaseAll(frames);
    const short = message('Content-Length: 1\r\n', '0123456789');
    const other = put(frames, bytes(short.replace(': 1', ': 9')), 'sip');
    expect(parser.deepen(frames, other, 0, protocols.number('sip'))).toBe(0);
    frames.partCount[other] = 2;
    frames.partWords[other * MAX_PARTS * PART_WORDS + PART_WORDS + 2] = 10;
    frames.partWords[other * MAX_PARTS * PART_WORDS]! |= 2 << 24;
    expect(composer.problemName(composer.finish(frames, other))).toBe('sip-size');
  });

  it('of a multipart are several, and nest', () => {
    const inner = `--in\r\nContent-Type: application/sdp\r\n\r\n${SDP}\r\n--in--`;
    const body =
      'preamble\r\n--out x\r\n\r\nplain\r\n' +
      `--out x  \r\nContent-Type: multipart/alternative;\r\n boundary=in\r\n\r\n${inner}\r\n` +
      `--out x\r\nContent-Type: application/sdp\r\n\r\n${SDP}\r\n--out x--\r\nepilogue`;
    const text = message(
      `c: multipart/mixed; a="; boundary=no"; BOUNDARY="out x"\r\nContent-Length: ${body.length}\r\n`,
      body,
    );
    const stacks = [
      'sip/multipart/mime-part/sdp',
      'sip/multipart/mime-part/multipart/mime-part/sdp',
      'sip/multipart/mime-part/"text/html"',
    ];
    const { accepted, parts, row } = walk(bytes(text), 'sip', ...stacks);
    expect(parts.map((part) => part.split(' ').slice(0, 2).join(' '))).toEqual([
      'header sip',
      'header multipart',
      'header mime-part',
      'payload -',
      'trailer mime-part',
      'header mime-part',
      'header multipart',
      'header mime-part',
      'header sdp',
      'trailer mime-part',
      'trailer multipart',
      'trailer mime-part',
      'header mime-part',
      'header sdp',
      'trailer mime-part',
      'trailer multipart',
    ]);
    expect(accepted.sort()).toEqual(stacks.slice(0, 2).sort());
    const again = put(frames, bytes(text), 'sip');
    expect(
      stacks.map((each) => new Pattern(protocols, parseStack(each)).matches(frames, again, 0, true)),
    ).toEqual([true, true, false]);
    expect(frames.partWords[row * MAX_PARTS * PART_WORDS]! >>> 16).toBe(0);
  });

  it.each([
    ['sip-truncated', message('a: b', '')],
    ['sip-syntax', message('', '').replace('SIP/2.0\r\nVia', 'SIP/3.0\r\nVia')],
    ['sip-syntax', message('Content-Length: 1x\r\n', 'a')],
    ['sip-syntax', message('Content-Length: 99999999999\r\n', 'a')],
    ['sip-length', message('Content-Length: 2\r\n', 'a')],
    ['sdp-syntax', message('c: application/sdp\r\n', 'v=0\r\nwrong')],
    ['sdp-syntax', message('c: application/sdp\r\n', 'v=1\r\n')],
    ['multipart-syntax', message('c: multipart/mixed\r\n', '--a\r\n\r\n--a--')],
    ['multipart-syntax', message('c: multipart/mixed; boundary=""\r\n', '--a\r\n\r\n--a--')],
    ['multipart-syntax', message('c: multipart/mixed; boundary=a\r\n', '--a--\r\n')],
    ['multipart-truncated', message('c: multipart/mixed; boundary=b\r\n', '--a\r\n\r\n--a--')],
    ['mime-part-truncated', message('c: multipart/mixed; boundary=a\r\n', '--a\r\n\r\n--b--')],
  ])('report %s', (problem, text) => {
    expect(walk(bytes(text), 'sip', 'sip/sdp', 'sip/multipart/mime-part').problem).toBe(problem);
  });

  it('never throw, whatever the bytes, and their parts cover the frame', () => {
    const words = [
      'SIP/2.0 ',
      'a:',
      'c:',
      'l: 3',
      ' 7',
      '\r\n',
      '\n',
      '--a',
      '--',
      ';boundary=a',
      'multipart/mixed',
      'application/sdp',
      'v=0',
      '\r\n\r\n',
      '"',
    ];
    const text = fc.array(
      fc.oneof({ arbitrary: fc.constantFrom(...words), weight: 9 }, fc.string({ unit: 'binary-ascii' })),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(
        text,
        fc.constantFrom('sip', 'multipart', 'mime-part', 'sdp', 'snmp', 'rtp', 'rtcp', 'sctp'),
        (each, protocol) => {
          releaseAll(frames);
          const start = protocol === 'sip' ? 'SIP/2.0 200 OK\r\nc: multipart/mixed;boundary=a\r\n' : '';
          walk(
            bytes(start + each.join('')),
            protocol,
            protocol === 'sctp' ? 'sctp/*' : protocol,
            'sip/multipart/mime-part/multipart/mime-part/sdp',
          );
        },
      ),
      { numRuns: 5000 },
    );
  });
});

describe('headers of applications', () => {
  it.each([
    [
      'rtp',
      'b2 80 0001 00000001 00000002 00000003 00000004 beef 0001 00000005 cafe 0002',
      ['header rtp 0+28', 'payload - 28+2', 'trailer rtp 30+2'],
    ],
    ['rtp', '80 00 0001 00000001 00000002 cafe', ['header rtp 0+12', 'payload - 12+2']],
    [
      'snmp',
      '30 0c 02 01 01 04 03 616263 a0 02 0000 ff',
      ['header snmp 0+10', 'payload - 10+4', 'trailer - 14+1'],
    ],
    ['snmp', '30 81 10 02 01 03 30 03 020101 04 02 3000 30 02 0000', ['header snmp 0+15', 'payload - 15+4']],
    ['dns', '1234 0100 0001 0000 0000 0000 00 0001 0001', ['header dns 0+12', 'payload - 12+5']],
    [
      'radius',
      '01 02 0016 00000000000000000000000000000000 0102 ee',
      ['header radius 0+20', 'payload - 20+2', 'trailer - 22+1'],
    ],
  ])('%s %s', (protocol, text, parts) => {
    expect(walk(hex(text), protocol, protocol).parts).toEqual(parts);
  });

  it.each([
    ['rtp-version', 'rtp', '40 00 0001 00000001 00000002'],
    ['rtp-truncated', 'rtp', '82 00 0001 00000001 00000002 00000003'],
    ['rtp-truncated', 'rtp', '90 00 0001 00000001 00000002 beef'],
    ['rtp-length', 'rtp', 'a0 00 0001 00000001 00000002 00'],
    ['rtp-length', 'rtp', 'a0 00 0001 00000001 00000002 02'],
    ['snmp-syntax', 'snmp', '31 0c 02 01 01 04 03 616263 a0 02 0000'],
    ['snmp-syntax', 'snmp', '30 80 02 01 01 04 03 616263 a0 02 0000'],
    ['snmp-length', 'snmp', '30 0d 02 01 01 04 03 616263 a0 02 0000'],
    ['snmp-version', 'snmp', '30 0c 02 01 02 04 03 616263 a0 02 0000'],
    ['snmp-length', 'snmp', '30 0c 02 01 01 04 84 7fffffff a0 0200'],
    ['radius-length', 'radius', '01 02 0013 00000000000000000000000000000000'],
  ])('report %s', (problem, protocol, text) => {
    expect(walk(hex(text), protocol, protocol).problem).toBe(problem);
  });
});
