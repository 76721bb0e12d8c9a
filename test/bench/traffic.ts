import type { Namespace } from '../net/namespace.ts';
import { buildBaseline } from './baseline-program.ts';
import { devicePackets, type Path } from './path.ts';
import { processNanoseconds } from './process-time.ts';

/** The work of the program in the middle while traffic of one kind went through it. */
export interface Load {
  /** Nanoseconds of its time for each packet that came out. */
  readonly cpuNs: number;
  readonly packetsPerSecond: number;
}

/** Round trips of small packets, one after the other. */
export interface RoundTrips {
  readonly medianUs: number;
  readonly p99Us: number;
  readonly cpuNs: number;
}

export interface Stream {
  readonly megabitsPerSecond: number;
  /** Milliseconds of the program's time for each gigabit. */
  readonly cpuMs: number;
}

/**
 * Packets of `bytes` of payload, as fast as they go (`rate` 0) or at a pace, from near to far (`out`) or the
 * other way (`in`).
 */
export async function flood(
  path: Path,
  {
    direction,
    bytes,
    seconds,
    rate,
  }: { direction: 'out' | 'in'; bytes: number; seconds: number; rate: number },
): Promise<Load> {
  const probe = await buildBaseline('probe');
  const [from, to, address] =
    direction === 'out' ? [path.near, path.far, path.farAddress] : [path.far, path.near, path.nearAddress];
  const hold = to.start([probe, 'hold', String(PORT)]);
  try {
    await hold.waitFor(/^ready$/m);
    const argv = [probe, 'flood', address, String(PORT), String(seconds), String(bytes), String(rate)];
    return await measureLoad(
      path,
      async () => {
        await from.run(argv);
      },
      direction,
    );
  } finally {
    await hold.stop('SIGKILL');
  }
}

export async function ping(path: Path, count: number): Promise<RoundTrips> {
  const probe = await buildBaseline('probe');
  const echo = path.far.start([probe, 'echo', String(PORT)]);
  try {
    await echo.waitFor(/^ready$/m);
    let printed = '';
    const { cpuNs } = await measureLoad(path, async () => {
      printed = await path.near.run([
        probe,
        'ping',
        path.farAddress,
        String(PORT),
        String(count),
        String(PING_BYTES),
      ]);
    });
    const [medianUs = NaN, p99Us = NaN] = printed.split(' ').map(Number);
    return { medianUs, p99Us, cpuNs };
  } finally {
    await echo.stop('SIGKILL');
  }
}

/** One TCP stream from near to far. */
export async function stream(path: Path, seconds: number): Promise<Stream> {
  const server = path.far.start(['iperf3', '-s', '-1', '-p', String(PORT), '--forceflush']);
  try {
    await server.waitFor(/listening/);
    const pid = path.program.child.pid!;
    const before = processNanoseconds(pid);
    const argv = ['iperf3', '-6', '-J', '-t', String(seconds), '-p', String(PORT), '-c', path.farAddress];
    const { end } = JSON.parse(await path.near.run(argv)) as IperfResult;
    const { bytes, bits_per_second: rate } = end.sum_received;
    return {
      megabitsPerSecond: rate / 1e6,
      cpuMs: (processNanoseconds(pid) - before) / 1e6 / ((8 * bytes) / 1e9),
    };
  } finally {
    await server.stop('SIGKILL');
  }
}

interface IperfResult {
  readonly end: { readonly sum_received: { readonly bits_per_second: number; readonly bytes: number } };
}

async function measureLoad(
  path: Path,
  traffic: () => Promise<void>,
  direction?: 'out' | 'in',
): Promise<Load> {
  const pid = path.program.child.pid!;
  const before = await path.packets();
  const cpu = processNanoseconds(pid);
  const start = performance.now();
  await traffic();
  const seconds = (performance.now() - start) / 1000;
  const cpuNs = processNanoseconds(pid) - cpu;
  const after = await path.packets();
  const moved = { out: after.out - before.out, in: after.in - before.in };
  const packets = direction === undefined ? moved.out + moved.in : moved[direction];
  if (packets === 0) throw new Error(`no packet went through ${path.name}`);
  return { cpuNs: cpuNs / packets, packetsPerSecond: packets / seconds };
}

/** Resolves once a packet of the far host has come back. @throws CommandError after ten seconds without. */
export async function untilReachable({ near, farAddress }: Path): Promise<void> {
  for (let tries = 0; ; tries++) {
    const { status, stdout, stderr } = await near.runAnyway(['ping', '-6', '-c', '1', '-W', '1', farAddress]);
    if (status === 0) return;
    if (tries === 10) throw new Error(`${farAddress} does not answer: ${stdout}${stderr}`);
  }
}

/** Ends the wait of kernel and program for anything that was under way. */
export async function settle(host: Namespace, device: string): Promise<void> {
  let before = -1;
  for (;;) {
    const { sent, received } = await devicePackets(host, device);
    if (sent + received === before) return;
    before = sent + received;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const PORT = 5201;
const PING_BYTES = 56;
