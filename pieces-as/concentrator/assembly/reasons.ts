import { Description } from 'funnel-tunnel/as';

/** The reasons for which a frame ends here, in the order of `describeReasons`. */
export const enum Reason {
  control,
  notJoined,
  notConnected,
  notServed,
  malformed,
  badMessage,
  stranger,
  unknownFlow,
  tooManyFlows,
  noTarget,
  farFull,
  tooMany,
}

export function describeReasons(d: Description): void {
  d.reason('control', false, 'The message opened, closed, refused or reset a flow.');
  d.reason('not-joined', true, 'The other Edge is on no network.');
  d.reason('not-connected', true, 'The far side has not contacted this one yet.');
  d.reason(
    'not-served',
    true,
    'The datagram is for a port that is not served, or from a server that no client asked.',
  );
  d.reason('malformed', true, 'Headers are missing, or the datagram comes in fragments.');
  d.reason('bad-message', true, 'The message of the far side is impossible, or of another version.');
  d.reason('stranger', true, 'The message comes from another host than the far side.');
  d.reason('unknown-flow', true, 'The flow of the data has ended; a message informs the far side.');
  d.reason('too-many-flows', true, 'As many flows are open as `flows` allows.');
  d.reason(
    'no-target',
    true,
    'The far side opened a flow to a port without target, or for another IP version; a message informs it.',
  );
  d.reason('far-full', true, 'The queue behind the Edge `far` is full.');
  d.reason('too-many', true, 'The frame fits in no outcome.');
}
