import type { SeatFault } from '../../puzzle/plan/piece-maker.ts';
import { PuzzleError } from '../../puzzle/plan/puzzle-error.ts';
import type { Stall } from './watchdog.ts';

/** The fault of a piece whose call the watchdog ended. */
export function stallFault({ piece, workedMs, waitedMs }: Stall): SeatFault {
  const subject = piece === undefined ? 'a piece' : 'it';
  return {
    code: 'FT_FAULT_STALL',
    message:
      `${subject} kept the lane for ${Math.round(waitedMs)} ms, ${Math.round(workedMs)} ms of them with a ` +
      'processor, and the watchdog ended it',
  };
}

/** The fault of a piece in whose call the thread of the lane died. */
export function deathFault(error: Error): SeatFault {
  return { code: 'FT_FAULT_LANE', message: `the lane died of ${error.stack ?? error.message}` };
}

/** The error of a caller that waits for a reply of a lane that was ended. */
export function laneEnded(piece: string | undefined, { code, message }: SeatFault): PuzzleError {
  return puzzleError(piece, {
    code: 'FT_LANE_ENDED',
    message:
      `the lane was ended meanwhile (${code}: ${message}); the former puzzle continues in another lane, ` +
      'so repeat this request',
  });
}

export function puzzleError(piece: string | undefined, { code, message }: SeatFault): PuzzleError {
  return new PuzzleError([{ code, message, ...(piece === undefined ? {} : { piece }) }]);
}
