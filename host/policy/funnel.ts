import { EventEmitter } from 'node:events';
import { PuzzleError } from '../puzzle/puzzle-error.ts';
import type { LaneSnapshot } from '../puzzle/snapshot.ts';
import { type PolicyOptions, preparePuzzle } from './check-configuration.ts';
import { ConfigurationError } from './configuration-error.ts';
import type { ConfigurationObject } from './configuration-schema.ts';
import type { FunnelEvent, FunnelEvents } from './funnel-event.ts';
import { startInlineLane } from './inline-lane.ts';
import type { LaneHandle } from './lane-handle.ts';
import type { Puzzle } from './puzzle.ts';

export type { EdgeSnapshot, LaneSnapshot, PieceSnapshot, ReasonSnapshot } from '../puzzle/snapshot.ts';
export type { FunnelEvent, FunnelEvents } from './funnel-event.ts';

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

/** Starts a puzzle that {@link preparePuzzle} made; throws as {@link openFunnel} does. */
export async function startPuzzle(
  puzzle: Puzzle,
  { onEvent }: Pick<FunnelOptions, 'onEvent'> = {},
): Promise<Funnel> {
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
    lane = await startInlineLane(puzzle, tell);
  } catch (error) {
    if (error instanceof PuzzleError)
      throw new ConfigurationError(error.mistakes.map(puzzle.locate), { cause: error });
    throw error;
  }
  setImmediate(() => {
    const waiting = early ?? [];
    early = undefined;
    for (const event of waiting) emit(events, event);
  });
  return new Funnel(puzzle, lane, events);
}

/** A running Funnel. */
export class Funnel {
  /** What it runs. */
  readonly puzzle: Puzzle;
  readonly #lane: LaneHandle;
  readonly #events: EventEmitter<FunnelEvents>;

  /** Made by {@link openFunnel}. */
  constructor(puzzle: Puzzle, lane: LaneHandle, events: EventEmitter<FunnelEvents>) {
    this.puzzle = puzzle;
    this.#lane = lane;
    this.#events = events;
  }

  /** All counters of this instant: frames and bytes by Edge, frames that ended by reason. Works after closing too. */
  snapshot(): LaneSnapshot {
    return this.#lane.snapshot();
  }

  /** As {@link snapshot}, and exact also where the lane is another thread, whose counters are a quarter of a second old here. */
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
}

function emit(events: EventEmitter<FunnelEvents>, event: FunnelEvent): void {
  // The kinds and their arguments belong together, which TypeScript cannot see of a union.
  (events as EventEmitter).emit(event.kind, event);
}
