/**
 * One stream of an endpoint: where it goes, what waits for it, and how far it has come. Sequence numbers count
 * bytes as those of TCP do, from 1 on and modulo 2^32; 0 is the opening.
 */
export class Connection {
  /** Where it is read; -1 for a stream of the other direction only. */
  readonly channel: number;
  /** Where it is written: as a rule the same channel. -1 where it is not, or not any more. */
  out: number;
  /** The IP and TCP header of the frames that it brings, without length, numbers and flags. */
  readonly header: Uint8Array;
  readonly isIpv4: boolean;
  /** Until the system has connected it. */
  isOpening: boolean;
  isClosed = false;
  /** Its channel is a line that outlives the stream, unless the line breaks. */
  isLent = false;
  isBroken = false;

  // To the lane.
  /** The number of the next byte that goes to the lane. */
  next = 1;
  /** Whether the neighbour grants credit, and the number of the first byte that it does not take yet. */
  hasCredit = false;
  limit = 0;
  /** The peer has ended its direction. */
  hasReadEnd = false;
  /** Rows to read into, which adapts to the traffic. */
  slots = 2;
  /** The lane lacked rows, so it is not read for now. */
  isStarved = false;
  /** Flags of a frame without payload that found no row yet. */
  owedFlags = 0;

  // From the lane.
  /** The number of the next byte that comes from the lane. */
  taken = 1;
  /** The number of the first byte that the neighbour was told not to send. */
  announced = 1;
  firstRow = -1;
  lastRow = -1;
  queuedRows = 0;
  queuedBytes = 0;
  /** Whether the system has no room for what waits. */
  isBlocked = false;
  /** When the system last took something, while something waits. */
  progressAt = 0;
  /** The neighbour has ended its direction: after what waits, the peer reads the end. */
  wantsEnd = false;
  hasEnded = false;
  /** It is listed for writing at the end of the call. */
  isDirty = false;

  constructor(channel: number, header: Uint8Array, isIpv4: boolean, isOpening: boolean, out = channel) {
    this.channel = channel;
    this.out = out;
    if (out < 0) this.wantsEnd = this.hasEnded = true;
    this.header = header;
    this.isIpv4 = isIpv4;
    this.isOpening = isOpening;
  }

  /** Bytes that the neighbour takes now. */
  get credit(): number {
    return this.hasCredit ? Math.max(0, (this.limit - this.next) | 0) : UNLIMITED;
  }
}

const UNLIMITED = 0x7fff_ffff;
