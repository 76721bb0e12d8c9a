import { Frame, Outcome } from 'funnel-tunnel/as';
import { load16, load32, store32 } from 'funnel-tunnel/as/views/bytes';
import { Association, Associations } from './association';
import { Carrier } from './carrier';
import { Closing } from './closing';
import { Configuration } from './configuration';
import {
  AssociationState,
  Cause,
  CHUNK_HEADER,
  ChunkType,
  COMMON_HEADER,
  DATA_HEADER,
  Feature,
  FIRST_FRAGMENT,
  I_DATA_HEADER,
  IMMEDIATE,
  INIT_BYTES,
  ParameterType,
  padded,
  REFLECTED_TAG,
} from './constants';
import { Control } from './control';
import { isSealed } from './crc32c';
import { ForwardTsn } from './forward-tsn';
import { Handshake } from './handshake';
import { OutOfTheBlue } from './out-of-the-blue';
import { Packet } from './packet';
import { Ports } from './ports';
import { ReConfig } from './re-config';
import { end, Reason } from './reasons';
import { Sack } from './sack';

const scratch: usize = memory.data(16, 8);

/**
 * Handles packets from the carrier: checks each as a whole, then processes its chunks in their order (RFC
 * 9260 §6.10).
 */
export abstract class Inbound {
  private static association: Association | null = null;
  private static reason: i32 = -1;
  private static now: f64 = 0;
  private static tag: u32 = 0;
  /** Ignore the rest of the packet. */
  private static isOver: bool = false;
  // The DATA chunks of the packet.
  private static hasData: bool = false;
  private static hasNewData: bool = false;
  private static isUrgent: bool = false;

  static take(frame: Frame, now: f64, out: Outcome): void {
    Inbound.reason = -1;
    Inbound.now = now;
    Inbound.process(frame, out);
    end(out, frame.ticket, Inbound.reason < 0 ? Reason.badChunk : Inbound.reason);
  }

  private static process(frame: Frame, out: Outcome): void {
    if (!Carrier.read(frame, out) || Carrier.length < COMMON_HEADER + CHUNK_HEADER)
      return Inbound.note(Reason.malformed);
    const at = Carrier.at;
    const length = Carrier.length;
    const isUnsealed = !isSealed(at, length);
    if (isUnsealed && (!Configuration.hasZeroChecksum || load<u32>(at, 8) != 0))
      return Inbound.note(Reason.badChecksum);
    const peerPort = load16(at);
    const localPort = load16(at + 2);
    if (peerPort == 0 || localPort == 0) return Inbound.note(Reason.malformed);
    const first = at + COMMON_HEADER;
    const firstLength = load16(first + 2);
    if (firstLength < CHUNK_HEADER || COMMON_HEADER + firstLength > length)
      return Inbound.note(Reason.badChunk);
    Inbound.tag = load32(at + 4);
    OutOfTheBlue.localPort = localPort;
    OutOfTheBlue.peerPort = peerPort;
    const type = <u32>load<u8>(first);
    Inbound.association = Associations.find(localPort, peerPort, Carrier.source);
    // Only a peer that has read our INIT or INIT ACK may leave out the checksum (RFC 9653 §5.3).
    const isEarly = type == ChunkType.init || type == ChunkType.cookieEcho || Inbound.association === null;
    if (isUnsealed && isEarly) return Inbound.note(Reason.badChecksum);
    if (type == ChunkType.init) return Inbound.takeInit(first, firstLength, length, out);
    if (!Inbound.isForUs(first, type, firstLength, out)) return;
    Inbound.takeChunks(at, length, out);
  }

  /** Handles an INIT, which is alone and has no tag (RFC 9260 §3.3.2, §8.5.1 A). */
  private static takeInit(chunk: usize, length: u32, packet: u32, out: Outcome): void {
    if (Inbound.tag != 0) return Inbound.note(Reason.badTag);
    if (length < INIT_BYTES || COMMON_HEADER + padded(length) < packet) return Inbound.note(Reason.badChunk);
    Inbound.note(
      Handshake.takeInit(
        Inbound.association,
        chunk,
        length,
        Ports.isOpen(OutOfTheBlue.localPort),
        Inbound.now,
        out,
      ),
    );
  }

  /** Whether the tag is that of an association (RFC 9260 §8.5). Handles packets of no association (§8.4). */
  private static isForUs(first: usize, type: u32, length: u32, out: Outcome): bool {
    const tag = Inbound.tag;
    const association = Inbound.association;
    if (type == ChunkType.cookieEcho) {
      const reason = Handshake.takeCookieEcho(
        association,
        tag,
        first + CHUNK_HEADER,
        length - CHUNK_HEADER,
        OutOfTheBlue.localPort,
        OutOfTheBlue.peerPort,
        Inbound.now,
        out,
      );
      Inbound.note(reason);
      Inbound.association = Handshake.made;
      if (Inbound.association !== null) Inbound.hear();
      return Inbound.association !== null;
    }
    if (association === null) {
      if (type == ChunkType.initAck && Inbound.findByTag(tag)) return true;
      Inbound.answerOutOfTheBlue(first, type, length, out);
      return false;
    }
    if (type == ChunkType.abort || type == ChunkType.shutdownComplete) {
      // RFC 9260 §8.5.1 B and C: our tag, or the peer's if the T bit is set.
      const isReflected = (load<u8>(first, 1) & <u8>REFLECTED_TAG) != 0;
      const isRight = isReflected
        ? association.peerTag != 0 && tag == association.peerTag
        : tag == association.localTag;
      // Before we know the peer's tag, it can only reflect ours in answer to an INIT.
      if (!isRight) Inbound.note(Reason.badTag);
      return isRight;
    }
    if (type == ChunkType.shutdownAck && association.state <= AssociationState.cookieEchoed) {
      // RFC 9260 §8.5.1 E: the chunk belongs to an earlier association.
      OutOfTheBlue.complete(tag, Inbound.now, out);
      Inbound.note(Reason.outOfTheBlue);
      return false;
    }
    if (tag != association.localTag) {
      Inbound.note(Reason.badTag);
      return false;
    }
    if (type != ChunkType.initAck) Inbound.hear();
    return true;
  }

  /** The INIT ACK may come from another address than that of the INIT (RFC 9260 §5.1.2). */
  private static findByTag(tag: u32): bool {
    for (let i = 0; i < Associations.all.length; i++) {
      const each = Associations.all[i];
      if (each.state != AssociationState.cookieWait || each.localTag != tag) continue;
      if (each.localPort != OutOfTheBlue.localPort || each.peerPort != OutOfTheBlue.peerPort) continue;
      Inbound.association = each;
      return true;
    }
    return false;
  }

  /** The packet has the right tag, so the peer's endpoint is its sender from now on (RFC 6951 §5.4). */
  private static hear(): void {
    const association = changetype<Association>(changetype<usize>(Inbound.association));
    const index = association.pathTo(Carrier.source);
    if (index < 0) return;
    const path = association.paths[index];
    path.remote.port = Carrier.source.port;
    path.local.copy(Carrier.destination);
  }

  /** Handles a packet of no association (RFC 9260 §8.4). */
  private static answerOutOfTheBlue(first: usize, type: u32, length: u32, out: Outcome): void {
    Inbound.note(Reason.outOfTheBlue);
    if (type == ChunkType.abort || type == ChunkType.shutdownComplete || type == ChunkType.cookieAck) return;
    if (type == ChunkType.initAck) return;
    if (type == ChunkType.error && length >= 8 && load16(first + 4) == Cause.staleCookie) return;
    if (Inbound.hasAbort()) return;
    if (type == ChunkType.shutdownAck) OutOfTheBlue.complete(Inbound.tag, Inbound.now, out);
    else OutOfTheBlue.reflect(Inbound.tag, Inbound.now, out);
  }

  /** A packet with an ABORT anywhere in it gets no answer (RFC 9260 §9.1). */
  private static hasAbort(): bool {
    const at = Carrier.at;
    let offset = COMMON_HEADER;
    while (offset + CHUNK_HEADER <= Carrier.length) {
      if (load<u8>(at + offset) == ChunkType.abort) return true;
      const length = load16(at + offset + 2);
      if (length < CHUNK_HEADER) return false;
      offset += padded(length);
    }
    return false;
  }

  private static takeChunks(at: usize, length: u32, out: Outcome): void {
    Inbound.isOver = false;
    Inbound.hasData = false;
    Inbound.hasNewData = false;
    Inbound.isUrgent = false;
    let offset = COMMON_HEADER;
    while (offset < length && !Inbound.isOver) {
      const chunk = at + offset;
      const left = length - offset;
      const bytes: u32 = left < CHUNK_HEADER ? 0 : load16(chunk + 2);
      if (bytes < CHUNK_HEADER || bytes > left) {
        Inbound.note(Reason.badChunk);
        break;
      }
      Inbound.takeChunk(chunk, <u32>load<u8>(chunk), bytes, offset == COMMON_HEADER, out);
      offset += padded(bytes);
    }
    const association = changetype<Association>(changetype<usize>(Inbound.association));
    if (association.state == AssociationState.closed) return;
    if (Inbound.hasData) Inbound.endData(association, out);
    if (association.isOpen) Closing.proceed(association, Inbound.now, out);
  }

  private static takeChunk(chunk: usize, type: u32, length: u32, isFirst: bool, out: Outcome): void {
    const association = changetype<Association>(changetype<usize>(Inbound.association));
    const value = chunk + CHUNK_HEADER;
    const bytes = length - CHUNK_HEADER;
    const now = Inbound.now;
    switch (type) {
      case ChunkType.iData:
        if (!association.isInterleaved) return Inbound.takeUnknown(association, chunk, type, length, out);
        Inbound.takeData(association, chunk, length, out);
        return;
      case ChunkType.data:
        // RFC 8260 §2.2.3.
        if (association.isInterleaved) {
          Inbound.note(Reason.violation);
          return Inbound.abortViolation('it sent DATA where I-DATA was agreed', out);
        }
        Inbound.takeData(association, chunk, length, out);
        return;
      case ChunkType.sack: {
        // All data is acknowledged once a shutdown is under way, so a late SACK is an older one.
        if (!association.maySend)
          return Inbound.note(association.isOpen ? Reason.duplicate : Reason.wrongState);
        const reason = Sack.take(association, value, bytes, now);
        Inbound.note(reason);
        if (reason == Reason.violation) Inbound.abortViolation('it acknowledged what was not sent', out);
        return;
      }
      case ChunkType.heartbeat:
        return Inbound.takeHeartbeat(association, value, bytes, out);
      case ChunkType.heartbeatAck:
        return Inbound.takeHeartbeatAck(association, value, bytes);
      case ChunkType.init:
      case ChunkType.cookieEcho:
        // The one must be alone, and the other the first.
        if (type == ChunkType.init || !isFirst) Inbound.stop(Reason.badChunk);
        return;
      case ChunkType.initAck:
        Inbound.isOver = true;
        if (!isFirst || COMMON_HEADER + padded(length) < Carrier.length) return Inbound.note(Reason.badChunk);
        Inbound.note(Handshake.takeInitAck(association, chunk, length, now, out));
        if (association.state == AssociationState.cookieEchoed) Inbound.hear();
        return;
      case ChunkType.cookieAck:
        return Inbound.note(Handshake.takeCookieAck(association, now, out));
      case ChunkType.abort:
        Inbound.stop(Reason.closing);
        return Closing.lose(association, 'the peer aborted it', out);
      case ChunkType.error:
        return Inbound.takeError(association, value, bytes, out);
      case ChunkType.shutdown:
        return Inbound.takeShutdown(association, value, bytes, out);
      case ChunkType.shutdownAck:
        return Inbound.takeShutdownAck(association, out);
      case ChunkType.shutdownComplete:
        Inbound.isOver = true;
        // RFC 9260 §8.5.1 C: valid only while we wait for it, and alone (§6.10).
        if (association.state != AssociationState.shutdownAckSent) return Inbound.note(Reason.wrongState);
        if (!isFirst || COMMON_HEADER + padded(length) < Carrier.length) return Inbound.note(Reason.badChunk);
        Inbound.note(Reason.closing);
        return Closing.complete(association, out);
      case ChunkType.forwardTsn:
      case ChunkType.iForwardTsn:
        if (!association.isPartial || association.isInterleaved != (type == ChunkType.iForwardTsn))
          return Inbound.takeUnknown(association, chunk, type, length, out);
        return Inbound.takeForwardTsn(association, value, bytes);
      case ChunkType.reConfig:
        if ((association.features & Feature.reConfig) == 0)
          return Inbound.takeUnknown(association, chunk, type, length, out);
        if (!association.isOpen) return Inbound.note(Reason.wrongState);
        return Inbound.note(ReConfig.take(association, value, bytes, now, out));
      case ChunkType.pad:
        return Inbound.note(Reason.control);
      default:
        Inbound.takeUnknown(association, chunk, type, length, out);
    }
  }

  private static takeData(association: Association, chunk: usize, length: u32, out: Outcome): void {
    if (!association.mayReceive) return Inbound.note(Reason.wrongState);
    const header = association.isInterleaved ? I_DATA_HEADER : DATA_HEADER;
    if (length < header) return Inbound.stop(Reason.badChunk);
    const tsn = load32(chunk + 4);
    if (length == header) {
      // RFC 9260 §3.3.10.9.
      Inbound.stop(Reason.violation);
      store32(scratch, tsn);
      Closing.abort(association, Cause.noUserData, scratch, 4, 'it sent a chunk without data', out);
      return;
    }
    const flags = <u32>load<u8>(chunk, 1);
    const sid = load16(chunk + 8);
    const bytes = length - header;
    if (association.reconfiguration.holdsBack(tsn, sid)) {
      // It comes again when the stream is reset.
      Inbound.hasData = true;
      return Inbound.note(Reason.noBuffer);
    }
    const reason = association.incoming.take(
      tsn,
      sid,
      association.isInterleaved ? load32(chunk + 12) : load16(chunk + 10),
      association.isInterleaved ? load32(chunk + 16) : load32(chunk + 12),
      association.isInterleaved && (flags & FIRST_FRAGMENT) == 0 ? load32(chunk + 16) : 0,
      flags,
      chunk + header,
      bytes,
    );
    Inbound.note(reason);
    if (reason == Reason.violation) return Inbound.abortViolation('its fragments contradict each other', out);
    if (reason == Reason.tooLarge) {
      Inbound.isOver = true;
      Closing.abort(association, Cause.outOfResource, 0, 0, 'its message is larger than may be kept', out);
      return;
    }
    Inbound.hasData = true;
    if (reason == Reason.data) Inbound.hasNewData = true;
    const isUsual = reason == Reason.data || reason == Reason.abandoned;
    if ((flags & IMMEDIATE) != 0 || !isUsual) Inbound.isUrgent = true;
    if (reason == Reason.invalidStream) {
      // RFC 9260 §3.3.10.1: the stream, and two reserved bytes.
      store32(scratch, sid << 16);
      Control.cause(association, ChunkType.error, Cause.invalidStream, scratch, 4, out);
    }
  }

  /** For acknowledgements it counts as data (RFC 3758 §3.6). */
  private static takeForwardTsn(association: Association, value: usize, bytes: u32): void {
    if (!association.mayReceive) return Inbound.note(Reason.wrongState);
    const reason = ForwardTsn.take(association, value, bytes);
    Inbound.note(reason);
    Inbound.hasData = Inbound.hasData || reason != Reason.badChunk;
  }

  /** All DATA of the packet has been handled. */
  private static endData(association: Association, out: Outcome): void {
    const incoming = association.incoming;
    incoming.endPacket(Inbound.now, Inbound.isUrgent);
    if (association.state == AssociationState.shutdownSent) {
      // RFC 9260 §9.2: SHUTDOWN acknowledges it, with a SACK if there are gaps.
      Control.shutdown(association, out);
      Closing.startTimer(association, Inbound.now);
      if (incoming.tsns.hasGaps || incoming.tsns.duplicates > 0) Control.sack(association, out);
      else incoming.acknowledged(incoming.window);
    } else if (incoming.isSackDue && !association.outgoing.isWaiting) {
      // A SACK for every second packet. If there is data to send, it goes with that.
      Control.sack(association, out);
    }
  }

  private static takeHeartbeat(association: Association, value: usize, bytes: u32, out: Outcome): void {
    if (
      association.state < AssociationState.cookieEchoed ||
      association.state == AssociationState.shutdownAckSent
    )
      return Inbound.note(Reason.wrongState);
    // Its one parameter goes back unchanged to its sender (RFC 9260 §8.3).
    if (
      bytes < 4 ||
      load16(value) != ParameterType.heartbeatInfo ||
      padded(load16(value + 2)) != padded(bytes)
    )
      return Inbound.note(Reason.badParameter);
    Inbound.note(Reason.control);
    if (!OutOfTheBlue.open(association.peerTag, CHUNK_HEADER + bytes, out)) return;
    memory.copy(Packet.chunk(ChunkType.heartbeatAck, 0, CHUNK_HEADER + bytes), value, bytes);
    Packet.send(out);
  }

  private static takeHeartbeatAck(association: Association, value: usize, bytes: u32): void {
    if (!association.isOpen) return Inbound.note(Reason.wrongState);
    const index = Control.acknowledgedPath(association, value, bytes);
    if (index < 0) return Inbound.note(Reason.badParameter);
    const path = association.paths[index];
    const now = Inbound.now;
    path.isAwaitingHeartbeat = false;
    path.measure(now - path.heartbeatSentAt);
    if (!path.isConfirmed) path.scheduleHeartbeat(now);
    path.prove();
    association.errors = 0;
    Inbound.note(Reason.control);
  }

  private static takeError(association: Association, value: usize, bytes: u32, out: Outcome): void {
    Inbound.note(Reason.control);
    let offset: u32 = 0;
    while (offset < bytes) {
      const length: u32 = bytes - offset < 4 ? 0 : load16(value + offset + 2);
      if (length < 4 || length > bytes - offset) return Inbound.note(Reason.badParameter);
      if (load16(value + offset) == Cause.staleCookie && length == 8) {
        Inbound.note(Handshake.takeStaleness(association, load32(value + offset + 4), Inbound.now, out));
        return;
      }
      offset += padded(length);
    }
  }

  private static takeShutdown(association: Association, value: usize, bytes: u32, out: Outcome): void {
    if (bytes != 4) return Inbound.note(Reason.badChunk);
    if (!association.isOpen || association.state == AssociationState.shutdownAckSent)
      return Inbound.note(Reason.wrongState);
    const reason = Sack.takeCumulative(association, load32(value), Inbound.now);
    Inbound.note(reason);
    if (reason == Reason.violation)
      return Inbound.abortViolation('its SHUTDOWN acknowledged what was not sent', out);
    // If both sides closed at once, each answers the other (RFC 9260 §9.2).
    if (association.state == AssociationState.shutdownSent)
      Closing.answerShutdown(association, Inbound.now, out);
    else association.state = AssociationState.shutdownReceived;
  }

  private static takeShutdownAck(association: Association, out: Outcome): void {
    const state = association.state;
    if (state != AssociationState.shutdownSent && state != AssociationState.shutdownAckSent)
      return Inbound.note(Reason.wrongState);
    Inbound.stop(Reason.closing);
    Control.bare(association, ChunkType.shutdownComplete, out);
    Closing.complete(association, out);
  }

  /** The two highest bits of an unknown type determine the action (RFC 9260 §3.2). */
  private static takeUnknown(
    association: Association,
    chunk: usize,
    type: u32,
    length: u32,
    out: Outcome,
  ): void {
    if ((type & 0x80) == 0) Inbound.isOver = true;
    Inbound.note(Reason.unknownChunk);
    if ((type & 0x40) == 0 || !association.isOpen) return;
    Control.cause(association, ChunkType.error, Cause.unrecognisedChunk, chunk, min(length, 512), out);
  }

  private static abortViolation(why: string, out: Outcome): void {
    Inbound.isOver = true;
    const association = changetype<Association>(changetype<usize>(Inbound.association));
    Closing.abort(association, Cause.protocolViolation, 0, 0, why, out);
  }

  private static stop(reason: i32): void {
    Inbound.isOver = true;
    Inbound.note(reason);
  }

  /** Chooses the reason for the end of the packet: the first loss, else data, else the first reason. */
  private static note(reason: i32): void {
    const before = Inbound.reason;
    if (before < 0 || (before < Reason.notJoined && (reason >= Reason.notJoined || reason == Reason.data)))
      Inbound.reason = reason;
  }
}
