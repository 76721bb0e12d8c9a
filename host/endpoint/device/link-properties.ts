/**
 * The configuration of a network interface, present or wanted. Addresses and routes in the notation of
 * `formatPrefix`.
 */
export interface LinkProperties {
  readonly mtu: number;
  readonly isUp: boolean;
  readonly addresses: ReadonlySet<string>;
  readonly routes: ReadonlySet<string>;
}

/** One change of an interface that the system makes in one call. */
export type LinkStep =
  | { readonly kind: 'mtu'; readonly mtu: number }
  | { readonly kind: 'up' | 'down' }
  | {
      readonly kind: 'add-address' | 'remove-address' | 'add-route' | 'remove-route';
      readonly prefix: string;
    };

/** Below this MTU Linux removes IPv6, with all its addresses and routes, from an interface (RFC 8200 §5). */
export const IPV6_LEAST_MTU = 1280;
/** The least MTU that IPv4 allows (RFC 791 §3.2). Below {@link IPV6_LEAST_MTU} the device has no IPv6. */
export const LEAST_MTU = 68;
/** The largest packet that IPv4 allows. */
export const MOST_MTU = 65_535;
/** The MTU that Linux gives a new device. */
export const SYSTEM_MTU = 1500;

/** What is set on a device that was just opened. Nothing is known about one that was there before. */
export function freshProperties(wasThere: boolean): LinkProperties {
  return { mtu: wasThere ? -1 : SYSTEM_MTU, isUp: false, addresses: new Set(), routes: new Set() };
}

/**
 * The steps from one configuration to another. Linux removes some addresses and routes by itself (see {@link
 * afterStep}); the steps add them again where they are wanted and possible.
 */
export function linkSteps(present: LinkProperties, wanted: LinkProperties): LinkStep[] {
  const steps: LinkStep[] = [];
  let properties = present;
  const take = (step: LinkStep): void => {
    steps.push(step);
    properties = afterStep(properties, step);
  };
  for (const prefix of present.routes) if (!wanted.routes.has(prefix)) take({ kind: 'remove-route', prefix });
  for (const prefix of present.addresses)
    if (!wanted.addresses.has(prefix)) take({ kind: 'remove-address', prefix });
  if (present.mtu !== wanted.mtu) take({ kind: 'mtu', mtu: wanted.mtu });
  if (present.isUp && !wanted.isUp) take({ kind: 'down' });
  const canHave = (prefix: string): boolean => !isIpv6(prefix) || wanted.mtu >= IPV6_LEAST_MTU;
  for (const prefix of wanted.addresses) {
    if (!properties.addresses.has(prefix) && canHave(prefix)) take({ kind: 'add-address', prefix });
  }
  if (wanted.isUp && !present.isUp) take({ kind: 'up' });
  if (!wanted.isUp) return steps;
  for (const prefix of wanted.routes) {
    if (!properties.routes.has(prefix) && canHave(prefix)) take({ kind: 'add-route', prefix });
  }
  return steps;
}

/**
 * The configuration after a step. Linux also removes
 *
 * - all routes and all IPv6 addresses when the interface goes down,
 * - all IPv6 routes and addresses when the MTU is too small for IPv6,
 * - all IPv4 routes when the last IPv4 address goes.
 */
export function afterStep(properties: LinkProperties, step: LinkStep): LinkProperties {
  const addresses = new Set(properties.addresses);
  const routes = new Set(properties.routes);
  let { mtu, isUp } = properties;
  switch (step.kind) {
    case 'mtu':
      mtu = step.mtu;
      if (mtu < IPV6_LEAST_MTU) for (const set of [addresses, routes]) deleteIpv6(set);
      break;
    case 'up':
      isUp = true;
      break;
    case 'down':
      isUp = false;
      routes.clear();
      deleteIpv6(addresses);
      break;
    case 'add-address':
      addresses.add(step.prefix);
      break;
    case 'remove-address':
      addresses.delete(step.prefix);
      if (!isIpv6(step.prefix) && [...addresses].every(isIpv6))
        for (const route of routes) if (!isIpv6(route)) routes.delete(route);
      break;
    case 'add-route':
      routes.add(step.prefix);
      break;
    case 'remove-route':
      routes.delete(step.prefix);
      break;
  }
  return { mtu, isUp, addresses, routes };
}

function isIpv6(prefix: string): boolean {
  return prefix.includes(':');
}

function deleteIpv6(prefixes: Set<string>): void {
  for (const prefix of prefixes) if (isIpv6(prefix)) prefixes.delete(prefix);
}
