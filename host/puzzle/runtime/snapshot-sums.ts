import type { EdgeSnapshot, PieceSnapshot, ReasonSnapshot } from './snapshot.ts';

/** The traffic of an Edge, and of the same Edge earlier. */
export function edgeSum(edge: EdgeSnapshot, former: EdgeSnapshot): EdgeSnapshot {
  return {
    ...edge,
    framesIn: edge.framesIn + former.framesIn,
    bytesIn: edge.bytesIn + former.bytesIn,
    framesOut: edge.framesOut + former.framesOut,
    bytesOut: edge.bytesOut + former.bytesOut,
    framesRefused: edge.framesRefused + former.framesRefused,
  };
}

/** A snapshot lists a reason of the host only once it has occurred, so the former one may list more. */
export function reasonSums(
  reasons: readonly ReasonSnapshot[],
  former: readonly ReasonSnapshot[],
): readonly ReasonSnapshot[] {
  const names = new Set(reasons.map(({ name }) => name));
  const sums = reasons.map((reason) => {
    const old = former.find(({ name }) => name === reason.name);
    const frames = reason.frames + (old?.frames ?? 0);
    return { ...old, ...reason, frames };
  });
  return [...sums, ...former.filter(({ name, frames }) => frames > 0 && !names.has(name))];
}

/** Whether two snapshots are of one Edge on one network. */
export function isSameEdge(a: EdgeSnapshot, b: EdgeSnapshot): boolean {
  return a.name === b.name && a.network === b.network;
}

/**
 * The totals of pieces and Edges that have gone, with one entry for each name and piece. Beyond
 * {@link MOST_DEPARTED} entries, the first ones become one, without Edges: names may come and go for years.
 */
export function mergeDeparted(
  departed: readonly PieceSnapshot[],
  more: readonly PieceSnapshot[],
): readonly PieceSnapshot[] {
  const merged = new Map<string, PieceSnapshot>();
  for (const piece of [...departed, ...more]) {
    const key = JSON.stringify([piece.name, piece.piece]);
    const former = merged.get(key);
    merged.set(key, former === undefined ? piece : departedSum(piece, former));
  }
  const all = [...merged.values()];
  if (all.length <= MOST_DEPARTED) return all;
  const [first, ...rest] = all.splice(0, all.length - MOST_DEPARTED + 1);
  const others = rest.reduce(departedSum, first!);
  return [{ ...others, name: OTHERS, piece: OTHERS, edges: [] }, ...all];
}

function departedSum(piece: PieceSnapshot, former: PieceSnapshot): PieceSnapshot {
  const edges = piece.edges.map((edge) => {
    const old = former.edges.find((each) => isSameEdge(each, edge));
    return old === undefined ? edge : edgeSum(edge, old);
  });
  const others = former.edges.filter((edge) => !piece.edges.some((each) => isSameEdge(each, edge)));
  return {
    ...piece,
    edges: [...edges, ...others].slice(0, MOST_EDGES),
    reasons: reasonSums(piece.reasons, former.reasons),
    faults: piece.faults + former.faults,
    restarts: piece.restarts + former.restarts,
    bypassed: piece.bypassed + former.bypassed,
  };
}

export const MOST_DEPARTED = 256;
/** Networks that an Edge has left count too. */
const MOST_EDGES = 256;
const OTHERS = 'others';
