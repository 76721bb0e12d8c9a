import { Command } from 'commander';
import { printable } from '../stack/foreign-text.ts';
import { addApply } from './commands/apply.ts';
import { addCheck } from './commands/check.ts';
import type { AddCommand, CommandContext } from './commands/command-context.ts';
import { addConsent } from './commands/consent.ts';
import { addEnd } from './commands/end.ts';
import { addExec } from './commands/exec.ts';
import { addExplain } from './commands/explain.ts';
import { addGraph } from './commands/graph.ts';
import { addMatch } from './commands/match.ts';
import { addPieceDoc } from './commands/piece-doc.ts';
import { addPieceInspect } from './commands/piece-inspect.ts';
import { addPieceList } from './commands/piece-list.ts';
import { addPlan } from './commands/plan.ts';
import { addRun } from './commands/run.ts';
import { addSchema } from './commands/schema.ts';
import { addStatus } from './commands/status.ts';

/** The commands of `funnel`, in the order of `funnel --help`. */
const commands: readonly AddCommand[] = [
  addRun,
  addExec,
  addApply,
  addStatus,
  addEnd,
  addCheck,
  addConsent,
  addGraph,
  addPlan,
  addExplain,
  addMatch,
  addSchema,
];

/** The commands of `funnel piece`, in the order of `funnel piece --help`. */
const pieceCommands: readonly AddCommand[] = [addPieceList, addPieceInspect, addPieceDoc];

/** The whole command line. Its exit status is 0, or 1 when something is wrong. */
export function funnelCommand(context: CommandContext, { version }: ProgramOptions): Command {
  const program = new Command('funnel')
    .description(
      'Modifies network traffic between applications and the system, with puzzle pieces that you choose.',
    )
    .version(version)
    .configureOutput({
      writeOut: context.output.write,
      writeErr: context.errors.write,
      // A usage error quotes the arguments, which may be names of files that others chose.
      outputError: (text, write) =>
        write(
          text
            .split('\n')
            .map((line) => printable(line))
            .join('\n'),
        ),
    })
    .showHelpAfterError('(funnel --help shows how it is used)');
  for (const add of commands) add(program, context);
  const piece = program.command('piece').description('list, inspect and document pieces');
  for (const add of pieceCommands) add(piece, context);
  return program;
}

export interface ProgramOptions {
  /** The version of the package. */
  readonly version: string;
}
