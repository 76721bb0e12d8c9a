import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CallMonitor, CallMonitorReader } from '../../puzzle/runtime/call-monitor.ts';
import { type Stall, Watchdog, type WatchdogOptions } from './watchdog.ts';

/** The processor time of the lane's thread: a test sets it, or says that the system does not show it. */
const processor = vi.hoisted(() => ({ ms: undefined as number | undefined, opened: 0, closed: 0 }));
vi.mock('../pieces/thread-time.ts', () => ({
  ThreadTime: class {
    readonly thread: number;
    constructor(thread: number) {
      this.thread = thread;
      processor.opened++;
    }
    get milliseconds(): number | undefined {
      return processor.ms;
    }
    close(): void {
      processor.closed++;
    }
  },
}));

/** A lane as the watchdog sees it. */
class ScriptedMonitor {
  calls = 0;
  isInCall = false;
  piece: string | undefined = 'slow';
  isSeated = true;
  thread = 1;
  /** Calls of `untilCall`: the watchdog sleeps. */
  sleeps = 0;
  #wake: () => void = () => {};

  begin(): void {
    this.calls++;
    this.isInCall = true;
    this.#wake();
  }

  end(): void {
    this.isInCall = false;
  }

  untilCall(calls: number): Promise<unknown> | undefined {
    if (this.calls !== calls || this.isInCall) return undefined;
    this.sleeps++;
    return new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}

let monitor: ScriptedMonitor;
let stalls: Stall[];
let watchdog: Watchdog;

function watch(options?: WatchdogOptions): void {
  const reader = monitor as unknown as CallMonitorReader;
  watchdog = new Watchdog(reader, (stall) => stalls.push(stall), options);
}

/** Time passes, and the thread of the lane has a processor for so much of it. */
async function pass(ms: number, workedMs = ms): Promise<void> {
  for (let n = 0; n < ms; n++) {
    if (processor.ms !== undefined && n < workedMs) processor.ms++;
    await vi.advanceTimersByTimeAsync(1);
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  processor.ms = 0;
  processor.opened = 0;
  processor.closed = 0;
  monitor = new ScriptedMonitor();
  stalls = [];
});
afterEach(() => {
  watchdog.stop();
  vi.useRealTimers();
});

describe('a watchdog', () => {
  it('reports a call that does not end, once, within 50 ms of work', async () => {
    watch();
    await pass(7);
    monitor.begin();
    await pass(50);
    expect(stalls).toEqual([
      { piece: 'slow', isSeated: true, workedMs: expect.any(Number), waitedMs: expect.any(Number) },
    ]);
    expect(stalls[0]!.workedMs).toBeGreaterThanOrEqual(25);
    expect(stalls[0]!.workedMs).toBeLessThanOrEqual(45);
    expect(processor.closed).toBe(processor.opened);
    await pass(5000);
    expect(stalls).toHaveLength(1);
  });

  it.each([
    [undefined, 24, false],
    [undefined, 25, true],
    [10, 9, false],
    [10, 10, true],
    [100, 99, false],
    [100, 100, true],
  ])('with the limit %s ms and %i ms of work reports: %s', async (stallMs, worked, isReported) => {
    watch(stallMs === undefined ? undefined : { stallMs });
    monitor.begin();
    // It is first observed at the first sample; from then on its work counts.
    await pass(Math.min(20, stallMs ?? 25), 0);
    await pass(20, 0);
    await pass(500, worked);
    expect(stalls.length > 0).toBe(isReported);
  });

  it('gives a call without a processor two seconds', async () => {
    watch();
    monitor.begin();
    await pass(2000, 0);
    expect(stalls).toEqual([]);
    await pass(30, 0);
    expect(stalls).toMatchObject([{ piece: 'slow', workedMs: 0 }]);
    expect(stalls[0]!.waitedMs).toBeGreaterThanOrEqual(2000);
  });

  it('counts elapsed time where the system does not show that of the processor', async () => {
    processor.ms = undefined;
    watch();
    monitor.begin();
    await pass(50);
    expect(stalls).toHaveLength(1);
    expect(stalls[0]!.workedMs).toBe(stalls[0]!.waitedMs);
  });

  it('begins anew with each call, however long the calls take together', async () => {
    watch();
    for (let n = 0; n < 100; n++) {
      monitor.begin();
      await pass(20);
      monitor.end();
    }
    expect(stalls).toEqual([]);
  });

  it('reports nothing after a pause of the process, and observes the call anew', async () => {
    watch();
    monitor.begin();
    await pass(21);
    // A sample comes late: this process stood still, and the thread of the lane with it, or it worked on.
    vi.setSystemTime(Date.now());
    processor.ms! += 600;
    const now = performance.now();
    const late = vi.spyOn(performance, 'now').mockImplementation(() => now + 600);
    await vi.advanceTimersToNextTimerAsync();
    late.mockRestore();
    expect(stalls).toEqual([]);
  });

  it('still reports a call when a sample comes half a second late', async () => {
    watch();
    monitor.begin();
    await pass(21);
    processor.ms! += 400;
    const now = performance.now();
    const late = vi.spyOn(performance, 'now').mockImplementation(() => now + 400);
    await vi.advanceTimersToNextTimerAsync();
    late.mockRestore();
    expect(stalls).toHaveLength(1);
  });

  it.each(['it ends', 'another begins'])(
    'looks again before it reports, and does not when %s',
    async (what) => {
      watch();
      monitor.begin();
      await pass(21);
      // The call ends while the watchdog reads the time of the processor and the name of the piece.
      const { piece } = monitor;
      let looks = 0;
      Object.defineProperty(monitor, 'piece', {
        get: () => {
          looks++;
          monitor.end();
          if (what === 'another begins') monitor.begin();
          return piece;
        },
      });
      await pass(30);
      expect(looks).toBe(1);
      expect(stalls).toEqual([]);
      // It goes on: the call that began then is reported in its turn.
      Object.defineProperty(monitor, 'piece', { get: () => piece });
      if (what === 'it ends') monitor.begin();
      await pass(60);
      expect(stalls).toHaveLength(1);
    },
  );

  it('sleeps while no piece is called, and wakes with the next call', async () => {
    watch();
    await pass(20 * 27 - 1);
    expect(monitor.sleeps).toBe(0);
    await pass(1);
    expect(monitor.sleeps).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
    await pass(100_000, 0);
    monitor.begin();
    await pass(50);
    expect(stalls).toHaveLength(1);
  });

  it('does not sleep while pieces are called now and then', async () => {
    watch();
    for (let n = 0; n < 5; n++) {
      await pass(20 * 20);
      monitor.begin();
      await pass(1);
      monitor.end();
    }
    expect(monitor.sleeps).toBe(0);
  });

  it('reports nothing after it is stopped, awake or asleep, and closes what it has open', async () => {
    watch();
    monitor.begin();
    await pass(21);
    watchdog.stop();
    expect([processor.closed, vi.getTimerCount()]).toEqual([1, 0]);
    await pass(5000);
    expect(stalls).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
    monitor.end();
    watch();
    await pass(1000);
    expect(monitor.sleeps).toBe(1);
    watchdog.stop();
    monitor.begin();
    await pass(0);
    expect(processor.opened).toBe(1);
    await pass(5000);
    expect(stalls).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('measures another thread when another thread runs the lane', async () => {
    watch();
    monitor.begin();
    await pass(21);
    monitor.thread = 2;
    monitor.end();
    monitor.begin();
    await pass(21);
    expect(processor.closed).toBe(1);
  });

  it('names the piece and its state by the memory that the lane shares', async () => {
    const shared = new CallMonitor();
    const slot = shared.claim('candidate');
    watchdog = new Watchdog(new CallMonitorReader(shared.memory), (stall) => stalls.push(stall));
    shared.begin(slot, false);
    await pass(550);
    expect(stalls).toMatchObject([{ piece: 'candidate', isSeated: false }]);
  });

  it('gives a piece that does not run yet more time, and ends it too', async () => {
    watch();
    processor.ms = 0;
    monitor.isSeated = false;
    monitor.begin();
    // Its first observation.
    await vi.advanceTimersByTimeAsync(25);
    // More than an innocent start takes on a loaded machine.
    processor.ms = 29;
    await vi.advanceTimersByTimeAsync(110);
    processor.ms = 499;
    await vi.advanceTimersByTimeAsync(50);
    expect(stalls).toEqual([]);
    processor.ms = 501;
    await vi.advanceTimersByTimeAsync(10);
    expect(stalls).toMatchObject([{ piece: 'slow', isSeated: false, workedMs: 501 }]);
  });
});
