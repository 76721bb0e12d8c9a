import type { Piece as Description, Problem } from '../../../abi/host/contract.ts';
import type { Piece } from '../../piece/piece.ts';

/** What sits in the seat of a piece that may not run: it is joined as the piece would be, and its seat is a failed one. */
export class StubPiece implements Piece {
  readonly description: Description;
  readonly held = 0;

  constructor(description: Description) {
    this.description = description;
  }

  start(): readonly Problem[] {
    return [];
  }

  accepts(): undefined {}

  join(): void {}

  leave(): void {}

  listening(): undefined {}

  ready(): void {}

  save(): Uint8Array {
    return new Uint8Array();
  }

  restore(): undefined {}

  process(): number {
    return Infinity;
  }

  isPaused(): boolean {
    return false;
  }

  close(): void {}
}
