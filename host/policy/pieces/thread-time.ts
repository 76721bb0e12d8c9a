import { closeSync, openSync, readlinkSync, readSync } from 'node:fs';

/**
 * The processor time of a thread of this process, given its number in the system, and the time for which it
 * waited for a processor. The file stays open and the
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

  /** The processor time. Undefined where the system does not show it. */
  get milliseconds(): number | undefined {
    return this.#figure(0);
  }

  /** The time for which the thread was ready to run, and had no processor. Undefined as above. */
  get waitedMilliseconds(): number | undefined {
    return this.#figure(1);
  }

  #figure(index: number): number | undefined {
    if (this.#descriptor === undefined) return undefined;
    let length: number;
    try {
      length = readSync(this.#descriptor, FIGURES, 0, FIGURES.length, 0);
    } catch {
      // The thread has ended.
      return undefined;
    }
    let n = 0;
    for (let left = index; left > 0; n++) if (FIGURES[n]! < DIGIT_0) left--;
    let nanoseconds = 0;
    for (; n < length && FIGURES[n]! >= DIGIT_0; n++) nanoseconds = nanoseconds * 10 + FIGURES[n]! - DIGIT_0;
    return nanoseconds / 1e6;
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

/** The number of this thread in the system; 0 where the system does not show it. */
export function threadNumber(): number {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return 0;
  }
}

/**
 * Three decimal numbers with spaces between them: the processor time in nanoseconds, the time in the queue
 * for a processor, and the number of turns.
 */
const FIGURES = new Uint8Array(64);
const DIGIT_0 = 0x30;
