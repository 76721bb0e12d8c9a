import { constants } from 'node:os';
import { EndpointError } from '../endpoint/endpoint-error.ts';
import { untilAddressed } from '../endpoint/namespace/inner-addresses.ts';
import {
  type CommandEnd,
  CommandError,
  type Leftovers,
  NetworkNamespace,
} from '../endpoint/namespace/network-namespace.ts';
import type { ResolverRelay } from '../endpoint/namespace/resolver-relay.ts';
import { UPLINK_RESOLVER } from '../endpoint/uplink/uplink.ts';
import type { Puzzle } from '../policy/check/checked-puzzle.ts';
import { type Funnel, type FunnelEvent, startPuzzle } from '../policy/funnel.ts';
import { commandError } from './command-error.ts';
import { ExecError } from './exec-error.ts';
import { type PublishedPort, publish as publishPorts } from './publish.ts';
import { type ResolverChoice, setResolver } from './resolver.ts';
import { passSignals } from './terminal-signals.ts';

export type { CommandEnd } from '../endpoint/namespace/network-namespace.ts';

/**
 * Runs a command in a separate network namespace, whose devices are those of a puzzle: all packets of the
 * command go through the puzzle, or nowhere. The puzzle's own sockets are in the network of this process.
 *
 * @returns how the command ended; by then the Funnel is closed, and all processes inside have ended
 * @throws {ConfigurationError}, {FunnelError} if the puzzle cannot be started, or the namespace cannot be
 * made
 */
export async function exec(
  puzzle: Puzzle,
  command: readonly string[],
  {
    mapRoot = false,
    resolver,
    leftovers = 'end',
    publish = [],
    patienceMs = PATIENCE_MS,
    warn,
    onEvent,
  }: ExecOptions,
): Promise<CommandEnd> {
  if (!puzzle.pieces.some(({ reference }) => reference === 'tun'))
    throw new ExecError(
      'FT_EXEC_NO_DEVICE',
      `${puzzle.title} has no piece \`tun\`, so the command would have no network. Add one; under funnel exec its device belongs to the command`,
    );
  const namespace = open(command, mapRoot);
  let funnel: Funnel | undefined;
  let relay: ResolverRelay | undefined;
  let unpublish = (): void => {};
  let isOver = false;
  let deliver = (signal: number): void => {
    isOver = signal !== constants.signals.SIGWINCH;
  };
  const forgetSignals = passSignals((signal) => deliver(signal));
  try {
    relay = setResolver(namespace, resolver ?? resolverFor(puzzle));
    unpublish = await publishPorts(namespace, publish);
    funnel = await startPuzzle(puzzle, { onEvent, worker: true, namespace: namespace.sockets });
    const isAddressed = await untilAddressed(namespace.pid, patienceMs, () => isOver);
    if (!isAddressed && !isOver && patienceMs > 0)
      warn(`no address came in ${patienceMs / 1000} s; the command starts without a network`);
    // The turn of the lane that sets an address also sets its routes; this result comes after that turn.
    await funnel.counters();
    if (isOver) return { signal: constants.signals.SIGTERM };
    start(namespace, command, leftovers);
    deliver = (signal) => namespace.signal(signal);
    const end = await namespace.ended;
    // The helper ends the processes that outlive the command, or waits for them; a signal now ends them at
    // once.
    deliver = () => void namespace.close();
    await namespace.gone;
    return end;
  } finally {
    forgetSignals();
    relay?.close();
    unpublish();
    await Promise.all([funnel?.close(), namespace.close()]);
  }
}

export interface ExecOptions {
  readonly mapRoot?: boolean;
  readonly resolver?: ResolverChoice;
  readonly leftovers?: Leftovers;
  readonly publish?: readonly PublishedPort[];
  /** How long the command waits for an address. */
  readonly patienceMs?: number;
  readonly warn: (message: string) => void;
  readonly onEvent: (event: FunnelEvent) => void;
}

/**
 * 6bed4 repeats its router solicitation after four seconds (RFC 4861 §6.3.7), so a lost first reply does not
 * matter.
 */
const PATIENCE_MS = 10_000;

/**
 * The default resolver: an uplink has one, so that queries pass through the puzzle. Without an uplink, names
 * are resolved outside.
 */
function resolverFor({ pieces }: Puzzle): ResolverChoice {
  const hasUplink = pieces.some(({ reference }) => reference === 'uplink');
  return hasUplink ? { servers: [UPLINK_RESOLVER] } : 'host';
}

/** Where namespaces are forbidden, connections can still go through a puzzle. */
function open(command: readonly string[], mapRoot: boolean): NetworkNamespace {
  try {
    return NetworkNamespace.open({ command, mapRoot });
  } catch (error) {
    if (!(error instanceof EndpointError) || error.code !== 'FT_NAMESPACE_FORBIDDEN') throw error;
    throw new EndpointError(
      error.code,
      `${error.message}\nWithout namespaces, \`funnel exec --socks\` leads the connections of programs through a puzzle`,
      { cause: error },
    );
  }
}

function start(namespace: NetworkNamespace, command: readonly string[], leftovers: Leftovers): void {
  try {
    namespace.run(leftovers);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw commandError(command[0] ?? '', error);
  }
}
