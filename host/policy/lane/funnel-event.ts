import type { Difference } from '../../puzzle/change/difference.ts';
import type { LaneEvent } from '../../puzzle/runtime/failures.ts';
import type { LogEntry } from '../../puzzle/runtime/log-entry.ts';

/** What happens in a Funnel besides traffic. */
export type FunnelEvent = LaneEvent | ChangedEvent | RecoveredEvent | ({ readonly kind: 'log' } & LogEntry);

/** A lane was ended by force, or died, and another one goes on in its place. */
export interface RecoveredEvent {
  readonly kind: 'recovered';
  /** The piece that is left out, because it kept the lane or the lane died in it. */
  readonly without?: string;
  /** Pieces that go on with the state that they saved last. */
  readonly restored: readonly string[];
  /** For how long the watchdog had seen that nothing went on, and how long it took from then on. */
  readonly stalledMs: number;
  readonly recoveredMs: number;
}

/** Another configuration runs now. */
export interface ChangedEvent {
  readonly kind: 'changed';
  /** Its file, as it was named. */
  readonly configuration: string;
  readonly difference: Difference;
}

/** The events to which a Funnel lets one listen. */
export type FunnelEvents = {
  [K in FunnelEvent['kind']]: [event: Extract<FunnelEvent, { kind: K }>];
};
