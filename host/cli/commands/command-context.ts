import type { Command } from 'commander';
import type { Output } from '../report/output.ts';
import type { Paint } from '../text/paint.ts';

/** Adds one command, with its arguments, options and action, to the command line. */
export type AddCommand = (parent: Command, context: CommandContext) => void;

/** The parts of the process that a command may use. */
export interface CommandContext {
  /** Standard output. */
  readonly output: Output;
  /** Standard error. */
  readonly errors: Output;
  /** The styles of standard output: colours on a terminal, else none. */
  readonly paint: Paint;
}
