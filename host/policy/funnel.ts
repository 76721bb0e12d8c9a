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
  PieceStatus,
  ReasonSnapshot,
} from '../puzzle/runtime/snapshot.ts';
export type { ChangedEvent, FunnelEvent, FunnelEvents, RecoveredEvent } from './lane/funnel-event.ts';

/**
 * Starts a Funnel from a configuration. Frames flow when the promise is fulfilled.
 *
 * @param configuration the path of a YAML file, or the same structure as an object.
 * @throws {ConfigurationError} with every mistake in the configuration, or every reason why it could not be
 *   started.
 * @throws {FunnelError} where an endpoint cannot be opened; nothing is left open.
 */
export async function openFunnel(
  configuration: string | ConfigurationObject,
  options: FunnelOptions = {},
): Promise<Funnel> {
  return startPuzzle(await preparePuzzle(configuration, options), options);
}

/**
 * Starts a puzzle of {@link preparePuzzle}. Throws as {@link openFunnel} does.
 *
 * @param options the options with which the puzzle was made; later changes use them as well
 */
export async function startPuzzle(puzzle: Puzzle, options: FunnelOptions = {}): Promise<Funnel> {
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
  return new Funnel(puzzle, { lane, events, notify, options });
}

/** A running Funnel. */
export class Funnel {
  readonly #lane: LaneHandle;
  readonly #events: EventEmitter<FunnelEvents>;
  readonly #notify: (event: FunnelEvent) => void;
  readonly #options: PolicyOptions;
  #puzzle: Puzzle;
  #applications = 0;

  /** Use {@link openFunnel}. */
  constructor(puzzle: Puzzle, { lane, events, notify, options }: Internals) {
    this.#puzzle = puzzle;
    this.#lane = lane;
    this.#events = events;
    this.#notify = notify;
    this.#options = options;
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
   * @param options `directory` and `environment` replace those with which the Funnel was opened. With
   *   `dryRun` everything is checked that can be checked without opening anything, and nothing changes.
   * @throws {ConfigurationError} with every mistake, or the pieces that refused, and why; the Funnel
   *   continues unchanged.
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
    const checked = { ...this.#options, ...options };
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
    await this.#lane.close();
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
}

export interface ApplyOptions extends Pick<PolicyOptions, 'directory' | 'environment' | 'consent'> {
  /** Only report the difference. */
  readonly dryRun?: boolean;
}

interface Internals {
  readonly lane: LaneHandle;
  readonly events: EventEmitter<FunnelEvents>;
  readonly notify: (event: FunnelEvent) => void;
  readonly options: PolicyOptions;
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
