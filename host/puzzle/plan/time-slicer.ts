/**
 * Divides long work among turns of the event loop, so that frames, timers and other work of the thread run in
 * between. The work itself decides where it may be interrupted.
 */
export class TimeSlicer {
  readonly #clock: () => number;
  readonly #sliceMs: number;
  #sliceEndsAt: number;

  /** @param clock in milliseconds */
  constructor(clock: () => number, sliceMs: number = LANE_SLICE_MS) {
    this.#clock = clock;
    this.#sliceMs = sliceMs;
    this.#sliceEndsAt = clock() + sliceMs;
  }

  /** Yields to the event loop if the present slice is over. */
  async yieldIfDue(): Promise<void> {
    if (this.#clock() >= this.#sliceEndsAt) await this.yieldNow();
  }

  /** Yields to the event loop for one turn. */
  async yieldNow(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#sliceEndsAt = this.#clock() + this.#sliceMs;
  }

  /** Runs work that may be interrupted at each of its yields. */
  async run<T>(work: Generator<void, T>): Promise<T> {
    for (;;) {
      const { done, value } = work.next();
      if (done === true) return value;
      if (this.#clock() >= this.#sliceEndsAt) await this.yieldNow();
    }
  }
}

/** Runs such work without interruption. */
export function runToEnd<T>(work: Generator<void, T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

/** A quarter of the time that a change may delay frames: a step that does not yield adds to it. */
const LANE_SLICE_MS = 0.25;
