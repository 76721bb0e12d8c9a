import { protocolsOfPuzzle } from '../puzzle/surroundings.ts';
import type { OwnPieces } from './own-pieces.ts';
import { PieceShelf } from './piece-shelf.ts';

/**
 * What outlives a check where a Funnel runs: a number of a protocol means the same for its whole life, and what was
 * compiled once is not compiled again.
 */
export interface Workshop {
  readonly shelf: PieceShelf;
  readonly protocols: ReturnType<typeof protocolsOfPuzzle>;
}

/** @param own native pieces of the embedder's own */
export function openWorkshop(own?: OwnPieces): Workshop {
  return { shelf: new PieceShelf(own), protocols: protocolsOfPuzzle() };
}
