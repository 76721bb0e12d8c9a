import { Level, log, Outcome, State } from 'funnel-tunnel/as';
import { Tcp } from 'funnel-tunnel/as/views/tcp';
import { Carrier } from './carrier';
import { Configuration, Mode } from './configuration';
import { Endpoint } from './endpoint';
import { end, Reason } from './reasons';
import { Stream } from './stream';

/**
 * The time for opening a connection, and the first and the longest delay before a closed connection is opened
 * again.
 */
const OPENING_MS: f64 = 10_000;
const FIRST_RETRY_MS: f64 = 1_000;
const LAST_RETRY_MS: f64 = 30_000;

/**
 * The other side. For messages it is the host of the settings, or the last sender. For a stream it is the one
 * connection, which this side opens by its settings, or which the other side opened.
 */
export abstract class Link {
  static isOpen: bool = false;
  /** Counts openings and closings: another number is another stream. */
  static generation: u32 = 0;
  static readonly local: Endpoint = new Endpoint();
  static readonly remote: Endpoint = new Endpoint();
  private static isOpening: bool = false;
  /** When to open a connection, or to give up opening it; infinity for neither. */
  private static at: f64 = Infinity;
  private static retryMs: f64 = FIRST_RETRY_MS;
  /** When to give up a stream that stands still within a frame. */
  private static stalledAt: f64 = Infinity;

  static start(now: f64): void {
    const isStream = Configuration.mode == Mode.stream;
    Link.local.port = isStream && Configuration.hasRemote ? 0 : Configuration.port;
    if (!Configuration.hasRemote) return;
    Link.remote.copy(Configuration.remote);
    Link.local.isIpv6 = Link.remote.isIpv6;
    if (isStream) Link.at = now;
    else Link.isOpen = true;
  }

  /** When `run` has something to do. */
  static get next(): f64 {
    return min(Stream.next, Carrier.edge < 0 ? Infinity : min(Link.at, Link.stalledAt));
  }

  /** Opens and gives up what is due. */
  static run(now: f64, out: Outcome): void {
    Stream.endAbandoned(out);
    if (Carrier.edge < 0) return;
    if (Link.stalledAt <= now) {
      log(Level.Warn, 'the stream stood still within a frame, and is closed');
      Link.reset(out);
      Link.afterClose(now);
    }
    if (Link.at > now) return;
    if (Link.isOpening) {
      Link.isOpening = false;
      Link.afterClose(now);
      return;
    }
    Link.isOpening = true;
    Link.at = now + OPENING_MS;
    Carrier.send(out, Link.local, Link.remote, Tcp.SYN);
  }

  /** Handles a message. Returns whether its sender is the other side. */
  static hears(): bool {
    if (Configuration.hasRemote) return Carrier.source.equals(Link.remote);
    Link.isOpen = true;
    Link.remote.copy(Carrier.source);
    Link.local.copy(Carrier.destination);
    return true;
  }

  /** Handles a frame of a stream. */
  static take(now: f64, ticket: u32, out: Outcome): void {
    const flags = Carrier.flags;
    if (
      Link.isOpening &&
      (flags & (Tcp.SYN | Tcp.ACK)) == (Tcp.SYN | Tcp.ACK) &&
      Carrier.source.equals(Link.remote)
    )
      Link.open();
    else if (!Configuration.hasRemote && (flags & (Tcp.SYN | Tcp.ACK)) == Tcp.SYN && !Link.isOfAnother)
      Link.open();
    const isOurs = Carrier.source.equals(Link.remote);
    if (!Link.isOpen || !isOurs) {
      // Also for an opening that failed.
      if (Link.isOpening && isOurs && (flags & (Tcp.RST | Tcp.FIN)) != 0) {
        Link.isOpening = false;
        Link.afterClose(now);
        end(out, ticket, Reason.control);
        return;
      }
      end(out, ticket, Link.isOpen ? Reason.busy : Reason.notOpen);
      if ((flags & Tcp.RST) == 0) Carrier.send(out, Carrier.destination, Carrier.source, Tcp.RST | Tcp.ACK);
      return;
    }
    Stream.take(out, ticket, Carrier.at, Carrier.length);
    Link.stalledAt = Stream.isWithinFrame ? now + Configuration.timeoutMs : Infinity;
    let reason = Stream.reason;
    if (Carrier.length == 0) reason = Reason.control;
    if (Link.brokeOff) reason = Reason.closedWithinFrame;
    Link.brokeOff = false;
    if ((flags & (Tcp.FIN | Tcp.RST)) != 0) {
      if (Stream.isWithinFrame) reason = Reason.closedWithinFrame;
      if ((flags & Tcp.RST) == 0) Carrier.send(out, Link.local, Link.remote, Tcp.FIN | Tcp.ACK);
      Link.close();
      Link.afterClose(now);
    }
    if (!Stream.wentOn) end(out, ticket, reason);
    Stream.endAbandoned(out);
  }

  /** Ends a stream that is out of step. */
  static reset(out: Outcome): void {
    Carrier.send(out, Link.local, Link.remote, Tcp.RST | Tcp.ACK);
    Link.close();
    Stream.endAbandoned(out);
    if (Configuration.hasRemote) Link.at = 0;
  }

  /** The carrier has left, and its connection with it. */
  static lose(): void {
    if (Configuration.mode != Mode.stream) return;
    Link.close();
    Link.isOpening = false;
    if (Configuration.hasRemote) Link.at = 0;
  }

  static state(state: State): void {
    Link.isOpen = state.bool(Link.isOpen);
    Link.isOpening = state.bool(Link.isOpening);
    Link.at = state.instant(Link.at);
    Link.stalledAt = state.instant(Link.stalledAt);
    Link.retryMs = state.f64(Link.retryMs);
    Link.stateOf(Link.local, state);
    Link.stateOf(Link.remote, state);
  }

  private static stateOf(endpoint: Endpoint, state: State): void {
    endpoint.isIpv6 = state.bool(endpoint.isIpv6);
    endpoint.high = state.u64(endpoint.high);
    endpoint.low = state.u64(endpoint.low);
    endpoint.port = state.u32(endpoint.port);
  }

  /** There is a connection, and the current frame belongs to another one. */
  private static get isOfAnother(): bool {
    return Link.isOpen && !Carrier.source.equals(Link.remote);
  }

  /** The earlier connection broke off within a frame, before the current one opened. */
  private static brokeOff: bool = false;

  private static open(): void {
    Link.brokeOff = Stream.isWithinFrame;
    Stream.reset();
    Link.generation++;
    Link.isOpen = true;
    Link.isOpening = false;
    Link.at = Infinity;
    Link.retryMs = FIRST_RETRY_MS;
    Link.remote.copy(Carrier.source);
    Link.local.copy(Carrier.destination);
  }

  private static close(): void {
    Link.isOpen = false;
    Link.stalledAt = Infinity;
    // The system chooses the port again.
    if (Configuration.hasRemote) Link.local.port = 0;
    Stream.reset();
    Link.generation++;
  }

  /** The side that opens connections retries, with growing delays. */
  private static afterClose(now: f64): void {
    if (!Configuration.hasRemote) return;
    Link.at = now + Link.retryMs;
    Link.retryMs = min(Link.retryMs * 2, LAST_RETRY_MS);
  }
}
