import type { Piece as Description, Setting } from '../../../abi/host/contract.ts';
import { available } from '../available.ts';

/** What the native piece `udp` is with these IP versions. Shape 0 is datagrams, Shape 1 what routers and hosts answered to ours. */
export function udpDescription(families: readonly (4 | 6)[]): Description {
  // The length of IPv6 does not count its own header.
  const largest = families.includes(4) ? 65_535 : 40 + 65_535;
  const properties = [
    available('framed'),
    available('low-delay'),
    available('size', { tag: 'at-most', val: BigInt(largest) }),
  ];
  return {
    ...UDP,
    edges: [
      {
        name: 'udp',
        optional: false,
        repeated: false,
        shapes: [
          { stack: 'ip/udp', direction: 'up', reach: 'whole-frame', properties },
          { stack: 'ip/{icmp,icmpv6}', direction: 'up', reach: 'whole-frame', properties },
        ],
      },
    ],
  };
}

const UDP: Description = {
  name: 'udp',
  version: '0.1.0',
  summary: 'UDP sockets of this machine, with the IP and UDP headers of what they send and receive.',
  protocols: [],
  edges: [],
  curves: [],
  settings: [
    setting(
      'port',
      'Port to open, besides those that neighbours listen on; 0 lets the system choose',
      'number',
      { repeated: true },
    ),
    setting('family', 'IP versions of what is opened: both, ipv4 or ipv6', 'text', { default: 'both' }),
    setting('address', 'Address of this machine to bind to; any when not given', 'address'),
    setting('device', 'Network device to keep to; any when not given', 'text'),
    setting('destinations', 'Prefixes that may be sent to; everywhere when not given', 'address', {
      repeated: true,
    }),
    setting('loopback', "Allow sending to this machine's loopback", 'boolean', { default: 'false' }),
    setting('own', "Allow sending to this machine's own addresses", 'boolean', { default: 'false' }),
    setting('broadcast', 'Allow sending to IPv4 broadcast addresses', 'boolean', { default: 'false' }),
    setting(
      'io',
      "addon: in batches, with all header fields; dgram: through Node's own sockets; auto: as it is there",
      'text',
      { default: 'auto' },
    ),
  ],
  reasons: [
    ...[
      'not-granted',
      'malformed',
      'unfit',
      'not-udp',
      'not-open',
      'no-destination',
      'would-block',
      'too-large',
      'unreachable',
    ],
    ...['refused', 'not-permitted', 'bad-source', 'device-down', 'other-error', 'no-room', 'closed'],
  ]
    .map((name) => ({ name, loss: true }))
    .concat({ name: 'error-unheard', loss: false }),
};

export const DATAGRAM_SHAPE = 0;
export const ERROR_SHAPE = 1;

/** The reasons for the addon's kinds of error, in its order. */
export const UDP_TALLY = [
  ...['would-block', 'too-large', 'unreachable', 'refused'],
  ...['not-permitted', 'bad-source', 'device-down', 'other-error'],
] as const;

export const udpSettings: readonly Setting[] = UDP.settings;

function setting(
  name: string,
  summary: string,
  kind: Setting['kind'],
  { repeated = false, ...rest }: { repeated?: boolean; default?: string } = {},
): Setting {
  return { name, summary, kind, repeated, ...rest };
}
