import type {
  SocketOptions as DatagramOptions,
  Socket as DatagramSocket,
  RemoteInfo,
  SocketType,
} from 'node:dgram';
import { EventEmitter } from 'node:events';
import type { ListenOptions, Server, ServerOpts, Socket, TcpNetConnectOpts } from 'node:net';
import type { NamespaceSockets } from '../endpoint/addon.ts';
import { EndpointError } from '../endpoint/endpoint-error.ts';
import { LibrarySockets, type SocketResolvers } from '../endpoint/library/library-sockets.ts';
import type { SocketLookup } from '../endpoint/library/socket-lookup.ts';
import { untilAddressed } from '../endpoint/namespace/inner-addresses.ts';
import { UPLINK_RESOLVER } from '../endpoint/uplink/uplink.ts';
import type { Difference } from '../puzzle/change/difference.ts';
import { PuzzleError } from '../puzzle/plan/puzzle-error.ts';
import type { LaneSnapshot } from '../puzzle/runtime/snapshot.ts';
import { checkFor, type PolicyOptions, preparePuzzle } from './check/check-configuration.ts';
import type { Puzzle } from './check/checked-puzzle.ts';
import { ConfigurationError, type ConfigurationMistake } from './configuration/configuration-error.ts';
import type { ConfigurationObject } from './configuration/configuration-schema.ts';
import type { FunnelEvent, FunnelEvents } from './lane/funnel-event.ts';
import { startInlineLane } from './lane/inline-lane.ts';
import type { LaneHandle } from './lane/lane-handle.ts';
import { startWorkerLane } from './lane/worker-lane.ts';

export type { Difference } from '../puzzle/change/difference.ts';
export type {
  EdgeSnapshot,
  LaneSnapshot,
  PieceSnapshot,
  PieceStatus,
  ReasonSnapshot,
} from '../puzzle/runtime/snapshot.ts';
export type { ChangedEvent, FunnelEvent, FunnelEvents, RecoveredEvent } from './lane/funnel-event.ts';

/**
 * Starts a Funnel from a configuration. Frames flow when the promise is fulfilled.
 *
 * @param configuration the name of a configuration, the path of a YAML file, or the same structure as an
 * object.
 * @throws {ConfigurationError} with every mistake in the configuration, or every reason why it could not be
 *   started.
 * @throws {FunnelError} where an endpoint cannot be opened; nothing is left open.
 */
export async function openFunnel(
  configuration: string | ConfigurationObject,
  options: FunnelOptions = {},
): Promise<Funnel> {
  const puzzle = await preparePuzzle(configuration, options);
  const { sockets = false } = options;
  return sockets === false
    ? startPuzzle(puzzle, options)
    : startWithSockets(puzzle, options, sockets === true ? {} : sockets);
}

/** Starts a puzzle in whose network of devices this process has sockets. */
async function startWithSockets(
  puzzle: Puzzle,
  options: FunnelOptions,
  { resolvers = resolversFor(puzzle), patienceMs = PATIENCE_MS }: FunnelSocketOptions,
): Promise<Funnel> {
  if (options.worker === false || options.namespace !== undefined)
    throw new EndpointError(
      'FT_SOCKETS_USAGE',
      'library-style sockets need a lane in a thread of its own, with a namespace of their own: leave out `worker: false` and `namespace`',
    );
  if (!puzzle.pieces.some(({ reference }) => reference === 'tun'))
    throw new EndpointError(
      'FT_SOCKETS_USAGE',
      `${puzzle.title} has no piece \`tun\`, so library-style sockets would have no network. Add one; with the option \`sockets\` its device belongs to them`,
    );
  const sockets = LibrarySockets.open(resolvers);
  let funnel: Funnel | undefined;
  try {
    const { namespace } = sockets;
    funnel = await startPuzzle(puzzle, { ...options, worker: true, namespace: namespace.sockets }, sockets);
    const isAddressed = await untilAddressed(namespace.pid, patienceMs, () => false);
    if (!isAddressed && patienceMs > 0) funnel.warn(`no address came in ${patienceMs / 1000} s`);
    // The turn of the lane that sets an address also sets its routes; this result comes after that turn.
    await funnel.counters();
    return funnel;
  } catch (error) {
    await (funnel?.close() ?? sockets.close());
    throw error;
  }
}

/**
 * Starts a puzzle of {@link preparePuzzle}. Throws as {@link openFunnel} does.
 *
 * @param options the options with which the puzzle was made; later changes use them as well
 * @param sockets those of the Funnel, which closes them
 */
export async function startPuzzle(
  puzzle: Puzzle,
  options: FunnelOptions = {},
  sockets?: LibrarySockets,
): Promise<Funnel> {
  const { onEvent } = options;
  const events = new EventEmitter<FunnelEvents>();
  // Events of the start wait for the listeners that the caller adds to the new Funnel.
  let early: FunnelEvent[] | undefined = [];
  const notify = (event: FunnelEvent): void => {
    onEvent?.(event);
    if (early === undefined) emit(events, event);
    else early.push(event);
  };
  let lane: LaneHandle;
  try {
    lane =
      options.worker === true
        ? await startWorkerLane(puzzle, notify, options)
        : await startInlineLane(puzzle, notify);
  } catch (error) {
    throw located(error, puzzle);
  }
  setImmediate(() => {
    const waiting = early ?? [];
    early = undefined;
    for (const event of waiting) emit(events, event);
  });
  return new Funnel(puzzle, { lane, events, notify, options, sockets });
}

/** A running Funnel. */
export class Funnel {
  readonly #lane: LaneHandle;
  readonly #events: EventEmitter<FunnelEvents>;
  readonly #notify: (event: FunnelEvent) => void;
  readonly #options: PolicyOptions;
  readonly #sockets: LibrarySockets | undefined;
  #puzzle: Puzzle;
  #applications = 0;

  /** Use {@link openFunnel}. */
  constructor(puzzle: Puzzle, { lane, events, notify, options, sockets }: Internals) {
    this.#puzzle = puzzle;
    this.#lane = lane;
    this.#events = events;
    this.#notify = notify;
    this.#options = options;
    this.#sockets = sockets;
  }

  /** The puzzle that runs now. */
  get puzzle(): Puzzle {
    return this.#puzzle;
  }

  /**
   * Changes to another configuration while traffic flows. Pieces that are the same in both continue, and no
   * frame is lost. A newer call supersedes one that is still prepared, which fails with
   * `FT_CHANGE_SUPERSEDED`.
   *
   * @param configuration the path of a YAML file, or the same structure as an object.
   * @param options `directory` and `environment` replace those with which the Funnel was opened. The
   *   `parameters` are those of this configuration; none are left from the one before. With
   *   `dryRun` everything is checked that can be checked without opening anything, and nothing changes.
   * @throws {ConfigurationError} with every mistake, or the pieces that refused, and why; the Funnel
   *   continues unchanged.
   */
  async apply(configuration: string | ConfigurationObject, options: ApplyOptions = {}): Promise<Difference> {
    const { dryRun = false, ...given } = options;
    const number = dryRun ? this.#applications : ++this.#applications;
    const { checkContext } = this.#puzzle;
    const checked = { ...this.#options, parameters: undefined, ...given };
    const { puzzle, mistakes } = await checkFor(checkContext, configuration, checked, this.#puzzle);
    if (puzzle === undefined) throw new ConfigurationError(mistakes);
    try {
      if (dryRun) return await this.#lane.difference(puzzle);
      // The check of a newer change may have taken less time.
      if (number !== this.#applications) throw new PuzzleError([SUPERSEDED]);
      const difference = await this.#lane.apply(puzzle);
      this.#puzzle = puzzle;
      this.#notify({ kind: 'changed', configuration: puzzle.title, difference });
      return difference;
    } catch (error) {
      throw located(error, puzzle);
    }
  }

  /**
   * Returns every mistake that {@link apply} would report, as far as it can be found without opening
   * anything.
   */
  async check(
    configuration: string | ConfigurationObject,
    options: Omit<ApplyOptions, 'dryRun'> = {},
  ): Promise<readonly ConfigurationMistake[]> {
    const { checkContext } = this.#puzzle;
    const checked = { ...this.#options, parameters: undefined, ...options };
    return (await checkFor(checkContext, configuration, checked, this.#puzzle)).mistakes;
  }

  /**
   * The counters that are known here: frames and bytes by Edge, ended frames by reason. Works after closing
   * too.
   */
  snapshot(): LaneSnapshot {
    return this.#lane.snapshot();
  }

  /**
   * The current counters. They are exact where the lane is another thread as well, whose {@link snapshot} is
   * up to 250 ms old. After closing, the last counters.
   */
  async counters(): Promise<LaneSnapshot> {
    return this.#lane.counters();
  }

  /** Closes all pieces: their devices, their sockets, and what they set in the system. Idempotent. */
  async close(): Promise<void> {
    try {
      await this.#lane.close();
    } finally {
      await this.#sockets?.close();
    }
  }

  /** Reports a warning of the Funnel itself, as an event. */
  warn(message: string): void {
    this.#notify({ kind: 'log', piece: 'funnel', level: 'warn', message });
  }

  // Library-style sockets: with the option `sockets` of `openFunnel`.

  /**
   * Opens a TCP connection through the puzzle, as `net.connect` does: with the same options, timeouts,
   * signals and errors. A name is resolved as {@link FunnelSocketOptions.resolvers} says.
   *
   * @throws {FunnelError} `FT_SOCKETS_USAGE`, `FT_SOCKETS_CLOSED`
   */
  connect(options: TcpNetConnectOpts, listener?: () => void): Socket {
    return this.#demandSockets().connect(options, listener);
  }

  /**
   * Listens for TCP connections through the puzzle, as `net.Server.listen` does.
   *
   * @param server a server of any kind, such as an `http.Server`, or the listener for connections of a new
   * one
   * @throws {FunnelError} `FT_SOCKETS_USAGE`, `FT_SOCKETS_CLOSED`
   */
  listen<S extends Server = Server>(
    options: ListenOptions & ServerOpts,
    server?: S | ((socket: Socket) => void),
  ): S {
    return this.#demandSockets().listen(options, server) as S;
  }

  /**
   * Makes a socket for datagrams through the puzzle, as `dgram.createSocket` does.
   *
   * @throws {FunnelError} `FT_SOCKETS_USAGE`, `FT_SOCKETS_CLOSED`
   */
  dgram(
    options: SocketType | DatagramOptions,
    listener?: (message: Buffer, from: RemoteInfo) => void,
  ): DatagramSocket {
    return this.#demandSockets().dgram(options, listener);
  }

  /** Resolves names as the sockets do, in the way of `dns.lookup`: for options `lookup` of libraries. */
  get lookup(): SocketLookup {
    return this.#demandSockets().lookup;
  }

  /**
   * Opens a port of this machine's loopback for DNS queries, which go to the resolvers behind the puzzle:
   * `resolver.setServers([await funnel.dnsServer()])`.
   *
   * @throws {FunnelError} `FT_SOCKETS_USAGE` where no resolver is behind the puzzle, `FT_SOCKETS_CLOSED`
   */
  async dnsServer(): Promise<string> {
    return this.#demandSockets().dnsServer();
  }

  /** The addresses of the sockets: those of the devices, except loopback and link-local ones. */
  get addresses(): readonly string[] {
    return this.#demandSockets().addresses;
  }

  #demandSockets(): LibrarySockets {
    if (this.#sockets !== undefined) return this.#sockets;
    throw new EndpointError(
      'FT_SOCKETS_USAGE',
      'this Funnel has no sockets for its opener. Open it with them: openFunnel(configuration, { sockets: true })',
    );
  }

  /** Like {@link close}, for `await using funnel = await openFunnel(…)`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  on<K extends keyof FunnelEvents>(event: K, listener: (...args: FunnelEvents[K]) => void): this {
    (this.#events as EventEmitter).on(event, listener);
    return this;
  }

  off<K extends keyof FunnelEvents>(event: K, listener: (...args: FunnelEvents[K]) => void): this {
    (this.#events as EventEmitter).off(event, listener);
    return this;
  }
}

export interface FunnelOptions extends PolicyOptions {
  /** Called with every event, including those before the promise of {@link openFunnel} settles. */
  readonly onEvent?: (event: FunnelEvent) => void;
  /**
   * Runs the lane in a thread of its own, with a watchdog. The work of the opener's thread does not delay
   * frames, and a piece that keeps the lane in a way that fuel does not notice is ended. Native pieces of the
   * embedder must then come from `pieceModules`.
   */
  readonly worker?: boolean;
  /**
   * With `worker`: the network namespace in which endpoints make their devices, in place of that of this
   * process.
   */
  readonly namespace?: NamespaceSockets;
  /**
   * Library-style sockets: the devices of the puzzle are made in a network namespace, in which
   * {@link Funnel.connect}, {@link Funnel.listen} and {@link Funnel.dgram} make sockets. No privilege is
   * needed. Implies `worker`.
   */
  readonly sockets?: boolean | FunnelSocketOptions;
}

export interface FunnelSocketOptions {
  /**
   * Where names are resolved: by servers behind the puzzle, whose addresses these are; past the puzzle, by
   * this machine (`host`); or not at all. By default by the resolver of an `uplink` if the puzzle has one,
   * else `host`.
   */
  readonly resolvers?: SocketResolvers;
  /** How long {@link openFunnel} waits for an address, in milliseconds; 10 000 by default. */
  readonly patienceMs?: number;
}

export interface ApplyOptions
  extends Pick<PolicyOptions, 'directory' | 'environment' | 'consent' | 'parameters'> {
  /** Only report the difference. */
  readonly dryRun?: boolean;
}

interface Internals {
  readonly lane: LaneHandle;
  readonly events: EventEmitter<FunnelEvents>;
  readonly notify: (event: FunnelEvent) => void;
  readonly options: PolicyOptions;
  readonly sockets: LibrarySockets | undefined;
}

/** 6bed4 repeats its router solicitation after four seconds (RFC 4861 §6.3.7). */
const PATIENCE_MS = 10_000;

/** An uplink has a resolver, so that queries pass through the puzzle. */
function resolversFor({ pieces }: Puzzle): SocketResolvers {
  return pieces.some(({ reference }) => reference === 'uplink') ? [UPLINK_RESOLVER] : 'host';
}

/** The mistakes that a lane found, with their lines in the configuration. */
function located(error: unknown, puzzle: Puzzle): unknown {
  if (!(error instanceof PuzzleError)) return error;
  return new ConfigurationError(error.mistakes.map(puzzle.locate), { cause: error, isRefusal: true });
}

const SUPERSEDED = {
  code: 'FT_CHANGE_SUPERSEDED',
  message: 'a newer change arrived while this one was checked',
};

function emit(events: EventEmitter<FunnelEvents>, event: FunnelEvent): void {
  // The arguments fit the kind; TypeScript cannot infer that for a union.
  (events as EventEmitter).emit(event.kind, event);
}
