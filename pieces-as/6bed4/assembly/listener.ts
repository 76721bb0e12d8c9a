// Our port on the carrier: the Shapes on which we listen.

import { Level, Line, listenLine, listenProblem, offerText, random, unlisten } from 'funnel-tunnel/as';
import { Outer } from './carrier';
import { Configuration, FIRST_PORT, LAST_PORT } from './configuration';
import { Connection } from './connection';
import { LAN_GROUP, ROUTER_PORT } from './constants';
import { forgetNeighbours } from './neighbour-cache';

/** The number of ports to try at once before waiting. */
@inline const TRIES: i32 = 8;
@inline const FIRST_RETRY_MS: f64 = 1000;
@inline const LAST_RETRY_MS: f64 = 60_000;

/** Shapes of the Edge `carrier`, as described. */
@inline export const SHAPE_DATAGRAM: u16 = 0;
@inline export const SHAPE_IPV6: u16 = 1;
@inline export const SHAPE_ICMPV6: u16 = 2;
@inline export const SHAPE_TCP: u16 = 3;
@inline const MOST_SHAPES: i32 = 4;

/**
 * Frames of the LAN group have its port at their local end. The stack is unqualified, so that no endpoint
 * opens the port beside the group.
 */
const LAN_STACK = 'ipv4/udp/25790/ipv6/icmpv6';
const LAN_GROUP_OFFER = '224.0.0.1:25790';

const shapes: StaticArray<i32> = new StaticArray<i32>(MOST_SHAPES);

export abstract class Listener {
  /** 0 if there is no port yet. */
  static port: u32 = 0;
  /** The joined Edge `carrier`; -1 when it is not joined. */
  static edge: i32 = -1;
  static isOpen: bool = false;
  /** The number of times that a port was opened. A caller that remembers another number has to start over. */
  static openings: u32 = 0;
  /** When to try again; Infinity for never. */
  static retryAt: f64 = Infinity;
  private static retryMs: f64 = FIRST_RETRY_MS;
  private static lanShape: i32 = -1;
  private static line: Line = new Line();

  /** The Shape by which frames of a described Shape leave. */
  @inline static shape(described: u16): u16 {
    return <u16>unchecked(shapes[described]);
  }

  /**
   * Listens on the port of the settings, on the restored port, or on random ones, unless it listens already.
   */
  static open(edge: i32): void {
    // The Edge joins Shape by Shape, and joins again with new properties. After a failure the piece waits.
    if (Listener.edge == edge && (Listener.isOpen || Listener.retryAt != Infinity)) return;
    Listener.edge = edge;
    Listener.retryAt = Infinity;
    for (let i = 0; i < TRIES; i++) {
      const port =
        Configuration.port != 0
          ? Configuration.port
          : i == 0 && Listener.port != 0
            ? Listener.port
            : randomPort();
      if (Listener.openPort(port)) {
        if (Listener.port != port) {
          // Another port means another mapping in the NAT, and so another address.
          Connection.end();
          forgetNeighbours();
        }
        Listener.port = port;
        Listener.isOpen = true;
        Listener.openings++;
        Listener.retryMs = FIRST_RETRY_MS;
        if (Configuration.lanMulticast) Listener.openLan();
        return;
      }
      if (Configuration.port != 0) break;
    }
    // The instant is not known here: `retry` sets it.
    Listener.retryAt = 0;
  }

  /** Tries again when the time has come. */
  static retry(now: f64): void {
    if (Listener.isOpen || Listener.edge < 0 || now < Listener.retryAt) return;
    if (Listener.retryAt != 0) {
      Listener.retryAt = Infinity;
      Listener.open(Listener.edge);
    }
    if (Listener.isOpen) return;
    Listener.retryAt = now + Listener.retryMs;
    Listener.retryMs = min(Listener.retryMs * 2, LAST_RETRY_MS);
  }

  /** The Edge has left with its Shapes. The port stays remembered. */
  static close(): void {
    Listener.edge = -1;
    Listener.isOpen = false;
    Listener.lanShape = -1;
    Listener.retryAt = Infinity;
  }

  /** Whether the current datagram is addressed to our port, or to the group on the LAN. */
  static isDestination(): bool {
    if (Outer.destinationPort == Listener.port) return true;
    return Listener.lanShape >= 0 && Outer.destinationPort == ROUTER_PORT && Outer.destinationV4 == LAN_GROUP;
  }

  private static openPort(port: u32): bool {
    const edge = <u16>Listener.edge;
    const count = Configuration.isTcp ? MOST_SHAPES : MOST_SHAPES - 1;
    for (let i = 0; i < count; i++) {
      const line = Listener.line.clear().text('ipv4/udp/local:').unsigned(port);
      if (i >= <i32>SHAPE_IPV6) line.text('/ipv6');
      if (i == SHAPE_ICMPV6) line.text('/icmpv6');
      if (i == SHAPE_TCP) line.text('/tcp');
      const shape = listenLine(edge, <u16>i, line);
      if (shape < 0) {
        Listener.tellProblem(port);
        for (let k = 0; k < i; k++) unlisten(edge, <u16>shapes[k]);
        return false;
      }
      shapes[i] = shape;
    }
    return true;
  }

  private static openLan(): void {
    const edge = <u16>Listener.edge;
    Listener.lanShape = listenLine(edge, SHAPE_ICMPV6, Listener.line.clear().text(LAN_STACK));
    if (Listener.lanShape < 0) {
      Listener.line
        .clear()
        .text('no peers are looked for on the LAN: ')
        .utf8(listenProblem())
        .log(Level.Info);
      return;
    }
    offerText(edge, 'group', LAN_GROUP_OFFER, true);
  }

  private static tellProblem(port: u32): void {
    const line = Listener.line.clear().text('cannot listen on UDP port ').unsigned(port);
    line.text(': ').utf8(listenProblem()).log(Level.Warn);
  }
}

function randomPort(): u32 {
  const count = (LAST_PORT - FIRST_PORT) / 2 + 1;
  return FIRST_PORT + 2 * (<u32>(random() >> 16) % count);
}
