import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ACK, CWR, ECE, FIN, type FlowPacket, flowOf, flowPacket, PSH, SYN, URG } from './flow-packets.ts';
import { compileSanitized } from './sanitized.ts';

const folder = mkdtempSync(join(tmpdir(), 'joining-'));
const program = join(folder, 'join-and-divide');
beforeAll(() => {
  compileSanitized(program, 'join-and-divide.c', ['joining.c', 'offload.c', 'checksum.c']);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

/** The runs that become one segment each, with their packets as a receiver gets them. */
function runsOf(batches: readonly (readonly Uint8Array[])[], network = 0, udp = true): string[][][] {
  const input = batches.map((batch) => `${batch.map((each) => `${hex(each)}\n`).join('')}\n`).join('');
  const output = execFileSync(program, [String(network), udp ? '1' : '0'], {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  return output
    .split('\n\n')
    .slice(0, -1)
    .map((batch) =>
      batch
        .split(/^run \d+\n/m)
        .slice(1)
        .map((run) => run.trim().split('\n')),
    );
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const sizesOf = (packets: readonly FlowPacket[], udp = true) =>
  runsOf([packets.map(flowPacket)], 0, udp)[0]!.map((run) => run.length);

/** `count` packets of one flow that follow each other, with some fields changed by number. */
function flow(
  count: number,
  start: Partial<FlowPacket>,
  change: (n: number) => Partial<FlowPacket> = () => ({}),
): FlowPacket[] {
  const base = { version: 4, protocol: 'tcp', flow: 0, sequence: 0xfffff000, ...start } as const;
  const size = start.payload?.length ?? 100;
  return Array.from({ length: count }, (_, n) => ({
    ...base,
    payload: new Uint8Array(size).fill(n + 1),
    sequence: base.sequence + n * size,
    identification: 0xfffe + n,
    ...change(n),
  }));
}

const kinds = [
  ['TCP over IPv4', { version: 4, protocol: 'tcp' }],
  ['TCP over IPv6', { version: 6, protocol: 'tcp' }],
  ['UDP over IPv4', { version: 4, protocol: 'udp' }],
  ['UDP over IPv6', { version: 6, protocol: 'udp' }],
] as const;

describe.each(kinds)('packets of %s', (_name, kind) => {
  test('that follow each other become one segment, and the same packets of it', () => {
    const packets = flow(40, { ...kind, payload: new Uint8Array(1200) }).map(flowPacket);
    expect(runsOf([packets])).toEqual([[packets.map(hex)]]);
  });

  test('end a segment with a shorter one', () => {
    const packets = flow(9, kind, (n) => (n === 4 ? { payload: new Uint8Array(33) } : {}));
    // Behind it the sequence of TCP goes on elsewhere.
    expect(sizesOf(packets)).toEqual([5, 4]);
  });

  test('are at most as long as a packet of IP', () => {
    const packets = flow(60, { ...kind, payload: new Uint8Array(1440) });
    expect(sizesOf(packets)).toEqual([45, 15]);
  });

  test.each([
    ['another traffic class', { trafficClass: 1 }],
    ['another hop limit', { hopLimit: 63 }],
    ['a longer payload', { payload: new Uint8Array(101) }],
    ['no payload', { payload: new Uint8Array() }],
  ])('end a segment in front of %s', (_difference, change) => {
    expect(sizesOf(flow(3, kind, (n) => (n === 2 ? change : {})))).toEqual([2, 1]);
  });

  test('stay apart where a checksum is wrong', () => {
    const packets = flow(3, kind).map(flowPacket);
    packets[1]![packets[1]!.length - 1]! ^= 1;
    expect(runsOf([packets])).toEqual([packets.map((each) => [hex(each)])]);
  });

  test('of several flows are joined each, in their order', () => {
    const flows = [0, 1, 2].map((number) => flow(4, { ...kind, flow: number }).map(flowPacket));
    const mixed = [0, 1, 2, 3].flatMap((n) => flows.map((each) => each[n]!));
    expect(runsOf([mixed])[0]).toEqual(flows.map((each) => each.map(hex)));
  });

  test('do not overtake a fragment, which may be of their flow', () => {
    const packets = flow(3, kind).map(flowPacket);
    const fragment = Buffer.from(packets[0]!);
    if (kind.version === 4) fragment[6] = 0x20;
    else fragment[6] = 44;
    expect(runsOf([[packets[0]!, fragment, packets[1]!, packets[2]!]])[0]!.map((run) => run.length)).toEqual([
      1, 1, 2,
    ]);
  });

  test('are joined behind their Ethernet header, if it is the same', () => {
    const ethernet = (last: number) =>
      Buffer.from([...new Array(11).fill(2), last, ...(kind.version === 4 ? [8, 0] : [0x86, 0xdd])]);
    const framed = (number: number, from: number) =>
      flow(4, kind)
        .map(flowPacket)
        .map((each, n) => Buffer.concat([ethernet(n < number ? 1 : from), each]));
    expect(runsOf([framed(4, 1)], 14)).toEqual([[framed(4, 1).map(hex)]]);
    expect(runsOf([framed(2, 3)], 14)[0]!.map((run) => run.length)).toEqual([2, 2]);
    // Padding behind the packet is not its own.
    const padded = framed(4, 1).map((each) => Buffer.concat([each, Buffer.alloc(2)]));
    expect(runsOf([padded], 14)).toEqual([padded.map((each) => [hex(each)])]);
  });
});

describe('packets of TCP', () => {
  const options = (...bytes: number[]) => ({ options: Uint8Array.from(bytes) });

  test.each([
    ['PSH', PSH!],
    ['FIN', FIN!],
  ])('end a segment with %s', (_name, flag) => {
    expect(sizesOf(flow(5, {}, (n) => (n === 2 ? { flags: ACK! | flag } : {})))).toEqual([3, 2]);
  });

  test.each([
    ['a gap', { sequence: 5 }],
    ['another acknowledgement', { acknowledged: 8 }],
    ['another window', { window: 511 }],
    ['an urgent pointer', { urgent: 1 }],
    ['SYN', { flags: ACK! | SYN! }],
    ['URG', { flags: ACK! | URG! }],
    ['CWR', { flags: ACK! | CWR! }],
    ['ECE', { flags: ACK! | ECE! }],
    ['no ACK', { flags: PSH! }],
    ['options', options(1, 1, 1, 1)],
  ])('end a segment in front of %s', (_difference, change) => {
    expect(sizesOf(flow(3, {}, (n) => (n === 2 ? change : {})))).toEqual([2, 1]);
  });

  test('have options, if they are the same', () => {
    expect(sizesOf(flow(4, options(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2)))).toEqual([4]);
    expect(sizesOf(flow(4, {}, (n) => options(1, 1, 8, 10, 0, 0, 0, n < 2 ? 1 : 9, 0, 0, 0, 2)))).toEqual([
      2, 2,
    ]);
  });

  test('have ECE, if all have it', () => {
    expect(sizesOf(flow(4, { flags: ACK! | ECE! }))).toEqual([4]);
  });
});

describe('packets of IPv4', () => {
  test.each(['tcp', 'udp'] as const)(
    'of %s end a segment where the identification does not go on',
    (protocol) => {
      expect(sizesOf(flow(3, { protocol }, () => ({ identification: 9 })))).toEqual([1, 1, 1]);
      expect(sizesOf(flow(3, { protocol }, (n) => (n === 2 ? { dontFragment: false } : {})))).toEqual([2, 1]);
    },
  );
});

test('packets of UDP stay apart without a checksum, and where the system does not divide them', () => {
  expect(sizesOf(flow(3, { protocol: 'udp', isUnchecked: true }))).toEqual([1, 1, 1]);
  expect(sizesOf(flow(3, { protocol: 'udp' }), false)).toEqual([1, 1, 1]);
  expect(sizesOf(flow(3, { protocol: 'tcp' }), false)).toEqual([3]);
});

test('packets of IPv6 end a segment in front of another flow label', () => {
  expect(sizesOf(flow(3, { version: 6 }, (n) => (n === 2 ? { flowLabel: 5 } : {})))).toEqual([2, 1]);
});

/** Packets of some flows that follow each other more or less, and some bytes of them changed. */
const batch = fc
  .array(
    fc.record({
      version: fc.constantFrom(4 as const, 6 as const),
      protocol: fc.constantFrom('tcp' as const, 'udp' as const),
      flow: fc.nat(3),
      size: fc.constantFrom(100, 100, 100, 99, 1, 0, 1400),
      gap: fc.constantFrom(0, 0, 0, 0, 1),
      flags: fc.constantFrom(ACK!, ACK!, ACK!, ACK! | PSH!, ACK! | FIN!, SYN!, ACK! | ECE!),
      trafficClass: fc.constantFrom(0, 0, 0, 3),
      fault: fc.option(fc.record({ at: fc.nat(60), bit: fc.nat(7) }), { nil: undefined, freq: 8 }),
      cut: fc.option(fc.nat(80), { nil: undefined, freq: 12 }),
    }),
    { minLength: 1, maxLength: 64 },
  )
  .map((steps) => {
    const sequences = new Map<string, number>();
    return steps.map((step, n) => {
      const key = `${step.version} ${step.protocol} ${step.flow}`;
      const sequence = (sequences.get(key) ?? 0) + step.gap;
      sequences.set(key, sequence + step.size);
      const { version, protocol, flow, flags, trafficClass } = step;
      const payload = new Uint8Array(step.size).fill(n);
      const common = { version, protocol, flow, flags, trafficClass, payload, sequence };
      const bytes = flowPacket({ ...common, identification: Math.floor(sequence / 100) });
      if (step.fault !== undefined && step.fault.at < bytes.length)
        bytes[step.fault.at]! ^= 1 << step.fault.bit;
      return bytes.subarray(0, step.cut ?? bytes.length);
    });
  })
  .map((packets) => packets.filter((each) => each.length > 0));

test('whatever the packets are, a receiver gets each of them, and those of a flow in their order', () => {
  fc.assert(
    fc.property(fc.array(batch, { minLength: 20, maxLength: 20 }), (batches) => {
      const filled = batches.filter((each) => each.length > 0);
      const byFlow = (packets: readonly string[]) => {
        const flows = new Map<string, string[]>();
        for (const each of packets) {
          const name = flowOf(Buffer.from(each, 'hex'));
          flows.set(name, [...(flows.get(name) ?? []), each]);
        }
        return flows;
      };
      const made = runsOf(filled);
      expect(made.map((runs) => byFlow(runs.flat()))).toEqual(
        filled.map((packets) => byFlow(packets.map(hex))),
      );
    }),
    { numRuns: 40 },
  );
});
