import type { SourceState } from '../../piece/piece.ts';
import type { PieceStatus } from '../../piece/piece-status.ts';

/**
 * Whether an instance is the one in its seat. While a change is prepared, the new instance already has a
 * context but may not act yet; a retired instance may no longer act.
 */
export interface ActivationFlag {
  isActive: boolean;
  /** The last report of the instance, which may report before it is active. */
  status?: PieceStatus | undefined;
  /** How what the instance reads stands, if that has an end. */
  source?: SourceState;
}
