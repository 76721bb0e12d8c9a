import type { EdgeSnapshot, LaneSnapshot, PieceSnapshot } from '../../puzzle/runtime/snapshot.ts';
import { edgeSum, isSameEdge, mergeDeparted, reasonSums } from '../../puzzle/runtime/snapshot-sums.ts';

/**
 * Adds the counters of former lanes to those of the present lane, by the names of pieces and Edges. Counters
 * of Edges that have left a network since then are those of departed ones.
 *
 * @param before the sum of all former lanes, when the last of them ended
 */
export function withCarried(present: LaneSnapshot, before: LaneSnapshot | undefined): LaneSnapshot {
  if (before === undefined) return present;
  const left: PieceSnapshot[] = [];
  const pieces = present.pieces.map((piece) => {
    const former = before.pieces.find(({ name }) => name === piece.name);
    if (former === undefined) return piece;
    const edges = former.edges.filter(
      (edge) => hasTraffic(edge) && !piece.edges.some((each) => isSameEdge(each, edge)),
    );
    if (edges.length > 0)
      left.push({ ...departedPiece(former), edges, reasons: [], faults: 0, restarts: 0, bypassed: 0 });
    return pieceSum(piece, former);
  });
  return withDeparted({ ...present, pieces }, [...(before.departed ?? []), ...left]);
}

/**
 * Moves pieces that a change has removed to the departed ones: a later piece with the same name is another
 * piece.
 */
export function withoutPieces(before: LaneSnapshot, names: readonly string[]): LaneSnapshot {
  const gone = before.pieces.filter(({ name }) => names.includes(name));
  const pieces = before.pieces.filter(({ name }) => !names.includes(name));
  return withDeparted({ ...before, pieces }, gone.map(departedPiece));
}

function withDeparted(snapshot: LaneSnapshot, more: readonly PieceSnapshot[]): LaneSnapshot {
  const departed = mergeDeparted(snapshot.departed ?? [], more);
  return departed.length === 0 ? snapshot : { ...snapshot, departed };
}

function departedPiece({ status: _, source: __, fault: ___, ...piece }: PieceSnapshot): PieceSnapshot {
  return { ...piece, state: 'removed', held: 0, waiting: 0 };
}

function hasTraffic({ framesIn, framesOut, framesRefused }: EdgeSnapshot): boolean {
  return framesIn + framesOut + framesRefused > 0;
}

function pieceSum(piece: PieceSnapshot, former: PieceSnapshot): PieceSnapshot {
  return {
    ...piece,
    edges: piece.edges.map((edge) => {
      const old = former.edges.find((each) => isSameEdge(each, edge));
      return old === undefined ? edge : edgeSum(edge, old);
    }),
    reasons: reasonSums(piece.reasons, former.reasons),
    faults: piece.faults + former.faults,
    restarts: piece.restarts + former.restarts,
    bypassed: piece.bypassed + former.bypassed,
  };
}
