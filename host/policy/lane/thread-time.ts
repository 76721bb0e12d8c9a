import { closeSync, openSync, readSync } from 'node:fs';

/**
 * The processor time of a thread of this process, given its number in the system. The file stays open and the
 * buffer is reused, since opening the file for each reading costs ten times as much.
 */
export class ThreadTime {
  readonly thread: number;
  #descriptor: number | undefined;

  constructor(thread: number) {
    this.thread = thread;
    try {
      this.#descriptor = openSync(`/proc/self/task/${thread}/schedstat`, 'r');
    } catch {
      // The system does not show it, or the thread has ended.
      this.#descriptor = undefined;
    }
  }

  /** Undefined where the system does not show it. */
  get milliseconds(): number | undefined {
    if (this.#descriptor === undefined) return undefined;
    let length: number;
    try {
      length = readSync(this.#descriptor, FIGURES, 0, FIGURES.length, 0);
    } catch {
      // The thread has ended.
      return undefined;
    }
    let nanoseconds = 0;
    for (let n = 0; n < length && FIGURES[n]! >= DIGIT_0; n++)
      nanoseconds = nanoseconds * 10 + FIGURES[n]! - DIGIT_0;
    return nanoseconds / 1e6;
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

/** Three decimal numbers with spaces between them; the first is the processor time in nanoseconds. */
const FIGURES = new Uint8Array(64);
const DIGIT_0 = 0x30;
