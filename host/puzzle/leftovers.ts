import type { Piece } from '../piece/piece.ts';
import type { Closing, Hearing } from './hearing.ts';
import type { Seat } from './seat.ts';

/** What a committed change leaves behind, to be closed. */
export interface Leftovers {
  /** What still takes frames from the system, or has some inside whose end is to be counted in the same turn. */
  readonly now: readonly Piece[];
  /** All the rest, of which frames know nothing, a step at a time. */
  readonly later: Generator<void, void>;
}

/** Instances that are not called any more. */
export interface Retired {
  readonly now: Piece[];
  readonly later: Piece[];
}

export function retire({ kind, piece }: Seat, { now, later }: Retired): void {
  if (kind === 'native' || piece!.held > 0) now.push(piece!);
  else later.push(piece!);
}

export function* closeLater(
  hearing: Hearing,
  closing: readonly Closing[],
  left: readonly { piece: Piece; edge: number; stack: string }[],
  retired: readonly Piece[],
): Generator<void, void> {
  for (const each of closing) {
    hearing.close([each]);
    yield;
  }
  // Whoever was replaced or removed closes what it had open by itself.
  for (const { piece, edge, stack } of left) {
    piece.listening(edge, stack, false);
    yield;
  }
  for (const piece of retired) {
    piece.close();
    yield;
  }
}
