import { Description, Outcome } from 'funnel-tunnel/as';

/** The reasons for which a frame ends here, in the order of `describeReasons`. */
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
  d.reason('merged', false, 'The bytes are in a frame that another ticket carries, or in fragments.');
  d.reason('control', false, 'The segment opened or closed a stream.');
  d.reason('empty', false, 'The frame has no bytes, where frames are packets of IP.');
  d.reason('duplicate', false, 'The segment came before.');
  d.reason('not-joined', true, 'The other Edge is on no network.');
  d.reason('not-connected', true, 'The other side is unknown, or its stream is not open.');
  d.reason('not-open', true, 'The bytes belong to a stream that was not opened; a reset answers.');
  d.reason(
    'busy',
    true,
    'Another host than the other side sent it, or too many frames wait for a frame in fragments.',
  );
  d.reason('malformed', true, 'The headers of the carrier are absent.');
  d.reason('bad-segment', true, 'The segment header is wrong.');
  d.reason('unrecognised', true, 'The frame is no packet of IP.');
  d.reason('too-large', true, 'The frame has more bytes than `max-frame`.');
  d.reason('too-many', true, 'The frame does not fit in one outcome.');
  d.reason('unfinished', true, 'The frame must be cut, and the host has yet to fill in its checksums.');
  d.reason('length-unknown', true, 'The frame is in fragments, and a stream needs its length first.');
  d.reason('length-wrong', true, 'The frame is not as long as announced; a stream is reset.');
  d.reason('closed-within-frame', true, 'The stream ended within a frame, or within its length.');
  d.reason(
    'broken-off',
    true,
    'The frame was incomplete when the next began, or when the instance was replaced.',
  );
  d.reason(
    'out-of-sequence',
    true,
    'The segment belongs to no frame that has begun, where messages come in order.',
  );
  d.reason('inconsistent', true, 'Segments overlap or contradict each other, so the whole frame is lost.');
  d.reason(
    'timed-out',
    true,
    'A segment, or the next fragment of a frame, did not come in time; a stream is reset.',
  );
  d.reason('no-memory', true, 'Too many frames are incomplete.');
  d.reason('beyond-window', true, 'The segment lies more than 66240 bytes beyond a hole.');
  d.reason('too-many-holes', true, 'The frame has more than 31 holes.');
  d.reason('too-many-under-way', true, 'More than 64 frames in fragments go out already.');
}

/** Ends a ticket for a `Reason`. */
export function end(out: Outcome, ticket: u32, reason: i32): void {
  out.end(ticket, <u16>reason);
}
