import { systemCode } from './endpoint-error.ts';

/**
 * Opens a port in all families or in none. For port 0 the system chooses one for the first family, and the
 * others have the same. Where another program has that one, the system chooses again; the sockets of earlier
 * tries stay open meanwhile, so that it chooses another.
 *
 * @param open opens one family, and returns undefined for one that the system lacks. Its errors have the
 * error of the system as their cause.
 */
export function openInAllFamilies<Socket extends { readonly port: number }>(
  port: number,
  families: readonly (4 | 6)[],
  open: (port: number, family: 4 | 6) => Socket | undefined,
  close: (socket: Socket) => void,
): void {
  const held: Socket[] = [];
  try {
    for (let tries = 1; ; tries++) {
      const opened: Socket[] = [];
      try {
        for (const family of families) {
          const socket = open(opened[0]?.port ?? port, family);
          if (socket !== undefined) opened.push(socket);
        }
        return;
      } catch (error) {
        held.push(...opened);
        if (port !== 0 || opened.length === 0 || tries === MOST_TRIES || !isInUse(error)) throw error;
      }
    }
  } finally {
    for (const socket of held) close(socket);
  }
}

/** Each try holds a descriptor until the last one. */
const MOST_TRIES = 64;

function isInUse(error: unknown): boolean {
  return error instanceof Error && systemCode(error.cause) === 'EADDRINUSE';
}
