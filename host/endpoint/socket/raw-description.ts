/*
 * raw: packets of any IP protocol
 *
 * PURPOSE
 *   Opens a raw socket for each IP protocol of its settings, such as 41 (IPv6 in IP) or 132 (SCTP). A packet
 *   that arrives at this machine has its IP header; the IP header of a frame that leaves determines
 *   how it is sent.
 *
 * EDGES AND SHAPES
 *
 *             ┌───────┐
 *     ip ─────┤  raw  ╞═══ sockets
 *             └───────┘
 *
 *   ip   ip/{PROTOCOLS} up, and ip/icmp or ip/icmpv6 up for the errors of routers and hosts; whole frames
 *
 *   With icmp or icmpv6 among the protocols, its socket brings the errors of that IP version, and the second
 *   Shape leaves them out.
 *
 * SETTINGS
 *   protocol       IP protocol by name or number, such as sctp, 41 or icmp; may be repeated; required
 *   family         IP versions: both, ipv4 or ipv6; default both
 *   address        address of this machine to bind to; without it, any
 *   device         network device to keep to; without it, any
 *   destinations   prefixes to which it may send; without any, everywhere; may be repeated
 *   to-loopback    allow sending to this machine's loopback; default false
 *   own            allow sending to this machine's own addresses; default false
 *   broadcast      allow sending to IPv4 broadcast addresses; default false
 *
 * URL
 *   raw:41, raw://192.0.2.1/sctp, raw:?protocol=41&protocol=132
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     error-unheard    an ICMP error came, but no neighbour listens to those
 *   Lost:
 *     not-granted      the settings do not allow the destination
 *     malformed        the lengths of the headers are wrong
 *     unfit            the headers cannot be completed
 *     not-ip           no IPv4 or IPv6 packet
 *     not-open         no socket has this protocol in this IP version
 *     fragment         a fragment of an IP packet, which the kernel does not send for others
 *     no-destination   the destination address is zero
 *     would-block      the buffer of the socket is full
 *     too-large        larger than the path or the system takes, or a fragment of a frame that is larger than
 *                      any packet
 *     unreachable      the system has no path to the destination from the source address
 *     refused          an earlier packet was refused
 *     not-permitted    the system, such as its firewall, does not permit the packet
 *     bad-source       the source address is not of this machine
 *     device-down      the device is down
 *     other-error      any other error of the system
 *     queue-overrun    the lane did not read in time, and the queue of a socket in the kernel overflowed
 *     no-room          the lane had no free row for a packet that arrived
 *     closed           the sockets are closed, or the Edge is on no network
 *
 * WHAT IT DOES NOT DO
 *   It needs CAP_NET_RAW, as root has. It gets copies: the kernel also replies to packets of a protocol
 *   that it speaks, such as TCP or ICMP. The kernel joins fragments before it passes a packet on, and
 *   fragments packets that are larger than the path unless don't-fragment is set. It lets no sender set the
 *   identification, IPv4 options, IPv6 extension headers and the flow label, and removes IPv6 extension
 *   headers from packets that arrive. It computes the checksum of ICMPv6 itself.
 *
 * SPECIFICATION
 *   Linux: raw(7), ip(7), ipv6(7). RFC 3542 §3. Errors: RFC 1812 §4.3.2.3, RFC 4443 §2.4(c).
 */
import type { Piece as Description, Setting } from '../../../abi/host/contract.ts';
import { available } from '../available.ts';
import { losses, noLosses, setting } from '../describe-items.ts';

export interface RawShapes {
  readonly families: readonly (4 | 6)[];
  /** Numbers in the IP header. */
  readonly protocols: readonly number[];
}

/**
 * Returns the description of the native piece `raw` with these protocols. Shape 0 carries packets, Shape 1
 * the errors of routers and hosts.
 */
export function rawDescription({ families, protocols }: RawShapes): Description {
  const largest = families.includes(4) ? 65_535 : 40 + 65_535;
  const properties = [
    available('framed'),
    available('low-delay'),
    available('size', { tag: 'at-most', val: BigInt(largest) }),
  ];
  const carrier = families.length === 2 ? 'ip' : families[0] === 4 ? 'ipv4' : 'ipv6';
  const packets = protocols.length === 0 ? carrier : `${carrier}/{${protocols.join()}}`;
  const errors = errorFamilies({ families, protocols });
  const heard =
    errors.length === 2
      ? 'ip/{icmp,icmpv6}'
      : errors.map((family) => (family === 4 ? 'ipv4/icmp' : 'ipv6/icmpv6'))[0];
  return {
    ...RAW,
    edges: [
      {
        name: 'ip',
        optional: false,
        repeated: false,
        shapes: [packets, ...(heard === undefined ? [] : [heard])].map((stack) => ({
          stack,
          direction: 'up' as const,
          reach: 'whole-frame' as const,
          properties,
        })),
      },
    ],
  };
}

/**
 * Returns the IP versions whose errors come on the second Shape: those without a socket that brings errors on
 * the first.
 */
export function errorFamilies({ families, protocols }: RawShapes): readonly (4 | 6)[] {
  if (protocols.length === 0) return [];
  return families.filter((family) => !protocols.includes(family === 4 ? ICMP : ICMPV6));
}

const ICMP = 1;
const ICMPV6 = 58;

const RAW: Description = {
  name: 'raw',
  version: '0.1.0',
  summary: 'Packets of any IP protocol, with their IP headers, by raw sockets of this machine.',
  protocols: [],
  edges: [],
  curves: [],
  settings: [
    setting('protocol', 'IP protocol by name or number, such as sctp, 41 or icmp', 'text', {
      repeated: true,
      required: true,
    }),
    setting('family', 'IP versions of the sockets: both, ipv4 or ipv6', 'text', { default: 'both' }),
    setting('address', 'Address of this machine to bind to; any when not given', 'address'),
    setting('device', 'Network device to keep to; any when not given', 'text'),
    setting('destinations', 'Prefixes to which it may send; everywhere when not given', 'address', {
      repeated: true,
    }),
    setting('to-loopback', "Allow sending to this machine's loopback", 'boolean', { default: 'false' }),
    setting('own', "Allow sending to this machine's own addresses", 'boolean', { default: 'false' }),
    setting('broadcast', 'Allow sending to IPv4 broadcast addresses', 'boolean', { default: 'false' }),
  ],
  reasons: [
    ...losses({
      'not-granted':
        'The settings of `raw` do not allow the destination; see `destinations`, `own` and `broadcast`.',
      malformed: 'The lengths of the headers are wrong.',
      unfit: 'The headers cannot be completed.',
      'not-ip': 'The packet is neither IPv4 nor IPv6.',
      'not-open': 'No socket has this protocol in this IP version.',
      fragment: 'The packet is a fragment of an IP packet, which the kernel does not send for others.',
      'no-destination': 'The destination address is zero.',
      'would-block': 'The buffer of the socket is full.',
      'too-large':
        'The packet is larger than the path or the system takes, or a fragment of a frame that is larger than any packet.',
      unreachable: 'The system has no path to the destination from the source address.',
      refused: 'An earlier packet was refused.',
      'not-permitted': 'The system, such as its firewall, does not permit the packet.',
      'bad-source': 'The source address is not of this machine.',
      'device-down': 'The device is down.',
      'other-error': 'The system reported another error; `funnel run` logs it.',
      'queue-overrun': 'The lane did not read in time, and the queue of a socket in the kernel overflowed.',
      'no-room': 'The lane had no free row for a packet that arrived.',
      closed: 'The sockets are closed, or the Edge is on no network.',
    }),
    ...noLosses({
      'error-unheard': 'An ICMP error came, but no neighbour listens to those.',
    }),
  ],
};

/** The reasons for the addon's kinds of error, in the addon's order. */
export const RAW_TALLY = [
  ...['would-block', 'too-large', 'unreachable', 'refused'],
  ...['not-permitted', 'bad-source', 'device-down', 'other-error'],
] as const;

export const rawSettings: readonly Setting[] = RAW.settings;
