import { printable } from '../policy/configuration/printable.ts';
import { describePiece, type PieceRegistry } from '../policy/pieces/piece-registry.ts';
import { FunnelError } from '../stack/funnel-error.ts';
import type { Paint } from './paint.ts';
import { wrap } from './wrap.ts';

/** For each piece its name, whether it is native or a component, its version, and what it is: a line, or as many as that takes. */
export async function pieceList(shelf: PieceRegistry, columns: number, paint: Paint): Promise<string> {
  const rows: { name: string; kind: string; version: string; text: string }[] = [];
  for (const name of shelf.names()) {
    const found = shelf.find(name, '.');
    const kind = found.kind === 'native' ? 'native' : 'component';
    try {
      const { version, summary } = await describePiece(shelf, name, '.');
      rows.push({ name, kind, version, text: summary });
    } catch (error) {
      if (!(error instanceof FunnelError)) throw error;
      rows.push({ name, kind, version: '', text: `${error.code}: ${error.message}` });
    }
  }
  const widest = (column: 'name' | 'kind' | 'version'): number =>
    Math.max(...rows.map((row) => row[column].length));
  const [name, kind, version] = [widest('name'), widest('kind'), widest('version')];
  const indent = name + kind + version + 6;
  let list = '';
  for (const row of rows) {
    const head = `${paint('bold', row.name.padEnd(name))}  ${row.kind.padEnd(kind)}  ${row.version.padEnd(version)}  `;
    const text = wrap(printable(row.text), Math.max(LEAST_COLUMNS, columns - indent));
    list += `${head}${text.join(`\n${' '.repeat(indent)}`)}\n`;
  }
  return list;
}

const LEAST_COLUMNS = 20;
