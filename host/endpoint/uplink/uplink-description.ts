/*
 * uplink: the ordinary Internet, without privileges
 *
 * PURPOSE
 *   Connects a neighbour to the networks of this machine's user. It makes a network namespace of its own with
 *   a tun device, in which Linux forwards and masquerades, and a program such as pasta connects the namespace
 *   to the user's network.
 *
 * EDGES AND SHAPES
 *
 *              ┌──────────┐
 *     ip ──────┤  uplink  ╞═══ namespace ═══ pasta ═══ the user's network
 *              └──────────┘
 *
 *   ip   ip up; whole frames
 *
 *   The Edge has `framed`, and sizes of up to `mtu`. It offers an address and routes in each IP version that
 *   this machine has, and relays DNS queries to the resolvers of this machine.
 *
 * SETTINGS
 *   via       the connection of the namespace: pasta, slirp4netns, or masquerade for root; auto is masquerade
 *             for root, else the first that is installed; default auto
 *   address   address that the uplink offers its neighbour, with its prefix length; may be repeated; default:
 *             the uplink's own
 *   tcp       relayed: Linux's own TCP ends connections here, and others go on outside, so that they cope
 *             with a puzzle that loses or delays; direct: the program connects it; default relayed
 *   mtu       largest packet in bytes; default 1500
 *
 * URL
 *   uplink:, uplink:?mtu=1400
 *
 * COUNTERS AND REASONS
 *   Lost:
 *     malformed       the system finds the packet malformed
 *     unfit           the headers cannot be completed
 *     would-block     the queue of the device is full
 *     too-large       larger than the device takes, or a fragment of a frame that is
 *     unreachable     the system has no path to the destination
 *     refused         the system refused the packet
 *     not-permitted   the system does not permit the packet
 *     device-down     the device is down
 *     other-error     any other error of the system
 *     no-room         the lane had no free row for a packet from the system
 *     offload         the system joined packets in a way that cannot be undone
 *     queue-overrun   the lane did not read in time what the system wants to send, and the queue of the
 *                     device dropped it
 *     not-ip          no IPv4 or IPv6 packet
 *     closed          the device is not open, or its Edge is on no network
 *
 * WHAT IT DOES NOT DO
 *   It takes no connections from outside, and carries only TCP, UDP and echo requests. With `tcp: relayed`, a
 *   destination that refuses a connection appears as one that closes it at once. The services of this machine
 *   itself cannot be reached. slirp4netns carries IPv4 alone, and pasta refuses root. `masquerade` switches
 *   forwarding of the machine on, keeps it closed for others, and switches it off at the end, in whichever
 *   way the Funnel ends; a firewall that drops what is forwarded (Docker's) has to let it pass.
 *
 * SPECIFICATION
 *   Linux: user_namespaces(7), network_namespaces(7); pasta(1).
 */
import type { Piece as Description, Setting } from '../../../abi/host/contract.ts';
import { available } from '../available.ts';
import { setting } from '../describe-items.ts';
import { tunDescription } from '../device/tun-description.ts';
import { CONNECTORS } from './connector.ts';

/** Returns the description of the native piece `uplink`, with packets of at most `mtu` bytes. */
export function uplinkDescription(mtu: number): Description {
  return {
    name: 'uplink',
    version: '0.1.0',
    summary:
      'The ordinary Internet, without privileges: TCP, UDP and echo requests of a neighbour, masqueraded.',
    protocols: [],
    edges: [
      {
        name: 'ip',
        optional: false,
        repeated: false,
        shapes: [
          {
            stack: 'ip',
            direction: 'up',
            reach: 'whole-frame',
            properties: [available('framed'), available('size', { tag: 'at-most', val: BigInt(mtu) })],
          },
        ],
      },
    ],
    curves: [],
    settings: uplinkSettings,
    reasons: tunDescription(mtu).reasons,
  };
}

/** IPv6 needs this much (RFC 8200 §5). */
const LEAST_MTU = 1280;
const MOST_MTU = 65_520;

export const uplinkSettings: readonly Setting[] = [
  setting(
    'via',
    `The connection: ${CONNECTORS.join(', ')} (for root), or auto for masquerade as root, else the first that is installed`,
    'text',
    { default: 'auto' },
  ),
  setting(
    'address',
    "Address that the uplink offers its neighbour, with its prefix length; else the uplink's own",
    'address',
    { repeated: true },
  ),
  setting(
    'tcp',
    "relayed: TCP ends here, by Linux's own, and goes on outside, so that it copes with a puzzle that loses or delays; or direct: the program connects it",
    'text',
    { default: 'relayed' },
  ),
  setting('mtu', 'Largest packet in bytes', 'number', { default: '1500', range: [LEAST_MTU, MOST_MTU] }),
];
