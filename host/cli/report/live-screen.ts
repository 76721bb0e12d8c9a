import type { LaneSnapshot } from '../../policy/funnel.ts';
import { clip, reasonSentences, renderCounters, renderTitle } from '../text/counter-table.ts';
import type { Paint } from '../text/paint.ts';

/**
 * The live table on a terminal. It uses the alternate screen, so the terminal is unchanged afterwards. A
 * redraw is one write that overwrites every line and then clears the rest, so that nothing flickers.
 */
export class LiveScreen {
  readonly #stream: TerminalStream;
  readonly #title: string;
  readonly #paint: Paint;
  readonly #hasReasons: boolean;
  readonly #events: string[] = [];
  #previous: LaneSnapshot | undefined;
  #isOpen = false;

  constructor(
    stream: TerminalStream,
    title: string,
    paint: Paint,
    { reasons = false }: { reasons?: boolean } = {},
  ) {
    this.#stream = stream;
    this.#title = title;
    this.#paint = paint;
    this.#hasReasons = reasons;
  }

  open(): void {
    this.#isOpen = true;
    this.#stream.write(`${ALTERNATE_SCREEN}${HIDE_CURSOR}`);
  }

  /** Adds a line below the table. The last few lines stay. */
  addEvent(line: string): void {
    this.#events.push(line);
    if (this.#events.length > EVENTS_SHOWN) this.#events.shift();
  }

  draw(snapshot: LaneSnapshot): void {
    if (!this.#isOpen) return;
    const { columns = 80, rows = 24 } = this.#stream;
    const lines = screenLines(snapshot, this.#previous, {
      title: this.#title,
      columns,
      rows,
      events: this.#events,
      reasons: this.#hasReasons,
      paint: this.#paint,
    });
    this.#previous = snapshot;
    this.#stream.write(
      `${BEGIN_UPDATE}${HOME}${lines.map((line) => `${line}${CLEAR_LINE}`).join('\r\n')}${CLEAR_BELOW}${END_UPDATE}`,
    );
  }

  /** Restores the terminal. Idempotent. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#stream.write(`${SHOW_CURSOR}${FORMER_SCREEN}`);
  }
}

/** A terminal: `process.stdout`, or that of a test. */
export interface TerminalStream {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

/** The lines of a screen: the table as far as it fits, the last events, and how to end the Funnel. Pure. */
export function screenLines(
  snapshot: LaneSnapshot,
  previous: LaneSnapshot | undefined,
  view: {
    title: string;
    columns: number;
    rows: number;
    events: readonly string[];
    paint: Paint;
    reasons?: boolean;
  },
): readonly string[] {
  const { title, columns, rows, events, paint, reasons = false } = view;
  const table = [
    ...renderCounters(snapshot, previous, columns, paint),
    ...(reasons ? reasonSentences(snapshot, columns) : []),
  ];
  const foot = [...events.map((line) => clip(line, columns)), clip(paint('dim', 'Ctrl-C ends it'), columns)];
  const room = Math.max(1, rows - 3 - foot.length);
  const shown =
    table.length <= room
      ? table
      : [...table.slice(0, room - 1), clip(paint('dim', `… ${table.length - room + 1} more lines`), columns)];
  return [renderTitle(title, snapshot, columns, paint), '', ...shown, '', ...foot].slice(0, rows);
}

const EVENTS_SHOWN = 5;

// All terminals since the VT220 and xterm support these. A terminal ignores the marks of an update that it
// does not know.
const ALTERNATE_SCREEN = '\x1b[?1049h';
const FORMER_SCREEN = '\x1b[?1049l';
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
const BEGIN_UPDATE = '\x1b[?2026h';
const END_UPDATE = '\x1b[?2026l';
