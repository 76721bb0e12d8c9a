import type { Puzzle } from '../../policy/check/checked-puzzle.ts';
import type { FunnelEvent, LaneSnapshot } from '../../policy/funnel.ts';
import type { RunReporter } from './run-reporter.ts';

/**
 * Drops events and counters while the reader does not keep up, so that they do not fill the memory, and
 * reports their number when it reads again. The start and the totals are always printed.
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
      const message = `${this.#leftOut} lines were left out, because the former lines were not read`;
      this.#leftOut = 0;
      this.#reporter.event({ kind: 'log', piece: 'funnel', level: 'warn', message });
    }
    return true;
  }
}
