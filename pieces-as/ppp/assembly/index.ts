/*
 * ppp: packets of IP over a stream, by the Point-to-Point Protocol
 *
 * PURPOSE
 *   Carries IPv4 and IPv6 over a stream of bytes, as modems and serial lines do. The two sides agree on
 *   addresses, on the size of packets and on what frames look like. On top of it the same pieces work as on
 *   Ethernet: the packets are the same.
 *
 * EDGES AND SHAPES
 *
 *                  ┌───────┐
 *   packets (up) ──┤  ppp  ├── carrier (down)
 *                  └───────┘
 *
 *   packets   ip, whole frames: what is carried
 *   carrier   CARRIER/local:PORT, whole frames; for a stream that this side opens, CARRIER/remote:REMOTE-PORT
 *
 *   `carrier` requires `ordered` and `duplicate-free`. `packets` has `framed`, with sizes of up to 65535, and
 *   what the carrier has of `reliable`, `ordered`, `duplicate-free`, `low-delay`, `encrypted` and
 *   `authenticated`.
 *   On `packets` it offers, while both sides agree: `address` (the IPv4 address with /32, and the link-local
 *   IPv6 address with /64), `route` (the address of the other side, and 0.0.0.0/0 and ::/0 with
 *   default-route), `mtu` and `up`.
 *
 * SETTINGS
 *   carrier         ip/tcp, ipv4/tcp or ipv6/tcp; default ip/tcp
 *   port            the port here, where the other side opens the stream; default 3000
 *   remote          the address of the other side; without it, the other side opens the stream
 *   remote-port     the port of the other side; without it, the same as `port`
 *   ipv4            whether IPv4 is carried; default true
 *   ipv6            whether IPv6 is carried; default true
 *   address         the IPv4 address here; without it, the other side assigns one
 *   peer-address    the IPv4 address of the other side; without it, it has its own
 *   interface       the IPv6 interface identifier here, such as 0:0:0:1; without it, random
 *   default-route   whether all addresses are reached through the other side; default false
 *   mru             bytes of the largest packet that is taken here, 1280 to 65535; default 1500
 *   echo            how often the other side is asked whether it is there; 0 for never; default 10s
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     merged             the bytes are part of a frame that another ticket carries
 *     control            the frame opened or closed the stream, or held packets of PPP itself
 *   Lost:
 *     not-joined         the other Edge is on no network
 *     not-connected      the stream to the other side is not open
 *     not-open           the two sides have not agreed on this network protocol
 *     busy               the bytes belong to a stream that was not opened here; a reset answers them
 *     malformed          the headers of the carrier are absent
 *     bad-frame          a frame has a wrong check sequence, was aborted, or is too long
 *     unknown-protocol   the protocol of a frame is not known here; a Protocol-Reject answers it
 *     too-large          the packet has more bytes than the other side takes
 *     too-many           the frame does not fit in one outcome
 *     unfinished         the host has yet to fill in checksums of the packet
 *
 * WHAT IT DOES NOT DO
 *   It serves one stream at a time. It does not authenticate (PAP, CHAP), encrypt or compress, and rejects
 *   what asks for that. It sends no Terminate-Request: the end of the stream ends the link. A loss within
 *   bytes that came together with packets that went on is in no counter. Where a packet came in part when the
 *   instance was replaced, it is lost; the link goes on.
 *
 * SPECIFICATION
 *   RFC 1661, the protocol and LCP; RFC 1662, frames on a stream; RFC 1332, IPCP; RFC 5072, IPv6CP.
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
  ValueCase,
  Wish,
} from 'funnel-tunnel/as';
import { Carrier } from '../../frame-sequence/assembly/carrier';
import { Configuration, describeSettings } from './configuration';
import { Fcs } from './fcs';
import { Framer } from './framer';
import { Offers } from './offers';
import { describeReasons, end, Reason } from './reasons';
import { Session } from './session';

const PACKETS: u16 = 0;
const CARRIER: u16 = 1;
const MOST_PACKET: u64 = 65_535;
/** The most that a packet of one byte grows by: headers of the carrier, flags, and each byte escaped. */
const GROWTH: i32 = 60 + 20;

class Ppp extends Piece {
  /** The queue behind the carrier is full. */
  private isCarrierFull: bool = false;

  describe(d: Description, settings: Settings): void {
    d.piece('ppp', '0.1.0', 'Packets of IP over a stream, by the Point-to-Point Protocol.');
    d.protocol('ipv4');
    d.protocol('ipv6');
    d.protocol('tcp');
    d.protocol('udp');
    describeSettings(d);
    describeReasons(d);
    Configuration.read(settings);
    const port = Configuration.hasRemote
      ? '/remote:' + Configuration.remote.port.toString()
      : '/local:' + Configuration.port.toString();
    d.edge('packets')
      .shape('ip', Direction.Up, Reach.WholeFrame)
      .wish(Wish.Available, 'framed')
      .wishBound(Wish.Available, 'size', ValueCase.AtMost, MOST_PACKET);
    d.edge('carrier')
      .shape(Configuration.carrier + port, Direction.Down, Reach.WholeFrame)
      .wish(Wish.Required, 'ordered')
      .wish(Wish.Required, 'duplicate-free');
    d.curve(PACKETS, 0, CARRIER, 0)
      .isOpaque()
      .keeps('reliable')
      .keeps('ordered')
      .keeps('duplicate-free')
      .keeps('low-delay')
      .keeps('encrypted')
      .keeps('authenticated')
      .grows(GROWTH);
  }

  start(now: f64, settings: Settings): void {
    Carrier.learn();
    Fcs.start();
    Session.start(now);
  }

  join(joining: Joining): void {
    if (joining.described == CARRIER) {
      Carrier.edge = joining.edge;
    } else if (Offers.edge != <i32>joining.edge) {
      Offers.edge = joining.edge;
      Offers.update();
    }
  }

  leave(edge: u16, _shape: u16): void {
    if (describedEdge(edge) == CARRIER && edgeOf(CARRIER) < 0) {
      Carrier.edge = -1;
      this.isCarrierFull = false;
      Session.lose();
    } else if (edgeOf(PACKETS) < 0) {
      Offers.leave();
    }
  }

  ready(edge: u16, ready: bool): void {
    if (<i32>edge == Carrier.edge) this.isCarrierFull = !ready;
  }

  state(state: State): void {
    Session.state(state);
  }

  process(now: f64, batch: Batch, out: Outcome): void {
    Framer.out = out;
    Session.run(now);
    for (let i = 0; i < batch.length; i++) {
      const frame = batch.frame(i);
      if (describedEdge(frame.edge) == PACKETS) Session.send(frame);
      else if (Carrier.read(frame, out)) Session.take(frame.ticket);
      else end(out, frame.ticket, Reason.malformed);
    }
    // A full queue that drops bytes would put the stream out of step.
    if (this.isCarrierFull && Offers.edge >= 0) out.pause(<u16>Offers.edge);
    out.wakeAt(Session.next);
  }
}

export function create(): Piece {
  return new Ppp();
}
