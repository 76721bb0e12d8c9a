import type { Piece as Description } from '../../../abi/host/contract.ts';
import { PieceBase } from '../../piece/piece-base.ts';

/** Takes the seat of a piece that must not run: it is joined like that piece, and its seat has failed. */
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
