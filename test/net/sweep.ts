import { readdirSync } from 'node:fs';
import { runNow } from './command.ts';
import { processIdentity } from './process-identity.ts';

/** Names of our namespaces begin so, followed by the process that made them; see `namespacePrefix`. */
const OURS = /^ft\.(\d+\.\d+)\./;

/** The prefix of the names of this process's namespaces. */
export function namespacePrefix(): string {
  return `ft.${processIdentity(process.pid)}.`;
}

/**
 * Removes the network namespaces, and the processes in them, of processes of ours that have ended without
 * doing so (killed outright). Those of living processes are left alone.
 *
 * @returns the names of what was removed
 */
export async function sweep(): Promise<string[]> {
  const left = namespaces().filter((name) => {
    const maker = OURS.exec(name)?.[1];
    return maker !== undefined && processIdentity(Number(maker.split('.')[0])) !== maker;
  });
  for (const name of left) removeNamespace(name);
  return left;
}

/** Kills what runs in a namespace, and removes it with all its devices. Does not wait for anything. */
export function removeNamespace(name: string): void {
  for (const pid of runNow(['ip', 'netns', 'pids', name]).stdout.split('\n')) {
    if (pid === '' || Number(pid) === process.pid) continue;
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has just ended by itself.
    }
  }
  const removed = runNow(['ip', 'netns', 'del', name]);
  if (removed.status !== 0)
    process.stderr.write(`network namespace ${name} is still there: ${removed.stderr}`);
}

function namespaces(): string[] {
  try {
    return readdirSync('/run/netns');
  } catch {
    return []; // no namespace was ever made here
  }
}
