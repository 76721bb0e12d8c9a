import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { CALL_MONITOR_BYTES, CallMonitorReader } from '../../puzzle/runtime/call-monitor.ts';
import { packageRoot } from '../pieces/package-root.ts';
import {
  errorFrom,
  type LaneMessage,
  type LaneQuestion,
  type LaneQuestions,
  type LaneSetting,
  type QuestionKind,
} from './lane-messages.ts';

/** The thread of one lane, as the thread that opened the Funnel handles it. */
export class LaneThread {
  readonly pulse: CallMonitorReader;
  readonly #worker: Worker;
  readonly #asked = new Map<number, Asked>();
  readonly #exit: Promise<void>;
  #number = 0;
  /** Why it cannot be asked any more. */
  #end: Error | undefined;

  /** @param onEnd called when it ends of itself, though nobody asked it to: with the error that it died of */
  constructor(handover: number, onMessage: (message: LaneMessage) => void, onEnd: (error: Error) => void) {
    const pulse = new SharedArrayBuffer(CALL_MONITOR_BYTES);
    this.pulse = new CallMonitorReader(pulse);
    const workerData: LaneSetting = { pulse, handover };
    this.#worker = new Worker(ENTRY, { workerData, name: 'funnel-lane' });
    this.#worker.on('message', (message: LaneMessage) => {
      if (message.kind === 'answer') this.#take(message.id)?.resolve(message.value);
      else if (message.kind === 'refusal') this.#take(message.id)?.reject(errorFrom(message.error));
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

  /** @throws what the lane has against it, or {@link end}'s error when the lane ends before it answers. */
  ask<K extends QuestionKind>(
    kind: K,
    order: LaneQuestions[K]['order'],
  ): Promise<LaneQuestions[K]['answer']> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    const id = ++this.#number;
    return new Promise((resolve, reject) => {
      // The answer to a question of a kind is of that kind: both sides are this program.
      this.#asked.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#worker.postMessage({ id, kind, order } as LaneQuestion);
    });
  }

  /** The lane closes, and the thread ends by itself. @returns its last counters */
  async close(): Promise<LaneQuestions['close']['answer']> {
    const counters = await this.ask('close', undefined);
    this.#fail(new Error('the lane is closed'));
    await this.#exit;
    return counters;
  }

  /**
   * Ends it, wherever it is. Whoever waits for an answer gets `reason`. Fulfilled when the thread is gone; one that is stuck
   * in the system is not gone before that lets go.
   */
  async end(reason: Error): Promise<void> {
    this.#fail(reason);
    await this.#worker.terminate();
    await this.#exit;
  }

  #take(id: number): Asked | undefined {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    return asked;
  }

  #fail(reason: Error): void {
    this.#end ??= reason;
    for (const { reject } of this.#asked.values()) reject(reason);
    this.#asked.clear();
  }
}

interface Asked {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A thread is begun with compiled code, also where this is run from the source. */
const ENTRY = join(packageRoot(), 'dist', 'host', 'policy', 'lane', 'lane-entry.js');
