import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { formatPrefix, parsePrefix } from '../ip-address.ts';
import type { LinkStep } from './link-properties.ts';

/**
 * Whether an interface already is as a step would make it. Then a user without permission does not need the
 * step.
 *
 * @param index of the interface: /sys may show an interface of another network namespace under the same name
 * @returns false also where the present state cannot be read
 */
export function isAlreadySet(device: string, index: number, step: LinkStep): boolean {
  if (step.kind === 'mtu') return numberIn(device, index, 'mtu') === step.mtu;
  if (step.kind === 'up') return ((numberIn(device, index, 'flags') ?? 0) & IFF_UP) !== 0;
  if (step.kind !== 'add-address') return false;
  return (networkInterfaces()[device] ?? []).some(({ cidr }) => {
    const prefix = cidr === null ? undefined : parsePrefix(cidr);
    return prefix !== undefined && formatPrefix(prefix) === step.prefix;
  });
}

function numberIn(device: string, index: number, name: string): number | undefined {
  const folder = `/sys/class/net/${device}`;
  try {
    if (Number(readFileSync(`${folder}/ifindex`, 'utf8')) !== index) return undefined;
    return Number(readFileSync(`${folder}/${name}`, 'utf8'));
  } catch {
    return undefined; // /sys is not mounted, or shows another namespace
  }
}

const IFF_UP = 1;
