// Properties of the traffic at our Edges. The peer and the router describe them alike.

import { CurveDescription, EdgeDescription, ValueCase, Wish } from 'funnel-tunnel/as';
import { OVERHEAD, TUNNEL_MTU } from './constants';

/**
 * Properties of the Shape that was added last, which carries IPv6: packets of the one size that every IPv6
 * network has to take, and no larger ones.
 */
export function carriesIpv6(edge: EdgeDescription): EdgeDescription {
  return edge
    .wishBound(Wish.Available, 'size', ValueCase.AtMost, TUNNEL_MTU)
    .wishBound(Wish.Required, 'size', ValueCase.AtLeast, TUNNEL_MTU);
}

/** Properties of the Shape that was added last, which is carried: each packet in a datagram of its own. */
export function wantsCarrier(edge: EdgeDescription): EdgeDescription {
  return edge
    .wish(Wish.Desired, 'framed')
    .wish(Wish.Desired, 'low-delay')
    .wishBound(Wish.Available, 'size', ValueCase.AtMost, TUNNEL_MTU + OVERHEAD)
    .wishBound(Wish.Required, 'size', ValueCase.AtLeast, TUNNEL_MTU + OVERHEAD);
}

/**
 * Packets come as the carrier brings them, but their order changes when a direct path to a peer is found.
 */
export function wraps(curve: CurveDescription): void {
  curve.grows(OVERHEAD).keeps('framed').keeps('duplicate-free').keeps('size').keeps('low-delay');
}
