import type { Piece as Description } from '../../../abi/host/contract.ts';
import { PieceBase } from '../../piece/piece-base.ts';

/**
 * What sits in the seat of a piece that may not run: it is joined as the piece would be, and its seat is a
 * failed one.
 */
export class StubPiece extends PieceBase {
  readonly description: Description;

  constructor(description: Description) {
    super();
    this.description = description;
  }

  process(): number {
    return Infinity;
  }

  close(): void {}
}
