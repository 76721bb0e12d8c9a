import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { LinkType } from '../../host/endpoint/capture/link-types.ts';
import { captureBytes } from '../../host/endpoint/capture/testing/capture-bytes.ts';
import { Classifier } from '../../host/frame/classifier.ts';
import { partsOf, put, releaseAll, smallLane } from '../../host/frame/testing/frame-fixture.ts';
import { type Layer, packet, packetArbitrary } from '../../host/frame/testing/packet-arbitrary.ts';
import { parseStack } from '../../host/stack/parse-stack.ts';
import { standardProtocols as protocols } from '../../host/stack/protocols.ts';

/*
 * The parser against tshark, which knows all of this from elsewhere: which headers stand in a packet, and
 * where. The packets are made here, so that each run has others; they go to tshark in a capture file, and are
 * never sent.
 */

const folder = mkdtempSync(join(tmpdir(), 'funnel-tshark-'));
afterAll(() => rmSync(folder, { recursive: true }));
const hasTshark = spawnSync('tshark', ['--version']).status === 0;

/** The names that tshark gives to headers, without those that it does not dissect apart. */
const NAMES: Readonly<Record<string, string>> = {
  eth: 'ethernet',
  vlan: 'vlan',
  ieee8021ad: 'vlan',
  pppoes: 'pppoe',
  ppp: 'ppp',
  arp: 'arp',
  ip: 'ipv4',
  ipv6: 'ipv6',
  'ipv6.hopopts': 'hop-by-hop',
  'ipv6.routing': 'routing',
  'ipv6.fraghdr': 'fragment',
  'ipv6.dstopts': 'destination-options',
  ah: 'ah',
  shim6: 'shim6',
  udp: 'udp',
  udplite: 'udp-lite',
  tcp: 'tcp',
  sctp: 'sctp',
  icmp: 'icmp',
  icmpv6: 'icmpv6',
  gre: 'gre',
  dns: 'dns',
  radius: 'radius',
  snmp: 'snmp',
  rtp: 'rtp',
  sip: 'sip',
  sdp: 'sdp',
  mime_multipart: 'multipart',
};
/** Protocols for which tshark counts the contents too. */
const COUNTED_WITH_CONTENTS = new Set([
  'ipv6',
  'icmp',
  'icmpv6',
  'sctp',
  'sip',
  'multipart',
  'snmp',
  'radius',
  'dns',
  'rtp',
]);

interface Header {
  readonly protocol: string;
  readonly at: number;
  readonly length: number;
}

interface Dissected {
  readonly headers: readonly Header[];
  /** Where the chunks of SCTP begin. */
  readonly chunks: readonly number[];
  /** It objected to something, such as an option, and went no further. */
  readonly isMalformed: boolean;
}

function dissect(packets: readonly Uint8Array[], ...options: string[]): Dissected[] {
  const file = join(folder, 'mixed.pcapng');
  writeFileSync(
    file,
    captureBytes(
      packets.map((bytes) => ({ bytes })),
      { linkType: LinkType.ethernet },
    ),
  );
  const text = execFileSync('tshark', ['-r', file, '-T', 'pdml', ...options], {
    encoding: 'utf8',
    maxBuffer: 2 ** 29,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return text
    .split('<packet>')
    .slice(1)
    .map((each) => ({
      headers: [...each.matchAll(/<proto name="([^"]+)"[^>]* size="(\d+)" pos="(\d+)"/g)].flatMap(
        ([, name, size, pos]): Header[] =>
          NAMES[name!] === undefined
            ? []
            : [{ protocol: NAMES[name!]!, at: Number(pos), length: Number(size) }],
      ),
      chunks: [...each.matchAll(/<field name="sctp\.chunk_type"[^>]* pos="(\d+)"/g)].map(([, pos]) =>
        Number(pos),
      ),
      isMalformed: each.includes('name="_ws.malformed"'),
    }));
}

const frames = smallLane();

function parse(bytes: Uint8Array, stack: string): Header[] {
  releaseAll(frames);
  const row = put(frames, bytes, 'ethernet');
  const classifier = new Classifier(protocols, [{ stack: parseStack(stack), tag: 0 }]);
  classifier.walk(frames, row, true);
  return partsOf(frames, row).flatMap((part): Header[] => {
    const [role, protocol, at, length] = part.split(/[ +]/);
    return role === 'header' ? [{ protocol: protocol!, at: Number(at), length: Number(length) }] : [];
  });
}

const hex = (text: string) => Buffer.from(text.replace(/\s/g, ''), 'hex');

describe.skipIf(!hasTshark)('the parser and tshark (skipped where tshark is not installed)', () => {
  it('find the same headers at the same places in packets of many layers', () => {
    const packets = fc
      .sample(packetArbitrary, { numRuns: 2500 })
      .filter(({ headers }) => headers[0]!.protocol === 'ethernet');
    const dissected = dissect(packets.map(({ bytes }) => bytes));
    expect(dissected).toHaveLength(packets.length);
    let compared = 0;
    for (const [index, { bytes, headers }] of packets.entries()) {
      // Wanted: all of it, up to what an unknown port carries.
      const udp = headers.findIndex(({ protocol }) => protocol === 'udp' || protocol === 'udp-lite');
      const wanted = udp < 0 ? headers : headers.slice(0, udp + 1);
      const ours = parse(bytes, wanted.map(({ protocol }) => protocol).join('/'));
      const theirs = dissected[index]!;
      const known = theirs.headers.filter(({ at }) => at <= wanted.at(-1)!.at);
      const told = `${JSON.stringify(ours)} ${JSON.stringify(theirs.headers)} ${Buffer.from(bytes).toString('hex')}`;
      for (const { protocol, at, length } of known) {
        const same = ours.find((each) => each.at === at);
        expect(same?.protocol, told).toBe(protocol);
        // Two service tags on end it dissects as one header.
        if (!COUNTED_WITH_CONTENTS.has(protocol) && protocol !== 'vlan')
          expect(same?.length, told).toBe(length);
        compared++;
      }
      if (theirs.isMalformed) continue;
      // It goes no further behind these two.
      const last = ours.findIndex(({ protocol }) => protocol === 'mobility' || protocol === 'hip');
      const missing = (last < 0 ? ours : ours.slice(0, last)).filter(
        ({ protocol, at }) =>
          Object.values(NAMES).includes(protocol) &&
          protocol !== 'vlan' &&
          !known.some((each) => each.at === at),
      );
      expect(missing, told).toEqual([]);
    }
    expect(compared).toBeGreaterThan(3000);
  });

  const lower: Layer[] = [
    { kind: 'ethernet', seed: 5 },
    { kind: 'ipv4', seed: 77, options: 0 },
  ];
  const behindUdp = (port: number, body: Uint8Array) =>
    packet([...lower, { kind: 'udp', seed: 1, source: 40000, destination: port }], body).bytes;
  const text = (...lines: string[]) => new TextEncoder().encode(lines.join('\r\n'));
  const sdp = [
    'v=0',
    'o=- 1 1 IN IP4 192.0.2.1',
    's=-',
    'c=IN IP4 192.0.2.1',
    't=0 0',
    'm=audio 5004 RTP/AVP 0',
    '',
  ];
  const body = sdp.join('\r\n');
  const sip = (type: string, content: string) =>
    text(
      'INVITE sip:bob@example.com SIP/2.0',
      'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1',
      'From: <sip:a@example.com>;tag=1',
      'To: <sip:bob@example.com>',
      'Call-ID: 1',
      'CSeq: 1 INVITE',
      `Content-Type: ${type}`,
      `Content-Length: ${content.length}`,
      '',
      content,
    );
  const multipart = `--b\r\nContent-Type: application/sdp\r\n\r\n${body}\r\n--b--\r\n`;

  it.each<[string, string, Uint8Array]>([
    ['dns', 'ip/udp/53/dns', behindUdp(53, hex('1234 0100 0001 0000 0000 0000 03777777 00 0001 0001'))],
    [
      'radius',
      'ip/udp/1812/radius',
      behindUdp(1812, hex('01 02 0019 00000000000000000000000000000000 01 05 616263')),
    ],
    [
      'snmp',
      'ip/udp/161/snmp',
      behindUdp(161, hex('3018 020101 04067075626c6963 a00b 020101 020100 020100 3000')),
    ],
    ['sip', 'ip/udp/5060/sip/sdp', behindUdp(5060, sip('application/sdp', body))],
    [
      'multipart',
      'ip/udp/5060/sip/multipart/mime-part/sdp',
      behindUdp(5060, sip('multipart/mixed; boundary=b', multipart)),
    ],
  ])('find %s behind its port', (protocol, stack, bytes) => {
    const theirs = dissect([bytes])[0]!.headers.filter(({ at }) => at >= 42);
    const ours = parse(bytes, stack);
    expect(theirs.map((header) => header.protocol)).toContain(protocol);
    for (const { protocol: name, at } of theirs) {
      expect(ours.map((header) => [header.protocol, header.at])).toContainEqual([name, at]);
    }
  });

  it('find RTP behind a port that is agreed', () => {
    const bytes = behindUdp(40002, hex('80 00 0001 00000001 00000002 d5d5d5d5'));
    const [theirs] = dissect([bytes], '-d', 'udp.port==40002,rtp');
    expect(theirs!.headers.at(-1)).toMatchObject({ protocol: 'rtp', at: 42 });
    expect(parse(bytes, 'ip/udp/40002/rtp').at(-1)).toEqual({ protocol: 'rtp', at: 42, length: 12 });
  });

  it('find the same chunks of SCTP', () => {
    const chunks = [
      '03 00 0010 00000001 0001f000 0000 0000',
      '00 03 0013 00000001 0002 0003 00000000 010001 00',
      '04 00 000c 0001 0008 c0ffee00',
      '00 03 0014 00000002 0002 0004 00000000 c0ffee00',
      '0e 00 0004',
      '40 03 0016 00000003 0002 0000 00000001 00000000 beef 0000',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...chunks), { minLength: 1, maxLength: 5 }), (row) => {
        const { bytes } = packet(
          [...lower, { kind: 'sctp', seed: 3, source: 40000, destination: 40001 }],
          hex(row.join('')),
        );
        // The arbitrary hides what a chunk is; here it is wanted.
        bytes.set(hex(row.join('')), 46);
        const ours = parse(bytes, 'ip/sctp/40001/sctp-data').filter(({ protocol }) =>
          protocol.startsWith('sctp-'),
        );
        const theirs = dissect([bytes])[0]!;
        expect(ours.map(({ at }) => at)).toEqual(theirs.chunks);
      }),
      { numRuns: 6 },
    );
  });
});
