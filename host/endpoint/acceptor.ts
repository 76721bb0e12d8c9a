import type { PieceContext } from '../piece/piece.ts';
import type { FunnelIo } from './addon.ts';

/**
 * Accepts the connections of listeners, as many as an endpoint takes. Without room or without a descriptor it
 * pauses, and peers wait in the kernel meanwhile.
 */
export class Acceptor {
  readonly #io: FunnelIo;
  readonly #context: PieceContext;
  readonly #limits: { readonly connections: number; readonly keepaliveSeconds: number };
  /** The number of connections. */
  readonly #count: () => number;
  readonly #listeners: () => Iterable<number>;
  #isJoined = false;
  #isFull = false;
  #pauseTimer: NodeJS.Timeout | undefined;
  /** The time from which a pause of accepting may be logged again. */
  #silentUntil = 0;

  constructor(
    io: FunnelIo,
    context: PieceContext,
    limits: { readonly connections: number; readonly keepaliveSeconds: number },
    count: () => number,
    listeners: () => Iterable<number>,
  ) {
    this.#io = io;
    this.#context = context;
    this.#limits = limits;
    this.#count = count;
    this.#listeners = listeners;
  }

  /** Without a network no connection is accepted. */
  setJoined(isJoined: boolean): void {
    this.#isJoined = isJoined;
    this.#pollAll();
  }

  poll(listener: number): void {
    this.#io.poll(listener, this.#isJoined && !this.#isFull ? 1 : 0);
  }

  #pollAll(): void {
    for (const listener of this.#listeners()) this.poll(listener);
  }

  /**
   * Passes on the channel of each waiting connection, up to the limit. `take` counts it as a connection, or
   * closes it.
   */
  accept(listener: number, take: (channel: number) => void): void {
    const { connections, keepaliveSeconds } = this.#limits;
    for (let n = 0; n < ACCEPTED_AT_ONCE; n++) {
      if (this.#count() >= connections) {
        this.#pause(`there are ${connections} connections, as many as the setting allows`, false);
        return;
      }
      const accepted = this.#io.accept(listener, keepaliveSeconds);
      if (accepted === -EAGAIN) return;
      if (accepted < 0) {
        const why =
          accepted === -EMFILE || accepted === -ENFILE
            ? 'no descriptor is left (see ulimit -n, or LimitNOFILE of the service)'
            : `accepting fails (error ${-accepted})`;
        this.#pause(why, true);
        return;
      }
      take(accepted);
    }
  }

  #pause(why: string, isForAWhile: boolean): void {
    const now = performance.now();
    if (now >= this.#silentUntil) this.#context.log('warn', `no connection is accepted for now: ${why}`);
    this.#silentUntil = now + SILENCE_MS;
    this.#isFull = true;
    this.#pollAll();
    if (isForAWhile) this.#pauseTimer ??= setTimeout(() => this.#resume(), PAUSE_MS).unref();
  }

  #resume(): void {
    clearTimeout(this.#pauseTimer);
    this.#pauseTimer = undefined;
    this.#isFull = false;
    this.#pollAll();
  }

  /** Call it when a connection has ended: there is room for another. */
  closed(): void {
    if (this.#isFull && this.#pauseTimer === undefined) this.#resume();
  }

  end(): void {
    clearTimeout(this.#pauseTimer);
  }
}

const EAGAIN = 11;
const ENFILE = 23;
const EMFILE = 24;
/** The most connections accepted at once, so that the lane gets its turn between them. */
const ACCEPTED_AT_ONCE = 64;
const PAUSE_MS = 100;
const SILENCE_MS = 60_000;
