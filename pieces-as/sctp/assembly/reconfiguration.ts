import { State } from 'funnel-tunnel/as';
import { Configuration } from './configuration';
import { isBefore } from './constants';

/** The state of a stream to the peer with regard to its reset. */
export const enum ResetState {
  none,
  /** A reset is wanted; messages from before may still wait. */
  wanted,
  /** The request in flight names the stream. */
  requested,
}

/** The kind of our request that is in flight. */
export const enum RequestKind {
  none,
  reset,
  addStreams,
}

/** The changes to the streams of an association that are under way (RFC 6525). */
export class Reconfiguration {
  /** The number of our next request, and of the peer's. */
  next: u32 = 0;
  expected: u32 = 0;

  kind: i32 = RequestKind.none;
  /** Our request: its number, the last TSN before it, and the number that it answers. */
  number: u32 = 0;
  lastTsn: u32 = 0;
  answered: u32 = 0;
  /** When the request is sent again. */
  timer: f64 = Infinity;
  /** The peer works on the request, so that a repetition is no error (RFC 6525 §5.2.7 H2). */
  isInProgress: bool = false;
  /** By stream to the peer. */
  readonly resets: StaticArray<u8> = new StaticArray<u8>(<i32>Configuration.streams);
  wanted: u32 = 0;
  /** Streams to add to those to the peer. */
  wantedStreams: u32 = 0;

  /** The results of the last request chunk of the peer, which may come again. */
  results: u32 = 0;
  firstResult: u32 = 0;
  secondResult: u32 = 0;

  /** The peer's reset waits for all data up to a TSN (RFC 6525 §5.2.2 E2). */
  isDeferred: bool = false;
  deferredTsn: u32 = 0;
  deferredNumber: u32 = 0;
  /** By stream from the peer: whether that reset concerns it. */
  readonly deferred: StaticArray<u8> = new StaticArray<u8>(<i32>Configuration.streams);

  open(initialTsn: u32, peerTsn: u32): void {
    this.next = initialTsn;
    this.expected = peerTsn;
  }

  close(): void {
    this.kind = RequestKind.none;
    this.timer = Infinity;
    this.isInProgress = false;
    this.wanted = 0;
    this.wantedStreams = 0;
    this.results = 0;
    this.isDeferred = false;
    memory.fill(changetype<usize>(this.resets), 0, <usize>Configuration.streams);
    memory.fill(changetype<usize>(this.deferred), 0, <usize>Configuration.streams);
  }

  /** A reset of a stream to the peer is wanted. False if one is wanted or under way already. */
  want(sid: u32): bool {
    if (this.resets[sid] != ResetState.none) return false;
    this.resets[sid] = <u8>ResetState.wanted;
    this.wanted++;
    return true;
  }

  /** Whether data is from behind a reset of its stream that is not performed yet (RFC 6525 §5.2.2 E2). */
  holdsBack(tsn: u32, sid: u32): bool {
    if (!this.isDeferred || sid >= Configuration.streams || !isBefore(this.deferredTsn, tsn)) return false;
    return this.deferred[sid] != 0;
  }

  get stateBytes(): u32 {
    return 64 + 2 * Configuration.streams;
  }

  state(state: State): void {
    this.next = state.u32(this.next);
    this.expected = state.u32(this.expected);
    this.kind = state.i32(this.kind);
    this.number = state.u32(this.number);
    this.lastTsn = state.u32(this.lastTsn);
    this.answered = state.u32(this.answered);
    this.timer = state.instant(this.timer);
    this.isInProgress = state.bool(this.isInProgress);
    this.wanted = state.u32(this.wanted);
    this.wantedStreams = state.u32(this.wantedStreams);
    this.results = state.u32(this.results);
    this.firstResult = state.u32(this.firstResult);
    this.secondResult = state.u32(this.secondResult);
    this.isDeferred = state.bool(this.isDeferred);
    this.deferredTsn = state.u32(this.deferredTsn);
    this.deferredNumber = state.u32(this.deferredNumber);
    const streams = state.count(<i32>Configuration.streams, <i32>Configuration.streams);
    state.bytes(changetype<usize>(this.resets), streams);
    state.bytes(changetype<usize>(this.deferred), streams);
  }
}
