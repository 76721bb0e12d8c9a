import type { Piece as Description } from '../../abi/host/contract.ts';
import type { ConfigurationObject } from '../policy/configuration/configuration-schema.ts';
import { ExecError } from './exec-error.ts';

/** A puzzle that options of the command line stand for: what is between one command and the ordinary Internet. */
export interface OneLine {
  /** Faults of the network, each for both directions, or as `OUT/IN` for what the command sends and what it gets. */
  readonly loss?: string;
  readonly burst?: string;
  readonly delay?: string;
  readonly jitter?: string;
  readonly duplicate?: string;
  readonly reorder?: string;
  readonly corrupt?: string;
  /** As `tc` writes it: 500kbit, 1mbit, 1gbit. */
  readonly rate?: string;
  readonly seed?: string;
  /** The file to which all is recorded that the command sends and gets. */
  readonly capture?: string;
  /** Pieces in the command's way, from it outwards: `PIECE` or `PIECE?setting=value&setting=value`. */
  readonly through?: readonly string[];
  /** Addresses for the command, with their prefix lengths; else the uplink's own. */
  readonly addresses?: readonly string[];
}

/**
 * The configuration that such options stand for.
 *
 * @param describe what a piece is, for the Edges of those in between
 */
export async function oneLineConfiguration(
  options: OneLine,
  describe: (reference: string) => Promise<Description>,
): Promise<ConfigurationObject> {
  const chain = new Chain();
  chain.add('command', 'tun', {}, { outer: 'ip' });
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
  const faults = faultSettings(options);
  if (faults !== undefined) chain.add('network', 'fault', faults, { inner: 'a', outer: 'b' });
  const { addresses = [] } = options;
  const uplink: Settings = addresses.length === 0 ? {} : { address: [...addresses] };
  chain.add('internet', 'uplink', uplink, { inner: 'ip' });
  return { pieces: chain.pieces };
}

type Settings = Record<string, string | number | string[]>;

/** Pieces one behind the other, each two joined by a network of their own. */
class Chain {
  readonly pieces: ConfigurationObject['pieces'] = {};
  #last = '';

  add(
    name: string,
    piece: string,
    settings: Settings,
    { inner, outer, more = {} }: { inner?: string; outer?: string; more?: Record<string, string> },
  ): void {
    const edges: Record<string, string> = { ...more };
    if (inner !== undefined) edges[inner] = this.#last;
    if (outer !== undefined) {
      this.#last = `beyond-${name}`;
      edges[outer] = this.#last;
    }
    this.beside(name, piece, settings, edges);
  }

  beside(name: string, piece: string, settings: Settings, edges: Record<string, string>): void {
    this.pieces[name] = { piece, ...(Object.keys(settings).length === 0 ? {} : { settings }), edges };
  }
}

/** The settings of `fault`; undefined where there are no faults. Its Edge `a` is the command's. */
export function faultSettings(options: OneLine): Settings | undefined {
  const settings: Settings = {};
  const take = (name: string, text: string | undefined, read = (value: string): string | number => value) => {
    if (text === undefined) return;
    const [out = '', back, ...more] = text.split('/');
    if (more.length > 0 || out === '' || back === '')
      throw new ExecError('FT_EXEC_USAGE', `--${name} ${text}: it can be one value, or OUT/IN`);
    if (back === undefined) settings[name] = read(out);
    else Object.assign(settings, { [`${name}-a-to-b`]: read(out), [`${name}-b-to-a`]: read(back) });
  };
  for (const name of ['loss', 'burst', 'delay', 'jitter', 'duplicate', 'reorder', 'corrupt'] as const)
    take(name, options[name]);
  take('rate', options.rate, kilobitsOf);
  if (Object.keys(settings).length === 0) return undefined;
  // As many as it can: with a delay, what is under way is what is held.
  return { ...settings, ...(options.seed === undefined ? {} : { seed: options.seed }), hold: MOST_HELD };
}

/** Reads a rate in the units of `tc`; without one it is in bits a second. */
export function kilobitsOf(text: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)\s*(bit|kbit|mbit|gbit)?(?:\/s)?$/i.exec(text) ?? [];
  const kilobits = Number(digits) * (KILOBITS[unit.toLowerCase()] ?? Number.NaN);
  if (kilobits >= 1 && kilobits <= MOST_KILOBITS) return Math.round(kilobits);
  throw new ExecError(
    'FT_EXEC_USAGE',
    `--rate ${text}: it can be from 1kbit to 1000gbit, such as 500kbit, 1mbit or 1gbit`,
  );
}

const KILOBITS: Readonly<Record<string, number>> = { '': 1e-3, bit: 1e-3, kbit: 1, mbit: 1e3, gbit: 1e6 };
const MOST_KILOBITS = 1e9;
const MOST_HELD = 900;

/** Reads `PIECE?setting=value&…`, in which `%xx` stands for a character that would end something. */
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
    `--through ${text}: it can be PIECE, or PIECE?setting=value&setting=value`,
  );
}

/** The Edge towards the command carries others (up), that towards the Internet wants to be carried (down). */
function edgesBetween(reference: string, { edges }: Description): { inner: string; outer: string } {
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
    `--through ${reference}: it is to have one Edge upwards, for the command, and one downwards, for the Internet. Write a configuration, and name its networks; --print shows one to begin with`,
  );
}
