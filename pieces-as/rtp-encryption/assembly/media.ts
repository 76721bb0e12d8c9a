// Media: finds the line to which a datagram belongs, by where it goes and where it comes from.

import { portOf, sameAddress } from '../../sipproxy64/assembly/endpoint';
import { Configuration } from './configuration';
import { Datagram } from './datagram';
import { Dialogs, Phase } from './dialogs';
import { Line, Lines, Mode, NO_LINE } from './lines';
import { Places } from './places';
import { PLAIN } from './sides';

/** How well a line fits a datagram: the larger the better. */
const FROM_PLACE: i32 = 8;
const FROM_ADDRESS: i32 = 4;
const HAS_NOT_ENDED: i32 = 2;
const IS_AGREED: i32 = 1;

/**
 * The line of the current datagram, which comes from a side; `NO_LINE` if it belongs to no call. It goes to
 * the place of a line on the other side; several lines may have one, as those of the forks of a call, and
 * then its source decides. Where it goes elsewhere, as through a NAT, its source alone decides.
 */
export function findLine(side: i32): i32 {
  const found = findAt(1 - side, Datagram.destination, side, Datagram.source);
  return found != NO_LINE ? found : findAt(side, Datagram.source, 1 - side, Datagram.destination);
}

function findAt(side: i32, place: usize, otherSide: i32, other: usize): i32 {
  let best = NO_LINE;
  let most = -1;
  for (let entry = Places.first(side, portOf(place)); entry >= 0; entry = Places.next(entry)) {
    const id = Places.line(entry);
    const line = Lines.at(id);
    if (!sameAddress(line.placeOf(side, Places.kind(entry)), place)) continue;
    const fit = fitOf(line, otherSide, other);
    if (fit <= most) continue;
    most = fit;
    best = id;
  }
  return best;
}

function fitOf(line: Line, side: i32, other: usize): i32 {
  let fit = 0;
  if (line.isPlaced[side]) {
    const rtp = line.placeOf(side, 0);
    const rtcp = line.placeOf(side, 1);
    const isSame = sameAddress(rtp, other);
    if (
      (isSame && portOf(rtp) == portOf(other)) ||
      (sameAddress(rtcp, other) && portOf(rtcp) == portOf(other))
    )
      fit = FROM_PLACE;
    else if (isSame) fit = FROM_ADDRESS;
  }
  if (Dialogs.at(line.dialog).phase != Phase.ended) fit += HAS_NOT_ENDED;
  if (line.mode == Mode.secured || line.mode == Mode.clear) fit += IS_AGREED;
  return fit;
}

/** Whether the current datagram, which comes from a side, has a port that carries only media of calls. */
export function isMediaPort(side: i32): bool {
  if (Configuration.firstMediaPort == 0) return false;
  const port = portOf(side == PLAIN ? Datagram.source : Datagram.destination);
  return port >= Configuration.firstMediaPort && port <= Configuration.lastMediaPort;
}
