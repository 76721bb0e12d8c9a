import type { Problem } from '../../../abi/host/contract.ts';
import type { Activator } from '../activation.ts';
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
  readonly offload: boolean;
  readonly inherit: { readonly by: Activator; readonly names: readonly string[] } | undefined;
  readonly idleMs: number;
  readonly io: 'auto' | 'addon' | 'dgram';
}

/** All problems at once. */
export function readUdpSettings(given: readonly (readonly [string, string])[]): {
  readonly settings: UdpSettings;
  readonly problems: readonly Problem[];
} {
  const reader = new SettingReader(udpSettings, given);
  const binding = readBinding(reader);
  const names = reader.texts('name');
  const by = reader.has('inherit') ? reader.choice('inherit', ['systemd', 'inetd']) : undefined;
  if (names.length > 0 && by !== 'systemd')
    reader.problem('name', 'name is for the sockets of systemd; set inherit: systemd too');
  const settings: UdpSettings = {
    ports: reader.numbers('port'),
    ...binding,
    destinations: reader.prefixes('destinations'),
    loopback: reader.boolean('to-loopback'),
    own: reader.boolean('own'),
    broadcast: reader.boolean('broadcast'),
    fragmentIpv6: reader.boolean('fragment-ipv6'),
    offload: reader.boolean('offload'),
    inherit: by === undefined ? undefined : { by, names },
    idleMs: reader.duration('idle', 100, 86_400_000),
    io: reader.choice('io', ['auto', 'addon', 'dgram']),
  };
  return { settings, problems: reader.problems };
}
