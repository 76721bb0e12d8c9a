import { readFileSync, statSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { jsonText, printable } from '../../stack/foreign-text.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { EXIT } from '../text/exit-status.ts';
import { missingTools, testingTools } from './author-tools.ts';
import { type AddCommand, jsonOption } from './command-context.ts';
import { built } from './piece-build.ts';

/** `funnel piece test`: whether a piece keeps the contract, under random traffic too. */
export const addPieceTest: AddCommand = (parent, { output, paint }) => {
  parent
    .command('test')
    .description('check that a piece keeps the contract; the exit status is 1 when it does not')
    .argument('<piece>', 'a component file, or a folder with assembly/index.ts, which is built first')
    .option('--setting <name=value>', 'a setting that the piece needs to start; may be repeated', settings)
    .addOption(jsonOption())
    .action(async (piece: string, { setting = [], json = false }: TestOptions) => {
      const component = isFolder(piece) ? await built(piece) : readFileSync(piece);
      const { complianceChecks } = await testingTools();
      const results: { name: string; holds: boolean; why?: string }[] = [];
      for (const { name, run } of complianceChecks(component, { settings: setting })) {
        const why = await failureOf(run);
        results.push(why === undefined ? { name, holds: true } : { name, holds: false, why });
        if (json) continue;
        const mark = why === undefined ? paint('green', 'ok  ') : paint('red', 'FAIL');
        output.write(`${mark} ${printable(name)}${why === undefined ? '' : `: ${printable(why)}`}\n`);
      }
      const failed = results.filter(({ holds }) => !holds).length;
      if (json) output.write(`${jsonText(results, 2)}\n`);
      else
        output.write(
          failed === 0 ? 'the piece keeps the contract\n' : `${failed} of ${results.length} do not hold\n`,
        );
      if (failed > 0) process.exitCode = EXIT.no;
    });
};

interface TestOptions {
  readonly setting?: readonly (readonly [string, string])[];
  readonly json?: boolean;
}

/** @throws {FunnelError} `FT_PIECE_TOOLS` */
async function failureOf(run: () => Promise<void>): Promise<string | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    const missing = missingTools(error);
    if (missing instanceof FunnelError && missing.code === 'FT_PIECE_TOOLS') throw missing;
    return error instanceof Error ? error.message : String(error);
  }
}

/** @throws {FunnelError} `FT_PIECE_ABSENT` */
function isFolder(piece: string): boolean {
  const status = statSync(piece, { throwIfNoEntry: false });
  if (status === undefined)
    throw new FunnelError('FT_PIECE_ABSENT', `there is no file or folder ${piece}; name a piece of yours`);
  return status.isDirectory();
}

function settings(
  text: string,
  before: readonly (readonly [string, string])[] = [],
): readonly (readonly [string, string])[] {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Give a setting as name=value.');
  return [...before, [text.slice(0, at), text.slice(at + 1)]];
}
