/** How a network interface is, or is to be, configured. Addresses and routes as `formatPrefix` writes them. */
export interface LinkTerms {
  readonly mtu: number;
  readonly isUp: boolean;
  readonly addresses: ReadonlySet<string>;
  readonly routes: ReadonlySet<string>;
}

export type LinkStep =
  | { readonly kind: 'mtu'; readonly mtu: number }
  | { readonly kind: 'up' | 'down' }
  | {
      readonly kind: 'add-address' | 'remove-address' | 'add-route' | 'remove-route';
      readonly prefix: string;
    };

/** Below this size Linux takes IPv6, with all its addresses and routes, off an interface (RFC 8200 §5). */
export const IPV6_LEAST_MTU = 1280;

/**
 * The steps from one configuration to another. What Linux takes away by itself (see {@link afterStep}) is put back where
 * it is wanted and can be.
 */
export function planLink(present: LinkTerms, wanted: LinkTerms): LinkStep[] {
  const steps: LinkStep[] = [];
  let terms = present;
  const take = (step: LinkStep): void => {
    steps.push(step);
    terms = afterStep(terms, step);
  };
  for (const prefix of present.routes) if (!wanted.routes.has(prefix)) take({ kind: 'remove-route', prefix });
  for (const prefix of present.addresses)
    if (!wanted.addresses.has(prefix)) take({ kind: 'remove-address', prefix });
  if (present.mtu !== wanted.mtu) take({ kind: 'mtu', mtu: wanted.mtu });
  if (present.isUp && !wanted.isUp) take({ kind: 'down' });
  const canHave = (prefix: string): boolean => !isIpv6(prefix) || wanted.mtu >= IPV6_LEAST_MTU;
  for (const prefix of wanted.addresses) {
    if (!terms.addresses.has(prefix) && canHave(prefix)) take({ kind: 'add-address', prefix });
  }
  if (wanted.isUp && !present.isUp) take({ kind: 'up' });
  if (!wanted.isUp) return steps;
  for (const prefix of wanted.routes) {
    if (!terms.routes.has(prefix) && canHave(prefix)) take({ kind: 'add-route', prefix });
  }
  return steps;
}

/**
 * What a step leaves. Linux takes routes away when the interface goes down, and IPv6 addresses with them; both for IPv6
 * when the MTU is too small; and the IPv4 routes with the last IPv4 address.
 */
export function afterStep(terms: LinkTerms, step: LinkStep): LinkTerms {
  const addresses = new Set(terms.addresses);
  const routes = new Set(terms.routes);
  let { mtu, isUp } = terms;
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
