import type { Difference } from '../../puzzle/change/difference.ts';
import type { LaneSnapshot } from '../../puzzle/runtime/snapshot.ts';
import type { Puzzle } from '../check/checked-puzzle.ts';

/** A lane as a Funnel controls it, in this thread or in another. */
export interface LaneHandle {
  /**
   * Replaces the running puzzle by another one, in one turn.
   *
   * @throws {PuzzleError} where that is impossible; the running puzzle continues unchanged.
   */
  apply(puzzle: Puzzle): Promise<Difference>;
  /**
   * Returns what {@link apply} would change, and creates nothing. Throws as `apply` does where Edges cannot
   * be joined.
   */
  difference(puzzle: Puzzle): Promise<Difference>;
  /** The counters that are known here: current ones, or up to 250 ms old where the lane is another thread. */
  snapshot(): LaneSnapshot;
  /** Requests the current counters from the lane; after it has closed, the last ones. */
  counters(): Promise<LaneSnapshot>;
  /** Closes all pieces. Idempotent. */
  close(): Promise<void>;
}
