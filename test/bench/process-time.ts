import { readdirSync, readFileSync } from 'node:fs';

/** Nanoseconds that a process has run, in user and kernel, all its threads together. */
export function processNanoseconds(pid: number): number {
  let sum = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0]);
  }
  return sum;
}

/** Nanoseconds for which threads of a process could have run, but no processor was free for them. */
export function waitingNanoseconds(pid: number): number {
  let sum = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[1]);
  }
  return sum;
}
