import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

/** The public addresses of this machine: those of the devices with its default routes. */
export function ownAddresses(): readonly string[] {
  const devices = new Set([
    ...ipv4DefaultDevices(textOf('/proc/net/route')),
    ...ipv6DefaultDevices(textOf('/proc/net/ipv6_route')),
  ]);
  const found = [...devices].flatMap((device) => networkInterfaces()[device] ?? []);
  const first = (family: 'IPv4' | 'IPv6'): string[] =>
    found
      .filter((each) => each.family === family && !each.address.startsWith('fe80:'))
      .slice(0, 1)
      .map(({ address }) => `${address}/${family === 'IPv4' ? 32 : 128}`);
  return [...first('IPv4'), ...first('IPv6')];
}

function ipv4DefaultDevices(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', destination, , , , , , mask] = line.trim().split(/\s+/);
    return destination === '00000000' && mask === '00000000' ? [name] : [];
  });
}

function ipv6DefaultDevices(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const device = fields[9] ?? '';
    return fields[0] === '0'.repeat(32) && fields[1] === '00' && device !== 'lo' ? [device] : [];
  });
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
