import type { Problem } from '../../../abi/host/contract.ts';
import { formatAddress, type Prefix } from '../ip-address.ts';
import { SettingReader } from '../setting-reader.ts';
import { udpSettings } from './udp-description.ts';

export interface UdpSettings {
  readonly ports: readonly number[];
  readonly families: readonly (4 | 6)[];
  /** Empty for any. */
  readonly address: string;
  /** Empty for any. */
  readonly device: string;
  readonly destinations: readonly Prefix[];
  readonly loopback: boolean;
  readonly own: boolean;
  readonly broadcast: boolean;
  readonly io: 'auto' | 'addon' | 'dgram';
}

/** All problems at once. */
export function readUdpSettings(given: readonly (readonly [string, string])[]): {
  readonly settings: UdpSettings;
  readonly problems: readonly Problem[];
} {
  const reader = new SettingReader(udpSettings, given);
  const family = reader.choice('family', ['both', 'ipv4', 'ipv6']);
  const address = reader.address('address');
  const bound = address === undefined ? undefined : address.length === 4 ? 4 : 6;
  if (bound !== undefined && family !== 'both' && family !== `ipv${bound}`)
    reader.problem('address', `address is of IPv${bound} and family is ${family}; change one of them`);
  const device = reader.text('device');
  if (device !== '' && !/^[^\s/]{1,15}$/.test(device))
    reader.problem('device', `device is ${JSON.stringify(device)}; it can be the name of a network device`);
  const settings: UdpSettings = {
    ports: reader.numbers('port'),
    families: bound !== undefined ? [bound] : family === 'both' ? [4, 6] : [family === 'ipv4' ? 4 : 6],
    address: address === undefined ? '' : formatAddress(address),
    device,
    destinations: reader.prefixes('destinations'),
    loopback: reader.boolean('to-loopback'),
    own: reader.boolean('own'),
    broadcast: reader.boolean('broadcast'),
    io: reader.choice('io', ['auto', 'addon', 'dgram']),
  };
  return { settings, problems: reader.problems };
}
