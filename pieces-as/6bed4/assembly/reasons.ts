import { Description } from 'funnel-tunnel/as';

/** The reasons for which a frame ends in the peer, in the order of `describeReasons`. */
export const enum Reason {
  keepalive,
  solicitationAnswered,
  advertisementAccepted,
  malformed,
  badChecksum,
  badHopLimit,
  badNeighbourDiscovery,
  unexpectedNeighbourDiscovery,
  spoofedSource,
  forbiddenIpv4,
  foreignSource,
  foreignDestination,
  multicast,
  unroutable,
  ownPrefix,
  notConnected,
  hopLimit,
  tooBig,
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
    'advertisement-accepted',
    false,
    'The router advertised our prefix, or a neighbour answered.',
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
    'The code, the options, the target or the contents of the Neighbour Discovery message are wrong.',
  );
  description.reason(
    'unexpected-neighbour-discovery',
    true,
    'The piece did not solicit this Neighbour Discovery message, or it is for another node.',
  );
  description.reason(
    'spoofed-source',
    true,
    'The IPv6 source address does not belong to the endpoint that sent the packet through the carrier.',
  );
  description.reason(
    'forbidden-ipv4',
    true,
    'The sender has an IPv4 address that a peer cannot have; `allow-private` permits private ones.',
  );
  description.reason(
    'foreign-source',
    true,
    'The host sent from an address that is not ours; an ICMPv6 error reports it.',
  );
  description.reason(
    'foreign-destination',
    true,
    'The packet came through the carrier, and its destination is not our address.',
  );
  description.reason('multicast', true, 'The destination is a group, and 6bed4 carries no groups.');
  description.reason(
    'unroutable',
    true,
    'The destination is ::, ::1, link-local, or an impossible address of 6bed4.',
  );
  description.reason(
    'own-prefix',
    true,
    'The host sent to an address in our own /114, which is nowhere else.',
  );
  description.reason(
    'not-connected',
    true,
    'The router has not answered yet; an ICMPv6 error reports it to the host.',
  );
  description.reason('hop-limit', true, 'The hop limit of the packet ends here; an ICMPv6 error reports it.');
  description.reason(
    'too-big',
    true,
    'The packet has more than the 1280 bytes that 6bed4 carries; an ICMPv6 error reports it.',
  );
  description.reason(
    'unmarkable',
    true,
    'The carrier marks congestion, and the transport of the packet has no ECN; `drop-unmarkable` is set.',
  );
}
