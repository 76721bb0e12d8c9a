import { Outcome } from 'funnel-tunnel/as';
import { load16, load32, store16, store32 } from 'funnel-tunnel/as/views/bytes';
import { Above } from './above';
import { Association } from './association';
import { Configuration } from './configuration';
import { CHUNK_HEADER, ChunkType, Feature, isBefore, ParameterType, padded } from './constants';
import { Control } from './control';
import { Packet } from './packet';
import { Reason } from './reasons';
import { RequestKind, ResetState } from './reconfiguration';

/** Results of requests (RFC 6525 §4.4). */
export const enum Result {
  nothingToDo,
  performed,
  denied,
  wrongNumber,
  alreadyInProgress,
  badSequenceNumber,
  inProgress,
}

/** Bytes of an Outgoing and an Incoming SSN Reset Request without streams, and of the others. */
const OUTGOING: u32 = 16;
const INCOMING: u32 = 8;
const RESET_ALL: u32 = 8;
const RESPONSE: u32 = 12;
const ADD: u32 = 12;

/** Reset and addition of streams: the chunk RE-CONFIG (RFC 6525). */
export abstract class ReConfig {
  // The results of the requests in one chunk.
  private static results: u32 = 0;
  private static firstNumber: u32 = 0;
  private static first: u32 = 0;
  private static second: u32 = 0;

  /**
   * Takes a chunk from above: an Outgoing SSN Reset Request names streams to reset, without numbers all; Add
   * Outgoing Streams a number of streams to add. The numbers of requests are left open.
   */
  static ask(association: Association, at: usize, length: u32): i32 {
    if (association.isOpen && !ReConfig.isSupported(association)) return Reason.notSupported;
    if (!association.takesMessages) return Reason.shuttingDown;
    const bytes: u32 = length < 8 ? 0 : load16(at + 2);
    if (bytes > length) return Reason.badMessage;
    const type = bytes == 0 ? 0 : load16(at);
    if (type == ParameterType.outgoingReset && bytes >= OUTGOING && (bytes & 1) == 0)
      return ReConfig.want(association, at + OUTGOING, (bytes - OUTGOING) / 2);
    if (type != ParameterType.addOutgoing || bytes != ADD) return Reason.badMessage;
    const reconfiguration = association.reconfiguration;
    const count = load16(at + 8);
    if (count == 0 || count > Configuration.streams - association.outgoing.streams)
      return Reason.invalidStream;
    if (reconfiguration.wantedStreams > 0) return Reason.wrongState;
    reconfiguration.wantedStreams = count;
    return Reason.accepted;
  }

  /** Wants resets of these streams, or of all if there are none. */
  private static want(association: Association, at: usize, count: u32): i32 {
    const streams = association.outgoing.streams;
    const reconfiguration = association.reconfiguration;
    for (let i: u32 = 0; i < count; i++) {
      const sid = load16(at + 2 * i);
      if (sid >= streams) return Reason.invalidStream;
      if (reconfiguration.resets[sid] != ResetState.none) return Reason.wrongState;
    }
    const last = count == 0 ? streams : count;
    for (let i: u32 = 0; i < last; i++) reconfiguration.want(count == 0 ? i : load16(at + 2 * i));
    return Reason.accepted;
  }

  /** Sends what is wanted, if no request is in flight (RFC 6525 §5.1.1). */
  static proceed(association: Association, now: f64, out: Outcome): void {
    const reconfiguration = association.reconfiguration;
    if (!ReConfig.isSupported(association)) {
      if (reconfiguration.wanted + reconfiguration.wantedStreams > 0) ReConfig.giveUp(association, out);
      return;
    }
    ReConfig.endDeferral(association, out);
    if (reconfiguration.kind != RequestKind.none || !association.maySend) return;
    if (reconfiguration.wanted > 0 && ReConfig.choose(association)) reconfiguration.kind = RequestKind.reset;
    else if (reconfiguration.wantedStreams > 0) reconfiguration.kind = RequestKind.addStreams;
    else return;
    reconfiguration.number = reconfiguration.next++;
    reconfiguration.lastTsn = association.outgoing.next - 1;
    reconfiguration.isInProgress = false;
    ReConfig.send(association, now, out);
  }

  private static isSupported(association: Association): bool {
    return (association.features & Feature.reConfig) != 0;
  }

  /** Denies the requests from before the association was open, because the peer does not support them. */
  private static giveUp(association: Association, out: Outcome): void {
    const reconfiguration = association.reconfiguration;
    for (let sid: u32 = 0; sid < Configuration.streams; sid++) association.outgoing.releaseStream(sid);
    reconfiguration.close();
    Above.resultNotice(association, reconfiguration.next, Result.denied, out);
  }

  /** Takes streams whose earlier messages all have TSNs into the next request. False if there is none. */
  private static choose(association: Association): bool {
    const reconfiguration = association.reconfiguration;
    const outgoing = association.outgoing;
    let left = (association.current.room - CHUNK_HEADER - OUTGOING) / 2;
    let isAny = false;
    for (let sid: u32 = 0; sid < outgoing.streams && left > 0; sid++) {
      if (reconfiguration.resets[sid] != ResetState.wanted || !outgoing.queue.isHeld(sid)) continue;
      reconfiguration.resets[sid] = <u8>ResetState.requested;
      reconfiguration.wanted--;
      isAny = true;
      left--;
    }
    return isAny;
  }

  /** Sends the request that is in flight. */
  static send(association: Association, now: f64, out: Outcome): void {
    const reconfiguration = association.reconfiguration;
    const path = association.current;
    reconfiguration.timer = now + path.rto;
    if (!Control.open(association, path, path.room, out)) return;
    if (reconfiguration.kind == RequestKind.addStreams) {
      const at = Packet.chunk(ChunkType.reConfig, 0, CHUNK_HEADER + ADD);
      store16(at, ParameterType.addOutgoing);
      store16(at + 2, ADD);
      store32(at + 4, reconfiguration.number);
      store16(at + 8, reconfiguration.wantedStreams);
      store16(at + 10, 0);
    } else {
      let count: u32 = 0;
      for (let sid: u32 = 0; sid < association.outgoing.streams; sid++)
        if (reconfiguration.resets[sid] == ResetState.requested) count++;
      const length = OUTGOING + 2 * count;
      const at = Packet.chunk(ChunkType.reConfig, 0, CHUNK_HEADER + length);
      store16(at, ParameterType.outgoingReset);
      store16(at + 2, length);
      store32(at + 4, reconfiguration.number);
      store32(at + 8, reconfiguration.expected - 1);
      store32(at + 12, reconfiguration.lastTsn);
      let to = at + OUTGOING;
      for (let sid: u32 = 0; sid < association.outgoing.streams; sid++) {
        if (reconfiguration.resets[sid] != ResetState.requested) continue;
        store16(to, sid);
        to += 2;
      }
    }
    Packet.send(out);
  }

  /** Takes a chunk from the peer, by the address of its value. */
  static take(association: Association, at: usize, length: u32, now: f64, out: Outcome): i32 {
    // All lengths are checked before anything changes.
    for (let offset: u32 = 0; offset < length; ) {
      const bytes: u32 = length - offset < 8 ? 0 : load16(at + offset + 2);
      if (bytes < 8 || bytes > length - offset || !isPossible(load16(at + offset), bytes))
        return Reason.badParameter;
      offset += padded(bytes);
    }
    ReConfig.results = 0;
    for (let offset: u32 = 0; offset < length; ) {
      const parameter = at + offset;
      const bytes = load16(parameter + 2);
      const type = load16(parameter);
      if (type == ParameterType.reConfigResponse)
        ReConfig.takeResponse(association, load32(parameter + 4), load32(parameter + 8), now, out);
      else if (type >= <u32>ParameterType.outgoingReset && type <= <u32>ParameterType.addIncoming)
        ReConfig.takeRequest(association, type, parameter, bytes);
      // The type of an unknown parameter ends the chunk (RFC 6525 §4).
      else break;
      offset += padded(bytes);
    }
    if (ReConfig.results > 0) {
      // A SACK helps the peer to complete the reset (RFC 6525 §5.2.1).
      association.incoming.isSackDue = true;
      ReConfig.answer(
        association,
        ReConfig.firstNumber,
        ReConfig.results,
        ReConfig.first,
        ReConfig.second,
        out,
      );
    }
    return Reason.control;
  }

  private static answer(
    association: Association,
    number: u32,
    count: u32,
    first: u32,
    second: u32,
    out: Outcome,
  ): void {
    if (!Control.open(association, association.current, CHUNK_HEADER + RESPONSE * count, out)) return;
    let at = Packet.chunk(ChunkType.reConfig, 0, CHUNK_HEADER + RESPONSE * count);
    for (let i: u32 = 0; i < count; i++, at += RESPONSE) {
      store16(at, ParameterType.reConfigResponse);
      store16(at + 2, RESPONSE);
      store32(at + 4, number + i);
      store32(at + 8, i == 0 ? first : second);
    }
    Packet.send(out);
  }

  /** One request of the peer. A repeated one gets its result again, or a later one. */
  private static takeRequest(association: Association, type: u32, at: usize, length: u32): void {
    const reconfiguration = association.reconfiguration;
    const number = load32(at + 4);
    let result: u32 = Result.badSequenceNumber;
    if (number == reconfiguration.expected) {
      if (ReConfig.results == 0) reconfiguration.results = 0;
      reconfiguration.expected++;
      result = ReConfig.perform(association, type, at, length);
      if (reconfiguration.results == 0) reconfiguration.firstResult = result;
      else reconfiguration.secondResult = result;
      reconfiguration.results = min(reconfiguration.results + 1, 2);
    } else {
      // The last chunk of requests had the numbers up to the one before the expected.
      const back = reconfiguration.expected - number;
      if (back >= 1 && back <= reconfiguration.results) {
        const isFirst = back == reconfiguration.results;
        result = isFirst ? reconfiguration.firstResult : reconfiguration.secondResult;
      }
    }
    if (ReConfig.results == 0) {
      ReConfig.firstNumber = number;
      ReConfig.first = result;
    } else {
      ReConfig.second = result;
    }
    ReConfig.results = min(ReConfig.results + 1, 2);
  }

  private static perform(association: Association, type: u32, at: usize, length: u32): u32 {
    const incoming = association.incoming;
    switch (type) {
      case ParameterType.outgoingReset:
        return ReConfig.resetIncoming(association, at, length);
      case ParameterType.incomingReset:
        return ReConfig.resetOutgoing(association, at + INCOMING, (length - INCOMING) / 2);
      case ParameterType.addOutgoing: {
        const count = load16(at + 8);
        if (count == 0) return Result.nothingToDo;
        if (count > Configuration.streams - incoming.streams) return Result.denied;
        incoming.streams += count;
        return Result.performed;
      }
      default:
        // This side resets no TSNs, and adds streams of its own accord only.
        return Result.denied;
    }
  }

  /** The peer resets streams: at once, or when all data up to its last TSN has come. */
  private static resetIncoming(association: Association, at: usize, length: u32): u32 {
    const reconfiguration = association.reconfiguration;
    const incoming = association.incoming;
    if (reconfiguration.isDeferred) return Result.alreadyInProgress;
    const count = (length - OUTGOING) / 2;
    for (let i: u32 = 0; i < count; i++)
      if (load16(at + OUTGOING + 2 * i) >= incoming.streams) return Result.wrongNumber;
    const deferred = changetype<usize>(reconfiguration.deferred);
    memory.fill(deferred, count == 0 ? 1 : 0, <usize>incoming.streams);
    for (let i: u32 = 0; i < count; i++) store<u8>(deferred + load16(at + OUTGOING + 2 * i), 1);
    reconfiguration.isDeferred = true;
    reconfiguration.deferredTsn = load32(at + 12);
    reconfiguration.deferredNumber = load32(at + 4);
    if (isBefore(incoming.tsns.cumulative, reconfiguration.deferredTsn)) return Result.inProgress;
    ReConfig.performDeferred(association);
    return Result.performed;
  }

  /** Performs the peer's reset when its data has come, and reports that (§5.2.2 E2 to E6). */
  private static endDeferral(association: Association, out: Outcome): void {
    const reconfiguration = association.reconfiguration;
    if (
      !reconfiguration.isDeferred ||
      isBefore(association.incoming.tsns.cumulative, reconfiguration.deferredTsn)
    )
      return;
    ReConfig.performDeferred(association);
    const number = reconfiguration.deferredNumber;
    const back = reconfiguration.expected - number;
    if (back == reconfiguration.results) reconfiguration.firstResult = Result.performed;
    else reconfiguration.secondResult = Result.performed;
    ReConfig.answer(association, number, 1, Result.performed, 0, out);
  }

  private static performDeferred(association: Association): void {
    const reconfiguration = association.reconfiguration;
    reconfiguration.isDeferred = false;
    association.incoming.reset(reconfiguration.deferred);
  }

  /** The peer wants us to reset streams; our request will answer it. */
  private static resetOutgoing(association: Association, at: usize, count: u32): u32 {
    const streams = association.outgoing.streams;
    const reconfiguration = association.reconfiguration;
    for (let i: u32 = 0; i < count; i++) if (load16(at + 2 * i) >= streams) return Result.wrongNumber;
    let isAny = false;
    const last = count == 0 ? streams : count;
    for (let i: u32 = 0; i < last; i++)
      if (reconfiguration.want(count == 0 ? i : load16(at + 2 * i))) isAny = true;
    // A reset that is under way already leads to the same (§5.2.3).
    return isAny ? Result.performed : Result.nothingToDo;
  }

  private static takeResponse(
    association: Association,
    number: u32,
    result: u32,
    now: f64,
    out: Outcome,
  ): void {
    const reconfiguration = association.reconfiguration;
    if (reconfiguration.kind == RequestKind.none || number != reconfiguration.number) return;
    association.errors = 0;
    if (result == Result.inProgress) {
      reconfiguration.isInProgress = true;
      reconfiguration.timer = now + association.current.rto;
      return;
    }
    reconfiguration.timer = Infinity;
    const isDone = result == Result.performed || result == Result.nothingToDo;
    if (reconfiguration.kind == RequestKind.addStreams) {
      if (isDone) association.outgoing.streams += reconfiguration.wantedStreams;
      reconfiguration.wantedStreams = 0;
      Above.resultNotice(association, number, result, out);
    } else {
      ReConfig.endReset(association, isDone);
      Above.resultNotice(association, number, result, out);
    }
    reconfiguration.kind = RequestKind.none;
  }

  private static endReset(association: Association, isDone: bool): void {
    const reconfiguration = association.reconfiguration;
    const outgoing = association.outgoing;
    for (let sid: u32 = 0; sid < outgoing.streams; sid++) {
      if (reconfiguration.resets[sid] != ResetState.requested) continue;
      reconfiguration.resets[sid] = <u8>ResetState.none;
      if (isDone) outgoing.reset(sid);
      outgoing.releaseStream(sid);
    }
  }
}

function isPossible(type: u32, length: u32): bool {
  switch (type) {
    case ParameterType.outgoingReset:
      return length >= OUTGOING && (length & 1) == 0;
    case ParameterType.incomingReset:
      return (length & 1) == 0;
    case ParameterType.resetTsns:
      return length == RESET_ALL;
    case ParameterType.reConfigResponse:
      return length == RESPONSE || length == 20;
    case ParameterType.addOutgoing:
    case ParameterType.addIncoming:
      return length == ADD;
    default:
      return true;
  }
}
