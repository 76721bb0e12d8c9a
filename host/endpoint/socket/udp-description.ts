/*
 * udp: UDP sockets of this machine
 *
 * PURPOSE
 *   Opens a socket for each UDP port on which a neighbour listens, and for those of the settings. A datagram
 *   that arrives gets its IP and UDP header back; the headers of a frame that leaves determine
 *   how it is sent.
 *
 * EDGES AND SHAPES
 *
 *              ┌───────┐
 *     udp ─────┤  udp  ╞═══ sockets
 *              └───────┘
 *
 *   udp   ip/udp up, and ip/icmp or ip/icmpv6 up for the errors of routers and hosts; whole frames
 *
 *   It sets only those options of an inherited socket by which header fields come and go.
 *   An IPv6 socket that carries IPv4, too, brings frames of both.
 *
 *   It obeys the offer `group`, such as 224.0.0.1:25790: it joins the multicast group on a socket of its own.
 *
 * SETTINGS
 *   port           port to open besides those that neighbours listen on; 0: the system chooses; may be
 *                  repeated. Port 5353 is shared with the other programs of multicast DNS
 *   family         IP versions: both, ipv4 or ipv6; default both
 *   address        address of this machine to bind to; without it, any
 *   device         network device to keep to; without it, any
 *   destinations   prefixes to which it may send; without any, everywhere; may be repeated
 *   to-loopback    allow sending to this machine's loopback; default false
 *   own            allow sending to this machine's own addresses; default false
 *   broadcast      allow sending to IPv4 broadcast addresses; default false
 *   fragment-ipv6  let the kernel divide an IPv6 datagram that is larger than the path into fragments; with
 *                  false it ends as too-large, and the reply is ICMPv6 (packet too big) with the MTU of the
 *                  path. An IPv4 frame decides this by its don't-fragment flag; default true
 *   offload        send datagrams of equal size to one destination in one call of the system, which divides
 *                  them (UDP_SEGMENT). Then other programs that record the device may see them as one;
 *                  default false
 *   inherit        systemd: carry also the UDP sockets of LISTEN_FDS; inetd: that of the standard input
 *   name           name in LISTEN_FDNAMES of the descriptors to take; may be repeated; without it, all
 *   idle           with inherit: inetd, the time without a datagram after which --until-end ends the Funnel,
 *                  so that inetd has the socket again; default 60s
 *   io             addon: in batches, with all header fields; dgram: through Node's own sockets; auto: addon
 *                  where it is built; default auto
 *
 * URL
 *   udp://0.0.0.0:25790 for all addresses of IPv4, udp://[2001:db8::1]:53, udp: for the ports of neighbours
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     error-unheard    an ICMP error came, but no neighbour listens to those
 *   Lost:
 *     not-granted      the settings do not allow the destination
 *     malformed        the lengths of the headers are wrong
 *     unfit            the headers cannot be completed
 *     not-udp          not UDP right behind IP, such as a fragment or a packet with extension headers
 *     not-open         no socket has the source port
 *     no-destination   the destination address or port is zero
 *     would-block      the buffer of the socket is full
 *     too-large        larger than the system sends, or a fragment of a frame that is larger than any
 *                      datagram
 *     unreachable      the system has no path to the destination
 *     refused          an earlier datagram was refused
 *     not-permitted    the system, such as its firewall, does not permit the datagram
 *     bad-source       the source address is not of this machine
 *     device-down      the device is down
 *     other-error      any other error of the system
 *     queue-overrun    the lane did not read in time, and the queue of a socket in the kernel overflowed
 *     no-room          the lane had no free row for a datagram that arrived
 *     closed           the sockets are closed, or the Edge is on no network
 *
 * WHAT IT DOES NOT DO
 *   The kernel does not let it set the identification, IPv4 options, IPv6 extension headers and the flow
 *   label. It does not see the checksum of a datagram, nor the hop limit and length of a datagram that an
 *   ICMP error quotes.
 *
 * SPECIFICATION
 *   RFC 768, RFC 8085; Linux: ip(7), ipv6(7), udp(7). Errors: RFC 1812 §4.3.2.3, RFC 4443 §2.4(c).
 */
import type { Piece as Description, Setting } from '../../../abi/host/contract.ts';
import { available } from '../available.ts';
import { losses, noLosses, setting } from '../describe-items.ts';

/**
 * Returns the description of the native piece `udp` with these IP versions. Shape 0 carries datagrams, Shape
 * 1 the errors of routers and hosts about ours.
 */
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
  summary: 'UDP sockets of this machine, with the IP and UDP headers of their datagrams.',
  protocols: [],
  edges: [],
  curves: [],
  settings: [
    setting(
      'port',
      'Port to open, besides those that neighbours listen on; 0 lets the system choose',
      'number',
      { repeated: true, range: [0, 65_535] },
    ),
    setting('family', 'IP versions of the sockets: both, ipv4 or ipv6', 'text', { default: 'both' }),
    setting('address', 'Address of this machine to bind to; any when not given', 'address'),
    setting('device', 'Network device to keep to; any when not given', 'text'),
    setting('destinations', 'Prefixes to which it may send; everywhere when not given', 'address', {
      repeated: true,
    }),
    setting('to-loopback', "Allow sending to this machine's loopback", 'boolean', { default: 'false' }),
    setting('own', "Allow sending to this machine's own addresses", 'boolean', { default: 'false' }),
    setting('broadcast', 'Allow sending to IPv4 broadcast addresses', 'boolean', { default: 'false' }),
    setting(
      'fragment-ipv6',
      'Let the kernel divide an IPv6 datagram that is larger than the path into fragments',
      'boolean',
      { default: 'true' },
    ),
    setting(
      'offload',
      'Send datagrams of equal size to one destination in one call of the system, which divides them',
      'boolean',
      { default: 'false' },
    ),
    setting('inherit', 'Carry also the UDP sockets that systemd or inetd passes', 'text'),
    setting('name', 'Name of the inherited descriptors to take; all when not given', 'text', {
      repeated: true,
    }),
    setting('idle', 'Time without a datagram after which a socket of inetd is given back', 'duration', {
      default: '60s',
    }),
    setting(
      'io',
      "addon: in batches, with all header fields; dgram: through Node's own sockets; auto: the addon where it is built",
      'text',
      { default: 'auto' },
    ),
  ],
  reasons: [
    ...losses({
      'not-granted':
        'The settings of `udp` do not allow the destination; see `destinations`, `own` and `broadcast`.',
      malformed: 'The lengths of the headers are wrong.',
      unfit: 'The headers cannot be completed.',
      'not-udp': 'The packet has no UDP header right behind IP: it is a fragment, or has extension headers.',
      'not-open': 'No socket has the source port.',
      'no-destination': 'The destination address or port is zero.',
      'would-block': 'The buffer of the socket is full.',
      'too-large':
        'The datagram is larger than the system sends, or a fragment of a frame that is larger than any datagram.',
      unreachable: 'The system has no path to the destination.',
      refused: 'An earlier datagram was refused.',
      'not-permitted': 'The system, such as its firewall, does not permit the datagram.',
      'bad-source': 'The source address is not of this machine.',
      'device-down': 'The device is down.',
      'other-error': 'The system reported another error; `funnel run` logs it.',
      'queue-overrun': 'The lane did not read in time, and the queue of a socket in the kernel overflowed.',
      'no-room': 'The lane had no free row for a datagram that arrived.',
      closed: 'The sockets are closed, or the Edge is on no network.',
    }),
    ...noLosses({
      'error-unheard': 'An ICMP error came, but no neighbour listens to those.',
    }),
  ],
};

export const DATAGRAM_SHAPE = 0;
export const ERROR_SHAPE = 1;

/** The reasons for the addon's kinds of error, in the addon's order. */
export const UDP_TALLY = [
  ...['would-block', 'too-large', 'unreachable', 'refused'],
  ...['not-permitted', 'bad-source', 'device-down', 'other-error'],
] as const;

export const udpSettings: readonly Setting[] = UDP.settings;
