import { Session } from 'node:inspector';

/**
 * The project's code that has run, as V8 reports it: blocks, by file and offset. A report takes milliseconds,
 * so it comes after a batch of inputs, and for each input only after a batch that reached new code.
 */
export class Coverage {
  readonly #session = new Session();
  readonly #seen = new Set<string>();

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Blocks that ran since the last report and never before. */
  countNew(): number {
    let found = 0;
    this.#session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error !== null) throw error;
      for (const { url, functions } of answer.result) {
        if (!OURS.test(url)) continue;
        for (const { ranges } of functions) {
          for (const { startOffset, endOffset, count } of ranges) {
            if (count === 0) continue;
            const block = `${url}:${startOffset}:${endOffset}`;
            if (this.#seen.has(block)) continue;
            this.#seen.add(block);
            found++;
          }
        }
      }
    });
    return found;
  }

  get blocks(): number {
    return this.#seen.size;
  }

  close(): void {
    this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }
}

const OURS = /\/(host|abi)\/[^?]*\.[jt]s$|\/yaml\/dist\//;
