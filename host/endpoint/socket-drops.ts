import type { PieceContext } from '../piece/piece.ts';
import type { FunnelIo } from './addon.ts';

/**
 * Counts the packets that the kernel dropped because the queue of a socket was full: the lane did not read in
 * time. Off the frame path, but in its thread: so an endpoint with thousands of sockets looks at a few of
 * them at a time.
 */
export class SocketDrops {
  readonly #io: Pick<FunnelIo, 'takeDrops'>;
  readonly #context: Pick<PieceContext, 'count'>;
  readonly #channels: () => Iterable<number>;
  /** Where the present round goes on. Sockets may be opened and closed meanwhile. */
  #rest: Iterator<number> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    io: Pick<FunnelIo, 'takeDrops'>,
    context: Pick<PieceContext, 'count'>,
    channels: () => Iterable<number>,
  ) {
    this.#io = io;
    this.#context = context;
    this.#channels = channels;
    this.#lookIn(ROUND_MS);
  }

  /** Counts those of one socket now, before it is closed. */
  count(channel: number): void {
    const drops = this.#io.takeDrops(channel);
    if (drops > 0) this.#context.count('queue-overrun', drops);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #lookIn(ms: number): void {
    this.#timer = setTimeout(() => this.#look(), ms).unref();
  }

  #look(): void {
    this.#rest ??= this.#channels()[Symbol.iterator]();
    for (let n = 0; n < MOST_AT_ONCE; n++) {
      const next = this.#rest.next();
      if (next.done === true) {
        this.#rest = undefined;
        this.#lookIn(ROUND_MS);
        return;
      }
      this.count(next.value);
    }
    this.#lookIn(SHARE_MS);
  }
}

/** Between two rounds: the largest age of the counter, where a round has one share. */
const ROUND_MS = 1000;
/** A look at one socket is a system call, of about a microsecond. */
const MOST_AT_ONCE = 64;
const SHARE_MS = 10;
