import type { Problem } from '../../../abi/host/contract.ts';
import { SettingReader } from '../setting-reader.ts';
import { type PacketMode, packetSettings } from './packet-description.ts';

export interface PacketSettings {
  readonly device: string;
  readonly mode: PacketMode;
  readonly promiscuous: boolean;
  readonly outgoing: boolean;
  readonly send: 'own' | 'any' | 'none';
  readonly mtu: number;
}

/** Reads the settings, and reports all mistakes at once. */
export function readPacketSettings(given: readonly (readonly [string, string])[]): {
  readonly settings: PacketSettings;
  readonly problems: readonly Problem[];
} {
  const reader = new SettingReader(packetSettings, given);
  const device = reader.text('device');
  if (!reader.has('device'))
    reader.problem('device', 'device is not given; name a network device, such as eth0');
  else if (!/^[^\s/]{1,15}$/.test(device))
    reader.problem('device', `device is ${JSON.stringify(device)}; it can be the name of a network device`);
  const settings = {
    device,
    mode: reader.choice('mode', ['ethernet', 'ip']),
    promiscuous: reader.boolean('promiscuous'),
    outgoing: reader.boolean('outgoing'),
    send: reader.choice('send', ['own', 'any', 'none']),
    mtu: reader.number('mtu') ?? 1500,
  };
  return { settings, problems: reader.problems };
}
