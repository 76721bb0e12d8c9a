import type { CallMonitorReader } from '../../puzzle/runtime/call-monitor.ts';
import { ThreadTime } from './thread-time.ts';

/**
 * Watches a lane from another thread: a call of a piece that goes on and on, which fuel should have ended.
 *
 * What counts is the time that the lane's thread had a processor: on a busy machine an innocent piece may wait for one for
 * long. Who waits in the system, with no processor at all, has more time. While no piece is called nothing is stalled: that the
 * host itself ends is the host's business.
 */
export class Watchdog {
  readonly #pulse: CallMonitorReader;
  readonly #onStall: (stall: Stall) => void;
  readonly #stallMs: number;
  #timer: NodeJS.Timeout | undefined;
  #sampledAt = performance.now();
  #calls = -1;
  /** When the present call was seen first, and the thread's time then. */
  #since = 0;
  #threadSince: number | undefined;
  #threadTime: ThreadTime | undefined;
  #quietSamples = 0;
  #isStopped = false;

  constructor(
    pulse: CallMonitorReader,
    onStall: (stall: Stall) => void,
    { stallMs = STALL_MS }: WatchdogOptions = {},
  ) {
    this.#pulse = pulse;
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

  /** Where nothing happens, nothing is looked at: the lane wakes us. False where it has begun a call already. */
  #sleep(calls: number): boolean {
    const call = this.#pulse.untilCall(calls);
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
    const { calls, isInCall } = this.#pulse;
    const sleptMs = now - this.#sampledAt;
    this.#sampledAt = now;
    // After a pause of this thread, or of the whole process, the clock has no meaning.
    if (!isInCall && calls === this.#calls) this.#quietSamples++;
    else this.#quietSamples = 0;
    if (this.#quietSamples > QUIET_SAMPLES && this.#sleep(calls)) return;
    if (!isInCall || calls !== this.#calls || sleptMs > PAUSE_MS) {
      this.#calls = calls;
      this.#since = now;
      this.#threadSince = isInCall ? this.#threadMilliseconds() : undefined;
      // Before it has lasted so long there is nothing to see: a lane under load is in some call at each look.
      this.#sampleIn(Math.min(IDLE_SAMPLE_MS, this.#stallMs));
      return;
    }
    const waitedMs = now - this.#since;
    const threadNow = this.#threadSince === undefined ? undefined : this.#threadMilliseconds();
    const workedMs = threadNow === undefined ? waitedMs : threadNow - this.#threadSince!;
    if (workedMs < this.#stallMs && waitedMs < BLOCKED_MS) {
      this.#sampleIn(CALL_SAMPLE_MS);
      return;
    }
    const { piece, isSeated } = this.#pulse;
    // It may have ended in the meantime.
    if (this.#pulse.calls !== calls || !this.#pulse.isInCall) {
      this.#sampleIn(0);
      return;
    }
    this.stop();
    this.#onStall({ piece, isSeated, workedMs, waitedMs });
  }

  #threadMilliseconds(): number | undefined {
    const { thread } = this.#pulse;
    if (this.#threadTime?.thread !== thread) {
      this.#threadTime?.close();
      this.#threadTime = new ThreadTime(thread);
    }
    return this.#threadTime.milliseconds;
  }
}

export interface WatchdogOptions {
  /** Milliseconds with a processor after which a call is stalled, seen from when it was noticed; default {@link STALL_MS}. */
  readonly stallMs?: number;
}

/** A call that does not end. */
export interface Stall {
  /** Whose it is; undefined when there are too many pieces to be named. */
  readonly piece: string | undefined;
  /** False where the piece does not run yet: a change was prepared that brings it. */
  readonly isSeated: boolean;
  /** Since it was noticed: with a processor, and by the clock. */
  readonly workedMs: number;
  readonly waitedMs: number;
}

/** Together they see a stall within 50 ms: noticed after 20 at most, stalled 25 later, looked at 20 later and then each 5. */
const IDLE_SAMPLE_MS = 20;
/** Without a call for so long it sleeps until there is one. */
const QUIET_SAMPLES = 25;
const CALL_SAMPLE_MS = 5;
const STALL_MS = 25;
/** Far beyond what a call of the system takes that only opens or sets something. */
const BLOCKED_MS = 2000;
const PAUSE_MS = 500;
