import { type FramePaths, framePathsThrough } from '../../puzzle/reach/frame-paths.ts';
import type { Puzzle } from './checked-puzzle.ts';

export type { FramePaths, Hop, JointNeeds, Onward } from '../../puzzle/reach/frame-paths.ts';

/** Finds what may be parsed in a puzzle, and the paths that frames may take. */
export function explainPuzzle({ checkContext, pieces, joints }: Puzzle): FramePaths {
  return framePathsThrough(
    checkContext.protocols,
    pieces.map(({ place }) => place),
    joints,
  );
}
