import { setTimeout as pause } from 'node:timers/promises';
import type { NamespaceSockets } from '../../endpoint/addon.ts';
import { dropHandover, keepHandovers } from '../../endpoint/handover.ts';
import type { SeatFault } from '../../puzzle/plan/piece-maker.ts';
import { PuzzleError } from '../../puzzle/plan/puzzle-error.ts';
import type { LaneSnapshot } from '../../puzzle/runtime/snapshot.ts';
import { hasThreadRoom } from '../pieces/thread-room.ts';
import { puzzleError, stallFault } from './lane-fault.ts';
import type { LaneMessage } from './lane-messages.ts';
import type { LaneOrder } from './lane-order.ts';
import { LaneThread } from './lane-thread.ts';
import { type Stall, Watchdog, type WatchdogOptions } from './watchdog.ts';

/**
 * The threads of a lane, one after the other, with the same sockets and devices.
 *
 * One thread runs the lane, and a watchdog observes it. A second thread stands by with all code loaded, so
 * that it can take over within milliseconds.
 */
export class LaneSuccession {
  readonly #events: SuccessionEvents;
  readonly #watch: WatchdogOptions;
  readonly #namespace: NamespaceSockets | undefined;
  readonly #handover = nextHandover++;
  #current: LaneThread;
  #spare: LaneThread | undefined;
  #watchdog: Watchdog | undefined;
  /**
   * Threads that are being ended: their open sockets and devices come to the next lane only when they have
   * ended.
   */
  readonly #ending = new Set<Promise<void>>();

  constructor(events: SuccessionEvents, { watch = {}, namespace }: LaneThreadOptions) {
    this.#events = events;
    this.#watch = watch;
    this.#namespace = namespace;
    keepHandovers();
    this.#current = this.#newThread();
  }

  /** The thread that runs the lane, or is about to. */
  get current(): LaneThread {
    return this.#current;
  }

  /** Lets the spare thread take over, or a new one if there is none. Call {@link start} next. */
  succeed(): void {
    this.#current = this.#spare ?? this.#newThread();
    this.#spare = undefined;
  }

  /**
   * Starts the lane in the current thread, observed by a watchdog.
   *
   * @returns why it could not be started; undefined when it runs.
   */
  async start(order: LaneOrder): Promise<StartFailure | undefined> {
    const thread = this.#current;
    let stalled: StartFailure | undefined;
    const watchdog = new Watchdog(
      thread.monitor,
      (stall) => {
        const fault = stallFault(stall);
        stalled = { piece: stall.piece, fault, error: puzzleError(stall.piece, fault), hasStalled: true };
        void this.#end(thread, stalled.error);
      },
      this.#watch,
    );
    try {
      await thread.request('start', order);
      return undefined;
    } catch (error) {
      return stalled ?? startFailure(error);
    } finally {
      watchdog.stop();
    }
  }

  /**
   * The lane has started: the watchdog observes it from now on, and another thread is prepared, if there is
   * room for it.
   */
  attend(): void {
    this.#watchdog = new Watchdog(this.#current.monitor, this.#events.onStall, this.#watch);
    if (hasThreadRoom()) this.#spare = this.#newThread();
  }

  /** The watchdog observes the lane no longer. */
  unattend(): void {
    this.#watchdog?.stop();
  }

  /** Ends the current thread by force. Requests that wait for it fail with `reason`. */
  async end(reason: Error): Promise<void> {
    await this.#end(this.#current, reason);
  }

  /** Closes the lane and ends all threads. @returns the last counters, where the lane reports them in time */
  async close(): Promise<LaneSnapshot | undefined> {
    this.unattend();
    const reason = new Error('the Funnel is closed');
    const ended = this.#spare?.end(reason);
    const counters = await Promise.race([
      this.#current.close().catch(() => undefined),
      pause(CLOSE_MS, undefined, { ref: false }),
    ]);
    if (counters === undefined) await this.end(reason);
    await ended;
    dropHandover(this.#handover);
    return counters;
  }

  /** Whether a thread that was ended still has sockets and devices open. */
  get isHeld(): boolean {
    return this.#ending.size > 0;
  }

  /** Waits until no thread holds anything any more, but no longer than this. */
  async untilReleased(atMostMs: number): Promise<void> {
    await Promise.race([Promise.all(this.#ending), pause(atMostMs, undefined, { ref: false })]);
  }

  /** Waits until the thread has ended, but not for one that the system keeps. */
  async #end(thread: LaneThread, reason: Error): Promise<void> {
    const ended = thread.end(reason).finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
    await Promise.race([ended, pause(END_MS, undefined, { ref: false })]);
  }

  #newThread(): LaneThread {
    const namespace = this.#namespace;
    const data = { handover: this.#handover, ...(namespace === undefined ? {} : { namespace }) };
    const thread: LaneThread = new LaneThread(data, this.#events.onMessage, (error) => {
      if (thread === this.#spare) this.#spare = undefined;
      else if (thread === this.#current) this.#events.onDeath(error);
    });
    return thread;
  }
}

export interface LaneThreadOptions {
  readonly watch?: WatchdogOptions;
  /** The network namespace in which endpoints make their devices; that of this process when absent. */
  readonly namespace?: NamespaceSockets | undefined;
}

export interface SuccessionEvents {
  /** Any thread sent a message. */
  onMessage(message: LaneMessage): void;
  /** A call of a piece does not end. */
  onStall(stall: Stall): void;
  /** The current thread ended, though nothing here ended it. */
  onDeath(error: Error): void;
}

/** The reason why a lane could not be started. */
export interface StartFailure {
  /** The piece that caused it, where it is known. */
  readonly piece: string | undefined;
  readonly fault: SeatFault;
  readonly error: Error;
  /** The piece kept the thread; otherwise it reported a mistake. */
  readonly hasStalled?: boolean;
}

function startFailure(error: unknown): StartFailure {
  const mistake = error instanceof PuzzleError ? error.mistakes[0] : undefined;
  const { code, message } = mistake ?? { code: 'FT_LANE_DIED', message: String(error) };
  return {
    piece: mistake?.piece,
    fault: { code, message },
    error: error instanceof Error ? error : new Error(message),
  };
}

/**
 * Each lane of this process has its own number, under which sockets and devices pass from thread to thread.
 */
let nextHandover = 1;
/** The time that endpoints have to close. */
const CLOSE_MS = 2000;
/** A thread that takes longer to end is stuck in the system. */
const END_MS = 1000;
