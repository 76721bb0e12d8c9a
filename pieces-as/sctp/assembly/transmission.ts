import { Outcome } from 'funnel-tunnel/as';
import { store16, store32 } from 'funnel-tunnel/as/views/bytes';
import { Abandonment } from './abandonment';
import { Association } from './association';
import { Carrier } from './carrier';
import { CHUNK_HEADER, ChunkType, isBefore, MAX_BURST, padded, WIRE_FLAGS } from './constants';
import { Control } from './control';
import { ForwardTsn } from './forward-tsn';
import { ChunkState, wireBytes } from './outgoing';
import { Packet } from './packet';
import { Path } from './path';
import { Chunk, Store } from './store';

/** Sends data (RFC 9260 §6.1). */
export abstract class Transmission {
  /** The outcome had no room for all that may be sent. */
  static isHeldUp: bool = false;

  /** Sends as much as the windows allow, repeated chunks first, with a due SACK in front. */
  static run(association: Association, now: f64, out: Outcome): void {
    const outgoing = association.outgoing;
    if (association.maySend) Abandonment.review(association, now);
    if (association.maySend && !Carrier.isFull) {
      const bursts = max(outgoing.bursts, 1) * MAX_BURST;
      for (let packets: u32 = 0; packets < bursts; packets++) {
        if (outgoing.marked > 0) {
          if (!Transmission.sendMarked(association, now, out)) break;
        } else if (outgoing.queue.first == 0 || !Transmission.sendNew(association, now, out)) {
          break;
        }
      }
      outgoing.bursts = 0;
      if (outgoing.isForwardDue) ForwardTsn.send(association, now, out);
    }
    if (association.incoming.isSackDue && association.mayReceive) Control.sack(association, out);
    for (let i = 0; i < association.pathCount; i++) {
      if (!association.paths[i].isMeasureDue) continue;
      association.paths[i].isMeasureDue = false;
      if (association.maySend) Control.heartbeat(association, i, now, out);
    }
  }

  /** Sends a packet of repeated chunks. False if none may be sent. */
  private static sendMarked(association: Association, now: f64, out: Outcome): bool {
    const outgoing = association.outgoing;
    let number = outgoing.firstMarked;
    if (number == 0) return false;
    const first = Store.chunk(number);
    // After a time-out, tries another path if there is one (RFC 9260 §6.4.1).
    const index = outgoing.isFastDue ? <i32>first.path : association.alternateTo(first.path);
    const path = association.paths[index];
    if (!outgoing.isFastDue && path.isFull) return false;
    if (!Transmission.open(association, path, now, out)) return false;
    outgoing.isFastDue = false;
    while (number != 0) {
      const chunk = Store.chunk(number);
      if (padded(outgoing.header + chunk.length) > Packet.left) break;
      outgoing.marked--;
      path.isMeasuring = path.isMeasuring && path.measuredTsn != chunk.tsn;
      Transmission.put(association, chunk, number, index, now);
      number = outgoing.firstMarked;
    }
    return Transmission.close(out);
  }

  /** Sends a packet of new chunks. */
  private static sendNew(association: Association, now: f64, out: Outcome): bool {
    const outgoing = association.outgoing;
    const path = association.current;
    const index = association.pathTo(path.remote);
    if (!Transmission.mayStart(association, path) || !Transmission.open(association, path, now, out))
      return false;
    let isFirst = true;
    while (outgoing.queue.first != 0) {
      const number = outgoing.queue.first;
      const length = Store.chunk(number).length;
      if (padded(outgoing.header + length) > Packet.left) break;
      if (!isFirst && (path.flight >= path.cwnd || length > outgoing.peerWindow || !outgoing.hasTsn)) break;
      isFirst = false;
      const chunk = outgoing.takeFirst();
      if (!path.isMeasuring) {
        path.isMeasuring = true;
        path.measuredTsn = chunk.tsn;
      }
      Transmission.put(association, chunk, number, index, now);
    }
    return Transmission.close(out);
  }

  /** Rules A and B of RFC 9260 §6.1. */
  private static mayStart(association: Association, path: Path): bool {
    const outgoing = association.outgoing;
    if (path.isFull || !outgoing.hasTsn) return false;
    // One chunk may probe a closed window if nothing else is in flight.
    return Store.chunk(outgoing.queue.first).length <= outgoing.peerWindow || !outgoing.isOutstanding;
  }

  private static open(association: Association, path: Path, now: f64, out: Outcome): bool {
    if (!Control.open(association, path, path.room, out)) {
      Transmission.isHeldUp = true;
      return false;
    }
    const incoming = association.incoming;
    const isSackNear = incoming.isSackDue || incoming.sackAt != Infinity;
    // If a fragment would not fit beside it, the SACK goes alone.
    if (isSackNear && !incoming.tsns.hasGaps && association.mayReceive) Control.addSack(association);
    ForwardTsn.bundle(association, now);
    return true;
  }

  private static close(out: Outcome): bool {
    if (Packet.isEmpty) return false;
    if (Packet.send(out)) return true;
    Transmission.isHeldUp = true;
    return false;
  }

  /** Writes a DATA chunk, which is in flight from then on. */
  private static put(association: Association, chunk: Chunk, number: u32, index: i32, now: f64): void {
    const path = association.paths[index];
    const outgoing = association.outgoing;
    const header = outgoing.header;
    const type = outgoing.isInterleaved ? ChunkType.iData : ChunkType.data;
    const to = Packet.chunk(type, chunk.flags & <u8>WIRE_FLAGS, header + chunk.length);
    store32(to, chunk.tsn);
    store16(to + 4, chunk.sid);
    if (outgoing.isInterleaved) {
      store16(to + 6, 0);
      store32(to + 8, chunk.mid);
      store32(to + 12, chunk.fsn == 0 ? chunk.ppid : chunk.fsn);
    } else {
      store16(to + 6, chunk.mid);
      store32(to + 8, chunk.ppid);
    }
    Store.copy(number, to + header - CHUNK_HEADER);
    chunk.state = <u8>ChunkState.inFlight;
    chunk.path = <u8>index;
    chunk.sentAt = now;
    chunk.transmissions++;
    outgoing.flight += chunk.length;
    outgoing.peerWindow -= min(outgoing.peerWindow, chunk.length);
    // RFC 9260 §6.3.2 R1, and §6.1: restarts the timer if the earliest chunk goes out again.
    if (path.t3 == Infinity || path.flight == 0 || !isBefore(path.earliest, chunk.tsn)) {
      path.t3 = now + path.rto;
      path.earliest = chunk.tsn;
    }
    path.flight += wireBytes(chunk);
    path.usedAt = now;
  }
}
