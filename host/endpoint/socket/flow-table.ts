/** One peer of UNIX sockets, or one connection. */
export interface Flow {
  readonly channel: number;
  readonly port: number;
  /** The IP and UDP header of frames that come from it, without lengths. */
  readonly header: Uint8Array;
  /** Another one with this port. */
  next: Flow | undefined;
  /** The time of the last message in either direction. */
  usedAt: number;
  /** The time since which it takes nothing; -1 if it does. */
  stuckSince: number;
  credentials?: string;
  /** The peer sends no more, but may read. */
  isEnded?: boolean;
}

/** The flows of one endpoint, by port. Finding one makes no object. */
export class FlowTable {
  /** The flows with each port, linked by `next`: several only where neighbours open them. */
  readonly #byPort: (Flow | undefined)[] = [];

  /** The first flow with a port. */
  at(port: number): Flow | undefined {
    return this.#byPort[port];
  }

  add(channel: number, port: number, header: Uint8Array, now: number): Flow {
    const next = this.#byPort[port];
    const flow: Flow = { channel, port, header, next, usedAt: now, stuckSince: -1 };
    this.#byPort[port] = flow;
    return flow;
  }

  /** Returns false if it is not there any more. */
  remove(flow: Flow): boolean {
    let before: Flow | undefined;
    for (let each = this.#byPort[flow.port]; each !== flow; each = each.next) {
      if (each === undefined) return false;
      before = each;
    }
    if (before === undefined) this.#byPort[flow.port] = flow.next;
    else before.next = flow.next;
    return true;
  }

  *all(): Iterable<Flow> {
    for (const first of this.#byPort) for (let flow = first; flow !== undefined; flow = flow.next) yield flow;
  }

  /**
   * Returns the flow to which a frame with headers at these addresses goes.
   *
   * @param isOpening neighbours open flows: theirs is the port of the source
   */
  find(bytes: Uint8Array, ip: number, udp: number, isIpv4: boolean, isOpening: boolean): Flow | undefined {
    const at = isOpening ? udp : udp + 2;
    const port = (bytes[at]! << 8) | bytes[at + 1]!;
    for (let flow = this.#byPort[port]; flow !== undefined; flow = flow.next)
      if (isReplyTo(flow.header, bytes, ip, udp, isIpv4, isOpening)) return flow;
    return undefined;
  }
}

/**
 * Whether a frame goes the way back of this header. Where neighbours open the flow, its port at their end is
 * compared too; else any port at their end may reply.
 */
function isReplyTo(
  header: Uint8Array,
  bytes: Uint8Array,
  ip: number,
  udp: number,
  isIpv4: boolean,
  isOpening: boolean,
): boolean {
  if ((header.length === 28) !== isIpv4) return false;
  const size = isIpv4 ? 4 : 16;
  const source = isIpv4 ? 12 : 8;
  const ports = header.length - 8;
  for (let i = 0; i < size; i++) {
    if (bytes[ip + source + size + i] !== header[source + i]) return false;
    if (isOpening && bytes[ip + source + i] !== header[source + size + i]) return false;
  }
  return !isOpening || (bytes[udp + 2] === header[ports] && bytes[udp + 3] === header[ports + 1]);
}
