import { Description } from 'funnel-tunnel/as';

/** The reasons for which a frame ends here, in the order of `describeReasons`. */
export const enum Reason {
  taken,
  control,
  ignored,
  malformed,
  badMessage,
  stranger,
  tableFull,
  conflict,
}

export function describeReasons(d: Description): void {
  d.reason('taken', false, 'The packet of mDNS was read; only its changes cross.');
  d.reason('control', false, 'The message of the far side was read.');
  d.reason(
    'ignored',
    false,
    'The packet has another operation, an error code, or comes from another port than mDNS demands.',
  );
  d.reason('malformed', true, 'The packet is no mDNS over IPv4, or contradicts itself.');
  d.reason('bad-message', true, 'The message of the far side is impossible, or of another version.');
  d.reason('stranger', true, 'The message comes from another host than the far side.');
  d.reason('table-full', true, 'As many records are known as `records` allows, or a record is too large.');
  d.reason(
    'conflict',
    true,
    'A host here has the name of a unique record of the far side, so that record is not announced here.',
  );
}
