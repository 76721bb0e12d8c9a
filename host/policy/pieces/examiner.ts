import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Piece as Description, Problem } from '../../../abi/host/contract.ts';
import type { Inspection } from '../../engine/inspect-component.ts';
import type { PortableComponent } from '../../engine/load-component.ts';
import type { SettingPairs } from '../configuration/check-settings.ts';
import {
  costly,
  type ExaminerMessage,
  type ExaminerReply,
  type ExaminerRequest,
  type ExaminerRequestKind,
  type ExaminerRequests,
  errorOf,
  refusalOf,
} from './examiner-messages.ts';
import { packageRoot } from './package-root.ts';
import { demandThreadRoom } from './thread-room.ts';
import { ThreadTime } from './thread-time.ts';

/**
 * Examines untrusted component files in a separate thread, with a deadline and a limit of its heap: it reads,
 * parses, links, rewrites and compiles them, makes instances that describe themselves, and describes them. So
 * a file can neither keep nor fill the thread that asks, which may hold the control socket, the watchdog or
 * an embedder's program.
 *
 * Functions are compiled whole here: the lane, which receives the compiled modules, compiles nothing at a
 * first call.
 *
 * Requests are handled one after the other. A thread that exceeds its bounds is ended, and the next request
 * starts another.
 */
export class Examiner {
  readonly #bounds: ExaminerBounds;
  #last: Promise<unknown> = Promise.resolve();
  #thread: ExaminerThread | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(bounds: Partial<ExaminerBounds> = {}) {
    this.#bounds = { ...DEFAULT_BOUNDS, ...bounds };
  }

  /**
   * Reads a component file and admits it. The result has no component where its digest is in `known`.
   *
   * @throws {ComponentError} where it is refused: FT_COMPONENT_COSTLY where its examination exceeds the
   *   bounds. {FunnelError} FT_ADDRESS_SPACE where there is no room for a thread.
   */
  admit(order: ExaminerRequests['admit']['order']): Promise<ExaminerRequests['admit']['result']> {
    return this.#request('admit', order);
  }

  /** Reads and inspects a component file, with each of the terms. @throws {ComponentError} */
  async inspect(
    order: ExaminerRequests['inspect']['order'],
  ): Promise<{ readonly sha256: string; readonly inspections: readonly Inspection[] }> {
    const { sha256, inspections } = await this.#request('inspect', order);
    return {
      sha256,
      inspections: inspections.map(({ refusals, ...rest }) => ({
        ...rest,
        refusals: refusals.map(refusalOf),
      })),
    };
  }

  /**
   * Returns the description of an admitted component with these settings, from an instance that is made for
   * this call.
   *
   * @throws {FunnelError} the fault of the instance; FT_COMPONENT_COSTLY.
   */
  describe(component: PortableComponent, settings: SettingPairs): Promise<Description | readonly Problem[]> {
    return this.#request('describe', { component, settings });
  }

  #request<K extends ExaminerRequestKind>(
    kind: K,
    order: ExaminerRequests[K]['order'],
  ): Promise<ExaminerRequests[K]['result']> {
    // The order fits the kind, and so does the reply: both sides are this program.
    const request = { kind, order } as ExaminerRequest;
    const turn = this.#last.then(() => this.#exchange(request) as Promise<ExaminerRequests[K]['result']>);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #exchange(request: ExaminerRequest): Promise<unknown> {
    clearTimeout(this.#idle);
    if (this.#thread?.isEnded !== false) {
      demandThreadRoom('examines components');
      this.#thread = new ExaminerThread(this.#bounds);
    }
    const thread = this.#thread;
    try {
      const reply = await thread.exchange(request);
      if ('error' in reply) throw errorOf(reply.error);
      return reply.value;
    } finally {
      if (thread.isEnded) this.#thread = undefined;
      else this.#idle = setTimeout(() => this.#release(), IDLE_MS).unref();
    }
  }

  /** Releases the thread and its memory. */
  #release(): void {
    this.#thread?.end(new Error('the examiner was idle'));
    this.#thread = undefined;
  }
}

/** One thread. It keeps the process alive only while a request waits. */
class ExaminerThread {
  readonly #bounds: ExaminerBounds;
  readonly #worker: Worker;
  #waiting: { resolve(reply: ExaminerReply): void; reject(reason: Error): void } | undefined;
  /** The times of the thread; undefined until it has loaded its code. */
  #time: ThreadTime | undefined;
  #isEnded = false;

  constructor(bounds: ExaminerBounds) {
    this.#bounds = bounds;
    this.#worker = new Worker(ENTRY, {
      name: 'funnel-examiner',
      resourceLimits: { maxOldGenerationSizeMb: bounds.heapMebibytes },
    });
    this.#worker.on('message', (message: ExaminerMessage) => {
      if ('thread' in message) this.#time = new ThreadTime(message.thread);
      else this.#waiting?.resolve(message);
    });
    this.#worker.on('messageerror', (error) => this.end(error));
    this.#worker.on('error', (error: unknown) => {
      const isFull = error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      if (isFull) this.end(costly(`takes more than ${bounds.heapMebibytes} MiB of memory`));
      else this.end(error instanceof Error ? error : new Error(String(error)));
    });
    this.#worker.on('exit', () => this.end(new Error('the thread that examines components ended')));
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /**
   * Waits for the reply, at most as long as the deadline; then the thread is ended. The time counts in which
   * the thread is not kept from working: while it loads its code, and while it waits for a processor, a busy
   * machine is slow, and not the component. But no request takes longer than {@link BUSY_FACTOR} deadlines.
   */
  async exchange(request: ExaminerRequest): Promise<ExaminerReply> {
    const { deadlineMs } = this.#bounds;
    this.#worker.ref();
    const began = performance.now();
    let from: number | undefined;
    let waitedBefore = 0;
    let deadline: NodeJS.Timeout;
    const look = (): void => {
      const now = performance.now();
      if (from === undefined && this.#time !== undefined) {
        from = now;
        waitedBefore = this.#time.waitedMilliseconds ?? 0;
      }
      const waitedMs = (this.#time?.waitedMilliseconds ?? waitedBefore) - waitedBefore;
      const spentMs = from === undefined ? 0 : now - from - waitedMs;
      const leftMs = Math.min(deadlineMs - spentMs, began + deadlineMs * BUSY_FACTOR - now);
      if (leftMs > 0) deadline = setTimeout(look, Math.min(Math.ceil(leftMs), LOOK_MS));
      else this.end(costly(`takes more than ${deadlineMs / 1000} seconds`));
    };
    look();
    try {
      return await new Promise<ExaminerReply>((resolve, reject) => {
        this.#waiting = { resolve, reject };
        this.#worker.postMessage(request);
      });
    } finally {
      clearTimeout(deadline!);
      this.#waiting = undefined;
      this.#worker.unref();
    }
  }

  /** Ends the thread, without waiting: a step that V8 cannot interrupt ends when it is done. */
  end(reason: Error): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#waiting?.reject(reason);
    this.#time?.close();
    this.#worker.unref();
    void this.#worker.terminate();
  }
}

export interface ExaminerBounds {
  /** The time that one request may take, on a machine that is not busy. */
  readonly deadlineMs: number;
  /** The heap that the thread may use. */
  readonly heapMebibytes: number;
}

/** A file of 16 MiB takes about three seconds, and a tenth of the heap. */
const DEFAULT_BOUNDS: ExaminerBounds = { deadlineMs: 30_000, heapMebibytes: 1024 };

/** So many deadlines may pass on a busy machine until a request has its reply. */
const BUSY_FACTOR = 10;
/** The greatest interval between two looks at the times of the thread. */
const LOOK_MS = 1000;
/** After so long without a request, the thread and its memory are released. */
const IDLE_MS = 5000;

/** The examiner of this process. One is enough: requests wait for each other. */
export const sharedExaminer = new Examiner();

/** A thread runs compiled code, also where this module runs from its source. */
const ENTRY = join(packageRoot(), 'dist', 'host', 'policy', 'pieces', 'examiner-entry.js');
