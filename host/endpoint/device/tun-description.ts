/*
 * tun: a network device of this machine
 *
 * PURPOSE
 *   Makes a tun or tap device, or opens one that an administrator made. Packets that the system routes into
 *   the device come out of the Edge, and the system receives packets that go into the Edge. The device obeys
 *   the properties that neighbours offer.
 *
 * EDGES AND SHAPES
 *
 *               ┌───────┐
 *     system ═══╡  tun  ├──── ip
 *               └───────┘
 *
 *   ip   ip down; whole frames. In mode ethernet it is called ethernet, and its Shape is ethernet down
 *
 *   The Edge has `framed`, and sizes of up to `mtu`, with the 14 bytes of Ethernet in mode ethernet. There
 *   the system resolves addresses itself, by ARP and neighbour discovery. It obeys the offers `address`,
 *   `route`, `mtu` (at most), and `up`.
 *
 * SETTINGS
 *   mode          ip: a tun device, for packets of IP; ethernet: a tap device, for Ethernet frames; default
 *                 ip
 *   device        name of the device; %d in it becomes the first free number; default fun%d
 *   mtu           largest packet in bytes, 68 to 65535; neighbours may offer or carry less; default 1500
 *   address       address of the device with its prefix length; may be repeated
 *   route         prefix that is routed into the device; may be repeated
 *   up            bring the device up at once; otherwise it is up while it has an address or a route, or a
 *                 neighbour offers `up`; default false
 *   link-local    let the system give the device an IPv6 link-local address; it then solicits routers there;
 *                 default false
 *   multi-queue   share the device with other lanes that open it with this setting; default false
 *   offload       let the system pass large segments of TCP and UDP, which the piece divides into packets,
 *                 and join packets to such segments; not with multi-queue, and not on a device that an
 *                 administrator made; default true
 *
 * URL
 *   tun://fun0, tun: for a name of the system's choice, tun://fun0?mode=ethernet&address=192.0.2.1/24
 *
 * COUNTERS AND REASONS
 *   Lost:
 *     malformed       the system finds the packet malformed
 *     unfit           the headers cannot be completed
 *     would-block     the queue of the device is full
 *     queue-overrun   the lane did not read in time what the system wants to send, and the queue of the
 *                     device overran; not known under funnel exec
 *     too-large       larger than the device takes, or a fragment of a frame that is
 *     unreachable     the system has no path to the destination
 *     refused         the system refused the packet
 *     not-permitted   the system does not permit the packet
 *     device-down     the device is down
 *     other-error     any other error of the system
 *     no-room         the lane had no free row for a packet from the system
 *     offload         the system joined packets in a way that cannot be undone
 *     not-ip          no IPv4 or IPv6 packet, or in mode ethernet no Ethernet frame
 *     closed          the device is not open, or its Edge is on no network
 *
 * WHAT IT DOES NOT DO
 *   Rules and tables of routing besides the main table. A neighbour that asks for `mtu` alone
 *   does not bring the device up.
 *
 * SPECIFICATION
 *   Linux: Documentation/networking/tuntap.rst, rtnetlink(7). RFC 791 §3.2 and RFC 8200 §5 (least MTU).
 */
import type { Piece as Description, Setting } from '../../../abi/host/contract.ts';
import { available } from '../available.ts';
import { losses, setting } from '../describe-items.ts';
import { ETHERNET_BYTES, LEAST_MTU, MOST_MTU } from './link-properties.ts';

/**
 * Returns the description of the native piece `tun` in a mode, with a device that takes packets of `mtu`
 * bytes.
 */
export function tunDescription(mtu: number, mode: 'ip' | 'ethernet' = 'ip'): Description {
  const largest = mode === 'ip' ? mtu : mtu + ETHERNET_BYTES;
  return {
    ...TUN,
    edges: [
      {
        name: mode,
        optional: false,
        repeated: false,
        shapes: [
          {
            stack: mode,
            direction: 'down',
            reach: 'whole-frame',
            properties: [available('framed'), available('size', { tag: 'at-most', val: BigInt(largest) })],
          },
        ],
      },
    ],
  };
}

const TUN: Description = {
  name: 'tun',
  version: '0.1.0',
  summary:
    'A network device of this machine: packets that the system routes into it, and packets for the system.',
  protocols: [],
  edges: [],
  curves: [],
  settings: [
    setting(
      'mode',
      'ip: a tun device, for packets of IP; ethernet: a tap device, for Ethernet frames',
      'text',
      {
        default: 'ip',
      },
    ),
    setting('device', 'Name of the device; %d in it becomes the first free number', 'text', {
      default: 'fun%d',
    }),
    setting('mtu', 'Largest packet in bytes; neighbours may offer less, or carry less', 'number', {
      default: '1500',
      range: [LEAST_MTU, MOST_MTU],
    }),
    setting('address', 'Address of the device with its prefix length, such as 10.0.0.1/24', 'address', {
      repeated: true,
    }),
    setting('route', 'Prefix that is routed into the device, such as 2001:db8::/32', 'address', {
      repeated: true,
    }),
    setting(
      'up',
      'Bring the device up at once; otherwise it is up while it has an address or a route, or a neighbour offers `up`',
      'boolean',
      { default: 'false' },
    ),
    setting(
      'link-local',
      'Let the system give the device an IPv6 link-local address; it then solicits routers there',
      'boolean',
      { default: 'false' },
    ),
    setting(
      'offload',
      'Let the system pass large segments, which the piece divides and joins; not with multi-queue, and not on a device that an administrator made',
      'boolean',
      { default: 'true' },
    ),
    setting('multi-queue', 'Share the device with other lanes that open it with this setting', 'boolean', {
      default: 'false',
    }),
  ],
  reasons: losses({
    malformed: 'The system finds the packet malformed.',
    unfit: 'The headers cannot be completed.',
    'would-block': 'The queue of the device is full.',
    'too-large': 'The packet is larger than the device takes, or a fragment of a frame that is.',
    unreachable: 'The system has no path to the destination.',
    refused: 'The system refused the packet.',
    'not-permitted': 'The system does not permit the packet.',
    'device-down': 'The device is down.',
    'other-error': 'The system reported another error; `funnel run` logs it.',
    'queue-overrun':
      'The lane did not read in time what the system sent, and the queue of the device overran.',
    'no-room': 'The lane had no free row for a packet from the system.',
    offload: 'The system joined packets in a way that cannot be undone.',
    'not-ip': 'The packet is neither IPv4 nor IPv6, or in mode ethernet no Ethernet frame.',
    closed: 'The device is not open, or its Edge is on no network.',
  }),
};

/** The reasons for the addon's kinds of error, in the addon's order. */
export const TUN_TALLY = [
  ...['would-block', 'too-large', 'unreachable', 'refused'],
  ...['not-permitted', 'malformed', 'device-down', 'other-error'],
] as const;

export const tunSettings: readonly Setting[] = TUN.settings;
