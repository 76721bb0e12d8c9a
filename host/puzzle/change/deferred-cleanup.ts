import type { Piece } from '../../piece/piece.ts';
import type { LaneState } from '../runtime/lane-state.ts';
import type { ListenPropagation, PendingClose } from '../runtime/listen-propagation.ts';
import type { Seat } from '../runtime/seat.ts';

/** What a committed change leaves behind, to be closed. */
export interface DeferredCleanup {
  /** What still takes frames from the system, or has some inside whose end is to be counted in the same turn. */
  readonly now: readonly RetiredPiece[];
  /** All the rest, of which frames know nothing, a step at a time. */
  readonly later: Generator<void, void>;
}

/** An instance that is called once more, to close. */
export interface RetiredPiece {
  readonly piece: Piece;
  /** Where the pulse has its name. */
  readonly slot: number;
  /** Nothing came in its place, so its name is needed no more. */
  readonly isRemoved: boolean;
}

export interface Retired {
  readonly now: RetiredPiece[];
  readonly later: RetiredPiece[];
}

export function retire({ kind, piece, slot }: Seat, { now, later }: Retired, isRemoved: boolean): void {
  const retired = { piece: piece!, slot, isRemoved };
  if (kind === 'native' || piece!.held > 0) now.push(retired);
  else later.push(retired);
}

export function closeRetired(laneState: LaneState, { piece, slot, isRemoved }: RetiredPiece): void {
  laneState.callMonitored({ slot }, false, () => piece.close());
  if (isRemoved) laneState.callMonitor.release(slot);
}

export function* closeLater(
  laneState: LaneState,
  listenPropagation: ListenPropagation,
  closing: readonly PendingClose[],
  left: readonly { piece: Piece; edge: number; stack: string }[],
  retired: readonly RetiredPiece[],
): Generator<void, void> {
  for (const each of closing) {
    listenPropagation.closeUnused([each]);
    yield;
  }
  // Whoever was replaced or removed closes what it had open by itself.
  for (const { piece, edge, stack } of left) {
    piece.listening(edge, stack, false);
    yield;
  }
  for (const each of retired) {
    closeRetired(laneState, each);
    yield;
  }
}
