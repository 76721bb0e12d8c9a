import { protocolsOfPuzzle } from '../../puzzle/runtime/component-environment.ts';
import type { OwnPieces } from './own-pieces.ts';
import { PieceRegistry } from './piece-registry.ts';

/**
 * The state that all checks for one Funnel share: protocol numbers, which keep their meaning as long as the
 * Funnel runs, and compiled components, which need not be compiled again.
 */
export interface CheckContext {
  readonly registry: PieceRegistry;
  readonly protocols: ReturnType<typeof protocolsOfPuzzle>;
}

/** @param own native pieces of the embedder's own */
export function openCheckContext(own?: OwnPieces): CheckContext {
  return { registry: new PieceRegistry(own), protocols: protocolsOfPuzzle() };
}
