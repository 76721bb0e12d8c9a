import type { Piece as Description, Joining, Property, Shape } from '../../abi/host/contract.ts';
import type { Frames } from '../../host/frame/frames.ts';
import type { Inbox } from '../../host/piece/inbox.ts';
import { Outbox } from '../../host/piece/outbox.ts';
import type { PieceContext } from '../../host/piece/piece.ts';
import { PieceBase } from '../../host/piece/piece-base.ts';

/**
 * An end of a network: takes everything and lets it go, brings packets, and remembers what it is offered.
 * Allocates nothing for a frame, but where it replies.
 */
export class SoakEnd extends PieceBase {
  readonly description: Description;
  taken = 0;
  offers: readonly Property[] = [];
  readonly #context: PieceContext;
  readonly #frames: Frames;
  readonly #outbox = new Outbox();
  readonly #isMirror: boolean;
  readonly #reply: ((packet: Uint8Array) => Uint8Array | undefined) | undefined;
  #protocolOf: (packet: Uint8Array) => number = () => 0;

  /**
   * A mirror sends datagrams of IPv4 back to where they came from: the other side says the same.
   * `reply` returns the reply to a packet, if there is one.
   */
  constructor(
    description: Description,
    context: PieceContext,
    frames: Frames,
    isMirror: boolean,
    reply?: (packet: Uint8Array) => Uint8Array | undefined,
  ) {
    super();
    this.#isMirror = isMirror;
    this.#reply = reply;
    this.description = description;
    this.#context = context;
    this.#frames = frames;
  }

  /**
   * Packets from a pool, from this place in it on, round and round; each begins with `protocol`. How many
   * there was room for.
   */
  bring(
    pool: readonly Uint8Array[],
    from: number,
    count: number,
    protocol: (packet: Uint8Array) => number,
  ): number {
    this.#protocolOf = protocol;
    let brought = 0;
    while (brought < count && this.#push(pool[(from + brought) % pool.length]!, this.#outbox)) brought++;
    this.#context.arrived(this.#outbox);
    return brought;
  }

  #push(packet: Uint8Array, outbox: Outbox): boolean {
    const frames = this.#frames;
    const row = frames.allocate(packet.length);
    if (row < 0) return false;
    const start = frames.start[row]!;
    frames.bytes.set(packet, start);
    frames.begin(row, start, packet.length, this.#protocolOf(packet));
    outbox.push(row, 0, 0);
    return true;
  }

  process(_now: number, inbox: Inbox, limit: number, outbox: Outbox): number {
    const count = Math.min(inbox.length, limit);
    for (let n = 0; n < count; n++) {
      const row = inbox.rows[inbox.at(n)]!;
      if (this.#isMirror && this.#frames.references[row] === 1) {
        this.#turn(row);
        outbox.push(row, 0, 0);
      } else {
        const { bytes, start, length } = this.#frames;
        const reply = this.#reply?.(bytes.subarray(start[row], start[row]! + length[row]!));
        this.#frames.release(row);
        if (reply !== undefined) this.#push(reply, outbox);
      }
    }
    inbox.take(count);
    this.taken += count;
    return Number.POSITIVE_INFINITY;
  }

  /** Exchanges the addresses and the ports. */
  #turn(row: number): void {
    const { bytes, start, hops } = this.#frames;
    const at = start[row]!;
    for (const [a, length] of EXCHANGED) {
      for (let i = at + a; i < at + a + length; i++) {
        const before = bytes[i]!;
        bytes[i] = bytes[i + length]!;
        bytes[i + length] = before;
      }
    }
    hops[row]! += 1;
  }

  override join(joining: Joining): void {
    this.offers = joining.properties;
  }

  close(): void {}
}

export function describeEnd(stack: string, direction: Shape['direction']): Description {
  return {
    name: 'end',
    version: '1.0.0',
    summary: 'An end of a network, for the soak.',
    protocols: [],
    edges: [
      {
        name: 'net',
        optional: false,
        repeated: false,
        shapes: [{ stack, direction, reach: 'whole-frame', properties: ORDERLY }],
      },
    ],
    curves: [],
    settings: [],
    reasons: [],
  };
}

/** An end neither loses, reorders, repeats nor cuts frames. */
const ORDERLY = ['reliable', 'ordered', 'duplicate-free', 'framed'].map((name) => ({
  wish: 'available' as const,
  property: { name, value: { tag: 'yes' as const } },
}));

/** Where addresses of IPv4 and ports stand, and how long they are: the other end's follow. */
const EXCHANGED = [
  [12, 4],
  [20, 2],
] as const;
