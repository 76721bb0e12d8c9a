import { Description } from 'funnel-tunnel/as';

/** Why a frame ends in the proxy, in the order in which `describeReasons` tells them. */
export const enum Reason {
  /** It goes on. */
  none = -1,
  keepalive = 0,
  ackOfRefusal,
  longMessage,
  malformed,
  noSip,
  badRequest,
  badVersion,
  badScheme,
  badExtension,
  hopLimit,
  loop,
  noTarget,
  forbiddenDestination,
  notJoined,
  tooLarge,
  overload,
  callsFull,
  noPorts,
  tooManyStreams,
  badResponse,
  strayResponse,
  noCall,
  foreignSource,
  onHold,
  noRoom,
}

export function describeReasons(description: Description): void {
  description.reason('keepalive', false);
  description.reason('ack-of-refusal', false);
  description.reason('long-message', false);
  description.reason('malformed', true);
  description.reason('no-sip', true);
  description.reason('bad-request', true);
  description.reason('bad-version', true);
  description.reason('bad-scheme', true);
  description.reason('bad-extension', true);
  description.reason('hop-limit', true);
  description.reason('loop', true);
  description.reason('no-target', true);
  description.reason('forbidden-destination', true);
  description.reason('not-joined', true);
  description.reason('too-large', true);
  description.reason('overload', true);
  description.reason('calls-full', true);
  description.reason('no-ports', true);
  description.reason('too-many-streams', true);
  description.reason('bad-response', true);
  description.reason('stray-response', true);
  description.reason('no-call', true);
  description.reason('foreign-source', true);
  description.reason('on-hold', true);
  description.reason('no-room', true);
}
