// Our own addresses, as the router assigned them: the /114, and the prefixes that it routes.

import { Line, offer, offerBound, offerLine, State, ValueCase } from 'funnel-tunnel/as';
import { store64 } from 'funnel-tunnel/as/views/bytes';
import { Ipv6Address } from 'funnel-tunnel/as/views/ipv6';
import { endpointOf, peerOf } from './address';
import { Configuration } from './configuration';
import { LANIP_PEER, MAX_ROUTABLE_PREFIXES, SCHEME_PREFIX, TUNNEL_MTU } from './constants';
import { Advertised } from './neighbour-discovery';

/**
 * Routes to offer: that of 6bed4 itself, and the routable ones; entries of 24 bytes as in
 * `Advertised.routable`.
 */
const routes: usize = memory.data(264, 8);
@inline const ROUTE_BYTES: u32 = 24;

const address: usize = memory.data(16, 8);
let line: Line | null = null;

export abstract class Connection {
  /** A router advertisement was accepted. */
  static isUp: bool = false;
  static top: u64 = 0;
  /** Our lower half, with lanip 0. */
  static peer: u64 = 0;
  static routeCount: u32 = 0;
  /** The Edge on which the offers stand; -1 for none. */
  private static offeredOn: i32 = -1;

  @inline static get routes(): usize {
    return routes;
  }

  /** The lower half of our own address. */
  @inline static get lower(): u64 {
    return Connection.peer | LANIP_PEER;
  }

  /** The endpoint as which the world sees us. */
  @inline static get endpoint(): u64 {
    return endpointOf(Connection.peer);
  }

  @inline static isOurs(top: u64, lower: u64): bool {
    return Connection.isUp && top == Connection.top && peerOf(lower) == Connection.peer;
  }

  /** Whether the advertisement says only what we know already. */
  static isAdvertised(): bool {
    if (!Connection.isUp || Connection.top != Advertised.top || Connection.peer != Advertised.lower)
      return false;
    if (Connection.routeCount != Advertised.routableCount + 1) return false;
    return (
      memory.compare(routes + ROUTE_BYTES, Advertised.routable, Advertised.routableCount * ROUTE_BYTES) == 0
    );
  }

  /** Stores the contents of the advertisement. */
  static accept(): void {
    Connection.withdraw();
    Connection.isUp = true;
    Connection.top = Advertised.top;
    Connection.peer = Advertised.lower;
    Connection.routeCount = Advertised.routableCount + 1;
    memory.copy(routes + ROUTE_BYTES, Advertised.routable, Advertised.routableCount * ROUTE_BYTES);
    Connection.setOwnRoute();
  }

  static end(): void {
    Connection.withdraw();
    Connection.isUp = false;
  }

  /** Offers address, routes, size and state on an Edge, unless it has done so. */
  static offerOn(edge: i32): void {
    if (Connection.offeredOn == edge) return;
    Connection.withdraw();
    if (edge < 0 || !Connection.isUp) return;
    Connection.offeredOn = edge;
    Connection.offer(<u16>edge, true);
  }

  /** The Edge has left, and its offers have ended. */
  static forgetEdge(): void {
    Connection.offeredOn = -1;
  }

  static withdraw(): void {
    if (Connection.offeredOn < 0) return;
    Connection.offer(<u16>Connection.offeredOn, false);
    Connection.offeredOn = -1;
  }

  /** Saves or restores the connection. A restored connection holds only with the same router. */
  static state(state: State): void {
    const router = state.u64(Configuration.router);
    const isUp = state.bool(Connection.isUp);
    const top = state.u64(Connection.top);
    const peer = state.u64(Connection.peer);
    const count = <u32>state.count(<i32>Connection.routeCount, MAX_ROUTABLE_PREFIXES + 1);
    state.bytes(routes, count * ROUTE_BYTES);
    if (!state.isRestoring) return;
    Connection.isUp = isUp && router == Configuration.router && count > 0;
    Connection.top = top;
    Connection.peer = peerOf(peer);
    Connection.routeCount = count;
    for (let i: u32 = 0; i < count; i++) {
      if (load<u64>(routes + i * ROUTE_BYTES + 16) > 128)
        state.refuse('the state has a prefix longer than an address');
    }
  }

  /** All of fc64::/16 is reached by way of the router; in a prefix of its own, only that. */
  private static setOwnRoute(): void {
    const isScheme = Connection.top >> 48 == SCHEME_PREFIX;
    store64(routes, isScheme ? SCHEME_PREFIX << 48 : Connection.top);
    store64(routes + 8, 0);
    store<u64>(routes + 16, isScheme ? 16 : 64);
  }

  private static offer(edge: u16, present: bool): void {
    let text = line;
    if (text === null) {
      text = new Line();
      line = text;
    }
    if (!present) offer(edge, 'up', false);
    store64(address, Connection.top);
    store64(address + 8, Connection.lower);
    offerLine(edge, 'address', text.clear().ipv6(address).text('/114'), present);
    for (let i: u32 = 0; i < Connection.routeCount; i++) {
      Ipv6Address.copy(address, routes + i * ROUTE_BYTES);
      text
        .clear()
        .ipv6(address)
        .text('/')
        .unsigned(load<u64>(routes + i * ROUTE_BYTES + 16));
      offerLine(edge, 'route', text, present);
    }
    if (Configuration.defaultRoute) offerLine(edge, 'route', text.clear().text('::/0'), present);
    offerBound(edge, 'mtu', ValueCase.AtMost, TUNNEL_MTU, present);
    if (present) offer(edge, 'up', true);
  }
}
