import { loadAddon } from '../addon.ts';
import { EndpointError } from '../endpoint-error.ts';

/**
 * Locks an open file against other captures, of this process and of others, until it is closed. Without the
 * addon there are no locks.
 *
 * @param kind `exclusive` to write; `shared` to read, beside others that read
 * @returns false if another capture has the file
 */
export function lockFile(descriptor: number, kind: 'exclusive' | 'shared'): boolean {
  try {
    return loadAddon().lockFile(descriptor, kind === 'exclusive' ? 1 : 0) !== 0;
  } catch (error) {
    if (error instanceof EndpointError) return true;
    throw error;
  }
}
