import { Worker } from 'node:worker_threads';

/**
 * Observes from another thread whether inputs end. When one does not, it writes its bytes to a file, and ends
 * the process: the thread that hangs cannot do that itself.
 */
export class StallWatch {
  readonly #progress: Int32Array;
  readonly #input: Uint8Array;
  readonly #worker: Worker;

  constructor(maxBytes: number, file: string, stalledMs = STALLED_MS) {
    this.#progress = new Int32Array(new SharedArrayBuffer(8));
    this.#input = new Uint8Array(new SharedArrayBuffer(maxBytes));
    this.#worker = new Worker(WATCH, {
      eval: true,
      workerData: { progress: this.#progress, input: this.#input, file, stalledMs },
    });
    this.#worker.unref();
  }

  /** Before each input. */
  begin(bytes: Uint8Array): void {
    this.#input.set(bytes);
    this.#progress[1] = bytes.length;
    this.#progress[0]!++;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

const STALLED_MS = 30_000;

const WATCH = `
const { workerData: { progress, input, file, stalledMs } } = require('node:worker_threads');
const { mkdirSync, writeFileSync, writeSync } = require('node:fs');
const { dirname } = require('node:path');
let before = -1;
setInterval(() => {
  const now = Atomics.load(progress, 0);
  if (now !== before) { before = now; return; }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, Uint8Array.from(input.subarray(0, Atomics.load(progress, 1))));
  writeSync(2, 'finding: an input did not end within ' + stalledMs / 1000 + ' s; it is in ' + file + '\\n');
  process.kill(process.pid, 'SIGKILL');
}, stalledMs);
`;
