import { type Command, Option } from 'commander';
import type { Output } from '../report/output.ts';
import type { Paint } from '../text/paint.ts';

/** Adds one command, with its arguments, options and action, to the command line. */
export type AddCommand = (parent: Command, context: CommandContext) => void;

/** The option of every command that makes its output, and its errors, JSON. */
export function jsonOption(): Option {
  return new Option('--json', 'print JSON; an error is JSON on standard error');
}

/** The option of commands that scripts call for their exit status. */
export function quietOption(): Option {
  return new Option('--quiet', 'print nothing but warnings and errors');
}

/** The argument of commands that read a configuration and open nothing. */
export const FILE_ARGUMENT = 'a configuration in YAML; `-` is standard input';

/** The parts of the process that a command may use. */
export interface CommandContext {
  /** Standard output. */
  readonly output: Output;
  /** Standard error. */
  readonly errors: Output;
  /** The styles of standard output: colours on a terminal, else none. */
  readonly paint: Paint;
  /** Standard input, for configurations named `-`. */
  readonly input: AsyncIterable<Uint8Array>;
}
