import { printable } from '../../stack/foreign-text.ts';
import type { Paint } from './paint.ts';
import { wrap } from './wrap.ts';

/** One piece of the list. */
export interface PieceRow {
  readonly name: string;
  readonly kind: 'native' | 'component';
  /** Empty where the piece could not be described. */
  readonly version: string;
  /** The summary of the piece, or why it could not be described. */
  readonly text: string;
}

/**
 * Pieces in columns: name, kind, version and summary. The summary is wrapped to `columns`, and takes as many
 * lines as it needs. Pure.
 */
export function pieceListText(rows: readonly PieceRow[], columns: number, paint: Paint): string {
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
