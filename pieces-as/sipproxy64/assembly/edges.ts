// The two Edges and their Shapes. Both have the same order, so frames leave on the Shape with the number of
// theirs.

import {
  CurveDescription,
  Description,
  Direction,
  describedEdge,
  EdgeDescription,
  joinedCount,
  joinedEdge,
  joinedShape,
  Reach,
} from 'funnel-tunnel/as';
import { Configuration } from './configuration';

@inline export const EDGE_IPV4: u16 = 0;
@inline export const EDGE_IPV6: u16 = 1;

/** Messages that the host has parsed. */
@inline export const SHAPE_SIP: u16 = 0;
/** Other data on the port of SIP: keepalives, and messages to refuse. */
@inline export const SHAPE_DATAGRAM: u16 = 1;
@inline export const SHAPE_RTP: u16 = 2;
@inline export const SHAPE_RTCP: u16 = 3;
/** Other data on a port of media: UDPTL, STUN, DTLS. */
@inline export const SHAPE_MEDIA: u16 = 4;
/** TCP connections to the port of SIP. */
@inline export const SHAPE_ACCEPTED: u16 = 5;
/** TCP connections that we open: it listens by the port of the peer. */
@inline export const SHAPE_OPENED: u16 = 6;
@inline const DATAGRAM_SHAPES: u16 = 5;

/** The joined Edges, or -1: of signalling, of media and of streams, which may be on separate networks. */
export abstract class Edges {
  private static sip4: i32 = -1;
  private static sip6: i32 = -1;
  private static media4: i32 = -1;
  private static media6: i32 = -1;
  private static stream4: i32 = -1;
  private static stream6: i32 = -1;

  @inline static sip(family: u32): i32 {
    return family == 4 ? Edges.sip4 : Edges.sip6;
  }

  @inline static media(family: u32): i32 {
    return family == 4 ? Edges.media4 : Edges.media6;
  }

  @inline static stream(family: u32): i32 {
    return family == 4 ? Edges.stream4 : Edges.stream6;
  }

  /** Reads the joined Edges again. */
  static learn(): void {
    Edges.sip4 = Edges.sip6 = Edges.media4 = Edges.media6 = Edges.stream4 = Edges.stream6 = -1;
    for (let i = joinedCount() - 1; i >= 0; i--) {
      const edge = <i32>joinedEdge(i);
      const is4 = describedEdge(<u16>edge) == EDGE_IPV4;
      if (joinedShape(i) >= SHAPE_ACCEPTED) {
        if (is4) Edges.stream4 = edge;
        else Edges.stream6 = edge;
      } else if (joinedShape(i) <= SHAPE_DATAGRAM) {
        if (is4) Edges.sip4 = edge;
        else Edges.sip6 = edge;
      } else {
        if (is4) Edges.media4 = edge;
        else Edges.media6 = edge;
      }
    }
  }

  static describe(description: Description): void {
    describeEdge(description.edge('ipv4'), 'ipv4');
    describeEdge(description.edge('ipv6'), 'ipv6');
    for (let shape: u16 = 0; shape < DATAGRAM_SHAPES; shape++) {
      // An IPv6 header has 20 bytes more, so a message gains at least that; the rest depends on its contents.
      keeps(description.curve(EDGE_IPV4, shape, EDGE_IPV6, shape)).grows(20);
      // A phone may change its family in the middle of a call, and a proxy of the other family may send a
      // call back.
      keeps(description.curve(EDGE_IPV4, shape, EDGE_IPV4, shape));
      keeps(description.curve(EDGE_IPV6, shape, EDGE_IPV6, shape));
    }
    describeStreams(description);
  }
}

function describeEdge(edge: EdgeDescription, network: string): void {
  const port = Configuration.port.toString();
  edge.shape(network + '/udp/local:' + port + '/sip', Direction.Down, Reach.WholeFrame);
  edge.shape(network + '/udp/local:' + port, Direction.Down, Reach.WholeFrame);
  edge.shape(network + '/udp/*/rtp', Direction.Down, Reach.Headers);
  edge.shape(network + '/udp/*/rtcp', Direction.Down, Reach.Headers);
  edge.shape(network + '/udp/*', Direction.Down, Reach.Headers);
  edge.shape(network + '/tcp/local:' + port, Direction.Down, Reach.WholeFrame);
  edge.shape(network + '/tcp/*', Direction.Down, Reach.WholeFrame);
}

/**
 * A message may come by a stream and leave in a datagram, or the other way round; and from each stream to
 * each.
 */
function describeStreams(description: Description): void {
  for (let from = 0; from < 4; from++) {
    const edge = <u16>(from >> 1);
    const stream = SHAPE_ACCEPTED + <u16>(from & 1);
    for (let shape = SHAPE_SIP; shape <= SHAPE_DATAGRAM; shape++) {
      description.curve(edge, stream, EDGE_IPV4, shape).isOpaque();
      description.curve(edge, stream, EDGE_IPV6, shape).isOpaque();
    }
    for (let to = from; to < 4; to++)
      description.curve(edge, stream, <u16>(to >> 1), SHAPE_ACCEPTED + <u16>(to & 1)).isOpaque();
  }
}

function keeps(curve: CurveDescription): CurveDescription {
  return curve.keeps('framed').keeps('ordered').keeps('duplicate-free').keeps('low-delay');
}
