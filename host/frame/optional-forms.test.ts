import { beforeEach, describe, expect, it } from 'vitest';
import { standardProtocols as protocols } from '../stack/protocols.ts';
import { Composer } from './composer.ts';
import { MAX_PARTS, PART_WORDS } from './frames.ts';
import { Parser } from './parser.ts';
import { hex, partsOf, put, releaseAll, smallLane } from './testing/frame-fixture.ts';

/*
 * Forms that a document permits and few senders use: each definition that has some, with the forms that it
 * must read and must refuse.
 */

const frames = smallLane();
const parser = new Parser(protocols);
const composer = new Composer(protocols);
const UNFINISHED = 2 << 24;

beforeEach(() => releaseAll(frames));

/** Parses as deep as the headers themselves identify their contents. */
function parse(bytes: Uint8Array, protocol: string): readonly string[] | string {
  releaseAll(frames);
  const row = put(frames, bytes, protocol);
  for (;;) {
    const last = lastPayload(row);
    const next = last < 0 ? 0 : frames.partWords[(row * MAX_PARTS + last) * PART_WORDS]! & 0xffff;
    if (next === 0 || protocols.definition(next)?.header === undefined) return partsOf(frames, row);
    const problem = parser.deepen(frames, row, last, next);
    if (problem !== 0) return parser.problemName(problem);
  }
}

function lastPayload(row: number): number {
  for (let part = frames.partCount[row]! - 1; part >= 0; part--)
    if (((frames.partWords[(row * MAX_PARTS + part) * PART_WORDS]! >>> 16) & 0xff) === 1) return part;
  return -1;
}

const IPV4_UDP = '4500 001e 0001 0000 4011 f6ca c000 0201 c000 0202 04d2 162e 000a 0000 6869';
const IP_AND_UDP = (at: number) => [
  `header ipv4 ${at}+20`,
  `header udp ${at + 20}+8`,
  `payload - ${at + 28}+2`,
];

describe('GRE (RFC 2784, RFC 2890, RFC 2637)', () => {
  it.each([
    ['version 0', '0000 0800', ['header gre 0+4', ...IP_AND_UDP(4)]],
    [
      'checksum, key and sequence number',
      'b000 0800 11111111 22222222 33333333',
      ['header gre 0+16', ...IP_AND_UDP(16)],
    ],
    ['reserved bits 6 to 12, which a receiver ignores', '03f8 0800', ['header gre 0+4', ...IP_AND_UDP(4)]],
    ['PPP', '0000 880b ff03 0021', ['header gre 0+4', 'header ppp 4+4', ...IP_AND_UDP(8)]],
    [
      'Ethernet',
      '0000 6558 020000000001 020000000002 0800',
      ['header gre 0+4', 'header bridged-ethernet 4+14', ...IP_AND_UDP(18)],
    ],
    [
      'version 1, with a sequence number',
      '3001 880b 0020 0007 00000001 0021',
      ['header gre 0+12', 'header ppp 12+2', ...IP_AND_UDP(14)],
    ],
    [
      'version 1, with an acknowledgement too',
      '3081 880b 001f 0007 00000001 00000009 21',
      ['header gre 0+16', 'header ppp 16+1', ...IP_AND_UDP(17)],
    ],
  ])('reads %s', (_form, header, parts) => {
    expect(parse(hex(header + IPV4_UDP), 'gre')).toEqual(parts);
  });

  it.each([
    ['version 0', '0000 1234', 'header gre 0+4', 'payload - 4+0'],
    ['a key', '2000 1234 00000007', 'header gre 0+8', 'payload - 8+0'],
    ['version 1', '2001 880b 0000 0007', 'header gre 0+8', 'payload - 8+0'],
  ])('reads a header of %s with nothing behind it', (_form, bytes, ...parts) => {
    expect(parse(hex(bytes), 'gre')).toEqual(parts);
  });

  it('reads an acknowledgement of version 1 that carries nothing', () => {
    const packet = '4500 0020 0736 0000 802f ace9 c0a8 0241 c0a8 02fe 2081 880b 0000 0006 0000 001a';
    expect(parse(hex(packet), 'ipv4')).toEqual(['header ipv4 0+20', 'header gre 20+12', 'payload - 32+0']);
  });

  it.each([
    ['gre-version', 'the routing of RFC 1701', '4000 0800 00000000'],
    ['gre-version', 'a strict source route', '0800 0800 00000000'],
    ['gre-version', 'version 2', '0002 0800 00000000'],
    ['gre-version', 'version 1 without a key', '1001 880b 0000 0000 0000 0000'],
    ['gre-version', 'version 1 with a checksum', 'b001 880b 0000 0000 0000 0000'],
    ['gre-version', 'version 1 that carries IP', '3001 0800 0000 0000 0000 0000'],
    ['gre-header-length', 'version 1 with payload and no sequence number', '2001 880b 0002 0000 0021'],
    ['gre-length', 'version 1 with more payload than there is', '3001 880b 0003 0000 0000 0000 0021'],
    ['gre-truncated', 'a key that is missing', '2000 0800 0000'],
    ['gre-truncated', 'version 1 cut in its header', '2001 880b 0000'],
  ])('refuses, as %s, %s', (problem, _form, bytes) => {
    expect(parse(hex(bytes), 'gre')).toBe(problem);
  });

  it('gets the payload length of version 1 from the composer, and a checksum of version 0', () => {
    expect(composed('3001 880b ffff 0007 00000001', '0021 45')).toBe('3001880b0003000700000001002145');
    // 8000 + 0800 + 0102 + 0304 = 8c06, and its complement is 73f9.
    expect(composed('8000 0800 0000 0000', '0102 0304')).toBe('8000080073f9000001020304');
  });

  function composed(header: string, contents: string): string {
    const bytes = hex(header + contents);
    const row = frames.allocate(bytes.length);
    const start = frames.start[row]!;
    frames.bytes.set(bytes, start);
    frames.addPart(row, protocols.number('gre') | UNFINISHED, start, hex(header).length);
    frames.addPart(row, 1 << 16, start + hex(header).length, hex(contents).length);
    expect(composer.finish(frames, row)).toBe(0);
    return Buffer.from(frames.bytes.subarray(start, start + bytes.length)).toString('hex');
  }
});

describe('PPP (RFC 1661, RFC 1662)', () => {
  it.each([
    ['a protocol field of two bytes', '0021', 2],
    ['a compressed protocol field', '21', 1],
    ['address and control', 'ff03 0021', 4],
    ['address and control, and a compressed protocol field', 'ff03 21', 3],
  ])('reads %s', (_form, header, length) => {
    expect(parse(hex(header + IPV4_UDP), 'ppp')).toEqual([`header ppp 0+${length}`, ...IP_AND_UDP(length)]);
  });

  it.each([
    ['ppp-truncated', 'no byte', ''],
    ['ppp-truncated', 'half a protocol field', '00'],
    ['ppp-truncated', 'address and control alone', 'ff03'],
    ['ppp-syntax', 'an even protocol number', '0020 45'],
  ])('refuses, as %s, %s', (problem, _form, bytes) => {
    expect(parse(hex(bytes), 'ppp')).toBe(problem);
  });
});

describe('types of Ethernet', () => {
  const ADDRESSES = '020000000001 020000000002';
  it.each([
    ['8100', 'vlan'],
    ['88a8', 'vlan'],
    ['9100', 'vlan'],
    ['9200', 'vlan'],
    ['9300', 'vlan'],
  ])('%s is a tag', (type, name) => {
    expect(parse(hex(`${ADDRESSES} ${type} 0007 0800 ${IPV4_UDP}`), 'ethernet')).toEqual([
      'header ethernet 0+14',
      `header ${name} 14+4`,
      ...IP_AND_UDP(18),
    ]);
  });

  it.each([
    ['0806', 'arp'],
    ['8035', 'rarp'],
  ])('%s is %s', (type, name) => {
    const request = '0001 0800 0604 0003 020000000001 00000000 020000000001 00000000';
    expect(parse(hex(`${ADDRESSES} ${type} ${request} 0000`), 'ethernet')).toEqual([
      'header ethernet 0+14',
      `header ${name} 14+28`,
      'trailer ethernet 42+2',
    ]);
  });
});

describe('RTP and RTCP on one port (RFC 5761 §4)', () => {
  const rest = '0001 00000001 00000001';
  it('are distinguished by the second byte, for each of its values', () => {
    for (let type = 0; type < 256; type++) {
      const second = type.toString(16).padStart(2, '0');
      const isRtcp = type >= 192 && type <= 223;
      const ofRtp = parse(hex(`80${second} ${rest}`), 'rtp');
      expect(ofRtp === 'rtp-syntax', `RTP, ${type}`).toBe(isRtcp);
      const ofRtcp = parse(hex(`80${second} 0001 00000001`), 'rtcp');
      expect(ofRtcp === 'rtcp-syntax', `RTCP, ${type}`).toBe(!isRtcp);
    }
  });
});

describe('SNMP in long forms (RFC 3417 §8)', () => {
  const community = '0406 7075626c6963';
  const pdu = 'a003 020101';
  it.each([
    ['all lengths short', '3010 020100', 13],
    ['a long length', '308110 020100', 14],
    ['a length with zeros in front', '3088 0000000000000010 020100', 21],
    ['a version with a long length', '3011 02810100', 14],
    ['a version with a zero in front', '3011 02020001', 14],
  ])('reads %s', (_form, front, header) => {
    const bytes = hex(`${front} ${community} ${pdu}`);
    expect(parse(bytes, 'snmp')).toEqual([`header snmp 0+${header}`, `payload - ${header}+5`]);
  });

  it.each([
    ['a community', '300b 020100 0406 7075626c6963', 13],
    ['an empty community', '3005 020100 0400', 7],
  ])('reads a message that ends with %s', (_form, text, header) => {
    expect(parse(hex(text), 'snmp')).toEqual([`header snmp 0+${header}`, `payload - ${header}+0`]);
  });

  it('reads lengths of several digits, and no byte beyond them', () => {
    const value = '55'.repeat(0x0200);
    const bytes = hex(`3082 020b 020100 ${community} ${value} 0000`);
    expect(parse(bytes, 'snmp')).toEqual(['header snmp 0+15', 'payload - 15+512', 'trailer - 527+2']);
    expect(parse(hex(`3082 020e 020100 ${community} ${value} 0000`), 'snmp')).toBe('snmp-length');
  });

  it.each([
    ['snmp-version', 'version 2', '3010 020102'],
    ['snmp-version', 'a negative version', '3010 0201ff'],
    ['snmp-version', 'a version without a digit', '300f 0200'],
    ['snmp-version', 'a version of five digits', '3014 02050100000000'],
    ['snmp-syntax', 'a length that is not known', '3080 020100'],
    ['snmp-syntax', 'a reserved length', '30ff 020100'],
    ['snmp-length', 'a length beyond the packet', '3088 ffffffffffffffff 020100'],
  ])('refuses, as %s, %s', (problem, _form, front) => {
    expect(parse(hex(`${front} ${community} ${pdu} ${'00'.repeat(120)}`), 'snmp')).toBe(problem);
  });
});

describe('the boundary of a multipart (RFC 3261 §25.1, RFC 2046 §5.1.1)', () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  it.each([
    ['boundary=b1'],
    ['boundary = b1'],
    ['boundary\t=\t"b1"'],
    ['boundary\r\n =\r\n b1'],
    ['x=y ; BOUNDARY= b1 ; z=1'],
    ['x="; boundary=no"; boundary=b1'],
    ['x="\\"; boundary=no"; boundary=b1'],
    ['x="\\\\"; boundary=b1'],
  ])('is found in %j', (parameter) => {
    const head = `MESSAGE sip:a SIP/2.0\r\nContent-Type: multipart/mixed; ${parameter}\r\n\r\n`;
    const parts = parse(bytes(`${head}--b1\r\n\r\nhello\r\n--b1--`), 'sip');
    expect(parts).toEqual([
      `header sip 0+${head.length}`,
      `header multipart ${head.length}+0`,
      `header mime-part ${head.length}+8`,
      `payload - ${head.length + 8}+5`,
      `trailer mime-part ${head.length + 13}+2`,
      `trailer multipart ${head.length + 15}+6`,
    ]);
  });

  it('at the end of the frame is that of a delimiter which others follow, whatever the memory holds behind', () => {
    const head = 'MESSAGE sip:a SIP/2.0\r\nContent-Type: multipart/mixed; boundary=b1\r\n\r\n';
    const whole = bytes(`${head}--b1\r\n\r\nhello\r\n--b1`);
    const parts = ['\0\0', '--'].map((behind) => {
      // The row that is released here is the next one, with these bytes behind the frame.
      releaseAll(frames);
      frames.release(put(frames, bytes(`${head}--b1\r\n\r\nhello\r\n--b1${behind}`), 'sip'));
      return parse(whole, 'sip');
    });
    expect(parts[1]).toEqual(parts[0]);
  });

  it.each([['boundar=b1'], ['boundary b1'], ['boundaryx=b1'], ['boundary=']])(
    'is not found in %j',
    (parameter) => {
      const head = `MESSAGE sip:a SIP/2.0\r\nContent-Type: multipart/mixed; ${parameter}\r\n\r\n`;
      expect(parse(bytes(`${head}--b1\r\n\r\nhello\r\n--b1--`), 'sip')).toBe('multipart-syntax');
    },
  );
});

describe('the type of a body (RFC 3261 §25.1, RFC 2045 §5.1)', () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  it.each([
    ['application/sdp'],
    ['Application/SDP;charset=x'],
    ['application / sdp'],
    ['application\t/\r\n sdp ;x=y'],
    ['application/ sdp'],
    ['application /sdp'],
    ['\r\n application/sdp(a comment)'],
    ['application/sdp (a comment); x=y'],
  ])('is found in %j', (type) => {
    const head = `MESSAGE sip:a SIP/2.0\r\nContent-Type: ${type}\r\n\r\n`;
    expect(parse(bytes(`${head}v=0\r\n`), 'sip')).toEqual([
      `header sip 0+${head.length}`,
      `header sdp ${head.length}+5`,
    ]);
  });

  it.each([
    ['application sdp'],
    ['appli cation/sdp'],
    ['application/sd p'],
    ['application/'],
    ['/sdp'],
    ['application/sdp/sdp'],
  ])('is not found in %j', (type) => {
    const head = `MESSAGE sip:a SIP/2.0\r\nContent-Type: ${type}\r\n\r\n`;
    expect(parse(bytes(`${head}v=0\r\n`), 'sip')).toEqual([
      `header sip 0+${head.length}`,
      `payload - ${head.length}+5`,
    ]);
  });
});

describe('SIP (RFC 3261 §7.5, §25.1)', () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  it.each([
    ['line ends in front of the start line', '\r\n\r\n', 'Content-Length: 2'],
    ['a bare line end in front', '\n', 'Content-Length: 2'],
    ['white space around a length', '', 'Content-Length \t:\t 2 \t'],
    ['a length that continues in the next line', '', 'Content-Length:\r\n 2'],
    ['the short name of a length', '', 'L: 002'],
    ['no length', '', 'Subject: x'],
  ])('is read with %s', (_form, front, field) => {
    const head = `${front}MESSAGE sip:a SIP/2.0\r\n${field}\r\n\r\n`;
    const rest = field.startsWith('S') ? '' : 'more';
    expect(parse(bytes(`${head}hi${rest}`), 'sip')).toEqual([
      `header sip 0+${head.length}`,
      `payload - ${head.length}+2`,
      ...(rest === '' ? [] : [`trailer - ${head.length + 2}+4`]),
    ]);
  });

  it.each([
    ['sip-truncated', 'line ends alone', '\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n'],
    ['sip-syntax', 'two lengths in one field', 'MESSAGE sip:a SIP/2.0\r\nContent-Length: 2 3\r\n\r\nhi'],
  ])('is refused, as %s, with %s', (problem, _form, text) => {
    expect(parse(bytes(text), 'sip')).toBe(problem);
  });
});

describe('a part without a body (RFC 2046 §5.1.1)', () => {
  it.each([
    ['with header fields', 'Content-Type: text/plain'],
    ['with nothing', ''],
  ])('%s ends at the next delimiter', (_which, field) => {
    const head = 'MESSAGE sip:a SIP/2.0\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n';
    const first = field === '' ? '--b' : `--b\r\n${field}`;
    const second = '--b\r\nContent-Type: text/plain\r\n\r\n';
    const text = `${head}${first}\r\n${second}x=0\r\n--b--`;
    const at = head.length + first.length + 2;
    expect(parse(new TextEncoder().encode(text), 'sip')).toEqual([
      `header sip 0+${head.length}`,
      `header multipart ${head.length}+0`,
      `header mime-part ${head.length}+${first.length}`,
      `payload - ${head.length + first.length}+0`,
      `trailer mime-part ${head.length + first.length}+2`,
      `header mime-part ${at}+${second.length}`,
      `payload - ${at + second.length}+3`,
      `trailer mime-part ${at + second.length + 3}+2`,
      `trailer multipart ${at + second.length + 5}+5`,
    ]);
  });
});

describe('a header that is shorter than its document allows', () => {
  it.each([
    ['ah-truncated', 'ah', '1100 0000 00000001'],
    ['ah-header-length', 'ah', '1100 0000 00000001 00000002'],
    ['hip-header-length', 'hip', `3b03 0001 00000000 ${'00'.repeat(32)}`],
  ])('is refused as %s', (problem, protocol, bytes) => {
    expect(parse(hex(bytes), protocol)).toBe(problem);
  });
});

describe('a source route of IPv4 (RFC 791 §3.1)', () => {
  const tcp = '0014 0050 00000000 00000000 5002 2000 0000 0000';
  const header = (options: string) => `48000034 00010000 40060000 090a0b0c 0d0e0f10 ${options}`;
  it.each([
    ['that is not completed: the last address counts', '830b04 01020304 05060708 00', '6f5b'],
    ['that is strict, and not completed', '890b04 01020304 05060708 00', '6f5b'],
    ['of which one address is left', '830b08 01020304 05060708 00', '6f5b'],
    ['behind an option that is none of our business', '01 830b04 01020304 05060708', '6f5b'],
    ['that is completed: the destination counts', '830b0c 01020304 05060708 00', '5f4b'],
    ['behind the end of the options', '00 830b04 01020304 05060708', '5f4b'],
    ['that is longer than the header', '831b04 01020304 05060708 00', '5f4b'],
    ['that only records', '070b04 01020304 05060708 00', '5f4b'],
  ])('decides what a checksum covers, where there is one %s', (_which, options, checksum) => {
    const bytes = hex(header(options) + tcp);
    const row = frames.allocate(bytes.length);
    const start = frames.start[row]!;
    frames.bytes.set(bytes, start);
    frames.addPart(row, protocols.number('ipv4') | UNFINISHED, start, 32);
    frames.addPart(row, protocols.number('tcp') | UNFINISHED, start + 32, 20);
    expect(composer.finish(frames, row)).toBe(0);
    expect(Buffer.from(frames.bytes.subarray(start + 48, start + 50)).toString('hex')).toBe(checksum);
  });
});

describe('a length in front of a message on a stream (RFC 1035 §4.2.2, RFC 4571 §2)', () => {
  const query = '1234 0100 0001 0000 0000 0000 00 0001 0001';
  it.each([
    ['one message', `0011 ${query}`, ['header length-prefix 0+2', 'payload - 2+17']],
    [
      'one message and the beginning of the next',
      `0011 ${query} 0011 12`,
      ['header length-prefix 0+2', 'payload - 2+17', 'trailer - 19+3'],
    ],
    ['no message that is whole', `0012 ${query}`, 'length-prefix-length'],
    ['half a length', '00', 'length-prefix-truncated'],
  ])('separates %s', (_what, bytes, parts) => {
    expect(parse(hex(bytes), 'length-prefix')).toEqual(parts);
  });
});
