import { Frame, Outcome, Part, PartMarks, Role } from 'funnel-tunnel/as';
import { load32, store16, store32 } from 'funnel-tunnel/as/views/bytes';
import { Carrier } from './carrier';
import { Configuration, Mode } from './configuration';
import { Delivery } from './delivery';
import { Link } from './link';
import { end, Reason } from './reasons';
import { FIRST, LAST, MORE_HEADER, RELIABLE_HEADER, UNRELIABLE_HEADER, VERSION } from './segment';
import { Tcp } from 'funnel-tunnel/as/views/tcp';

/** Bytes of a stream that one frame of the carrier takes: with its headers less than the largest. */
const STREAM_SEGMENT: u32 = 65_000;
/** Parts of a frame of the carrier, besides its two headers and ours. */
const MOST_PARTS: i32 = 29;

/** Frames that go out on the carrier, whole, or in as many segments as they need. Bytes that stayed with the host stay there. */
export abstract class Sender {
  /** The frame at hand comes in pieces, and goes on in the next. */
  private static isInPieces: bool = false;
  /** Why it is lost as far as it has yet to come; -1 while it is not. */
  private static lostFor: i32 = -1;
  /** Bytes of the whole; 0 where that is not known yet. */
  private static total: u64 = 0;
  private static isTotalKnown: bool = false;
  /** Bytes of it that went out. */
  private static sent: u64 = 0;
  private static sequence: u32 = 0;

  // Where the frame at hand is being read.
  private static frame: Frame = changetype<Frame>(0);
  private static part: i32 = 0;
  private static within: u32 = 0;
  private static last: i32 = 0;

  /** The stream on which the frame at hand began. */
  private static generation: u32 = 0;

  static send(frame: Frame, out: Outcome): void {
    if (Sender.generation != Link.generation) {
      // A new stream knows nothing of a frame that was under way.
      Sender.generation = Link.generation;
      if (Sender.isInPieces) Sender.lostFor = Reason.notConnected;
    }
    const first = <i32>frame.skipHeaders;
    const last = <i32>frame.partCount - <i32>frame.skipTrailers;
    const hasMore = frame.partCount > 0 && (frame.part(<i32>frame.partCount - 1).marks & PartMarks.More) != 0;
    const isAnnounced = first < last && isAnnouncement(frame.part(first));
    Sender.frame = frame;
    Sender.part = first;
    Sender.within = 0;
    Sender.last = last;
    if (!Sender.isInPieces || isAnnounced) {
      // One that began before was left off by its sender, and an announcement begins another.
      if (Sender.isInPieces) Sender.giveUp(out, Reason.lengthWrong);
      Sender.beginFrame(frame, first, hasMore, isAnnounced, out);
    }
    const announcement: u32 = isAnnounced && hasMore ? <u32>Delivery.ANNOUNCEMENT : 0;
    if (announcement > 0) Sender.part++;
    const length = <u32>frame.lengthFrom(first) - announcement;
    if (Sender.lostFor < 0) Sender.lostFor = Sender.check(length, hasMore, out);
    Sender.isInPieces = hasMore;
    if (Sender.lostFor >= 0) {
      end(out, frame.ticket, Sender.lostFor);
      return;
    }
    // A piece without bytes says nothing, and must not begin the frame: the next would begin it again.
    if (length == 0 && hasMore) end(out, frame.ticket, Reason.merged);
    else Sender.sendSegments(frame, length, hasMore, out);
  }

  private static beginFrame(frame: Frame, first: i32, hasMore: bool, isAnnounced: bool, out: Outcome): void {
    Sender.lostFor = -1;
    Sender.sent = 0;
    Sender.sequence = (Sender.sequence + 1) & 0xffff;
    Sender.isTotalKnown = !hasMore || isAnnounced;
    Sender.total = !hasMore ? <u64>frame.lengthFrom(first) : isAnnounced ? <u64>load32(frame.part(first).bytes) : 0;
    if (Carrier.edge < 0) Sender.lostFor = Reason.notJoined;
    else if (!Link.isOpen) Sender.lostFor = Reason.notConnected;
    else if (Sender.total > Configuration.maxFrame) Sender.lostFor = Reason.tooLarge;
    else if (!Sender.isTotalKnown && Configuration.mode == Mode.stream) Sender.lostFor = Reason.lengthUnknown;
  }

  /** Why these bytes of the frame cannot go out, or -1. */
  private static check(length: u32, hasMore: bool, out: Outcome): i32 {
    const after = Sender.sent + length;
    let reason = -1;
    if (Sender.isTotalKnown ? after > Sender.total || (!hasMore && after != Sender.total) : after > Configuration.maxFrame) {
      reason = Sender.isTotalKnown ? Reason.lengthWrong : Reason.tooLarge;
    } else {
      const segments = <i32>(length / Sender.mostInSegment) + 1 + <i32>Sender.frame.partCount / MOST_PARTS;
      // Two headers and ours for each; and each part once, and once more where it is cut.
      if (out.framesLeft < segments || out.partsLeft < segments * 4 + <i32>Sender.frame.partCount) reason = Reason.tooMany;
      else if (Sender.hasUnfinished && !Sender.isWhole(length)) reason = Reason.unfinished;
    }
    if (reason >= 0 && Sender.sent > 0) Sender.giveUp(out, reason);
    return reason;
  }

  /** A frame that went out in part cannot be finished. A stream is out of step then, and ends. */
  private static giveUp(out: Outcome, reason: i32): void {
    if (Sender.lostFor < 0 && Sender.sent > 0 && Configuration.mode == Mode.stream) {
      Link.reset(out);
      Sender.generation = Link.generation;
    }
    Sender.lostFor = reason;
  }

  private static get mostInSegment(): u32 {
    return Configuration.mode == Mode.stream ? STREAM_SEGMENT - 4 : Configuration.maxSegment - UNRELIABLE_HEADER - MORE_HEADER;
  }

  private static get hasUnfinished(): bool {
    for (let i = Sender.part; i < Sender.last; i++) if ((Sender.frame.part(i).marks & PartMarks.Unfinished) != 0) return true;
    return false;
  }

  /** Whether the frame goes out in one, so that the host can finish headers in it. */
  private static isWhole(length: u32): bool {
    return Sender.sent == 0 && <u64>length == Sender.total && length <= Sender.mostInSegment && Sender.last - Sender.part <= MOST_PARTS;
  }

  private static sendSegments(frame: Frame, length: u32, hasMore: bool, out: Outcome): void {
    const isStream = Configuration.mode == Mode.stream;
    const isAsItIs = Sender.hasUnfinished;
    let left = length;
    do {
      const isFirst = Sender.sent == 0;
      const here = isAsItIs ? length : Sender.measure(Sender.mostInSegment);
      const isLast = !hasMore && here == left;
      left -= here;
      if (!Carrier.begin(out, frame.ticket, Link.local, Link.remote, Tcp.ACK | Tcp.PSH)) {
        Sender.giveUp(out, Reason.tooMany);
        return;
      }
      if (!isStream) Sender.addHeader(out, isFirst, isLast);
      else if (isFirst) Sender.addPrefix(out);
      Sender.pass(out, here, isAsItIs);
      Sender.sent += here;
    } while (left > 0);
  }

  private static addPrefix(out: Outcome): void {
    const at = out.room(4);
    store32(at, <u32>Sender.total);
    out.bytes(0, Role.Payload, 0, at, 4);
  }

  private static addHeader(out: Outcome, isFirst: bool, isLast: bool): void {
    const at = out.room(12);
    store<u8>(at, <u8>(VERSION | (isFirst ? FIRST : 0) | (isLast ? LAST : 0)));
    store<u8>(at + 1, 0);
    store16(at + 2, Sender.sequence);
    let length = RELIABLE_HEADER;
    if (Configuration.mode == Mode.unreliable) {
      store32(at + 4, <u32>Sender.sent);
      length = UNRELIABLE_HEADER;
      if (isFirst) {
        store32(at + 8, <u32>Sender.total);
        length += MORE_HEADER;
      }
    }
    out.bytes(0, Role.Payload, 0, at, <i32>length);
  }

  /** How many of the next bytes fit in one frame of the carrier. */
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
      if (here > 0) out.part(0, Role.Payload, part.marks & PartMarks.Withheld, part.offset + Sender.within, here);
      length -= here;
      Sender.within += here;
      if (Sender.within == part.length) {
        Sender.part++;
        Sender.within = 0;
      }
    }
  }
}

/** Whether a piece begins with a header that says how long the whole frame is. */
function isAnnouncement(part: Part): bool {
  return Delivery.protocol != 0 && part.role == Role.Header && part.protocol == Delivery.protocol && part.length == Delivery.ANNOUNCEMENT;
}
