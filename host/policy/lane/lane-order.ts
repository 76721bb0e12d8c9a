import { nativePieces } from '../../endpoint/catalogue.ts';
import { componentFrom, type LoadedComponent, type PortableComponent } from '../../engine/load-component.ts';
import type { JoinedMembers, NetworkOptions } from '../../puzzle/plan/arrangement.ts';
import type { PieceMaker, SavedState, SeatFault } from '../../puzzle/plan/piece-maker.ts';
import { definePieceProtocols } from '../../puzzle/plan/piece-protocols.ts';
import type { protocolsOfPuzzle } from '../../puzzle/runtime/component-environment.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import type { Puzzle } from '../check/checked-puzzle.ts';
import { piecesOf } from '../pieces/own-pieces.ts';
import { makerOf, type NativeOwner, type PieceSource, type PieceSpec } from '../pieces/piece-spec.ts';

/** The puzzle that a lane in another thread runs, as a value that the structured clone algorithm copies. */
export interface LaneOrder {
  readonly pieces: readonly PieceOrder[];
  readonly networks: ReadonlyMap<string, NetworkOptions>;
  /** The arrangement that the check of the configuration has made. */
  readonly joints: readonly JoinedMembers[];
}

/** A piece specification whose code can be copied to another thread. */
export interface PieceOrder extends Omit<PieceSpec, 'source'> {
  readonly source: PortableSource;
}

type PortableSource =
  | {
      readonly kind: 'native';
      readonly name: string;
      readonly owner: Exclude<NativeOwner, 'this-thread'>;
    }
  | { readonly kind: 'component'; readonly component: PortableComponent };

/** The state of a piece from earlier lanes: the fault that ended it, and its saved state. */
export interface PieceHistory {
  readonly ended?: SeatFault | undefined;
  readonly state?: SavedState | undefined;
  /** It ran in a lane that was ended by force, and continues in this one. */
  readonly isResumed?: boolean;
}

/** @throws {FunnelError} `FT_PIECE_THREAD` where a piece cannot go to another thread. */
export function orderOf(puzzle: Puzzle, historyOf: (piece: string) => PieceHistory = () => ({})): LaneOrder {
  const pieces = puzzle.pieces.map(({ spec }): PieceOrder => {
    const { identity, source, ...rest } = spec;
    const { name } = spec.place;
    const { ended, state, isResumed } = historyOf(name);
    return {
      ...rest,
      source: portable(name, source),
      // A piece that may not run differs from the same piece when it may run again: a change replaces it.
      ...(identity === undefined ? {} : { identity: ended === undefined ? identity : `ended ${identity}` }),
      ...(ended === undefined ? {} : { initialFault: ended }),
      ...(state === undefined ? {} : { state }),
      ...(isResumed === true ? { isResumed } : {}),
    };
  });
  const joints = puzzle.joints.map(({ name, members }) => ({ name, members }));
  return { pieces, networks: puzzle.networks, joints };
}

function portable(piece: string, source: PieceSource): PortableSource {
  if (source.kind === 'component') return { kind: 'component', component: source.component.portable };
  const { name, owner } = source;
  if (owner !== 'this-thread') return { kind: 'native', name, owner };
  throw new FunnelError(
    'FT_PIECE_THREAD',
    `piece ${piece}: \`${name}\` is an object of the thread that opens the Funnel, and cannot run in a worker ` +
      'thread. Export it from a module and name that in `pieceModules`, or open the Funnel without `worker`',
  );
}

/** In the thread of the lane: the makers of an order's pieces. */
export async function makersFor(
  { pieces }: LaneOrder,
  protocols: ReturnType<typeof protocolsOfPuzzle>,
): Promise<PieceMaker[]> {
  definePieceProtocols(
    protocols,
    pieces.map(({ place }) => place),
  );
  // Instances of one component share one value in an order, and so one loaded component here.
  const components = new Map<PortableComponent, LoadedComponent>();
  const sourceOf = async (source: PortableSource): Promise<PieceSource> => {
    if (source.kind === 'native') return { ...source, native: await nativeOf(source.name, source.owner) };
    const component = components.get(source.component) ?? componentFrom(source.component);
    components.set(source.component, component);
    return { kind: 'component', component };
  };
  const makers: PieceMaker[] = [];
  for (const piece of pieces)
    makers.push(makerOf({ ...piece, source: await sourceOf(piece.source) }, protocols));
  return makers;
}

async function nativeOf(name: string, owner: NativeOwner) {
  const found = typeof owner === 'object' ? (await piecesOf(owner.module))[name] : nativePieces.get(name);
  if (found === undefined) throw new FunnelError('FT_PIECE_UNKNOWN', `there is no piece \`${name}\``);
  return found;
}
