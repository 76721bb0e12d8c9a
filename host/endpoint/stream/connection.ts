/**
 * One stream of an endpoint: its addresses, its waiting frames, and its progress. Sequence numbers count
 * bytes like those of TCP, from 1 on and modulo 2^32; 0 is the opening.
 */
export class Connection {
  /** Where it is read; -1 for a stream of the other direction only. */
  readonly channel: number;
  /** Where it is written: as a rule the same channel. -1 where it is not, or not any more. */
  out: number;
  /** The IP and TCP header of its frames to the lane, without length, numbers and flags. */
  readonly header: Uint8Array;
  readonly isIpv4: boolean;
  /** True until the system has connected it. */
  isOpening: boolean;
  /** True until the neighbour accepts it, if the outer side must know that. Till then its channel is lent. */
  isAwaited = false;
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
  /** Whether the peer has ended its direction. */
  hasReadEnd = false;
  /** The number of rows to read into, which adapts to the traffic. */
  slots = 2;
  /** Whether the lane lacked rows, so that it is not read for now. */
  isStarved = false;
  /** Flags of a frame without payload that has no row yet. */
  owedFlags = 0;

  // From the lane.
  /** The number of the next byte that comes from the lane. */
  taken = 1;
  /** The number of the first byte beyond the window that the neighbour has got. */
  announced = 1;
  firstRow = -1;
  lastRow = -1;
  queuedRows = 0;
  queuedBytes = 0;
  /** Whether the system has no room for the waiting frames. */
  isBlocked = false;
  /** The time when the system last took bytes, while frames wait. */
  progressAt = 0;
  /** Whether the neighbour has ended its direction: the peer reads the end after the waiting frames. */
  wantsEnd = false;
  hasEnded = false;
  /** Whether it is listed for writing at the end of the call. */
  isDirty = false;

  constructor(channel: number, header: Uint8Array, isIpv4: boolean, isOpening: boolean, out = channel) {
    this.channel = channel;
    this.out = out;
    if (out < 0) this.wantsEnd = this.hasEnded = true;
    this.header = header;
    this.isIpv4 = isIpv4;
    this.isOpening = isOpening;
  }

  get isWaiting(): boolean {
    return this.isOpening || this.isAwaited;
  }

  /** The number of bytes that the neighbour takes now. */
  get credit(): number {
    return this.hasCredit ? Math.max(0, (this.limit - this.next) | 0) : UNLIMITED;
  }
}

const UNLIMITED = 0x7fff_ffff;
