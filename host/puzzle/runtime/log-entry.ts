import type { LogLevel } from '../../piece/piece.ts';

/** What a piece, or the lane about it, tells people. */
export interface LogEntry {
  readonly piece: string;
  readonly level: LogLevel;
  readonly message: string;
}
