import { Description } from 'funnel-tunnel/as';
import { describeReasons as describeOfSrtp } from '../../srtp/assembly/reasons';

/** The reasons for which frames end here: those of srtp, and these behind them. */
export const enum Reason {
  none = -1,
  /** `malformed` of srtp. */
  malformed = 1,
  /** `no-room` of srtp. */
  noRoom = 12,
  notJoined = 13,
  noKey = 14,
  refused,
  ackOfRefusal,
  unreadableBody,
  messageTooLarge,
  overload,
  noCall,
  agreement,
}

export function describeReasons(d: Description): void {
  describeOfSrtp(d);
  d.reason(
    'no-key',
    true,
    'The media belongs to a call that must be protected, and has no key yet, or none any more.',
  );
  d.reason(
    'refused',
    true,
    'The piece answered the request with 488: its media cannot be protected as the policy requires.',
  );
  d.reason('ack-of-refusal', false, 'The ACK belongs to a refusal of the piece itself.');
  d.reason(
    'unreadable-body',
    true,
    'The body of the message may describe media, and cannot be read: it is encoded, signed, or malformed.',
  );
  d.reason('message-too-large', true, 'The message has more than 10240 bytes.');
  d.reason('overload', true, 'More messages came than calls of the piece can work on.');
  d.reason('no-call', true, 'The datagram has a port of media-ports, and belongs to no call.');
  d.reason('agreement', false, 'The packet belongs to the agreement on keys, in which the piece takes part.');
}
