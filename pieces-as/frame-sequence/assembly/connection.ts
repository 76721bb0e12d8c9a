import { Outcome, State } from 'funnel-tunnel/as';
import { Tcp } from 'funnel-tunnel/as/views/tcp';
import { Carrier } from './carrier';
import { Endpoint } from './endpoint';

/**
 * The time for opening a connection, and the first and the longest delay before a closed connection is opened
 * again.
 */
const OPENING_MS: f64 = 10_000;
const FIRST_RETRY_MS: f64 = 1_000;
const LAST_RETRY_MS: f64 = 30_000;

/** The meaning of a frame of a stream. */
export const enum Came {
  /** It belongs to the connection; its bytes may be none. */
  bytes,
  /** A connection that was to be opened was refused. */
  refused,
  /** It belongs to no connection; a reset answers it. */
  foreign,
}

/**
 * The one connection of a piece over a stream, which this side opens again and again, or which another host
 * opens. The flags of TCP headers report its state, as the endpoints of streams do: SYN opens, SYN with ACK
 * accepts, FIN ends a direction, RST ends both.
 */
export abstract class Connection {
  static isOpen: bool = false;
  /** Counts openings and closings: another number is another stream. */
  static generation: u32 = 0;
  static readonly local: Endpoint = new Endpoint();
  static readonly remote: Endpoint = new Endpoint();
  /** After `take`: the frame opened the connection. */
  static hasOpened: bool = false;
  /** After `take`: no more bytes follow these; call `end` behind them. */
  static isEnding: bool = false;

  private static opens: bool = false;
  private static isOpening: bool = false;
  /** When to open the connection, or to give up opening it; infinity for neither. */
  private static at: f64 = Infinity;
  private static retryMs: f64 = FIRST_RETRY_MS;

  /** This side opens the connection to `remote`, now and whenever it has ended. */
  static openTo(remote: Endpoint, now: f64): void {
    Connection.opens = true;
    Connection.remote.copy(remote);
    Connection.local.isIpv6 = remote.isIpv6;
    Connection.local.port = 0;
    Connection.at = now;
  }

  /** When `run` has something to do. */
  static get next(): f64 {
    return Connection.at;
  }

  /** Opens the connection, or gives it up, if that is due. The carrier must be joined. */
  static run(now: f64, out: Outcome): void {
    if (Connection.at > now) return;
    if (Connection.isOpening) {
      Connection.isOpening = false;
      Connection.openLater(now);
      return;
    }
    Connection.isOpening = true;
    Connection.at = now + OPENING_MS;
    Carrier.send(out, Connection.local, Connection.remote, Tcp.SYN);
  }

  /** Takes the frame that `Carrier.read` has read. */
  static take(now: f64, out: Outcome): Came {
    const flags = Carrier.flags;
    const isRemote = Carrier.source.equals(Connection.remote);
    Connection.hasOpened = false;
    Connection.isEnding = false;
    const handshake = flags & (Tcp.SYN | Tcp.ACK);
    if (Connection.isOpening && handshake == (Tcp.SYN | Tcp.ACK) && isRemote) Connection.open();
    else if (!Connection.opens && handshake == Tcp.SYN && (!Connection.isOpen || isRemote)) Connection.open();
    if (Connection.isOpen && Carrier.source.equals(Connection.remote)) {
      Connection.isEnding = (flags & (Tcp.FIN | Tcp.RST)) != 0;
      return Came.bytes;
    }
    if (Connection.isOpening && isRemote && (flags & (Tcp.RST | Tcp.FIN)) != 0) {
      Connection.isOpening = false;
      Connection.openLater(now);
      return Came.refused;
    }
    if ((flags & Tcp.RST) == 0) Carrier.send(out, Carrier.destination, Carrier.source, Tcp.RST | Tcp.ACK);
    return Came.foreign;
  }

  /** Ends the connection as the other side did by the frame that was taken last. */
  static end(now: f64, out: Outcome): void {
    if ((Carrier.flags & Tcp.RST) == 0)
      Carrier.send(out, Connection.local, Connection.remote, Tcp.FIN | Tcp.ACK);
    Connection.close();
    Connection.openLater(now);
  }

  /** Resets the connection. It is opened again at once, or where `now` is given, after a while. */
  static reset(out: Outcome, now: f64 = -1): void {
    Carrier.send(out, Connection.local, Connection.remote, Tcp.RST | Tcp.ACK);
    Connection.close();
    if (now >= 0) Connection.openLater(now);
    else if (Connection.opens) Connection.at = 0;
  }

  /** Forgets the connection: the carrier is gone. */
  static lose(): void {
    Connection.close();
    Connection.isOpening = false;
    if (Connection.opens) Connection.at = 0;
  }

  static state(state: State): void {
    Connection.isOpen = state.bool(Connection.isOpen);
    Connection.isOpening = state.bool(Connection.isOpening);
    Connection.at = state.instant(Connection.at);
    Connection.retryMs = state.f64(Connection.retryMs);
    Connection.stateOf(Connection.local, state);
    Connection.stateOf(Connection.remote, state);
  }

  private static stateOf(endpoint: Endpoint, state: State): void {
    endpoint.isIpv6 = state.bool(endpoint.isIpv6);
    endpoint.high = state.u64(endpoint.high);
    endpoint.low = state.u64(endpoint.low);
    endpoint.port = state.u32(endpoint.port);
  }

  private static open(): void {
    Connection.hasOpened = true;
    Connection.generation++;
    Connection.isOpen = true;
    Connection.isOpening = false;
    Connection.at = Infinity;
    Connection.retryMs = FIRST_RETRY_MS;
    Connection.remote.copy(Carrier.source);
    Connection.local.copy(Carrier.destination);
  }

  private static close(): void {
    Connection.isOpen = false;
    // The system chooses the port anew.
    if (Connection.opens) Connection.local.port = 0;
    Connection.generation++;
  }

  private static openLater(now: f64): void {
    if (!Connection.opens) return;
    Connection.at = now + Connection.retryMs;
    Connection.retryMs = min(Connection.retryMs * 2, LAST_RETRY_MS);
  }
}
