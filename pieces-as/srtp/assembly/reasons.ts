import { Description } from 'funnel-tunnel/as';

/** The reasons for which frames end here, in the order of `describeReasons`. */
export const enum Reason {
  notMedia,
  malformed,
  forged,
  replayed,
  tooOld,
  repeated,
  late,
  unknownKey,
  tooManyStreams,
  keyUsedUp,
  tooFast,
  tooLarge,
  noRoom,
  notJoined,
}

export function describeReasons(d: Description): void {
  d.reason('not-media', true, 'The packet is neither RTP, RTCP, STUN, TURN, DTLS nor ZRTP (RFC 7983).');
  d.reason('malformed', true, 'A length in the packet is wrong, or the packet is too short.');
  d.reason(
    'forged',
    true,
    'The tag of the packet is wrong: the keys of the two sides differ, or somebody changed the packet.',
  );
  d.reason('replayed', true, 'A packet with this index has come before (RFC 3711 §3.3.2).');
  d.reason('too-old', true, 'The packet is older than the window, so it may have come before.');
  d.reason('repeated', false, 'The plain side sent a packet again. It is not encrypted for a second time.');
  d.reason('late', true, 'The packet of the plain side is older than the window.');
  d.reason('unknown-key', true, 'The packet names a key by an MKI that no setting has.');
  d.reason('too-many-streams', true, 'There are as many streams as the setting contexts permits.');
  d.reason(
    'key-used-up',
    true,
    'The key has protected as many packets as it may, or a state too old was restored: give a new key.',
  );
  d.reason('too-fast', true, 'The source sends more than 2000 packets in a second.');
  d.reason('too-large', true, 'The packet is larger than one frame.');
  d.reason('no-room', true, 'The outcome of the call to the piece is full.');
  d.reason('not-joined', true, 'The other Edge is on no network.');
}
