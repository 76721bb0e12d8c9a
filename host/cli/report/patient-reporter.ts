import type { Puzzle } from '../../policy/check/checked-puzzle.ts';
import type { FunnelEvent, LaneSnapshot } from '../../policy/funnel.ts';
import type { RunReporter } from './run-reporter.ts';

/**
 * Leaves out events and counters while nobody reads what was told before, so that a reader that stands still does not fill
 * the memory, and tells how many when it reads on. The beginning and the totals are always told.
 */
export class PatientReporter implements RunReporter {
  readonly #reporter: RunReporter;
  readonly #output: { readonly isBehind: boolean };
  #leftOut = 0;

  constructor(reporter: RunReporter, output: { readonly isBehind: boolean }) {
    this.#reporter = reporter;
    this.#output = output;
  }

  get intervalMs(): number {
    return this.#reporter.intervalMs;
  }

  started(puzzle: Puzzle): void {
    this.#reporter.started(puzzle);
  }

  ready(): void {
    this.#reporter.ready();
  }

  event(event: FunnelEvent): void {
    if (this.#isRead()) this.#reporter.event(event);
  }

  counters(snapshot: LaneSnapshot): void {
    if (this.#isRead()) this.#reporter.counters(snapshot);
  }

  ended(snapshot: LaneSnapshot): void {
    this.#reporter.ended(snapshot);
  }

  restore(): void {
    this.#reporter.restore();
  }

  #isRead(): boolean {
    if (this.#output.isBehind) {
      this.#leftOut++;
      return false;
    }
    if (this.#leftOut > 0) {
      const message = `${this.#leftOut} lines were left out, because nobody read those before`;
      this.#leftOut = 0;
      this.#reporter.event({ kind: 'log', piece: 'funnel', level: 'warn', message });
    }
    return true;
  }
}
