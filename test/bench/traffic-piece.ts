import type { Piece as Description } from '../../abi/host/contract.ts';
import type { Frames } from '../../host/frame/frames.ts';
import type { Inbox } from '../../host/piece/inbox.ts';
import { Outbox } from '../../host/piece/outbox.ts';
import type { PieceContext } from '../../host/piece/piece.ts';
import { PieceBase } from '../../host/piece/piece-base.ts';

/**
 * A native piece at both ends of a chain: frames that it brings by its Edge `out` come back by its Edge `in`,
 * and it brings them again. Like an endpoint, it hands over unparsed frames, and is called with those that
 * leave.
 */
export class TrafficPiece extends PieceBase {
  readonly description: Description = trafficDescription;
  /** Frames that have come through. */
  arrived = 0;
  readonly #context: PieceContext;
  readonly #frames: Frames;
  readonly #protocol: number;
  /** Frames that wait to be brought. */
  readonly #rows = new Int32Array(MOST_FRAMES);
  #count = 0;
  readonly #outbox = new Outbox();

  /** `protocol` is what the frames begin with. */
  constructor(context: PieceContext, frames: Frames, protocol: number) {
    super();
    this.#context = context;
    this.#frames = frames;
    this.#protocol = protocol;
  }

  /** Gives it one more frame to send round and round. */
  add(bytes: Uint8Array): void {
    const row = this.#frames.allocate(bytes.length);
    if (row < 0 || this.#count === MOST_FRAMES) throw new Error('no room for another frame');
    this.#frames.bytes.set(bytes, this.#frames.start[row]!);
    this.#rows[this.#count++] = row;
  }

  /** Sends this many frames, and runs the lane until it is quiet. Then all have come back. */
  bring(count: number): void {
    const before = this.arrived;
    if (count > this.#count) throw new Error(`of ${count} frames ${this.#count} are here`);
    this.#send(count);
    // A turn that has lasted too long is cut short.
    for (let turns = 0; this.arrived - before < count && turns < MOST_TURNS; turns++)
      this.#context.arrived(this.#outbox);
    if (this.arrived - before !== count)
      throw new Error(`of ${count} frames ${this.arrived - before} came round`);
  }

  /** Brings all that are here. Some may still be on their way when a turn was cut short. */
  bringAll(): void {
    this.#send(this.#count);
  }

  /** Frames that are here. */
  get waiting(): number {
    return this.#count;
  }

  #send(count: number): void {
    const frames = this.#frames;
    for (let n = 0; n < count; n++) {
      const row = this.#rows[--this.#count]!;
      frames.hops[row] = 0;
      frames.begin(row, frames.start[row]!, frames.length[row]!, this.#protocol);
      this.#outbox.push(row, 0, 0);
    }
    this.#context.arrived(this.#outbox);
  }

  process(_now: number, inbox: Inbox, limit: number, _outbox: Outbox): number {
    const count = Math.min(inbox.length, limit);
    for (let n = 0; n < count; n++) this.#rows[this.#count++] = inbox.rows[inbox.at(n)]!;
    inbox.take(count);
    this.arrived += count;
    return Infinity;
  }

  close(): void {
    while (this.#count > 0) this.#frames.release(this.#rows[--this.#count]!);
  }
}

export const trafficDescription: Description = {
  name: 'traffic',
  version: '0.1.0',
  summary: 'Sends frames round and round.',
  protocols: [],
  edges: [
    {
      name: 'out',
      optional: false,
      repeated: false,
      shapes: [{ stack: 'ip', direction: 'down', reach: 'whole-frame', properties: [] }],
    },
    {
      name: 'in',
      optional: false,
      repeated: false,
      shapes: [{ stack: 'ip', direction: 'up', reach: 'whole-frame', properties: [] }],
    },
  ],
  curves: [],
  settings: [],
  reasons: [],
};

const MOST_FRAMES = 1024;
const MOST_TURNS = 1000;
