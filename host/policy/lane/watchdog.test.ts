import { afterEach, expect, it } from 'vitest';
import { CallMonitor, CallMonitorReader } from '../../puzzle/runtime/call-monitor.ts';
import { type Stall, Watchdog } from './watchdog.ts';

let watchdog: Watchdog | undefined;
afterEach(() => watchdog?.stop());

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A pulse tells no thread of its own accord, and then the clock counts as its time. */
function watch(pulse: CallMonitor) {
  const stalls: Stall[] = [];
  watchdog = new Watchdog(new CallMonitorReader(pulse.memory), (stall) => stalls.push(stall));
  return stalls;
}

it('tells once of a call that goes on and on, also when it had slept before', async () => {
  const pulse = new CallMonitor();
  const slot = pulse.claim('slow');
  const stalls = watch(pulse);
  // It falls asleep.
  await pause(1200);
  pulse.begin(slot);
  await expect.poll(() => stalls.length, { timeout: 30_000 }).toBe(1);
  expect(stalls[0]!.piece).toBe('slow');
  expect(stalls[0]!.workedMs).toBeGreaterThanOrEqual(25);
  await pause(200);
  expect(stalls.length).toBe(1);
});

it('tells nothing of calls that end, however many, nor of a lane that is quiet', async () => {
  const pulse = new CallMonitor();
  const slot = pulse.claim('quick');
  // This one: a process of one thread waits through the calls, and on a busy machine for long.
  pulse.thread = process.pid;
  const stalls = watch(pulse);
  for (let n = 0; n < 100; n++) {
    pulse.begin(slot);
    await pause(2);
    pulse.end();
    pulse.begin(slot);
    pulse.end();
  }
  await pause(100);
  expect(stalls).toEqual([]);
});

it('tells nothing any more when it is stopped, awake or asleep', async () => {
  const pulse = new CallMonitor();
  const stalls = watch(pulse);
  await pause(1200);
  watchdog!.stop();
  pulse.begin(pulse.claim('slow'));
  await pause(200);
  expect(stalls).toEqual([]);
});
