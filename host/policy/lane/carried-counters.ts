import type {
  EdgeSnapshot,
  LaneSnapshot,
  PieceSnapshot,
  ReasonSnapshot,
} from '../../puzzle/runtime/snapshot.ts';

/**
 * Adds the counters of former lanes to those of the present lane, by the names of pieces and Edges. Counters
 * of pieces that no longer exist are dropped.
 *
 * @param before the sum of all former lanes, when the last of them ended
 */
export function withCarried(present: LaneSnapshot, before: LaneSnapshot | undefined): LaneSnapshot {
  if (before === undefined) return present;
  return {
    ...present,
    pieces: present.pieces.map((piece) => {
      const former = before.pieces.find(({ name }) => name === piece.name);
      return former === undefined ? piece : pieceSum(piece, former);
    }),
  };
}

/** Drops pieces that a change has removed: a later piece with the same name is another piece. */
export function withoutPieces(before: LaneSnapshot, names: readonly string[]): LaneSnapshot {
  return { ...before, pieces: before.pieces.filter(({ name }) => !names.includes(name)) };
}

function pieceSum(piece: PieceSnapshot, former: PieceSnapshot): PieceSnapshot {
  return {
    ...piece,
    edges: piece.edges.map((edge) => {
      const old = former.edges.find(({ name, network }) => name === edge.name && network === edge.network);
      return old === undefined ? edge : edgeSum(edge, old);
    }),
    reasons: reasonSums(piece.reasons, former.reasons),
    faults: piece.faults + former.faults,
    restarts: piece.restarts + former.restarts,
    bypassed: piece.bypassed + former.bypassed,
  };
}

function edgeSum(edge: EdgeSnapshot, former: EdgeSnapshot): EdgeSnapshot {
  return {
    ...edge,
    framesIn: edge.framesIn + former.framesIn,
    bytesIn: edge.bytesIn + former.bytesIn,
    framesOut: edge.framesOut + former.framesOut,
    bytesOut: edge.bytesOut + former.bytesOut,
    framesRefused: edge.framesRefused + former.framesRefused,
  };
}

/** A snapshot lists a reason of the host only once it has occurred, so the former lane may list more. */
function reasonSums(
  reasons: readonly ReasonSnapshot[],
  former: readonly ReasonSnapshot[],
): readonly ReasonSnapshot[] {
  const names = new Set(reasons.map(({ name }) => name));
  const sums = reasons.map((reason) => ({
    ...reason,
    frames: reason.frames + (former.find(({ name }) => name === reason.name)?.frames ?? 0),
  }));
  return [...sums, ...former.filter(({ name, frames }) => frames > 0 && !names.has(name))];
}
