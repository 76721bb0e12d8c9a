import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ExaminerMessage } from './examiner-messages.ts';

// The deadline of the examiner, with a scripted thread and a clock that the test moves. `examiner.test.ts`
// has real threads.

const machine = vi.hoisted(() => ({
  threads: [] as unknown[],
  /** How long the thread has waited for a processor; undefined where the system does not show it. */
  waitedMs: 0 as number | undefined,
  closed: 0,
}));
vi.mock('node:worker_threads', () => ({
  Worker: class {
    constructor() {
      const thread = new ScriptedThread();
      machine.threads.push(thread);
      // biome-ignore lint/correctness/noConstructorReturn: the scripted thread takes the place of the real one
      return thread as object;
    }
  },
}));
vi.mock('./thread-room.ts', () => ({ demandThreadRoom: () => {} }));
vi.mock('./thread-time.ts', () => ({
  ThreadTime: class {
    get waitedMilliseconds() {
      return machine.waitedMs;
    }
    close() {
      machine.closed++;
    }
  },
}));
const { Examiner } = await import('./examiner.ts');

class ScriptedThread extends EventEmitter {
  isTerminated = false;
  ref() {}
  unref() {}
  postMessage() {}
  async terminate() {
    this.isTerminated = true;
  }
  send(message: ExaminerMessage) {
    this.emit('message', message);
  }
}

const order = { file: '/f', maxBytes: 1, terms: { grants: [], limits: {} }, known: [] };
let result: string;

/** Requests an examination, and notes how it ends. */
async function request(examiner = new Examiner({ deadlineMs: 3000 })): Promise<ScriptedThread> {
  result = 'waits';
  examiner.admit(order).then(
    () => {
      result = 'replied';
    },
    (error: { code?: string; message: string }) => {
      result = error.code ?? error.message;
    },
  );
  await vi.advanceTimersByTimeAsync(0);
  return machine.threads.at(-1) as ScriptedThread;
}

/** Lets time pass, in which the thread waits for a processor for some of each second. */
async function pass(seconds: number, waitingShare = 0): Promise<void> {
  for (let n = 0; n < seconds * 10; n++) {
    await vi.advanceTimersByTimeAsync(100);
    if (machine.waitedMs !== undefined) machine.waitedMs += 100 * waitingShare;
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  machine.threads.length = machine.closed = 0;
  machine.waitedMs = 500;
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the deadline of the examiner', () => {
  it('ends a thread that works for longer, and the next request starts another', async () => {
    const examiner = new Examiner({ deadlineMs: 3000 });
    const thread = await request(examiner);
    thread.send({ thread: 7 });
    await pass(3);
    expect([result, thread.isTerminated]).toEqual(['waits', false]);
    await pass(1.1);
    expect([result, thread.isTerminated, machine.closed]).toEqual(['FT_COMPONENT_COSTLY', true, 1]);
    const next = await request(examiner);
    expect(next).not.toBe(thread);
    next.send({ thread: 8 });
    next.send({ value: { sha256: '00' } });
    await pass(0.1);
    expect([result, next.isTerminated]).toEqual(['replied', false]);
    await pass(10);
    // It was idle.
    expect(next.isTerminated).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not count the time in which the thread loads its code, or waits for a processor', async () => {
    const thread = await request();
    await pass(8);
    thread.send({ thread: 7 });
    await pass(10, 0.9);
    expect(result).toBe('waits');
    thread.send({ value: { sha256: '00' } });
    await pass(0.1);
    expect(result).toBe('replied');
  });

  it('counts each request anew', async () => {
    const examiner = new Examiner({ deadlineMs: 3000 });
    for (let n = 0; n < 3; n++) {
      const thread = await request(examiner);
      if (n === 0) thread.send({ thread: 7 });
      await pass(2);
      thread.send({ value: { sha256: '00' } });
      await pass(0.1);
      expect([result, machine.threads.length]).toEqual(['replied', 1]);
    }
  });

  it.each([0, 1])('ends after ten times as long in any case: it waits for %i of the time', async (share) => {
    const thread = await request();
    if (share === 1) thread.send({ thread: 7 });
    await pass(29.9, share);
    expect(result).toBe('waits');
    await pass(0.2, share);
    expect([result, thread.isTerminated]).toEqual(['FT_COMPONENT_COSTLY', true]);
  });

  it('is by the clock where the system does not show for how long a thread waits', async () => {
    machine.waitedMs = undefined;
    const thread = await request();
    thread.send({ thread: 7 });
    await pass(4.1);
    expect(result).toBe('FT_COMPONENT_COSTLY');
  });
});
