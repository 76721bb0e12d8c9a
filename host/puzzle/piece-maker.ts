import type { Frames } from '../frame/frames.ts';
import type { Piece, PieceContext } from '../piece/piece.ts';
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
  make(context: PieceContext, frames: Frames): Piece | Promise<Piece>;
}

/** What becomes of frames when a piece has faulted: none pass; or it comes again, with exponential back-off. */
export type FailurePolicy = 'closed' | 'restart';
