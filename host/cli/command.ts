import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { askFunnel } from '../daemon/control-client.ts';
import { findControl } from '../daemon/control-path.ts';
import { checkConfiguration, preparePuzzle } from '../policy/check/check-configuration.ts';
import { reviewConsent } from '../policy/check/consent.ts';
import { explainPuzzle } from '../policy/check/explain-puzzle.ts';
import { ConfigurationError } from '../policy/configuration/configuration-error.ts';
import { configurationJsonSchema } from '../policy/configuration/configuration-schema.ts';
import { printable } from '../policy/configuration/printable.ts';
import { consentFileOf } from '../policy/pieces/consent-record.ts';
import { inspectPiece } from '../policy/pieces/inspect-piece.ts';
import { matchStacks } from '../policy/pieces/match-stacks.ts';
import { describePiece, PieceRegistry } from '../policy/pieces/piece-registry.ts';
import { consentText } from './consent-text.ts';
import { renderCounters, renderTitle } from './counter-table.ts';
import { differenceText } from './difference-text.ts';
import { explainText } from './explain-text.ts';
import { graphDot, graphSvg } from './graph-dot.ts';
import { graphText } from './graph-text.ts';
import { inspectJson, inspectText, isAdmitted } from './inspect-text.ts';
import { manualPage } from './manual-page.ts';
import { matchText } from './match-text.ts';
import type { Output } from './output.ts';
import { paintFor } from './paint.ts';
import { pieceList } from './piece-list.ts';
import { planText } from './plan-text.ts';
import { plural } from './quantity.ts';
import { type RunOptions, run } from './run.ts';

/** The command line, as `funnel --help` tells it. Its exit status is 0 or 1. */
export function funnelCommand({ output, errors, version }: CommandContext): Command {
  const program = new Command('funnel')
    .description(
      'Modifies network traffic between applications and the system, with puzzle pieces that you choose.',
    )
    .version(version)
    .configureOutput({ writeOut: output.write, writeErr: errors.write })
    .showHelpAfterError('(funnel --help tells more)');

  program
    .command('run')
    .description('run a puzzle until SIGINT or SIGTERM; a table on a terminal, plain lines elsewhere')
    .argument('<file>', 'a configuration in YAML')
    .option('--json', 'tell everything as JSON, an object on each line')
    .option('--plain', 'plain lines also on a terminal')
    .option('--interval <seconds>', 'time between two lines of counters', seconds, 10)
    .option('--verbose', 'tell what pieces log for their makers too')
    .option('--stats-file <path>', 'rewrite this file with the counters as JSON, at each interval')
    .option('--totals <path>', 'write the last counters to this file as JSON')
    .option('--control <path>', 'listen at this path for funnel apply, status and end')
    .option('--no-control', 'listen nowhere')
    .option('--no-worker', 'run in the thread of the program, without a watchdog')
    .action((file: string, options: RunOptions) => run(file, options, { output }));

  program
    .command('apply')
    .description('change what a running Funnel runs, while traffic flows; all of it, or nothing')
    .argument('<file>', 'a configuration in YAML')
    .option('--dry-run', 'only tell what would change')
    .option('--consent', 'also to what new versions of components want more than those that run')
    .option('--control <path>', 'the control socket of that Funnel')
    .action(async (file: string, options: ApplyOptions) => {
      const control = options.control ?? findControl(file);
      const { dryRun = false, consent = false } = options;
      const parameters = { file, directory: process.cwd(), dryRun, consent };
      const difference = await askFunnel(control, 'apply', parameters);
      output.write(differenceText(difference, paintFor(process.stdout)));
    });

  program
    .command('status')
    .description('show the counters of a running Funnel')
    .option('--control <path>', 'its control socket')
    .option('--json', 'as JSON')
    .action(async ({ control = findControl(), json }: ControlOptions & { json?: boolean }) => {
      const status = await askFunnel(control, 'snapshot', {});
      if (json === true) {
        output.write(`${JSON.stringify(status, undefined, 2)}\n`);
        return;
      }
      const columns = output.isTTY ? output.columns : 100;
      const paint = paintFor(process.stdout);
      const title = `${status.configuration} (process ${status.process})`;
      const lines = [
        renderTitle(title, status.snapshot, columns, paint),
        '',
        ...renderCounters(status.snapshot, undefined, columns, paint),
      ];
      output.write(`${lines.join('\n')}\n`);
    });

  program
    .command('end')
    .description('end a running Funnel')
    .option('--control <path>', 'its control socket')
    .action(async ({ control = findControl() }: ControlOptions) => {
      await askFunnel(control, 'end', {});
    });

  program
    .command('check')
    .description('tell every mistake in a configuration, or that there is none')
    .argument('<file>', 'a configuration in YAML')
    .action(async (file: string) => {
      const { puzzle, mistakes } = await checkConfiguration(file);
      if (puzzle === undefined) throw new ConfigurationError(mistakes);
      const pieces = plural(puzzle.pieces.length, 'piece');
      output.write(`${file}: good: ${pieces} on ${plural(puzzle.networks.size, 'network')}\n`);
      const files = puzzle.pieces.filter(({ applicant }) => applicant !== undefined);
      if (files.length === 0 || existsSync(consentFileOf(file))) return;
      output.write(
        `what its component files want is not recorded: newer ones that want more are not refused before \`funnel consent ${file}\`\n`,
      );
    });

  program
    .command('consent')
    .description(
      'record what the component files of a configuration want; whatever wants more is refused then',
    )
    .argument('<file>', 'a configuration in YAML')
    .option('--show', 'only tell what they want, beside what was consented to')
    .action(async (file: string, { show = false }: { show?: boolean }) => {
      const review = await reviewConsent(file);
      output.write(consentText(review, paintFor(process.stdout)));
      if (show || (review.changes.length === 0 && review.gone.length === 0)) return;
      await review.record();
      output.write(`recorded in ${printable(relative('.', review.file))}\n`);
    });

  program
    .command('graph')
    .description('show how the pieces of a configuration join')
    .argument('<file>', 'a configuration in YAML')
    .addOption(
      new Option('--format <format>', 'what to print').choices(['text', 'dot', 'svg']).default('text'),
    )
    .action(async (file: string, { format }: { format: 'text' | 'dot' | 'svg' }) => {
      const puzzle = await preparePuzzle(file);
      if (format === 'svg') output.write(await graphSvg(puzzle));
      else output.write(format === 'dot' ? graphDot(puzzle) : graphText(puzzle, paintFor(process.stdout)));
    });

  program
    .command('plan')
    .description('show what would be joined, and why, and what is settled there; nothing is opened')
    .argument('<file>', 'a configuration in YAML')
    .action(async (file: string) =>
      output.write(planText(await preparePuzzle(file), paintFor(process.stdout))),
    );

  program
    .command('explain')
    .description('show what may be parsed on each network, and the ways that frames may take')
    .argument('<file>', 'a configuration in YAML')
    .action(async (file: string) => {
      const puzzle = await preparePuzzle(file);
      output.write(explainText(puzzle, explainPuzzle(puzzle), paintFor(process.stdout)));
    });

  program
    .command('match')
    .description('tell whether two protocol stacks match, and why; the exit status is 1 when they do not')
    .argument('<stack>', 'such as ip/udp/sip')
    .argument('<stack>', 'such as ethernet/ip')
    .option('--piece <name...>', 'pieces that bring the protocols which the stacks name')
    .action(async (first: string, second: string, { piece = [] }: { piece?: string[] }) => {
      const match = await matchStacks(new PieceRegistry(), first, second, {
        pieces: piece,
        directory: resolve('.'),
      });
      output.write(matchText(match, paintFor(process.stdout)));
      if (!match.matches) process.exitCode = 1;
    });

  program
    .command('schema')
    .description('print the JSON Schema of a configuration, for editors')
    .action(() => output.write(`${JSON.stringify(configurationJsonSchema(), undefined, 2)}\n`));

  const piece = program.command('piece').description('what pieces there are, and what they are');
  piece
    .command('list')
    .description('list the pieces that need no path')
    .action(async () =>
      output.write(
        await pieceList(
          new PieceRegistry(),
          output.isTTY ? output.columns : Number.POSITIVE_INFINITY,
          paintFor(process.stdout),
        ),
      ),
    );
  piece
    .command('inspect')
    .description('tell what a component is and wants, and why it would be refused; nothing of it runs')
    .argument('<name>', 'the path of a component file, or the name of a built-in one')
    .option('--configuration <file>', 'with the grants and limits that this one gives to it')
    .option('--json', 'as JSON')
    .action(async (name: string, { configuration, json = false }: InspectOptions) => {
      const where = { directory: resolve('.'), ...(configuration === undefined ? {} : { configuration }) };
      const inspection = await inspectPiece(new PieceRegistry(), name, where);
      if (json) output.write(`${JSON.stringify(inspectJson(inspection), undefined, 2)}\n`);
      else output.write(inspectText(inspection, paintFor(process.stdout)));
      if (!isAdmitted(inspection)) process.exitCode = 1;
    });
  piece
    .command('doc')
    .description("print a piece's manual page")
    .argument('<name>', 'the name of a piece, or the path of a component file')
    .action(async (name: string) => {
      const description = await describePiece(new PieceRegistry(), name, resolve('.'));
      const paint = paintFor(process.stdout);
      output.write(manualPage(description, { reference: name, columns: output.columns, paint }));
    });
  return program;
}

interface ControlOptions {
  readonly control?: string;
}

interface ApplyOptions extends ControlOptions {
  readonly dryRun?: boolean;
  readonly consent?: boolean;
}

interface InspectOptions {
  readonly configuration?: string;
  readonly json?: boolean;
}

export interface CommandContext {
  readonly output: Output;
  readonly errors: Output;
  readonly version: string;
}

function seconds(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0.1 && value <= 86_400) return value;
  throw new InvalidArgumentError('It is to be a number of seconds from 0.1 to 86400.');
}
