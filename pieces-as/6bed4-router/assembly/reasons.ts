import { Description } from 'funnel-tunnel/as';

/** The reasons for which a frame ends in the router, in the order of `describeReasons`. */
export const enum Reason {
  keepalive,
  solicitationAnswered,
  malformed,
  badChecksum,
  badHopLimit,
  badNeighbourDiscovery,
  unexpectedNeighbourDiscovery,
  spoofedSource,
  mappingChanged,
  forbiddenIpv4,
  foreignDestination,
  multicast,
  unroutable,
  masquerading,
  noNative,
  hopLimit,
  tooBig,
  rateLimited,
  unmarkable,
}

export function describeReasons(description: Description): void {
  description.reason(
    'keepalive',
    false,
    'An empty datagram keeps an address mapping open, and its work is done.',
  );
  description.reason(
    'solicitation-answered',
    false,
    'The piece answered a router or neighbour solicitation.',
  );
  description.reason(
    'malformed',
    true,
    'The datagram holds no IPv6 packet, or lengths in the packet are wrong.',
  );
  description.reason('bad-checksum', true, 'The checksum of the Neighbour Discovery message is wrong.');
  description.reason(
    'bad-hop-limit',
    true,
    'The hop limit shows that a router forwarded the Neighbour Discovery message, which is forbidden.',
  );
  description.reason(
    'bad-neighbour-discovery',
    true,
    'The code, the options, the length or the target of the Neighbour Discovery message are wrong.',
  );
  description.reason(
    'unexpected-neighbour-discovery',
    true,
    'A router expects no advertisement and no redirect, and no Neighbour Discovery from the native network.',
  );
  description.reason(
    'spoofed-source',
    true,
    'The source address does not belong to a peer of ours; or it does, and came from the native network.',
  );
  description.reason(
    'mapping-changed',
    true,
    'The sender has another address than its endpoint; an advertisement informs it.',
  );
  description.reason(
    'forbidden-ipv4',
    true,
    'The sender or the destination has an IPv4 address that a peer cannot have; `allow-private` permits private ones.',
  );
  description.reason(
    'foreign-destination',
    true,
    'The packet came from the native network, and its destination is not in our /64.',
  );
  description.reason('multicast', true, 'The destination is a group, and 6bed4 carries no groups.');
  description.reason(
    'unroutable',
    true,
    'The destination is ::, ::1, link-local, the router itself, or an impossible address of 6bed4.',
  );
  description.reason(
    'masquerading',
    true,
    'The destination has lanip 0, behind which other routers masquerade; an ICMPv6 error reports it.',
  );
  description.reason(
    'no-native',
    true,
    'The destination is on the native network, which is not joined; an ICMPv6 error reports it.',
  );
  description.reason('hop-limit', true, 'The hop limit of the packet ends here; an ICMPv6 error reports it.');
  description.reason(
    'too-big',
    true,
    'The packet has more than the 1280 bytes that 6bed4 carries; an ICMPv6 error reports it.',
  );
  description.reason(
    'rate-limited',
    true,
    'An advertisement was due, and the sender has had its share of them.',
  );
  description.reason(
    'unmarkable',
    true,
    'The carrier marks congestion, and the transport of the packet has no ECN; `drop-unmarkable` is set.',
  );
}
