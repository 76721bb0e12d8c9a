import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { LinkType } from '../../host/endpoint/capture/link-types.ts';
import { OffloadMender } from '../../host/endpoint/capture/offload-mender.ts';
import { captureBytes, packetsIn } from '../../host/endpoint/capture/testing/capture-bytes.ts';
import { Frames } from '../../host/frame/frames.ts';
import { packetArbitrary } from '../../host/frame/testing/packet-arbitrary.ts';
import { standardProtocols as protocols } from '../../host/stack/protocols.ts';
import { projectRoot } from '../net/project-root.ts';

/* Capture files, written here and read by others, and written by others and read here. */

const folder = mkdtempSync(join(tmpdir(), 'funnel-captures-'));
afterAll(() => rmSync(folder, { recursive: true }));
const hasTshark = spawnSync('tshark', ['--version']).status === 0;

function shown(file: string, ...fields: string[]): string[][] {
  const text = execFileSync(
    'tshark',
    ['-r', file, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])],
    { encoding: 'utf8', maxBuffer: 2 ** 26, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t'));
}

describe.skipIf(!hasTshark)('captures and tshark (skipped where tshark is not installed)', () => {
  const some = fc.sample(packetArbitrary, { numRuns: 400, seed: 5 }).filter(({ bytes }) => bytes.length > 0);
  const linkTypeOf = new Map<string, number>([
    ['ethernet', LinkType.ethernet],
    ['ppp', LinkType.ppp],
    ['ipv4', LinkType.raw],
    ['ipv6', LinkType.raw],
  ]);
  const packets = some.flatMap(({ bytes, headers }, n) => {
    const linkType = linkTypeOf.get(headers[0]!.protocol);
    if (linkType === undefined) return [];
    const direction = ([0, 1, 2] as const)[n % 3]!;
    const captured = n % 5 === 0 ? Math.ceil(bytes.length / 2) : bytes.length;
    return [{ bytes, linkType, direction, captured, seconds: 1_700_000_000 + n, nanoseconds: n * 1_000_003 }];
  });

  it('reads of pcapng what was written: times, lengths, interfaces, directions, comments', () => {
    const file = join(folder, 'all.pcapng');
    const commented = packets.map((packet, n) => (n % 7 === 0 ? { ...packet, comment: `n° ${n}` } : packet));
    writeFileSync(file, captureBytes(commented, { lost: 3, interfaceName: 'lan' }));
    const names = ['frame.time_epoch', 'frame.len', 'frame.cap_len', 'frame.interface_name'];
    const rows = shown(file, ...names, 'frame.packet_flags_direction', 'frame.comment');
    expect(rows).toEqual(
      packets.map(({ bytes, captured, seconds, nanoseconds, direction }, n) => [
        `${seconds}.${String(nanoseconds).padStart(9, '0')}`,
        String(bytes.length),
        String(captured),
        'lan',
        direction === 0 ? '' : `0x0000000${direction}`,
        n % 7 === 0 ? `n° ${n}` : '',
      ]),
    );
    const about = execFileSync('capinfos', [file], { encoding: 'utf8' });
    expect(about).toMatch(new RegExp(`Number of packets: +${packets.length}$`, 'm'));
    expect(about).toMatch(/Time precision = nanoseconds \(9\)/);
    expect(about).toMatch(/Number of interfaces in file: 3/);
  });

  it.each(['pcap', 'pcap-ns'] as const)('reads of %s what was written', (format) => {
    const file = join(folder, `all.${format}`);
    const ethernet = packets.filter(({ linkType }) => linkType === LinkType.ethernet);
    writeFileSync(file, captureBytes(ethernet, { format, linkType: LinkType.ethernet }));
    expect(shown(file, 'frame.time_epoch', 'frame.len', 'frame.cap_len')).toEqual(
      ethernet.map(({ bytes, captured, seconds, nanoseconds }) => {
        const digits = String(nanoseconds).padStart(9, '0');
        const time = `${seconds}.${format === 'pcap' ? `${digits.slice(0, 6)}000` : digits}`;
        return [time, String(bytes.length), String(captured)];
      }),
    );
  });

  it.each(['pcap', 'nsecpcap', 'modpcap', 'pcapng', 'rf5'])('reads what editcap writes as %s', (type) => {
    const [from, to] = [join(folder, 'from.pcapng'), join(folder, `to.${type}`)];
    const ethernet = packets.filter(({ linkType }) => linkType === LinkType.ethernet);
    writeFileSync(from, captureBytes(ethernet));
    if (spawnSync('editcap', ['-F', type, from, to]).status !== 0) {
      // A format that this editcap does not write is no capture of ours, either.
      expect(['modpcap', 'rf5']).toContain(type);
      return;
    }
    const { packets: found, reader } = packetsIn(readFileSync(to), 1000);
    expect(reader.isInBlock).toBe(false);
    expect(found.map(({ bytes, seconds, original }) => [bytes, seconds, original])).toEqual(
      ethernet.map(({ bytes, captured, seconds }) => [
        [...bytes.subarray(0, captured)],
        seconds,
        bytes.length,
      ]),
    );
  });

  it('reads what is compressed', () => {
    const file = join(folder, 'all.pcapng.gz');
    writeFileSync(file, gzipSync(captureBytes(packets)));
    expect(shown(file, 'frame.len')).toHaveLength(packets.length);
  });
});

describe('captures of other programs', () => {
  const vectors = join(projectRoot, '..', 'shared', 'vectors');

  it('are read whole, and frames that are right need no mending', ({ skip }) => {
    const index = join(vectors, 'sctp', 'INDEX.md');
    if (!existsSync(index)) skip('../shared/vectors/sctp is not here');
    const table = [...readFileSync(index, 'utf8').matchAll(/^\| `(\S+\.pcap)` \| (\d+) \|/gm)];
    expect(table.length).toBeGreaterThan(4);
    const frames = new Frames({ smallRows: 1, largeRows: 1 });
    const mender = new OffloadMender(frames, protocols);
    for (const [, file, count] of table) {
      const { packets, reader } = packetsIn(readFileSync(join(vectors, 'sctp', file!)), 777);
      expect([file, packets.length, reader.isInBlock]).toEqual([file, Number(count), false]);
      for (const { bytes, linkType } of packets) {
        expect(linkType).toBe(LinkType.ethernet);
        const row = frames.allocate(bytes.length);
        const at = frames.start[row]!;
        frames.bytes.set(bytes, at);
        expect(mender.look(at, at + bytes.length, protocols.number('ethernet'), false), file).toBe(0);
        frames.release(row);
      }
    }
  });

  it('are read whole, also those of damaged packets', ({ skip }) => {
    const rohc = join(vectors, 'rohc');
    if (!existsSync(rohc)) skip('../shared/vectors/rohc is not here');
    const files = readdirSync(rohc, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.pcap'),
    );
    expect(files.length).toBeGreaterThan(100);
    for (const file of files) {
      const { packets, reader } = packetsIn(readFileSync(join(rohc, file)), 4096);
      // A fuzzer made some of them, and cut them off.
      const isCut = reader.isInBlock && !file.includes('afl');
      expect([file, packets.length > 0, isCut]).toEqual([file, true, false]);
    }
  });
});
