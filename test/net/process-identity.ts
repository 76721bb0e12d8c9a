import { readFileSync } from 'node:fs';

/**
 * A process, by its number and the moment it began (in clock ticks since the machine started, proc(5) field
 * 22), because numbers come back. `undefined` where there is no such process, or only what is left of one.
 */
export function processIdentity(pid: number): string | undefined {
  let about: string;
  try {
    about = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The second field is the command's name in parentheses, which may hold anything.
  const fields = about.slice(about.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? undefined : `${pid}.${fields[19]}`;
}
