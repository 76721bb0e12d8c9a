import type {
  EdgeSnapshot,
  LaneSnapshot,
  PieceSnapshot,
  ReasonSnapshot,
} from '../../puzzle/runtime/snapshot.ts';

/**
 * The counters of a lane that goes on for one that ended by force, with those of before: the ledger belongs to the named piece.
 * Of what is not there any more nothing is told.
 *
 * @param before as they were when the lane before ended; its own are carried already
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

/** Without what a change took away: a piece of the same name that comes later is another. */
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

/** Reasons of the host stand there once they have happened: those of before have. */
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
