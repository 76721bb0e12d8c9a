import { readdirSync, statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Kills every process of this user in a network namespace, until there is none. Each round sees those that
 * were made during the one before.
 *
 * @param inode of the namespace, from /proc/PID/ns/net
 */
export async function endProcessesIn(inode: bigint): Promise<void> {
  for (let found = processesIn(inode); found.length > 0; found = processesIn(inode)) {
    for (const pid of found) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has just ended by itself.
      }
    }
    await pause(5);
  }
}

/** The numbers of the processes in a network namespace, as far as this user may see. */
export function processesIn(inode: bigint): number[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid)) return [];
    try {
      return statSync(`/proc/${pid}/ns/net`, { bigint: true }).ino === inode ? [pid] : [];
    } catch {
      return []; // it has ended (possibly as a zombie), or belongs to another user
    }
  });
}
