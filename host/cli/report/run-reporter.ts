import type { Puzzle } from '../../policy/check/checked-puzzle.ts';
import type { FunnelEvent, LaneSnapshot } from '../../policy/funnel.ts';
import { jsonText, printable } from '../../stack/foreign-text.ts';
import { allPieces, clip, reasonSentences, reasonsOf, renderCounters } from '../text/counter-table.ts';
import { differenceLine } from '../text/difference-text.ts';
import { type Paint, plainPaint } from '../text/paint.ts';
import { formatBytes, formatCount, formatUptime, plural } from '../text/quantity.ts';
import { healthStyle, statusText } from '../text/status-text.ts';
import { LiveScreen, type TerminalStream } from './live-screen.ts';

/** The output of `funnel run`. */
export interface RunReporter {
  /** Milliseconds between two calls of {@link counters}. */
  readonly intervalMs: number;
  started(puzzle: Puzzle): void;
  /** Frames can flow. */
  ready(): void;
  event(event: FunnelEvent): void;
  counters(snapshot: LaneSnapshot): void;
  /** Called last, with the totals. */
  ended(snapshot: LaneSnapshot): void;
  /** Restores the terminal, after an error as well. */
  restore(): void;
}

/**
 * Plain lines: a summary, the line `ready`, a line for each event, and one with the counters at each
 * interval.
 */
export class LineReporter implements RunReporter {
  readonly intervalMs: number;
  readonly #write: (text: string) => void;
  readonly #options: ReportOptions;

  constructor(write: (text: string) => void, intervalMs: number, options: ReportOptions = {}) {
    this.#write = write;
    this.intervalMs = intervalMs;
    this.#options = options;
  }

  started(puzzle: Puzzle): void {
    this.#lines(summaryLines(puzzle));
  }

  ready(): void {
    this.#lines(['ready']);
  }

  event(event: FunnelEvent): void {
    this.#lines([eventLine(event)]);
  }

  counters(snapshot: LaneSnapshot): void {
    this.#lines([countersLine(snapshot)]);
  }

  ended(snapshot: LaneSnapshot): void {
    this.#lines(totalsLines(snapshot, 100, plainPaint, this.#options));
  }

  #lines(lines: readonly string[]): void {
    const { now } = this.#options;
    const stamp = now === undefined ? '' : `${now().toISOString()} `;
    this.#write(`${lines.map((line) => `${stamp}${line}\n`).join('')}`);
  }

  restore(): void {}
}

/** The optional contents of the lines of a report. */
export interface ReportOptions {
  /** The clock for a time before each line; without it lines have no time. */
  readonly now?: () => Date;
  /** Explains the reasons for which frames ended, below the table. */
  readonly reasons?: boolean;
}

/** JSON for programs, one object on each line. */
export class JsonReporter implements RunReporter {
  readonly intervalMs: number;
  readonly #write: (text: string) => void;

  readonly #now: () => Date;

  constructor(write: (text: string) => void, intervalMs: number, now = () => new Date()) {
    this.#write = write;
    this.intervalMs = intervalMs;
    this.#now = now;
  }

  started(puzzle: Puzzle): void {
    const pieces = puzzle.pieces.map(({ place, reference }) => ({
      name: place.name,
      piece: reference,
      edges: Object.fromEntries(place.edges),
    }));
    this.#line({
      event: 'started',
      configuration: puzzle.title,
      pieces,
      networks: [...puzzle.networks.keys()],
    });
  }

  ready(): void {
    this.#line({ event: 'ready' });
  }

  event(event: FunnelEvent): void {
    this.#write(eventJson(event, this.#now()));
  }

  counters(snapshot: LaneSnapshot): void {
    this.#line({ event: 'counters', ...snapshot });
  }

  ended(snapshot: LaneSnapshot): void {
    this.#line({ event: 'totals', ...snapshot });
  }

  restore(): void {}

  #line(value: object): void {
    this.#write(`${jsonText({ time: this.#now().toISOString(), ...value })}\n`);
  }
}

/** Passes on only important events: faults, warnings, errors, and states that are not good. */
export class QuietReporter implements RunReporter {
  readonly #reporter: RunReporter;

  constructor(reporter: RunReporter) {
    this.#reporter = reporter;
  }

  get intervalMs(): number {
    return this.#reporter.intervalMs;
  }

  started(): void {}
  ready(): void {}
  counters(): void {}
  ended(): void {}

  event(event: FunnelEvent): void {
    if (isNotable(event)) this.#reporter.event(event);
  }

  restore(): void {
    this.#reporter.restore();
  }
}

/** Whether an event is printed by quiet commands as well. */
export function isNotable(event: FunnelEvent): boolean {
  if (event.kind === 'log') return event.level === 'warn' || event.level === 'error';
  if (event.kind === 'status') return event.health === 'impaired' || event.health === 'failed';
  return event.kind !== 'changed';
}

/** An event as a line of JSON, with its time in UTC. */
export function eventJson({ kind, ...rest }: FunnelEvent, time: Date): string {
  return `${jsonText({ time: time.toISOString(), event: kind, ...rest })}\n`;
}

/** A table that is redrawn each second; at the end the totals on the restored terminal. */
export class ScreenReporter implements RunReporter {
  readonly intervalMs = 1000;
  readonly #stream: TerminalStream;
  readonly #paint: Paint;
  readonly #options: ReportOptions;
  readonly #events: string[] = [];
  #screen: LiveScreen | undefined;
  #title = '';

  constructor(stream: TerminalStream, paint: Paint, options: ReportOptions = {}) {
    this.#stream = stream;
    this.#paint = paint;
    this.#options = options;
  }

  started(puzzle: Puzzle): void {
    this.#title = puzzle.title;
  }

  ready(): void {
    this.#screen = new LiveScreen(this.#stream, this.#title, this.#paint, this.#options);
    for (const line of this.#events) this.#screen.addEvent(line);
    this.#screen.open();
  }

  event(event: FunnelEvent): void {
    const line = this.#paint(styleOf(event), eventLine(event));
    // The events are printed again at the end. Their number is limited, so that a piece that logs for days
    // does not fill the memory.
    this.#events.push(line);
    if (this.#events.length > EVENTS_KEPT) this.#events.shift();
    if (this.#screen === undefined) this.#stream.write(`${line}\n`);
    else this.#screen.addEvent(line);
  }

  counters(snapshot: LaneSnapshot): void {
    this.#screen?.draw(snapshot);
  }

  ended(snapshot: LaneSnapshot): void {
    this.restore();
    const lines = [
      ...this.#events,
      ...totalsLines(snapshot, this.#stream.columns ?? 80, this.#paint, this.#options),
    ];
    this.#stream.write(`${lines.join('\n')}\n`);
  }

  restore(): void {
    this.#screen?.close();
  }
}

const EVENTS_KEPT = 100;

function styleOf(event: FunnelEvent): 'red' | 'yellow' | 'green' | 'dim' {
  if (event.kind === 'fault') return 'red';
  if (event.kind === 'status') return healthStyle(event.health);
  if (event.kind === 'restarted' || event.kind === 'recovered' || event.kind === 'changed') return 'green';
  return event.level === 'error' ? 'red' : event.level === 'warn' ? 'yellow' : 'dim';
}

/** The puzzle that is about to run: a line for each piece. */
export function summaryLines(puzzle: Puzzle): readonly string[] {
  const width = Math.max(0, ...puzzle.pieces.map(({ place }) => place.name.length));
  const kinds = puzzle.pieces.map(({ place, reference }) => `${reference} ${place.description.version}`);
  const kindWidth = Math.max(0, ...kinds.map((kind) => kind.length));
  return [
    `${printable(puzzle.title)}: ${plural(puzzle.pieces.length, 'piece')} on ${plural(puzzle.networks.size, 'network')}`,
    ...puzzle.pieces.map(({ place }, i) => {
      const edges = [...place.edges].map(([edge, networks]) => `${edge} on ${networks.join(' and ')}`);
      return `  ${place.name.padEnd(width)}  ${printable(kinds[i]!).padEnd(kindWidth)}  ${edges.join(', ')}`.trimEnd();
    }),
  ];
}

/** `fault: six: FT_FAULT_FUEL: …`; `warn: six: …` */
export function eventLine(event: FunnelEvent): string {
  switch (event.kind) {
    case 'fault':
      return `fault: ${event.piece}: ${event.code}: ${printable(event.message)}`;
    case 'restarted':
      return `restarted: ${event.piece}${event.restored ? ' with its state' : ''}`;
    case 'recovered':
      return `recovered: ${event.without === undefined ? '' : `without ${event.without}, `}after ${Math.round(event.stalledMs + event.recoveredMs)} ms`;
    case 'status':
      return `status: ${event.piece}: ${statusText(event)}`;
    case 'changed':
      return `changed: ${printable(event.configuration)}: ${differenceLine(event.difference)}`;
    case 'log':
      return `${event.level}: ${event.piece}: ${printable(event.message)}`;
  }
}

/**
 * All counters in one line: `0:00:10 home.ip@lan in 12 (1.2 kB) out 3 (300 B); six.ipv6@lan …; lost: six
 * no-match 4`.
 */
export function countersLine(snapshot: LaneSnapshot): string {
  const edges = snapshot.pieces.flatMap((piece) =>
    piece.edges.map((edge) => {
      const taken = `in ${formatCount(edge.framesIn)} (${formatBytes(edge.bytesIn)})`;
      return `${piece.name}.${edge.name}@${edge.network} ${taken} out ${formatCount(edge.framesOut)} (${formatBytes(edge.bytesOut)})`;
    }),
  );
  const lost = snapshot.pieces.flatMap((piece) =>
    reasonsOf(piece, 'lost').map(
      ({ name, frames }) => `${piece.name} ${printable(name)} ${formatCount(frames)}`,
    ),
  );
  const failed = snapshot.pieces.filter(({ state }) => state === 'failed').map(({ name }) => name);
  const parts = [...edges];
  if (lost.length > 0) parts.push(`lost: ${lost.join(', ')}`);
  if (failed.length > 0) parts.push(`failed: ${failed.join(', ')}`);
  return `${formatUptime(snapshot.uptimeMs)} ${parts.join('; ')}`;
}

/** The table without rates, under a heading. */
export function totalsLines(
  snapshot: LaneSnapshot,
  columns: number,
  paint: Paint = plainPaint,
  { reasons = false }: ReportOptions = {},
): readonly string[] {
  const lost = allPieces(snapshot).reduce(
    (sum, piece) => sum + reasonsOf(piece, 'lost').reduce((n, { frames }) => n + frames, 0),
    0,
  );
  const heading = `ended after ${formatUptime(snapshot.uptimeMs)}, ${plural(lost, 'frame')} lost`;
  return [
    clip(paint('bold', heading), columns),
    ...renderCounters(snapshot, undefined, columns, paint),
    ...(reasons ? reasonSentences(snapshot, columns) : []),
  ];
}
