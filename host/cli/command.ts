import { Command, type CommanderError } from 'commander';
import { printable } from '../stack/foreign-text.ts';
import { FunnelError } from '../stack/funnel-error.ts';
import { addApply } from './commands/apply.ts';
import { addCheck } from './commands/check.ts';
import type { AddCommand, CommandContext } from './commands/command-context.ts';
import { addConsent } from './commands/consent.ts';
import { addEnd } from './commands/end.ts';
import { addExec } from './commands/exec.ts';
import { addExplain } from './commands/explain.ts';
import { addGraph } from './commands/graph.ts';
import { addJoin } from './commands/join.ts';
import { addList } from './commands/list.ts';
import { addMatch } from './commands/match.ts';
import { addPieceBuild } from './commands/piece-build.ts';
import { addPieceDoc } from './commands/piece-doc.ts';
import { addPieceInspect } from './commands/piece-inspect.ts';
import { addPieceList } from './commands/piece-list.ts';
import { addPieceNew } from './commands/piece-new.ts';
import { addPieceTest } from './commands/piece-test.ts';
import { addPlan } from './commands/plan.ts';
import { addPlugin } from './commands/plugin.ts';
import { addRun } from './commands/run.ts';
import { addSchema } from './commands/schema.ts';
import { addStatus } from './commands/status.ts';
import { EXIT, EXIT_HELP } from './text/exit-status.ts';

/** The commands of `funnel`, in the order of `funnel --help`. */
const commands: readonly AddCommand[] = [
  addRun,
  addExec,
  addJoin,
  addPlugin,
  addApply,
  addStatus,
  addEnd,
  addList,
  addCheck,
  addConsent,
  addGraph,
  addPlan,
  addExplain,
  addMatch,
  addSchema,
];

/** The commands of `funnel piece`, in the order of `funnel piece --help`. */
const pieceCommands: readonly AddCommand[] = [
  addPieceList,
  addPieceInspect,
  addPieceDoc,
  addPieceNew,
  addPieceBuild,
  addPieceTest,
];

/**
 * The whole command line. A wrong one throws {@link CommanderError}, after its message is written; a command
 * that fails throws its error. {@link usageStatusOf} and `exitStatusOf` have the exit statuses.
 */
export function funnelCommand(
  context: CommandContext,
  { version, onJson, isJson = false }: ProgramOptions,
): Command {
  const program = new Command('funnel')
    .description(
      'Modifies network traffic between applications and the system, with puzzle pieces that you choose.',
    )
    .version(version)
    .configureOutput({
      writeOut: context.output.write,
      writeErr: context.errors.write,
      outputError: (text, write) => {
        // It is thrown too, and then printed as JSON.
        if (isJson) return;
        // A usage error quotes the arguments, which may be names of files that others chose.
        const lines = text.split('\n').map((line) => printable(line));
        write(lines.join('\n'));
      },
    })
    .addHelpText('after', EXIT_HELP)
    .exitOverride()
    .showHelpAfterError(isJson ? false : '(funnel --help lists the commands)');
  program.hook('preAction', (_, command) => {
    if (command.opts<{ json?: boolean }>().json === true) onJson?.();
  });
  for (const add of commands) add(program, context);
  const piece = program
    .command('piece')
    .description('list, inspect and document pieces; make, build and test your own');
  for (const add of pieceCommands) add(piece, context);
  return program;
}

export interface ProgramOptions {
  /** The version of the package. */
  readonly version: string;
  /** Called before a command that prints JSON runs. */
  readonly onJson?: () => void;
  /** Whether the arguments ask for JSON, so that an error in them is no text. */
  readonly isJson?: boolean;
}

/** Whether arguments of `funnel` ask for JSON; those behind `--` are of another command. */
export function asksForJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? undefined : end).includes('--json');
}

/** A wrong command line as an error with a code. */
export function usageError({ message }: CommanderError): FunnelError {
  return new FunnelError('FT_USAGE', message.replace(/^error: /, ''));
}

/** Returns the exit status for a wrong command line; 0 for `--help` and `--version`. */
export function usageStatusOf({ exitCode }: CommanderError, args: readonly string[]): number {
  if (exitCode === 0) return 0;
  // Like in `env` and `timeout`: below 125 a status is that of the command.
  return args[0] === 'exec' ? 125 : EXIT.usage;
}
