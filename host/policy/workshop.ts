import type { NativePiece } from '../endpoint/catalogue.ts';
import { protocolsOfPuzzle } from '../puzzle/surroundings.ts';
import { PieceShelf } from './piece-shelf.ts';

/**
 * What outlives a check where a Funnel runs: a number of a protocol means the same for its whole life, and what was
 * compiled once is not compiled again.
 */
export interface Workshop {
  readonly shelf: PieceShelf;
  readonly protocols: ReturnType<typeof protocolsOfPuzzle>;
}

/** @param own native pieces of the embedder's own, by name */
export function openWorkshop(own?: Readonly<Record<string, NativePiece>>): Workshop {
  return { shelf: new PieceShelf(own), protocols: protocolsOfPuzzle() };
}
