import { FunnelError } from '../../stack/funnel-error.ts';
import type { Mistake } from './arrangement.ts';

/** A puzzle has mistakes, or could not be started. Nothing of it is left behind. */
export class PuzzleError extends FunnelError {
  /** All mistakes, in the order of the pieces; at least one. */
  readonly mistakes: readonly Mistake[];

  constructor(mistakes: readonly Mistake[], options?: ErrorOptions) {
    super(mistakes[0]?.code ?? 'FT_PUZZLE', mistakes.map(describeMistake).join('\n'), options);
    this.mistakes = mistakes;
  }
}

function describeMistake({ piece, edge, network, message }: Mistake): string {
  const where = [piece && `piece ${piece}`, edge && `Edge ${edge}`, network && `network ${network}`].filter(
    Boolean,
  );
  return where.length === 0 ? message : `${where.join(', ')}: ${message}`;
}
