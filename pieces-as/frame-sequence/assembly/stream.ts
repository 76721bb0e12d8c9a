import { Outcome, State } from 'funnel-tunnel/as';
import { Configuration, WHOLE } from './configuration';
import { Delivery } from './delivery';
import { end, Reason } from './reasons';

/** The bytes of the incomplete frame. */
const gathered: usize = memory.data(66_240, 8);

/**
 * Takes frames out of a stream: 32 bits of length in network byte order, and then the bytes. However the
 * stream is cut, and whatever length it announces, the piece keeps no more than the largest frame that passes
 * as one: larger ones pass on as they come.
 */
export abstract class Stream {
  /** The number of bytes of the length that have come; 4 within a frame. */
  private static prefixBytes: u32 = 0;
  private static length: u32 = 0;
  /** The number of bytes of the frame that have come. */
  private static got: u32 = 0;
  /** The reason to skip the rest of a frame that is too large or did not fit. */
  private static skipped: i32 = -1;

  /** The ticket of the frame that passes in fragments: that of its first bytes. 0 if there is none. */
  private static held: u32 = 0;
  /** The ticket of a frame whose stream has ended. */
  private static abandoned: u32 = 0;

  /** After `take`: whether the ticket went on or is held. If not, `reason` is the reason for its end. */
  static wentOn: bool = false;
  static reason: i32 = Reason.merged;

  static get isWithinFrame(): bool {
    return Stream.prefixBytes > 0;
  }

  /** Starts over with a new stream. */
  static reset(): void {
    Stream.prefixBytes = 0;
    Stream.length = 0;
    Stream.got = 0;
    Stream.skipped = -1;
    if (Stream.held != 0) Stream.abandoned = Stream.held;
    Stream.held = 0;
  }

  /** When `run` has something to do. */
  static get next(): f64 {
    return Stream.abandoned != 0 ? 0 : Infinity;
  }

  /** Ends the remains of a stream that has ended. */
  static endAbandoned(out: Outcome): void {
    if (Stream.abandoned != 0) end(out, Stream.abandoned, Reason.closedWithinFrame);
    Stream.abandoned = 0;
  }

  /** Takes the next bytes of the stream, which stand in the arena. */
  static take(out: Outcome, ticket: u32, at: usize, length: u32): void {
    Stream.wentOn = false;
    Stream.reason = Reason.merged;
    const end = at + length;
    while (at < end) {
      if (Stream.prefixBytes < 4) {
        Stream.length = (Stream.length << 8) | load<u8>(at++);
        if (++Stream.prefixBytes < 4) continue;
        Stream.got = 0;
        Stream.skipped = <u64>Stream.length > Configuration.maxFrame ? Reason.tooLarge : -1;
        if (Stream.length == 0) Stream.finish(Delivery.whole(out, ticket, at, 0));
        continue;
      }
      const here = min(<u32>(end - at), Stream.length - Stream.got);
      const isLast = Stream.got + here == Stream.length;
      if (Stream.skipped >= 0) {
        if (Stream.reason == Reason.merged) Stream.reason = Stream.skipped;
        if (isLast) Stream.prefixBytes = 0;
      } else if (Stream.length > WHOLE) {
        Stream.passPiece(out, ticket, at, here, isLast);
      } else if (!isLast) {
        memory.copy(gathered + Stream.got, at, here);
      } else if (Stream.got == 0) {
        Stream.finish(Delivery.whole(out, ticket, at, here));
      } else {
        Stream.finish(Delivery.copied(out, ticket, gathered, Stream.got, at, here));
      }
      Stream.got += here;
      at += here;
    }
  }

  static state(state: State): void {
    // The bytes of an incomplete frame are not saved. The new instance skips the rest of it, so that the
    // stream stays in step.
    const isKept = Stream.prefixBytes == 4;
    Stream.prefixBytes = state.u32(Stream.prefixBytes);
    Stream.length = state.u32(Stream.length);
    Stream.got = state.u32(Stream.got);
    const skipped = state.i32(isKept ? Reason.brokenOff : -1);
    if (state.isRestoring) Stream.skipped = skipped;
    if (state.isRestoring && (Stream.prefixBytes > 4 || Stream.skipped > Reason.tooManyHoles))
      state.refuse('the state of the stream is impossible');
  }

  private static passPiece(out: Outcome, ticket: u32, at: usize, length: u32, isLast: bool): void {
    const isFirst = Stream.got == 0;
    const under = isFirst ? ticket : Stream.held;
    if (isLast) Stream.prefixBytes = 0;
    if (Delivery.piece(out, under, at, length, Stream.length, isFirst, isLast)) {
      Stream.held = isLast ? 0 : under;
      if (under == ticket) Stream.wentOn = true;
      return;
    }
    Stream.reason = Delivery.edge < 0 ? Reason.notJoined : Reason.tooMany;
    Stream.skipped = Stream.reason;
    if (!isFirst) end(out, under, Stream.reason);
    Stream.held = 0;
  }

  private static finish(reason: i32): void {
    Stream.prefixBytes = 0;
    if (reason < 0) Stream.wentOn = true;
    else Stream.reason = reason;
  }
}
