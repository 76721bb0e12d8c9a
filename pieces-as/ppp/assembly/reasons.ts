import { Description, Outcome } from 'funnel-tunnel/as';

/** The reasons for which a frame ends here, in the order of `describeReasons`. */
export const enum Reason {
  merged,
  control,
  notJoined,
  notConnected,
  notOpen,
  busy,
  malformed,
  badFrame,
  unknownProtocol,
  tooLarge,
  tooMany,
  unfinished,
}

export function describeReasons(d: Description): void {
  d.reason('merged', false, 'The bytes are part of a frame that another ticket carries.');
  d.reason('control', false, 'The frame opened or closed the stream, or held packets of PPP itself.');
  d.reason('not-joined', true, 'The other Edge is on no network.');
  d.reason('not-connected', true, 'The stream to the other side is not open.');
  d.reason('not-open', true, 'The two sides have not agreed on this network protocol.');
  d.reason('busy', true, 'The bytes belong to a stream that was not opened here; a reset answers them.');
  d.reason('malformed', true, 'The headers of the carrier are absent.');
  d.reason('bad-frame', true, 'A frame of PPP has a wrong check sequence, was aborted, or is too long.');
  d.reason(
    'unknown-protocol',
    true,
    'The protocol of a frame is not known here; a Protocol-Reject answers it.',
  );
  d.reason('too-large', true, 'The packet has more bytes than the other side takes.');
  d.reason('too-many', true, 'The frame does not fit in one outcome.');
  d.reason('unfinished', true, 'The host has yet to fill in checksums of the packet.');
}

/** Ends a ticket for a `Reason`. */
export function end(out: Outcome, ticket: u32, reason: i32): void {
  out.end(ticket, <u16>reason);
}
