import { systemCode } from './endpoint-error.ts';

/**
 * Opens one port at all places, such as IP versions or addresses, or at none. For port 0 the system chooses
 * one at the first place, and the others have the same. Where another program has that one, the system
 * chooses again; the sockets of earlier tries stay open meanwhile, so that it chooses another.
 *
 * @param open opens one place, and returns undefined for one that the system lacks. Its errors have the error
 * of the system as their cause.
 * @returns the opened sockets.
 */
export function openSharedPort<Place, Socket extends { readonly port: number }>(
  port: number,
  places: readonly Place[],
  open: (port: number, place: Place) => Socket | undefined,
  close: (socket: Socket) => void,
): Socket[] {
  const held: Socket[] = [];
  try {
    for (let tries = 1; ; tries++) {
      const opened: Socket[] = [];
      try {
        for (const place of places) {
          const socket = open(opened[0]?.port ?? port, place);
          if (socket !== undefined) opened.push(socket);
        }
        return opened;
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
