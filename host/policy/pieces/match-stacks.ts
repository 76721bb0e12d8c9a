import { explainMatch, type MatchExplanation } from '../../puzzle/plan/explain-match.ts';
import { definePieceProtocols } from '../../puzzle/plan/piece-protocols.ts';
import { protocolsOfPuzzle } from '../../puzzle/runtime/component-environment.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { describePiece, type PieceRegistry } from './piece-registry.ts';

export type { MatchExplanation } from '../../puzzle/plan/explain-match.ts';

/**
 * Matches two stacks, and explains the result. The stacks may name protocols that pieces define.
 *
 * @param pieces names of pieces or paths of component files whose protocols the stacks may name
 * @throws FunnelError FT_STACK_…, FT_PROTOCOL_…, FT_PIECE_UNKNOWN, and the errors of reading a component.
 */
export async function matchStacks(
  registry: PieceRegistry,
  first: string,
  second: string,
  { pieces = [], directory = '.' }: { pieces?: readonly string[]; directory?: string } = {},
): Promise<MatchExplanation> {
  const protocols = protocolsOfPuzzle();
  const places = await Promise.all(
    pieces.map(async (name) => ({
      name,
      description: await describePiece(registry, name, directory),
      edges: new Map<string, readonly string[]>(),
    })),
  );
  const [mistake] = definePieceProtocols(protocols, places);
  if (mistake !== undefined) throw new FunnelError(mistake.code, `${mistake.piece}: ${mistake.message}`);
  return explainMatch(protocols, first, second);
}
