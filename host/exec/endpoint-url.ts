import { nativePieces } from '../endpoint/catalogue.ts';
import { nearestName } from '../stack/nearest-name.ts';
import { JoinError } from './join-error.ts';

/** The settings of a piece, as a configuration has them. */
export type UrlSettings = Record<string, string | number | string[]>;

/** The parts of the URL of an endpoint, without its query. */
interface Target {
  /** NAME:PASSWORD before the host. */
  readonly user: string;
  readonly host: string;
  readonly port: string;
  /** Behind the host, or behind the colon where there is no host. */
  readonly path: string;
  /** Names in the query without a value. */
  readonly flags: ReadonlySet<string>;
}

/**
 * Reads the URL of an endpoint: `PIECE:`, then `//HOST:PORT` or a path, where the piece has such a thing, and
 * `?setting=value&…` for all other settings. `%xx` stands for a character. The manual page of each endpoint
 * shows its form, in the section URL.
 *
 * @throws JoinError `FT_JOIN_URL`
 */
export function parseEndpointUrl(url: string): { readonly piece: string; readonly settings: UrlSettings } {
  const [, piece, rest = ''] = /^([a-z][a-z0-9-]*):(.*)$/s.exec(url) ?? [];
  if (piece === undefined)
    throw wrong(url, 'it does not begin with an endpoint and a colon, such as tun: or udp:');
  if (!nativePieces.has(piece)) {
    const names = [...nativePieces.keys()];
    const near = nearestName(piece, names);
    throw wrong(
      url,
      `there is no endpoint ${piece}; ${near === undefined ? `there are ${names.join(', ')}` : `do you mean ${near}?`}`,
    );
  }
  const [place = '', query] = rest.split(/\?(.*)/s, 2);
  const { flags, settings } = queryOf(url, query ?? '');
  const form = FORMS[piece] ?? {};
  const target = targetOf(url, place, flags);
  for (const flag of flags)
    if (form.flags?.includes(flag) !== true) throw wrong(url, `${flag} has no value; write ${flag}=VALUE`);
  for (const part of ['user', 'host', 'port', 'path'] as const)
    if (target[part] !== '' && form.parts?.includes(part) !== true)
      throw wrong(url, `${piece} has no ${part} (here ${target[part]}); see \`funnel piece doc ${piece}\``);
  for (const [name, value] of Object.entries(form.read?.(target) ?? {})) {
    if (value === '') continue;
    const more = settings[name];
    if (more !== undefined && !isRepeated(piece, name)) throw wrong(url, `it gives ${name} twice`);
    settings[name] = more === undefined ? value : [String(value), ...[more].flat().map(String)];
  }
  return { piece, settings };
}

function isRepeated(piece: string, setting: string): boolean {
  const described = nativePieces.get(piece)?.describe([]);
  if (described === undefined || !('settings' in described)) return false;
  return described.settings.some(({ name, repeated }) => name === setting && repeated);
}

function queryOf(
  url: string,
  query: string,
): { readonly flags: Set<string>; readonly settings: UrlSettings } {
  const flags = new Set<string>();
  const settings: UrlSettings = {};
  for (const pair of query === '' ? [] : query.split('&')) {
    const [name = '', value] = pair.split(/=(.*)/s, 2).map((each) => decoded(url, each));
    if (name === '') throw wrong(url, 'a setting has no name; write ?setting=value&setting=value');
    if (value === undefined) {
      flags.add(name);
      continue;
    }
    const present = settings[name];
    settings[name] = present === undefined ? value : [...[present].flat().map(String), value];
  }
  return { flags, settings };
}

function targetOf(url: string, place: string, flags: ReadonlySet<string>): Target {
  if (!place.startsWith('//')) return { user: '', host: '', port: '', path: decoded(url, place), flags };
  const [, authority = '', path = ''] = /^\/\/([^/]*)(.*)$/s.exec(place) ?? [];
  const [, user = '', bracketed, plain = '', port = ''] =
    /^(?:(.*)@)?(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/s.exec(authority) ?? [];
  const host = bracketed ?? plain;
  if (authority !== '' && user + host + port === '')
    throw wrong(url, `${authority} is not HOST:PORT; an IPv6 address is in brackets: [2001:db8::1]:80`);
  return { user: decoded(url, user), host: decoded(url, host), port, path: decoded(url, path), flags };
}

function decoded(url: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrong(url, 'a % is not followed by two hexadecimal digits; write %25');
  }
}

function wrong(url: string, why: string): JoinError {
  return new JoinError('FT_JOIN_URL', `${url}: ${why}`);
}

/** The parts of the URL of an endpoint besides its settings. */
interface Form {
  readonly parts?: readonly ('user' | 'host' | 'port' | 'path')[];
  readonly flags?: readonly string[];
  read?(target: Target): UrlSettings;
}

/** A socket at an address; that of all addresses is the default, and names the IP version. */
function binding({ host, port }: Target): UrlSettings {
  if (host === '0.0.0.0') return { family: 'ipv4', port };
  if (host === '::') return { family: 'ipv6', port };
  return { address: host === '*' ? '' : host, port };
}

const pathAs = (name: string): Form => ({ parts: ['path'], read: ({ path }) => ({ [name]: path }) });

/** A UNIX socket, to listen on or to connect to. */
const UNIX: Form = {
  parts: ['path'],
  flags: ['connect'],
  read: ({ path, flags }) => (path === '' ? {} : { [flags.has('connect') ? 'connect' : 'listen']: path }),
};

const FORMS: Readonly<Record<string, Form>> = {
  tun: { parts: ['host', 'path'], read: ({ host, path }) => ({ device: host + path }) },
  udp: { parts: ['host', 'port'], read: binding },
  raw: {
    parts: ['host', 'path'],
    read: ({ host, path }) => {
      const { port: _, ...rest } = binding({ user: '', host, port: '', path, flags: new Set() });
      return { ...rest, protocol: path.replace(/^\//, '') };
    },
  },
  packet: { parts: ['host', 'path'], read: ({ host, path }) => ({ device: host + path }) },
  tcp: {
    parts: ['host', 'port'],
    flags: ['connect'],
    read: (target) => {
      const { host, port, flags } = target;
      if (!flags.has('connect')) return binding(target);
      return { remote: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}` };
    },
  },
  unix: UNIX,
  'unix-datagram': UNIX,
  pty: pathAs('link'),
  serial: pathAs('device'),
  process: pathAs('command'),
  socks5: {
    parts: ['user', 'host', 'port'],
    read: ({ user, host, port }) => ({ user, address: host, port }),
  },
  'pcap-writer': pathAs('file'),
  'pcap-reader': pathAs('file'),
};
