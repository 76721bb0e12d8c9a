import { Description } from 'funnel-tunnel/as';

/** Why a frame ends here, in the order in which `describeReasons` lists them. */
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

const NAMES: string[] = [
  'control',
  'not-joined',
  'not-connected',
  'not-served',
  'malformed',
  'bad-message',
  'stranger',
  'unknown-flow',
  'too-many-flows',
  'no-target',
  'far-full',
  'too-many',
];

export function describeReasons(d: Description): void {
  for (let i = 0; i < NAMES.length; i++) d.reason(NAMES[i], i >= Reason.notJoined);
}
