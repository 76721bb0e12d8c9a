import { describePiece, PieceRegistry } from '../../policy/pieces/piece-registry.ts';
import { jsonText } from '../../stack/foreign-text.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { type PieceRow, pieceListText } from '../text/piece-list-text.ts';
import { type AddCommand, jsonOption } from './command-context.ts';

/** `funnel piece list`: the pieces that a configuration may name without a path. */
export const addPieceList: AddCommand = (parent, { output, paint }) => {
  parent
    .command('list')
    .description('list the pieces that need no path')
    .addOption(jsonOption())
    .action(async ({ json = false }: { json?: boolean }) => {
      const columns = output.isTTY ? output.columns : Number.POSITIVE_INFINITY;
      const rows = await pieceRows(new PieceRegistry());
      output.write(json ? `${jsonText(rows, 2)}\n` : pieceListText(rows, columns, paint));
    });
};

/**
 * A row for each piece of a registry. A piece that cannot be described has the reason in place of a summary.
 */
export async function pieceRows(registry: PieceRegistry): Promise<readonly PieceRow[]> {
  const rows: PieceRow[] = [];
  for (const name of registry.names()) {
    const kind = registry.find(name, '.').kind === 'native' ? 'native' : 'component';
    try {
      const { version, summary } = await describePiece(registry, name, '.');
      rows.push({ name, kind, version, text: summary });
    } catch (error) {
      if (!(error instanceof FunnelError)) throw error;
      rows.push({ name, kind, version: '', text: `${error.code}: ${error.message}` });
    }
  }
  return rows;
}
