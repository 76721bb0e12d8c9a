import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { FileUse } from '../../endpoint/catalogue.ts';
import type { PuzzlePiece } from './checked-puzzle.ts';

/** A piece whose file another piece has, too, and one of the two writes it. */
export interface SharedFile {
  readonly piece: string;
  readonly setting: string;
  readonly path: string;
  readonly isWritten: boolean;
  /** The piece that comes first in the configuration. */
  readonly other: string;
  readonly isWrittenByOther: boolean;
}

/**
 * Returns the files that a writer would destroy for another piece. Another path to a file, a link to it and a
 * hard link count as the same file. Pipes and devices are not files in this sense.
 */
export function sharedFiles(pieces: readonly PuzzlePiece[]): SharedFile[] {
  const first = new Map<string, { readonly name: string; readonly use: FileUse }>();
  const shared: SharedFile[] = [];
  for (const { place, files = [] } of pieces) {
    for (const use of files) {
      const identity = identityOf(use.path);
      if (identity === undefined) continue;
      const earlier = first.get(identity);
      if (earlier === undefined || (use.isWritten && !earlier.use.isWritten))
        first.set(identity, { name: place.name, use });
      if (earlier === undefined || !(use.isWritten || earlier.use.isWritten)) continue;
      shared.push({
        piece: place.name,
        setting: use.setting,
        path: use.path,
        isWritten: use.isWritten,
        other: earlier.name,
        isWrittenByOther: earlier.use.isWritten,
      });
    }
  }
  return shared;
}

/**
 * Returns equal keys for two paths to one file, even if it does not exist yet; undefined if it is not a
 * regular file.
 */
function identityOf(path: string): string | undefined {
  try {
    const status = statSync(path, { bigint: true });
    return status.isFile() ? `${status.dev}:${status.ino}` : undefined;
  } catch {
    // It does not exist, or its state is not readable: its name in its folder identifies it.
  }
  try {
    return join(realpathSync(dirname(path)), basename(path));
  } catch {
    return resolve(path);
  }
}
