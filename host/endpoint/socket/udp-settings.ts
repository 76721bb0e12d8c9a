import type { Problem } from '../../../abi/host/contract.ts';
import { type Binding, readBinding } from '../binding.ts';
import type { Prefix } from '../ip-address.ts';
import { SettingReader } from '../setting-reader.ts';
import { udpSettings } from './udp-description.ts';

export interface UdpSettings extends Binding {
  readonly ports: readonly number[];
  readonly destinations: readonly Prefix[];
  readonly loopback: boolean;
  readonly own: boolean;
  readonly broadcast: boolean;
  readonly fragmentIpv6: boolean;
  readonly io: 'auto' | 'addon' | 'dgram';
}

/** All problems at once. */
export function readUdpSettings(given: readonly (readonly [string, string])[]): {
  readonly settings: UdpSettings;
  readonly problems: readonly Problem[];
} {
  const reader = new SettingReader(udpSettings, given);
  const binding = readBinding(reader);
  const settings: UdpSettings = {
    ports: reader.numbers('port'),
    ...binding,
    destinations: reader.prefixes('destinations'),
    loopback: reader.boolean('to-loopback'),
    own: reader.boolean('own'),
    broadcast: reader.boolean('broadcast'),
    fragmentIpv6: reader.boolean('fragment-ipv6'),
    io: reader.choice('io', ['auto', 'addon', 'dgram']),
  };
  return { settings, problems: reader.problems };
}
