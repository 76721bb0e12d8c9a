import { Outcome } from 'funnel-tunnel/as';
import { load16 } from 'funnel-tunnel/as/views/bytes';
import { Carrier } from './carrier';
import { Configuration, WHOLE } from './configuration';
import { Delivery } from './delivery';
import { Endpoint } from './endpoint';
import { Link } from './link';
import { end, Reason } from './reasons';
import { FIRST, LAST, RELIABLE_HEADER, VERSION, VERSION_MASK } from './segment';

const gathered: usize = memory.data(66_240, 8);

/** Reassembles frames whose segments all come, once and in order. */
export abstract class Reliable {
  /** The ticket of the frame that has begun; 0 if none has. */
  private static ticket: u32 = 0;
  private static readonly source: Endpoint = new Endpoint();
  private static sequence: u32 = 0;
  private static got: u64 = 0;
  /** The bytes of it that were not passed on. */
  private static kept: u32 = 0;
  /** The frame is too large to pass as one, and passes in fragments. */
  private static isLarge: bool = false;
  private static until: f64 = Infinity;

  static get next(): f64 {
    return Reliable.until;
  }

  static run(now: f64, out: Outcome): void {
    if (Reliable.until <= now) Reliable.breakOff(out, Reason.timedOut);
  }

  static take(now: f64, ticket: u32, out: Outcome): void {
    const at = Carrier.at;
    const length = Carrier.length - RELIABLE_HEADER;
    if (Carrier.length < RELIABLE_HEADER || (load<u8>(at) & VERSION_MASK) != VERSION) {
      end(out, ticket, Reason.badSegment);
      return;
    }
    const isUnderWay = Reliable.ticket != 0;
    if (isUnderWay && !Carrier.source.equals(Reliable.source)) {
      end(out, ticket, Reason.busy);
      return;
    }
    if (!Link.hears()) {
      end(out, ticket, Reason.busy);
      return;
    }
    const flags = <u32>load<u8>(at);
    const sequence = load16(at + 2);
    const isFirst = (flags & FIRST) != 0;
    if (isFirst ? isUnderWay : isUnderWay && sequence != Reliable.sequence)
      Reliable.breakOff(out, Reason.brokenOff);
    if (!isFirst && Reliable.ticket == 0) {
      end(out, ticket, Reason.outOfSequence);
      return;
    }
    if (isFirst) Reliable.begin(ticket, sequence);
    Reliable.until = now + Configuration.timeoutMs;
    const isLast = (flags & LAST) != 0;
    if (Reliable.got + length > Configuration.maxFrame) {
      if (!isFirst) end(out, ticket, Reason.tooLarge);
      Reliable.breakOff(out, Reason.tooLarge);
      return;
    }
    const reason = Reliable.add(out, at + RELIABLE_HEADER, length, isLast);
    if (reason >= 0) {
      if (!isFirst) end(out, ticket, reason);
      Reliable.breakOff(out, reason);
      return;
    }
    if (!isFirst) end(out, ticket, Reason.merged);
    if (isLast) Reliable.forget();
  }

  private static begin(ticket: u32, sequence: u32): void {
    Reliable.ticket = ticket;
    Reliable.source.copy(Carrier.source);
    Reliable.sequence = sequence;
    Reliable.got = 0;
    Reliable.kept = 0;
    Reliable.isLarge = false;
  }

  /** Adds bytes to the frame. Returns -1, or the reason for its loss. */
  private static add(out: Outcome, at: usize, length: u32, isLast: bool): i32 {
    Reliable.got += length;
    if (!Reliable.isLarge && Reliable.kept + length <= WHOLE) {
      if (isLast) return Delivery.copied(out, Reliable.ticket, gathered, Reliable.kept, at, length);
      memory.copy(gathered + Reliable.kept, at, length);
      Reliable.kept += length;
      return -1;
    }
    if (Delivery.edge < 0) return Reason.notJoined;
    if (Delivery.protocol == 0) return Reason.tooLarge;
    if (!Reliable.isLarge) {
      const all = out.room(<i32>Reliable.kept);
      if (all == 0) return Reason.tooMany;
      memory.copy(all, gathered, Reliable.kept);
      if (!Delivery.piece(out, Reliable.ticket, all, Reliable.kept, 0, true, false)) return Reason.tooMany;
      Reliable.isLarge = true;
    }
    if (length == 0 && !isLast) return -1;
    return Delivery.piece(out, Reliable.ticket, at, length, 0, false, isLast) ? -1 : Reason.tooMany;
  }

  private static breakOff(out: Outcome, reason: i32): void {
    end(out, Reliable.ticket, reason);
    Reliable.forget();
  }

  private static forget(): void {
    Reliable.ticket = 0;
    Reliable.until = Infinity;
  }
}
