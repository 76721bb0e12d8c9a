import { Level, log, Outcome, State } from 'funnel-tunnel/as';
import { Carrier } from './carrier';
import { Configuration, Mode } from './configuration';
import { Came, Connection } from './connection';
import { end, Reason } from './reasons';
import { Stream } from './stream';

/**
 * The other side. For messages it is the host of the settings, or the last sender. For a stream it is that of
 * the `Connection`.
 */
export abstract class Link {
  /** When to give up a stream that stands still within a frame. */
  private static stalledAt: f64 = Infinity;

  static start(now: f64): void {
    if (Configuration.mode == Mode.stream) {
      if (Configuration.hasRemote) Connection.openTo(Configuration.remote, now);
      return;
    }
    Connection.local.port = Configuration.port;
    if (!Configuration.hasRemote) return;
    Connection.remote.copy(Configuration.remote);
    Connection.local.isIpv6 = Connection.remote.isIpv6;
    Connection.isOpen = true;
  }

  /** When `run` has something to do. */
  static get next(): f64 {
    return min(Stream.next, Carrier.edge < 0 ? Infinity : min(Connection.next, Link.stalledAt));
  }

  /** Opens and gives up what is due. */
  static run(now: f64, out: Outcome): void {
    Stream.endAbandoned(out);
    if (Carrier.edge < 0) return;
    if (Link.stalledAt <= now) {
      log(Level.Warn, 'the stream stood still within a frame, and is closed');
      Connection.reset(out, now);
      Link.forget();
      Stream.endAbandoned(out);
    }
    Connection.run(now, out);
  }

  /** A message came. Returns whether its sender is the other side. */
  static hears(): bool {
    if (Configuration.hasRemote) return Carrier.source.equals(Connection.remote);
    Connection.isOpen = true;
    Connection.remote.copy(Carrier.source);
    Connection.local.copy(Carrier.destination);
    return true;
  }

  /** A frame of a stream came. */
  static take(now: f64, ticket: u32, out: Outcome): void {
    const came = Connection.take(now, out);
    if (came != Came.bytes) {
      const foreign = Connection.isOpen ? Reason.busy : Reason.notOpen;
      end(out, ticket, came == Came.refused ? Reason.control : foreign);
      return;
    }
    const brokeOff = Connection.hasOpened && Stream.isWithinFrame;
    if (Connection.hasOpened) Stream.reset();
    Stream.take(out, ticket, Carrier.at, Carrier.length);
    Link.stalledAt = Stream.isWithinFrame ? now + Configuration.timeoutMs : Infinity;
    let reason = Stream.reason;
    if (Carrier.length == 0) reason = Reason.control;
    if (brokeOff) reason = Reason.closedWithinFrame;
    if (Connection.isEnding) {
      if (Stream.isWithinFrame) reason = Reason.closedWithinFrame;
      Connection.end(now, out);
      Link.forget();
    }
    if (!Stream.wentOn) end(out, ticket, reason);
    Stream.endAbandoned(out);
  }

  /** Resets a stream that is out of step. */
  static reset(out: Outcome): void {
    Connection.reset(out);
    Link.forget();
    Stream.endAbandoned(out);
  }

  /** The carrier has left, and its connection is lost. */
  static lose(): void {
    if (Configuration.mode != Mode.stream) return;
    Connection.lose();
    Link.forget();
  }

  static state(state: State): void {
    Link.stalledAt = state.instant(Link.stalledAt);
    Connection.state(state);
  }

  /** Drops everything that the stream had begun. */
  private static forget(): void {
    Link.stalledAt = Infinity;
    Stream.reset();
  }
}
