import { printable } from '../../stack/foreign-text.ts';
import { columns } from './columns.ts';
import type { Paint } from './paint.ts';

/** A configuration that has a name. */
export interface ListedName {
  readonly name: string;
  /** More than one where the name clashes. */
  readonly files: readonly string[];
  /** `refused` where the file cannot be used, and `error` has the reason. */
  readonly state: 'running' | 'stopped' | 'refused';
  /** The control socket of the Funnel that runs it. */
  readonly control?: string;
  readonly error?: { readonly code: string; readonly message: string };
}

/** The names in columns: name, state and file; below them why some are refused. Pure. */
export function listText(listed: readonly ListedName[], paint: Paint): string {
  if (listed.length === 0) return 'no configuration has a name; see funnel run --help\n';
  const rows = columns(listed.map(({ name, state, files }) => [name, state, printable(files.join(', '))]));
  const lines = rows.map((row, i) => paint(listed[i]!.state === 'running' ? 'bold' : 'dim', row));
  const reasons = listed.flatMap(({ error }) =>
    error === undefined ? [] : [`${error.code}: ${printable(error.message)}`],
  );
  return `${[...lines, ...reasons].join('\n')}\n`;
}
