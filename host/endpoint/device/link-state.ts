import type { LinkReading } from '../addon.ts';
import { formatPrefix, parsePrefix } from '../ip-address.ts';

/**
 * The present state of an interface, whichever program set it. Prefixes are in the notation of
 * `formatPrefix`.
 */
export interface LinkState {
  readonly name: string;
  readonly mtu: number;
  readonly isUp: boolean;
  /** In the order of the system: the first address of an IPv4 subnet is the primary one. */
  readonly addresses: ReadonlySet<string>;
  /** Routes of the main table into the interface that a route without a metric would meet. */
  readonly routes: ReadonlySet<string>;
  /** All routes of the main table into the interface that the system did not make by itself. */
  readonly setRoutes: ReadonlySet<string>;
  /** Whether the further IPv4 addresses of a subnet stay when the primary one goes. */
  readonly promotesSecondaries: boolean;
  readonly ipv6: 'none' | 'on' | 'off';
  /** Whether the system makes link-local addresses of IPv6 here. */
  readonly makesLinkLocal: boolean;
  /** Those that it made. */
  readonly linkLocals: ReadonlySet<string>;
}

export function linkStateOf(reading: LinkReading): LinkState {
  const routes = linesOf(reading.routes).map((line) => {
    const [protocol = '', metric = '', prefix = ''] = line.split(' ');
    return { isSystems: Number(protocol) === RTPROT_KERNEL, metric: Number(metric), prefix: normal(prefix) };
  });
  const addresses = linesOf(reading.addresses).map((line) => {
    const [prefix = '', origin] = line.split(' ');
    return { prefix: normal(prefix), isLinkLocal: origin === 'link-local' };
  });
  return {
    name: reading.name,
    mtu: reading.mtu,
    isUp: reading.up !== 0,
    addresses: new Set(addresses.map(({ prefix }) => prefix)),
    routes: new Set(
      routes
        .filter(
          ({ isSystems, metric, prefix }) => isSystems || metric === (prefix.includes(':') ? IPV6_METRIC : 0),
        )
        .map(({ prefix }) => prefix),
    ),
    setRoutes: new Set(routes.filter(({ isSystems }) => !isSystems).map(({ prefix }) => prefix)),
    promotesSecondaries: reading.promotes !== 0,
    ipv6: (['none', 'on', 'off'] as const)[reading.ipv6] ?? 'none',
    makesLinkLocal: reading.quiet === 0,
    linkLocals: new Set(addresses.filter(({ isLinkLocal }) => isLinkLocal).map(({ prefix }) => prefix)),
  };
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.split('\n');
}

function normal(prefix: string): string {
  const parsed = parsePrefix(prefix);
  return parsed === undefined ? prefix : formatPrefix(parsed);
}

/** The protocol of routes that the system makes itself: for the subnets of the addresses. */
const RTPROT_KERNEL = 2;
/** The metric of an IPv6 route that is added without one. */
const IPV6_METRIC = 1024;
