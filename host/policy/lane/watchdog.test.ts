import { afterEach, expect, it } from 'vitest';
import { CallMonitor, CallMonitorReader } from '../../puzzle/runtime/call-monitor.ts';
import { type Stall, Watchdog } from './watchdog.ts';

let watchdog: Watchdog | undefined;
afterEach(() => watchdog?.stop());

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A monitor without a thread number has no processor time, so the elapsed time counts. */
function watch(monitor: CallMonitor) {
  const stalls: Stall[] = [];
  watchdog = new Watchdog(new CallMonitorReader(monitor.memory), (stall) => stalls.push(stall));
  return stalls;
}

it('reports a call that does not end once, also after it slept', async () => {
  const monitor = new CallMonitor();
  const slot = monitor.claim('slow');
  const stalls = watch(monitor);
  // It falls asleep.
  await pause(1200);
  monitor.begin(slot);
  await expect.poll(() => stalls.length, { timeout: 30_000 }).toBe(1);
  expect(stalls[0]!.piece).toBe('slow');
  expect(stalls[0]!.workedMs).toBeGreaterThanOrEqual(25);
  await pause(200);
  expect(stalls.length).toBe(1);
});

it('reports nothing for calls that end, however many, nor for an idle lane', async () => {
  const monitor = new CallMonitor();
  const slot = monitor.claim('quick');
  // This one: a process of one thread waits through the calls, and on a busy machine for long.
  monitor.thread = process.pid;
  const stalls = watch(monitor);
  for (let n = 0; n < 100; n++) {
    monitor.begin(slot);
    await pause(2);
    monitor.end();
    monitor.begin(slot);
    monitor.end();
  }
  await pause(100);
  expect(stalls).toEqual([]);
});

it('reports nothing after it is stopped, awake or asleep', async () => {
  const monitor = new CallMonitor();
  const stalls = watch(monitor);
  await pause(1200);
  watchdog!.stop();
  monitor.begin(monitor.claim('slow'));
  await pause(200);
  expect(stalls).toEqual([]);
});
