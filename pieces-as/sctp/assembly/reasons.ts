import { Description, Outcome } from 'funnel-tunnel/as';

/** The reasons for which a frame ends here, in the order of `describeReasons`. */
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
  abandoned,
  noBuffer,
  beyondWindow,
  badMessage,
  tooLarge,
  sendBufferFull,
  tooManyAssociations,
  shuttingDown,
  notSupported,
}

export function describeReasons(d: Description): void {
  d.reason(
    'accepted',
    false,
    'The piece took a message, or a chunk that opens or closes an association, from above.',
  );
  d.reason('data', false, 'The packet brought new data.');
  d.reason('acknowledgement', false, 'The packet acknowledged data (SACK).');
  d.reason('handshake', false, 'The packet set up an association (INIT, INIT ACK, COOKIE ECHO, COOKIE ACK).');
  d.reason(
    'control',
    false,
    'The packet was a HEARTBEAT, HEARTBEAT ACK, ERROR, FORWARD TSN, RE-CONFIG or PAD.',
  );
  d.reason(
    'closing',
    false,
    'The packet ended an association (SHUTDOWN, SHUTDOWN ACK, SHUTDOWN COMPLETE, ABORT).',
  );
  d.reason('duplicate', false, 'The data had come before, or the SACK is an older one.');
  d.reason('not-joined', true, 'The other Edge is on no network.');
  d.reason('malformed', true, 'Headers are missing, or a port is 0.');
  d.reason('bad-checksum', true, 'The checksum (CRC32c) is wrong.');
  d.reason('bad-tag', true, 'The verification tag is not ours.');
  d.reason('bad-chunk', true, 'A chunk has an impossible length, or stands where it must not.');
  d.reason('bad-parameter', true, 'A parameter, or a value of INIT or INIT ACK, is impossible.');
  d.reason('bad-sack', true, 'The Gap Ack Blocks are impossible, or more than one call may bring.');
  d.reason('bad-cookie', true, 'The cookie was not made here, or was changed.');
  d.reason('stale-cookie', true, 'The cookie is too old.');
  d.reason('not-listening', true, 'The INIT is for a port that takes no associations.');
  d.reason('out-of-the-blue', true, 'The packet belongs to no association.');
  d.reason('wrong-state', true, 'The state of the association does not allow the chunk.');
  d.reason('unknown-chunk', true, 'The type of the chunk is unknown.');
  d.reason('violation', true, 'The association was aborted, because the other side broke the protocol.');
  d.reason('invalid-stream', true, 'The data is for a stream that does not exist.');
  d.reason('abandoned', true, 'The data belongs to a message that the peer has given up.');
  d.reason('no-buffer', true, 'There is no room for the data that came.');
  d.reason('beyond-window', true, 'The TSN is more than 4096 beyond the last in sequence.');
  d.reason('bad-message', true, 'The message from above has impossible headers, or an impossible chunk.');
  d.reason(
    'too-large',
    true,
    'The message from above has more bytes than `max-message`, or comes in fragments.',
  );
  d.reason('send-buffer-full', true, 'There is no room for the message from above.');
  d.reason('too-many-associations', true, 'There is no room for another association.');
  d.reason('shutting-down', true, 'The message came from above while the association was being closed.');
  d.reason('not-supported', true, 'The peer does not support what the chunk from above wants.');
}

/** Ends a ticket for a `Reason`. */
export function end(out: Outcome, ticket: u32, reason: i32): void {
  out.end(ticket, <u16>reason);
}
