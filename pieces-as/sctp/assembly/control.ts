import { Outcome, random } from 'funnel-tunnel/as';
import { load64, store16, store32, store64 } from 'funnel-tunnel/as/views/bytes';
import { Association } from './association';
import { CHUNK_HEADER, ChunkType, Feature, ParameterType } from './constants';
import { Packet } from './packet';
import { Path } from './path';
import { ReceivedTsns } from './received-tsns';

/** The size of our Heartbeat Info parameter: header, nonce, and the number of the path. */
const HEARTBEAT_INFO: u32 = 16;
/** The size of a SACK without gaps. */
const SACK_BYTES: u32 = 16;

/** Sends the control chunks of an association, each in a packet of its own or in an open one. */
export abstract class Control {
  static open(association: Association, path: Path, room: u32, out: Outcome): bool {
    const isOpen = Packet.open(
      out,
      path.local,
      path.remote,
      room,
      association.localPort,
      association.peerPort,
      association.peerTag,
    );
    Packet.isSealed = (association.features & Feature.zeroChecksum) == 0;
    return isOpen;
  }

  /** Sends a chunk that is only a header, by the current path. */
  static bare(association: Association, type: u32, out: Outcome): void {
    if (!Control.open(association, association.current, CHUNK_HEADER, out)) return;
    Packet.chunk(type, 0, CHUNK_HEADER);
    Packet.send(out);
  }

  /** Sends a SHUTDOWN with the last TSN in sequence (RFC 9260 §3.3.8). */
  static shutdown(association: Association, out: Outcome): void {
    if (!Control.open(association, association.current, 8, out)) return;
    store32(Packet.chunk(ChunkType.shutdown, 0, 8), association.incoming.tsns.cumulative);
    Packet.send(out);
  }

  /** Sends an ABORT or ERROR with one cause, whose value is copied. */
  static cause(association: Association, type: u32, cause: u32, at: usize, length: u32, out: Outcome): void {
    const bytes = 2 * CHUNK_HEADER + length;
    if (!Control.open(association, association.current, bytes, out)) return;
    Control.addCause(type, 0, cause, at, length);
    Packet.send(out);
  }

  /** Adds an ABORT or ERROR chunk with one cause to the open packet. */
  static addCause(type: u32, flags: u32, cause: u32, at: usize, length: u32): bool {
    const to = Packet.chunk(type, flags, 2 * CHUNK_HEADER + length);
    if (to == 0) return false;
    store16(to, cause);
    store16(to + 2, CHUNK_HEADER + length);
    memory.copy(to + 4, at, length);
    return true;
  }

  /** Sends a SACK alone (RFC 9260 §3.3.4). */
  static sack(association: Association, out: Outcome): void {
    const path = association.current;
    const tsns = association.incoming.tsns;
    // Gaps are rare. The packet takes as many as fit.
    const room = tsns.hasGaps || tsns.duplicates > 0 ? path.room : SACK_BYTES;
    if (!Control.open(association, path, room, out)) return;
    Control.addSack(association);
    Packet.send(out);
  }

  /** Adds a SACK to the open packet, with as many gaps as fit, from the lowest on (RFC 9260 §6.7). */
  static addSack(association: Association): bool {
    const incoming = association.incoming;
    const tsns = incoming.tsns;
    if (Packet.left < SACK_BYTES) return false;
    const most = (Packet.left - SACK_BYTES) / 4;
    let gaps: u32 = 0;
    let from: u32 = 1;
    while (gaps < most && tsns.hasGaps && tsns.nextGapBlock(from)) {
      gaps++;
      from = ReceivedTsns.gapEnd + 1;
    }
    const duplicates = min(tsns.duplicates, most - gaps);
    const at = Packet.chunk(ChunkType.sack, 0, SACK_BYTES + 4 * (gaps + duplicates));
    if (at == 0) return false;
    const window = incoming.window;
    store32(at, tsns.cumulative);
    store32(at + 4, window);
    store16(at + 8, gaps);
    store16(at + 10, duplicates);
    let to = at + 12;
    from = 1;
    for (let i: u32 = 0; i < gaps; i++, to += 4) {
      tsns.nextGapBlock(from);
      store16(to, ReceivedTsns.gapStart);
      store16(to + 2, ReceivedTsns.gapEnd);
      from = ReceivedTsns.gapEnd + 1;
    }
    for (let i: u32 = 0; i < duplicates; i++, to += 4) store32(to, tsns.duplicateAt(i));
    incoming.acknowledged(window);
    return true;
  }

  /** Sends a HEARTBEAT with a new nonce to one path (RFC 9260 §5.4, §8.3). */
  static heartbeat(association: Association, index: i32, now: f64, out: Outcome): void {
    const path = association.paths[index];
    if (!Control.open(association, path, CHUNK_HEADER + HEARTBEAT_INFO, out)) return;
    path.heartbeatNonce = random();
    path.heartbeatSentAt = now;
    path.isAwaitingHeartbeat = true;
    const at = Packet.chunk(ChunkType.heartbeat, 0, CHUNK_HEADER + HEARTBEAT_INFO);
    store16(at, ParameterType.heartbeatInfo);
    store16(at + 2, HEARTBEAT_INFO);
    store64(at + 4, path.heartbeatNonce);
    store32(at + 12, <u32>index);
    Packet.send(out);
  }

  /** The path of a HEARTBEAT ACK with this info, if the piece waits for it; else -1. */
  static acknowledgedPath(association: Association, at: usize, length: u32): i32 {
    if (length != HEARTBEAT_INFO) return -1;
    const index = <i32>bswap<u32>(load<u32>(at, 12));
    if (index < 0 || index >= association.pathCount) return -1;
    const path = association.paths[index];
    return path.isAwaitingHeartbeat && path.heartbeatNonce == load64(at + 4) ? index : -1;
  }
}
