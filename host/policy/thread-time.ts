import { readFileSync } from 'node:fs';

/** Milliseconds that a thread of this process has had a processor, by the number that the system gives it; undefined where it does not tell. */
export function threadMilliseconds(thread: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/self/task/${thread}/schedstat`, 'latin1').split(' ')[0]) / 1e6;
  } catch {
    return undefined;
  }
}
