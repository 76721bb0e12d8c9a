import type { Piece as Description, Edge, Setting } from '../../../abi/host/contract.ts';
import { printable } from '../../stack/foreign-text.ts';
import { reachText, shapeText } from './graph-text.ts';
import { type Paint, plainPaint } from './paint.ts';
import { wrap } from './wrap.ts';

/**
 * The description of a piece as a manual page: its Edges and Shapes, the paths of traffic, its settings, the
 * reasons for which frames end in it, and its entry in a configuration.
 */
export function manualPage(
  description: Description,
  { reference, columns = 80, paint = plainPaint }: { reference: string; columns?: number; paint?: Paint },
): string {
  const width = Math.max(40, Math.min(columns, 100));
  const page = new Page(width, paint);
  page.section('NAME');
  page.text(`${description.name} ${description.version} - ${description.summary}`, 4);
  page.section('EDGES');
  if (description.edges.length === 0) page.text('none', 4);
  for (const edge of description.edges) edgeEntry(page, edge);
  if (description.curves.length > 0) {
    page.section('PATHS OF TRAFFIC');
    for (const curve of description.curves) page.text(curveText(description, curve), 4);
  }
  page.section('SETTINGS');
  if (description.settings.length === 0) page.text('none', 4);
  for (const setting of description.settings) {
    page.head(`${setting.name}${setting.repeated ? ' …' : ''}`, settingNote(setting));
    page.text(setting.summary, 8);
  }
  reasonSection(page, 'FRAMES LOST', description, true);
  reasonSection(page, 'FRAMES DONE', description, false);
  page.section('CONFIGURATION');
  page.verbatim(example(description, reference));
  return page.toString();
}

class Page {
  readonly #width: number;
  readonly #paint: Paint;
  readonly #lines: string[] = [];

  constructor(width: number, paint: Paint) {
    this.#width = width;
    this.#paint = paint;
  }

  section(title: string): void {
    if (this.#lines.length > 0) this.#lines.push('');
    this.#lines.push(this.#paint('bold', title));
  }

  head(term: string, note: string): void {
    this.#lines.push(
      `    ${this.#paint('bold', printable(term))}${note === '' ? '' : `  ${printable(note)}`}`,
    );
  }

  /** A text, wrapped and indented. */
  text(text: string, indent: number): void {
    for (const line of wrap(printable(text), this.#width - indent))
      this.#lines.push(' '.repeat(indent) + line);
  }

  verbatim(lines: readonly string[]): void {
    for (const line of lines) this.#lines.push(`    ${printable(line)}`);
  }

  toString(): string {
    return `${this.#lines.join('\n')}\n`;
  }
}

function edgeEntry(page: Page, edge: Edge): void {
  const notes = [edge.optional ? 'optional' : '', edge.repeated ? 'on any number of networks' : ''];
  page.head(edge.name, notes.filter((note) => note !== '').join(', '));
  const width = Math.max(...edge.shapes.map((shape) => shapeText(shape).length));
  for (const shape of edge.shapes) {
    const wishes = shape.properties.map(({ wish, property }) => `${wish} ${property.name}`);
    const reach = [reachText(shape), ...wishes].join(', ');
    page.verbatim([`    ${shapeText(shape).padEnd(width)}  ${reach}`]);
  }
}

function curveText(
  { edges }: Description,
  { fromEdge, fromShape, toEdge, toShape, opaque, keeps, overhead }: Description['curves'][number],
): string {
  const end = (edge: number, shape: number): string => {
    const described = edges[edge]?.shapes[shape];
    return `${edges[edge]?.name ?? edge} (${described === undefined ? `Shape ${shape}` : shapeText(described)})`;
  };
  const notes = [
    overhead === 0 ? '' : `${overhead > 0 ? '+' : ''}${overhead} bytes`,
    opaque ? 'opaque' : '',
    keeps.length === 0 ? '' : `keeps ${keeps.join(', ')}`,
  ].filter((note) => note !== '');
  const path =
    fromEdge === toEdge && fromShape === toShape
      ? `${end(fromEdge, fromShape)} and back`
      : `${end(fromEdge, fromShape)} ⇄ ${end(toEdge, toShape)}`;
  return notes.length === 0 ? path : `${path}: ${notes.join('; ')}`;
}

function settingNote(setting: Setting): string {
  const notes: string[] = [`${KINDS[setting.kind]}${rangeText(setting)}`];
  if (setting.required) notes.push('required');
  if (setting.repeated) notes.push('may be a list');
  if (setting.default !== undefined)
    notes.push(setting.default === '' ? 'default empty' : `default ${setting.default}`);
  return `(${notes.join('; ')})`;
}

/** ` from 1 to 65535`, ` of at least 1 s`; empty without bounds, and for kinds that have none. */
export function rangeText({ kind, least, most }: Setting): string {
  if (kind !== 'number' && kind !== 'duration') return '';
  const bound = (value: number): string => (kind === 'number' ? String(value) : durationText(value));
  if (least === -Infinity) return most === Infinity ? '' : ` of at most ${bound(most)}`;
  return most === Infinity ? ` of at least ${bound(least)}` : ` from ${bound(least)} to ${bound(most)}`;
}

function durationText(ms: number): string {
  if (ms % 3_600_000 === 0 && ms > 0) return `${ms / 3_600_000} h`;
  if (ms % 60_000 === 0 && ms > 0) return `${ms / 60_000} min`;
  return ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`;
}

function reasonSection(page: Page, title: string, { reasons }: Description, loss: boolean): void {
  const listed = reasons.filter((reason) => reason.loss === loss);
  if (listed.length === 0) return;
  page.section(title);
  for (const { name, summary } of listed) {
    page.head(name, '');
    if (summary !== '') page.text(summary, 8);
  }
}

/** A minimal entry, with the settings that must be given. */
function example({ name, edges, settings }: Description, reference: string): string[] {
  const lines = ['pieces:', `  my-${name}:`, `    piece: ${reference}`];
  const required = settings.filter((setting) => setting.required);
  if (required.length > 0) {
    lines.push('    settings:');
    for (const { name: setting, kind } of required) lines.push(`      ${setting}: ${SAMPLES[kind]}`);
  } else if (settings.length > 0) {
    lines.push('    settings: {}  # those above, where the default does not fit');
  }
  const joined = edges.map(
    (edge) => `${edge.name}: ${edge.repeated ? '[lan, wan]' : NETWORKS[edge.shapes[0]?.direction ?? 'peer']}`,
  );
  if (joined.length > 0) lines.push(`    edges: { ${joined.join(', ')} }`);
  return lines;
}

const KINDS = {
  text: 'text',
  number: 'number',
  boolean: 'true or false',
  duration: 'duration, such as 30s',
  address: 'IP address',
  secret: 'secret; or { env: NAME }, or { file: PATH }',
} as const;

/** Values that show the form of a setting. */
const SAMPLES = {
  text: '…',
  number: '1',
  boolean: 'true',
  duration: '30s',
  address: '192.0.2.1',
  secret: '{ env: NAME }',
} as const;

const NETWORKS = { up: 'lan', down: 'wan', peer: 'lan' } as const;
