import type { Difference } from '../../puzzle/change/difference.ts';
import type { LaneSnapshot } from '../../puzzle/runtime/snapshot.ts';
import type { Puzzle } from '../check/checked-puzzle.ts';

/** A lane as a Funnel handles it, be it in this thread or in another. */
export interface LaneHandle {
  /**
   * Puts another puzzle in the place of the present one, in one turn.
   *
   * @throws {PuzzleError} where that cannot be; the running puzzle has noticed nothing.
   */
  apply(puzzle: Puzzle): Promise<Difference>;
  /** What {@link apply} would come to; nothing is made. Throws as it does for what cannot be joined. */
  difference(puzzle: Puzzle): Promise<Difference>;
  /** The counters as they are known here: of this instant, or of a quarter of a second ago where the lane is another thread. */
  snapshot(): LaneSnapshot;
  /** The counters of this instant, asked of the lane; after closing, those at its end. */
  counters(): Promise<LaneSnapshot>;
  /** Ends all pieces. Twice is as once. */
  close(): Promise<void>;
}
