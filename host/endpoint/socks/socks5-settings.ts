import type { Problem } from '../../../abi/host/contract.ts';
import { parseAddress } from '../ip-address.ts';
import { SettingReader } from '../setting-reader.ts';
import { readBuffer } from '../stream/stream-buffer.ts';
import { socks5Settings } from './socks5-description.ts';

export interface Socks5Settings {
  readonly port: number;
  /** Empty for both addresses of the loopback. */
  readonly addresses: readonly Uint8Array[];
  readonly users: ReadonlyMap<string, string>;
  /** Where names are resolved: `host`, `none`, or servers behind the puzzle. */
  readonly names: 'host' | 'none' | readonly Uint8Array[];
  /** Source addresses by IP version. */
  readonly from: { readonly ipv4: Uint8Array | undefined; readonly ipv6: Uint8Array | undefined };
  readonly connections: number;
  readonly keepaliveSeconds: number;
  readonly timeoutMs: number;
  readonly patienceMs: number;
  readonly bufferBytes: number;
  readonly halfClose: boolean;
}

/** Reads the settings, and reports all mistakes at once. */
export function readSocks5Settings(given: readonly (readonly [string, string])[]): {
  readonly settings: Socks5Settings;
  readonly problems: readonly Problem[];
} {
  const reader = new SettingReader(socks5Settings, given);
  const users = usersOf(reader);
  const addresses = addressesOf(reader, 'address');
  const from = addressesOf(reader, 'from');
  if (new Set(from.map(({ length }) => length)).size < from.length)
    reader.problem('from', 'from has two addresses of one IP version; give at most one of each');
  const isOpen = reader.boolean('open-to-all');
  const beyond = addresses.find((address) => !isLoopback(address));
  if (beyond !== undefined && users.size === 0 && !isOpen)
    reader.problem(
      'address',
      'at this address, other machines could use the puzzle without a password: give a user, or `open-to-all: true`',
    );
  const settings: Socks5Settings = {
    port: reader.number('port') ?? 0,
    addresses,
    users,
    names: namesOf(reader),
    from: {
      ipv4: from.find(({ length }) => length === 4),
      ipv6: from.find(({ length }) => length === 16),
    },
    connections: reader.number('connections') ?? 1,
    keepaliveSeconds: 60,
    timeoutMs: reader.duration('timeout', 100, 600_000),
    patienceMs: reader.duration('patience', 100, 86_400_000),
    bufferBytes: readBuffer(reader),
    halfClose: reader.boolean('half-close'),
  };
  return { settings, problems: reader.problems };
}

function usersOf(reader: SettingReader): ReadonlyMap<string, string> {
  const users = new Map<string, string>();
  for (const text of reader.texts('user')) {
    const [name = '', password = ''] = text.split(/:(.*)/s, 2);
    const sizes = [name, password].map((each) => Buffer.byteLength(each));
    // RFC 1929 §2: neither is empty.
    if (sizes.some((size) => size < 1 || size > 255))
      reader.problem('user', 'a user is not NAME:PASSWORD, with 1 to 255 bytes each');
    else if (users.has(name)) reader.problem('user', `user ${JSON.stringify(name)} is given twice`);
    else users.set(name, password);
  }
  return users;
}

function addressesOf(reader: SettingReader, name: string): Uint8Array[] {
  return reader.texts(name).flatMap((text) => {
    const address = parseAddress(text);
    if (address === undefined)
      reader.problem(
        name,
        `${name} is ${JSON.stringify(text)}; it can be an address such as 192.0.2.1 or 2001:db8::1`,
      );
    return address ?? [];
  });
}

function namesOf(reader: SettingReader): Socks5Settings['names'] {
  const texts = reader.texts('names');
  if (texts.length === 1 && (texts[0] === 'host' || texts[0] === 'none')) return texts[0];
  return texts.flatMap((text) => {
    const address = parseAddress(text);
    if (address === undefined)
      reader.problem(
        'names',
        `names is ${JSON.stringify(text)}; it can be host, none, or addresses of name servers behind the puzzle`,
      );
    return address ?? [];
  });
}

function isLoopback(address: Uint8Array): boolean {
  if (address.length === 4) return address[0] === 127;
  return address.every((byte, i) => byte === (i === 15 ? 1 : 0));
}
