import { descriptorReserve } from '../../endpoint/descriptor-reserve.ts';
import type { Difference } from '../../puzzle/change/difference.ts';
import { Lane } from '../../puzzle/lane.ts';
import type { LaneSnapshot } from '../../puzzle/runtime/snapshot.ts';
import type { Puzzle } from '../check/checked-puzzle.ts';
import { makerOf } from '../pieces/piece-spec.ts';
import type { FunnelEvent } from './funnel-event.ts';
import type { LaneHandle } from './lane-handle.ts';

/**
 * Starts a lane in the thread that opens the Funnel.
 *
 * @throws {PuzzleError} where the puzzle cannot be started; nothing is left open.
 */
export async function startInlineLane(
  puzzle: Puzzle,
  notify: (event: FunnelEvent) => void,
): Promise<LaneHandle> {
  const lane = new Lane({
    protocols: puzzle.checkContext.protocols,
    descriptors: descriptorReserve.most,
    onEvent: notify,
    onLog: (entry) => notify({ kind: 'log', ...entry }),
  });
  await lane.start(makersOf(puzzle), puzzle.networks, puzzle.joints);
  return new InlineLane(lane);
}

class InlineLane implements LaneHandle {
  readonly #lane: Lane;

  constructor(lane: Lane) {
    this.#lane = lane;
  }

  apply(puzzle: Puzzle): Promise<Difference> {
    return this.#lane.apply(makersOf(puzzle), puzzle.networks, puzzle.joints);
  }

  async difference(puzzle: Puzzle): Promise<Difference> {
    return this.#lane.difference(makersOf(puzzle), puzzle.networks, puzzle.joints);
  }

  snapshot(): LaneSnapshot {
    return this.#lane.snapshot();
  }

  async counters(): Promise<LaneSnapshot> {
    return this.#lane.snapshot();
  }

  async close(): Promise<void> {
    this.#lane.close();
  }
}

function makersOf({ pieces, checkContext }: Puzzle) {
  return pieces.map(({ spec }) => makerOf(spec, checkContext.protocols));
}
