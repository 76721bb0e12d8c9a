import type { LaneSnapshot } from '../../policy/funnel.ts';
import { clip, renderCounters, renderTitle } from '../text/counter-table.ts';
import type { Paint } from '../text/paint.ts';

/**
 * The live table on a terminal. It has a screen of its own, which is left as it was found; each redraw writes every line
 * over the one before and only then clears what is left, in one write, so that nothing flickers.
 */
export class LiveScreen {
  readonly #stream: TerminalStream;
  readonly #title: string;
  readonly #paint: Paint;
  readonly #events: string[] = [];
  #previous: LaneSnapshot | undefined;
  #isOpen = false;

  constructor(stream: TerminalStream, title: string, paint: Paint) {
    this.#stream = stream;
    this.#title = title;
    this.#paint = paint;
  }

  open(): void {
    this.#isOpen = true;
    this.#stream.write(`${ALTERNATE_SCREEN}${HIDE_CURSOR}`);
  }

  /** A line below the table; the last few stay. */
  tell(line: string): void {
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
      paint: this.#paint,
    });
    this.#previous = snapshot;
    this.#stream.write(
      `${BEGIN_UPDATE}${HOME}${lines.map((line) => `${line}${CLEAR_LINE}`).join('\r\n')}${CLEAR_BELOW}${END_UPDATE}`,
    );
  }

  /** Gives the terminal back. Twice is as once. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#stream.write(`${SHOW_CURSOR}${FORMER_SCREEN}`);
  }
}

/** A terminal to draw on: `process.stdout`, or a test's. */
export interface TerminalStream {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

/** What stands on a screen of `rows` lines: the table as far as it fits, the last events, and how to end. Pure. */
export function screenLines(
  snapshot: LaneSnapshot,
  previous: LaneSnapshot | undefined,
  view: { title: string; columns: number; rows: number; events: readonly string[]; paint: Paint },
): readonly string[] {
  const { title, columns, rows, events, paint } = view;
  const table = renderCounters(snapshot, previous, columns, paint);
  const foot = [...events.map((line) => clip(line, columns)), clip(paint('dim', 'Ctrl-C ends it'), columns)];
  const room = Math.max(1, rows - 3 - foot.length);
  const shown =
    table.length <= room
      ? table
      : [...table.slice(0, room - 1), clip(paint('dim', `… ${table.length - room + 1} more lines`), columns)];
  return [renderTitle(title, snapshot, columns, paint), '', ...shown, '', ...foot].slice(0, rows);
}

const EVENTS_SHOWN = 5;

// What every terminal since the VT220 and xterm knows; the marks of an update are ignored where they are not known.
const ALTERNATE_SCREEN = '\x1b[?1049h';
const FORMER_SCREEN = '\x1b[?1049l';
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
const BEGIN_UPDATE = '\x1b[?2026h';
const END_UPDATE = '\x1b[?2026l';
