import { Description, Outcome } from 'funnel-tunnel/as';

/** Why a frame ends here, in the order in which `describeReasons` tells them. */
export const enum Reason {
  merged,
  control,
  empty,
  duplicate,
  notJoined,
  notConnected,
  notOpen,
  busy,
  malformed,
  badSegment,
  unrecognised,
  tooLarge,
  tooMany,
  unfinished,
  lengthUnknown,
  lengthWrong,
  closedWithinFrame,
  brokenOff,
  outOfSequence,
  inconsistent,
  timedOut,
  noMemory,
  beyondWindow,
  tooManyHoles,
  tooManyUnderWay,
}

export function describeReasons(d: Description): void {
  d.reason('merged', false);
  d.reason('control', false);
  d.reason('empty', false);
  d.reason('duplicate', false);
  d.reason('not-joined', true);
  d.reason('not-connected', true);
  d.reason('not-open', true);
  d.reason('busy', true);
  d.reason('malformed', true);
  d.reason('bad-segment', true);
  d.reason('unrecognised', true);
  d.reason('too-large', true);
  d.reason('too-many', true);
  d.reason('unfinished', true);
  d.reason('length-unknown', true);
  d.reason('length-wrong', true);
  d.reason('closed-within-frame', true);
  d.reason('broken-off', true);
  d.reason('out-of-sequence', true);
  d.reason('inconsistent', true);
  d.reason('timed-out', true);
  d.reason('no-memory', true);
  d.reason('beyond-window', true);
  d.reason('too-many-holes', true);
  d.reason('too-many-under-way', true);
}

/** A ticket ends, for a `Reason`. */
export function end(out: Outcome, ticket: u32, reason: i32): void {
  out.end(ticket, <u16>reason);
}
