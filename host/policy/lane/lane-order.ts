import { nativePieces } from '../../endpoint/catalogue.ts';
import { componentFrom, type LoadedComponent, type PortableComponent } from '../../engine/load-component.ts';
import type { NetworkOptions } from '../../puzzle/plan/arrangement.ts';
import type { PieceMaker, SavedState, SeatFault } from '../../puzzle/plan/piece-maker.ts';
import { definePieceProtocols } from '../../puzzle/plan/piece-protocols.ts';
import type { protocolsOfPuzzle } from '../../puzzle/runtime/component-environment.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import type { Puzzle } from '../check/checked-puzzle.ts';
import { piecesOf } from '../pieces/own-pieces.ts';
import { makerOf, type PieceSpec } from '../pieces/piece-spec.ts';

/** What a lane in another thread is to run, as a value that the structured clone algorithm takes. */
export interface LaneOrder {
  readonly pieces: readonly PieceOrder[];
  readonly networks: ReadonlyMap<string, NetworkOptions>;
}

export interface PieceOrder extends Omit<PieceMaker, 'make'> {
  readonly recipe: PieceSpec;
}

/** What became of a piece in lanes before: how it ended there, and its state. */
export interface PieceHistory {
  readonly ended?: SeatFault | undefined;
  readonly state?: SavedState | undefined;
  /** It ran in a lane that was ended by force, and goes on in this one. */
  readonly isResumed?: boolean;
}

/** @throws {FunnelError} `FT_PIECE_THREAD` where a piece cannot go to another thread. */
export function orderOf(puzzle: Puzzle, historyOf: (piece: string) => PieceHistory = () => ({})): LaneOrder {
  const pieces = puzzle.pieces.map(({ maker, recipe }): PieceOrder => {
    const { make: _, identity, ...rest } = maker;
    const { name } = maker.place;
    if (recipe.kind === 'native' && recipe.of === 'this-thread') {
      throw new FunnelError(
        'FT_PIECE_THREAD',
        `piece ${name}: \`${recipe.native}\` is an object of the thread that opens the Funnel, and cannot run in a worker thread. Export it from a module and name that in \`pieceModules\`, or open the Funnel without \`worker\``,
      );
    }
    const { ended, state, isResumed } = historyOf(name);
    return {
      ...rest,
      recipe,
      // One that may not run is not the one that will.
      ...(identity === undefined ? {} : { identity: ended === undefined ? identity : `ended ${identity}` }),
      ...(ended === undefined ? {} : { initialFault: ended }),
      ...(state === undefined ? {} : { state }),
      ...(isResumed === true ? { isResumed } : {}),
    };
  });
  return { pieces, networks: puzzle.networks };
}

/** In the thread of the lane: how its pieces are made. */
export async function makersFor(
  { pieces }: LaneOrder,
  protocols: ReturnType<typeof protocolsOfPuzzle>,
): Promise<PieceMaker[]> {
  definePieceProtocols(
    protocols,
    pieces.map(({ place }) => place),
  );
  // Several instances of one component are one value in an order, too.
  const components = new Map<PortableComponent, LoadedComponent>();
  const makers: PieceMaker[] = [];
  for (const { recipe, ...what } of pieces) {
    if (recipe.kind === 'native') {
      const native = await nativeOf(recipe);
      makers.push(makerOf(what, native, recipe.settings, protocols));
      continue;
    }
    const component = components.get(recipe.component) ?? componentFrom(recipe.component);
    components.set(recipe.component, component);
    makers.push(makerOf(what, component, recipe.settings, protocols));
  }
  return makers;
}

async function nativeOf({ native, of }: Extract<PieceSpec, { kind: 'native' }>) {
  const found = typeof of === 'object' ? (await piecesOf(of.module))[native] : nativePieces.get(native);
  if (found === undefined) throw new FunnelError('FT_PIECE_UNKNOWN', `there is no piece \`${native}\``);
  return found;
}
