import { type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Returns why a file may have the content of another user; undefined if only root and this user can write it.
 * That holds for the file, and for each folder above it, where a file could be put in its place.
 *
 * @param path without links, as `realpath` returns it
 * @param userId the effective user
 */
export function whyUntrusted(
  path: string,
  userId: number,
  statOf: (path: string) => Writing = statSync,
): string | undefined {
  const own = writableBy(path, statOf(path), userId, false);
  if (own !== undefined) return own;
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const why = writableBy(folder, statOf(folder), userId, true);
    if (why !== undefined || folder === dirname(folder)) return why;
  }
}

/** The parts of a status that decide who can write. */
export type Writing = Pick<Stats, 'uid' | 'mode'>;

function writableBy(path: string, { uid, mode }: Writing, userId: number, isFolder: boolean) {
  if (uid !== 0 && uid !== userId) return `${path} belongs to another user (${uid})`;
  // In a folder with this bit, such as /tmp, others cannot replace a file that is not theirs.
  if ((mode & OTHERS_WRITE) === 0 || (isFolder && (mode & STICKY) !== 0)) return undefined;
  return `${path} can be written by other users (mode ${(mode & 0o7777).toString(8)})`;
}

/** Write permission of the group and of others. */
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;
