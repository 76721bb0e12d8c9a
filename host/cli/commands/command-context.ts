import { type Command, InvalidArgumentError, Option } from 'commander';
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
export const FILE_ARGUMENT = 'a configuration: a name, or a YAML file; `-` is standard input';

/** The option that gives parameters of a configuration their values. */
export function setOption(): Option {
  return new Option('--set <name=value>', 'the value of a parameter; may be repeated').argParser(addSetting);
}

/** The values of parameters, as {@link setOption} collects them. */
export interface SetOption {
  readonly set?: Readonly<Record<string, string>>;
}

function addSetting(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=');
  const name = text.slice(0, Math.max(at, 0));
  if (name === '') throw new InvalidArgumentError('Write it as NAME=VALUE.');
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError('This parameter has a value already.');
  // Without a prototype, so that a parameter may have any name.
  return Object.assign(Object.create(null), before, { [name]: text.slice(at + 1) });
}

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
