import { randomUUID } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FunnelError } from '../stack/funnel-error.ts';

/**
 * Opens a temporary file that has no name any more, so that none is left behind. Other processes of this user
 * may open it by /proc.
 *
 * @throws {FunnelError} FT_TEMPORARY_FILE where the folder is full, missing or not writable.
 */
export function unnamedFile(content = ''): number {
  const folder = tmpdir();
  // No other user can guess the name, and take it first.
  const path = join(folder, `funnel-${randomUUID()}`);
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    const bytes = Buffer.from(content);
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
    return descriptor;
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor);
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new FunnelError(
      'FT_TEMPORARY_FILE',
      `a temporary file cannot be written in ${folder} (${reason}); make room there, or name another folder in TMPDIR`,
      { cause: error },
    );
  }
}
