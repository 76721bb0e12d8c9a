import { Outcome, State } from 'funnel-tunnel/as';
import { Configuration, WHOLE } from './configuration';
import { Delivery } from './delivery';
import { end, Reason } from './reasons';

/** A frame that has begun and is not whole yet. */
const gathered: usize = memory.data(66_240, 8);

/**
 * Takes frames out of a stream: 32 bits of length in network byte order, and as many bytes. However the
 * stream is cut, and whatever it announces, no more is kept than the largest frame that passes as one: larger
 * ones pass on as they come.
 */
export abstract class Stream {
  /** Bytes of the length that have come; 4 within a frame. */
  private static prefixBytes: u32 = 0;
  private static length: u32 = 0;
  /** Bytes of the frame that have come. */
  private static got: u32 = 0;
  /** The rest of a frame that is too large or did not fit is skipped, for this reason. */
  private static skipped: i32 = -1;

  /** The ticket of the frame that passes in fragments: that with which its first came. 0 where none does. */
  private static held: u32 = 0;
  /** One whose stream is no more. */
  private static abandoned: u32 = 0;

  /** After `take`: whether the ticket went on or is held, and else why it ends. */
  static wentOn: bool = false;
  static reason: i32 = Reason.merged;

  static get isWithinFrame(): bool {
    return Stream.prefixBytes > 0;
  }

  /** A stream begins, or begins anew. */
  static reset(): void {
    Stream.prefixBytes = 0;
    Stream.length = 0;
    Stream.got = 0;
    Stream.skipped = -1;
    if (Stream.held != 0) Stream.abandoned = Stream.held;
    Stream.held = 0;
  }

  /** When something is to be done. */
  static get next(): f64 {
    return Stream.abandoned != 0 ? 0 : Infinity;
  }

  /** Ends what a stream that is no more has left. */
  static endAbandoned(out: Outcome): void {
    if (Stream.abandoned != 0) end(out, Stream.abandoned, Reason.closedWithinFrame);
    Stream.abandoned = 0;
  }

  /** The next bytes of the stream, which stand in the arena. */
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
    // What is kept of a frame does not travel; the rest of it is passed over, so that the stream stays in
    // step.
    const isKept = Stream.prefixBytes == 4;
    Stream.prefixBytes = state.u32(Stream.prefixBytes);
    Stream.length = state.u32(Stream.length);
    Stream.got = state.u32(Stream.got);
    const skipped = state.i32(isKept ? Reason.brokenOff : -1);
    if (state.isRestoring) Stream.skipped = skipped;
    if (state.isRestoring && (Stream.prefixBytes > 4 || Stream.skipped > Reason.tooManyHoles))
      state.refuse('the stream is in no state that can be');
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
