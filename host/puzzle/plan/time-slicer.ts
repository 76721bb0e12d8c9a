/**
 * Divides long work among turns of the event loop, so that frames, timers and whatever else the thread does have theirs in
 * between. Work is cut where it asks for it: a piece of work that does not ask is done in one go.
 */
export class TimeSlicer {
  readonly #clock: () => number;
  #sliceEndsAt: number;

  /** @param clock in milliseconds */
  constructor(clock: () => number) {
    this.#clock = clock;
    this.#sliceEndsAt = clock() + SLICE_MS;
  }

  /** Goes on at once while this slice lasts. */
  async yieldIfDue(): Promise<void> {
    if (this.#clock() >= this.#sliceEndsAt) await this.yieldNow();
  }

  /** Goes on after a turn of the event loop. */
  async yieldNow(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#sliceEndsAt = this.#clock() + SLICE_MS;
  }

  /** Does work that tells by its yields where it may be interrupted. */
  async run<T>(work: Generator<void, T>): Promise<T> {
    for (;;) {
      const { done, value } = work.next();
      if (done === true) return value;
      if (this.#clock() >= this.#sliceEndsAt) await this.yieldNow();
    }
  }
}

/** Does such work in one go. */
export function runToEnd<T>(work: Generator<void, T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

/** A quarter of what a change may keep frames waiting: what is not cut finer adds to it. */
const SLICE_MS = 0.25;
