import { Description, Outcome } from 'funnel-tunnel/as';

/** Why a frame ends here, in the order in which `describeReasons` lists them. */
export const enum Reason {
  accepted,
  data,
  acknowledgement,
  handshake,
  control,
  closing,
  duplicate,
  notJoined,
  malformed,
  badChecksum,
  badTag,
  badChunk,
  badParameter,
  badSack,
  badCookie,
  staleCookie,
  notListening,
  outOfTheBlue,
  wrongState,
  unknownChunk,
  violation,
  invalidStream,
  noBuffer,
  beyondWindow,
  badMessage,
  tooLarge,
  sendBufferFull,
  tooManyAssociations,
  shuttingDown,
}

/** Names, and whether the frame is lost, in the order of `Reason`. */
const NAMES: string[] = [
  'accepted',
  'data',
  'acknowledgement',
  'handshake',
  'control',
  'closing',
  'duplicate',
  'not-joined',
  'malformed',
  'bad-checksum',
  'bad-tag',
  'bad-chunk',
  'bad-parameter',
  'bad-sack',
  'bad-cookie',
  'stale-cookie',
  'not-listening',
  'out-of-the-blue',
  'wrong-state',
  'unknown-chunk',
  'violation',
  'invalid-stream',
  'no-buffer',
  'beyond-window',
  'bad-message',
  'too-large',
  'send-buffer-full',
  'too-many-associations',
  'shutting-down',
];

export function describeReasons(d: Description): void {
  for (let i = 0; i < NAMES.length; i++) d.reason(NAMES[i], i >= Reason.notJoined);
}

/** A ticket ends, for a `Reason`. */
export function end(out: Outcome, ticket: u32, reason: i32): void {
  out.end(ticket, <u16>reason);
}
