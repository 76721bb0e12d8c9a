import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ThreadTime, threadNumber } from './thread-time.ts';

const descriptors = () => readdirSync('/proc/self/fd').length;
const systemTime = () =>
  Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ')[0]) / 1e6;

it('returns the figure of the system, repeatedly, and keeps nothing open when it is closed', () => {
  const before = descriptors();
  const time = new ThreadTime(process.pid);
  for (let n = 0; n < 5; n++) {
    const [from, milliseconds, to] = [systemTime(), time.milliseconds, systemTime()];
    expect(milliseconds).toBeGreaterThanOrEqual(from);
    expect(milliseconds).toBeLessThanOrEqual(to);
  }
  time.close();
  expect(time.milliseconds).toBeUndefined();
  time.close();
  expect(descriptors()).toBe(before);
});

it('returns nothing for a thread that does not exist', () => {
  const time = new ThreadTime(0);
  expect(time.milliseconds).toBeUndefined();
  time.close();
});

it('returns for how long a thread waited for a processor, beside how long it had one', () => {
  const time = new ThreadTime(process.pid);
  const figures = () => readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ');
  for (let n = 0; n < 5; n++) {
    const [from, waited, to] = [figures(), time.waitedMilliseconds, figures()];
    expect(waited).toBeGreaterThanOrEqual(Number(from[1]) / 1e6);
    expect(waited).toBeLessThanOrEqual(Number(to[1]) / 1e6);
  }
  time.close();
  expect(time.waitedMilliseconds).toBeUndefined();
});

it('knows the number of this thread', () => {
  expect(threadNumber()).toBe(process.pid);
});
