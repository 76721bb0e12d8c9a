import { Description } from 'funnel-tunnel/as';

/** Why a frame ends in the router, in the order in which `describeReasons` tells them. */
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
}

export function describeReasons(description: Description): void {
  description.reason('keepalive', false);
  description.reason('solicitation-answered', false);
  description.reason('malformed', true);
  description.reason('bad-checksum', true);
  description.reason('bad-hop-limit', true);
  description.reason('bad-neighbour-discovery', true);
  description.reason('unexpected-neighbour-discovery', true);
  description.reason('spoofed-source', true);
  description.reason('mapping-changed', true);
  description.reason('forbidden-ipv4', true);
  description.reason('foreign-destination', true);
  description.reason('multicast', true);
  description.reason('unroutable', true);
  description.reason('masquerading', true);
  description.reason('no-native', true);
  description.reason('hop-limit', true);
  description.reason('too-big', true);
  description.reason('rate-limited', true);
}
