import type { NativePiece } from '../../endpoint/catalogue.ts';
import { ComponentPiece } from '../../engine/component-piece.ts';
import type { LoadedComponent, PortableComponent } from '../../engine/load-component.ts';
import type { PieceMaker } from '../../puzzle/plan/piece-maker.ts';
import { environmentOf } from '../../puzzle/runtime/component-environment.ts';
import type { SettingPairs } from '../configuration/check-settings.ts';
import type { CheckContext } from './check-context.ts';

/** How a lane makes a piece of a native one, or of an admitted component. */
export function makerOf(
  what: Omit<PieceMaker, 'kind' | 'make'>,
  piece: NativePiece | LoadedComponent,
  settings: SettingPairs,
  protocols: CheckContext['protocols'],
): PieceMaker {
  if ('make' in piece) {
    return {
      ...what,
      kind: 'native',
      make: (context, frames) => piece.make(context, frames, protocols, settings),
    };
  }
  const { description } = what.place;
  return {
    ...what,
    kind: 'component',
    make: (context, frames) =>
      new ComponentPiece(piece, description, settings, environmentOf(context, frames, protocols)),
  };
}

/** Of what a piece is made, as it can be told to another thread. */
export type PieceSpec =
  | {
      readonly kind: 'native';
      readonly native: string;
      /** Whose it is: the host's, of a module of the embedder's, or an object of this thread that cannot go to another. */
      readonly of: 'host' | 'this-thread' | { readonly module: string };
      readonly settings: SettingPairs;
    }
  | { readonly kind: 'component'; readonly component: PortableComponent; readonly settings: SettingPairs };
