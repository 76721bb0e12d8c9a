import { Frame, Outcome, Role } from 'funnel-tunnel/as';
import { load16, load32 } from 'funnel-tunnel/as/views/bytes';
import { Ipv4 } from 'funnel-tunnel/as/views/ipv4';
import { Ipv6 } from 'funnel-tunnel/as/views/ipv6';
import { Endpoint } from '../../frame-sequence/assembly/endpoint';
import { Abandonment } from './abandonment';
import { Association, Associations } from './association';
import { Body } from './body';
import { Carrier } from './carrier';
import { Closing } from './closing';
import { Configuration } from './configuration';
import {
  BEHIND_RESET,
  Cause,
  CHUNK_HEADER,
  ChunkType,
  COMMON_HEADER,
  DATA_HEADER,
  IMMEDIATE,
  UNORDERED,
} from './constants';
import { Handshake } from './handshake';
import { ReConfig } from './re-config';
import { end, Reason } from './reasons';
import { Reliability } from './reliability';

const remote: Endpoint = new Endpoint();
const local: Endpoint = new Endpoint();

/**
 * Handles frames from the Edge `streams`, which are packets in the form that their receiver will see. A DATA
 * chunk is a message; the first one to a peer opens an association. SHUTDOWN and ABORT close one, INIT opens
 * one.
 */
export abstract class Messages {
  static take(frame: Frame, now: f64, out: Outcome): void {
    end(out, frame.ticket, Messages.takeFrame(frame, now, out));
  }

  private static takeFrame(frame: Frame, now: f64, out: Outcome): i32 {
    if (frame.hasMore || frame.isContinued) return Reason.tooLarge;
    const count = Carrier.endOf(frame);
    let i = <i32>frame.skipHeaders;
    if (i >= count || frame.part(i).role != Role.Header) return Reason.badMessage;
    const network = frame.part(i);
    while (i < count && frame.part(i).role == Role.Header && frame.part(i).protocol != Carrier.sctp) i++;
    if (
      i >= count ||
      frame.part(i).role != Role.Header ||
      !Messages.readAddresses(network.protocol, network.bytes, network.length)
    )
      return Reason.badMessage;
    if (!Body.gather(frame, i, count, out)) return Reason.noBuffer;
    const at = Body.at;
    if (Body.length < COMMON_HEADER + CHUNK_HEADER) return Reason.badMessage;
    const localPort = load16(at);
    const peerPort = load16(at + 2);
    if (localPort == 0 || peerPort == 0) return Reason.badMessage;
    if (Carrier.edge < 0) return Reason.notJoined;
    const chunk = at + COMMON_HEADER;
    const left = Body.length - COMMON_HEADER;
    const type = <u32>load<u8>(chunk);
    const association = Associations.find(localPort, peerPort, remote);
    if (type == ChunkType.data) return Messages.send(association, localPort, peerPort, chunk, left, now, out);
    if (type == ChunkType.init) {
      if (association !== null) return Reason.duplicate;
      return Handshake.associate(localPort, peerPort, remote, local, now, out) === null
        ? Reason.tooManyAssociations
        : Reason.accepted;
    }
    if (type != ChunkType.shutdown && type != ChunkType.abort && type != ChunkType.reConfig)
      return Reason.badMessage;
    if (association === null) return Reason.wrongState;
    if (type == ChunkType.reConfig) {
      return ReConfig.ask(association, chunk + CHUNK_HEADER, left - CHUNK_HEADER);
    }
    if (type == ChunkType.abort) {
      Closing.abort(association, Cause.userAbort, 0, 0, 'the upper layer aborted it', out);
    } else {
      association.isClosing = true;
      if (association.isOpen) Closing.proceed(association, now, out);
    }
    return Reason.accepted;
  }

  private static send(
    found: Association | null,
    localPort: u32,
    peerPort: u32,
    chunk: usize,
    left: u32,
    now: f64,
    out: Outcome,
  ): i32 {
    if (left <= DATA_HEADER) return Reason.badMessage;
    let length = load16(chunk + 2);
    // An open length means all the rest.
    if (length == 0) length = left;
    if (length <= DATA_HEADER || length > left) return Reason.badMessage;
    length -= DATA_HEADER;
    if (length > Configuration.maxMessage) return Reason.tooLarge;
    const sid = load16(chunk + 8);
    if (sid >= (found === null ? Configuration.streams : found.outgoing.streams)) return Reason.invalidStream;
    if (found !== null && !found.takesMessages) return Reason.shuttingDown;
    const association =
      found === null ? Handshake.associate(localPort, peerPort, remote, local, now, out) : found;
    if (association === null) return Reason.tooManyAssociations;
    const most = association.mostInFragment;
    if (!association.outgoing.hasRoomFor(length, most)) {
      if (!Abandonment.makeRoom(association, length, most, Reliability.priorityOf(sid)))
        return Reason.sendBufferFull;
    }
    let flags = <u32>load<u8>(chunk, 1) & (UNORDERED | IMMEDIATE);
    if (association.isBehindReset(sid)) flags |= BEHIND_RESET;
    association.outgoing.add(chunk + DATA_HEADER, length, most, sid, load32(chunk + 12), flags, now);
    return Reason.accepted;
  }

  private static readAddresses(protocol: u16, at: usize, length: u32): bool {
    const here = Configuration.encapsulation;
    const there = Configuration.remoteEncapsulation;
    const localPort = there == 0 ? 0 : here;
    if (protocol == Carrier.ipv4 && Ipv4.fits(at, length)) {
      local.setIpv4(Ipv4.source(at), localPort);
      remote.setIpv4(Ipv4.destination(at), there);
      return remote.low != 0;
    }
    if (protocol != Carrier.ipv6 || length < Ipv6.BYTES) return false;
    local.readIpv6(Ipv6.source(at), localPort);
    remote.readIpv6(Ipv6.destination(at), there);
    return (remote.low | remote.high) != 0;
  }
}
