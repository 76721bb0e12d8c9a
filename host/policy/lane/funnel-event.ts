import type { Difference } from '../../puzzle/change/difference.ts';
import type { LaneEvent } from '../../puzzle/runtime/failures.ts';
import type { LogEntry } from '../../puzzle/runtime/log-entry.ts';

/** An event of a Funnel: everything that happens in it besides traffic. */
export type FunnelEvent = LaneEvent | ChangedEvent | RecoveredEvent | ({ readonly kind: 'log' } & LogEntry);

/** A lane was ended by force, or died, and another lane has taken its place. */
export interface RecoveredEvent {
  readonly kind: 'recovered';
  /** The piece that is left out, because it kept the lane or because the lane died in its call. */
  readonly without?: string;
  /** Pieces that continue with the state that they saved last. */
  readonly restored: readonly string[];
  /** Time from the first observation of the stall to its detection. */
  readonly stalledMs: number;
  /** Time from the detection until the new lane ran. */
  readonly recoveredMs: number;
}

/** The Funnel runs another configuration from now on. */
export interface ChangedEvent {
  readonly kind: 'changed';
  /** The name of its file, as the caller gave it. */
  readonly configuration: string;
  readonly difference: Difference;
}

/** The events of a Funnel with the arguments of their listeners. */
export type FunnelEvents = {
  [K in FunnelEvent['kind']]: [event: Extract<FunnelEvent, { kind: K }>];
};
