import type { LinkState } from './link-state.ts';

/**
 * The configuration of a network interface, present or wanted. Addresses and routes in the notation of
 * `formatPrefix`.
 */
export interface LinkProperties {
  readonly mtu: number;
  readonly isUp: boolean;
  readonly addresses: ReadonlySet<string>;
  readonly routes: ReadonlySet<string>;
  /** Whether the system makes an IPv6 link-local address here; undefined leaves that unchanged. */
  readonly linkLocal?: boolean | undefined;
}

/** One change of an interface that the system makes in one call. */
export type LinkStep =
  | { readonly kind: 'mtu'; readonly mtu: number }
  | { readonly kind: 'up' | 'down' | 'promote' | 'demote' | 'link-local' | 'quiet' }
  | {
      readonly kind: 'add-address' | 'remove-address' | 'add-route' | 'remove-route';
      readonly prefix: string;
    };

/** The properties that a piece added to an interface, and so may remove. */
export interface OwnProperties {
  /** Whether the piece brought the interface up. */
  readonly isUp: boolean;
  readonly addresses: ReadonlySet<string>;
  readonly routes: ReadonlySet<string>;
}

/** Below this MTU Linux removes IPv6, with all its addresses and routes, from an interface (RFC 8200 §5). */
export const IPV6_LEAST_MTU = 1280;
/** The header of Ethernet, which an MTU does not count. */
export const ETHERNET_BYTES = 14;
/** The least MTU that IPv4 allows (RFC 791 §3.2). Below {@link IPV6_LEAST_MTU} the device has no IPv6. */
export const LEAST_MTU = 68;
/** The largest packet that IPv4 allows. */
export const MOST_MTU = 65_535;
/** The MTU that Linux gives a new device. */
export const SYSTEM_MTU = 1500;

/**
 * Returns the steps from the present configuration of an interface to the wanted one. They are right for one
 * state of the interface: Linux removes more than requested (routes and IPv6 addresses when the interface
 * goes down), so the caller reads the state again and takes the next steps, until there are none.
 *
 * Steps that add come before steps that remove, so the interface never lacks a property that both
 * configurations have.
 *
 * | Linux | the steps |
 * |---|---|
 * | removes a whole IPv4 subnet with its primary address, unless `promote_secondaries` is set | set it
 * meanwhile |
 * | knows an IPv6 address once, whatever its prefix length | remove it before it is added with another |
 * | removes IPv6 with an MTU below 1280 | set larger MTUs first and smaller ones last, and want no IPv6 below
 * 1280 |
 * | makes a link-local address whenever IPv6 begins anew, as after such an MTU | switch that off, and remove
 * the address that the system made |
 *
 * @param own the properties that may be removed if they are not wanted; those that others added stay
 */
export function linkSteps(present: LinkState, wanted: LinkProperties, own: OwnProperties): LinkStep[] {
  const steps: LinkStep[] = [];
  const { addresses, routes } = possible(wanted);
  const leaving = [...present.addresses].filter((each) => own.addresses.has(each) && !addresses.has(each));
  if (wanted.mtu > present.mtu) steps.push({ kind: 'mtu', mtu: wanted.mtu });
  if (wanted.linkLocal !== undefined && present.ipv6 !== 'none') {
    if (wanted.linkLocal !== present.makesLinkLocal)
      steps.push({ kind: wanted.linkLocal ? 'link-local' : 'quiet' });
    if (!wanted.linkLocal)
      for (const prefix of present.linkLocals)
        if (!addresses.has(prefix)) steps.push({ kind: 'remove-address', prefix });
  }
  for (const prefix of addresses) {
    if (present.addresses.has(prefix)) continue;
    const same = isIpv6(prefix) ? leaving.findIndex((each) => addressOf(each) === addressOf(prefix)) : -1;
    if (same >= 0) steps.push({ kind: 'remove-address', prefix: leaving.splice(same, 1)[0]! });
    steps.push({ kind: 'add-address', prefix });
  }
  if (wanted.isUp && !present.isUp) steps.push({ kind: 'up' });
  if (wanted.isUp)
    for (const prefix of routes) if (!present.routes.has(prefix)) steps.push({ kind: 'add-route', prefix });
  for (const prefix of present.setRoutes)
    if (own.routes.has(prefix) && !routes.has(prefix)) steps.push({ kind: 'remove-route', prefix });
  const mustPromote = !present.promotesSecondaries && !leaving.every(isIpv6);
  if (mustPromote) steps.push({ kind: 'promote' });
  for (const prefix of leaving) steps.push({ kind: 'remove-address', prefix });
  if (mustPromote) steps.push({ kind: 'demote' });
  if (wanted.mtu < present.mtu) steps.push({ kind: 'mtu', mtu: wanted.mtu });
  if (present.isUp && !wanted.isUp && own.isUp) steps.push({ kind: 'down' });
  return steps;
}

/** Returns the wanted properties that an interface with this MTU can have. */
export function possible(wanted: LinkProperties): LinkProperties {
  if (wanted.mtu >= IPV6_LEAST_MTU) return wanted;
  return {
    ...wanted,
    addresses: new Set([...wanted.addresses].filter((each) => !isIpv6(each))),
    routes: new Set([...wanted.routes].filter((each) => !isIpv6(each))),
  };
}

export function isIpv6(prefix: string): boolean {
  return prefix.includes(':');
}

function addressOf(prefix: string): string {
  return prefix.slice(0, prefix.indexOf('/'));
}
