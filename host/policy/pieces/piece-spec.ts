import type { NativePiece } from '../../endpoint/catalogue.ts';
import { ComponentPiece } from '../../engine/component-piece.ts';
import type { LoadedComponent } from '../../engine/load-component.ts';
import type { PieceMaker } from '../../puzzle/plan/piece-maker.ts';
import { environmentOf } from '../../puzzle/runtime/component-environment.ts';
import type { SettingPairs } from '../configuration/check-settings.ts';
import type { CheckContext } from './check-context.ts';
import { openKeyStore } from './native-keys.ts';

/**
 * The specification of one instance of a piece. A lane in this thread makes the instance directly from this
 * value. For a lane in another thread only `source` changes: see `../lane/lane-order.ts`.
 */
export interface PieceSpec extends Omit<PieceMaker, 'kind' | 'make'> {
  readonly source: PieceSource;
  readonly settings: SettingPairs;
}

/** The code of a piece. */
export type PieceSource =
  | {
      readonly kind: 'native';
      readonly name: string;
      readonly native: NativePiece;
      readonly owner: NativeOwner;
    }
  | { readonly kind: 'component'; readonly component: LoadedComponent };

/**
 * The owner of a native piece: the host, a module of the embedder, or the embedder's own thread. An object of
 * that thread cannot run in another one.
 */
export type NativeOwner = 'host' | 'this-thread' | { readonly module: string };

/** How a lane makes a piece of this specification. */
export function makerOf(
  { source, settings, ...rest }: PieceSpec,
  protocols: CheckContext['protocols'],
): PieceMaker {
  if (source.kind === 'native') {
    const { native } = source;
    return {
      ...rest,
      kind: 'native',
      make: (context, frames) => native.make(context, frames, protocols, settings),
    };
  }
  const { component } = source;
  const { description } = rest.place;
  return {
    ...rest,
    kind: 'component',
    make: (context, frames) =>
      new ComponentPiece(component, description, settings, {
        ...environmentOf(context, frames, protocols),
        openKeyStore,
      }),
  };
}
