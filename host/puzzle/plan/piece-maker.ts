import type { Frames } from '../../frame/frames.ts';
import type { Piece, PieceContext } from '../../piece/piece.ts';
import type { Place } from './arrangement.ts';

/** How a piece of a puzzle is made. */
export interface PieceMaker {
  readonly place: Place;
  readonly kind: 'component' | 'native';
  readonly failure: FailurePolicy;
  /**
   * Tells pieces that would be made alike: file, settings, grants, limits. In a change, the instance of a piece with the
   * same name and identity goes on. Without one it is always made anew.
   */
  readonly identity?: string;
  /** Milliseconds between two times that its state is saved, for an instance that comes after a fault; never when left out. */
  readonly saveEveryMs?: number;
  /** A state that was saved in another lane, to begin with. */
  readonly state?: SavedState;
  /** It ran in a lane that was ended by force, and goes on in this one. */
  readonly isResumed?: boolean;
  /** It may not run: it is joined, and its seat is a failed one from the start. */
  readonly initialFault?: SeatFault;
  make(context: PieceContext, frames: Frames): Piece | Promise<Piece>;
}

/**
 * What becomes of frames when a piece has faulted: none pass; they take the Curve around it; or it comes again, with
 * exponential back-off.
 */
export type FailurePolicy = 'closed' | 'bypass' | 'restart';

/** What `save` answered, and of which version of the piece. */
export interface SavedState {
  readonly version: string;
  readonly state: Uint8Array;
}

/** Why a piece is not running. */
export interface SeatFault {
  readonly code: string;
  readonly message: string;
}
