import { type Ways, waysThrough } from '../puzzle/ways.ts';
import type { Puzzle } from './puzzle.ts';

export type { Hop, JointNeeds, Onward, Ways } from '../puzzle/ways.ts';

/** What may be parsed in a puzzle, and the ways that frames may take. */
export function explainPuzzle({ workshop, pieces, joints }: Puzzle): Ways {
  return waysThrough(
    workshop.protocols,
    pieces.map(({ place }) => place),
    joints,
  );
}
