import type { Piece as Description } from '../../abi/host/contract.ts';
import type { ConfigurationObject } from '../policy/configuration/configuration-schema.ts';
import { ExecError } from './exec-error.ts';

/** The options of the command line that describe a puzzle between one command and the ordinary Internet. */
export interface OneLine {
  /** Faults of the network, each for both directions, or as `OUT/IN` for packets from and to the command. */
  readonly loss?: string;
  readonly burst?: string;
  readonly delay?: string;
  readonly jitter?: string;
  readonly duplicate?: string;
  readonly reorder?: string;
  readonly corrupt?: string;
  /** In the notation of `tc`: 500kbit, 1mbit, 1gbit. */
  readonly rate?: string;
  readonly seed?: string;
  /** The file that records all packets from and to the command. */
  readonly capture?: string;
  /**
   * Pieces on the way of the command's packets, from the command outwards: `PIECE` or
   * `PIECE?setting=value&setting=value`.
   */
  readonly through?: readonly string[];
  /** Addresses for the command, with their prefix lengths; without any, those of the uplink. */
  readonly addresses?: readonly string[];
}

/**
 * Returns the configuration for such options.
 *
 * @param describe returns the description of a piece, for the Edges of the pieces in between
 */
export async function oneLineConfiguration(
  options: OneLine,
  describe: (reference: string) => Promise<Description>,
): Promise<ConfigurationObject> {
  const chain = new Chain();
  chain.add('command', 'tun', {}, { outer: 'ip' });
  await addBetween(chain, options, describe);
  const faults = faultSettings(options);
  if (faults !== undefined) chain.add('network', 'fault', faults, { inner: 'a', outer: 'b' });
  const { addresses = [] } = options;
  const uplink: Settings = addresses.length === 0 ? {} : { address: [...addresses] };
  chain.add('internet', 'uplink', uplink, { inner: 'ip' });
  return { pieces: chain.pieces };
}

/** Adds a capture, and the pieces of `--through`. */
async function addBetween(
  chain: Chain,
  options: OneLine,
  describe: (reference: string) => Promise<Description>,
): Promise<void> {
  if (options.capture !== undefined) {
    chain.add('copy', 'tap', {}, { inner: 'a', outer: 'b', more: { copy: 'recorded' } });
    const settings = { file: options.capture, direction: 'both', interface: 'command' };
    chain.beside('record', 'pcap-writer', settings, { frames: 'recorded' });
  }
  for (const [index, text] of (options.through ?? []).entries()) {
    const { reference, settings } = parseThrough(text);
    const edges = edgesBetween(reference, await describe(reference));
    chain.add(`through-${index + 1}`, reference, settings, edges);
  }
}

/**
 * Returns the configuration for `--socks`: connections of a proxy of this machine, by way of the same pieces.
 * Datagrams have a way only where no piece is between, because those pieces are for streams then.
 *
 * @param user what the proxy demands of its clients
 * @param names the setting of `socks5`
 */
export async function socksConfiguration(
  options: OneLine,
  describe: (reference: string) => Promise<Description>,
  { user, names }: { readonly user?: string; readonly names?: readonly string[] },
): Promise<ConfigurationObject> {
  const faults = faultSettings(options);
  if (faults !== undefined)
    throw new ExecError(
      'FT_EXEC_USAGE',
      `--${Object.keys(faults)[0]} needs packets, and --socks has streams, of which nothing may be lost. Leave out one of both`,
    );
  const chain = new Chain();
  const settings: Settings = { port: 0 };
  if (user !== undefined) settings.user = user;
  if (names !== undefined) settings.names = [...names];
  chain.add('command', 'socks5', settings, { outer: 'tcp' });
  await addBetween(chain, options, describe);
  const isDirect = chain.last === 'beyond-command';
  chain.beside('connections', 'tcp', {}, { tcp: chain.last });
  Object.assign(chain.pieces.command?.edges ?? {}, { udp: isDirect ? chain.last : [] });
  if (isDirect) {
    chain.beside('datagrams', 'udp', {}, { udp: chain.last });
  }
  return { pieces: chain.pieces };
}

type Settings = Record<string, string | number | string[]>;

/** Returns pieces in a chain, with a separate network between each two. */
class Chain {
  readonly pieces: ConfigurationObject['pieces'] = {};
  /** The network behind the last piece. */
  last = '';

  add(
    name: string,
    piece: string,
    settings: Settings,
    { inner, outer, more = {} }: { inner?: string; outer?: string; more?: Record<string, string> },
  ): void {
    const edges: Record<string, string> = { ...more };
    if (inner !== undefined) edges[inner] = this.last;
    if (outer !== undefined) {
      this.last = `beyond-${name}`;
      edges[outer] = this.last;
    }
    this.beside(name, piece, settings, edges);
  }

  beside(name: string, piece: string, settings: Settings, edges: Record<string, string>): void {
    this.pieces[name] = { piece, ...(Object.keys(settings).length === 0 ? {} : { settings }), edges };
  }
}

/** Returns the settings of `fault`; undefined if there are no faults. Its Edge `a` faces the command. */
export function faultSettings(options: OneLine): Settings | undefined {
  const settings: Settings = {};
  const take = (name: string, text: string | undefined, read = (value: string): string | number => value) => {
    if (text === undefined) return;
    const [out = '', back, ...more] = text.split('/');
    if (more.length > 0 || out === '' || back === '')
      throw new ExecError('FT_EXEC_USAGE', `--${name} ${text}: write one value, or OUT/IN`);
    if (back === undefined) settings[name] = read(out);
    else Object.assign(settings, { [`${name}-a-to-b`]: read(out), [`${name}-b-to-a`]: read(back) });
  };
  for (const name of ['loss', 'burst', 'delay', 'jitter', 'duplicate', 'reorder', 'corrupt'] as const)
    take(name, options[name]);
  take('rate', options.rate, kilobitsOf);
  if (Object.keys(settings).length === 0) return undefined;
  // The most packets that it can hold: with a delay, it holds all packets under way.
  return { ...settings, ...(options.seed === undefined ? {} : { seed: options.seed }), hold: MOST_HELD };
}

/** Reads a rate in the units of `tc`; without a unit it is in bits per second. */
export function kilobitsOf(text: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)\s*(bit|kbit|mbit|gbit)?(?:\/s)?$/i.exec(text) ?? [];
  const kilobits = Number(digits) * (KILOBITS[unit.toLowerCase()] ?? Number.NaN);
  if (kilobits >= 1 && kilobits <= MOST_KILOBITS) return Math.round(kilobits);
  throw new ExecError(
    'FT_EXEC_USAGE',
    `--rate ${text}: write a rate from 1kbit to 1000gbit, such as 500kbit, 1mbit or 1gbit`,
  );
}

const KILOBITS: Readonly<Record<string, number>> = { '': 1e-3, bit: 1e-3, kbit: 1, mbit: 1e3, gbit: 1e6 };
const MOST_KILOBITS = 1e9;
const MOST_HELD = 900;

/** Reads `PIECE?setting=value&…`, in which `%xx` stands for a character that would be a delimiter. */
export function parseThrough(text: string): { readonly reference: string; readonly settings: Settings } {
  const [reference = '', query] = text.split(/\?(.*)/s, 2);
  const settings: Settings = {};
  if (reference === '') throw wrongThrough(text);
  for (const pair of query === undefined || query === '' ? [] : query.split('&')) {
    const [name = '', value] = pair.split(/=(.*)/s, 2).map(decoded);
    if (name === '' || value === undefined) throw wrongThrough(text);
    const present = settings[name];
    settings[name] = present === undefined ? value : [...[present].flat().map(String), value];
  }
  return { reference, settings };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ExecError(
      'FT_EXEC_USAGE',
      `--through: ${text} has a % without two hexadecimal digits; write %25`,
    );
  }
}

function wrongThrough(text: string): ExecError {
  return new ExecError(
    'FT_EXEC_USAGE',
    `--through ${text}: write PIECE, or PIECE?setting=value&setting=value`,
  );
}

/**
 * Returns the two Edges of a piece: the one towards the command carries others (up), the one towards the
 * Internet needs a carrier (down).
 */
export function edgesBetween(reference: string, { edges }: Description): { inner: string; outer: string } {
  const all = (direction: 'up' | 'down') =>
    edges.filter(
      ({ optional, shapes }) => !optional && shapes.some((shape) => shape.direction === direction),
    );
  const inner = all('up').filter((edge) => !all('down').includes(edge));
  const outer = all('down').filter((edge) => !all('up').includes(edge));
  const [first, last] = [inner[0], outer[0]];
  if (first !== undefined && last !== undefined && inner.length === 1 && outer.length === 1)
    return { inner: first.name, outer: last.name };
  throw new ExecError(
    'FT_EXEC_USAGE',
    `--through ${reference}: the piece needs one Edge upwards, for the command, and one downwards, for the Internet. Write a configuration that names its networks; --print shows one to start from`,
  );
}
