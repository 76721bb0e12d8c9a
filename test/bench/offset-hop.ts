import type { ComponentPiece } from '../../host/engine/component-piece.ts';
import type { Frames } from '../../host/frame/frames.ts';
import { Inbox } from '../../host/piece/inbox.ts';
import { Outbox } from '../../host/piece/outbox.ts';
import type { Packet } from './packets.ts';
import type { Contender } from './rounds.ts';

/**
 * A component called by offset, as a lane calls it: frames from an inbox, through the piece, to an outbox.
 * All checks are on.
 */
export class OffsetHop implements Contender {
  readonly row: string;
  readonly against: string | undefined;
  readonly #piece: ComponentPiece;
  readonly #frames: Frames;
  readonly #batch: number;
  readonly #rows = new Int32Array(POOL);
  readonly #inbox = new Inbox();
  readonly #outbox = new Outbox();
  #next = 0;

  constructor(
    names: { row: string; against?: string },
    piece: ComponentPiece,
    frames: Frames,
    packet: Packet,
    batch: number,
  ) {
    this.row = names.row;
    this.against = names.against;
    this.#piece = piece;
    this.#frames = frames;
    this.#batch = batch;
    for (let n = 0; n < POOL; n++) this.#rows[n] = placePacket(frames, packet);
  }

  run(frames: number): number {
    const inbox = this.#inbox;
    const outbox = this.#outbox;
    const rows = this.#rows;
    const batch = this.#batch;
    let done = 0;
    while (done < frames) {
      const from = this.#next;
      for (let n = 0; n < batch; n++) inbox.push(rows[from + n]!, 0, 0);
      // Of large frames, a call brings fewer than a batch.
      while (inbox.length > 0) this.#piece.process(NOW, inbox, batch, outbox);
      if (outbox.length !== batch) throw new Error(`of ${batch} frames ${outbox.length} came back`);
      for (let n = 0; n < batch; n++) rows[from + n] = outbox.rows[n]!;
      outbox.length = 0;
      this.#next = (from + batch) % POOL;
      done += batch;
    }
    return done;
  }

  /** Gives all frames back. */
  close(): void {
    for (const row of this.#rows) this.#frames.release(row);
  }
}

/** A frame of this packet, parsed, in a row of its own. */
export function placePacket(frames: Frames, { bytes, parts }: Packet): number {
  const row = frames.allocate(bytes.length);
  if (row < 0) throw new Error('the lane has no room for the frames of the bench');
  const start = frames.start[row]!;
  frames.bytes.set(bytes, start);
  for (const { protocol, role, offset, length } of parts)
    frames.addPart(row, protocol | (role << 16), start + offset, length);
  return row;
}

/** Frames that take turns: as many as the largest batch has, and as a lane under load has in its queues. */
export const POOL = 256;
/** A clock is read once a turn, which is none of a hop's cost. */
const NOW = 1000;
