import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ThreadTime } from './thread-time.ts';

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
