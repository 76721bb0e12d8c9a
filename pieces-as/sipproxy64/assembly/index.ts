/*
 * sipproxy64: lets phones of IPv4 and phones of IPv6 call each other
 *
 * PURPOSE
 *   Stands between phones, registrars and proxies of IPv4 and those of IPv6, as a stateless proxy of SIP
 *   (RFC 3261 §16.11). It changes the addresses in messages, and relays the media that their SDP describes.
 *
 * EDGES AND SHAPES
 *
 *                           ┌──────────────────────────────┐
 *     ipv4/udp/PORT/sip  0 ─┤ addresses in URIs, Via, SDP  ├─ 0  ipv6/udp/PORT/sip
 *     ipv4/udp/PORT      1 ─┤ keepalives, refused messages ├─ 1  ipv6/udp/PORT
 *     ipv4/udp/M/rtp     2 ─┤ media of a call, unchanged   ├─ 2  ipv6/udp/M/rtp
 *     ipv4/udp/M/rtcp    3 ─┤ the same                     ├─ 3  ipv6/udp/M/rtcp
 *     ipv4/udp/M         4 ─┤ the same: UDPTL, STUN, DTLS  ├─ 4  ipv6/udp/M
 *     ipv4/tcp/PORT      5 ─┤ connections to us: messages  ├─ 5  ipv6/tcp/PORT
 *     ipv4/tcp/P         6 ─┤ connections that we open     ├─ 6  ipv6/tcp/P
 *                           └──────────────────────────────┘
 *
 *   ipv4   down; whole frames on Shapes 0, 1, 5 and 6, headers on the others. M stands for ports of
 *          `media-ports`, which the piece listens on in blocks of 16 pairs; P for the ports of peers
 *   ipv6   down; the same
 *
 *   Shapes 5 and 6 join the endpoint `tcp`. Without it, SIP goes by UDP only. A request goes by TCP where its
 *   URI or the setting has `transport=tcp`, and where it has more than 1300 bytes (by UDP after all, when the
 *   peer does not open the connection within 4 s). A response goes by TCP where its request came by TCP. When
 *   a connection fails, 503 answers each request that waits for it (RFC 3261 §16.9).
 *
 *   Each Shape has a Hairpin: a proxy of the other family may send a call back, and a phone may change its
 *   family in the middle of a call.
 *
 * SETTINGS
 *   ipv4            our IPv4 address, to which phones of IPv4 send; required
 *   ipv6            our IPv6 address, to which phones of IPv6 send; required
 *   port            the port of SIP, of UDP and of TCP, in both families; default 5060
 *   media-ports     the ports for media, in both families, from an even one to an odd one;
 *                   default 30000-39999
 *   proxy4          the registrar or proxy for IPv4 requests that name no address, such as 192.0.2.9:5060
 *                   or 192.0.2.9:5060;transport=tcp
 *   proxy6          the same for IPv6, such as [2001:db8::9]:5060. Where one of the two is set, contacts
 *                   count as registered only by a response of its host
 *   phone           a phone that does not register, such as bob=[2001:db8::7]:5060, with or
 *                   without ;transport=tcp; may be repeated
 *   domain          a host name in URIs that stands for this proxy; may be repeated
 *   calls           dialogs with relayed media at a time, up to 4000; default 1000
 *   registrations   contacts known from registrations at a time, up to 8000; default 1000
 *   connections     TCP connections of SIP at a time, up to 500; default 200
 *   idle            a TCP connection by which nothing comes or goes for this long is ended; default 15m
 *   when-full       refuse: a new call is refused. drop-oldest: it replaces the oldest one; default refuse
 *   setup           the longest time until a call is answered (RFC 3261 §16.6, timer C); default 200s
 *   silence         a call without media and signalling for this long is over; default 3m
 *   hold            the same for a call on hold; default 30m
 *   linger          time for which a call keeps its ports after its end (64 times T1); default 32s
 *   symmetric       sends media to the source of the other direction, if that is the host that signalled it;
 *                   default false
 *   to-loopback     lets messages name 127.0.0.0/8 and ::1, for trials on one machine; default false
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     keepalive              line ends, or nothing, came to the port of SIP
 *     ack-of-refusal         the ACK belongs to a refusal of our own
 *     repetition             the request came before, and has gone by TCP, which loses nothing; its last
 *                            response answers again (RFC 3261 §17.2)
 *     long-message           a message of more than 1300 bytes was sent, which a path may not carry in one
 *                            packet (RFC 3261 §18.1.1)
 *     segment                the piece took the bytes of a TCP connection; or the segment opens, ends or
 *                            acknowledges a stream
 *     waits                  the message waits until its TCP connection is open, or has credit
 *   Lost:
 *     malformed              the packet lacks an IP header, or one of UDP or TCP
 *     no-sip                 the datagram has no start line of SIP
 *     bad-request            400: a header field is missing, repeated or unreadable, or Content-Length is
 *                            wrong
 *     bad-version            505: the message has another version of SIP
 *     bad-scheme             416: the URI is not sip (sips needs TLS)
 *     bad-extension          420: Proxy-Require names an extension, and there is none
 *     hop-limit              483: Max-Forwards is 0
 *     loop                   482: the same request was here before, or would go to ourselves
 *     no-target              404: nothing in the request says where it goes
 *     forbidden-destination  403: the destination is null, loopback, multicast, link-local, 192.0.0.0/29 or
 *                            ourselves; or the same of media
 *     not-joined             503: the Edge of that family is not joined
 *     too-large              the message has more than 10240 bytes; or, with our headers, more than a
 *                            datagram holds (513)
 *     overload               more messages came than calls of the piece can work on
 *     calls-full             503: there are as many calls as `calls` allows
 *     no-ports               503: no port for media can be opened
 *     too-many-streams       488: the message has more than 16 lines of media
 *     bad-response           the response is unreadable
 *     stray-response         the response belongs to no request that we sent
 *     no-connection          the bytes belong to no TCP connection of ours; a reset answers
 *     beyond-credit          a TCP connection brought more than it had credit for, and is reset
 *     broken-off             a TCP connection ended within a message
 *     connections-full       503: there are as many TCP connections as `connections` allows
 *     slow-peer              503: too many messages wait for the TCP connection
 *     no-call                media came to a port that serves no call
 *     foreign-source         media came from a host that no SDP named
 *     on-hold                the side to which the media goes is on hold, or has not said where it is
 *     no-room                the outcome of the call to the piece is full
 *   A status in front means that the piece answers a request with it. Messages of one TCP segment are counted
 *   by the reason of the first of them that is lost.
 *
 * WHAT IT DOES NOT DO
 *   It does not retransmit where the sender does: by UDP, each repetition is handled like the first message.
 *   It repeats messages that came by TCP and went by UDP, up to 512 at a time: requests until they are
 *   answered, and refusals of INVITE until their ACK (RFC 3261 §17). It absorbs repetitions of requests that
 *   went by TCP, up to 1024 at a time, and answers them itself; repetitions beyond that reach the server.
 *   No SIP over TLS or WebSockets, no STUN on the port of SIP. No DNS: a host name that is not ours goes to
 *   the proxy of the other family. Lines of SDP for media over TCP (MSRP, BFCP, T.38) stay as they are. It
 *   relays the first pair of a port with a count (`m=audio 49170/2`), and each alternative of ANAT (RFC 4091,
 *   obsolete) as a line of its own. No multicast media, no `maddr` in a Via, no strict routers of RFC 2543.
 *
 * SPECIFICATION
 *   RFC 3261 (SIP), 3581 (rport), 3264 and 8866 (SDP), 3605 and 5761 (RTCP), 3262 and 3311 (PRACK, UPDATE),
 *   5626 §3.5.1 (keepalives), 4028 (session timers), 3327 and 3608 (Path, Service-Route), 6157 (transition to
 *   IPv6), 5118 (IPv6 in SIP).
 */

import {
  Batch,
  Description,
  describedEdge,
  Frame,
  Joining,
  Outcome,
  Piece,
  Settings,
  State,
} from 'funnel-tunnel/as';
import { Configuration, describeSettings } from './configuration';
import { expireConnections } from './connection-ends';
import { ConnectionTable } from './connection-table';
import { Connections } from './connections';
import { Contents, Datagram } from './datagram';
import { Dialogs } from './dialogs';
import { EDGE_IPV4, Edges, SHAPE_ACCEPTED, SHAPE_DATAGRAM } from './edges';
import { Transport, transportOf } from './endpoint';
import { Load, MOST_MESSAGE } from './load';
import { endPeerPorts } from './peer-ports';
import { Ports } from './ports';
import { Protocols } from './protocols';
import { describeReasons, Reason } from './reasons';
import { Registrations } from './registrations';
import { relay } from './relay';
import { Repeats } from './repeats';
import { Report } from './report';
import { Secret } from './secret';
import { Segments } from './segments';
import { takeMessage } from './signalling';
import { Streams } from './streams';
import { Transactions } from './transactions';

/** The interval of the search for calls that have ended. */
@inline const SWEEP_MS: f64 = 1000;

class SipProxy64 extends Piece {
  private nextSweep: f64 = 0;

  describe(description: Description, settings: Settings): void {
    description.piece('sipproxy64', '0.1.0', 'Lets phones of IPv4 and phones of IPv6 call each other.');
    Protocols.describe(description);
    describeSettings(description);
    describeReasons(description);
    Configuration.read(settings);
    Edges.describe(description);
  }

  start(_now: f64, _settings: Settings): void {
    Protocols.learn();
    Secret.make();
    Load.start();
    Ports.start();
    Streams.start();
    Dialogs.start();
    Registrations.start();
    ConnectionTable.start();
    Report.start();
  }

  join(joining: Joining): void {
    Edges.learn();
    const family: u32 = joining.described == EDGE_IPV4 ? 4 : 6;
    if (joining.shape >= SHAPE_ACCEPTED) Connections.join(family);
    else if (joining.shape > SHAPE_DATAGRAM) Ports.join(family);
  }

  leave(edge: u16, _shape: u16): void {
    const family: u32 = describedEdge(edge) == EDGE_IPV4 ? 4 : 6;
    Edges.learn();
    if (Edges.media(family) < 0) Ports.leave(family);
    if (Edges.stream(family) < 0) Connections.leave(family);
  }

  state(state: State): void {
    Secret.state(state);
    Dialogs.state(state);
    Registrations.state(state);
    ConnectionTable.state(state);
    Repeats.state(state);
    Transactions.state(state);
  }

  process(now: f64, batch: Batch, out: Outcome): void {
    Load.begin(batch.length);
    if (!endPeerPorts() || !Ports.openMore()) out.wakeAt(now);
    Ports.prepare(now);
    if (
      now >= this.nextSweep &&
      Dialogs.expire(now) &&
      Registrations.expire(now) &&
      Transactions.expire(now) &&
      expireConnections(now, out)
    )
      this.nextSweep = now + SWEEP_MS;
    Segments.resume(now, out);
    // Waiting frames go first, so that messages stay in their order.
    while (Load.waiting > 0) {
      const frame = Load.oldest(out);
      if (frame === null) break;
      if (!takeOne(now, frame, out)) break;
      Load.next();
    }
    for (let i = 0, n = batch.length; i < n; i++) {
      const frame = batch.frame(i);
      if (!takeOne(now, frame, out) && !Load.keep(frame)) out.end(frame.ticket, <u16>Reason.overload);
    }
    // A response that has come, but waits, ends a repetition too. So repetitions come last.
    if (Load.waiting > 0 || ConnectionTable.pending > 0 || !Repeats.resend(now, out)) out.wakeAt(now);
    if (Repeats.next < Infinity) out.wakeAt(Repeats.next);
    if (Dialogs.count > 0 || Registrations.count > 0 || ConnectionTable.count > 0 || Transactions.count > 0)
      out.wakeAt(this.nextSweep);
    Report.update(now, out);
  }
}

/** Takes a frame. False for a message that exceeds the rest of this call's work. */
function takeOne(now: f64, frame: Frame, out: Outcome): bool {
  let reason = Reason.malformed;
  if (Datagram.read(frame)) {
    if (transportOf(Datagram.source) == Transport.tcp) {
      reason = Segments.take(now, frame, out);
    } else if (Datagram.destinationPort != Configuration.port) {
      Load.countPacket();
      reason = relay(now, frame, out);
    } else {
      const length = frame.lengthFrom(Datagram.first);
      if (length > MOST_MESSAGE) {
        reason = Reason.tooLarge;
      } else {
        if (!Load.takesMessage(length)) return false;
        const isParsed =
          Datagram.first < Datagram.last && frame.part(Datagram.first).protocol == Protocols.sip;
        reason = Contents.read(frame, out) ? takeMessage(now, out, frame.ticket, isParsed) : Reason.noRoom;
      }
    }
  }
  if (reason != Reason.none) out.end(frame.ticket, <u16>reason);
  return true;
}

export function create(): Piece {
  return new SipProxy64();
}
