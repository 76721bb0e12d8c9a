import type { Problem } from '../../../abi/host/contract.ts';
import { formatPrefix, maskPrefix } from '../ip-address.ts';
import { SettingReader } from '../setting-reader.ts';
import { IPV6_LEAST_MTU, isIpv6, SYSTEM_MTU } from './link-properties.ts';
import { tunSettings } from './tun-description.ts';

export interface TunSettings {
  /** A tun device carries packets of IP, a tap device Ethernet frames. */
  readonly mode: 'ip' | 'ethernet';
  readonly device: string;
  readonly mtu: number;
  /** In the notation of `formatPrefix`. */
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
  readonly up: boolean;
  readonly linkLocal: boolean;
  readonly multiQueue: boolean;
  /** Whether large segments may come and go, where the device is not shared. */
  readonly offload: boolean;
}

/** Reads the settings, and reports all mistakes at once. */
export function readTunSettings(given: readonly (readonly [string, string])[]): {
  readonly settings: TunSettings;
  readonly problems: readonly Problem[];
} {
  const reader = new SettingReader(tunSettings, given);
  const device = reader.text('device');
  if (!/^[^\s/:]{1,15}$/.test(device) || device === '.' || device === '..' || /%(?!d)|%.*%/.test(device))
    reader.problem(
      'device',
      `device is ${JSON.stringify(device)}; it must be up to 15 characters without space, / and :`,
    );
  const settings = {
    mode: reader.choice('mode', ['ip', 'ethernet']),
    device,
    mtu: reader.number('mtu') ?? SYSTEM_MTU,
    addresses: reader.prefixes('address').map(formatPrefix),
    routes: reader.prefixes('route').map((prefix) => formatPrefix(maskPrefix(prefix))),
    up: reader.boolean('up'),
    linkLocal: reader.boolean('link-local'),
    multiQueue: reader.boolean('multi-queue'),
    offload: reader.boolean('offload'),
  };
  const six = [...settings.addresses, ...settings.routes].find(isIpv6);
  if (settings.mtu < IPV6_LEAST_MTU && six !== undefined)
    reader.problem(
      'mtu',
      `mtu is ${settings.mtu}, but IPv6 needs ${IPV6_LEAST_MTU} (RFC 8200 §5); raise it, or leave out ${six}`,
    );
  return { settings, problems: reader.problems };
}
