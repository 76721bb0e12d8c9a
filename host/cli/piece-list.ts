import { describePiece, type PieceShelf } from '../policy/piece-shelf.ts';
import { printable } from '../policy/printable.ts';
import { FunnelError } from '../stack/funnel-error.ts';
import { clip } from './counter-table.ts';
import type { Paint } from './paint.ts';

/** A line for each piece: its name, whether it is native or a component, its version, and what it is. */
export async function pieceList(shelf: PieceShelf, columns: number, paint: Paint): Promise<string> {
  const rows: { name: string; kind: string; text: string }[] = [];
  for (const name of shelf.names()) {
    const found = shelf.find(name, '.');
    const kind = found.kind === 'native' ? 'native' : 'component';
    try {
      const { version, summary } = await describePiece(shelf, name, '.');
      rows.push({ name, kind, text: `${version}  ${summary}` });
    } catch (error) {
      if (!(error instanceof FunnelError)) throw error;
      rows.push({ name, kind, text: `${error.code}: ${error.message}` });
    }
  }
  const width = Math.max(...rows.map(({ name }) => name.length));
  return rows
    .map(
      ({ name, kind, text }) =>
        `${clip(`${paint('bold', name.padEnd(width))}  ${kind.padEnd(9)}  ${printable(text)}`, columns)}\n`,
    )
    .join('');
}
