import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { preparePuzzle } from '../policy/check/check-configuration.ts';
import type { Puzzle } from '../policy/check/checked-puzzle.ts';
import { ConfigurationError } from '../policy/configuration/configuration-error.ts';
import type { ConfigurationObject } from '../policy/configuration/configuration-schema.ts';
import { readText } from '../policy/configuration/read-text.ts';
import { type Funnel, type FunnelEvent, startPuzzle } from '../policy/funnel.ts';
import { type PluginEnd, type PluginEnds, PluginError } from './plugin-ends.ts';

/** The names of the pieces that a plugin adds, and of the networks on which it puts them. */
const APPLICATION = 'application';
const PEER = 'peer';

/**
 * Makes the puzzle of a plugin: the pieces of a configuration, between an endpoint on the network
 * `application` and one on the network `peer`.
 *
 * @param file without one, a `hub` stands between them, or nothing where they join without
 * @throws {ConfigurationError}, PluginError `FT_PLUGIN_CONFIGURATION`
 */
export async function pluginPuzzle(file: string | undefined, ends: PluginEnds): Promise<Puzzle> {
  const { pieces, directory, rest } = await piecesOf(file, ends);
  for (const name of [APPLICATION, PEER])
    if (Object.hasOwn(pieces, name))
      throw new PluginError(
        'FT_PLUGIN_CONFIGURATION',
        `${file} has a piece ${name}, which is a name of the plugin's own. Rename it`,
      );
  const all = {
    ...pieces,
    [APPLICATION]: pieceOf(ends.application, file === undefined && !isRelay(ends) ? PEER : APPLICATION),
    [PEER]: pieceOf(ends.peer, PEER),
  };
  return preparePuzzle({ ...rest, pieces: all } as ConfigurationObject, { directory });
}

interface Given {
  readonly pieces: Record<string, unknown>;
  readonly directory: string;
  /** The other keys of the configuration. */
  readonly rest: Record<string, unknown>;
}

async function piecesOf(file: string | undefined, ends: PluginEnds): Promise<Given> {
  const directory = process.cwd();
  if (file === undefined) {
    const hub = { piece: 'hub', settings: { stack: 'ip/tcp' }, edges: { net: [APPLICATION, PEER] } };
    return { pieces: isRelay(ends) ? { hub } : {}, directory, rest: {} };
  }
  // The whole is read as an object later, which resolves includes and parameters.
  const source = await readText(file, directory);
  const { value, mistakes } = source;
  if (mistakes.length > 0) throw new ConfigurationError(mistakes.sorted());
  const { pieces, ...rest } = (value ?? {}) as { pieces?: unknown };
  if (typeof pieces !== 'object' || pieces === null || Array.isArray(pieces))
    throw new PluginError(
      'FT_PLUGIN_CONFIGURATION',
      `${file} has no \`pieces:\`. It holds the pieces between the networks ${APPLICATION} and ${PEER}`,
    );
  return { pieces: { ...pieces }, directory: source.directory, rest };
}

/** Whether both endpoints carry the streams of others, so that a hub has to be between them. */
function isRelay({ application, peer }: PluginEnds): boolean {
  return application.piece === peer.piece;
}

function pieceOf({ piece, settings }: PluginEnd, network: string) {
  return { piece, settings, edges: piece === 'socks5' ? { tcp: network, udp: [] } : { tcp: network } };
}

/** Runs the puzzle of a plugin until it has to end. */
export async function runPlugin(
  puzzle: Puzzle,
  { onEvent, onReady, endsWithInput, endsWithParent }: PluginOptions,
): Promise<void> {
  const ending = new Ending(endsWithInput, endsWithParent);
  let funnel: Funnel | undefined;
  try {
    funnel = await startPuzzle(puzzle, { onEvent, worker: true });
    await onReady(funnel);
    await ending.promise;
  } finally {
    ending.forget();
    await funnel?.close();
  }
}

export interface PluginOptions {
  readonly onEvent: (event: FunnelEvent) => void;
  readonly onReady: (funnel: Funnel) => void | Promise<void>;
  /** Ends when the standard input does. */
  readonly endsWithInput: boolean;
  /** Ends when the process that has started this one does, also if that is killed. */
  readonly endsWithParent: boolean;
}

/** The end of a plugin: a signal, or the end of the program that started it. */
class Ending {
  readonly promise: Promise<void>;
  #end = (): void => {};
  #watch: NodeJS.Timeout | undefined;

  constructor(withInput: boolean, withParent: boolean) {
    this.promise = new Promise((resolve) => {
      this.#end = resolve;
    });
    for (const signal of SIGNALS) process.on(signal, this.#end);
    if (withInput) process.stdin.on('close', this.#end).on('error', this.#end).resume();
    const parent = process.ppid;
    if (!withParent) return;
    // An orphan gets another parent at once.
    this.#watch = setInterval(() => {
      if (process.ppid !== parent) this.#end();
    }, LOOK_MS);
  }

  forget(): void {
    clearInterval(this.#watch);
    for (const signal of SIGNALS) process.off(signal, this.#end);
    // Reading it would keep the process.
    process.stdin.off('close', this.#end).destroy();
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const LOOK_MS = 250;

/** The port of an endpoint of the plugin, which may be the system's choice. */
export async function portOfEnd(funnel: Funnel, end: 'application' | 'peer'): Promise<number> {
  const { pieces } = await funnel.counters();
  const { facts = {} } = pieces.find(({ name }) => name === end)?.status ?? {};
  return Number(/\d+/.exec(facts.port ?? facts.ports ?? '')?.[0]);
}

/** Resolves the name of a host, as the program that started the plugin gave it. @throws PluginError */
export async function addressOf(host: string): Promise<string> {
  if (isIP(host) !== 0) return host;
  try {
    return (await lookup(host)).address;
  } catch (error) {
    throw new PluginError('FT_PLUGIN_ENVIRONMENT', `the name ${host} has no address`, { cause: error });
  }
}
