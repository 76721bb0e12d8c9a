import { ConfigurationError } from '../../policy/configuration/configuration-error.ts';
import { FunnelError } from '../../stack/funnel-error.ts';

/**
 * The exit statuses of the commands, except `funnel exec`, whose status is that of its command. Scripts
 * distinguish failures by them; `funnel --help` lists them.
 */
export const EXIT = {
  /** The command ran, and its result is negative: stacks do not match, a component would be refused. */
  no: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The configuration has mistakes. Nothing was opened. */
  configuration: 3,
  /** The system, a file, a piece or a running Funnel refused. */
  refused: 4,
  /** A fault of the Funnel itself, as `EX_SOFTWARE` of sysexits. */
  internal: 70,
} as const;

/** The status for a command that failed with this error. */
export function exitStatusOf(error: unknown): number {
  if (error instanceof ConfigurationError) return error.isRefusal ? EXIT.refused : EXIT.configuration;
  return error instanceof FunnelError ? EXIT.refused : EXIT.internal;
}

/** The table of `funnel --help`. */
export const EXIT_HELP = `
Exit status:
  0   done; where the command is a question: yes
  1   the result is no: stacks do not match, a component would be refused
  2   the command line is wrong
  3   the configuration has mistakes; nothing was opened
  4   the system, a file, a piece or a running Funnel refused
  70  a fault of the Funnel itself
  funnel exec ends with the status of its command; 125 for its own failures`;
