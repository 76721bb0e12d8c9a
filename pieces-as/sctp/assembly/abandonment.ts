import { Association } from './association';
import { BEHIND_RESET, FIRST_FRAGMENT, isBefore, LAST_FRAGMENT, UNORDERED } from './constants';
import { ChunkState, Outgoing, wireBytes } from './outgoing';
import { Reliability } from './reliability';
import { Chunk, Store } from './store';

/** Messages are reviewed no more often than this, so that many with different limits cost little. */
const REVIEW_MS: f64 = 10;

/** Gives up messages whose limit has passed (RFC 3758 §3.5, RFC 7496). */
export abstract class Abandonment {
  /** Gives up what waits, or must be sent again, beyond its limit. */
  static review(association: Association, now: f64): void {
    const outgoing = association.outgoing;
    if (!outgoing.hasNewMarks && outgoing.reviewAt > now) return;
    outgoing.hasNewMarks = false;
    outgoing.reviewAt = Infinity;
    Abandonment.reviewMarked(association, now);
    Abandonment.reviewWaiting(association, now);
    outgoing.reviewAt = max(outgoing.reviewAt, now + REVIEW_MS);
  }

  private static reviewMarked(association: Association, now: f64): void {
    const outgoing = association.outgoing;
    if (outgoing.marked == 0 || !association.isPartial) return;
    let left = outgoing.marked;
    let tsn = outgoing.markedFrom;
    if (!isBefore(outgoing.cumulative, tsn)) tsn = outgoing.cumulative + 1;
    for (; left > 0 && tsn != outgoing.next; tsn++) {
      const chunk = Store.chunk(outgoing.at(tsn));
      if (chunk.state != ChunkState.marked) continue;
      left--;
      if (!Reliability.isOver(chunk, now)) outgoing.reviewAt = min(outgoing.reviewAt, chunk.expiresAt);
      else if (!Abandonment.giveUp(association, tsn)) outgoing.reviewAt = now;
    }
  }

  private static reviewWaiting(association: Association, now: f64): void {
    const queue = association.outgoing.queue;
    let sid = queue.firstStream;
    while (sid >= 0) {
      const after = queue.streamAfter(sid);
      // A stream that waits for its reset has left the turns. It is reviewed when the reset is over.
      while (!queue.isHeld(sid) && Reliability.isOver(Store.chunk(queue.headOf(sid)), now))
        if (!Abandonment.giveUpFirst(association, sid)) break;
      const head = queue.isHeld(sid) ? 0 : queue.headOf(sid);
      if (head != 0) {
        const expiresAt = Store.chunk(head).expiresAt;
        association.outgoing.reviewAt = min(association.outgoing.reviewAt, expiresAt);
      }
      sid = after;
    }
  }

  /**
   * Makes room for a message of this many bytes by giving up waiting ones of a lower priority (RFC 7496
   * §3.2). False if there is not enough of them; then all remain.
   */
  static makeRoom(association: Association, length: u32, most: u32, priority: u32): bool {
    const outgoing = association.outgoing;
    const queue = outgoing.queue;
    let found: u32 = 0;
    for (let sid = queue.firstStream; sid >= 0; sid = queue.streamAfter(sid))
      if (Reliability.priorityOf(sid) > priority) found += waitingBlocks(queue.headOf(sid));
    if (!outgoing.wouldHaveRoomFor(length, most, found)) return false;
    while (!outgoing.hasRoomFor(length, most)) {
      let lowest = -1;
      for (let sid = queue.firstStream; sid >= 0; sid = queue.streamAfter(sid)) {
        const place = Reliability.priorityOf(sid);
        if (place <= priority || waitingBlocks(queue.headOf(sid)) == 0) continue;
        if (lowest < 0 || place > Reliability.priorityOf(lowest)) lowest = sid;
      }
      if (lowest < 0 || !Abandonment.giveUpFirst(association, lowest)) return false;
    }
    return true;
  }

  /** Gives up the first waiting message of a stream. False if that is not possible now. */
  private static giveUpFirst(association: Association, sid: i32): bool {
    const outgoing = association.outgoing;
    const queue = outgoing.queue;
    if (!queue.hasBegun(sid)) {
      Abandonment.drop(outgoing, sid, false);
      outgoing.abandonedMessages++;
      return true;
    }
    if (!association.isPartial || !outgoing.hasTsn) return false;
    Abandonment.drop(outgoing, sid, true);
    return Abandonment.giveUp(association, outgoing.next - 1);
  }

  /**
   * Gives up the message of a TSN with all its fragments (RFC 3758 §3.5 A3). The last one gets a TSN, too, so
   * that the peer drops what it has. False if there is no TSN for it.
   */
  private static giveUp(association: Association, tsn: u32): bool {
    const outgoing = association.outgoing;
    if (outgoing.isInterleaved) return Abandonment.giveUpScattered(association, tsn);
    let last = tsn;
    while ((flagsAt(outgoing, last) & LAST_FRAGMENT) == 0 && last + 1 != outgoing.next) last++;
    const sid = <i32>Store.chunk(outgoing.at(last)).sid;
    if ((flagsAt(outgoing, last) & LAST_FRAGMENT) == 0) {
      if (!outgoing.hasTsn) return false;
      Abandonment.drop(outgoing, sid, true);
    }
    let first = tsn;
    while ((flagsAt(outgoing, first) & FIRST_FRAGMENT) == 0 && isBefore(outgoing.cumulative, first - 1))
      first--;
    for (let each = first; each != last + 1; each++) Abandonment.empty(association, each);
    Abandonment.noteGivenUp(outgoing);
    return true;
  }

  /** The same for a message whose fragments lie between those of others (RFC 8260). */
  private static giveUpScattered(association: Association, tsn: u32): bool {
    const outgoing = association.outgoing;
    const one = Store.chunk(outgoing.at(tsn));
    const head = outgoing.queue.headOf(one.sid);
    if (head != 0 && outgoing.isSameMessage(one, head)) {
      if (!outgoing.hasTsn) return false;
      Abandonment.drop(outgoing, one.sid, true);
    }
    for (let each = outgoing.cumulative + 1; each != outgoing.next; each++) {
      const chunk = Store.chunk(outgoing.at(each));
      const isOther = chunk.sid != one.sid || chunk.mid != one.mid;
      if (isOther || ((chunk.flags ^ one.flags) & <u8>UNORDERED) != 0) continue;
      Abandonment.empty(association, each);
    }
    Abandonment.noteGivenUp(outgoing);
    return true;
  }

  private static noteGivenUp(outgoing: Outgoing): void {
    outgoing.abandonedMessages++;
    Abandonment.advance(outgoing);
    if (outgoing.isForwardOutstanding) outgoing.isForwardDue = true;
  }

  /** Removes the rest of the first message of a stream from the queue. Its last chunk may get a TSN. */
  private static drop(outgoing: Outgoing, sid: i32, hasTsn: bool): void {
    while (true) {
      const number = outgoing.queue.drop(sid, hasTsn);
      const isLast = (Store.chunk(number).flags & <u8>LAST_FRAGMENT) != 0;
      if (isLast && hasTsn) {
        const chunk = outgoing.number(number);
        chunk.state = <u8>ChunkState.abandoned;
        outgoing.used -= Store.blocksFor(chunk.length) - 1;
        Store.empty(number);
        return;
      }
      outgoing.used -= Store.blocksFor(Store.chunk(number).length);
      Store.free(number);
      if (isLast) return;
    }
  }

  private static empty(association: Association, tsn: u32): void {
    const outgoing = association.outgoing;
    const number = outgoing.at(tsn);
    const chunk = Store.chunk(number);
    if (chunk.state == ChunkState.inFlight) {
      const path = association.paths[chunk.path];
      path.flight -= wireBytes(chunk);
      outgoing.flight -= chunk.length;
      outgoing.peerWindow += chunk.length;
      path.isMeasuring = path.isMeasuring && path.measuredTsn != tsn;
    } else if (chunk.state == ChunkState.marked) {
      outgoing.marked--;
    } else if (chunk.state == ChunkState.gapAcked) {
      outgoing.gapAcked--;
    }
    chunk.state = <u8>ChunkState.abandoned;
    outgoing.used -= Store.blocksFor(chunk.length) - 1;
    Store.empty(number);
  }

  /** Moves the point that the peer may advance to over all abandoned chunks (RFC 3758 §3.5 C1, C2). */
  static advance(outgoing: Outgoing): void {
    if (isBefore(outgoing.advanced, outgoing.cumulative)) outgoing.advanced = outgoing.cumulative;
    while (outgoing.advanced + 1 != outgoing.next) {
      const chunk = Store.chunk(outgoing.at(outgoing.advanced + 1));
      if (chunk.state != ChunkState.abandoned) return;
      outgoing.advanced++;
    }
  }

  /** A SACK came (RFC 3758 §3.5 C1 to C3). A repetition waits for the second one. */
  static afterSack(association: Association, now: f64): void {
    const outgoing = association.outgoing;
    Abandonment.advance(outgoing);
    if (!outgoing.isForwardOutstanding) {
      outgoing.isForwardDue = false;
      return;
    }
    outgoing.isForwardDue =
      outgoing.isForwardDue || outgoing.advanced != outgoing.forwarded || outgoing.hasIgnoredForward;
    outgoing.hasIgnoredForward = true;
    Abandonment.keepTimer(association, now);
  }

  /** A timer runs as long as the peer has not followed a FORWARD TSN (RFC 3758 §3.5 C5). */
  static keepTimer(association: Association, now: f64): void {
    for (let i = 0; i < association.pathCount; i++) if (association.paths[i].t3 != Infinity) return;
    const path = association.current;
    path.t3 = now + path.rto;
    path.earliest = association.outgoing.advanced;
  }
}

function flagsAt(outgoing: Outgoing, tsn: u32): u32 {
  return Store.chunk(outgoing.at(tsn)).flags;
}

/** The blocks of the messages of a stream that have not begun, and wait for no reset. */
function waitingBlocks(number: u32): u32 {
  let blocks: u32 = 0;
  let hasBegun = false;
  for (; number != 0; number = Store.chunk(number).link) {
    const chunk: Chunk = Store.chunk(number);
    if ((chunk.flags & <u8>BEHIND_RESET) != 0) break;
    hasBegun = hasBegun || (chunk.flags & <u8>FIRST_FRAGMENT) != 0;
    if (hasBegun) blocks += Store.blocksFor(chunk.length);
  }
  return blocks;
}
