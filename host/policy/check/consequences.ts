import type { Arrangement, Mistake, Place } from '../../puzzle/plan/arrangement.ts';
import type { NetworkUse } from '../configuration/network-use.ts';

/**
 * Knows which mistakes only follow from others, so that a user reads about the cause alone. For example, the
 * neighbour of a piece that could not be made matches nothing, but this is not a mistake of the neighbour.
 */
export class Consequences {
  /** Pieces with a mistake of their own, whose Edges may be wrong for that reason only. */
  readonly doubtful = new Set<string>();
  /** Edges that a configuration probably meant with a name that does not exist, as `PIECE.EDGE`. */
  readonly misspelt = new Set<string>();
  /**
   * Whether the check left out Edges of the configuration, so that networks may seem to have fewer than they
   * have.
   */
  lacksEdges = false;

  /** @param used the networks that the configuration names */
  isConsequence(
    { code, piece, edge, network }: Mistake,
    used: ReadonlyMap<string, readonly NetworkUse[]>,
  ): boolean {
    if (piece !== undefined && edge !== undefined && this.misspelt.has(`${piece}.${edge}`)) return true;
    // An Edge that joins by default may lack exactly the piece or the Edge that is missing.
    const isByDefault = network === undefined || !used.has(network);
    if (isByDefault && LEFT_OUT.has(code) && (this.doubtful.size > 0 || this.lacksEdges)) return true;
    if (network === undefined) return false;
    const uses = used.get(network) ?? [];
    return (uses.length < 2 && this.lacksEdges) || uses.some((use) => this.doubtful.has(use.piece));
  }
}

/**
 * The mistakes of an arrangement that do not follow from a choice that the default policy could not make, nor
 * from an Edge that is not joined for a mistake of its own.
 *
 * @param contested networks for which the default policy found several candidates
 */
export function independentMistakes(
  { mistakes }: Arrangement,
  places: readonly Place[],
  choices: readonly Mistake[],
  contested: Iterable<string>,
): readonly Mistake[] {
  const lacking = new Set(contested);
  for (const { code, piece, edge } of mistakes) {
    if (code !== 'FT_EDGE_REPEATED') continue;
    const place = places.find(({ name }) => name === piece);
    for (const network of place?.edges.get(edge ?? '') ?? []) lacking.add(network);
  }
  const undecided = new Set(choices.map(({ piece, edge }) => `${piece}.${edge}`));
  return mistakes.filter(
    ({ code, piece, edge, network }) =>
      !(code === 'FT_EDGE_UNJOINED' && undecided.has(`${piece}.${edge}`)) &&
      !(code === 'FT_SHAPES_DO_NOT_MATCH' && network !== undefined && lacking.has(network)),
  );
}

/** The codes of mistakes of Edges that the configuration leaves out. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'FT_EDGE_UNJOINED',
  'FT_EDGE_AMBIGUOUS',
  'FT_SHAPES_DO_NOT_MATCH',
  'FT_JOINT_AMBIGUOUS',
]);
