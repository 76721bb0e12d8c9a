// The work of timers: soliciting until the router answers, and keeping the NAT's mapping from then on.

import { Outcome } from 'funnel-tunnel/as';
import { addMessage, beginOuter } from './carrier';
import { Configuration } from './configuration';
import { Connection } from './connection';
import { NEVER, OUTER_TTL } from './constants';
import { Listener, SHAPE_DATAGRAM, SHAPE_ICMPV6 } from './listener';
import { writeRouterSolicitation } from './neighbour-discovery';

@inline const SOLICITATION_BYTES: i32 = 56;

export abstract class Maintenance {
  private static at: f64 = 0;
  /**
   * Seconds until the next solicitation: 1, 3, 7, 15, 30, 30, … but no more than the period of a keepalive.
   */
  private static cycleS: f64 = 0;
  /** Whether the router has confirmed the address since the start. */
  private static isConfirmed: bool = false;
  /** The number of solicitations since the last answer of the router. */
  static unanswered: u32 = 0;
  private static openings: u32 = 0;

  /** The time when `run` has something to do. */
  static get nextAt(): f64 {
    return Listener.isOpen ? Maintenance.at : NEVER;
  }

  /** The router advertised an address. */
  static confirm(now: f64): void {
    if (!Maintenance.isConfirmed) Maintenance.at = now + Configuration.keepaliveMs;
    Maintenance.isConfirmed = true;
    Maintenance.unanswered = 0;
  }

  static run(now: f64, out: Outcome): void {
    if (!Listener.isOpen) return;
    if (Listener.openings != Maintenance.openings) {
      // There is no address yet, or a restored one, or one from before the carrier left. The last two may be
      // outdated.
      Maintenance.openings = Listener.openings;
      Maintenance.at = 0;
      Maintenance.cycleS = 0;
      Maintenance.isConfirmed = false;
      Maintenance.unanswered = 0;
    }
    if (now < Maintenance.at) return;
    if (!Connection.isUp) {
      Maintenance.solicit(out);
      Maintenance.cycleS = min(Maintenance.cycleS * 2 + 1, Configuration.keepaliveMs / 1000);
      Maintenance.at = now + Maintenance.cycleS * 1000;
      return;
    }
    Maintenance.sendKeepalive(out);
    // The keepalive dies behind the NAT, so only an answered solicitation reveals a new mapping.
    if (Configuration.refresh || !Maintenance.isConfirmed) Maintenance.solicit(out);
    Maintenance.at = now + Configuration.keepaliveMs;
  }

  private static solicit(out: Outcome): void {
    Maintenance.unanswered++;
    const at = out.room(SOLICITATION_BYTES);
    const length = writeRouterSolicitation(at);
    const shape = Listener.shape(SHAPE_ICMPV6);
    beginOuter(out, <u16>Listener.edge, shape, 0, Listener.port, Configuration.router, OUTER_TTL, 0);
    addMessage(out, at, length);
  }

  private static sendKeepalive(out: Outcome): void {
    const shape = Listener.shape(SHAPE_DATAGRAM);
    const ttl = Configuration.keepaliveTtl;
    beginOuter(out, <u16>Listener.edge, shape, 0, Listener.port, Configuration.router, ttl, 0);
  }
}
