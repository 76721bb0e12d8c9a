// Exports for the tests of 6bed4: the pure modules of both pieces, on memory that the test fills.

export {
  endpointOf,
  isLowerHalf,
  lanipOf,
  lowerHalf,
  peerOf,
  portOf,
  v4Of,
} from '../../../pieces-as/6bed4/assembly/address';
export { isForbiddenIpv4 } from '../../../pieces-as/6bed4/assembly/ipv4-filter';

import { Advertised } from '../../../pieces-as/6bed4/assembly/neighbour-discovery';

export {
  checkMessage,
  isNeighbourSolicitationOf6bed4,
  isSolicitationOf6bed4,
  readRouterAdvertisement,
  writeHostAdvertisement,
  writeNeighbourAnswer,
  writeNeighbourSolicitation,
  writeRouterAdvertisement,
  writeRouterNeighbourAnswer,
  writeRouterSolicitation,
} from '../../../pieces-as/6bed4/assembly/neighbour-discovery';

import {
  addNeighbour,
  advanceNeighbours,
  countNeighbours,
  findNeighbour,
  forgetNeighbours,
  isAsking,
  isProven,
  mayAskAgain,
  nextNeighbourDeadline,
  Probe,
  pathOf,
  setReachable,
  stateOf,
  tryOnLan,
} from '../../../pieces-as/6bed4/assembly/neighbour-cache';

export {
  addNeighbour,
  countNeighbours,
  findNeighbour,
  forgetNeighbours,
  isAsking,
  isProven,
  mayAskAgain,
  nextNeighbourDeadline,
  pathOf,
  setReachable,
  stateOf,
  tryOnLan,
};

import { TokenBuckets } from '../../../pieces-as/6bed4/assembly/token-bucket';

// @ts-expect-error: decorator
@external("test", "probe")
declare function probe(entry: usize, probe: Probe): void;

export function advance(now: f64): void {
  advanceNeighbours(now, (_now: f64, entry: usize, kind: Probe) => probe(entry, kind));
}

export function advertisedTop(): u64 {
  return Advertised.top;
}

export function advertisedLower(): u64 {
  return Advertised.lower;
}

export function advertisedRoutable(): usize {
  return Advertised.routable;
}

export function advertisedRoutableCount(): u32 {
  return Advertised.routableCount;
}

const buckets = new TokenBuckets(16, 10, 10);

export function take(now: f64, key: u32): bool {
  return buckets.take(now, key);
}

const scratch: usize = memory.data(8192, 8);

/** 8192 bytes that the test may use. */
export function room(): usize {
  return scratch;
}
