import type { LogLevel } from '../../piece/piece.ts';

/** A log message of a piece, or of the lane about the piece. */
export interface LogEntry {
  readonly piece: string;
  readonly level: LogLevel;
  readonly message: string;
}
