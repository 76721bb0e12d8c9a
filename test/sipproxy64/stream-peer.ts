import type { Driver, Endpoint, Result, Sent } from './driver.ts';

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;

/** A phone's or proxy's end of one TCP connection, as the endpoint `tcp` brings it to the piece. */
export class StreamPeer {
  readonly endpoint: Endpoint;
  /** The bytes that came by the connection; a test may empty it. */
  text = '';
  /** Flags of the segments without contents that came. */
  readonly flags: number[] = [];
  /** Up to where the piece has granted credit. */
  limit = 0;
  sent = 0;
  received = 0;
  /** The room that the peer has for the piece, beyond what came. */
  window = 65_535;
  readonly #driver: Driver;
  #port: number;

  constructor(driver: Driver, endpoint: Endpoint, port = driver.sipPort) {
    this.#driver = driver;
    this.endpoint = endpoint;
    this.#port = port;
  }

  /** Connects to the piece. */
  connect(): this {
    this.#segment(SYN);
    return this;
  }

  /** Accepts the connection that the piece has asked for; the system gives it this port. */
  accept(port: number): Result {
    this.#port = port;
    return this.#segment(SYN | ACK);
  }

  send(payload: string | Uint8Array): Result {
    return this.#segment(ACK | PSH, payload);
  }

  acknowledge(): Result {
    return this.#segment(ACK);
  }

  end(): Result {
    return this.#segment(FIN | ACK);
  }

  reset(): Result {
    return this.#segment(RST | ACK);
  }

  /** Takes what a result has for this peer; returns what is for others. */
  take(result: Result): Sent[] {
    return result.sent.filter((sent) => {
      if (sent.to !== this.endpoint || sent.segment === undefined) return true;
      const { flags, sequence, acknowledgement, window } = sent.segment;
      if ((flags & SYN) === 0 && sequence !== this.received)
        throw new Error(`sequence ${sequence} follows ${this.received} bytes`);
      this.limit = acknowledgement + window;
      this.text += sent.text;
      this.received += sent.bytes.length;
      if (sent.text === '') this.flags.push(flags);
      return false;
    });
  }

  #segment(flags: number, payload: string | Uint8Array = ''): Result {
    const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
    const result = this.#driver.sendSegments([
      [
        this.endpoint,
        this.#port,
        {
          flags,
          sequence: (flags & SYN) === 0 ? this.sent : 0,
          acknowledgement: (flags & ACK) === 0 ? 0 : this.received,
          window: this.window,
        },
        bytes,
      ],
    ]);
    this.sent += bytes.length;
    this.take(result);
    return result;
  }
}
