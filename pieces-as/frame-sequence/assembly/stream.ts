import { Outcome, State } from 'funnel-tunnel/as';
import { Configuration, WHOLE } from './configuration';
import { Delivery } from './delivery';
import { Reason } from './reasons';

/** A frame that has begun and is not whole yet. */
const gathered: usize = memory.data(66_240, 8);

/**
 * Takes frames out of a stream: 32 bits of length in network byte order, and as many bytes. However the stream is cut, and
 * whatever it announces, no more is kept than the largest frame that passes as one: larger ones pass on as they come.
 */
export abstract class Stream {
  /** Bytes of the length that have come; 4 within a frame. */
  private static prefixBytes: u32 = 0;
  private static length: u32 = 0;
  /** Bytes of the frame that have come. */
  private static got: u32 = 0;
  /** Of a frame that is too large or did not fit, the rest is passed over, for this reason. */
  private static skipped: i32 = -1;

  /** After `take`: whether the ticket went on, and else why it ends. */
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
    Delivery.isInPieces = false;
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
        Stream.passPiece(out, at, here, isLast);
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
    // What is kept of a frame does not travel; the rest of it is passed over, so that the stream stays in step.
    const isKept = Stream.prefixBytes == 4;
    Stream.prefixBytes = state.u32(Stream.prefixBytes);
    Stream.length = state.u32(Stream.length);
    Stream.got = state.u32(Stream.got);
    const skipped = state.i32(isKept ? Reason.brokenOff : -1);
    if (state.isRestoring) Stream.skipped = skipped;
    if (state.isRestoring && (Stream.prefixBytes > 4 || Stream.skipped > Reason.tooManyHoles)) state.refuse('the stream is in no state that can be');
  }

  private static passPiece(out: Outcome, at: usize, length: u32, isLast: bool): void {
    if (Delivery.piece(out, at, length, Stream.length, isLast)) {
      if (isLast) Stream.prefixBytes = 0;
      return;
    }
    Stream.reason = Delivery.edge < 0 ? Reason.notJoined : Reason.tooMany;
    Stream.skipped = Stream.reason;
    Delivery.isInPieces = false;
    if (isLast) Stream.prefixBytes = 0;
  }

  private static finish(reason: i32): void {
    Stream.prefixBytes = 0;
    if (reason < 0) Stream.wentOn = true;
    else Stream.reason = reason;
  }
}
