import type { LookupAddress, LookupOptions } from 'node:dns';
import { isIP, isIPv4 } from 'node:net';
import { formatAddress } from '../ip-address.ts';
import type { NameLookup } from '../socks/name-lookup.ts';

/** A function like `dns.lookup`, which sockets take as their option `lookup`. */
export type SocketLookup = (
  name: string,
  options: LookupOptions | number | null | undefined,
  callback: (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void,
) => void;

/**
 * Returns a function like `dns.lookup`.
 *
 * @param resolve resolves names; undefined where none are
 * @param reaches whether an address has a route; those that have one come first (RFC 6724 §5, rule 1)
 */
export function socketLookup(
  resolve: NameLookup | undefined,
  reaches: (address: string) => boolean,
): SocketLookup {
  return (name, given, callback) => {
    const options = typeof given === 'number' ? { family: given } : (given ?? {});
    const wanted = options.family === 'IPv4' ? 4 : options.family === 'IPv6' ? 6 : (options.family ?? 0);
    void addressesOf(name, resolve).then((all) => {
      const found = all
        .filter((address) => wanted === 0 || familyOf(address) === wanted)
        .map((address) => ({ address, family: familyOf(address) }));
      const [first] = found;
      if (first === undefined) return callback(notFound(name), '', 0);
      const families = new Set(found.map(({ family }) => family));
      const ordered = families.size === 1 ? found : reachableFirst(found, reaches);
      if (options.all === true) return callback(null, ordered);
      const { address, family } = ordered[0]!;
      return callback(null, address, family);
    });
  };
}

async function addressesOf(name: string, resolve: NameLookup | undefined): Promise<readonly string[]> {
  if (isIP(name) !== 0) return [name];
  // RFC 6761 §6.3.
  if (/^(.+\.)?localhost\.?$/i.test(name)) return ['127.0.0.1', '::1'];
  if (resolve === undefined || !isName(name)) return [];
  return (await resolve(name)).map((bytes) => formatAddress(bytes));
}

/** Whether a text fits the labels of a DNS message (RFC 1035 §3.1). */
function isName(text: string): boolean {
  const labels = text.replace(/\.$/, '').split('.');
  const isLabel = (label: string): boolean => /^[\x21-\x7e]{1,63}$/.test(label);
  return text.length <= 253 && labels.every(isLabel);
}

function reachableFirst(
  found: readonly LookupAddress[],
  reaches: (address: string) => boolean,
): LookupAddress[] {
  const [near, far]: [LookupAddress[], LookupAddress[]] = [[], []];
  for (const each of found) (reaches(each.address) ? near : far).push(each);
  return [...near, ...far];
}

function familyOf(address: string): 4 | 6 {
  return isIPv4(address) ? 4 : 6;
}

/** The error of `dns.lookup`. */
function notFound(hostname: string): NodeJS.ErrnoException {
  const error = new Error(`getaddrinfo ENOTFOUND ${hostname}`);
  return Object.assign(error, { errno: EAI_NONAME, code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname });
}

const EAI_NONAME = -3008;
