import type { EdgeSnapshot, LaneSnapshot, PieceSnapshot, ReasonSnapshot } from '../../policy/funnel.ts';
import { printable } from '../../stack/foreign-text.ts';
import { type Paint, plainPaint } from './paint.ts';
import { formatBytes, formatCount, formatRate, formatUptime } from './quantity.ts';
import { healthStyle, statusText } from './status-text.ts';
import { wrap } from './wrap.ts';

/**
 * The table of a running Funnel: for each piece its Edges with their networks, the rates and totals of frames
 * and bytes, and below them the reasons for which frames ended there. Pure.
 *
 * @param previous an earlier snapshot, for the rates; without one the table has totals only
 *
 * @returns lines without line ends, none wider than `columns`.
 */
export function renderCounters(
  snapshot: LaneSnapshot,
  previous: LaneSnapshot | undefined,
  columns: number,
  paint: Paint = plainPaint,
): readonly string[] {
  const seconds = previous === undefined ? 0 : (snapshot.uptimeMs - previous.uptimeMs) / 1000;
  const layout = layOut(snapshot, columns, seconds > 0);
  const lines = [heading(layout, paint)];
  for (const piece of snapshot.pieces) {
    const before = previous?.pieces.find((each) => each.name === piece.name);
    lines.push(...pieceLines(piece, before, seconds, layout, paint));
  }
  const earlier = previous?.departed ?? [];
  for (const piece of snapshot.departed ?? []) {
    const before = earlier.find((each) => each.name === piece.name && each.piece === piece.piece) ?? piece;
    lines.push(...pieceLines(piece, before, seconds, layout, paint));
  }
  return lines.map((line) => clip(line, columns));
}

/** The line above the table: the name and uptime of the Funnel, and how many rows for frames are in use. */
export function renderTitle(
  title: string,
  snapshot: LaneSnapshot,
  columns: number,
  paint: Paint = plainPaint,
): string {
  const used = snapshot.rows - snapshot.freeRows;
  const right = `up ${formatUptime(snapshot.uptimeMs)}   ${formatCount(used)} of ${formatCount(snapshot.rows)} rows in use`;
  const room = Math.max(0, columns - right.length - 'Funnel '.length - 2);
  const left = shorten(printable(title), room);
  return clip(`${paint('bold', 'Funnel')} ${left.padEnd(room)}  ${right}`, columns);
}

/** Cuts a line to a number of columns. Colour codes take no column, and are reset at the cut. */
export function clip(line: string, columns: number): string {
  let width = 0;
  let at = 0;
  while (at < line.length) {
    const code = COLOUR.exec(line.slice(at, at + 6));
    if (code !== null) {
      at += code[0].length;
      continue;
    }
    if (width === columns) return `${line.slice(0, at)}${line.includes('\x1b') ? '\x1b[0m' : ''}`;
    width++;
    at++;
  }
  return line;
}

interface Layout {
  readonly columns: number;
  readonly name: number;
  readonly edge: number;
  readonly network: number;
  readonly hasRates: boolean;
}

/** Divides the columns beside the numbers among the names, by the widths that they need. */
function layOut(snapshot: LaneSnapshot, columns: number, hasRates: boolean): Layout {
  const pieces = allPieces(snapshot);
  const edges = pieces.flatMap((piece) => piece.edges);
  const needs = [
    Math.max(5, ...pieces.flatMap((piece) => [piece.name.length, piece.piece.length + 2])),
    Math.max(4, ...edges.map((edge) => edge.name.length)),
    Math.max(7, ...edges.map((edge) => edge.network.length)),
  ];
  const room = columns - (hasRates ? NUMBERS_WIDTH : TOTALS_WIDTH) - 3;
  const least = [5, 4, 7];
  while (needs[0]! + needs[1]! + needs[2]! > Math.max(room, 16)) {
    // The longest name loses a column first.
    let widest = 0;
    for (let i = 1; i < 3; i++) if (needs[i]! - least[i]! > needs[widest]! - least[widest]!) widest = i;
    needs[widest]!--;
  }
  return { columns, name: needs[0]!, edge: needs[1]!, network: needs[2]!, hasRates };
}

/** `in` or `out`, and the four numbers with a space before each. */
const TOTALS_WIDTH = 3 + 11 + 10;
const NUMBERS_WIDTH = TOTALS_WIDTH + 10 + 10;

function heading({ name, edge, network, hasRates }: Layout, paint: Paint): string {
  const rates = hasRates ? `${'frames/s'.padStart(10)}${'bytes/s'.padStart(10)}` : '';
  const text = `${'piece'.padEnd(name)} ${'Edge'.padEnd(edge)} ${'network'.padEnd(network)}    ${rates}${'frames'.padStart(11)}${'bytes'.padStart(10)}`;
  return paint('bold', text);
}

function pieceLines(
  piece: PieceSnapshot,
  before: PieceSnapshot | undefined,
  seconds: number,
  layout: Layout,
  paint: Paint,
): string[] {
  const lines: string[] = [];
  const isFailed = piece.state === 'failed';
  const titles = [
    paint(isFailed ? 'red' : 'bold', shorten(printable(piece.name), layout.name).padEnd(layout.name)),
    paint('dim', shorten(`  ${printable(piece.piece)}`, layout.name).padEnd(layout.name)),
  ];
  const edges = piece.edges.flatMap((edge, i) => edgeLines(edge, before?.edges[i], seconds, layout, paint));
  for (let i = 0; i < Math.max(edges.length, 2); i++) {
    const title = titles[i] ?? ' '.repeat(layout.name);
    lines.push(edges[i] === undefined ? title.trimEnd() : `${title} ${edges[i]}`);
  }
  if (piece.state === 'removed') lines.push(paint('dim', '  removed by a change'));
  if (isFailed) lines.push(`  ${paint('red', `failed: ${printable(piece.fault ?? '')}`)}`);
  if (piece.status !== undefined) {
    const { status } = piece;
    for (const line of wrap(statusText(status), Math.max(20, layout.columns - 4)))
      lines.push(`  ${paint(healthStyle(status.health), line)}`);
  }
  lines.push(...reasonLines('lost', piece, before, seconds, layout).map((line) => paint('yellow', line)));
  lines.push(...reasonLines('done', piece, before, seconds, layout).map((line) => paint('dim', line)));
  if (piece.held > 0 || piece.waiting > 0) {
    lines.push(paint('dim', `  held ${formatCount(piece.held)}, waiting ${formatCount(piece.waiting)}`));
  }
  return lines;
}

function edgeLines(
  edge: EdgeSnapshot,
  before: EdgeSnapshot | undefined,
  seconds: number,
  layout: Layout,
  paint: Paint,
): [string, string] {
  const label = `${shorten(edge.name, layout.edge).padEnd(layout.edge)} ${shorten(edge.network, layout.network).padEnd(layout.network)}`;
  const numbers = (frames: number, bytes: number, framesBefore: number, bytesBefore: number): string => {
    const totals = `${formatCount(frames).padStart(11)}${formatBytes(bytes).padStart(10)}`;
    if (!layout.hasRates) return totals;
    const rates = `${formatRate((frames - framesBefore) / seconds).padStart(10)}${formatBytes((bytes - bytesBefore) / seconds).padStart(10)}`;
    return (frames > framesBefore ? rates : paint('dim', rates)) + totals;
  };
  const was = before ?? { framesIn: 0, bytesIn: 0, framesOut: 0, bytesOut: 0 };
  return [
    `${label} in ${numbers(edge.framesIn, edge.bytesIn, was.framesIn, was.bytesIn)}`,
    `${' '.repeat(label.length)} out${numbers(edge.framesOut, edge.bytesOut, was.framesOut, was.bytesOut)}`,
  ];
}

/** The reasons that have occurred, wrapped under their heading. */
function reasonLines(
  kind: 'lost' | 'done',
  piece: PieceSnapshot,
  before: PieceSnapshot | undefined,
  seconds: number,
  { columns }: Layout,
): string[] {
  const items = reasonsOf(piece, kind).map(({ name, frames }) => {
    const was = before?.reasons.find((each) => each.name === name)?.frames ?? 0;
    const rate = seconds > 0 && frames > was ? ` (${formatRate((frames - was) / seconds)}/s)` : '';
    return `${printable(name)} ${formatCount(frames)}${rate}`;
  });
  if (items.length === 0) return [];
  const lines: string[] = [];
  let line = `  ${kind}: `;
  items.forEach((item, i) => {
    const text = i < items.length - 1 ? `${item}, ` : item;
    if (line.trimEnd().length > 7 && line.length + text.trimEnd().length > columns) {
      lines.push(line.trimEnd());
      line = ' '.repeat(8);
    }
    line += text;
  });
  lines.push(line.trimEnd());
  return lines;
}

/**
 * The sentence of each reason for which frames ended, once for all pieces that have it, wrapped. Empty where
 * no frame ended.
 */
export function reasonSentences(snapshot: LaneSnapshot, columns: number): readonly string[] {
  const sentences = new Map<string, string[]>();
  for (const { name: piece, reasons } of allPieces(snapshot)) {
    for (const { name, frames, summary } of reasons) {
      if (frames === 0) continue;
      const line = `${printable(name)}: ${printable(summary ?? 'the piece does not explain it')}`;
      sentences.set(line, [...(sentences.get(line) ?? []), piece]);
    }
  }
  return [...sentences].flatMap(([line, pieces]) =>
    wrap(`${line} (${pieces.join(', ')})`, Math.max(20, columns - 2)).map((part, i) =>
      i === 0 ? `  ${part}` : `    ${part}`,
    ),
  );
}

/** The pieces, and what changes have removed. */
export function allPieces({ pieces, departed = [] }: LaneSnapshot): readonly PieceSnapshot[] {
  return [...pieces, ...departed];
}

/** The reasons of a kind for which frames ended at a piece. */
export function reasonsOf(piece: PieceSnapshot, kind: 'lost' | 'done'): readonly ReasonSnapshot[] {
  return piece.reasons.filter(({ frames, loss }) => frames > 0 && loss === (kind === 'lost'));
}

function shorten(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape begins a colour code
const COLOUR = /^\x1b\[\d+m/;
