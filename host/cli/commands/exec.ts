import type { Command } from 'commander';
import { type CommandEnd, exec } from '../../exec/exec.ts';
import { ExecError } from '../../exec/exec-error.ts';
import { preparePuzzle } from '../../policy/check/check-configuration.ts';
import type { FunnelEvent } from '../../policy/funnel.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { eventLine } from '../report/run-reporter.ts';
import type { AddCommand, CommandContext } from './command-context.ts';

/** `funnel exec`: runs a command behind a puzzle, without privileges. */
export const addExec: AddCommand = (parent, context) => {
  parent
    .command('exec')
    .description('run a command whose network is a puzzle; its exit status is that of the command')
    .usage('[options] [file] -- <command> [argument...]')
    .argument('[operands...]', 'a configuration in YAML, and behind `--` a command with its arguments')
    .option('--map-root', 'let the command be root in its namespace')
    .option('--verbose', 'also print the debug messages of pieces')
    .action(async (operands: string[], options: ExecCommandOptions, command: Command) => {
      try {
        finish(await run(operands, options, command, context));
      } catch (error) {
        if (error instanceof ExecError) process.exitCode = error.status;
        else if (error instanceof FunnelError) process.exitCode = FAILED;
        throw error;
      }
    });
};

interface ExecCommandOptions {
  readonly mapRoot?: boolean;
  readonly verbose?: boolean;
}

async function run(
  operands: readonly string[],
  options: ExecCommandOptions,
  command: Command,
  { errors }: CommandContext,
): Promise<CommandEnd> {
  const [files, argv] = split(operands, command);
  const [file] = files;
  if (file === undefined || files.length > 1 || argv.length === 0)
    throw new ExecError(
      'FT_EXEC_USAGE',
      'a configuration is needed, then `--`, and then a command: funnel exec six.yaml -- ping -6 2001:db8::1',
    );
  const puzzle = await preparePuzzle(file);
  const warn = (message: string): void => errors.write(`funnel: ${message}\n`);
  return exec(puzzle, argv, {
    ...(options.mapRoot === undefined ? {} : { mapRoot: options.mapRoot }),
    warn,
    onEvent: (event: FunnelEvent) => {
      if (event.kind !== 'log' || isShown(event.level, options)) warn(eventLine(event));
    },
  });
}

function isShown(level: string, { verbose = false }: ExecCommandOptions): boolean {
  return verbose || level === 'warn' || level === 'error';
}

/** What stands before `--`, and what behind it. Commander keeps both together. */
function split(operands: readonly string[], command: Command): [readonly string[], readonly string[]] {
  let root = command;
  while (root.parent !== null) root = root.parent;
  const { rawArgs } = root as Command & { readonly rawArgs: readonly string[] };
  const at = rawArgs.indexOf('--');
  const count = at < 0 ? 0 : rawArgs.length - at - 1;
  const from = operands.length - count;
  return [operands.slice(0, from), operands.slice(from)];
}

/** Ends as the command did: a shell that waits is to see the same. */
function finish(end: CommandEnd): void {
  if ('status' in end) {
    process.exitCode = end.status;
    return;
  }
  process.exitCode = 128 + end.signal;
  // What a user ends a program with, shells treat otherwise than a status.
  if (PASSED_ON.has(end.signal)) process.once('exit', () => process.kill(process.pid, end.signal));
}

/** The status for failures of the Funnel itself, as `env` and `timeout` have it. */
const FAILED = 125;
/** SIGHUP, SIGINT, SIGTERM. */
const PASSED_ON = new Set([1, 2, 15]);
