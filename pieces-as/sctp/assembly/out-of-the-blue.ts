import { Outcome } from 'funnel-tunnel/as';
import { Carrier } from './carrier';
import { Configuration } from './configuration';
import { CHUNK_HEADER, ChunkType, REFLECTED_TAG } from './constants';
import { Control } from './control';
import { Packet } from './packet';

/**
 * Sends answers to packets of no association (RFC 9260 §8.4), and to INITs. They go to the sender of the
 * current packet.
 */
export abstract class OutOfTheBlue {
  /** The SCTP ports of the current packet. */
  static localPort: u32 = 0;
  static peerPort: u32 = 0;
  private static left: u32 = 0;
  private static until: f64 = -Infinity;

  static open(tag: u32, room: u32, out: Outcome): bool {
    return Packet.open(
      out,
      Carrier.destination,
      Carrier.source,
      room,
      OutOfTheBlue.localPort,
      OutOfTheBlue.peerPort,
      tag,
    );
  }

  /** Sends ABORT to the tag of the peer, with a cause, or without one if it is 0. */
  static refuse(tag: u32, cause: u32, now: f64, out: Outcome): void {
    OutOfTheBlue.complain(tag, ChunkType.abort, cause, 0, 0, now, out);
  }

  /** Sends ABORT or ERROR to the tag of the peer, with a cause and its value. */
  static complain(tag: u32, type: u32, cause: u32, at: usize, length: u32, now: f64, out: Outcome): void {
    if (!OutOfTheBlue.mayAnswer(now) || !OutOfTheBlue.open(tag, 2 * CHUNK_HEADER + length, out)) return;
    if (cause != 0) Control.addCause(type, 0, cause, at, length);
    else Packet.chunk(type, 0, CHUNK_HEADER);
    Packet.send(out);
  }

  /** Sends ABORT with the tag of the current packet. */
  static reflect(tag: u32, now: f64, out: Outcome): void {
    OutOfTheBlue.bare(ChunkType.abort, tag, now, out);
  }

  /** Sends SHUTDOWN COMPLETE with the tag of the current packet. */
  static complete(tag: u32, now: f64, out: Outcome): void {
    OutOfTheBlue.bare(ChunkType.shutdownComplete, tag, now, out);
  }

  private static bare(type: u32, tag: u32, now: f64, out: Outcome): void {
    if (!OutOfTheBlue.mayAnswer(now) || !OutOfTheBlue.open(tag, CHUNK_HEADER, out)) return;
    Packet.chunk(type, REFLECTED_TAG, CHUNK_HEADER);
    Packet.send(out);
  }

  /**
   * Limits the answers in a second (`abort-rate`), so that forged source addresses cannot direct a flood at a
   * victim.
   */
  private static mayAnswer(now: f64): bool {
    if (now >= OutOfTheBlue.until) {
      OutOfTheBlue.until = now + 1000;
      OutOfTheBlue.left = Configuration.abortRate;
    }
    if (OutOfTheBlue.left == 0) return false;
    OutOfTheBlue.left--;
    return true;
  }
}
