import type { Piece as Description, Joining, Property, Shape } from '../../abi/host/contract.ts';
import type { Frames } from '../../host/frame/frames.ts';
import type { Inbox } from '../../host/piece/inbox.ts';
import { Outbox } from '../../host/piece/outbox.ts';
import type { PieceContext } from '../../host/piece/piece.ts';
import { PieceBase } from '../../host/piece/piece-base.ts';

/**
 * An end of a network: takes everything and lets it go, brings packets, and remembers what it is offered.
 * Allocates nothing for a frame.
 */
export class SoakEnd extends PieceBase {
  readonly description: Description;
  taken = 0;
  offers: readonly Property[] = [];
  readonly #context: PieceContext;
  readonly #frames: Frames;
  readonly #outbox = new Outbox();
  readonly #isMirror: boolean;

  /** A mirror sends datagrams of IPv4 back to their sender, with the same contents. */
  constructor(description: Description, context: PieceContext, frames: Frames, isMirror: boolean) {
    super();
    this.#isMirror = isMirror;
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
    const frames = this.#frames;
    let brought = 0;
    for (let n = 0; n < count; n++) {
      const packet = pool[(from + n) % pool.length]!;
      const row = frames.allocate(packet.length);
      if (row < 0) break;
      const start = frames.start[row]!;
      frames.bytes.set(packet, start);
      frames.begin(row, start, packet.length, protocol(packet));
      this.#outbox.push(row, 0, 0);
      brought++;
    }
    this.#context.arrived(this.#outbox);
    return brought;
  }

  process(_now: number, inbox: Inbox, limit: number, outbox: Outbox): number {
    const count = Math.min(inbox.length, limit);
    for (let n = 0; n < count; n++) {
      const row = inbox.rows[inbox.at(n)]!;
      if (this.#isMirror && this.#frames.references[row] === 1) {
        this.#turn(row);
        outbox.push(row, 0, 0);
      } else {
        this.#frames.release(row);
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
        shapes: [{ stack, direction, reach: 'whole-frame', properties: [] }],
      },
    ],
    curves: [],
    settings: [],
    reasons: [],
  };
}

/** Where addresses of IPv4 and ports stand, and how long they are: the other end's follow. */
const EXCHANGED = [
  [12, 4],
  [20, 2],
] as const;
