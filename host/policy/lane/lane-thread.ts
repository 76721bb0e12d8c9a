import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { CALL_MONITOR_BYTES, CallMonitorReader } from '../../puzzle/runtime/call-monitor.ts';
import { packageRoot } from '../pieces/package-root.ts';
import {
  errorFrom,
  type LaneMessage,
  type LaneRequest,
  type LaneRequests,
  type LaneThreadData,
  type RequestKind,
} from './lane-messages.ts';

/**
 * Some seconds after its start, V8 collects the heap of a thread that allocates little, so that it gives
 * memory back. That stops a lane for up to 8 ms, several times, and frames wait. So the heaps of lanes are
 * made without this. The flag belongs to the process; a heap reads it once, before its thread is `online`.
 */
function startLaneWorker(workerData: LaneThreadData): Worker {
  setFlagsFromString('--no-memory-reducer');
  const worker = new Worker(ENTRY, { workerData, name: 'funnel-lane' });
  worker.once('online', () => setFlagsFromString('--memory-reducer'));
  return worker;
}

/** The thread of one lane, as the thread that opened the Funnel controls it. */
export class LaneThread {
  /** Shows the piece that the lane is calling. */
  readonly monitor: CallMonitorReader;
  readonly #worker: Worker;
  readonly #pending = new Map<number, PendingRequest>();
  readonly #exit: Promise<void>;
  #number = 0;
  /** The reason why it accepts no more requests. */
  #end: Error | undefined;

  /** @param onEnd called with the cause when the thread ends and nothing here ended it */
  constructor(
    data: Omit<LaneThreadData, 'callMonitor'>,
    onMessage: (message: LaneMessage) => void,
    onEnd: (error: Error) => void,
  ) {
    const callMonitor = new SharedArrayBuffer(CALL_MONITOR_BYTES);
    this.monitor = new CallMonitorReader(callMonitor);
    const workerData: LaneThreadData = { callMonitor, ...data };
    this.#worker = startLaneWorker(workerData);
    this.#worker.on('message', (message: LaneMessage) => {
      if (message.kind === 'result') this.#take(message.id)?.resolve(message.value);
      else if (message.kind === 'failure') this.#take(message.id)?.reject(errorFrom(message.error));
      else if (this.#end === undefined) onMessage(message);
    });
    let failure: Error | undefined;
    this.#worker.on('error', (error) => {
      failure = error instanceof Error ? error : new Error(String(error));
    });
    this.#exit = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        const error = failure ?? new Error('the thread of the lane ended');
        const isExpected = this.#end !== undefined;
        this.#fail(error);
        resolve();
        if (!isExpected) onEnd(error);
      });
    });
  }

  /** @throws the error of the lane, or the reason of its {@link end} when it ends first. */
  request<K extends RequestKind>(
    kind: K,
    order: LaneRequests[K]['order'],
  ): Promise<LaneRequests[K]['result']> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    const id = ++this.#number;
    return new Promise((resolve, reject) => {
      // The result fits the kind of the request: both sides are this program.
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#worker.postMessage({ id, kind, order } as LaneRequest);
    });
  }

  /** Closes the lane; then the thread ends by itself. @returns the last counters */
  async close(): Promise<LaneRequests['close']['result']> {
    const counters = await this.request('close', undefined);
    this.#fail(new Error('the lane is closed'));
    await this.#exit;
    return counters;
  }

  /**
   * Ends the thread by force. Pending requests are rejected with `reason`. Resolves when the thread has
   * ended; a thread that is stuck in a call of the system ends after that call.
   */
  async end(reason: Error): Promise<void> {
    this.#fail(reason);
    await this.#worker.terminate();
    await this.#exit;
  }

  #take(id: number): PendingRequest | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #fail(reason: Error): void {
    this.#end ??= reason;
    for (const { reject } of this.#pending.values()) reject(reason);
    this.#pending.clear();
  }
}

interface PendingRequest {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A thread runs compiled code, also where this module runs from its source. */
const ENTRY = join(packageRoot(), 'dist', 'host', 'policy', 'lane', 'lane-entry.js');
