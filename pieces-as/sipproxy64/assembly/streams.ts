// Streams of media: each is an `m=` line of a dialog, with an end toward each of the two sides.
//
//                     end 0                        end 1
//   side 0  ◀────▶  pair of ports  ── stream ──  pair of ports  ◀────▶  side 1
//   where it is                                                         where it is
//
// The SDP to each side names the pair of its own end. Packets that come there from the place in that side's
// SDP leave from the pair of the other end, for the place of that side. Several dialogs of one call (forking)
// share the pair toward the caller's offer: its ends are chained, and the source selects one.

import { State } from 'funnel-tunnel/as';
import { Configuration } from './configuration';
import { isForbidden } from './destinations';
import { copyEndpoint, isNullAddress, sameAddress } from './endpoint';
import { NO_PAIR, Ports } from './ports';

@inline export const NO_STREAM: i32 = -1;
@inline export const NO_END: i32 = -1;

// A stream.
@inline const DIALOG: usize = 0;
@inline const LINE: usize = 4;
@inline const NEXT: usize = 8;
@inline const ENDS: usize = 16;
// An end of it.
@inline const PAIR: usize = 0;
@inline const CHAINED: usize = 4;
@inline const FAMILY: usize = 8;
@inline const FLAGS: usize = 9;
@inline const RTP: usize = 16;
@inline const RTCP: usize = 40;
/** The values before an offer that is not answered yet. */
@inline const OLD_RTP: usize = 64;
@inline const OLD_RTCP: usize = 88;
/** The source of this side's signalling. */
@inline const SIGNALLED: usize = 112;
/** The place in its last SDP, whatever was learned since. */
@inline const SAID: usize = 136;
@inline const END: usize = 160;
@inline const STREAM: usize = 336;

/** Flags of an end. */
@inline const IS_KNOWN: u8 = 1;
/** It is on hold by a null address, so nothing is sent there. */
@inline const IS_NULL: u8 = 2;
/** Nothing may be sent there, whatever its SDP says. */
@inline const IS_FORBIDDEN: u8 = 4;
/** Its place was learned from its packets. */
@inline const IS_LEARNED: u8 = 8;
@inline const HAS_OLD: u8 = 16;
@inline const OLD_FLAGS_SHIFT: u8 = 5;

let table: usize = 0;
let capacity: i32 = 0;
let firstFree: i32 = NO_STREAM;

export abstract class Streams {
  static start(): void {
    capacity = Configuration.calls * 2 + 16;
    table = heap.alloc(<usize>capacity * STREAM);
    memory.fill(table, 0, <usize>capacity * STREAM);
    Streams.clear();
  }

  private static clear(): void {
    firstFree = NO_STREAM;
    for (let i = capacity - 1; i >= 0; i--) free(i);
  }

  /** Adds a stream without ports in front of others of its dialog; `NO_STREAM` if there is no room. */
  static add(dialog: i32, line: i32, next: i32): i32 {
    const stream = firstFree;
    if (stream == NO_STREAM) return NO_STREAM;
    const at = atOf(stream);
    firstFree = load<i32>(at, NEXT);
    memory.fill(at, 0, STREAM);
    store<i32>(at, dialog, DIALOG);
    store<i32>(at, line, LINE);
    store<i32>(at, next, NEXT);
    store<i32>(at + ENDS, NO_PAIR, PAIR);
    store<i32>(at + ENDS + END, NO_PAIR, PAIR);
    return stream;
  }

  /** Ends a stream, and gives back its ports; returns the next of its dialog. */
  static end(stream: i32): i32 {
    const next = load<i32>(atOf(stream), NEXT);
    Streams.dropPair(stream * 2);
    Streams.dropPair(stream * 2 + 1);
    free(stream);
    return next;
  }

  @inline static next(stream: i32): i32 {
    return load<i32>(atOf(stream), NEXT);
  }

  @inline static line(stream: i32): i32 {
    return load<i32>(atOf(stream), LINE);
  }

  @inline static dialog(stream: i32): i32 {
    return load<i32>(atOf(stream), DIALOG);
  }

  // An end is `stream * 2 + side`.

  @inline static pair(end: i32): i32 {
    return load<i32>(endAt(end), PAIR);
  }

  @inline static family(end: i32): u32 {
    return load<u8>(endAt(end), FAMILY);
  }

  @inline static chained(end: i32): i32 {
    return load<i32>(endAt(end), CHAINED);
  }

  /** Gives an end a pair, which may serve others already. */
  static setPair(end: i32, family: u32, pair: i32): void {
    const at = endAt(end);
    store<i32>(at, pair, PAIR);
    store<u8>(at, <u8>family, FAMILY);
    store<i32>(at, Ports.head(family, pair), CHAINED);
    Ports.setHead(family, pair, end);
  }

  /** Takes an end off its pair, which becomes free when it serves no other. */
  static dropPair(end: i32): void {
    const at = endAt(end);
    const pair = load<i32>(at, PAIR);
    if (pair == NO_PAIR) return;
    const family = Streams.family(end);
    const next = load<i32>(at, CHAINED);
    let other = Ports.head(family, pair);
    if (other == end) {
      Ports.setHead(family, pair, next);
      if (next == NO_END) Ports.give(family, pair);
    } else {
      while (Streams.chained(other) != end) other = Streams.chained(other);
      store<i32>(endAt(other), next, CHAINED);
    }
    store<i32>(at, NO_PAIR, PAIR);
  }

  /** Sets the place that a side names. `signalled` is the source of its signalling. */
  static locate(end: i32, rtp: usize, rtcp: usize, signalled: usize): void {
    const at = endAt(end);
    const flags = load<u8>(at, FLAGS);
    // A repetition, as by a retransmission or a refresh, keeps what was learned meanwhile.
    const isLearned = (flags & IS_LEARNED) != 0;
    if ((flags & IS_KNOWN) != 0 && same(at + SAID, rtp) && (isLearned || same(at + RTCP, rtcp))) return;
    if ((flags & IS_KNOWN) != 0 && (flags & HAS_OLD) == 0) {
      copyEndpoint(at + OLD_RTP, at + RTP);
      copyEndpoint(at + OLD_RTCP, at + RTCP);
    }
    const old: u8 =
      flags & IS_KNOWN
        ? HAS_OLD | (flags & HAS_OLD ? flags & (3 << OLD_FLAGS_SHIFT) : ((flags >> 1) & 3) << OLD_FLAGS_SHIFT)
        : 0;
    copyEndpoint(at + RTP, rtp);
    copyEndpoint(at + SAID, rtp);
    copyEndpoint(at + RTCP, rtcp);
    copyEndpoint(at + SIGNALLED, signalled);
    store<u8>(
      at,
      old | IS_KNOWN | (isNullAddress(rtp) ? IS_NULL : isForbidden(rtp) ? IS_FORBIDDEN : 0),
      FLAGS,
    );
  }

  /** The offer was accepted, and the earlier values are dropped. */
  static settle(end: i32): void {
    const at = endAt(end);
    store<u8>(at, load<u8>(at, FLAGS) & 15, FLAGS);
  }

  /** The offer was refused, and the earlier values hold (RFC 3264 §8). */
  static goBack(end: i32): void {
    const at = endAt(end);
    const flags = load<u8>(at, FLAGS);
    if ((flags & HAS_OLD) == 0) return;
    copyEndpoint(at + RTP, at + OLD_RTP);
    copyEndpoint(at + SAID, at + OLD_RTP);
    copyEndpoint(at + RTCP, at + OLD_RTCP);
    store<u8>(at, IS_KNOWN | (((flags >> OLD_FLAGS_SHIFT) & 3) << 1), FLAGS);
  }

  @inline static isKnown(end: i32): bool {
    return (load<u8>(endAt(end), FLAGS) & IS_KNOWN) != 0;
  }

  @inline static isNull(end: i32): bool {
    return (load<u8>(endAt(end), FLAGS) & IS_NULL) != 0;
  }

  /** Whether packets may be sent to its place. */
  @inline static takes(end: i32): bool {
    return (load<u8>(endAt(end), FLAGS) & (IS_KNOWN | IS_NULL | IS_FORBIDDEN)) == IS_KNOWN;
  }

  @inline static rtp(end: i32): usize {
    return endAt(end) + RTP;
  }

  @inline static rtcp(end: i32): usize {
    return endAt(end) + RTCP;
  }

  /** Whether a packet from this source belongs to this side. */
  static isFrom(end: i32, isRtcp: bool, source: usize): bool {
    const at = endAt(end);
    const flags = load<u8>(at, FLAGS);
    if ((flags & IS_KNOWN) == 0) return false;
    if (sameAddress(isRtcp ? at + RTCP : at + RTP, source)) return true;
    // A phone behind a NAT names an address that is not visible outside. Its signalling came from the NAT.
    return Configuration.symmetric && (flags & IS_NULL) == 0 && sameAddress(at + SIGNALLED, source);
  }

  /** A packet from a side's host shows its place; once, until its SDP names another. */
  static learn(end: i32, isRtcp: bool, source: usize): void {
    const at = endAt(end);
    const flags = load<u8>(at, FLAGS);
    const known = isRtcp ? at + RTCP : at + RTP;
    if ((flags & (IS_LEARNED | IS_NULL)) != 0 || same(known, source) || isForbidden(source)) return;
    copyEndpoint(known, source);
    // RTCP may come first, and does not show the place of RTP.
    if (!isRtcp) store<u8>(at, (flags | IS_LEARNED) & ~IS_FORBIDDEN, FLAGS);
  }

  /** The end of the other side. */
  @inline static opposite(end: i32): i32 {
    return end ^ 1;
  }

  /** Copies a stream for a further dialog of the same call, in which the offer of this side holds too. */
  static copyOffer(to: i32, from: i32): void {
    memory.copy(endAt(to) + FLAGS, endAt(from) + FLAGS, END - FLAGS);
  }

  /** The state of one stream of a dialog; ports are claimed when it is restored. */
  static state(state: State, stream: i32): void {
    const at = atOf(stream);
    const ends = at + ENDS;
    // Both ends unchanged, and their ports, since the settings may give another range.
    const port0 = state.u16(portOf(ends));
    const port1 = state.u16(portOf(ends + END));
    state.bytes(at + LINE, 4);
    state.bytes(ends, <i32>(2 * END));
    if (!state.isRestoring) return;
    claim(stream * 2, port0);
    claim(stream * 2 + 1, port1);
  }
}

/** The port of an end; 0 if it has none. */
@inline
function portOf(end: usize): u16 {
  const pair = load<i32>(end, PAIR);
  return pair == NO_PAIR ? 0 : <u16>Ports.port(pair);
}

/** Gives an end of a restored stream its port again, if the settings still allow that. */
function claim(end: i32, port: u16): void {
  const family = Streams.family(end);
  store<i32>(endAt(end), NO_PAIR, PAIR);
  const pair = port == 0 ? NO_PAIR : Ports.pairOf(port);
  if (pair != NO_PAIR && (family == 4 || family == 6)) Streams.setPair(end, family, pair);
}

@inline
function same(a: usize, b: usize): bool {
  return sameAddress(a, b) && load<u16>(a, 16) == load<u16>(b, 16);
}

@inline
function atOf(stream: i32): usize {
  return table + <usize>stream * STREAM;
}

@inline
function endAt(end: i32): usize {
  return table + <usize>(end >> 1) * STREAM + ENDS + <usize>(end & 1) * END;
}

function free(stream: i32): void {
  store<i32>(atOf(stream), firstFree, NEXT);
  firstFree = stream;
}
