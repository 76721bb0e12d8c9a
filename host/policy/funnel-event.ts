import type { Difference } from '../puzzle/change.ts';
import type { LaneEvent } from '../puzzle/failures.ts';
import type { LogEntry } from '../puzzle/services.ts';

/** What happens in a Funnel besides traffic. */
export type FunnelEvent = LaneEvent | ChangedEvent | ({ readonly kind: 'log' } & LogEntry);

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
