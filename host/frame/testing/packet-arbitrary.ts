import fc from 'fast-check';

/**
 * For tests: packets of many layers, made byte by byte from the RFCs without the parser's tables, with their
 * checksums and lengths filled in the slow and obvious way.
 */
export interface Packet {
  readonly bytes: Uint8Array;
  /** The headers in it, outermost first; extents count from the packet's start. */
  readonly headers: readonly { readonly protocol: string; readonly at: number; readonly length: number }[];
  /** The contents of the innermost header. */
  readonly body: { readonly at: number; readonly length: number };
  /** Bytes behind the packet that no header counts. */
  readonly padding: number;
}

/** A layer that can be wrapped around its contents. */
export type Layer =
  | { kind: 'ethernet' | 'ppp' | 'pppoe'; seed: number }
  | { kind: 'vlan'; seed: number; outer: boolean }
  | { kind: 'ipv4'; seed: number; options: number; routed?: boolean }
  | { kind: 'ipv6'; seed: number }
  | { kind: Extension; seed: number; units: number }
  | { kind: 'fragment'; seed: number }
  | { kind: 'ah'; seed: number; units: number }
  | { kind: 'udp' | 'sctp' | 'icmp' | 'icmpv6'; seed: number; source: number; destination: number }
  | { kind: 'tcp'; seed: number; source: number; destination: number; options: number }
  | { kind: 'udp-lite'; seed: number; source: number; destination: number; covered: number }
  | { kind: 'gre'; seed: number; check: boolean; key: boolean; sequence: boolean };

type Extension = 'hop-by-hop' | 'destination-options' | 'routing' | 'mobility' | 'hip' | 'shim6';

const seed = fc.nat(0xffffff);
const port = fc.constantFrom(53, 5060, 25790, 80, 1);
const extension: fc.Arbitrary<Layer> = fc.oneof(
  fc.record({
    kind: fc.constantFrom<Extension>(
      'hop-by-hop',
      'destination-options',
      'routing',
      'routing',
      'mobility',
      'hip',
      'shim6',
    ),
    seed,
    units: fc.nat(3),
  }),
  fc.record({ kind: fc.constant('fragment'), seed }),
  fc.record({ kind: fc.constant('ah'), seed, units: fc.integer({ min: 1, max: 6 }) }),
);
const network: fc.Arbitrary<Layer[]> = fc.oneof(
  fc
    .record({ kind: fc.constant('ipv4'), seed, options: fc.nat(10), routed: fc.boolean() })
    .map((layer): Layer[] => [layer]),
  fc
    .tuple(fc.record({ kind: fc.constant('ipv6'), seed }), fc.array(extension, { maxLength: 2 }))
    .map(([ip, extensions]): Layer[] => [ip, ...extensions]),
);
const transport: fc.Arbitrary<Layer> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('udp', 'udp', 'sctp', 'icmp', 'icmpv6'),
    seed,
    source: port,
    destination: port,
  }),
  fc.record({ kind: fc.constant('tcp'), seed, source: port, destination: port, options: fc.nat(10) }),
  fc.record({ kind: fc.constant('udp-lite'), seed, source: port, destination: port, covered: fc.nat(40) }),
);
const link: fc.Arbitrary<Layer[]> = fc.oneof(
  fc.constant<Layer[]>([]),
  fc.record({ kind: fc.constant('ppp'), seed }).map((layer): Layer[] => [layer]),
  fc
    .tuple(
      fc.record({ kind: fc.constant('ethernet'), seed }),
      fc.array(fc.record({ kind: fc.constant('vlan'), seed, outer: fc.boolean() }), { maxLength: 2 }),
      fc.constantFrom<Layer[]>(
        [],
        [],
        [
          { kind: 'pppoe', seed: 1 },
          { kind: 'ppp', seed: 1 },
        ],
      ),
    )
    .map(([ethernet, vlans, session]): Layer[] => [ethernet, ...vlans, ...session]),
);
const tunnel: fc.Arbitrary<Layer[]> = fc.oneof(
  fc.constant<Layer[]>([]),
  network,
  fc
    .tuple(
      network,
      fc.record({ kind: fc.constant('udp'), seed, source: fc.constant(25790), destination: port }),
    )
    .map(([ip, udp]): Layer[] => [...ip, udp]),
  fc
    .tuple(
      network,
      fc.record({
        kind: fc.constant('gre'),
        seed,
        check: fc.boolean(),
        key: fc.boolean(),
        sequence: fc.boolean(),
      }),
    )
    .map(([ip, gre]): Layer[] => [...ip, gre]),
);

export const packetArbitrary: fc.Arbitrary<Packet> = fc
  .tuple(link, tunnel, network, transport, fc.uint8Array({ maxLength: 60 }), fc.constantFrom(0, 0, 1, 6))
  .map(([lower, around, ip, upper, body, padding]) =>
    packet([...lower, ...around, ...ip, upper], body, padding),
  );

/** Wraps a body in layers, the last of them innermost. */
export function packet(layers: readonly Layer[], body: Uint8Array, padding = 0): Packet {
  let bytes = body;
  // This is not the type of a chunk: other tests make chunks.
  if (layers.at(-1)?.kind === 'sctp' && body.length > 0)
    bytes = concatenate(Uint8Array.of(0xfe), body.subarray(1));
  const lengths: number[] = [];
  for (let index = layers.length - 1; index >= 0; index--) {
    // The IP header that carries this layer: its pseudo header goes into the checksum.
    let carrier = index - 1;
    while (carrier > 0 && isExtension(layers[carrier]!)) carrier--;
    const header = headerOf(layers[index]!, layers[index + 1], layers[carrier], bytes);
    lengths.unshift(header.length);
    bytes = concatenate(header, bytes);
  }
  let at = 0;
  const headers = layers.map(({ kind }, index) => {
    const length = lengths[index]!;
    at += length;
    return { protocol: kind, at: at - length, length };
  });
  return {
    bytes: concatenate(bytes, new Uint8Array(padding).fill(0xee)),
    headers,
    body: { at, length: body.length },
    padding,
  };
}

function isExtension({ kind }: Layer): boolean {
  return [
    'hop-by-hop',
    'destination-options',
    'routing',
    'mobility',
    'hip',
    'shim6',
    'fragment',
    'ah',
  ].includes(kind);
}

const IP_NUMBERS: Record<string, number> = {
  'hop-by-hop': 0,
  icmp: 1,
  ipv4: 4,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  routing: 43,
  fragment: 44,
  gre: 47,
  ah: 51,
  icmpv6: 58,
  'destination-options': 60,
  sctp: 132,
  mobility: 135,
  'udp-lite': 136,
  hip: 139,
  shim6: 140,
};
const ETHERTYPES: Record<string, number> = { ipv4: 0x0800, ipv6: 0x86dd, vlan: 0x8100, pppoe: 0x8864 };
const PPP: Record<string, number> = { ipv4: 0x0021, ipv6: 0x0057 };
/** A number for experiments, for the contents of the innermost header. */
const NOTHING = 253;

function headerOf(
  layer: Layer,
  inner: Layer | undefined,
  carrier: Layer | undefined,
  contents: Uint8Array,
): Uint8Array {
  const ipNext = inner === undefined ? NOTHING : IP_NUMBERS[inner.kind]!;
  const etherNext =
    inner?.kind === 'vlan' && inner.outer ? 0x88a8 : (ETHERTYPES[inner?.kind ?? ''] ?? 0x88b5);
  const fill = (length: number) => pseudoRandom(layer.seed, length);
  switch (layer.kind) {
    case 'ethernet': {
      const header = fill(14);
      put16(header, 12, etherNext);
      return header;
    }
    case 'vlan': {
      const header = fill(4);
      put16(header, 2, etherNext);
      return header;
    }
    case 'ppp': {
      const header = new Uint8Array(2);
      put16(header, 0, PPP[inner?.kind ?? ''] ?? 0xc021);
      return header;
    }
    case 'ipv4': {
      const header = concatenate(fill(20), ipv4Options(layer));
      header[0] = 0x40 | (header.length / 4);
      put16(header, 2, header.length + contents.length);
      header[6]! &= 0x40;
      header[7] = 0;
      header[9] = ipNext;
      put16(header, 10, 0);
      put16(header, 10, checksum([header]));
      return header;
    }
    case 'ipv6': {
      const header = fill(40);
      header[0] = 0x60 | (header[0]! & 0x0f);
      put16(header, 4, contents.length);
      header[6] = ipNext;
      return header;
    }
    case 'pppoe': {
      const header = Uint8Array.of(0x11, 0, 0, 1, 0, 0);
      put16(header, 4, contents.length);
      return header;
    }
    case 'mobility':
    case 'hip':
    case 'shim6':
    case 'hop-by-hop':
    case 'destination-options':
    case 'routing': {
      const units = layer.units + (layer.kind === 'hip' ? 4 : 0);
      const header = fill(8 * (1 + units));
      header[0] = ipNext;
      header[1] = units;
      header[3] = 0; // No segments left: the destination is in the IPv6 header.
      if (layer.kind === 'destination-options') {
        // Padding, so that no home address stands there by chance.
        header[2] = 1;
        header[3] = header.length - 4;
      }
      if (layer.kind === 'mobility' || layer.kind === 'hip') {
        put16(header, 4, 0);
        put16(header, 4, checksum([pseudoHeader(carrier!, IP_NUMBERS[layer.kind]!, header.length), header]));
      }
      return header;
    }
    case 'fragment': {
      const header = fill(8);
      header[0] = ipNext;
      put16(header, 2, get16(header, 2) & 0x0006); // An atomic fragment, with its reserved bits.
      return header;
    }
    case 'ah': {
      const header = fill(8 + 4 * layer.units);
      header[0] = ipNext;
      header[1] = layer.units;
      return header;
    }
    case 'gre': {
      const flags = [layer.check, false, layer.key, layer.sequence];
      const header = fill(4 + 4 * flags.filter((flag) => flag).length);
      header[0] = flags.reduce((bits, flag, i) => bits | (flag ? 0x80 >> i : 0), 0);
      header[1] = 0;
      put16(header, 2, etherNext);
      if (layer.check) {
        put16(header, 4, 0);
        put16(header, 4, checksum([header, contents]));
      }
      return header;
    }
    case 'udp-lite': {
      const header = new Uint8Array(8);
      put16(header, 0, layer.source);
      put16(header, 2, layer.destination);
      const covered = layer.covered > contents.length ? 0 : 8 + layer.covered;
      put16(header, 4, covered);
      const pseudo = pseudoHeader(carrier!, 136, 8 + contents.length);
      const part = covered === 0 ? contents : contents.subarray(0, layer.covered);
      put16(header, 6, checksum([pseudo, header, part]) || 0xffff);
      return header;
    }
    case 'udp': {
      const header = new Uint8Array(8);
      put16(header, 0, layer.source);
      put16(header, 2, layer.destination);
      put16(header, 4, 8 + contents.length);
      put16(
        header,
        6,
        checksum([pseudoHeader(carrier!, 17, 8 + contents.length), header, contents]) || 0xffff,
      );
      return header;
    }
    case 'tcp': {
      const header = fill(20 + 4 * layer.options);
      put16(header, 0, layer.source);
      put16(header, 2, layer.destination);
      header[12] = (header.length / 4) << 4;
      put16(header, 16, 0);
      put16(
        header,
        16,
        checksum([pseudoHeader(carrier!, 6, header.length + contents.length), header, contents]),
      );
      return header;
    }
    case 'icmp':
    case 'icmpv6': {
      const header = fill(8);
      put16(header, 2, 0);
      const pseudo = layer.kind === 'icmp' ? [] : [pseudoHeader(carrier!, 58, 8 + contents.length)];
      put16(header, 2, checksum([...pseudo, header, contents]));
      return header;
    }
    case 'sctp': {
      const header = fill(12);
      put16(header, 0, layer.source);
      put16(header, 2, layer.destination);
      header.fill(0, 8, 12);
      new DataView(header.buffer).setUint32(8, crcBitByBit(concatenate(header, contents)), true);
      return header;
    }
  }
}

/**
 * The addresses that {@link headerOf} gives to an IP header, the length and the protocol (RFC 768, RFC 8200
 * §8.1).
 */
function pseudoHeader(carrier: Layer, protocol: number, length: number): Uint8Array {
  if (carrier.kind === 'ipv4') {
    const tail = new Uint8Array(4);
    tail[1] = protocol;
    put16(tail, 2, length);
    const addresses = pseudoRandom(carrier.seed, 20).subarray(12, 20);
    const options = ipv4Options(carrier);
    // Behind what of the source route is passed stands where the packet goes in the end (RFC 791 §3.1).
    if (isRouted(carrier) && options[2]! < options[1]!) addresses.set(options.subarray(-5, -1), 4);
    return concatenate(addresses, tail);
  }
  const tail = new Uint8Array(8);
  put16(tail, 2, length);
  tail[7] = protocol;
  return concatenate(pseudoRandom(carrier.seed, 40).subarray(8, 40), tail);
}

type Ipv4 = Extract<Layer, { kind: 'ipv4' }>;

/** Random bytes alone would be a source route by chance. */
function ipv4Options(layer: Ipv4): Uint8Array {
  const bytes = pseudoRandom(layer.seed, 4 * layer.options);
  if (isRouted(layer)) {
    const passed = bytes[2]! % layer.options;
    bytes.set([layer.seed % 2 === 0 ? 131 : 137, bytes.length - 1, 4 + 4 * passed]);
    bytes[bytes.length - 1] = 0;
  } else if (bytes.length > 0) bytes.set([30, bytes.length]); // An option for experiments (RFC 4727 §3).
  return bytes;
}

/** Whether there is a source route, and room for one. */
function isRouted({ routed = false, options }: Ipv4): boolean {
  return routed && options >= 2;
}

/** The literal checksum of RFC 1071, over chunks that have an even length, except the last. */
export function checksum(pieces: readonly Uint8Array[]): number {
  let sum = 0;
  for (const piece of pieces) {
    for (let i = 0; i < piece.length; i += 2) {
      sum += piece[i]! * 256 + (piece[i + 1] ?? 0);
      if (sum > 0xffff) sum -= 0xffff;
    }
  }
  return 0xffff - sum;
}

/** Computes CRC32c one bit at a time. */
export function crcBitByBit(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc = (crc ^ byte) >>> 0;
    for (let bit = 0; bit < 8; bit++) crc = crc % 2 === 1 ? ((crc >>> 1) ^ 0x82f63b78) >>> 0 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function pseudoRandom(from: number, length: number): Uint8Array {
  let state = from;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state >>> 16;
  });
}

function concatenate(a: Uint8Array, b: Uint8Array): Uint8Array {
  const whole = new Uint8Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}

function get16(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 256 + bytes[at + 1]!;
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value & 0xff;
}
