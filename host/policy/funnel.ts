import { EventEmitter } from 'node:events';
import type { NamespaceSockets } from '../endpoint/addon.ts';
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
  ReasonSnapshot,
} from '../puzzle/runtime/snapshot.ts';
export type { ChangedEvent, FunnelEvent, FunnelEvents, RecoveredEvent } from './lane/funnel-event.ts';

/**
 * Makes a Funnel of a configuration and starts it; frames flow when the promise is fulfilled.
 *
 * @param configuration the path of a YAML file, or the same structure as an object.
 * @throws {ConfigurationError} with every mistake in the configuration, or every reason why it could not be started.
 * @throws {FunnelError} where an endpoint cannot be opened; nothing is left open.
 */
export async function openFunnel(
  configuration: string | ConfigurationObject,
  options: FunnelOptions = {},
): Promise<Funnel> {
  return startPuzzle(await preparePuzzle(configuration, options), options);
}

/**
 * Starts a puzzle that {@link preparePuzzle} made; throws as {@link openFunnel} does.
 *
 * @param options those with which it was made, for the changes that come
 */
export async function startPuzzle(puzzle: Puzzle, options: FunnelOptions = {}): Promise<Funnel> {
  const { onEvent } = options;
  const events = new EventEmitter<FunnelEvents>();
  // What happens while starting is told to listeners that are added as soon as the Funnel is there.
  let early: FunnelEvent[] | undefined = [];
  const tell = (event: FunnelEvent): void => {
    onEvent?.(event);
    if (early === undefined) emit(events, event);
    else early.push(event);
  };
  let lane: LaneHandle;
  try {
    lane =
      options.worker === true
        ? await startWorkerLane(puzzle, tell, options)
        : await startInlineLane(puzzle, tell);
  } catch (error) {
    throw located(error, puzzle);
  }
  setImmediate(() => {
    const waiting = early ?? [];
    early = undefined;
    for (const event of waiting) emit(events, event);
  });
  return new Funnel(puzzle, { lane, events, tell, options });
}

/** A running Funnel. */
export class Funnel {
  readonly #lane: LaneHandle;
  readonly #events: EventEmitter<FunnelEvents>;
  readonly #tell: (event: FunnelEvent) => void;
  readonly #options: PolicyOptions;
  #puzzle: Puzzle;
  #applications = 0;

  /** Made by {@link openFunnel}. */
  constructor(puzzle: Puzzle, { lane, events, tell, options }: Internals) {
    this.#puzzle = puzzle;
    this.#lane = lane;
    this.#events = events;
    this.#tell = tell;
    this.#options = options;
  }

  /** What it runs now. */
  get puzzle(): Puzzle {
    return this.#puzzle;
  }

  /**
   * Changes what it runs into another configuration, while traffic flows: what is the same in both goes on, and nothing
   * is lost. A newer call replaces one that is still prepared; that one ends with `FT_CHANGE_SUPERSEDED`.
   *
   * @param configuration the path of a YAML file, or the same structure as an object.
   * @param options `directory` and `environment` stand in place of those with which the Funnel was opened. With `dryRun`
   *   all is checked that can be without opening anything, and nothing changes.
   * @throws {ConfigurationError} with every mistake, or who refused and why; it runs on as it was.
   */
  async apply(configuration: string | ConfigurationObject, options: ApplyOptions = {}): Promise<Difference> {
    const { dryRun = false, ...given } = options;
    const number = dryRun ? this.#applications : ++this.#applications;
    const { checkContext } = this.#puzzle;
    const checked = { ...this.#options, ...given };
    const { puzzle, mistakes } = await checkFor(checkContext, configuration, checked, this.#puzzle);
    if (puzzle === undefined) throw new ConfigurationError(mistakes);
    try {
      if (dryRun) return await this.#lane.difference(puzzle);
      // A newer one may have been checked faster.
      if (number !== this.#applications) throw new PuzzleError([SUPERSEDED]);
      const difference = await this.#lane.apply(puzzle);
      this.#puzzle = puzzle;
      this.#tell({ kind: 'changed', configuration: puzzle.title, difference });
      return difference;
    } catch (error) {
      throw located(error, puzzle);
    }
  }

  /** All that is wrong with a configuration that {@link apply} could take, as far as it can be told without opening anything. */
  async check(
    configuration: string | ConfigurationObject,
    options: Omit<ApplyOptions, 'dryRun'> = {},
  ): Promise<readonly ConfigurationMistake[]> {
    const { checkContext } = this.#puzzle;
    const checked = { ...this.#options, ...options };
    return (await checkFor(checkContext, configuration, checked, this.#puzzle)).mistakes;
  }

  /** All counters of this instant: frames and bytes by Edge, frames that ended by reason. Works after closing too. */
  snapshot(): LaneSnapshot {
    return this.#lane.snapshot();
  }

  /**
   * As {@link snapshot}, and exact also where the lane is another thread, whose counters are a quarter of a second old
   * here. After closing, those at the end.
   */
  async counters(): Promise<LaneSnapshot> {
    return this.#lane.counters();
  }

  /** Ends all pieces: devices and sockets are closed, and what they set in the system is taken back. Twice is as once. */
  async close(): Promise<void> {
    await this.#lane.close();
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
  /** Told of every event, also of those before {@link openFunnel} has fulfilled or failed. */
  readonly onEvent?: (event: FunnelEvent) => void;
  /**
   * Run in a thread of its own, with a watchdog: what the opener's thread does is not felt by frames, and a piece that keeps
   * the lane, in a way that fuel does not see, is ended. Native pieces of one's own then come from `pieceModules`.
   */
  readonly worker?: boolean;
  /** With `worker`: the network namespace in which endpoints make their devices, in place of that of this process. */
  readonly namespace?: NamespaceSockets;
}

export interface ApplyOptions extends Pick<PolicyOptions, 'directory' | 'environment' | 'consent'> {
  /** Only tell what it would come to. */
  readonly dryRun?: boolean;
}

interface Internals {
  readonly lane: LaneHandle;
  readonly events: EventEmitter<FunnelEvents>;
  readonly tell: (event: FunnelEvent) => void;
  readonly options: PolicyOptions;
}

/** What the lane has against a puzzle, with its places in the configuration. */
function located(error: unknown, puzzle: Puzzle): unknown {
  if (!(error instanceof PuzzleError)) return error;
  return new ConfigurationError(error.mistakes.map(puzzle.locate), { cause: error });
}

const SUPERSEDED = {
  code: 'FT_CHANGE_SUPERSEDED',
  message: 'a newer change came while this one was checked',
};

function emit(events: EventEmitter<FunnelEvents>, event: FunnelEvent): void {
  // The kinds and their arguments belong together, which TypeScript cannot see of a union.
  (events as EventEmitter).emit(event.kind, event);
}
