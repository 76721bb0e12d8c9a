import { protocolsOfPuzzle } from '../../puzzle/runtime/component-environment.ts';
import type { OwnPieces } from './own-pieces.ts';
import { PieceRegistry } from './piece-registry.ts';

/**
 * What outlives a check where a Funnel runs: a number of a protocol means the same for its whole life, and what was
 * compiled once is not compiled again.
 */
export interface CheckContext {
  readonly registry: PieceRegistry;
  readonly protocols: ReturnType<typeof protocolsOfPuzzle>;
}

/** @param own native pieces of the embedder's own */
export function openCheckContext(own?: OwnPieces): CheckContext {
  return { registry: new PieceRegistry(own), protocols: protocolsOfPuzzle() };
}
