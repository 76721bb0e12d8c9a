import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Running } from '../net/command.ts';
import { type OuterPacket, outerPackets } from '../net/outer-packet.ts';
import { readPcapng } from '../net/pcapng.ts';
import { funnelCommand, projectRoot } from '../net/project-root.ts';

/**
 * A demonstration without any rights: a recording of the packets that host b received goes through the piece
 * 6bed4. Each packet that was wrapped in it must come out unchanged, except for its hop limit.
 *
 * @returns the failed expectations
 */
export async function runRecorded(say: (line: string) => void, captures: string): Promise<string[]> {
  const recording = join(projectRoot, 'test', 'demo', 'recording.pcapng');
  const wrapped = wrappedPackets(recording);
  const folder = mkdtempSync(join(tmpdir(), 'funnel-'));
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true });
  process.on('exit', removeFolder);
  for (const name of ['recorded.yaml', 'recording.pcapng']) {
    copyFileSync(join(projectRoot, 'test', 'demo', name), join(folder, name));
  }
  const running = new Running([process.execPath, funnelCommand, 'run', 'recorded.yaml'], { cwd: folder });
  const interrupt = (signal: NodeJS.Signals): void => {
    say(`${signal}: cleaning up`);
    void running.stop().then(() => process.exit(signal === 'SIGINT' ? 130 : 143));
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    await running.waitFor(/^ready$/m);
    const result = join(folder, 'unwrapped.pcapng');
    const deadline = performance.now() + TIMEOUT_MS;
    while (packetsIn(result).length < wrapped.length && performance.now() < deadline && running.isRunning)
      await sleep(100);
    const ended = await running.stop();
    const unwrapped = packetsIn(result);
    mkdirSync(captures, { recursive: true });
    copyFileSync(result, join(captures, 'unwrapped.pcapng'));
    const relayed = wrapped.filter(({ from }) => from === ROUTER).length;
    say(
      `packets recorded on their way to a host: ${relayed} by way of the router, ${wrapped.length - relayed} direct`,
    );
    say(`packets that came out of 6bed4: ${unwrapped.length}`);
    say(`what came out, for Wireshark: ${join(captures, 'unwrapped.pcapng')}`);
    const shortcomings =
      ended.status === 0 ? [] : [`the Funnel ended with ${ended.status}:\n${ended.stdout}${ended.stderr}`];
    const missing = differences(wrapped, unwrapped);
    return missing === 0
      ? shortcomings
      : [...shortcomings, `${missing} of ${wrapped.length} packets did not arrive as they were`];
  } finally {
    await running.stop();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    removeFolder();
    process.off('exit', removeFolder);
  }
}

/** A recording takes as long as it took. */
const TIMEOUT_MS = 90_000;
const ICMPV6 = 58;
const ROUTER = '192.0.2.1';

/** The packets that are for the host: all but those by which 6bed4 itself finds routers and neighbours. */
function wrappedPackets(file: string): OuterPacket[] {
  return outerPackets(readPcapng(file)).filter(({ innerProtocol, payload }) => {
    const isNeighbourDiscovery = innerProtocol === ICMPV6 && payload[40]! >= 133 && payload[40]! <= 137;
    return innerProtocol !== undefined && !isNeighbourDiscovery;
  });
}

function packetsIn(file: string): Buffer[] {
  try {
    return readPcapng(file).map(({ bytes }) => bytes);
  } catch {
    return []; // not begun yet
  }
}

/** How many of the wrapped packets have not come out, in their order, with a hop limit one less. */
function differences(wrapped: readonly OuterPacket[], unwrapped: readonly Buffer[]): number {
  let at = 0;
  let missing = 0;
  for (const { payload } of wrapped) {
    const expected = Buffer.from(payload);
    expected[7]!--;
    const found = unwrapped.findIndex((candidate, index) => index >= at && candidate.equals(expected));
    if (found === -1) missing++;
    else at = found + 1;
  }
  return missing;
}
