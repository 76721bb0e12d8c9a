import { readFileSync } from 'node:fs';

/** The IP versions in which a network has a default route. */
export interface DefaultRoutes {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
}

/** Returns the default routes of a process's network. @param device only routes through this device */
export function defaultRoutesOf(pid: number | 'self', device?: string): DefaultRoutes {
  return {
    ipv4: hasIpv4Default(textOf(`/proc/${pid}/net/route`), device),
    ipv6: hasIpv6Default(textOf(`/proc/${pid}/net/ipv6_route`), device),
  };
}

/** Reads /proc/net/route: device, destination, gateway, flags, …, mask is the eighth. */
export function hasIpv4Default(text: string, device?: string): boolean {
  return text
    .split('\n')
    .slice(1)
    .some((line) => {
      const [name, destination, , flags = '', , , , mask] = line.trim().split(/\s+/);
      const isUsable = (Number.parseInt(flags, 16) & (ROUTE_UP | ROUTE_REJECT)) === ROUTE_UP;
      return destination === '00000000' && mask === '00000000' && isUsable && isOf(name, device);
    });
}

/** Reads /proc/net/ipv6_route: destination, its length, …, flags are the ninth, then the device. */
export function hasIpv6Default(text: string, device?: string): boolean {
  return text.split('\n').some((line) => {
    const [destination, length, , , , , , , flags = '', name] = line.trim().split(/\s+/);
    const isUsable = (Number.parseInt(flags, 16) & (ROUTE_UP | ROUTE_REJECT)) === ROUTE_UP;
    return (
      destination === '0'.repeat(32) && length === '00' && isUsable && name !== 'lo' && isOf(name, device)
    );
  });
}

function isOf(name: string | undefined, device: string | undefined): boolean {
  return device === undefined || name === device;
}

/** RTF_UP and RTF_REJECT of linux/route.h. */
const ROUTE_UP = 0x0001;
const ROUTE_REJECT = 0x0200;

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // a kernel without that family, or no such process
  }
}
