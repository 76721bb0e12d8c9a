import { Outcome } from 'funnel-tunnel/as';
import { load16, load32, store16, store32 } from 'funnel-tunnel/as/views/bytes';
import { Abandonment } from './abandonment';
import { Association } from './association';
import { CHUNK_HEADER, ChunkType, isBefore, UNORDERED } from './constants';
import { Control } from './control';
import { Packet } from './packet';
import { Reason } from './reasons';
import { Store } from './store';

/** The size of a FORWARD TSN without streams, and of each stream in it. */
const FIXED: u32 = 8;
const STREAM: u32 = 4;
/** A FORWARD TSN of more bytes gets a packet of its own. */
const MOST_BUNDLED: u32 = 64;

/** The same in an I-FORWARD-TSN (RFC 8260 §2.3.1). */
const I_STREAM: u32 = 8;

/** The streams of the FORWARD TSN that is being made, times 2, plus 1 where unordered; and their places. */
const streams: StaticArray<u32> = new StaticArray<u32>(4096);
const mids: StaticArray<u32> = new StaticArray<u32>(4096);
const places: StaticArray<u16> = new StaticArray<u16>(131_072);

/** The chunk FORWARD TSN, which says what the peer need not wait for (RFC 3758 §3.2). */
export abstract class ForwardTsn {
  private static count: u32 = 0;

  /** Sends one in a packet of its own. */
  static send(association: Association, now: f64, out: Outcome): void {
    const path = association.current;
    Abandonment.advance(association.outgoing);
    association.outgoing.advanced = ForwardTsn.collect(
      association,
      (path.room - FIXED) / sizeOf(association),
    );
    if (!Control.open(association, path, FIXED + sizeOf(association) * ForwardTsn.count, out)) return;
    ForwardTsn.put(association, now);
    Packet.send(out);
  }

  /** Adds one to the open packet, if it is due and small. */
  static bundle(association: Association, now: f64): void {
    const most = min(Packet.left, MOST_BUNDLED);
    if (!association.outgoing.isForwardDue || most < FIXED + I_STREAM) return;
    Abandonment.advance(association.outgoing);
    if (
      ForwardTsn.collect(association, (most - FIXED) / sizeOf(association)) == association.outgoing.advanced
    )
      ForwardTsn.put(association, now);
  }

  /** Takes one by the address of its value. Returns the reason for its end. */
  static take(association: Association, at: usize, length: u32): i32 {
    if (length < 4 || (length & 3) != 0) return Reason.badChunk;
    const incoming = association.incoming;
    if (association.isInterleaved) return ForwardTsn.takeInterleaved(association, at, length);
    if (!incoming.skipTo(load32(at))) return Reason.duplicate;
    for (let offset: u32 = 4; offset < length; offset += STREAM)
      incoming.skipMessages(load16(at + offset), load16(at + offset + 2), 0);
    return Reason.control;
  }

  private static takeInterleaved(association: Association, at: usize, length: u32): i32 {
    if ((length - 4) % I_STREAM != 0) return Reason.badChunk;
    const incoming = association.incoming;
    if (!incoming.skipTo(load32(at))) return Reason.duplicate;
    for (let offset: u32 = 4; offset < length; offset += I_STREAM) {
      const flags = (load16(at + offset + 2) & 1) != 0 ? UNORDERED : 0;
      incoming.skipMessages(load16(at + offset), load32(at + offset + 4), flags);
    }
    return Reason.control;
  }

  /**
   * Collects the streams with ordered messages up to the advanced point (§3.5 C4), each once. Returns the TSN
   * up to which they fit.
   */
  private static collect(association: Association, most: u32): u32 {
    const outgoing = association.outgoing;
    most = min(most, <u32>streams.length);
    ForwardTsn.count = 0;
    for (let tsn = outgoing.cumulative + 1; tsn != outgoing.advanced + 1; tsn++) {
      const chunk = Store.chunk(outgoing.at(tsn));
      const isUnordered: u32 = (chunk.flags & <u8>UNORDERED) != 0 ? 1 : 0;
      if (isUnordered != 0 && !outgoing.isInterleaved) continue;
      const stream = ((<u32>chunk.sid) << 1) | isUnordered;
      const place = <u32>places[stream];
      if (place < ForwardTsn.count && streams[place] == stream) {
        // The fragments of several messages may be mixed.
        if (!outgoing.isInterleaved || isBefore(mids[place], chunk.mid)) mids[place] = chunk.mid;
        continue;
      }
      if (ForwardTsn.count == most) return tsn - 1;
      places[stream] = <u16>ForwardTsn.count;
      streams[ForwardTsn.count] = stream;
      mids[ForwardTsn.count++] = chunk.mid;
    }
    return outgoing.advanced;
  }

  private static put(association: Association, now: f64): void {
    const outgoing = association.outgoing;
    const size = sizeOf(association);
    const type = outgoing.isInterleaved ? ChunkType.iForwardTsn : ChunkType.forwardTsn;
    const at = Packet.chunk(type, 0, FIXED + size * ForwardTsn.count);
    store32(at, outgoing.advanced);
    let to = at + FIXED - CHUNK_HEADER;
    for (let i: u32 = 0; i < ForwardTsn.count; i++, to += size) {
      store16(to, streams[i] >> 1);
      if (outgoing.isInterleaved) {
        store16(to + 2, streams[i] & 1);
        store32(to + 4, mids[i]);
      } else {
        store16(to + 2, mids[i]);
      }
    }
    outgoing.isForwardDue = false;
    outgoing.hasIgnoredForward = false;
    outgoing.forwarded = outgoing.advanced;
    Abandonment.keepTimer(association, now);
  }
}

/** The bytes of a stream in the chunk. */
function sizeOf(association: Association): u32 {
  return association.isInterleaved ? I_STREAM : STREAM;
}
