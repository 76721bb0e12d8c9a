/*
 * sctp: SCTP as a component, over UDP or on IP, for machines whose kernel has none
 *
 * PURPOSE
 *   Opens associations to peers, or takes theirs, and carries messages on many streams: reliably, each stream
 *   in its own order. Peers are this piece, usrsctp, and the SCTP of any kernel that has the encapsulation in
 *   UDP of RFC 6951.
 *
 * EDGES AND SHAPES
 *
 *                 ┌────────┐
 *   streams (up) ─┤  sctp  ├─ carrier (down)
 *                 └────────┘
 *
 *   streams   ip/sctp, whole frames: messages, as packets with one DATA chunk each. A neighbour that wants
 *             one port and one payload protocol takes ip/sctp/local:PORT/sctp-data/PPID; the ports on which
 *             neighbours listen take associations
 *   carrier   ip/udp/local:ENCAPSULATION, whole frames: packets in UDP. Or ip/sctp, whole frames: packets on
 *             IP, of a raw socket
 *
 *   `streams` has `reliable`, `ordered`, `duplicate-free` and `framed`, with sizes of up to max-message.
 *   `carrier` requires sizes of mtu. `streams` also has `encrypted` and `authenticated`, if the carrier has
 *   them.
 *
 * FRAMES ON `streams`
 *   Down: the addresses of IP, the ports of SCTP, and one chunk. DATA is a message. Its stream, payload
 *   protocol (PPID) and flags U (unordered) and I (acknowledge at once) count. A message to a peer without an
 *   association opens one. INIT opens one without a message. SHUTDOWN closes one when all is delivered, and
 *   ABORT closes it at once. RE-CONFIG with an Outgoing SSN Reset Request resets the streams that it names,
 *   or all; messages that come later wait until that is done, or denied. RE-CONFIG with an Add Outgoing
 *   Streams Request adds streams, up to `streams`. Both leave their sequence numbers and TSN 0. Up: DATA with
 *   a whole message, both flags of fragments set. With `notices` also COOKIE ACK when an association is open,
 *   SHUTDOWN COMPLETE when it was closed, and ABORT when it was lost; RE-CONFIG with an Outgoing SSN Reset
 *   Request behind the last message before the peer reset its streams, and with a Re-configuration Response
 *   when ours are reset or added.
 *
 * SETTINGS
 *   encapsulation              the UDP port of this side; default 9899
 *   remote-encapsulation       the UDP port of peers that this side contacts first, 0 for SCTP on IP; default
 *                              9899. Afterwards it is the port of the last packet with the right verification
 *                              tag
 *   port                       a port of SCTP that takes associations, besides those that neighbours listen
 *                              on; may be repeated
 *   mtu                        bytes of the largest IP packet that is sent, 576 to 9000; default 1280
 *   associations               most associations at a time, 1 to 64; default 16
 *   streams                    streams of an association in each direction, 1 to 65535; default 256
 *   send-buffer                bytes of waiting or unacknowledged user data of an association; default 262144
 *   receive-buffer             bytes of received user data that an association keeps; default 262144
 *   max-message                bytes of the largest message, no more than send-buffer; default 65519
 *   reliability                streams whose messages are given up, and when: "STREAMS lifetime DURATION"
 *                              after that time if they still wait, or are lost; "STREAMS resends COUNT" after
 *                              as many resends; "STREAMS priority NUMBER" where a message of a lower number
 *                              needs the room, as all messages of other streams do. STREAMS is a number or a
 *                              range such as 4-7. May be repeated; the last one for a stream counts
 *   interleaving               large messages of one stream let those of others pass, if the peer can do it;
 *                              default false
 *   zero-checksum              the carrier detects errors as DTLS does, so packets need no checksum; default
 *                              false. It is not for packets in UDP or on IP without such protection
 *   rto-initial                RTO.Initial of RFC 9260 §16; default 1s
 *   rto-min                    RTO.Min; default 1s
 *   rto-max                    RTO.Max; default 60s
 *   max-retransmits            Association.Max.Retrans; default 10
 *   path-max-retransmits       Path.Max.Retrans; default 5
 *   max-init-retransmits       Max.Init.Retransmits; default 8
 *   heartbeat                  HB.interval; default 30s
 *   cookie-life                Valid.Cookie.Life; default 60s
 *   abort-rate                 answers in a second to packets of no association, 0 for none; default 20
 *   notices                    pass up the chunks that report the state of associations; default false
 *
 * COUNTERS AND REASONS
 *   A packet is counted for the first thing that is wrong in it, else as data, else for its first chunk.
 *   No loss:
 *     accepted              the piece took a message, or a chunk that opens or closes an association, from
 *                           above
 *     data                  the packet brought new data
 *     acknowledgement       the packet acknowledged data (SACK)
 *     handshake             the packet set up an association (INIT, INIT ACK, COOKIE ECHO, COOKIE ACK)
 *     control               the packet was a HEARTBEAT, HEARTBEAT ACK, ERROR, FORWARD TSN, RE-CONFIG or
 *                           PAD
 *     closing               the packet ended an association (SHUTDOWN, SHUTDOWN ACK, SHUTDOWN COMPLETE,
 *                           ABORT)
 *     duplicate             the data had come before, or the SACK is an older one
 *   Lost:
 *     not-joined            the other Edge is on no network
 *     malformed             headers are missing, or a port is 0
 *     bad-checksum          the CRC32c of the packet is wrong
 *     bad-tag               the verification tag is not ours
 *     bad-chunk             a chunk has an impossible length, or stands where it must not
 *     bad-parameter         a parameter, or a value of INIT or INIT ACK, is impossible
 *     bad-sack              the Gap Ack Blocks are impossible, or more than one call may bring
 *     bad-cookie            the cookie was not made here, or was changed
 *     stale-cookie          the cookie is too old
 *     not-listening         the INIT is for a port that takes no associations
 *     out-of-the-blue       the packet belongs to no association
 *     wrong-state           the state of the association does not allow the chunk
 *     unknown-chunk         the type of the chunk is unknown
 *     violation             the association was aborted for it: fragments that contradict each other, an
 *                           acknowledgement of what was never sent, a chunk without data, a restart with new
 *                           addresses
 *     invalid-stream        the data is for a stream that does not exist
 *     abandoned             the data belongs to a message that the peer has given up
 *     no-buffer             there is no room for the data that came
 *     beyond-window         the TSN is more than 4096 beyond the last in sequence
 *     bad-message           the message from above has impossible headers, or an impossible chunk
 *     too-large             a message from above has more bytes than max-message, or comes in fragments; or
 *                           receive-buffer and twice max-message are too small for a message of the peer,
 *                           and the association was aborted for it
 *     send-buffer-full      there is no room for the message from above
 *     too-many-associations there is no room for another association
 *     shutting-down         the message came from above while the association was being closed
 *     not-supported         the peer does not support what the chunk from above wants
 *
 * WHAT IT DOES NOT DO
 *   It announces no addresses of its own (RFC 6951 §5.7), and uses up to four of a peer. It ignores ICMP,
 *   and does not search for the path's MTU: `mtu` must fit. No authentication, dynamic addresses, ECN. It
 *   denies a peer's request to reset all TSNs, or to add streams to those to the peer. When an association
 *   is lost, the piece does not report its messages one by one; the log has their number, and that of those
 *   which were given up. It encrypts nothing: any host that sees the packets can forge them.
 *
 * SPECIFICATION
 *   RFC 9260, SCTP. RFC 6951, its encapsulation in UDP. RFC 3758 and RFC 7496, partial reliability: used
 *   where the peer supports it. Before a message is sent, it can be given up whatever the peer supports.
 *   RFC 6525, stream reset. RFC 8260, interleaving. RFC 9653, packets without a checksum.
 */
import {
  Batch,
  Description,
  Direction,
  describedEdge,
  edgeOf,
  Joining,
  Outcome,
  Piece,
  Reach,
  Settings,
  State,
  Text,
  ValueCase,
  Wish,
} from 'funnel-tunnel/as';
import { Above } from './above';
import { Associations } from './association';
import { Carrier } from './carrier';
import { Closing } from './closing';
import { Configuration, describeSettings } from './configuration';
import { AssociationState } from './constants';
import { Cookies } from './cookie';
import { prepareCrc32c } from './crc32c';
import { Inbound } from './inbound';
import { Initiation } from './initiation';
import { Messages } from './messages';
import { Ports } from './ports';
import { ReConfig } from './re-config';
import { describeReasons } from './reasons';
import { Reliability } from './reliability';
import { Report } from './report';
import { Sack } from './sack';
import { Store } from './store';
import { Timers } from './timers';
import { Transmission } from './transmission';

const STREAMS: u16 = 0;
const CARRIER: u16 = 1;

class Sctp extends Piece {
  describe(d: Description, settings: Settings): void {
    d.piece('sctp', '0.1.0', 'SCTP over UDP or IP: associations with streams of messages.');
    describeSettings(d);
    describeReasons(d);
    Configuration.read(settings);
    Reliability.read(settings);
    Carrier.describe(d);
    Above.describe(d);
    d.edge('streams')
      .shape('ip/sctp', Direction.Up, Reach.WholeFrame)
      .wish(Wish.Available, 'reliable')
      .wish(Wish.Available, 'ordered')
      .wish(Wish.Available, 'duplicate-free')
      .wish(Wish.Available, 'framed')
      .wishBound(Wish.Available, 'size', ValueCase.AtMost, Configuration.maxMessage);
    d.edge('carrier')
      .shape('ip/udp/local:' + Configuration.encapsulation.toString(), Direction.Down, Reach.WholeFrame)
      .wishBound(Wish.Required, 'size', ValueCase.AtLeast, Configuration.mtu)
      .shape('ip/sctp', Direction.Down, Reach.WholeFrame)
      .wishBound(Wish.Required, 'size', ValueCase.AtLeast, Configuration.mtu);
    // The piece makes new packets, so it does not parse one side as it parses the other.
    for (let shape: u16 = 0; shape < 2; shape++)
      d.curve(STREAMS, 0, CARRIER, shape).isOpaque().keeps('encrypted').keeps('authenticated');
  }

  start(now: f64, settings: Settings): void {
    Carrier.learn();
    Above.learn();
    prepareCrc32c();
    Initiation.start();
    Cookies.start(now);
    Ports.start(settings);
    Store.start(
      <u32>Configuration.associations *
        (Configuration.sendBlocks + Configuration.receiveBlocks + Configuration.reserveBlocks),
    );
    Associations.start();
    Report.start();
  }

  join(joining: Joining): void {
    if (joining.described == CARRIER) Carrier.edge = joining.edge;
    else Above.edge = joining.edge;
  }

  leave(_edge: u16, _shape: u16): void {
    if (edgeOf(CARRIER) < 0) Carrier.edge = -1;
    if (edgeOf(STREAMS) < 0) Above.edge = -1;
    if (Carrier.edge < 0) Carrier.isFull = false;
    if (Above.edge < 0) Above.isFull = false;
  }

  listening(_edge: u16, stack: Text, present: bool): string | null {
    Ports.listen(stack, present);
    return null;
  }

  ready(edge: u16, ready: bool): void {
    if (<i32>edge == Carrier.edge) Carrier.isFull = !ready;
    else if (<i32>edge == Above.edge) Above.isFull = !ready;
  }

  state(state: State): void {
    Cookies.state(state);
    Associations.state(state);
  }

  process(now: f64, batch: Batch, out: Outcome): void {
    Sack.begin();
    Transmission.isHeldUp = false;
    for (let i = 0; i < batch.length; i++) {
      const frame = batch.frame(i);
      if (describedEdge(frame.edge) == STREAMS) Messages.take(frame, now, out);
      else Inbound.take(frame, now, out);
    }
    for (let i = 0; i < Configuration.associations; i++) {
      const association = Associations.all[i];
      if (association.state == AssociationState.closed) continue;
      if (association.next <= now) Timers.run(association, now, out);
    }
    Above.deliver(out);
    let isFull = false;
    for (let i = 0; i < Configuration.associations; i++) {
      const association = Associations.all[i];
      if (association.state == AssociationState.closed) continue;
      Transmission.run(association, now, out);
      if (association.isOpen) ReConfig.proceed(association, now, out);
      // Giving up messages may have left nothing to send.
      if (association.isOpen) Closing.proceed(association, now, out);
      if (association.state == AssociationState.closed) continue;
      isFull = isFull || association.outgoing.isAlmostFull;
      out.wakeAt(association.next);
    }
    if (isFull && Above.edge >= 0) out.pause(<u16>Above.edge);
    if (Above.isHeldUp || Transmission.isHeldUp) out.wakeAt(now);
    Report.update();
  }
}

export function create(): Piece {
  return new Sctp();
}
