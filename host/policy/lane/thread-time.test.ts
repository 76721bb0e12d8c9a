import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ThreadTime } from './thread-time.ts';

const descriptors = () => readdirSync('/proc/self/fd').length;
const told = () =>
  Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ')[0]) / 1e6;

it('tells what the system tells, again and again, and keeps nothing open when it is closed', () => {
  const before = descriptors();
  const time = new ThreadTime(process.pid);
  for (let n = 0; n < 5; n++) {
    const [from, milliseconds, to] = [told(), time.milliseconds, told()];
    expect(milliseconds).toBeGreaterThanOrEqual(from);
    expect(milliseconds).toBeLessThanOrEqual(to);
  }
  time.close();
  expect(time.milliseconds).toBeUndefined();
  time.close();
  expect(descriptors()).toBe(before);
});

it('tells nothing of a thread that is not there', () => {
  const time = new ThreadTime(0);
  expect(time.milliseconds).toBeUndefined();
  time.close();
});
