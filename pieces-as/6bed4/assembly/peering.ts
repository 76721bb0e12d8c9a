// Direct paths to other peers: when the piece tries them, when it uses them, and whose packets it believes.

import { Outcome } from 'funnel-tunnel/as';
import { Tcp } from 'funnel-tunnel/as/views/tcp';
import { endpoint, endpointOf, endpointPort, endpointV4, v4Of } from './address';
import { addMessage, beginOuter, Outer } from './carrier';
import { Configuration } from './configuration';
import { Connection } from './connection';
import { LAN_GROUP, LINK_LOCAL_TOP, OUTER_TTL, ROUTER_PORT, SCHEME_PREFIX } from './constants';
import { isForbiddenIpv4 } from './ipv4-filter';
import { Listener, SHAPE_ICMPV6 } from './listener';
import {
  addNeighbour,
  findNeighbour,
  isAsking,
  isOnLan,
  isPlayful,
  isProven,
  lowerOf,
  mayAskAgain,
  Probe,
  pathOf,
  State,
  setReachable,
  stateOf,
  tryOnLan,
} from './neighbour-cache';
import { writeNeighbourSolicitation } from './neighbour-discovery';
import { Packet } from './packet';

@inline const SOLICITATION_BYTES: i32 = 72;
/** A datagram to the LAN group stays on the LAN. */
@inline const LAN_TTL: u32 = 1;
@inline const LAN_ENDPOINT: u64 = ((<u64>LAN_GROUP) << 16) | <u64>ROUTER_PORT;

export abstract class Peering {
  /** The outcome of the present call. */
  static out: Outcome = changetype<Outcome>(0);

  /** Sends the solicitations of the neighbour cache. */
  static onProbe(_now: f64, entry: usize, probe: Probe): void {
    if (probe == Probe.lan) Peering.solicit(entry, LAN_ENDPOINT, LAN_TTL);
    else Peering.solicit(entry, pathOf(entry), OUTER_TTL);
  }

  /**
   * The endpoint for the current packet, which comes from the host and goes to a lower half of 6bed4 in our
   * /64.
   */
  static pathTo(now: f64): u64 {
    const lower = Packet.destinationLower;
    const direct = endpointOf(lower);
    if (!Configuration.direct || direct == Configuration.router) return Configuration.router;
    if (isForbiddenIpv4(endpointV4(direct), Configuration.allowPrivate) || endpointPort(direct) == 0) {
      return Configuration.router;
    }
    let entry = findNeighbour(lower);
    if (entry != 0) {
      if (!isProven(entry)) return Configuration.router;
      if (mayAskAgain(entry, now)) Peering.solicit(entry, pathOf(entry), OUTER_TTL);
      return pathOf(entry);
    }
    if (Configuration.lanMulticast && endpointV4(direct) == endpointV4(Connection.endpoint)) {
      // The neighbour is behind the same NAT, which may not send back what came from inside.
      entry = addNeighbour(now, lower, direct, State.lan1, false, true, true);
      Peering.solicit(entry, LAN_ENDPOINT, LAN_TTL);
      return Configuration.router;
    }
    const isTrial = Configuration.isTcp && (Packet.tcpFlags & Tcp.SYN) != 0;
    entry = addNeighbour(now, lower, direct, State.attempt1, isTrial, false, true);
    if (isTrial) return direct;
    Peering.solicit(entry, direct, OUTER_TTL);
    return Configuration.router;
  }

  /**
   * Whether the source of the current packet belongs to the endpoint that sent it. The piece believes its own
   * router, which has checked; another router of the scheme, for addresses whose top half names it; and a
   * neighbour on the LAN that has answered from there.
   */
  static isSourceRight(): bool {
    if (Outer.source == Configuration.router) return true;
    if (Packet.sourceTop == Connection.top) {
      if (endpointOf(Packet.sourceLower) == Outer.source) return true;
      const entry = findNeighbour(Packet.sourceLower);
      return entry != 0 && isProven(entry) && isOnLan(entry) && pathOf(entry) == Outer.source;
    }
    if (Packet.sourceTop == LINK_LOCAL_TOP) return endpointOf(Packet.sourceLower) == Outer.source;
    if (Packet.sourceTop >> 48 != SCHEME_PREFIX) return false;
    return endpoint(<u32>Packet.sourceTop, ROUTER_PORT) == Outer.source;
  }

  /**
   * Whether the sender's IPv4 address can be no peer's. Those of our router and of LAN neighbours are exempt.
   */
  static isSenderForbidden(): bool {
    if (Outer.source == Configuration.router) return false;
    if (endpointOf(Packet.sourceLower) != Outer.source) return false;
    return isForbiddenIpv4(endpointV4(Outer.source), Configuration.allowPrivate);
  }

  /**
   * Whether the current packet may come from a peer behind the same NAT, from inside: its address has our own
   * public IPv4 address, and the datagram comes from a private one. No sender elsewhere can meet both.
   */
  static isSourceOnLan(): bool {
    if (!Configuration.lanMulticast || Packet.sourceTop != Connection.top) return false;
    if (v4Of(Packet.sourceLower) != endpointV4(Connection.endpoint)) return false;
    const v4 = endpointV4(Outer.source);
    return isForbiddenIpv4(v4, false) && !isForbiddenIpv4(v4, true);
  }

  /**
   * A neighbour on the LAN solicited us from there. Solicits it there too, so that its packets are believed.
   */
  static meetOnLan(now: f64): void {
    let entry = findNeighbour(Packet.sourceLower);
    if (entry == 0) {
      entry = addNeighbour(now, Packet.sourceLower, Outer.source, State.attempt1, false, true, false);
      if (entry == 0) return;
    } else {
      const state = stateOf(entry);
      if (state >= State.failed || (state >= State.attempt1 && pathOf(entry) == Outer.source)) return;
      tryOnLan(entry, now, Outer.source);
    }
    Peering.solicit(entry, Outer.source, OUTER_TTL);
  }

  /** Handles the answer of a neighbour. False if we did not solicit it, or not at this endpoint. */
  static takeAnswer(now: f64): bool {
    if (Packet.sourceTop != Connection.top) return false;
    const entry = findNeighbour(Packet.sourceLower);
    if (entry == 0 || !isAsking(entry)) return false;
    if (endpointOf(Packet.sourceLower) != Outer.source && !(isOnLan(entry) && Peering.isSourceOnLan()))
      return false;
    setReachable(entry, now, Outer.source);
    return true;
  }

  /** A TCP segment came directly. With ACK it answers the SYN that we sent directly. */
  static takeTrial(now: f64): void {
    if ((Packet.tcpFlags & Tcp.ACK) == 0 || Packet.sourceTop != Connection.top) return;
    const entry = findNeighbour(Packet.sourceLower);
    if (entry == 0 || !isPlayful(entry) || !isAsking(entry) || pathOf(entry) != Outer.source) return;
    setReachable(entry, now, Outer.source);
  }

  private static solicit(entry: usize, to: u64, ttl: u32): void {
    if (!Listener.isOpen) return;
    const out = Peering.out;
    const at = out.room(SOLICITATION_BYTES);
    const length = writeNeighbourSolicitation(
      at,
      Connection.top,
      Connection.lower,
      Connection.top,
      lowerOf(entry),
      Connection.endpoint,
    );
    beginOuter(out, <u16>Listener.edge, Listener.shape(SHAPE_ICMPV6), 0, Listener.port, to, ttl, 0);
    addMessage(out, at, length);
  }
}
