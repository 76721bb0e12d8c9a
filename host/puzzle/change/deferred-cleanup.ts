import type { Piece } from '../../piece/piece.ts';
import type { LaneState } from '../runtime/lane-state.ts';
import type { ListenPropagation, PendingClose } from '../runtime/listen-propagation.ts';
import type { Seat } from '../runtime/seat.ts';

/** The work that remains after a change was committed. */
export interface DeferredCleanup {
  /**
   * Pieces to close in the same turn: they still take frames from the operating system, or hold frames that
   * must be counted.
   */
  readonly now: readonly RetiredPiece[];
  /** Closes all the rest, which concerns no frames, one step at a time. */
  readonly later: Generator<void, void>;
}

/** An instance that is still to be closed. */
export interface RetiredPiece {
  readonly piece: Piece;
  /** The number of the piece in the call monitor. */
  readonly slot: number;
  /** No instance has replaced it, so the number can be released. */
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
  // A replaced or removed piece closes by itself what it has open.
  for (const { piece, edge, stack } of left) {
    piece.listening(edge, stack, false);
    yield;
  }
  for (const each of retired) {
    closeRetired(laneState, each);
    yield;
  }
}
