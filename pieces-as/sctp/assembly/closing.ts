import { Level, Line, Outcome } from 'funnel-tunnel/as';
import { Above } from './above';
import { Association } from './association';
import { Configuration } from './configuration';
import { AssociationState, ChunkType } from './constants';
import { Control } from './control';

const line: Line = new Line();

/** The closing of associations (RFC 9260 §9). */
export abstract class Closing {
  /** All data is sent: takes the next step of a shutdown, if one is under way. */
  static proceed(association: Association, now: f64, out: Outcome): void {
    if (association.isClosing && association.state == AssociationState.established)
      association.state = AssociationState.shutdownPending;
    if (!association.outgoing.isDone) return;
    if (association.state == AssociationState.shutdownPending) {
      association.state = AssociationState.shutdownSent;
      // RFC 9260 §9.2: after five times RTO.Max the peer counts as gone.
      association.guard = now + 5 * Configuration.rtoMax;
      Control.shutdown(association, out);
      Closing.startTimer(association, now);
    } else if (association.state == AssociationState.shutdownReceived) {
      Closing.answerShutdown(association, now, out);
    }
  }

  /** Sends SHUTDOWN ACK, and waits for its answer. */
  static answerShutdown(association: Association, now: f64, out: Outcome): void {
    association.state = AssociationState.shutdownAckSent;
    if (association.guard == Infinity) association.guard = now + 5 * Configuration.rtoMax;
    Control.bare(association, ChunkType.shutdownAck, out);
    Closing.startTimer(association, now);
  }

  static startTimer(association: Association, now: f64): void {
    association.timer = now + association.current.rto;
  }

  /** Completes the shutdown on this side. */
  static complete(association: Association, out: Outcome): void {
    Above.notice(association, ChunkType.shutdownComplete, out);
    const givenUp = association.outgoing.abandonedMessages;
    if (givenUp > 0) {
      line.clear().text('the association with port ').number(association.peerPort);
      line.text(' was closed; ').number(givenUp).text(' messages were given up').log(Level.Info);
    }
    association.close();
  }

  /** Aborts at once, and informs the peer; the cause has a value of this many bytes. */
  static abort(
    association: Association,
    cause: u32,
    at: usize,
    length: u32,
    why: string,
    out: Outcome,
  ): void {
    if (association.peerTag != 0) Control.cause(association, ChunkType.abort, cause, at, length, out);
    Closing.lose(association, why, out);
  }

  /** Ends the association without a packet to the peer. */
  static lose(association: Association, why: string, out: Outcome): void {
    Above.notice(association, ChunkType.abort, out);
    line.clear().text('the association with port ').number(association.peerPort).text(' of ');
    const remote = association.paths[0].remote;
    if (remote.isIpv6) {
      const at = out.room(16);
      if (at != 0) {
        remote.writeIpv6(at);
        line.ipv6(at);
      }
    } else {
      line.ipv4(<u32>remote.low);
    }
    line.text(' ended: ').text(why);
    const givenUp = association.outgoing.abandonedMessages;
    const lost = association.close();
    if (lost > 0) line.text('; ').number(lost).text(' messages were not delivered');
    if (givenUp > 0) line.text('; ').number(givenUp).text(' messages were given up');
    line.log(Level.Warn);
  }
}
