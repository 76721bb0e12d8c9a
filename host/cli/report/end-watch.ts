import type { LaneSnapshot } from '../../policy/funnel.ts';

/**
 * Decides when a Funnel that reads captures has done its work: all of them have ended, no frame waits or is
 * held, and the counters stand still. Time is a parameter, in milliseconds.
 */
export class EndWatch {
  #hadSource = false;
  #counters = '';
  #sameSince: number;
  /** A capture could not be read to its end. */
  hasFailed = false;
  /** Frames that pieces held at the last look. */
  held = 0;

  constructor(now: number) {
    this.#sameSince = now;
  }

  /** @returns `endless` where nothing that ends is read, and nothing was before */
  look(snapshot: LaneSnapshot, now: number): 'open' | 'ended' | 'endless' {
    const { pieces } = snapshot;
    const sources = pieces.flatMap(({ source }) => source ?? []);
    this.#hadSource ||= sources.length > 0;
    if (!this.#hadSource) return 'endless';
    this.hasFailed = sources.includes('failed');
    this.held = sum(pieces.map(({ held }) => held));
    const counters = countersOf(snapshot);
    const waiting = sum(pieces.map((piece) => piece.waiting));
    if (counters !== this.#counters || waiting > 0 || sources.includes('open')) {
      this.#counters = counters;
      this.#sameSince = now;
      return 'open';
    }
    const needed = this.held > 0 ? PATIENCE_MS : QUIET_MS;
    return now - this.#sameSince >= needed ? 'ended' : 'open';
  }
}

/** The counters that change while frames flow. */
function countersOf({ pieces }: LaneSnapshot): string {
  return JSON.stringify(
    pieces.map(({ held, edges, reasons }) => [
      held,
      edges.map(({ framesIn, framesOut, framesRefused }) => [framesIn, framesOut, framesRefused]),
      reasons.map(({ frames }) => frames),
    ]),
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0);
}

/** The counters stand still for so long before a run ends: answers on loopback take less. */
const QUIET_MS = 250;
/** The longest time that a piece may hold frames while nothing else happens; a delay is shorter. */
const PATIENCE_MS = 10_000;
