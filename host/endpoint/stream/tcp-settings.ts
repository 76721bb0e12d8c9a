import type { Problem } from '../../../abi/host/contract.ts';
import { type Binding, readBinding } from '../binding.ts';
import { type Prefix, parseEndpoint } from '../ip-address.ts';
import { SettingReader } from '../setting-reader.ts';
import { readBuffer } from './stream-buffer.ts';
import { tcpSettings } from './tcp-description.ts';

export interface TcpSettings extends Binding {
  readonly ports: readonly number[];
  readonly remote: { readonly address: Uint8Array; readonly port: number } | undefined;
  readonly destinations: readonly Prefix[];
  readonly loopback: boolean;
  readonly own: boolean;
  readonly connections: number;
  readonly keepaliveSeconds: number;
  readonly patienceMs: number;
  readonly bufferBytes: number;
  readonly halfClose: boolean;
}

/** Reads the settings, and reports all mistakes at once. */
export function readTcpSettings(given: readonly (readonly [string, string])[]): {
  readonly settings: TcpSettings;
  readonly problems: readonly Problem[];
} {
  const reader = new SettingReader(tcpSettings, given);
  const binding = readBinding(reader);
  const text = reader.text('remote');
  const remote = parseEndpoint(text);
  if (text !== '' && remote === undefined)
    reader.problem(
      'remote',
      `remote is ${JSON.stringify(text)}; it can be an address and a port, such as 192.0.2.1:80 or [2001:db8::1]:80`,
    );
  const settings: TcpSettings = {
    ports: reader.numbers('port'),
    ...binding,
    remote,
    destinations: reader.prefixes('destinations'),
    loopback: reader.boolean('to-loopback'),
    own: reader.boolean('own'),
    connections: reader.number('connections') ?? 1,
    keepaliveSeconds: Math.ceil(reader.duration('keepalive', 1000, 32_767_000) / 1000),
    patienceMs: reader.duration('patience', 100, 86_400_000),
    bufferBytes: readBuffer(reader),
    halfClose: reader.boolean('half-close'),
  };
  return { settings, problems: reader.problems };
}
