/** Types of chunks (RFC 9260 §3.2). */
export const enum ChunkType {
  data = 0,
  init = 1,
  initAck = 2,
  sack = 3,
  heartbeat = 4,
  heartbeatAck = 5,
  abort = 6,
  shutdown = 7,
  shutdownAck = 8,
  error = 9,
  cookieEcho = 10,
  cookieAck = 11,
  ecne = 12,
  cwr = 13,
  shutdownComplete = 14,
  iData = 64,
  reConfig = 130,
  pad = 132,
  forwardTsn = 192,
  iForwardTsn = 194,
}

/** Types of parameters (RFC 9260 §3.3.2, §3.3.3). */
export const enum ParameterType {
  heartbeatInfo = 1,
  ipv4 = 5,
  ipv6 = 6,
  cookie = 7,
  unrecognised = 8,
  preservative = 9,
  hostName = 11,
  addressTypes = 12,
  outgoingReset = 13,
  incomingReset = 14,
  resetTsns = 15,
  reConfigResponse = 16,
  addOutgoing = 17,
  addIncoming = 18,
  ecn = 0x8000,
  zeroChecksum = 0x8001,
  extensions = 0x8008,
  forwardTsn = 0xc000,
}

/** Codes of error causes (RFC 9260 §3.3.10). */
export const enum Cause {
  invalidStream = 1,
  missingParameter = 2,
  staleCookie = 3,
  outOfResource = 4,
  unresolvableAddress = 5,
  unrecognisedChunk = 6,
  invalidParameter = 7,
  unrecognisedParameters = 8,
  noUserData = 9,
  cookieWhileShuttingDown = 10,
  restartWithNewAddresses = 11,
  userAbort = 12,
  protocolViolation = 13,
}

/** States of an association (RFC 9260 §4). */
export const enum AssociationState {
  closed,
  cookieWait,
  cookieEchoed,
  established,
  shutdownPending,
  shutdownSent,
  shutdownReceived,
  shutdownAckSent,
}

/** Extensions of RFC 9260 that both sides of an association support, as bits. */
export const enum Feature {
  /** Partial reliability (RFC 3758). */
  partial = 1,
  /** Stream reset (RFC 6525). */
  reConfig = 2,
  /** Interleaving of messages (RFC 8260). */
  interleaving = 4,
  /** Packets without a checksum, where the carrier detects errors (RFC 9653). */
  zeroChecksum = 8,
}

/** Flags of a DATA chunk (RFC 9260 §3.3.1). */
export const LAST_FRAGMENT: u32 = 1;
export const FIRST_FRAGMENT: u32 = 2;
export const UNORDERED: u32 = 4;
export const IMMEDIATE: u32 = 8;
/** In `Chunk.flags`: the bits that go on the wire. */
export const WIRE_FLAGS: u32 = 15;
/** In `Chunk.flags`: the message waits for the reset of its stream (RFC 6525 §5.1.2 A1). */
export const BEHIND_RESET: u32 = 128;
/** In `Chunk.flags`: no message, but a parameter of RE-CONFIG that goes up in its place. */
export const NOTICE: u32 = 64;
/**
 * In ABORT and SHUTDOWN COMPLETE: the receiver's peer chose the tag, and the sender reflects it (RFC 9260
 * §8.5.1).
 */
export const REFLECTED_TAG: u32 = 1;

export const COMMON_HEADER: u32 = 12;
export const CHUNK_HEADER: u32 = 4;
export const DATA_HEADER: u32 = 16;
export const I_DATA_HEADER: u32 = 20;
/** Bytes of an INIT and an INIT ACK before their parameters. */
export const INIT_BYTES: u32 = 20;

/** RFC 9260 §16. Times are in milliseconds. */
export const RTO_ALPHA: f64 = 1.0 / 8.0;
export const RTO_BETA: f64 = 1.0 / 4.0;
export const MAX_BURST: u32 = 4;
/** The granularity of the clock. RTTVAR is never less (RFC 9260 §6.3.1 G1). */
export const CLOCK_MS: f64 = 1;
/** The longest delay of a SACK (RFC 9260 §6.2). */
export const SACK_DELAY_MS: f64 = 200;
/** The smallest window that an endpoint may announce at its start (RFC 9260 §5.1). */
export const LEAST_WINDOW: u32 = 1500;
/** HTNA: the number of SACKs that miss a chunk before it is sent again (RFC 9260 §7.2.4). */
export const MISSES: u32 = 3;

/** Whether the first TSN is before the second (RFC 9260 §1.6, RFC 1982). */
// @ts-expect-error: decorator
@inline
export function isBefore(a: u32, b: u32): bool {
  return <i32>(a - b) < 0;
}

// @ts-expect-error: decorator
@inline
export function padded(length: u32): u32 {
  return (length + 3) & ~3;
}
