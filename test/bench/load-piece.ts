import type { Piece as Description } from '../../abi/host/contract.ts';
import type { Frames } from '../../host/frame/frames.ts';
import type { Inbox } from '../../host/piece/inbox.ts';
import { Outbox } from '../../host/piece/outbox.ts';
import type { PieceContext } from '../../host/piece/piece.ts';
import { PieceBase } from '../../host/piece/piece-base.ts';

/**
 * A native piece at both ends of a chain that offers a number of frames by its Edge `out` each time the lane
 * comes round to it, whatever became of those before, and takes what comes by its Edge `in`.
 */
export class LoadPiece extends PieceBase {
  readonly description: Description;
  /** It sends nothing while the queue has no room. */
  listens = true;
  arrived = 0;
  sent = 0;
  readonly #context: PieceContext;
  readonly #frames: Frames;
  readonly #protocol: number;
  readonly #bytes: number;
  readonly #outbox = new Outbox();
  #isReady = true;
  /** Frames that it offers in a round of the lane. */
  #offered = 0;

  /** `packet` begins with `protocol`. */
  constructor(
    description: Description,
    context: PieceContext,
    frames: Frames,
    protocol: number,
    packet: Uint8Array,
  ) {
    super();
    this.description = description;
    this.#context = context;
    this.#frames = frames;
    this.#protocol = protocol;
    this.#bytes = packet.length;
    // The packet stands in every room from now on, so that offering a frame costs no copy.
    const rows: number[] = [];
    for (let row = frames.allocate(packet.length); row >= 0; row = frames.allocate(packet.length)) {
      frames.bytes.set(packet, frames.start[row]!);
      rows.push(row);
    }
    for (const row of rows) frames.release(row);
  }

  process(now: number, inbox: Inbox, limit: number): number {
    const frames = this.#frames;
    const count = Math.min(inbox.length, limit);
    for (let n = 0; n < count; n++) frames.release(inbox.rows[inbox.at(n)]!);
    inbox.take(count);
    this.arrived += count;
    for (let left = this.#offered; left > 0 && (this.#isReady || !this.listens); left -= BURST) {
      this.#make(Math.min(left, BURST), this.#outbox);
      this.#context.arrived(this.#outbox);
    }
    if (this.#offered > 0) this.#context.wake();
    return this.#offered > 0 ? now : Infinity;
  }

  #make(count: number, outbox: Outbox): void {
    const frames = this.#frames;
    for (let n = 0; n < count; n++) {
      const row = frames.allocate(this.#bytes);
      if (row < 0) break;
      frames.begin(row, frames.start[row]!, this.#bytes, this.#protocol);
      outbox.push(row, 0, 0);
      this.sent++;
    }
  }

  /** Nanoseconds that it spends itself on a frame that it sends. */
  ownCost(): number {
    const outbox = new Outbox();
    const { sent } = this;
    let least = Infinity;
    for (let n = 0; n < 20; n++) {
      const start = performance.now();
      this.#make(COST_FRAMES, outbox);
      least = Math.min(least, performance.now() - start);
      for (let at = 0; at < outbox.length; at++) this.#frames.release(outbox.rows[at]!);
      outbox.length = 0;
    }
    this.sent = sent;
    return (least * 1e6) / COST_FRAMES;
  }

  /** Offers this many frames in each round from now on; 0 ends it. */
  offer(frames: number): void {
    this.#offered = frames;
    this.#context.wake();
  }

  override ready(_edge: number, ready: boolean): void {
    this.#isReady = ready;
  }

  close(): void {}
}

/** Frames that it hands over at once, as an endpoint does with what it reads in one wake-up. */
const BURST = 64;
const COST_FRAMES = BURST;
