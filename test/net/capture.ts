import { hasCommand, type Running } from './command.ts';
import type { Namespace } from './namespace.ts';

/**
 * Records all that passes a device, until it is stopped or the lab is closed: as pcapng where Wireshark's `dumpcap` is
 * installed, else with `tcpdump`, as pcap.
 *
 * @returns when the recording has begun
 */
export async function capture(host: Namespace, device: string, file: string): Promise<Running> {
  const running = hasCommand('dumpcap')
    ? host.start(['dumpcap', '-q', '-i', device, '-w', file])
    : host.start(['tcpdump', '-Z', 'root', '-U', '-n', '-i', device, '-w', file]);
  await running.waitFor(/^File: |listening on/m);
  return running;
}
