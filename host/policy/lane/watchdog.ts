import type { CallMonitorReader } from '../../puzzle/runtime/call-monitor.ts';
import { ThreadTime } from '../pieces/thread-time.ts';

/**
 * Observes a lane from another thread, and reports a call of a piece that does not end although fuel should
 * have ended it.
 *
 * It measures the processor time of the lane's thread: on a busy machine an innocent piece may wait long for
 * a processor. A call that waits in the system without a processor has more time, {@link BLOCKED_MS}. So has
 * a piece that does not run yet, {@link BEGINNING_FACTOR}: its `start` loads the addon, opens devices and
 * sockets, compiles code that has never run, and touches memory for the first time, all of which cost the
 * most on a loaded machine. While the lane calls no piece it is never stalled: the host's own code is not
 * observed.
 */
export class Watchdog {
  readonly #monitor: CallMonitorReader;
  readonly #onStall: (stall: Stall) => void;
  readonly #stallMs: number;
  #timer: NodeJS.Timeout | undefined;
  #sampledAt = performance.now();
  #calls = -1;
  /**
   * The time at which the present call was first observed, and the processor time of the thread at that
   * moment.
   */
  #since = 0;
  #threadSince: number | undefined;
  #threadTime: ThreadTime | undefined;
  #quietSamples = 0;
  #isStopped = false;

  constructor(
    monitor: CallMonitorReader,
    onStall: (stall: Stall) => void,
    { stallMs = STALL_MS }: WatchdogOptions = {},
  ) {
    this.#monitor = monitor;
    this.#onStall = onStall;
    this.#stallMs = stallMs;
    this.#sampleIn(IDLE_SAMPLE_MS);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#threadTime?.close();
    this.#threadTime = undefined;
  }

  /** Stops sampling an idle lane until it begins a call. False where it has begun one already. */
  #sleep(calls: number): boolean {
    const call = this.#monitor.untilCall(calls);
    if (call === undefined) return false;
    this.#timer = undefined;
    this.#quietSamples = 0;
    void call.then(() => {
      if (this.#isStopped) return;
      this.#sampledAt = performance.now();
      this.#sample();
    });
    return true;
  }

  #sampleIn(delayMs: number): void {
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => this.#sample(), delayMs).unref();
  }

  #sample(): void {
    const now = performance.now();
    const { calls, isInCall } = this.#monitor;
    const sleptMs = now - this.#sampledAt;
    this.#sampledAt = now;
    // After a pause of this thread or of the whole process, the elapsed time says nothing about the call.
    if (!isInCall && calls === this.#calls) this.#quietSamples++;
    else this.#quietSamples = 0;
    if (this.#quietSamples > QUIET_SAMPLES && this.#sleep(calls)) return;
    if (!isInCall || calls !== this.#calls || sleptMs > PAUSE_MS) {
      this.#calls = calls;
      this.#since = now;
      // Stryker disable next-line ConditionalExpression: outside of a call the figure is not used, and costs
      // a look.
      this.#threadSince = isInCall ? this.#threadMilliseconds() : undefined;
      // A lane under load is in some call at every sample. A shorter interval would find no stall earlier.
      this.#sampleIn(Math.min(IDLE_SAMPLE_MS, this.#stallMs));
      return;
    }
    const waitedMs = now - this.#since;
    const threadNow = this.#threadSince === undefined ? undefined : this.#threadMilliseconds();
    const workedMs = threadNow === undefined ? waitedMs : threadNow - this.#threadSince!;
    if (workedMs < this.#limitMs() && waitedMs < BLOCKED_MS) {
      this.#sampleIn(CALL_SAMPLE_MS);
      return;
    }
    const { piece, isSeated } = this.#monitor;
    // The call may have ended in the meantime.
    if (this.#monitor.calls !== calls || !this.#monitor.isInCall) {
      this.#sampleIn(0);
      return;
    }
    this.stop();
    this.#onStall({ piece, isSeated, workedMs, waitedMs });
  }

  /** The processor time that the present call may take. */
  #limitMs(): number {
    return this.#monitor.isSeated ? this.#stallMs : this.#stallMs * BEGINNING_FACTOR;
  }

  #threadMilliseconds(): number | undefined {
    const { thread } = this.#monitor;
    if (this.#threadTime?.thread !== thread) {
      this.#threadTime?.close();
      this.#threadTime = new ThreadTime(thread);
    }
    return this.#threadTime.milliseconds;
  }
}

export interface WatchdogOptions {
  /**
   * Processor milliseconds after which a call is stalled, from its first observation; default {@link
   * STALL_MS}.
   */
  readonly stallMs?: number;
}

/** A call of a piece that does not end. */
export interface Stall {
  /** The name of the piece; undefined where the lane has more pieces than the call monitor can name. */
  readonly piece: string | undefined;
  /** False where the piece does not run yet, and a change that is prepared would bring it. */
  readonly isSeated: boolean;
  /** Processor time since the first observation. */
  readonly workedMs: number;
  /** Elapsed time since the first observation. */
  readonly waitedMs: number;
}

/**
 * Together these intervals find a stall within 50 ms: first observed after at most 20, stalled after 25 more,
 * then sampled every 5.
 */
const IDLE_SAMPLE_MS = 20;
/** After so many samples without a call, sampling stops until the next call. */
const QUIET_SAMPLES = 25;
const CALL_SAMPLE_MS = 5;
const STALL_MS = 25;
/** So many times as long may a call take of a piece that a change brings, before it runs. */
const BEGINNING_FACTOR = 20;
/** Far longer than any system call that opens or configures something. */
const BLOCKED_MS = 2000;
/** A sample that is late by more than this follows a pause of this thread or process. */
const PAUSE_MS = 500;
