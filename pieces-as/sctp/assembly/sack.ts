import { load16, load32 } from 'funnel-tunnel/as/views/bytes';
import { Abandonment } from './abandonment';
import { Association } from './association';
import { isBefore, MISSES } from './constants';
import { ChunkState, NO_MORE_FAST, Outgoing, wireBytes } from './outgoing';
import { Path } from './path';
import { Reason } from './reasons';
import { Chunk, Store } from './store';

/**
 * The most chunks that the SACKs of one call may inspect. SACKs beyond it are dropped, as a network might do.
 */
const MOST_WORK: i32 = 100_000;

/** Processes acknowledgements (RFC 9260 §6.2.1, §6.3.2, §7.2). */
export abstract class Sack {
  private static workLeft: i32 = MOST_WORK;
  private static highestNew: u32 = 0;
  private static isAnyNew: bool = false;

  /** Starts a call. */
  static begin(): void {
    Sack.workLeft = MOST_WORK;
  }

  /** Takes a SACK by the address of its value. Returns the reason for its end. */
  static take(association: Association, at: usize, length: u32, now: f64): i32 {
    if (length < 12) return Reason.badChunk;
    const gaps = load16(at + 8);
    const duplicates = load16(at + 10);
    if (12 + 4 * (gaps + duplicates) != length) return Reason.badChunk;
    const cumulative = load32(at);
    const outgoing = association.outgoing;
    if (isBefore(cumulative, outgoing.cumulative)) return Reason.duplicate;
    if (!isBefore(cumulative, outgoing.next)) return Reason.violation;
    const last = outgoing.next - 1 - cumulative;
    let before: u32 = 0;
    for (let i: u32 = 0; i < gaps; i++) {
      const start = load16(at + 12 + 4 * i);
      const end = load16(at + 14 + 4 * i);
      // Blocks ascend, do not touch the cumulative TSN, and acknowledge only chunks that were sent.
      if (start <= before || start < 2 || end < start || end > last) return Reason.badSack;
      before = end;
    }
    const work = <i32>(outgoing.next - outgoing.cumulative);
    if ((gaps > 0 || outgoing.gapAcked > 0) && work > Sack.workLeft) return Reason.badSack;
    Sack.open(association);
    const isAdvanced = Sack.acknowledge(association, cumulative, now);
    if (gaps > 0 || outgoing.gapAcked > 0) {
      Sack.workLeft -= work;
      Sack.takeGaps(association, at + 12, gaps, now);
      Sack.countMisses(association, cumulative + before, isAdvanced);
    }
    Sack.close(association, isAdvanced, now);
    Abandonment.afterSack(association, now);
    const window = load32(at + 4);
    outgoing.peerWindow = window > outgoing.flight ? window - outgoing.flight : 0;
    // A peer that reports a closed window is alive (RFC 9260 §6.1 A).
    if (window == 0) association.errors = 0;
    outgoing.bursts++;
    return Reason.acknowledgement;
  }

  /** Takes the cumulative TSN of a SHUTDOWN, which revokes no Gap Ack Blocks (RFC 9260 §3.3.8). */
  static takeCumulative(association: Association, cumulative: u32, now: f64): i32 {
    const outgoing = association.outgoing;
    if (isBefore(cumulative, outgoing.cumulative)) return Reason.closing;
    if (!isBefore(cumulative, outgoing.next)) return Reason.violation;
    Sack.open(association);
    const isAdvanced = Sack.acknowledge(association, cumulative, now);
    Sack.close(association, isAdvanced, now);
    Abandonment.afterSack(association, now);
    return Reason.closing;
  }

  private static open(association: Association): void {
    Sack.isAnyNew = false;
    for (let i = 0; i < association.pathCount; i++) {
      const path = association.paths[i];
      path.flightBefore = path.flight;
      path.acked = 0;
      path.isEarliestAcked = false;
      path.hasLoss = false;
    }
  }

  /** Acknowledges all chunks up to a TSN. Returns whether that is news. */
  private static acknowledge(association: Association, cumulative: u32, now: f64): bool {
    const outgoing = association.outgoing;
    const isAdvanced = isBefore(outgoing.cumulative, cumulative);
    while (outgoing.cumulative != cumulative) {
      const chunk = Store.chunk(outgoing.at(outgoing.cumulative + 1));
      if (chunk.state == ChunkState.gapAcked) outgoing.gapAcked--;
      else if (chunk.state != ChunkState.abandoned) Sack.arrived(association, chunk, now);
      else Sack.followed(association, chunk);
      outgoing.release();
    }
    if (outgoing.isFastRecovery && !isBefore(outgoing.cumulative, outgoing.fastRecoveryExit))
      outgoing.isFastRecovery = false;
    return isAdvanced;
  }

  /** The peer followed a FORWARD TSN over an abandoned chunk, so it is alive; no window grows by it. */
  private static followed(association: Association, chunk: Chunk): void {
    const path = association.paths[chunk.path];
    if (chunk.tsn == path.earliest) path.isEarliestAcked = true;
    path.isProbing = false;
    association.errors = 0;
  }

  /** Records the first acknowledgement of a chunk. */
  private static arrived(association: Association, chunk: Chunk, now: f64): void {
    const outgoing = association.outgoing;
    const path = association.paths[chunk.path];
    if (chunk.state == ChunkState.inFlight) {
      outgoing.flight -= chunk.length;
      path.flight -= wireBytes(chunk);
    } else {
      outgoing.marked--;
    }
    path.acked += wireBytes(chunk);
    if (chunk.tsn == path.earliest) path.isEarliestAcked = true;
    if (path.isMeasuring && path.measuredTsn == chunk.tsn) {
      path.isMeasuring = false;
      // Karn: a chunk that was sent twice measures nothing (RFC 9260 §6.3.1 C5).
      if (chunk.transmissions == 1) path.measure(now - chunk.sentAt);
    }
    if (!Sack.isAnyNew || isBefore(Sack.highestNew, chunk.tsn)) Sack.highestNew = chunk.tsn;
    Sack.isAnyNew = true;
    path.prove();
    path.isProbing = false;
    association.errors = 0;
  }

  /** Acknowledges the chunks in the blocks, and revokes that for chunks that were in earlier blocks only. */
  private static takeGaps(association: Association, at: usize, gaps: u32, now: f64): void {
    const outgoing = association.outgoing;
    let tsn = outgoing.cumulative + 1;
    const base = outgoing.cumulative;
    for (let i: u32 = 0; i <= gaps; i++) {
      const start = i < gaps ? base + load16(at + 4 * i) : outgoing.next;
      for (; tsn != start; tsn++) {
        const chunk = Store.chunk(outgoing.at(tsn));
        if (chunk.state == ChunkState.gapAcked) Sack.takeBack(association, chunk, now);
      }
      if (i == gaps) break;
      const behind = base + load16(at + 4 * i + 2) + 1;
      for (; tsn != behind; tsn++) {
        const chunk = Store.chunk(outgoing.at(tsn));
        if (chunk.state == ChunkState.gapAcked || chunk.state == ChunkState.abandoned) continue;
        Sack.arrived(association, chunk, now);
        chunk.state = <u8>ChunkState.gapAcked;
        outgoing.gapAcked++;
      }
    }
  }

  /**
   * The peer dropped a chunk that it had acknowledged (RFC 9260 §6.2.1 iv): it counts as in flight, like one
   * that has just been sent.
   */
  private static takeBack(association: Association, chunk: Chunk, now: f64): void {
    const path = association.paths[chunk.path];
    chunk.state = <u8>ChunkState.inFlight;
    association.outgoing.gapAcked--;
    association.outgoing.flight += chunk.length;
    path.flight += wireBytes(chunk);
    if (path.t3 == Infinity) path.t3 = now + path.rto;
    if (path.flightBefore == 0 || isBefore(chunk.tsn, path.earliest)) path.earliest = chunk.tsn;
  }

  /**
   * HTNA: counts a miss for each unacknowledged chunk below the highest newly acknowledged TSN (RFC 9260
   * §7.2.4).
   */
  private static countMisses(association: Association, highestGap: u32, isAdvanced: bool): void {
    const outgoing = association.outgoing;
    if (!Sack.isAnyNew) return;
    const isAll = outgoing.isFastRecovery && isAdvanced;
    const end = isAll ? highestGap : Sack.highestNew;
    let isAnyMarked = false;
    for (let tsn = outgoing.cumulative + 1; isBefore(tsn, end); tsn++) {
      const chunk = Store.chunk(outgoing.at(tsn));
      if (chunk.state != ChunkState.inFlight || chunk.misses == NO_MORE_FAST) continue;
      if (++chunk.misses < <u8>MISSES) continue;
      chunk.misses = NO_MORE_FAST;
      const path = association.paths[chunk.path];
      path.flight -= wireBytes(chunk);
      path.hasLoss = true;
      outgoing.mark(chunk);
      isAnyMarked = true;
    }
    if (isAnyMarked) outgoing.isFastDue = true;
  }

  private static close(association: Association, isAdvanced: bool, now: f64): void {
    const outgoing = association.outgoing;
    let hasLoss = false;
    for (let i = 0; i < association.pathCount; i++) {
      const path = association.paths[i];
      if (path.acked > 0 && isAdvanced && !outgoing.isFastRecovery) Sack.widen(path, outgoing);
      hasLoss = hasLoss || path.hasLoss;
      if (path.acked > 0) path.noteProgress(now);
      if (path.flight == 0) {
        // The timer of a FORWARD TSN runs on until the peer follows (RFC 3758 §3.5 C5).
        if (isAdvanced || !outgoing.isForwardOutstanding) path.t3 = Infinity;
      } else if (path.isEarliestAcked || isBefore(path.earliest, outgoing.cumulative + 1)) {
        path.t3 = now + path.rto;
        path.earliest = Sack.earliestOn(outgoing, i);
      }
    }
    if (!hasLoss || outgoing.isFastRecovery) return;
    outgoing.isFastRecovery = true;
    outgoing.fastRecoveryExit = outgoing.next - 1;
    for (let i = 0; i < association.pathCount; i++) {
      const path = association.paths[i];
      if (path.hasLoss) Sack.narrow(path);
    }
  }

  /** Enlarges the congestion window: slow start and congestion avoidance (RFC 9260 §7.2.1, §7.2.2). */
  private static widen(path: Path, outgoing: Outgoing): void {
    const most = path.maxDataChunk;
    if (path.cwnd <= path.ssthresh) {
      if (path.flightBefore >= path.cwnd) path.cwnd += min(path.acked, most);
    } else {
      path.partialBytesAcked += path.acked;
      if (path.partialBytesAcked >= path.cwnd) {
        if (path.flightBefore >= path.cwnd) {
          path.partialBytesAcked -= path.cwnd;
          path.cwnd += most;
        } else {
          path.partialBytesAcked = path.cwnd;
        }
      }
    }
    if (!outgoing.isOutstanding) path.partialBytesAcked = 0;
  }

  /** Halves the congestion window (RFC 9260 §7.2.3). */
  static narrow(path: Path): void {
    path.ssthresh = max(path.cwnd / 2, 4 * path.maxDataChunk);
    path.cwnd = path.ssthresh;
    path.partialBytesAcked = 0;
  }

  private static earliestOn(outgoing: Outgoing, index: i32): u32 {
    for (let tsn = outgoing.cumulative + 1; tsn != outgoing.next; tsn++) {
      const chunk = Store.chunk(outgoing.at(tsn));
      if (chunk.state == ChunkState.inFlight && <i32>chunk.path == index) return tsn;
    }
    return outgoing.next;
  }
}
