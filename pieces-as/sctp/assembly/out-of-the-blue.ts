import { Outcome } from 'funnel-tunnel/as';
import { Carrier } from './carrier';
import { Configuration } from './configuration';
import { CHUNK_HEADER, ChunkType, REFLECTED_TAG } from './constants';
import { Control } from './control';
import { Packet } from './packet';

/** Answers to packets of no association (RFC 9260 §8.4), and to an INIT. They go to where the packet at hand came from. */
export abstract class OutOfTheBlue {
  /** The SCTP ports of the packet at hand. */
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

  /** ABORT to the tag of the peer, with a cause, or without one where it is 0. */
  static refuse(tag: u32, cause: u32, now: f64, out: Outcome): void {
    OutOfTheBlue.complain(tag, ChunkType.abort, cause, 0, 0, now, out);
  }

  /** ABORT or ERROR to the tag of the peer, with a cause and its value. */
  static complain(tag: u32, type: u32, cause: u32, at: usize, length: u32, now: f64, out: Outcome): void {
    if (!OutOfTheBlue.mayAnswer(now) || !OutOfTheBlue.open(tag, 2 * CHUNK_HEADER + length, out)) return;
    if (cause != 0) Control.addCause(type, 0, cause, at, length);
    else Packet.chunk(type, 0, CHUNK_HEADER);
    Packet.send(out);
  }

  /** ABORT with the tag of the packet at hand. */
  static reflect(tag: u32, now: f64, out: Outcome): void {
    OutOfTheBlue.bare(ChunkType.abort, tag, now, out);
  }

  /** SHUTDOWN COMPLETE with the tag of the packet at hand. */
  static complete(tag: u32, now: f64, out: Outcome): void {
    OutOfTheBlue.bare(ChunkType.shutdownComplete, tag, now, out);
  }

  private static bare(type: u32, tag: u32, now: f64, out: Outcome): void {
    if (!OutOfTheBlue.mayAnswer(now) || !OutOfTheBlue.open(tag, CHUNK_HEADER, out)) return;
    Packet.chunk(type, REFLECTED_TAG, CHUNK_HEADER);
    Packet.send(out);
  }

  /** So many in a second (`abort-rate`): who sends with a forged source address gets nobody flooded. */
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
