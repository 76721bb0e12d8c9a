import { Outcome } from 'funnel-tunnel/as';
import { Abandonment } from './abandonment';
import { Association } from './association';
import { Closing } from './closing';
import { Configuration } from './configuration';
import { AssociationState, Cause, ChunkType } from './constants';
import { Control } from './control';
import { Handshake } from './handshake';
import { InitChunks } from './init-chunks';
import { ChunkState } from './outgoing';
import { Path } from './path';
import { ReConfig } from './re-config';
import { Sack } from './sack';
import { Store } from './store';

/** Runs the timers: T1, T2, T3, T5, delayed acknowledgements and heartbeats. */
export abstract class Timers {
  static run(association: Association, now: f64, out: Outcome): void {
    if (association.guard <= now)
      return Closing.abort(association, Cause.userAbort, 0, 0, 'the peer did not let it end', out);
    if (association.isLost) {
      return Closing.abort(
        association,
        Cause.userAbort,
        0,
        0,
        'its state did not fit into that of the piece',
        out,
      );
    }
    if (association.timer <= now) {
      Timers.repeat(association, now, out);
      if (association.state == AssociationState.closed) return;
    }
    if (association.reconfiguration.timer <= now) Timers.repeatRequest(association, now, out);
    if (association.incoming.sackAt <= now) association.incoming.endDelay();
    for (let i = 0; i < association.pathCount; i++) {
      const path = association.paths[i];
      if (path.t3 <= now) Timers.retransmit(association, i);
      if (path.heartbeatAt <= now) Timers.beat(association, i, now, out);
      if (association.errors > Configuration.maxRetransmits)
        return Closing.abort(association, Cause.userAbort, 0, 0, 'the peer does not answer', out);
    }
  }

  /** T1-init, T1-cookie and T2-shutdown: sends the chunk again. */
  private static repeat(association: Association, now: f64, out: Outcome): void {
    const state = association.state;
    const isForming = state <= AssociationState.cookieEchoed;
    const path = association.current;
    const most = isForming ? Configuration.maxInitRetransmits : Configuration.maxRetransmits;
    if (++association.repeats > most) {
      if (isForming) Closing.lose(association, 'the peer does not answer', out);
      else Closing.abort(association, Cause.userAbort, 0, 0, 'the peer does not answer', out);
      return;
    }
    path.backOff();
    if (state == AssociationState.cookieWait) InitChunks.sendInit(association, 0, out);
    else if (state == AssociationState.cookieEchoed) Handshake.sendCookieEcho(association, false, out);
    else if (state == AssociationState.shutdownSent) Control.shutdown(association, out);
    else if (state == AssociationState.shutdownAckSent) Control.bare(association, ChunkType.shutdownAck, out);
    association.timer = now + path.rto;
  }

  /** The Re-configuration Timer (RFC 6525 §5.1.1, §5.2.7 H2). */
  private static repeatRequest(association: Association, now: f64, out: Outcome): void {
    const path = association.current;
    if (!association.reconfiguration.isInProgress) {
      Timers.countError(association, path);
      path.backOff();
    }
    association.reconfiguration.isInProgress = false;
    ReConfig.send(association, now, out);
  }

  /** T3-rtx (RFC 9260 §6.3.3): marks all chunks in flight on the path to be sent again, slowly. */
  private static retransmit(association: Association, index: i32): void {
    const path = association.paths[index];
    const outgoing = association.outgoing;
    path.t3 = Infinity;
    // A peer without a window does answer, with a SACK each time.
    Timers.countError(association, path);
    path.backOff();
    Sack.narrow(path);
    path.cwnd = path.maxDataChunk;
    path.isProbing = true;
    path.isMeasuring = false;
    outgoing.isFastRecovery = false;
    outgoing.isFastDue = false;
    for (let tsn = outgoing.cumulative + 1; tsn != outgoing.next; tsn++) {
      const chunk = Store.chunk(outgoing.at(tsn));
      if (<i32>chunk.path == index && chunk.state == ChunkState.inFlight) outgoing.mark(chunk);
    }
    path.flight = 0;
    Abandonment.advance(outgoing);
    outgoing.isForwardDue = outgoing.isForwardOutstanding;
  }

  /** RFC 9260 §8.3. */
  private static beat(association: Association, index: i32, now: f64, out: Outcome): void {
    const path = association.paths[index];
    if (!association.isOpen) {
      path.heartbeatAt = Infinity;
      return;
    }
    if (path.isAwaitingHeartbeat) {
      path.isAwaitingHeartbeat = false;
      // An address that was never confirmed does not count against the peer (RFC 9260 §5.4).
      if (path.isConfirmed) Timers.countError(association, path);
      else if (++path.errors > Configuration.pathMaxRetransmits) path.isActive = false;
      path.backOff();
    } else if (path.isConfirmed && now < path.usedAt + Configuration.heartbeat) {
      path.heartbeatAt = path.usedAt + Configuration.heartbeat + path.rto;
      return;
    }
    Control.heartbeat(association, index, now, out);
    // Unconfirmed addresses get one heartbeat in each RTO.
    if (path.isConfirmed || !path.isActive) path.scheduleHeartbeat(now);
    else path.heartbeatAt = now + path.rto;
  }

  /** RFC 9260 §8.1, §8.2. */
  private static countError(association: Association, path: Path): void {
    association.errors++;
    if (++path.errors > Configuration.pathMaxRetransmits) path.isActive = false;
  }
}
