import { setTimeout as pause } from 'node:timers/promises';
import type { Namespace } from './namespace.ts';

export interface PingResult {
  readonly sent: number;
  readonly received: number;
  /** The average of the replies; NaN without any. */
  readonly averageMs: number;
}

/**
 * Pings an address and counts what comes back: no answer is a result, not an error.
 *
 * Each packet is a ping of its own: of several, ping waits for the last no longer than twice as long as the
 * others took, and a busy machine would look like a loss.
 */
export async function ping(
  from: Namespace,
  address: string,
  { count = 5, intervalSeconds = 0.2, size = 56, patienceSeconds = 10 } = {},
): Promise<PingResult> {
  let received = 0;
  let totalMs = 0;
  for (let n = 0; n < count; n++) {
    if (n > 0) await pause(intervalSeconds * 1000);
    const argv = ['ping', '-n', '-c', '1', '-W', `${patienceSeconds}`, '-s', `${size}`, address];
    const { stdout, stderr } = await from.runAnyway(argv);
    if (!stdout.includes(' packets transmitted')) throw new Error(`${argv.join(' ')}: ${stdout}${stderr}`);
    const answered = / time=([\d.]+) ms/.exec(stdout);
    if (answered === null) continue;
    received++;
    totalMs += Number(answered[1]);
  }
  return { sent: count, received, averageMs: totalMs / received };
}

/** Pings until there is an answer. */
export async function pingUntilAnswered(from: Namespace, address: string, timeoutMs = 60_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while ((await ping(from, address, { count: 1, patienceSeconds: 1 })).received === 0) {
    if (performance.now() > deadline) throw new Error(`${address} has not answered within ${timeoutMs} ms`);
  }
}
