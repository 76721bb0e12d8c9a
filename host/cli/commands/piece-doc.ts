import { resolve } from 'node:path';
import { describePiece, PieceRegistry } from '../../policy/pieces/piece-registry.ts';
import { manualPage } from '../text/manual-page.ts';
import type { AddCommand } from './command-context.ts';

/** `funnel piece doc`: the manual page of a piece, from the piece's own description. */
export const addPieceDoc: AddCommand = (parent, { output, paint }) => {
  parent
    .command('doc')
    .description('print the manual page of a piece')
    .argument('<name>', 'the name of a piece, or the path of a component file')
    .action(async (name: string) => {
      const description = await describePiece(new PieceRegistry(), name, resolve('.'));
      output.write(manualPage(description, { reference: name, columns: output.columns, paint }));
    });
};
