import { readFileSync } from 'node:fs';

/**
 * How many packets the system dropped because the queue of an interface was full: what it wanted to hand to
 * the lane, and the lane did not read in time. Undefined where that is not known.
 *
 * @param text of /proc/net/dev; that of this thread's network namespace by default
 */
export function queueDrops(device: string, text = read()): number | undefined {
  const line = text.split('\n').find((each) => each.trimStart().startsWith(`${device}:`));
  const value = line
    ?.slice(line.indexOf(':') + 1)
    .trim()
    .split(/\s+/)[TX_DROPPED];
  return value === undefined || !/^\d+$/.test(value) ? undefined : Number(value);
}

function read(): string {
  try {
    return readFileSync('/proc/thread-self/net/dev', 'utf8');
  } catch {
    // A system without /proc has no such counters.
    return '';
  }
}

/** Behind eight columns of what an interface received: bytes, packets, errors, drops. */
const TX_DROPPED = 11;
