import { Description } from 'funnel-tunnel/as';

/** The reasons for which a frame ends in the proxy, in the order of `describeReasons`. */
export const enum Reason {
  /** The frame goes on. */
  none = -1,
  keepalive = 0,
  ackOfRefusal,
  repetition,
  longMessage,
  segment,
  waits,
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
  noConnection,
  beyondCredit,
  brokenOff,
  connectionsFull,
  slowPeer,
  noCall,
  foreignSource,
  onHold,
  noRoom,
}

/** Whether a frame that ends for it is lost. */
@inline
export function isLoss(reason: Reason): bool {
  return reason >= Reason.malformed;
}

export function describeReasons(description: Description): void {
  description.reason(
    'keepalive',
    false,
    'Line ends, or nothing, came to the port of SIP and keep an address mapping open.',
  );
  description.reason('ack-of-refusal', false, 'The ACK belongs to a refusal of our own.');
  description.reason(
    'repetition',
    false,
    'The request came before, and has gone by TCP, which loses nothing; its last response answers again.',
  );
  description.reason(
    'long-message',
    false,
    'A message of more than 1300 bytes was sent, which a path may not carry in one packet (RFC 3261 §18.1.1).',
  );
  description.reason(
    'segment',
    false,
    'The piece took the bytes of a TCP connection; or the segment opens, ends or acknowledges a stream.',
  );
  description.reason('waits', false, 'The message waits until its TCP connection is open, or has credit.');
  description.reason('malformed', true, 'The packet lacks an IP header, or one of UDP or TCP.');
  description.reason('no-sip', true, 'The datagram has no start line of SIP.');
  description.reason(
    'bad-request',
    true,
    'A header field is missing, repeated or unreadable, or Content-Length is wrong; 400 answers.',
  );
  description.reason('bad-version', true, 'The message has another version of SIP; 505 answers.');
  description.reason(
    'bad-scheme',
    true,
    'The URI is not sip, for example sips, which needs TLS; 416 answers.',
  );
  description.reason(
    'bad-extension',
    true,
    'Proxy-Require names an extension, and there is none; 420 answers.',
  );
  description.reason('hop-limit', true, 'Max-Forwards is 0; 483 answers.');
  description.reason(
    'loop',
    true,
    'The same request was here before, or would go to ourselves; 482 answers.',
  );
  description.reason('no-target', true, 'Nothing in the request says where it goes; 404 answers.');
  description.reason(
    'forbidden-destination',
    true,
    'The destination is null, loopback, multicast, link-local or ourselves, which is not allowed; 403 answers.',
  );
  description.reason('not-joined', true, 'The Edge of the other IP version is on no network; 503 answers.');
  description.reason('too-large', true, 'With our headers, the message fits in no datagram; 513 answers.');
  description.reason('overload', true, 'More messages came than calls of the piece can work on.');
  description.reason('calls-full', true, 'There are as many calls as `calls` allows; 503 answers.');
  description.reason('no-ports', true, 'No port for media can be opened; 503 answers.');
  description.reason('too-many-streams', true, 'The message has more than 16 lines of media; 488 answers.');
  description.reason('bad-response', true, 'The response is unreadable.');
  description.reason('stray-response', true, 'The response belongs to no request that we sent.');
  description.reason('no-connection', true, 'The bytes belong to no TCP connection of ours.');
  description.reason('beyond-credit', true, 'A TCP connection brought more than there was credit for.');
  description.reason('broken-off', true, 'A TCP connection ended within a message.');
  description.reason(
    'connections-full',
    true,
    'There are as many TCP connections as `connections` allows; 503 answers a request.',
  );
  description.reason('slow-peer', true, 'Too much waits for a TCP connection; 503 answers a request.');
  description.reason('no-call', true, 'Media came to a port that serves no call.');
  description.reason('foreign-source', true, 'Media came from a host that no SDP named.');
  description.reason(
    'on-hold',
    true,
    'The side to which the media goes is on hold, or has not said where it is.',
  );
  description.reason('no-room', true, 'The outcome of the call to the piece is full.');
}
