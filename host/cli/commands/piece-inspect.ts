import { resolve } from 'node:path';
import { inspectPiece } from '../../policy/pieces/inspect-piece.ts';
import { PieceRegistry } from '../../policy/pieces/piece-registry.ts';
import { jsonText } from '../../stack/foreign-text.ts';
import { EXIT } from '../text/exit-status.ts';
import { inspectJson, inspectText, isAdmitted } from '../text/inspect-text.ts';
import { type AddCommand, jsonOption, type SetOption, setOption } from './command-context.ts';

/** `funnel piece inspect`: a component by the steps of admission. Runs nothing of it. */
export const addPieceInspect: AddCommand = (parent, { output, paint }) => {
  parent
    .command('inspect')
    .description('show what a component contains and wants, and why it would be refused; runs nothing of it')
    .argument('<name>', 'the path of a component file, or the name of a built-in component')
    .option('--configuration <file>', 'use the grants and limits that this configuration gives to it')
    .addOption(setOption())
    .addOption(jsonOption())
    .action(async (name: string, { configuration, json = false, set }: InspectOptions) => {
      const given = configuration === undefined ? {} : { configuration, parameters: set };
      const where = { directory: resolve('.'), ...given };
      const inspection = await inspectPiece(new PieceRegistry(), name, where);
      if (json) output.write(`${jsonText(inspectJson(inspection), 2)}\n`);
      else output.write(inspectText(inspection, paint));
      if (!isAdmitted(inspection)) process.exitCode = EXIT.no;
    });
};

interface InspectOptions extends SetOption {
  readonly configuration?: string;
  readonly json?: boolean;
}
