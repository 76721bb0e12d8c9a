import { writeFileSync } from 'node:fs';
import type { FunnelIo, NamespaceSockets } from '../addon.ts';

/**
 * Sets a variable of IPv6 of a device in its namespace, such as `disable_ipv6`. @throws the system's error,
 * where it is not permitted or /proc cannot be written
 */
export function setDeviceVariable(
  io: FunnelIo,
  { namespace }: NamespaceSockets,
  device: string,
  name: string,
  value: number,
): void {
  const variable = `net/ipv6/conf/${device}/${name}`;
  if (namespace < 0) {
    writeFileSync(`/proc/sys/${variable}`, String(value));
    return;
  }
  const { error } = io.askNamespace(namespace, REQUEST_SYSCTL, 0, 0, 0, `${variable}\u0000${value}`);
  if (error !== 0) throw new Error(`error ${error}`);
}

/** The number in addon/namespace-protocol.h. */
const REQUEST_SYSCTL = 5;
