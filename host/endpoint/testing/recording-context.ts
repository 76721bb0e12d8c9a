import type { Property } from '../../../abi/host/contract.ts';
import { Counters } from '../../piece/counters.ts';
import type { Outbox } from '../../piece/outbox.ts';
import type { LogLevel, PieceContext, SourceState } from '../../piece/piece.ts';
import type { PieceStatus } from '../../piece/piece-status.ts';

/** For tests: a context that records the calls of a native piece. */
export class RecordingContext implements PieceContext {
  readonly name = 'here';
  isResumed = false;
  readonly counters = new Counters();
  readonly logs: { readonly level: LogLevel; readonly message: string }[] = [];
  readonly statuses: PieceStatus[] = [];
  readonly sources: SourceState[] = [];
  /** Rows that arrived, each with its reference, and the Edge and Shape of each. */
  readonly rows: number[] = [];
  readonly edgeShapes: number[] = [];
  /** Called after each batch. */
  onArrived: () => void = () => {};

  log(level: LogLevel, message: string): void {
    this.logs.push({ level, message });
  }

  status(status: PieceStatus): void {
    this.statuses.push(status);
  }

  source(state: SourceState): void {
    this.sources.push(state);
  }

  now(): number {
    return performance.now();
  }

  random(): bigint {
    return 4n;
  }

  listen(): number {
    return 0;
  }

  unlisten(): void {}

  offer(_edge: number, _property: Property, _present: boolean): void {}

  count(reason: string, frames: number): void {
    this.counters.add(reason, frames);
  }

  arrived(outbox: Outbox): void {
    for (let n = 0; n < outbox.length; n++) {
      this.rows.push(outbox.rows[n]!);
      this.edgeShapes.push(outbox.edgeShapes[n]!);
    }
    outbox.length = 0;
    this.onArrived();
  }

  wake(): void {}

  /** Resolves when `count` rows have arrived in all. */
  async arrival(count: number, timeoutMs = 5000): Promise<void> {
    const end = performance.now() + timeoutMs;
    while (this.rows.length < count) {
      if (performance.now() > end) throw new Error(`${this.rows.length} of ${count} frames arrived`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Resolves when a counter has reached a value. */
  async counted(reason: string, value: number, timeoutMs = 5000): Promise<void> {
    const end = performance.now() + timeoutMs;
    while (this.counters.get(reason) < value) {
      if (performance.now() > end)
        throw new Error(
          `${reason} is ${this.counters.get(reason)} and not ${value}; ${JSON.stringify([...this.counters.entries()])}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}
