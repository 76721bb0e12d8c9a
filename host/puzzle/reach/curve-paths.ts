import type { Piece as Description } from '../../../abi/host/contract.ts';
import { type CurveStep, type CurveWalk, walkCurves } from './curve-walk.ts';

/** Where a frame that comes to a Shape may leave the same piece. */
export type CurvePath = Pick<CurveWalk, 'described' | 'shape' | 'overhead'>;

/**
 * Returns the paths from a Shape through its piece, one to each other Shape: the path with the fewest Curves,
 * and among equals the one on which frames gain the fewest bytes. A path to another Edge of the same repeated
 * Edge has the same `described` as its start.
 *
 * @param kept the property that each Curve on the path must keep; when left out, no Curve on it may be
 * opaque.
 */
export function curvePathsFrom(
  description: Description,
  described: number,
  shape: number,
  kept?: string,
): readonly CurvePath[] {
  let known = pathsByDescription.get(description);
  if (known === undefined) {
    known = new Map();
    pathsByDescription.set(description, known);
  }
  const key = `${described} ${shape} ${kept ?? ''}`;
  let paths = known.get(key);
  if (paths === undefined) {
    paths = findPaths(description, described, shape, kept);
    known.set(key, paths);
  }
  return paths;
}

/** Descriptions do not change, and pieces come and go. */
const pathsByDescription = new WeakMap<Description, Map<string, readonly CurvePath[]>>();

function findPaths(
  description: Description,
  described: number,
  shape: number,
  kept: string | undefined,
): readonly CurvePath[] {
  const mayTake = ({ isOpaque, keeps }: CurveStep) => (kept === undefined ? !isOpaque : keeps.includes(kept));
  const isBetter = (path: CurveWalk, known: CurveWalk) => path.overhead < known.overhead;
  const byShape = new Map<string, CurveWalk>();
  for (const path of walkCurves(description, described, shape, { mayTake, isBetter })) {
    const key = `${path.described} ${path.shape}`;
    const known = byShape.get(key);
    if (known === undefined || (path.curves === known.curves && isBetter(path, known)))
      byShape.set(key, path);
  }
  return [...byShape.values()];
}
