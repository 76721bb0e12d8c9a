import type { Frames } from '../../frame/frames.ts';
import type { Piece, PieceContext } from '../../piece/piece.ts';
import type { Place } from './arrangement.ts';

/** Makes a piece of a puzzle. */
export interface PieceMaker {
  readonly place: Place;
  readonly kind: 'component' | 'native';
  readonly failure: FailurePolicy;
  /**
   * Equal for pieces that would be made the same way: file, settings, grants, limits. In a change, a piece
   * with the same name and identity keeps its instance; a piece without an identity always gets a new one.
   */
  readonly identity?: string;
  /**
   * The interval in milliseconds at which the state is saved for a restart after a fault; never when left
   * out.
   */
  readonly saveEveryMs?: number;
  /** A state that was saved in another lane; the piece begins with it. */
  readonly state?: SavedState;
  /** The piece ran in a lane that was terminated, and continues in this one. */
  readonly isResumed?: boolean;
  /** The piece must not run: it is joined, but its seat has failed from the start. */
  readonly initialFault?: SeatFault;
  make(context: PieceContext, frames: Frames): Piece | Promise<Piece>;
}

/**
 * The policy after a fault: `closed` lets no frame pass, `bypass` sends frames around the piece, and
 * `restart` starts a new instance, with exponential back-off.
 */
export type FailurePolicy = 'closed' | 'bypass' | 'restart';

/** The result of `save`, and the version of the piece that saved it. */
export interface SavedState {
  readonly version: string;
  readonly state: Uint8Array;
}

/** The reason why a piece is not running. */
export interface SeatFault {
  readonly code: string;
  readonly message: string;
}
