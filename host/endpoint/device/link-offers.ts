import type { Property } from '../../../abi/host/contract.ts';
import { formatPrefix, maskPrefix, parsePrefix } from '../ip-address.ts';
import { ETHERNET_BYTES, LEAST_MTU, type LinkProperties } from './link-properties.ts';
import type { TunSettings } from './tun-settings.ts';

/**
 * Returns the wanted properties of a device: those of the settings, those that an ended lane left, and those
 * that neighbours offer. The MTU is the least of all. The device is up while it has an address or a route, or
 * one of the three wants it up.
 *
 * @param left the configuration of a lane that ended by force, while it still holds
 * @param offers the offers of each neighbour; offers with a mistake have no effect
 */
export function wantedProperties(
  settings: TunSettings,
  left: LinkProperties | undefined,
  offers: Iterable<readonly Property[]>,
): LinkProperties {
  const addresses = new Set(settings.addresses);
  const routes = new Set(settings.routes);
  let { mtu } = settings;
  const header = settings.mode === 'ethernet' ? ETHERNET_BYTES : 0;
  let isUp = settings.up;
  if (left !== undefined) {
    for (const address of left.addresses) addresses.add(address);
    for (const route of left.routes) routes.add(route);
    mtu = Math.min(mtu, left.mtu);
    isUp ||= left.isUp;
  }
  for (const properties of offers) {
    for (const property of properties) {
      const { name, value } = property;
      if (mistakeInOffer(property) !== undefined) continue;
      if (name === 'address' && value.tag === 'text') addresses.add(formatPrefix(parsePrefix(value.val)!));
      else if (name === 'route' && value.tag === 'text')
        routes.add(formatPrefix(maskPrefix(parsePrefix(value.val)!)));
      else if (name === 'mtu' && value.tag === 'at-most') mtu = Math.min(mtu, Number(value.val));
      else if (name === 'size' && value.tag === 'at-most')
        // The size of a frame counts the header of Ethernet, and an MTU does not.
        mtu = Math.min(mtu, Math.max(LEAST_MTU, Number(value.val) - header));
      else if (name === 'up' && value.tag === 'yes') isUp = true;
    }
  }
  return {
    mtu,
    isUp: isUp || addresses.size > 0 || routes.size > 0,
    addresses,
    routes,
    linkLocal: settings.linkLocal,
  };
}

/** Returns the mistake in a property that a tun device obeys. Other properties have none. */
export function mistakeInOffer({ name, value }: Property): string | undefined {
  if (name === 'address' || name === 'route') {
    if (value.tag !== 'text' || parsePrefix(value.val) === undefined)
      return `the ${name} that a neighbour offers is not an address with a prefix length: ${value.tag === 'text' ? value.val : value.tag}`;
  } else if (name === 'size') {
    if (value.tag === 'at-most' && value.val < BigInt(LEAST_MTU))
      return `a neighbour carries packets of at most ${value.val} bytes, but a device needs ${LEAST_MTU}`;
  } else if (name === 'mtu') {
    if (value.tag !== 'at-most' || value.val < BigInt(LEAST_MTU))
      return `the mtu that a neighbour offers must be at-most a number of ${LEAST_MTU} or more`;
  }
  return undefined;
}
