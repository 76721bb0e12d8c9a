import type {
  AdmissionTerms,
  Extent,
  Inspection,
  PieceInspection,
  Structure,
} from '../../policy/pieces/inspect-piece.ts';
import { printable } from '../../stack/foreign-text.ts';
import { columns } from './columns.ts';
import { type Paint, plainPaint } from './paint.ts';
import { plural } from './quantity.ts';

/**
 * The result of an inspection: what a component file contains and wants, and why it would be refused, with
 * the default grants of a file or with those of each instance in a configuration. Pure. No code of the
 * component has run.
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
      ? 'As a built-in piece, with the grants that it wants on its Edges'
      : 'With the default grants of a component file';
    lines.push('', ...verdictLines(terms, byDefault, paint));
  }
  for (const instance of instances)
    lines.push('', ...verdictLines(`As \`${instance.name}\``, instance, paint));
  lines.push('', paint('dim', 'no code of it has run'));
  return `${lines.join('\n')}\n`;
}

/** Whether the component would be admitted with all grants and limits that were inspected. */
export function isAdmitted({ byDefault, instances }: PieceInspection): boolean {
  const asked = instances.length > 0 ? instances : [byDefault];
  return asked.every(({ inspection }) => inspection.refusals.length === 0);
}

/** The inspection as JSON. */
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

function termsJson({ grants, limits, inspection: { refusals } }: AdmissionTerms) {
  return { grants, limits, refusals: refusals.map(({ code, message }) => ({ code, message })) };
}

function structureLines(structure: Structure, { limits }: AdmissionTerms, paint: Paint): string[] {
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
        : `${sizeText(memory)} at the start${most(memories, limits.maxMemoryBytes, sizeText)}`,
    ],
    [
      'tables',
      tables.length === 0
        ? 'none'
        : `${plural(entries, 'entry').replace('entrys', 'entries')} at the start${most(tables, limits.maxTableEntries, (count) => plural(count, 'entry').replace('entrys', 'entries'))}`,
    ],
    [
      'on creation',
      starts === 0 ? 'no code of it runs' : `${plural(starts, 'start function')}, metered, without the host`,
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

/** The greatest size of memories or tables: their own maximum, or the limit where that is smaller. */
function most(extents: readonly Extent[], limit: number, text: (amount: number) => string): string {
  const own = extents.reduce((sum, { maximum }) => sum + (maximum ?? Number.POSITIVE_INFINITY), 0);
  return own <= limit ? `, at most ${text(own)}` : `, at most ${text(limit)} by its limit`;
}

function verdictLines(title: string, { grants, limits, inspection }: AdmissionTerms, paint: Paint): string[] {
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

/** Bytes in the notation of limits: whole MiB or KiB where possible. */
function sizeText(bytes: number): string {
  if (bytes >= MIB && bytes % MIB === 0) return `${bytes / MIB} MiB`;
  if (bytes >= KIB && bytes % KIB === 0) return `${bytes / KIB} KiB`;
  return plural(bytes, 'byte');
}

const KIB = 1024;
const MIB = 1024 * 1024;
