import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { flowPacket } from './flow-packets.ts';
import { compileSanitized } from './sanitized.ts';

const folder = mkdtempSync(join(tmpdir(), 'divide-'));
const program = join(folder, 'divide');
beforeAll(() => compileSanitized(program, 'divide.c', ['offload.c', 'checksum.c']), 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

/** A header of virtio makes these claims about a frame. */
interface Claim {
  readonly network: number;
  readonly transport: number;
  readonly size: number;
  readonly isTcp: boolean;
  /** The offset of the checksum that is to be completed; -1 divides. */
  readonly checksum: number;
  readonly frame: Uint8Array;
}

function divide(claims: readonly Claim[]): string[][] {
  const input = claims.map(
    ({ network, transport, size, isTcp, checksum, frame }) =>
      `${network} ${transport} ${size} ${isTcp ? 1 : 0} ${checksum} ${Buffer.from(frame).toString('hex')}\n`,
  );
  const output = execFileSync(program, { input: input.join(''), encoding: 'utf8', maxBuffer: 1 << 28 });
  return output
    .split('\n\n')
    .slice(0, -1)
    .map((each) => each.trim().split('\n'));
}

const segment = (version: 4 | 6, protocol: 'tcp' | 'udp', length = 1000) =>
  flowPacket({ version, protocol, flow: 1, payload: new Uint8Array(length).map((_, i) => i) });
const good = { network: 0, transport: 20, size: 300, isTcp: true, checksum: -1, frame: segment(4, 'tcp') };

test.each<[string, Partial<Claim>]>([
  ['no size', { size: 0 }],
  ['a network header beyond the frame', { network: 5000, transport: 5020 }],
  ['a transport header beyond the frame', { transport: 5000 }],
  ['a transport header in front of the network header', { network: 20, transport: 0 }],
  ['a transport header within the network header', { transport: 8 }],
  ['a transport header behind that of IPv4', { transport: 24 }],
  ['another version of IP', { frame: segment(4, 'tcp').fill(0x50, 0, 1) }],
  ['options of TCP beyond the frame', { frame: segment(4, 'tcp', 8).fill(0xf0, 32, 33) }],
  ['a header of TCP that is too short', { frame: segment(4, 'tcp').fill(0x40, 32, 33) }],
  ['no payload', { frame: segment(4, 'tcp', 0) }],
  ['nothing', { frame: new Uint8Array() }],
  ['a checksum beyond the frame', { checksum: 1040 }],
  ['a checksum that ends beyond the frame', { checksum: 1019 }],
])('refuses %s', (_what, change) => {
  expect(divide([{ ...good, ...change }])).toEqual([['refused']]);
});

test('divides behind extension headers of IPv6, whose bytes it repeats', () => {
  const whole = segment(6, 'udp', 250);
  const options = Buffer.from('1100010400000000', 'hex');
  const frame = Buffer.concat([whole.subarray(0, 40), options, whole.subarray(40)]);
  frame[6] = 0;
  const [packets] = divide([{ ...good, frame, transport: 48, size: 100, isTcp: false }]);
  expect(packets!.map((each) => each.length / 2 - 56)).toEqual([100, 100, 50]);
  for (const each of packets!) expect(each.slice(80, 96)).toBe(options.toString('hex'));
});

test('whatever is claimed, it stays within the frame, and loses no byte of what it divides', () => {
  const claim: fc.Arbitrary<Claim> = fc
    .record({
      version: fc.constantFrom(4 as const, 6 as const),
      protocol: fc.constantFrom('tcp' as const, 'udp' as const),
      length: fc.nat(3000),
      network: fc.constantFrom(0, 0, 0, 1, 14, 65535),
      transport: fc.oneof(fc.constantFrom(20, 40), fc.nat(80), fc.nat(65535)),
      size: fc.oneof(fc.constantFrom(0, 1, 100, 1400), fc.nat(65535)),
      isTcp: fc.boolean(),
      checksum: fc.oneof({ weight: 4, arbitrary: fc.constant(-1) }, fc.nat(65535), fc.nat(60)),
      faults: fc.array(fc.record({ at: fc.nat(70), byte: fc.nat(255) }), { maxLength: 3 }),
      cut: fc.option(fc.nat(90), { nil: undefined, freq: 6 }),
    })
    .map(({ version, protocol, length, faults, cut, ...rest }) => {
      const frame = segment(version, protocol, length);
      for (const { at, byte } of faults) if (at < frame.length) frame[at] = byte;
      return { ...rest, frame: frame.subarray(0, cut ?? frame.length) };
    });
  fc.assert(
    fc.property(fc.array(claim, { minLength: 50, maxLength: 50 }), (claims) => {
      divide(claims).forEach((packets, n) => {
        const { frame, transport, size, isTcp } = claims[n]!;
        if (packets[0] === 'refused' || packets[0] === 'completed') return;
        const payload = transport + (isTcp ? (frame[transport + 12]! >>> 4) * 4 : 8);
        expect(packets.map((each) => each.slice(2 * payload)).join('')).toBe(
          Buffer.from(frame.subarray(payload)).toString('hex'),
        );
        for (const each of packets) expect(each.length / 2 - payload).toBeLessThanOrEqual(size);
      });
    }),
    { numRuns: 40 },
  );
});
