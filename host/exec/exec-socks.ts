import { closeSync, existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { GuardedProcess } from '../endpoint/namespace/guarded-process.ts';
import { type CommandEnd, CommandError, type Leftovers } from '../endpoint/namespace/network-namespace.ts';
import { readSocks5Settings } from '../endpoint/socks/socks5-settings.ts';
import { unnamedFile } from '../endpoint/temporary-file.ts';
import type { Puzzle, PuzzlePiece } from '../policy/check/checked-puzzle.ts';
import { type Funnel, type FunnelEvent, startPuzzle } from '../policy/funnel.ts';
import { commandError } from './command-error.ts';
import { ExecError } from './exec-error.ts';
import { whyNotPreloaded } from './preload-limits.ts';
import {
  type Preload,
  proxychainsConfiguration,
  type SocksServer,
  socksEnvironment,
} from './socks-environment.ts';
import { passSignals } from './terminal-signals.ts';

/**
 * Runs a command whose connections go through a puzzle by way of the piece `socks5`: in the network of this
 * process, without a namespace. Only connections of programs that use the proxy go that way.
 *
 * @returns how the command ended; by then the Funnel is closed
 * @throws {ConfigurationError}, {FunnelError} if the puzzle cannot be started, or the command not be run
 */
export async function execBySocks(
  puzzle: Puzzle,
  command: readonly string[],
  { leftovers = 'end', warn, onEvent }: SocksExecOptions,
): Promise<CommandEnd> {
  const piece = puzzle.pieces.find(({ reference }) => reference === 'socks5');
  if (piece === undefined)
    throw new ExecError(
      'FT_EXEC_NO_SOCKS',
      `${puzzle.title} has no piece \`socks5\`, which funnel exec --socks needs. Add one, with its Edges on the networks of tcp and udp`,
    );
  let funnel: Funnel | undefined;
  let descriptor = -1;
  let deliver: (signal: number) => void = () => {};
  let isOver = false;
  const forgetSignals = passSignals((signal) => {
    isOver ||= signal !== constants.signals.SIGWINCH;
    deliver(signal);
  });
  try {
    funnel = await startPuzzle(puzzle, { onEvent, worker: true });
    const server = await serverOf(funnel, piece);
    if (isOver) return { signal: constants.signals.SIGTERM };
    const library = findLibrary();
    let preload: Preload | undefined;
    if (library === undefined) warn(NO_LIBRARY);
    else {
      descriptor = unnamedFile(proxychainsConfiguration(server));
      preload = { library, configuration: `/proc/${process.pid}/fd/${descriptor}` };
      const limit = whyNotPreloaded(command[0] ?? '');
      if (limit !== undefined)
        warn(`${command[0]} goes past the puzzle unless it obeys ALL_PROXY itself: ${limit}`);
    }
    const environment = socksEnvironment(process.env, server, preload);
    let settle: (end: CommandEnd | 'killed') => void = () => {};
    const ended = new Promise<CommandEnd | 'killed'>((resolve) => {
      settle = resolve;
    });
    const running = start(command, environment, leftovers, (end) => settle(end));
    deliver = (signal) => running.signal(signal);
    const end = await ended;
    // The processes that outlive the command end, or are waited for; a signal now ends them at once.
    deliver = () => running.close();
    await running.gone;
    running.close();
    if (end === 'killed') throw killed();
    return end;
  } finally {
    forgetSignals();
    if (descriptor >= 0) closeSync(descriptor);
    await funnel?.close();
  }
}

export interface SocksExecOptions {
  readonly leftovers?: Leftovers;
  readonly warn: (message: string) => void;
  readonly onEvent: (event: FunnelEvent) => void;
}

/** How to reach the running piece: its port may be the system's choice. */
async function serverOf(funnel: Funnel, { place, spec }: PuzzlePiece): Promise<SocksServer> {
  const { pieces } = await funnel.counters();
  const { facts } = pieces.find(({ name }) => name === place.name)?.status ?? {};
  const address = facts?.address?.split(' ')[0] ?? '';
  const isAny = address === '0.0.0.0' || address === '::';
  const own = address === '::' ? '::1' : '127.0.0.1';
  const [user] = readSocks5Settings(spec.settings).settings.users;
  return {
    address: isAny ? own : address,
    port: Number(facts?.port),
    ...(user === undefined ? {} : { user: { name: user[0], password: user[1] } }),
  };
}

function start(
  command: readonly string[],
  environment: NodeJS.ProcessEnv,
  leftovers: Leftovers,
  onEnd: (end: CommandEnd | 'killed') => void,
): GuardedProcess {
  const { LD_PRELOAD, ...others } = environment;
  const variables: Record<string, string> = LD_PRELOAD === undefined ? {} : { LD_PRELOAD };
  try {
    const streams = ['inherit', 'inherit', 'inherit'] as const;
    return GuardedProcess.start(command, streams, onEnd, { environment: others, variables, leftovers });
  } catch (error) {
    const { errno } = error as { errno?: number };
    if (errno === undefined) throw error;
    throw commandError(command[0] ?? '', new CommandError(getSystemErrorName(-errno)));
  }
}

function killed(): ExecError {
  return new ExecError(
    'FT_EXEC_COMMAND',
    'the process that keeps the command was killed, and the command with it',
  );
}

function findLibrary(): string | undefined {
  return FOLDERS.map((folder) => join(folder, 'libproxychains.so.4')).find((path) => existsSync(path));
}

const FOLDERS = [
  ...['x86_64-linux-gnu', 'aarch64-linux-gnu', 'arm-linux-gnueabihf', 'riscv64-linux-gnu'].map(
    (triplet) => `/usr/lib/${triplet}`,
  ),
  ...['/usr/lib64', '/usr/lib', '/usr/local/lib'],
];
const NO_LIBRARY =
  'proxychains4 is not installed, so only programs that obey ALL_PROXY use the puzzle (on Debian: apt-get install proxychains4)';
