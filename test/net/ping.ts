import type { Namespace } from './namespace.ts';

export interface PingResult {
  readonly sent: number;
  readonly received: number;
  /** Of those that were answered; NaN where none was. */
  readonly averageMs: number;
}

/** Pings an address and counts what comes back: no answer is a result, not an error. */
export async function ping(
  from: Namespace,
  address: string,
  { count = 5, intervalSeconds = 0.2, size = 56 } = {},
): Promise<PingResult> {
  const argv = [
    'ping',
    '-n',
    '-c',
    `${count}`,
    '-i',
    `${intervalSeconds}`,
    '-W',
    '1',
    '-s',
    `${size}`,
    address,
  ];
  const { stdout, stderr } = await from.runAnyway(argv);
  const counts = /(\d+) packets transmitted, (\d+) received/.exec(stdout);
  if (counts === null) throw new Error(`${argv.join(' ')}: ${stdout}${stderr}`);
  const average = /= [\d.]+\/([\d.]+)\//.exec(stdout);
  return {
    sent: Number(counts[1]),
    received: Number(counts[2]),
    averageMs: Number(average?.[1] ?? Number.NaN),
  };
}

/** Pings until there is an answer. */
export async function pingUntilAnswered(from: Namespace, address: string, timeoutMs = 20_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while ((await ping(from, address, { count: 1 })).received === 0) {
    if (performance.now() > deadline) throw new Error(`${address} has not answered within ${timeoutMs} ms`);
  }
}
