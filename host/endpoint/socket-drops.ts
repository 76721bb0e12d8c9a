import type { PieceContext } from '../piece/piece.ts';
import type { FunnelIo } from './addon.ts';

/**
 * Counts the packets that the kernel dropped because the queue of a socket was full: the lane did not read in
 * time. Off the frame path.
 */
export class SocketDrops {
  readonly #io: FunnelIo;
  readonly #context: PieceContext;
  readonly #timer: NodeJS.Timeout;

  constructor(io: FunnelIo, context: PieceContext, channels: () => Iterable<number>) {
    this.#io = io;
    this.#context = context;
    this.#timer = setInterval(() => {
      for (const channel of channels()) this.count(channel);
    }, LOOK_MS).unref();
  }

  /** Counts those of one socket now, before it is closed. */
  count(channel: number): void {
    const drops = this.#io.takeDrops(channel);
    if (drops > 0) this.#context.count('queue-overrun', drops);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

/** The largest age of the counter. */
const LOOK_MS = 1000;
