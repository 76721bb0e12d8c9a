import fc from 'fast-check';
import { expect, test } from 'vitest';
import { put, releaseAll, smallLane } from '../../frame/testing/frame-fixture.ts';
import { checksum, type Layer, packet, packetArbitrary } from '../../frame/testing/packet-arbitrary.ts';
import { Protocols } from '../../stack/protocols.ts';
import {
  IPV4_CHECKSUM,
  IPV4_LENGTH,
  IPV6_LENGTH,
  OffloadMender,
  offloadText,
  TRANSPORT_CHECKSUM,
} from './offload-mender.ts';

/* The model is the packet as a test makes it, with everything right; what is spoiled has to come back. */

const protocols = new Protocols();
const frames = smallLane();
const mender = new OffloadMender(frames, protocols);

function look(bytes: Uint8Array, protocol: string, mends: boolean) {
  releaseAll(frames);
  const row = put(frames, bytes, protocol);
  const at = frames.start[row]!;
  const found = mender.look(at, at + bytes.length, protocols.number(protocol), mends);
  return { found, bytes: frames.bytes.slice(at, at + bytes.length) };
}

test('a packet that is right is left alone, whatever it is made of', () => {
  fc.assert(
    fc.property(packetArbitrary, fc.boolean(), ({ bytes, headers }, mends) => {
      expect(look(bytes, headers[0]!.protocol, mends)).toEqual({ found: 0, bytes });
    }),
    { numRuns: 1500 },
  );
});

const LINKS: readonly (readonly Layer[])[] = [
  [],
  [{ kind: 'ethernet', seed: 1 }],
  [
    { kind: 'ethernet', seed: 1 },
    { kind: 'vlan', seed: 2, outer: true },
    { kind: 'vlan', seed: 3, outer: false },
  ],
  [{ kind: 'ppp', seed: 1 }],
  [
    { kind: 'ethernet', seed: 1 },
    { kind: 'pppoe', seed: 1 },
    { kind: 'ppp', seed: 1 },
  ],
];
const NETWORKS: readonly (readonly Layer[])[] = [
  [{ kind: 'ipv4', seed: 5, options: 0 }],
  [{ kind: 'ipv4', seed: 5, options: 2 }],
  [{ kind: 'ipv6', seed: 6 }],
  [
    { kind: 'ipv6', seed: 6 },
    { kind: 'destination-options', seed: 7, units: 1 },
  ],
  [
    { kind: 'ipv6', seed: 6 },
    { kind: 'ah', seed: 7, units: 2 },
  ],
  [
    { kind: 'ipv4', seed: 5, options: 0 },
    { kind: 'ipv6', seed: 8 },
  ],
  [
    { kind: 'ipv6', seed: 6 },
    { kind: 'ipv4', seed: 8, options: 1 },
  ],
];
const TRANSPORTS: readonly (readonly [Layer, at: number, bytes: number])[] = [
  [{ kind: 'tcp', seed: 9, source: 1, destination: 2, options: 1 }, 16, 2],
  [{ kind: 'udp', seed: 9, source: 1, destination: 2 }, 6, 2],
  [{ kind: 'sctp', seed: 9, source: 1, destination: 2 }, 8, 4],
  [{ kind: 'icmp', seed: 9, source: 1, destination: 2 }, 2, 2],
  [{ kind: 'icmpv6', seed: 9, source: 1, destination: 2 }, 2, 2],
];

test('what was left to a network card is filled in, and nothing else is touched', () => {
  const spoilt = fc.record({
    link: fc.constantFrom(...LINKS),
    network: fc.constantFrom(...NETWORKS),
    transport: fc.constantFrom(...TRANSPORTS),
    body: fc.uint8Array({ maxLength: 60 }),
    header: fc.boolean(),
    length: fc.boolean(),
    sum: fc.option(fc.integer({ min: 1, max: 0xfffe }), { nil: undefined }),
  });
  const seen = new Map<number, number>();
  fc.assert(
    fc.property(
      spoilt,
      ({ link, network, transport: [transport, field, size], body, header, length, sum }) => {
        const { bytes: right, headers } = packet([...link, ...network, transport], body);
        const bytes = right.slice();
        const view = new DataView(bytes.buffer);
        let wanted = 0;
        const ips = headers.filter(({ protocol }) => protocol.startsWith('ip'));
        for (const { protocol, at } of ips) {
          if (protocol === 'ipv4') {
            // A length of 0 comes with a checksum for it, or with none.
            if (length) view.setUint16(at + 2, 0);
            if (header || length) view.setUint16(at + 10, view.getUint16(at + 10) ^ 0x5a5a);
          } else if (length) view.setUint16(at + 4, 0);
        }
        const [lengths, checksums] = [new Set(ips.map(({ protocol }) => protocol)), ips.length];
        if (length && lengths.has('ipv4')) wanted |= IPV4_LENGTH;
        if (length && lengths.has('ipv6')) wanted |= IPV6_LENGTH;
        if (header && !length && lengths.has('ipv4') && checksums > 0) wanted |= IPV4_CHECKSUM;
        const place = headers.at(-1)!.at + field;
        if (sum !== undefined && sum !== view.getUint16(place)) {
          view.setUint16(place, sum);
          if (size === 4) view.setUint16(place + 2, 0);
          wanted |= TRANSPORT_CHECKSUM;
        }
        const protocol = headers[0]!.protocol;
        expect(look(bytes, protocol, false)).toEqual({ found: wanted, bytes });
        const mended = look(bytes, protocol, true);
        expect(mended).toEqual({ found: wanted, bytes: right });
        seen.set(wanted, (seen.get(wanted) ?? 0) + 1);
      },
    ),
    { numRuns: 1500 },
  );
  expect(seen.size).toBeGreaterThanOrEqual(8);
});

const UDP: Layer = { kind: 'udp', seed: 9, source: 1, destination: 2 };
const TCP: Layer = { kind: 'tcp', seed: 9, source: 1, destination: 2, options: 0 };
const V4: Layer = { kind: 'ipv4', seed: 5, options: 0 };
const V6: Layer = { kind: 'ipv6', seed: 6 };
const body = Uint8Array.from({ length: 24 }, (_, n) => n);

function spoiled(layers: readonly Layer[], change: (view: DataView) => void, padding = 0): Uint8Array {
  const bytes = packet(layers, body, padding).bytes.slice();
  change(new DataView(bytes.buffer));
  return bytes;
}

test.each<[string, Uint8Array, number]>([
  [
    'a fragment of IPv4',
    spoiled([V4, TCP], (view) => {
      view.setUint16(6, 0x2000);
      view.setUint16(10, 0);
      view.setUint16(36, 0);
    }),
    IPV4_CHECKSUM,
  ],
  ['UDP without a checksum', spoiled([V4, UDP], (view) => view.setUint16(26, 0)), 0],
  ['UDP that is longer than its packet', spoiled([V4, UDP], (view) => view.setUint16(24, 200)), 0],
  ['a length beyond the frame', spoiled([V4, UDP], (view) => view.setUint16(2, 200)), 0],
  ['a header beyond the frame', Uint8Array.of(0x4f, ...Array(30).fill(0)), IPV4_LENGTH],
  [
    'IPv6 with nothing behind, and padding',
    spoiled([V6, UDP], (view) => {
      view.setUint16(4, 0);
      view.setUint8(6, 59);
    }),
    0,
  ],
  [
    'a jumbogram',
    spoiled([V6, UDP], (view) => {
      view.setUint16(4, 0);
      view.setUint8(6, 0);
      view.setUint8(42, 0xc2);
    }),
    0,
  ],
  ['a packet that is neither IPv4 nor IPv6', Uint8Array.of(0x55, ...Array(60).fill(0)), 0],
  ['half a header', packet([V4, UDP], body).bytes.slice(0, 19), 0],
])('%s is not taken for more than it is', (_, bytes, wanted) => {
  const protocol = bytes[0]! >>> 4 === 6 ? 'ipv6' : 'ipv4';
  const { found } = look(bytes, protocol, false);
  expect(found).toBe(wanted);
  // The transport header does not change.
  const mended = look(bytes, protocol, true);
  expect(mended.bytes.slice(20)).toEqual(bytes.slice(20));
});

test('what stands behind the end of a frame is neither looked at nor changed', () => {
  for (const link of LINKS) {
    for (const network of NETWORKS) {
      const { bytes: right, headers } = packet([...link, ...network, TCP], body);
      const bytes = right.slice();
      // Every checksum of the whole is wrong, and a frame that was cut off has none that counts.
      for (const { protocol, at } of headers) if (protocol === 'ipv4') bytes[at + 10]! ^= 0x55;
      bytes[headers.at(-1)!.at + 16]! ^= 0x55;
      expect(look(bytes, headers[0]!.protocol, false).found).not.toBe(0);
      for (let length = 0; length < bytes.length; length++) {
        releaseAll(frames);
        const row = put(frames, bytes, headers[0]!.protocol);
        const at = frames.start[row]!;
        mender.look(at, at + length, protocols.number(headers[0]!.protocol), true);
        expect(frames.bytes.slice(at + length, at + bytes.length)).toEqual(bytes.slice(length));
        const found = mender.look(at, at + length, protocols.number(headers[0]!.protocol), false);
        expect(found, `${headers.map(({ protocol }) => protocol).join('/')} cut at ${length}`).toBe(0);
      }
    }
  }
});

test.each([131, 137])('a source route (option %i) leaves the transport alone', (option) => {
  const bytes = packet([{ kind: 'ipv4', seed: 5, options: 2 }, TCP], body).bytes.slice();
  const view = new DataView(bytes.buffer);
  // No operation, a route of one address with a way to go, the end of the options.
  bytes.set([1, option, 7, 4, 192, 0, 2, 9], 20);
  view.setUint16(10, 0);
  view.setUint16(10, checksum([bytes.slice(0, 28)]));
  view.setUint16(44, 0x1234);
  expect(look(bytes, 'ipv4', true)).toEqual({ found: 0, bytes });
});

test('UDP whose checksum comes to 0 gets the other zero', () => {
  const at = 20;
  // The last two bytes of the body make the sum what it has to be.
  const bytes = packet([V4, UDP], new Uint8Array(24)).bytes.slice();
  const view = new DataView(bytes.buffer);
  view.setUint16(bytes.length - 2, view.getUint16(at + 6));
  view.setUint16(at + 6, 1);
  const mended = look(bytes, 'ipv4', true);
  expect(new DataView(mended.bytes.buffer).getUint16(at + 6)).toBe(0xffff);
});

test('a message names what was found', () => {
  expect(offloadText(IPV4_LENGTH | TRANSPORT_CHECKSUM)).toBe(
    '0 as the length of IPv4 and a wrong checksum of the transport',
  );
  expect(offloadText(IPV6_LENGTH | IPV4_CHECKSUM)).toBe(
    '0 as the length of IPv6 and a wrong IPv4 header checksum',
  );
});

test('a checksum that covers a home address is left alone (RFC 6275 §11.3.1)', () => {
  const addresses = '20010db8000000000000000000000001 20010db8000000000000000000000002';
  const home = 'c910 20010db80000000000000000000000cc';
  const udp = '0001 0002 000a 1234 cafe';
  const packetOf = (options: string) =>
    Buffer.from(`60000000 0022 3c40 ${addresses} 1102 ${options} ${udp}`.replaceAll(' ', ''), 'hex');
  expect(look(packetOf(`${home} 0102 0000`), 'ipv6', true).found).toBe(0);
  expect(look(packetOf(`00 ${home} 000000`), 'ipv6', true).found).toBe(0);
  // The same without a home address has a wrong checksum.
  expect(look(packetOf(`0114 ${'00'.repeat(20)}`), 'ipv6', true).found).toBe(TRANSPORT_CHECKSUM);
});
