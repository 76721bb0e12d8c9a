import type { Problem, Property } from '../../../abi/host/contract.ts';
import { localPorts, type Stack } from '../../stack/stack.ts';
import { parseAddress } from '../ip-address.ts';

/**
 * Returns the sockets to open for a stack that a neighbour listens on: its local UDP ports, in the IP
 * versions among `families` that it names.
 */
export function opensFor(
  stack: Stack,
  families: readonly (4 | 6)[],
): { readonly ports: readonly number[]; readonly families: readonly (4 | 6)[] } {
  const at = stack.steps.findIndex(({ kind }) => kind === 'ports');
  const carrier = stack.steps[at - 1];
  if (carrier?.kind !== 'protocols' || !carrier.protocols.includes('udp')) return { ports: [], families: [] };
  const under = stack.steps[at - 2];
  const carried = families.filter(
    (family) => under?.kind !== 'protocols' || under.protocols.includes(family === 4 ? 'ipv4' : 'ipv6'),
  );
  return { ports: carried.length === 0 ? [] : localPorts(stack), families: carried };
}

export interface Group {
  readonly address: string;
  readonly port: number;
  readonly family: 4 | 6;
}

/**
 * Reads `224.0.0.1:25790` and `[ff02::fb]:5353`; undefined for anything else, including addresses that are
 * not multicast groups.
 */
export function parseGroup(text: string): Group | undefined {
  const [, six, four, digits = ''] = /^(?:\[([^\]]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = six ?? four ?? '';
  const bytes = parseAddress(address);
  const port = Number(digits);
  if (bytes === undefined || (six !== undefined) !== (bytes.length === 16) || port < 1 || port > 65_535)
    return undefined;
  const isGroup = bytes.length === 4 ? bytes[0]! >>> 4 === 14 : bytes[0] === 0xff;
  return isGroup ? { address, port, family: bytes.length === 4 ? 4 : 6 } : undefined;
}

/** Returns the groups among the offers of neighbours, as texts. */
export function groupsOf(properties: readonly Property[]): string[] {
  return properties.flatMap(({ name, value }) =>
    name === 'group' && value.tag === 'text' ? [value.val] : [],
  );
}

export function mistakeInGroups(properties: readonly Property[]): Problem | undefined {
  const wrong = groupsOf(properties).find((text) => parseGroup(text) === undefined);
  if (wrong === undefined) return undefined;
  return {
    message: `the group that a neighbour offers, ${JSON.stringify(wrong)}, is not of the form 224.0.0.1:25790 or [ff02::1]:25790`,
  };
}
