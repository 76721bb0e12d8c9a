// Media: packets that come to a port of ours from the place in a side's SDP go on to the other side, byte for
// byte, from our port toward that side. Bodies stay with the host.

import { Frame, Outcome } from 'funnel-tunnel/as';
import { Configuration } from './configuration';
import { beginDatagram, Datagram } from './datagram';
import { Dialogs } from './dialogs';
import { Edges, SHAPE_MEDIA, SHAPE_RTCP, SHAPE_RTP } from './edges';
import { portOf } from './endpoint';
import { NO_PAIR, Ports } from './ports';
import { Protocols } from './protocols';
import { Reason } from './reasons';
import { NO_END, Streams } from './streams';

/** Handles a frame that came to a port for media; `Datagram` has its headers. */
export function relay(now: f64, frame: Frame, out: Outcome): Reason {
  const pair = Ports.pairOf(Datagram.destinationPort);
  if (pair == NO_PAIR) return Reason.noCall;
  const isRtcp = (Datagram.destinationPort & 1) != 0;
  const first = Ports.head(Datagram.family, pair);
  if (first == NO_END) return Reason.noCall;
  const end = Streams.chained(first) == NO_END ? first : findEnd(first, isRtcp);
  if (end == NO_END || !Streams.isFrom(end, isRtcp, Datagram.source)) return Reason.foreignSource;
  if (Configuration.symmetric) Streams.learn(end, isRtcp, Datagram.source);
  Dialogs.hear(Streams.dialog(end >> 1), now);
  const other = Streams.opposite(end);
  if (!Streams.takes(other))
    return Streams.isNull(other) || !Streams.isKnown(other) ? Reason.onHold : Reason.forbiddenDestination;
  const from = Streams.pair(other);
  if (from == NO_PAIR) return Reason.onHold;
  const family = Streams.family(other);
  const to = isRtcp ? Streams.rtcp(other) : Streams.rtp(other);
  const port = Ports.port(from) + (isRtcp ? 1 : 0);
  const shape = Ports.shape(family, from, shapeOf(frame));
  if (shape < 0) return Reason.notJoined;
  if (!beginDatagram(out, Edges.media(family), <u16>shape, frame.ticket, port, to, Datagram.trafficClass))
    return Reason.notJoined;
  for (let i = Datagram.first; i < Datagram.last; i++) out.pass(frame.part(i));
  return Reason.none;
}

/** The end whose place is the source of the current packet, or at least has its host. */
function findEnd(first: i32, isRtcp: bool): i32 {
  let found = NO_END;
  for (let end = first; end != NO_END; end = Streams.chained(end)) {
    const place = isRtcp ? Streams.rtcp(end) : Streams.rtp(end);
    if (!Streams.isFrom(end, isRtcp, Datagram.source)) continue;
    if (portOf(place) == portOf(Datagram.source)) return end;
    if (found == NO_END) found = end;
  }
  return found;
}

/** Sends it on the same Shape of the other side, if the host has parsed it. */
function shapeOf(frame: Frame): u16 {
  if (Datagram.first >= Datagram.last) return SHAPE_MEDIA;
  const part = frame.part(Datagram.first);
  if (part.role != 0) return SHAPE_MEDIA;
  if (part.protocol == Protocols.rtp) return SHAPE_RTP;
  return part.protocol == Protocols.rtcp ? SHAPE_RTCP : SHAPE_MEDIA;
}
