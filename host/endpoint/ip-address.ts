import { isIPv4, isIPv6 } from 'node:net';

/**
 * Returns the 4 or 16 bytes of a numeric address; undefined for anything else, including an address with a
 * scope (`%eth0`).
 */
export function parseAddress(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number);
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const bytes = new Uint8Array(16);
  const [front = '', back] = text.split('::');
  writeGroups(bytes, front, false);
  if (back !== undefined) writeGroups(bytes, back, true);
  return bytes;
}

/** Reads `192.0.2.1:80` or `[2001:db8::1]:80`; undefined for anything else, and for port 0. */
export function parseEndpoint(
  text: string,
): { readonly address: Uint8Array; readonly port: number } | undefined {
  const [, six, four, digits] = /^(?:\[([^\]]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = parseAddress(six ?? four ?? '');
  const port = Number(digits);
  if (address === undefined || (six !== undefined) !== (address.length === 16)) return undefined;
  return port >= 1 && port <= 65_535 ? { address, port } : undefined;
}

export interface Prefix {
  /** All bits as written, including those behind the prefix. */
  readonly bytes: Uint8Array;
  /** In bits. */
  readonly length: number;
}

/** Reads an address with a prefix length; without one, the prefix is the whole address. */
export function parsePrefix(text: string): Prefix | undefined {
  const [address = '', length, ...more] = text.split('/');
  const bytes = parseAddress(address);
  if (bytes === undefined || more.length > 0) return undefined;
  if (length === undefined) return { bytes, length: bytes.length * 8 };
  if (!/^\d{1,3}$/.test(length) || Number(length) > bytes.length * 8) return undefined;
  return { bytes, length: Number(length) };
}

/** The same prefix, with zeroes behind it. */
export function maskPrefix({ bytes, length }: Prefix): Prefix {
  const masked = bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, length - i * 8))) & 0xff);
  return { bytes: masked, length };
}

/** The address in the notation of RFC 5952. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[i * 2]! << 8) | bytes[i * 2 + 1]!);
  let from = 0;
  let longest = 1;
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (i + run < 8 && groups[i + run] === 0) run++;
    if (run > longest) [from, longest] = [i, run];
    i += run;
  }
  const hex = groups.map((group) => group.toString(16));
  if (longest === 1) return hex.join(':');
  return `${hex.slice(0, from).join(':')}::${hex.slice(from + longest).join(':')}`;
}

export function formatPrefix({ bytes, length }: Prefix): string {
  return `${formatAddress(bytes)}/${length}`;
}

/** Writes groups, the last of which may be an IPv4 address, to the front or to the end. */
function writeGroups(bytes: Uint8Array, text: string, atEnd: boolean): void {
  if (text === '') return;
  const octets = text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
  bytes.set(octets, atEnd ? bytes.length - octets.length : 0);
}
