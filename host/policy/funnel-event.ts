import type { LaneEvent, LogEntry } from '../puzzle/lane.ts';

/** What happens in a Funnel besides traffic. */
export type FunnelEvent = LaneEvent | ({ readonly kind: 'log' } & LogEntry);

/** The events to which a Funnel lets one listen. */
export type FunnelEvents = {
  [K in FunnelEvent['kind']]: [event: Extract<FunnelEvent, { kind: K }>];
};
