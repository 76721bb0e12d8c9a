/*
 * packet: the frames of a network device of this machine
 *
 * PURPOSE
 *   Receives the frames of a network device, and sends frames there, beside the system's own network: to
 *   watch or answer what passes, or to be a station of its own on an Ethernet. The kernel passes on only
 *   those frames that a neighbour listens on.
 *
 * EDGES AND SHAPES
 *
 *                  ┌──────────┐
 *     ethernet ────┤  packet  ╞═══ device
 *                  └──────────┘
 *
 *   ethernet   ethernet up, whole frames, without frame check sequence; in mode ip the Edge is `ip`, and its
 *              Shape ip up
 *
 * SETTINGS
 *   device        name of the device; required
 *   mode          ethernet, or ip for a device without link header, such as tun or wireguard; default
 *                 ethernet
 *   promiscuous   receive also what is for other stations; the device is so while the piece runs; default
 *                 false
 *   outgoing      receive also what this machine itself sends there; never what this piece sends; default
 *                 false
 *   send          the frames that it may send: own (with the device's own address as source; in mode ip with
 *                 one of this machine's), any, or none; default own
 *   mtu           largest packet in bytes behind the header of Ethernet, 68 to 65535; default 1500
 *
 * URL
 *   packet:eth0, packet://eth0?promiscuous=true&send=none, packet:?device=wg0&mode=ip
 *
 * COUNTERS AND REASONS
 *   Lost:
 *     not-granted     `send` does not permit the frame
 *     malformed       shorter than its header, or the system finds it malformed
 *     unfit           the headers cannot be completed
 *     not-ip          no Ethernet frame, or in mode ip no IPv4 or IPv6 packet
 *     would-block     the queue of the device or the buffer of the socket is full
 *     too-large       larger than the device takes, or a fragment of a frame that is; or a frame that arrived
 *                     is larger than any packet of IP
 *     unreachable     the system has no path to the destination
 *     refused         the system refused the frame
 *     not-permitted   the system does not permit the frame
 *     device-down     the device is down or gone
 *     other-error     any other error of the system
 *     offload         a merged packet or an unfinished checksum that could not be undone
 *     queue-overrun   the lane did not read in time, and the queue of the socket in the kernel overflowed
 *     no-room         the lane had no free row for a frame that arrived
 *     closed          the device is not open, or its Edge is on no network
 *
 * WHAT IT DOES NOT DO
 *   It needs CAP_NET_RAW, as root has. It gets copies: the system goes on to receive the same frames, and to
 *   reply to them. Filters of nftables do not apply to what it receives or sends, except those of the family
 *   netdev. No frame is cut short, so there is no snap length: the filter takes whole frames. In mode
 *   ethernet a device has Ethernet addresses; in mode ip it has no link header. It sends no segment larger
 *   than the device for the system to divide. With very many ports in the stacks of neighbours (some
 *   thousand), the kernel tests only the protocol.
 *
 * SPECIFICATION
 *   Linux: packet(7), Documentation/networking/filter.rst. IEEE 802.3, 802.1Q. Division of merged packets:
 *   RFC 9293 §3.1, RFC 3168 §6.1.2, RFC 768.
 */
import type { Piece as Description, Setting } from '../../../abi/host/contract.ts';
import { available } from '../available.ts';
import { losses, setting } from '../describe-items.ts';

export type PacketMode = 'ethernet' | 'ip';

/** Returns the description of the native piece `packet` in a mode, with a device of this MTU. */
export function packetDescription({
  mode,
  mtu,
}: {
  readonly mode: PacketMode;
  readonly mtu: number;
}): Description {
  const largest = mode === 'ip' ? mtu : mtu + ETHERNET_HEADER;
  return {
    ...PACKET,
    edges: [
      {
        name: mode,
        optional: false,
        repeated: false,
        shapes: [
          {
            stack: mode,
            direction: 'up',
            reach: 'whole-frame',
            properties: [available('framed'), available('size', { tag: 'at-most', val: BigInt(largest) })],
          },
        ],
      },
    ],
  };
}

/** Bytes of both addresses and the EtherType. */
export const ETHERNET_HEADER = 14;

const PACKET: Description = {
  name: 'packet',
  version: '0.1.0',
  summary: 'The frames of a network device of this machine, by a packet socket.',
  protocols: [],
  edges: [],
  curves: [],
  settings: [
    setting('device', 'Name of the device', 'text', { required: true }),
    setting('mode', 'ethernet, or ip for a device without link header, such as tun or wireguard', 'text', {
      default: 'ethernet',
    }),
    setting('promiscuous', 'Receive also what is for other stations', 'boolean', { default: 'false' }),
    setting('outgoing', 'Receive also what this machine itself sends there', 'boolean', { default: 'false' }),
    setting(
      'send',
      "The frames that it may send: own (with the device's own address as source), any, or none",
      'text',
      { default: 'own' },
    ),
    setting('mtu', 'Largest packet in bytes behind the header of Ethernet', 'number', {
      default: '1500',
      range: [68, 65_535],
    }),
  ],
  reasons: losses({
    'not-granted': 'The setting `send` of `packet` does not permit the frame.',
    malformed: 'The frame is shorter than its header, or the system finds it malformed.',
    unfit: 'The headers cannot be completed.',
    'not-ip': 'The frame is not one of Ethernet, or in mode ip no packet of IPv4 or IPv6.',
    'would-block': 'The queue of the device or the buffer of the socket is full.',
    'too-large': 'The frame is larger than the device takes, or a fragment of a frame that is.',
    unreachable: 'The system has no path to the destination.',
    refused: 'The system refused the frame.',
    'not-permitted': 'The system does not permit the frame.',
    'device-down': 'The device is down or gone.',
    'other-error': 'The system reported another error; `funnel run` logs it.',
    offload: 'The packet was merged, or its checksum unfinished, in a way that could not be undone.',
    'queue-overrun': 'The lane did not read in time, and the queue of the socket in the kernel overflowed.',
    'no-room': 'The lane had no free row for a frame that arrived.',
    closed: 'The device is not open, or its Edge is on no network.',
  }),
};

/** The reasons for the addon's kinds of error, in the addon's order. */
export const PACKET_TALLY = [
  ...['would-block', 'too-large', 'unreachable', 'refused'],
  ...['not-permitted', 'malformed', 'device-down', 'other-error'],
] as const;

export const packetSettings: readonly Setting[] = PACKET.settings;
