/*
SIPproxy64: phones of IPv4 and phones of IPv6 call each other

PURPOSE

  Stands between phones, registrars and proxies of IPv4 and of IPv6, as a stateless proxy of SIP (RFC 3261 §16.11) that changes the
  addresses in messages, and relays the media that their SDP describes.

DIAGRAM

               ipv4  (down)                                     ipv6  (down)
                            +------------------------------+
     ipv4/udp/PORT/sip   0 -|- addresses in URIs, Via, SDP -|- 0   ipv6/udp/PORT/sip
     ipv4/udp/PORT       1 -|- keepalives, what is refused -|- 1   ipv6/udp/PORT
     ipv4/udp/MEDIA/rtp  2 -|- media of a call, unchanged  -|- 2   ipv6/udp/MEDIA/rtp
     ipv4/udp/MEDIA/rtcp 3 -|- the same                    -|- 3   ipv6/udp/MEDIA/rtcp
     ipv4/udp/MEDIA      4 -|- the same: UDPTL, STUN, DTLS -|- 4   ipv6/udp/MEDIA
                            +------------------------------+

  Each Shape has a Hairpin, because a proxy of the other family may send a call back, and because a phone may change its family
  in the middle of a call. Shapes 2 to 4 are filled by `listen`, a block of 16 pairs of ports at a time.

SETTINGS

  ipv4, ipv6      our own addresses, where phones send to; must be given
  port            5060          the UDP port of SIP, in both families
  media-ports     30000-39999   the ports for media, in both families, from an even one to an odd one
  proxy4, proxy6                where a request goes that only names somebody: a registrar or proxy of that family
  phone                         a phone that registers nowhere, such as bob=[2001:db8::7]:5060; may be given again
  domain                        a host name in URIs that means us; may be given again
  calls           1000          dialogs with media that are relayed at a time; up to 8000
  registrations   1000          contacts that are known from registrations; up to 8000
  when-full       refuse        drop-oldest: a new call takes the place of the oldest
  setup           200s          how long a call may take until it is answered (timer C)
  silence         3m            a call with neither media nor signalling for this long is over
  hold            30m           the same of a call that is on hold
  linger          32s           how long the ports of a call stay its own when it is over (64 times T1)
  symmetric       false         true: media go to where they come from, when that is the host that signalled them
  loopback        false         true: messages may name 127.0.0.0/8 and ::1, for trying out on one machine

COUNTERS AND REASONS

  Work that is done here, no loss:
    keepalive              line ends, or nothing, on the port of SIP
    ack-of-refusal         the ACK to a refusal of our own
    long-message           a message of more than 1300 bytes, which a path may not take in one packet; it was sent
  Losses; (answered) for a request that is refused by an answer:
    malformed              no IP and UDP headers
    no-sip                 no start line of SIP
    bad-request            400: a header field lacks, is there twice or cannot be read, or Content-Length lies (answered)
    bad-version            505 (answered)
    bad-scheme             416: neither sip nor sips (answered)
    bad-extension          420: Proxy-Require (answered)
    hop-limit              483: Max-Forwards is 0 (answered)
    loop                   482: it was here as it is, or would be sent to ourselves (answered)
    no-target              404: nothing says where it goes (answered)
    forbidden-destination  403: null, loopback, multicast, link-local, 192.0.0.0/29 or ourselves (answered); media toward such
    not-joined             503: the Edge of that family is not joined (answered)
    too-large              513: it does not fit in a datagram as it would go on (answered)
    calls-full, no-ports   503: as many calls as may be; no port can be opened (answered)
    too-many-streams       488: more than 32 lines of media (answered)
    bad-response           an answer that cannot be read
    stray-response         an answer to nothing that we sent
    no-call                media to a port that serves no call
    foreign-source         media from whom no SDP named
    on-hold                media to a side that is on hold, or has not said where it is
    no-room                the outcome of a call is full

WHAT IT DOES NOT DO

  Retransmit: clients do, and each message is treated as the one before. SIP over TCP and TLS; WebSockets. DNS: a host name that is
  not ours goes to the proxy of the other family. Media over TCP (MSRP, BFCP, T.38 over TCP): such lines of SDP stay as they
  are. Of a port with a count (`m=audio 49170/2`) the first pair is carried. ANAT (RFC 4091, obsolete): each alternative is carried as
  a line of its own. Multicast media. `maddr` in a Via. Strict routers of RFC 2543.

SPECIFICATION

  RFC 3261 (SIP), 3581 (rport), 3264 and 8866 (SDP), 3605 and 5761 (RTCP), 3262 and 3311 (PRACK, UPDATE), 4028 (session timers), 3327 and
  3608 (Path, Service-Route), 6157 (IPv6 transition), 5118 (IPv6 in SIP). README.md tells how it works.
*/

import { Batch, Description, Frame, Joining, Outcome, Piece, Settings, State, describedEdge } from "funnel-tunnel/as";
import { Configuration, describeSettings } from "./configuration";
import { Datagram } from "./datagram";
import { Dialogs } from "./dialogs";
import { EDGE_IPV4, Edges, SHAPE_DATAGRAM } from "./edges";
import { Ports } from "./ports";
import { Protocols } from "./protocols";
import { describeReasons, Reason } from "./reasons";
import { Registrations } from "./registrations";
import { relay } from "./relay";
import { Secret } from "./secret";
import { takeMessage } from "./signalling";
import { Streams } from "./streams";

/** How often is looked for calls that are over. */
@inline const SWEEP_MS: f64 = 1000;

class SipProxy64 extends Piece {
  private nextSweep: f64 = 0;

  describe(description: Description, settings: Settings): void {
    description.piece("sipproxy64", "0.1.0", "Phones of IPv4 and phones of IPv6 call each other.");
    Protocols.describe(description);
    describeSettings(description);
    describeReasons(description);
    Configuration.read(settings);
    Edges.describe(description);
  }

  start(now: f64, settings: Settings): void {
    Protocols.learn();
    Secret.make();
    Ports.start();
    Streams.start();
    Dialogs.start();
    Registrations.start();
  }

  join(joining: Joining): void {
    Edges.learn();
    if (joining.shape > SHAPE_DATAGRAM) Ports.join(joining.described == EDGE_IPV4 ? 4 : 6);
  }

  leave(edge: u16, shape: u16): void {
    const family: u32 = describedEdge(edge) == EDGE_IPV4 ? 4 : 6;
    Edges.learn();
    if (Edges.media(family) < 0) Ports.leave(family);
  }

  state(state: State): void {
    Secret.state(state);
    Dialogs.state(state);
    Registrations.state(state);
  }

  process(now: f64, batch: Batch, out: Outcome): void {
    if (now >= this.nextSweep) {
      this.nextSweep = now + SWEEP_MS;
      Dialogs.expire(now);
      Registrations.expire(now);
    }
    for (let i = 0, n = batch.length; i < n; i++) {
      const frame = batch.frame(i);
      const reason = take(now, frame, out);
      if (reason != Reason.none) out.end(frame.ticket, <u16>reason);
    }
    if (Dialogs.count > 0) out.wakeAt(this.nextSweep);
    out.wakeAt(Registrations.nextEnd);
  }
}

function take(now: f64, frame: Frame, out: Outcome): Reason {
  if (!Datagram.read(frame)) return Reason.malformed;
  return Datagram.destinationPort == Configuration.port ? takeMessage(now, frame, out) : relay(now, frame, out);
}

export function create(): Piece {
  return new SipProxy64();
}
