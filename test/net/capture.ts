import type { Running } from './command.ts';
import type { Namespace } from './namespace.ts';

/**
 * Records all that passes a device, as pcapng, until it is stopped or the lab is closed. It takes Wireshark's
 * `dumpcap` (Debian's tshark brings it), because tcpdump wants to become another user, which a user namespace
 * does not have.
 *
 * @returns when the recording has begun
 */
export async function capture(host: Namespace, device: string, file: string): Promise<Running> {
  const running = host.start(['dumpcap', '-q', '-i', device, '-w', file]);
  await running.waitFor(/^File: /m);
  return running;
}
