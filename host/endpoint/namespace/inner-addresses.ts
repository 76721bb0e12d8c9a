import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** The addresses in a network namespace, except loopback and link-local ones. */
export interface InnerAddresses {
  readonly addresses: readonly string[];
  /**
   * Whether an address is set but not usable yet, because the system looks for duplicates of it (RFC 4862
   * §5.4).
   */
  readonly hasTentative: boolean;
}

/**
 * Waits until the network inside has an address, and none is tentative.
 *
 * @param pid a process in the namespace
 * @returns false if that takes longer than `patienceMs`
 */
export async function untilAddressed(
  pid: number,
  patienceMs: number,
  isOver: () => boolean,
): Promise<boolean> {
  const end = performance.now() + patienceMs;
  for (;;) {
    const { addresses, hasTentative } = innerAddresses(pid);
    if (addresses.length > 0 && !hasTentative) return true;
    if (performance.now() >= end || isOver()) return false;
    await pause(POLL_MS);
  }
}

const POLL_MS = 20;

/** @param pid a process in the namespace */
export function innerAddresses(pid: number): InnerAddresses {
  const six = ipv6Addresses(textOf(`/proc/${pid}/net/if_inet6`));
  const four = ipv4Addresses(textOf(`/proc/${pid}/net/fib_trie`));
  return { addresses: [...four, ...six.addresses], hasTentative: six.hasTentative };
}

/** Reads /proc/net/if_inet6: address, index, prefix length, scope, flags, device. */
export function ipv6Addresses(text: string): InnerAddresses {
  const addresses: string[] = [];
  let hasTentative = false;
  for (const line of text.split('\n')) {
    const [address = '', , , scope, flags = '', device] = line.trim().split(/\s+/);
    if (address.length !== 32 || scope !== GLOBAL_SCOPE || device === 'lo') continue;
    if ((Number.parseInt(flags, 16) & (TENTATIVE | OPTIMISTIC)) === TENTATIVE) hasTentative = true;
    addresses.push(address.replaceAll(/(....)(?!$)/g, '$1:'));
  }
  return { addresses, hasTentative };
}

/**
 * Reads /proc/net/fib_trie: below each leaf, a line for each route to it; `/32 host LOCAL` marks an address
 * of this host.
 */
export function ipv4Addresses(text: string): string[] {
  const found = new Set<string>();
  let leaf = '';
  for (const line of text.split('\n')) {
    leaf = /\|-- ([0-9.]+)/.exec(line)?.[1] ?? leaf;
    if (/\/32 host LOCAL/.test(line) && !leaf.startsWith('127.')) found.add(leaf);
  }
  return [...found];
}

const GLOBAL_SCOPE = '00';
const TENTATIVE = 0x40;
/** The flag of an address that is usable although it is tentative (RFC 4429). */
const OPTIMISTIC = 0x04;

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // a kernel without that family, or a namespace that has just ended
  }
}
