import { Frame, Outcome, Part, PartMarks, Role } from 'funnel-tunnel/as';
import { load32, store16, store32 } from 'funnel-tunnel/as/views/bytes';
import { Tcp } from 'funnel-tunnel/as/views/tcp';
import { Carrier } from './carrier';
import { Configuration, Mode } from './configuration';
import { Connection } from './connection';
import { Delivery } from './delivery';
import { Link } from './link';
import { Passages } from './passages';
import { end, Reason } from './reasons';
import { FIRST, LAST, MORE_HEADER, RELIABLE_HEADER, UNRELIABLE_HEADER, VERSION } from './segment';
import { Waiting } from './waiting';

/**
 * The most bytes of a stream in one frame of the carrier: less than the largest frame, to leave room for
 * headers.
 */
const STREAM_SEGMENT: u32 = 65_000;
/** The parts of a frame of the carrier, besides its two headers and ours. */
const MOST_PARTS: i32 = 29;

/**
 * Sends frames on the carrier, whole, or in as many segments as they need. Withheld bytes stay with the host.
 *
 * An unreliable carrier takes several frames in fragments side by side. On other carriers one is under way,
 * and all others wait.
 */
export abstract class Sender {
  /** The ticket of the frame that is under way; 0 if there is none, and always on an unreliable carrier. */
  private static current: u32 = 0;
  /** The stream on which it began. */
  private static generation: u32 = 0;
  private static now: f64 = 0;
  /** The frames that wait go on in the next call. */
  private static isBlocked: bool = false;
  private static sentInCall: bool = false;
  private static isCarrierFull: bool = false;

  // The reading position in the current frame.
  private static frame: Frame = changetype<Frame>(0);
  private static part: i32 = 0;
  private static within: u32 = 0;
  private static last: i32 = 0;

  static start(): void {
    if (Configuration.mode != Mode.unreliable) Waiting.start();
  }

  /** When `run` has something to do. */
  static get next(): f64 {
    return Sender.isBlocked ? 0 : Passages.next;
  }

  /** Starts a call. */
  static begin(now: f64, isCarrierFull: bool): void {
    Sender.now = now;
    Sender.sentInCall = false;
    Sender.isCarrierFull = isCarrierFull;
  }

  /**
   * Ends a call: gives up frames without fragments for too long, and sends frames that wait.
   */
  static finish(out: Outcome): void {
    const now = Sender.now;
    Sender.checkStream(out);
    for (let place = Passages.late(now); place >= 0; place = Passages.late(now)) {
      Sender.lose(place, Passages.ticketAt(place), Reason.timedOut, out);
    }
    Sender.passWaiting(out);
  }

  static take(frame: Frame, out: Outcome): void {
    const ticket = frame.ticket;
    // The current frame may have ended by that.
    if (Sender.checkStream(out) == ticket) return;
    if (Sender.hasToWait(ticket)) {
      if (Waiting.add(frame)) return;
      Waiting.forget(ticket);
      Sender.lose(
        Sender.current == ticket ? Passages.find(ticket) : Passages.whole,
        ticket,
        Reason.busy,
        out,
      );
    } else {
      Sender.send(frame, out);
    }
    Sender.passWaiting(out);
  }

  /** A new stream drops a frame that was under way. Returns its ticket, or 0. */
  private static checkStream(out: Outcome): u32 {
    const ticket = Sender.current;
    if (ticket == 0 || Sender.generation == Connection.generation) return 0;
    Sender.lose(Passages.find(ticket), ticket, Reason.notConnected, out);
    return ticket;
  }

  private static hasToWait(ticket: u32): bool {
    if (Sender.current != ticket) return Sender.current != 0 || Waiting.count > 0;
    return Waiting.has(ticket);
  }

  /** Sends frames that wait as far as there is room. */
  private static passWaiting(out: Outcome): void {
    Sender.isBlocked = false;
    let i = 0;
    while (i < Waiting.count && !Sender.isCarrierFull) {
      if (Sender.current != 0 && Sender.current != Waiting.ticketAt(i)) {
        i++;
        continue;
      }
      const frame = Waiting.restore(i, out);
      if (frame === null || (Sender.sentInCall && !Sender.fits(frame, <u32>frame.lengthFrom(0), out))) {
        Sender.isBlocked = true;
        return;
      }
      Waiting.remove(i);
      Sender.send(frame, out);
      i = 0;
    }
  }

  private static send(frame: Frame, out: Outcome): void {
    const hasMore = frame.hasMore;
    const first = <i32>frame.skipHeaders;
    const last = <i32>frame.partCount - <i32>frame.skipTrailers;
    let place = Passages.whole;
    if (frame.isContinued) {
      place = Passages.find(frame.ticket);
      if (place < 0) {
        end(out, frame.ticket, Reason.brokenOff);
        return;
      }
    } else if (hasMore) {
      place = Passages.open(frame.ticket);
      if (Passages.evicted != 0) end(out, Passages.evicted, Reason.tooManyUnderWay);
    }
    Sender.frame = frame;
    Sender.part = first;
    Sender.within = 0;
    Sender.last = last;
    let reason = -1;
    if (!frame.isContinued) {
      const isAnnounced = hasMore && first < last && isAnnouncement(frame.part(first));
      const total = !hasMore
        ? <u64>frame.lengthFrom(first)
        : isAnnounced
          ? <u64>load32(frame.part(first).bytes)
          : 0;
      if (isAnnounced) Sender.part++;
      Passages.begin(place, total, !hasMore || isAnnounced);
      reason = Sender.checkBeginning(place);
    }
    const length = <u32>frame.lengthFrom(Sender.part);
    if (reason < 0) reason = Sender.check(place, length, hasMore, out);
    if (reason >= 0) {
      Sender.lose(place, frame.ticket, reason, out);
      return;
    }
    Sender.sentInCall = true;
    // A fragment without bytes must not begin the frame, because the next one would begin it again.
    if (length > 0 || !hasMore) Sender.sendSegments(frame, place, length, hasMore, out);
    if (place == Passages.whole || Passages.ticketAt(place) != frame.ticket) return;
    if (hasMore) Passages.expect(place, Sender.now + Configuration.timeoutMs);
    else Passages.close(place);
    if (Configuration.mode == Mode.unreliable) return;
    Sender.current = hasMore ? frame.ticket : 0;
    Sender.generation = Connection.generation;
  }

  /** The reason for which a frame cannot go out, whatever its bytes; or -1. */
  private static checkBeginning(place: i32): i32 {
    if (Carrier.edge < 0) return Reason.notJoined;
    if (!Connection.isOpen) return Reason.notConnected;
    if (Passages.total[place] > Configuration.maxFrame) return Reason.tooLarge;
    return !Passages.isTotalKnown[place] && Configuration.mode == Mode.stream ? Reason.lengthUnknown : -1;
  }

  /** The reason for which these bytes of the frame cannot go out, or -1. */
  private static check(place: i32, length: u32, hasMore: bool, out: Outcome): i32 {
    const after = Passages.sent[place] + length;
    const total = Passages.total[place];
    if (Passages.isTotalKnown[place]) {
      if (after > total || (!hasMore && after != total)) return Reason.lengthWrong;
    } else if (after > Configuration.maxFrame) {
      return Reason.tooLarge;
    }
    if (!Sender.fits(Sender.frame, length, out)) return Reason.tooMany;
    return Sender.hasUnfinished && !Sender.isWhole(place, length) ? Reason.unfinished : -1;
  }

  /**
   * Whether the outcome has room: for two headers and ours in each segment, for each part once, and once more
   * if it is cut.
   */
  private static fits(frame: Frame, length: u32, out: Outcome): bool {
    const parts = <i32>frame.partCount;
    const segments = <i32>(length / Sender.mostInSegment) + 1 + parts / MOST_PARTS;
    return out.framesLeft >= segments && out.partsLeft >= segments * 4 + parts;
  }

  /** Ends a frame. If a stream has sent part of it, the stream is out of step, and ends. */
  private static lose(place: i32, ticket: u32, reason: i32, out: Outcome): void {
    end(out, ticket, reason);
    Sender.breakOff(place, ticket, out);
  }

  private static breakOff(place: i32, ticket: u32, out: Outcome): void {
    const isUnderWay = place != Passages.whole;
    const isBegun =
      isUnderWay &&
      Passages.sent[place] > 0 &&
      Sender.current == ticket &&
      Sender.generation == Connection.generation;
    if (isBegun && Configuration.mode == Mode.stream) Link.reset(out);
    if (isUnderWay) Passages.close(place);
    if (Sender.current == ticket) Sender.current = 0;
    Waiting.forget(ticket);
  }

  private static get mostInSegment(): u32 {
    return Configuration.mode == Mode.stream
      ? STREAM_SEGMENT - 4
      : Configuration.maxSegment - UNRELIABLE_HEADER - MORE_HEADER;
  }

  private static get hasUnfinished(): bool {
    for (let i = Sender.part; i < Sender.last; i++)
      if ((Sender.frame.part(i).marks & PartMarks.Unfinished) != 0) return true;
    return false;
  }

  /** Whether the frame goes out as one, so that the host can fill in headers in it. */
  private static isWhole(place: i32, length: u32): bool {
    return (
      Passages.sent[place] == 0 &&
      <u64>length == Passages.total[place] &&
      length <= Sender.mostInSegment &&
      Sender.last - Sender.part <= MOST_PARTS
    );
  }

  /**
   * A fragment that is not the last goes out without its ticket, which lives until the last one. The host
   * releases the bytes that went out.
   */
  private static sendSegments(frame: Frame, place: i32, length: u32, hasMore: bool, out: Outcome): void {
    const isStream = Configuration.mode == Mode.stream;
    const isAsItIs = Sender.hasUnfinished;
    const ticket = hasMore ? 0 : frame.ticket;
    let left = length;
    do {
      const isFirst = Passages.sent[place] == 0;
      const here = isAsItIs ? length : Sender.measure(Sender.mostInSegment);
      const isLast = !hasMore && here == left;
      if (!Carrier.begin(out, ticket, Connection.local, Connection.remote, Tcp.ACK | Tcp.PSH)) {
        // If bytes went on with this ticket before, they have ended it.
        if (hasMore || left == length) end(out, frame.ticket, Reason.tooMany);
        Sender.breakOff(place, frame.ticket, out);
        return;
      }
      left -= here;
      if (!isStream) Sender.addHeader(out, place, isFirst, isLast);
      else if (isFirst) Sender.addPrefix(out, <u32>Passages.total[place]);
      Sender.pass(out, here, isAsItIs);
      Passages.sent[place] += here;
    } while (left > 0);
  }

  private static addPrefix(out: Outcome, total: u32): void {
    const at = out.room(4);
    store32(at, total);
    out.bytes(0, Role.Payload, 0, at, 4);
  }

  private static addHeader(out: Outcome, place: i32, isFirst: bool, isLast: bool): void {
    const at = out.room(12);
    store<u8>(at, <u8>(VERSION | (isFirst ? FIRST : 0) | (isLast ? LAST : 0)));
    store<u8>(at + 1, 0);
    store16(at + 2, Passages.sequence[place]);
    let length = RELIABLE_HEADER;
    if (Configuration.mode == Mode.unreliable) {
      store32(at + 4, <u32>Passages.sent[place]);
      length = UNRELIABLE_HEADER;
      if (isFirst) {
        store32(at + 8, <u32>Passages.total[place]);
        length += MORE_HEADER;
      }
    }
    out.bytes(0, Role.Payload, 0, at, <i32>length);
  }

  /** The number of the next bytes that fit in one frame of the carrier. */
  private static measure(most: u32): u32 {
    let bytes: u32 = 0;
    let parts = 0;
    let within = Sender.within;
    for (let i = Sender.part; i < Sender.last && parts < MOST_PARTS && bytes < most; i++) {
      const here = min(Sender.frame.part(i).length - within, most - bytes);
      within = 0;
      bytes += here;
      if (here > 0) parts++;
    }
    return bytes;
  }

  /** Passes the next bytes on. */
  private static pass(out: Outcome, length: u32, isAsItIs: bool): void {
    while (Sender.part < Sender.last && (length > 0 || isAsItIs)) {
      const part = Sender.frame.part(Sender.part);
      if (isAsItIs) {
        out.pass(part);
        Sender.part++;
        continue;
      }
      const here = min(length, part.length - Sender.within);
      if (here > 0)
        out.part(0, Role.Payload, part.marks & PartMarks.Withheld, part.offset + Sender.within, here);
      length -= here;
      Sender.within += here;
      if (Sender.within == part.length) {
        Sender.part++;
        Sender.within = 0;
      }
    }
  }
}

/** Whether a fragment begins with a header that has the length of the whole frame. */
function isAnnouncement(part: Part): bool {
  return (
    Delivery.protocol != 0 &&
    part.role == Role.Header &&
    part.protocol == Delivery.protocol &&
    part.length == Delivery.ANNOUNCEMENT
  );
}
