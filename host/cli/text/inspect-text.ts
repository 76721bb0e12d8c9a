import type {
  Extent,
  Inspection,
  PieceInspection,
  Structure,
  Terms,
} from '../../policy/pieces/inspect-piece.ts';
import { printable } from '../../stack/foreign-text.ts';
import { columns } from './columns.ts';
import { type Paint, plainPaint } from './paint.ts';
import { plural } from './quantity.ts';

/**
 * What a component file is and wants, and why it would be refused: with what a file is granted by default, or as the
 * instances of a configuration have it. Pure; nothing of the component has run for it.
 */
export function inspectText(
  { file, sha256, isBuiltIn, byDefault, instances }: PieceInspection,
  paint: Paint = plainPaint,
): string {
  const { structure, bytes } = byDefault.inspection;
  const lines = [
    paint('bold', printable(file)),
    `    ${sizeText(bytes)}, sha256 ${sha256}`,
    ...(structure === undefined ? [] : structureLines(structure, byDefault, paint)),
  ];
  if (instances.length === 0) {
    const terms = isBuiltIn
      ? 'As a built-in piece, with what it wants on the Edges that it is given'
      : 'With what a component file is granted by default';
    lines.push('', ...verdictLines(terms, byDefault, paint));
  }
  for (const instance of instances)
    lines.push('', ...verdictLines(`As \`${instance.name}\``, instance, paint));
  lines.push('', paint('dim', 'nothing of it has run'));
  return `${lines.join('\n')}\n`;
}

/** Whether it would be admitted on all terms that were asked for. */
export function isAdmitted({ byDefault, instances }: PieceInspection): boolean {
  const asked = instances.length > 0 ? instances : [byDefault];
  return asked.every(({ inspection }) => inspection.refusals.length === 0);
}

/** The same for programs. */
export function inspectJson({ byDefault, instances, ...rest }: PieceInspection) {
  const { bytes, structure } = byDefault.inspection;
  return {
    ...rest,
    bytes,
    structure: structure ?? null,
    byDefault: termsJson(byDefault),
    instances: instances.map((instance) => ({ name: instance.name, ...termsJson(instance) })),
  };
}

function termsJson({ grants, limits, inspection: { refusals } }: Terms) {
  return { grants, limits, refusals: refusals.map(({ code, message }) => ({ code, message })) };
}

function structureLines(structure: Structure, { limits }: Terms, paint: Paint): string[] {
  const { modules, instances, exports, functions, foreign, memories, tables, starts, wants } = structure;
  const known = modules.map(({ functions: count }) => count ?? 0).reduce((sum, each) => sum + each, 0);
  const memory = memories.reduce((sum, { minimum }) => sum + minimum, 0);
  const entries = tables.reduce((sum, { minimum }) => sum + minimum, 0);
  const rows = [
    [
      'core modules',
      `${modules.length}${modules.length === 0 ? '' : ` of ${modules.map(({ bytes }) => sizeText(bytes)).join(', ')}`}; ${plural(known, 'function')}; ${plural(instances, 'core instance')}`,
    ],
    [
      'memory',
      memories.length === 0
        ? 'none'
        : `${sizeText(memory)} to begin with${most(memories, limits.maxMemoryBytes, sizeText)}`,
    ],
    [
      'tables',
      tables.length === 0
        ? 'none'
        : `${plural(entries, 'entry').replace('entrys', 'entries')} to begin with${most(tables, limits.maxTableEntries, (count) => plural(count, 'entry').replace('entrys', 'entries'))}`,
    ],
    [
      'when made',
      starts === 0 ? 'nothing of it runs' : `${plural(starts, 'start function')}, metered, without the host`,
    ],
    [
      'exports',
      exports.length === 0 ? 'nothing of the contract' : exports.map((name) => printable(name)).join(', '),
    ],
    [
      'calls',
      functions.length === 0 ? 'nothing of the host' : functions.map((name) => printable(name)).join(', '),
    ],
    ['wants', wants.length === 0 ? 'no grant' : wants.join(', ')],
  ];
  if (foreign.length > 0) rows.push(['imports too', foreign.map((name) => printable(name)).join(', ')]);
  return columns(rows.map(([name = '', text = '']) => [`    ${paint('dim', name)}`, text]));
}

/** How far something may grow: as it says itself, or as the limit has it. */
function most(extents: readonly Extent[], limit: number, text: (amount: number) => string): string {
  const own = extents.reduce((sum, { maximum }) => sum + (maximum ?? Number.POSITIVE_INFINITY), 0);
  return own <= limit ? `, at most ${text(own)}` : `, at most ${text(limit)} by its limit`;
}

function verdictLines(title: string, { grants, limits, inspection }: Terms, paint: Paint): string[] {
  const verdict = inspection.refusals.length === 0 ? paint('green', 'admitted') : paint('red', 'refused');
  const granted = grants.length === 0 ? 'nothing' : grants.join(', ');
  return [
    `${title}: ${verdict}`,
    `    granted ${printable(granted)}; memory ${sizeText(limits.maxMemoryBytes)}, file ${sizeText(limits.maxComponentBytes)}`,
    ...refusalLines(inspection, paint),
  ];
}

function refusalLines({ refusals }: Inspection, paint: Paint): string[] {
  return refusals.map(({ code, message }) => `    ${paint('red', code)}: ${printable(message)}`);
}

/** Bytes as limits are written: whole KiB and MiB where they are that. */
function sizeText(bytes: number): string {
  if (bytes >= MIB && bytes % MIB === 0) return `${bytes / MIB} MiB`;
  if (bytes >= KIB && bytes % KIB === 0) return `${bytes / KIB} KiB`;
  return plural(bytes, 'byte');
}

const KIB = 1024;
const MIB = 1024 * 1024;
