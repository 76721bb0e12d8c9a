import { Description } from 'funnel-tunnel/as';

/** Why a frame ends in the peer, in the order in which `describeReasons` tells them. */
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
}

export function describeReasons(description: Description): void {
  description.reason('keepalive', false);
  description.reason('solicitation-answered', false);
  description.reason('advertisement-accepted', false);
  description.reason('malformed', true);
  description.reason('bad-checksum', true);
  description.reason('bad-hop-limit', true);
  description.reason('bad-neighbour-discovery', true);
  description.reason('unexpected-neighbour-discovery', true);
  description.reason('spoofed-source', true);
  description.reason('forbidden-ipv4', true);
  description.reason('foreign-source', true);
  description.reason('foreign-destination', true);
  description.reason('multicast', true);
  description.reason('unroutable', true);
  description.reason('own-prefix', true);
  description.reason('not-connected', true);
  description.reason('hop-limit', true);
  description.reason('too-big', true);
}
