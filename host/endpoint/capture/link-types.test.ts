import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Classifier } from '../../frame/classifier.ts';
import { Frames } from '../../frame/frames.ts';
import { partsOf } from '../../frame/testing/frame-fixture.ts';
import { parseStack } from '../../stack/parse-stack.ts';
import { Protocols } from '../../stack/protocols.ts';
import { RecordingContext } from '../testing/recording-context.ts';
import { INBOUND, OUTBOUND, UNKNOWN_DIRECTION } from './captured-packet.ts';
import { linkTypeText } from './link-type-names.ts';
import { acceptedLinkTypes, LinkHeaders } from './link-types.ts';
import { PcapReaderPiece } from './pcap-reader.ts';
import { captureBytes } from './testing/capture-bytes.ts';

const protocols = new Protocols();
const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

const IPV4 = '4500001c000000004011f6cdc0000201c00002020001000200080000';
const IPV6 =
  '60000000 0008 11 40 20010db8000000000000000000000001 20010db8000000000000000000000002 00010002 0008 a466';
const MACS = 'aabbccddeeff 112233445566';
const TO_US = '0000 0001 0006 aabbccddeeff 0000';
const BY_US = '0004 0001 0006 aabbccddeeff 0000';
const SLL2 = '0000 00000002 0001';
const MAC8 = '06 aabbccddeeff 0000';

/** Link type, what stands in front, version of IP, the link headers that are left, direction. */
const CASES = [
  [0, '02000000', 4, [], UNKNOWN_DIRECTION, 'in the byte order of a PC'],
  [0, '00000002', 4, [], UNKNOWN_DIRECTION, 'in the other byte order'],
  [0, '0a000000', 6, [], UNKNOWN_DIRECTION, 'AF_INET6 of Linux'],
  [0, '18000000', 6, [], UNKNOWN_DIRECTION, 'of NetBSD and OpenBSD'],
  [0, '1c000000', 6, [], UNKNOWN_DIRECTION, 'of FreeBSD'],
  [0, '1e000000', 6, [], UNKNOWN_DIRECTION, 'of macOS'],
  [0, '0000001e', 6, [], UNKNOWN_DIRECTION, 'of macOS on PowerPC'],
  [1, `${MACS} 0800`, 4, ['ethernet'], UNKNOWN_DIRECTION, 'Ethernet'],
  [1, `${MACS} 86dd`, 6, ['ethernet'], UNKNOWN_DIRECTION, 'Ethernet'],
  [1, `${MACS} 8100 0007 0800`, 4, ['ethernet', 'vlan'], UNKNOWN_DIRECTION, '802.1Q'],
  [1, `${MACS} 88a8 0007 8100 0008 86dd`, 6, ['ethernet', 'vlan', 'vlan'], UNKNOWN_DIRECTION, '802.1ad'],
  [1, `${MACS} 8864 1100 0001 001e 0021`, 4, ['ethernet', 'pppoe', 'ppp'], UNKNOWN_DIRECTION, 'PPPoE'],
  [9, 'ff03 0021', 4, ['ppp'], UNKNOWN_DIRECTION, 'with address and control'],
  [9, '0057', 6, ['ppp'], UNKNOWN_DIRECTION, 'without'],
  [9, '21', 4, ['ppp'], UNKNOWN_DIRECTION, 'compressed'],
  [9, 'ff03 57', 6, ['ppp'], UNKNOWN_DIRECTION, 'compressed behind address and control'],
  [12, '', 4, [], UNKNOWN_DIRECTION, 'raw IP'],
  [12, '', 6, [], UNKNOWN_DIRECTION, 'raw IP'],
  [14, '', 4, [], UNKNOWN_DIRECTION, 'raw IP of OpenBSD'],
  [50, 'ff03 0021', 4, ['ppp'], UNKNOWN_DIRECTION, 'PPP'],
  [50, '0f00 0800', 4, [], UNKNOWN_DIRECTION, 'Cisco, to one'],
  [50, '8f00 86dd', 6, [], UNKNOWN_DIRECTION, 'Cisco, to all'],
  [51, '1100 0001 001e 0021', 4, ['pppoe', 'ppp'], UNKNOWN_DIRECTION, 'PPPoE'],
  [101, '', 4, [], UNKNOWN_DIRECTION, 'raw IP'],
  [101, '', 6, [], UNKNOWN_DIRECTION, 'raw IP'],
  [104, '0f00 0800', 4, [], UNKNOWN_DIRECTION, 'Cisco HDLC'],
  [104, '0f00 8100 0007 0800', 4, ['vlan'], UNKNOWN_DIRECTION, 'Cisco HDLC with a VLAN'],
  [108, '00000002', 4, [], UNKNOWN_DIRECTION, 'in network byte order'],
  [108, '18000000', 6, [], UNKNOWN_DIRECTION, 'in the other byte order'],
  [109, '02000000 00000000 00000000', 4, [], UNKNOWN_DIRECTION, 'IPsec'],
  [113, `${TO_US} 0800`, 4, ['sll'], INBOUND, 'received'],
  [113, `${BY_US} 86dd`, 6, ['sll'], OUTBOUND, 'sent'],
  [113, `${BY_US} 8100 0007 0800`, 4, ['sll', 'vlan'], OUTBOUND, 'with a VLAN'],
  [166, '0003 0021', 4, ['ppp'], INBOUND, 'received'],
  [166, '0103 0057', 6, ['ppp'], OUTBOUND, 'sent'],
  [204, '00 ff03 0021', 4, ['ppp'], INBOUND, 'received'],
  [204, '01 0057', 6, ['ppp'], OUTBOUND, 'sent'],
  [205, '00 0f00 0800', 4, [], INBOUND, 'received'],
  [205, '01 0f00 86dd', 6, [], OUTBOUND, 'sent'],
  [228, '', 4, [], UNKNOWN_DIRECTION, 'IPv4'],
  [229, '', 6, [], UNKNOWN_DIRECTION, 'IPv6'],
  [276, `0800 ${SLL2} 00 ${MAC8}`, 4, ['sll2'], INBOUND, 'received'],
  [276, `86dd ${SLL2} 04 ${MAC8}`, 6, ['sll2'], OUTBOUND, 'sent'],
] as const;

/**
 * The packets that tshark 4.0 does not read: these families and this tag, and the directions in 166 and 205.
 */
const NOT_OF_TSHARK = [
  '0 0a000000',
  '104 0f00 8100 0007 0800',
  '108 18000000',
  '166 0003 0021',
  '166 0103 0057',
  '205 00 0f00 0800',
  '205 01 0f00 86dd',
];

const packets = CASES.map(([linkType, header, version]) => ({
  linkType,
  bytes: hex(header + (version === 4 ? IPV4 : IPV6)),
}));

test('every accepted link type is in the table, and in the manual page', () => {
  const inTable = new Set<number>(CASES.map(([linkType]) => linkType));
  const others = [248];
  expect([...acceptedLinkTypes.keys()].filter((each) => !inTable.has(each))).toEqual(others);
  const page = readFileSync(new URL('pcap-reader-description.ts', import.meta.url), 'utf8');
  const listed = /Link types: ([\s\S]*?)\. Frames of/.exec(page)![1]!.replace(/\s*\*\s+/g, ' ');
  const raw = [12, 14, 101];
  const texts = [...acceptedLinkTypes]
    .filter(([number]) => !raw.includes(number))
    .map(([n, name]) => `${n} (${name})`);
  for (const text of texts) expect(listed).toContain(text);
  expect(listed).toContain('12, 14 and 101 (raw IP)');
  expect([...listed.matchAll(/\d+(?= [(a]|,)/g)]).toHaveLength(acceptedLinkTypes.size);
});

test('IP is found in each of them, behind the headers that Shapes can want', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'links-'));
  try {
    const file = join(folder, 'a.pcapng');
    writeFileSync(file, captureBytes(packets));
    const frames = new Frames({ smallRows: 128, largeRows: 0 });
    const context = new RecordingContext();
    const piece = new PcapReaderPiece(context, frames, protocols, [
      ['file', file],
      ['speed', 'fast'],
    ]);
    expect(piece.start()).toEqual([]);
    piece.join({ edge: 3, described: 0, shape: 0, joint: 'net', properties: [] });
    await context.arrival(CASES.length);
    const classifier = new Classifier(protocols, [{ stack: parseStack('ip/udp/1', protocols), tag: 0 }]);
    const found = context.rows.map((row) => {
      expect(classifier.walk(frames, row, false), partsOf(frames, row).join()).toBeGreaterThanOrEqual(0);
      return partsOf(frames, row).flatMap((part) => (part.startsWith('header') ? part.split(' ')[1]! : []));
    });
    expect(found).toEqual(CASES.map(([, , version, links]) => [...links, `ipv${version}`, 'udp']));
    const end = { message: expect.stringContaining(`${CASES.length} frames`) };
    await expect.poll(() => context.logs).toMatchObject([end]);
    piece.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the direction is noted if a header has it', () => {
  const links = new LinkHeaders(protocols);
  const found = packets.map(({ linkType, bytes }) => {
    expect(links.read(linkType, bytes, 0, bytes.length)).toBe('found');
    return links.direction;
  });
  expect(found).toEqual(CASES.map(([, , , , direction]) => direction));
});

test('tshark finds the same packets in the same captures', ({ skip }) => {
  if (spawnSync('tshark', ['--version']).status !== 0) skip('tshark is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'links-'));
  try {
    const file = join(folder, 'a.pcapng');
    writeFileSync(file, captureBytes(packets));
    const text = execFileSync('tshark', ['-r', file, '-T', 'fields', '-e', 'ip.dst', '-e', 'ipv6.dst'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const lines = text.split('\n').slice(0, CASES.length);
    const differing = CASES.flatMap(([linkType, header, version], n) => {
      const wanted = version === 4 ? '192.0.2.2' : '2001:db8::2';
      return lines[n]!.includes(wanted) ? [] : [`${linkType} ${header}`];
    });
    for (const each of differing) expect(NOT_OF_TSHARK).toContain(each);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each([
  [0, 4],
  [1, 1],
  [9, 1],
  [104, 4],
  [109, 12],
  [113, 16],
  [205, 5],
  [276, 20],
])('a packet of link type %i has %i bytes at least', (linkType, least) => {
  const links = new LinkHeaders(protocols);
  const bytes = new Uint8Array(32);
  expect(links.read(linkType, bytes, 0, least - 1)).toBe('short');
  expect(links.read(linkType, bytes, 0, least)).toBe('found');
});

test('what follows and is no protocol of the Funnel begins with none', () => {
  const links = new LinkHeaders(protocols);
  const protocolOf = (linkType: number, text: string) => {
    const bytes = hex(text);
    expect(links.read(linkType, bytes, 0, bytes.length)).toBe('found');
    return links.protocol;
  };
  expect(protocolOf(0, '07000000 00')).toBe(0);
  // Too large for an address family in either order.
  expect(protocolOf(0, '02000002 00')).toBe(0);
  expect(protocolOf(101, '55')).toBe(0);
  expect(protocolOf(104, '0f00 0001 00')).toBe(0);
  expect(protocolOf(248, '00')).toBe(protocols.number('sctp'));
  expect(links.read(127, new Uint8Array(9), 0, 9)).toBe('unknown');
});

test('link types have names', () => {
  expect(linkTypeText(113)).toBe('113 (Linux cooked)');
  expect(linkTypeText(127)).toBe('127 (802.11 with radiotap header)');
  expect(linkTypeText(301)).toBe('301 (DECT-2020)');
  expect(linkTypeText(49)).toBe('49');
  expect(linkTypeText(65_535)).toBe('65535');
  // An accepted one has one name everywhere.
  for (const [number, name] of acceptedLinkTypes)
    expect(linkTypeText(number)).toBe(`${number} (${number === 14 ? 'raw IP of OpenBSD' : name})`);
});
