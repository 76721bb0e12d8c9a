import { Outcome } from 'funnel-tunnel/as';
import { beginOuter, Outer } from './carrier';
import { Connection } from './connection';
import { LINK_LOCAL_TOP, OUTER_TTL } from './constants';
import { addError, ERROR_BURST, ERRORS_PER_SECOND } from './icmp-error';
import { Listener, SHAPE_ICMPV6 } from './listener';
import { Packet } from './packet';
import { TokenBuckets } from './token-bucket';

const buckets = new TokenBuckets(1, ERROR_BURST, ERRORS_PER_SECOND);

/**
 * Sends errors about the current packet back the way it came. Sends none where RFC 4443 forbids it, or where
 * the rate limit is reached.
 */
export abstract class Answers {
  /** The outcome of the present call. */
  static out: Outcome = changetype<Outcome>(0);

  static toHost(now: f64, host: i32, type: u32, code: u32, rest: u32 = 0): void {
    if (!Packet.mayBeAnswered() || !buckets.take(now, 0)) return;
    Answers.out.begin(<u16>host, 0, 0);
    Answers.add(type, code, rest);
  }

  static toCarrier(now: f64, to: u64, type: u32, code: u32): void {
    if (!Packet.mayBeAnswered() || !buckets.take(now, 0)) return;
    beginOuter(
      Answers.out,
      <u16>Listener.edge,
      Listener.shape(SHAPE_ICMPV6),
      0,
      Listener.port,
      to,
      OUTER_TTL,
      0,
      0,
      to == Outer.source ? Outer.asked : 0,
    );
    Answers.add(type, code, 0);
  }

  /** Errors come from the subnet's own address, lanip 0; before we have one, from the link's address. */
  private static add(type: u32, code: u32, rest: u32): void {
    if (Connection.isUp) addError(Answers.out, type, code, rest, Connection.top, Connection.peer);
    else addError(Answers.out, type, code, rest, LINK_LOCAL_TOP, 0);
  }
}
