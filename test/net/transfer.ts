import { join } from 'node:path';
import type { Namespace } from './namespace.ts';
import { projectRoot } from './project-root.ts';

/** A TCP transfer, as its two ends report it. */
export interface Transfer {
  readonly bytes: number;
  readonly sentSha256: string;
  readonly receivedBytes: number;
  readonly receivedSha256: string;
  /** Between the first byte and the last, at the receiver. */
  readonly seconds: number;
}

/**
 * Sends random bytes from one host to an address of another, over TCP.
 *
 * @throws CommandError when it does not come to an end in time
 */
export async function transfer(
  from: Namespace,
  to: Namespace,
  address: string,
  bytes: number,
  timeoutMs = 120_000,
): Promise<Transfer> {
  const receiver = to.start([process.execPath, program('transfer-receiver'), address]);
  try {
    const [, port] = await receiver.waitFor(/^port (\d+)$/m);
    const sender = [process.execPath, program('transfer-sender'), address, port!, String(bytes)];
    const sent = JSON.parse(await from.run(sender, { timeoutMs })) as { sha256: string };
    const [received] = await receiver.waitFor(/^\{.*\}$/m);
    const {
      bytes: receivedBytes,
      sha256,
      seconds,
    } = JSON.parse(received) as {
      bytes: number;
      sha256: string;
      seconds: number;
    };
    return { bytes, sentSha256: sent.sha256, receivedBytes, receivedSha256: sha256, seconds };
  } finally {
    await receiver.stop();
  }
}

function program(name: string): string {
  return join(projectRoot, 'dist', 'test', 'net', `${name}.js`);
}
