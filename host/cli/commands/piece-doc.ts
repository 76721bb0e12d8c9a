import { resolve } from 'node:path';
import { describePiece, PieceRegistry } from '../../policy/pieces/piece-registry.ts';
import { jsonText } from '../../stack/foreign-text.ts';
import { jsonValues } from '../text/json-values.ts';
import { manualPage } from '../text/manual-page.ts';
import { type AddCommand, jsonOption } from './command-context.ts';

/** `funnel piece doc`: the manual page of a piece, from the piece's own description. */
export const addPieceDoc: AddCommand = (parent, { output, paint }) => {
  parent
    .command('doc')
    .description('print the manual page of a piece')
    .argument('<name>', 'the name of a piece, or the path of a component file')
    .addOption(jsonOption())
    .action(async (name: string, { json = false }: { json?: boolean }) => {
      const description = await describePiece(new PieceRegistry(), name, resolve('.'));
      if (json) output.write(`${jsonText(jsonValues(description), 2)}\n`);
      else output.write(manualPage(description, { reference: name, columns: output.columns, paint }));
    });
};
