import { formatAddress } from './ip-address.ts';
import type { SettingReader } from './setting-reader.ts';

/** The local side of sockets, by the settings `family`, `address` and `device`. */
export interface Binding {
  readonly families: readonly (4 | 6)[];
  /** Empty for any. */
  readonly address: string;
  /** Empty for any. */
  readonly device: string;
}

/** Reads the three settings, and reports their mistakes to the reader. */
export function readBinding(reader: SettingReader): Binding {
  const family = reader.choice('family', ['both', 'ipv4', 'ipv6']);
  const address = reader.address('address');
  const bound = address === undefined ? undefined : address.length === 4 ? 4 : 6;
  if (bound !== undefined && family !== 'both' && family !== `ipv${bound}`)
    reader.problem('address', `address is of IPv${bound} and family is ${family}; change one of them`);
  const device = reader.text('device');
  if (device !== '' && !/^[^\s/]{1,15}$/.test(device))
    reader.problem('device', `device is ${JSON.stringify(device)}; it can be the name of a network device`);
  return {
    families: bound !== undefined ? [bound] : family === 'both' ? [4, 6] : [family === 'ipv4' ? 4 : 6],
    address: address === undefined ? '' : formatAddress(address),
    device,
  };
}
