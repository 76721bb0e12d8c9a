import { readFileSync } from 'node:fs';
import { FunnelError } from '../../stack/funnel-error.ts';

/**
 * Checks that the limit of the process's address space (`ulimit -v`) leaves room for another thread. Without
 * room, the engine ends the whole process while it makes the thread.
 *
 * @throws {FunnelError} FT_ADDRESS_SPACE
 */
export function demandThreadRoom(what: string, room: number = addressSpaceLeft()): void {
  if (room >= THREAD_BYTES) return;
  throw new FunnelError(
    'FT_ADDRESS_SPACE',
    `there is no room for the thread that ${what}: the limit of address space (ulimit -v) leaves ${Math.floor(room / MEBIBYTE)} MiB, and a thread takes up to ${THREAD_BYTES / MEBIBYTE}; raise the limit, or remove it`,
  );
}

/**
 * Checks that the limit leaves room to load the program, at its start.
 *
 * @throws {FunnelError} FT_ADDRESS_SPACE
 */
export function demandProgramRoom(room: number = addressSpaceLeft()): void {
  if (room >= PROGRAM_BYTES) return;
  throw new FunnelError(
    'FT_ADDRESS_SPACE',
    `there is no room for the program: the limit of address space (ulimit -v) leaves ${Math.floor(room / MEBIBYTE)} MiB, and it takes up to ${PROGRAM_BYTES / MEBIBYTE}; raise the limit, or remove it`,
  );
}

/** Whether there is room for another thread. */
export function hasThreadRoom(): boolean {
  return addressSpaceLeft() >= THREAD_BYTES;
}

/** Infinity where there is no limit, or the system does not show it. */
function addressSpaceLeft(): number {
  try {
    const soft = /^Max address space\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    if (soft === undefined) return Number.POSITIVE_INFINITY;
    const used = /^VmSize:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    return used === undefined ? Number.POSITIVE_INFINITY : Number(soft) - Number(used) * 1024;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

const MEBIBYTE = 2 ** 20;
/** Its heap, code and stacks: a first thread was seen to take 850 MiB. */
const THREAD_BYTES = 1024 * MEBIBYTE;
/** Its modules, and pieces: with 307 MiB, the engine ended `check` of a built-in piece; 357 sufficed. */
const PROGRAM_BYTES = 384 * MEBIBYTE;
