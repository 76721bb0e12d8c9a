/*
 * resend-detector: stops requests that clients send again
 *
 * PURPOSE
 *   Stands in front of a piece that carries datagrams reliably. A request that a client sends again, because
 *   the response takes longer than on a local network, ends here. If the response has come already, the piece
 *   repeats it. The far side sees each request once.
 *
 * EDGES AND SHAPES
 *
 *                  ┌───────────────────┐
 *   servers (up) ──┤  resend-detector  ├── clients (down)
 *                  └───────────────────┘
 *
 *   servers   ip/udp, whole frames: the network that carries requests to servers
 *   clients   ip/udp, whole frames: the network of the clients
 *
 *   Properties and offers of the network at one Edge hold at the other.
 *
 * SETTINGS
 *   protocol   PORT=NAME: the protocol of a port; NAME is radius, snmp, dns, sip, tftp, content or pass;
 *              may be repeated. Without it: radius for 1812, 1813 and 3799, snmp for 161, dns for 53, sip for
 *              5060, tftp for 69
 *   other      NAME for ports without one; default content
 *   window     time for which a request and its response are remembered; default 30s
 *   again      time without a response after which one resend passes, because the first request may be lost
 *              behind this piece; default 10s
 *   entries    requests that are remembered at a time, 1 to 4096; the oldest makes room; default 512
 *
 * WHAT IS A RESEND
 *   A resend has the same bytes, goes from the same address and port to the same address and port, and has
 *   the same number of its protocol: the identifier of RADIUS, the request-id of SNMP, the id of DNS, branch
 *   and method of SIP. A request with other bytes replaces the one before. `content` has no numbers and no
 *   responses: the last datagram of a client to a server is remembered until anything comes back. The piece
 *   repeats the last response of RADIUS, SNMP, DNS and SIP, also if that is a provisional one.
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     resend       a client sent its request again, and the first one still waits for its response
 *     answered     a client sent its request again, and the piece repeated the response
 *   Lost:
 *     not-joined   the other Edge is on no network
 *
 * WHAT IT DOES NOT DO
 *   It believes responses as clients do: by address and number. SNMPv3 gives each resend another number, so
 *   these pass. Requests of more than 2048 bytes pass each time, and responses of more than 4096 bytes are
 *   not kept. Its memory does not survive a replacement of the instance: each open request may pass once
 *   more.
 *
 * SPECIFICATION
 *   RFC 2865 §2.5 and RFC 5080 §2.2.2, RADIUS; RFC 3416, SNMP; RFC 1035, DNS; RFC 3261 §17, SIP; RFC 1350,
 *   TFTP.
 */
import {
  Batch,
  Description,
  Direction,
  describedEdge,
  edgeOf,
  Frame,
  Kind,
  Outcome,
  PartMarks,
  Piece,
  protocolNumber,
  Reach,
  Role,
  Settings,
} from 'funnel-tunnel/as';
import { Ipv4 } from 'funnel-tunnel/as/views/ipv4';
import { Ipv6 } from 'funnel-tunnel/as/views/ipv6';
import { Udp } from 'funnel-tunnel/as/views/udp';
import { Endpoint } from '../../frame-sequence/assembly/endpoint';
import { Body } from '../../sctp/assembly/body';
import { PROTOCOLS, Protocol, Sort, Transaction } from './protocols';
import { MOST_ANSWER, MOST_REQUEST, Request, Requests } from './requests';

const SERVERS: u16 = 0;
const CLIENTS: u16 = 1;
const RESEND: u16 = 0;
const ANSWERED: u16 = 1;
const NOT_JOINED: u16 = 2;
const TTL: u32 = 64;

const source: Endpoint = new Endpoint();
const destination: Endpoint = new Endpoint();

class ResendDetector extends Piece {
  private ports: StaticArray<u8> = new StaticArray<u8>(65_536);
  private requests: Requests = new Requests(0);
  private entries: i32 = 0;
  private windowMs: f64 = 0;
  private againMs: f64 = 0;
  private ipv4: u16 = 0;
  private ipv6: u16 = 0;
  private udp: u16 = 0;

  describe(d: Description, settings: Settings): void {
    d.piece('resend-detector', '0.1.0', 'Ends requests that clients send again, or repeats the response.');
    d.optional('protocol', Kind.Text, 'PORT=NAME, the protocol of a port.').isRepeated();
    d.setting('other', Kind.Text, 'The protocol of all other ports.', 'content');
    d.setting('window', Kind.Duration, 'Time for which a request and its response are remembered.', '30s');
    d.setting('again', Kind.Duration, 'Time without a response after which one resend passes.', '10s');
    d.setting('entries', Kind.Number, 'Requests that are remembered at a time.', '512');
    d.reason(
      'resend',
      false,
      'A client sent its request again, and the first one still waits for its response.',
    );
    d.reason('answered', false, 'A client sent its request again, and the piece repeated the response.');
    d.reason('not-joined', true, 'The other Edge is on no network.');
    d.protocol('ipv4');
    d.protocol('ipv6');
    d.protocol('udp');
    this.read(settings);
    d.edge('servers').shape('ip/udp', Direction.Up, Reach.WholeFrame);
    d.edge('clients').shape('ip/udp', Direction.Down, Reach.WholeFrame);
    d.curve(0, 0, 1, 0).keepsAll();
  }

  start(_now: f64, _settings: Settings): void {
    this.requests = new Requests(this.entries);
    this.ipv4 = protocolNumber('ipv4');
    this.ipv6 = protocolNumber('ipv6');
    this.udp = protocolNumber('udp');
  }

  process(now: f64, batch: Batch, out: Outcome): void {
    for (let i = 0; i < batch.length; i++) {
      const frame = batch.frame(i);
      const isFromClient = describedEdge(frame.edge) == CLIENTS;
      if (this.isOver(frame, isFromClient, now, out)) continue;
      const to = edgeOf(isFromClient ? SERVERS : CLIENTS);
      if (to < 0 || !out.forward(frame, <u16>to, 0)) out.end(frame.ticket, NOT_JOINED);
    }
  }

  private read(settings: Settings): void {
    const other = this.protocolOf(settings, 'other', settings.text('other'));
    memory.fill(changetype<usize>(this.ports), <u8>other, 65_536);
    if (settings.count('protocol') == 0) {
      this.ports[1812] = <u8>Protocol.radius;
      this.ports[1813] = <u8>Protocol.radius;
      this.ports[3799] = <u8>Protocol.radius;
      this.ports[161] = <u8>Protocol.snmp;
      this.ports[53] = <u8>Protocol.dns;
      this.ports[5060] = <u8>Protocol.sip;
      this.ports[69] = <u8>Protocol.tftp;
    }
    for (let i = 0; i < settings.count('protocol'); i++) {
      const text = settings.at('protocol', i);
      const equals = text.indexOf('=');
      const port = equals < 0 ? 0 : portOf(text.substring(0, equals));
      if (port == 0) settings.problem('protocol', 'must be such as 1812=radius, not "' + text + '"');
      this.ports[port] = <u8>this.protocolOf(settings, 'protocol', text.substring(equals + 1));
    }
    this.windowMs = settings.duration('window');
    this.againMs = settings.duration('again');
    if (this.windowMs <= 0) settings.problem('window', 'must be longer than nothing');
    if (this.againMs <= 0) settings.problem('again', 'must be longer than nothing');
    this.entries = <i32>settings.number('entries', 1, 4096);
  }

  private protocolOf(settings: Settings, setting: string, name: string): i32 {
    const found = PROTOCOLS.indexOf(name);
    if (found < 0) settings.problem(setting, 'knows ' + PROTOCOLS.join(', ') + ', and not "' + name + '"');
    return max(found, 0);
  }

  /** Whether a frame ends here. */
  private isOver(frame: Frame, isFromClient: bool, now: f64, out: Outcome): bool {
    if (frame.hasMore || frame.isContinued || !this.readHeaders(frame, out)) return false;
    const protocol = <i32>this.ports[isFromClient ? destination.port : source.port];
    if (protocol == Protocol.pass) return false;
    const sort = Transaction.read(protocol, Body.at, Body.length, isFromClient);
    if (isFromClient && sort == Sort.request) return this.isResend(frame, protocol, now, out);
    if (!isFromClient && sort == Sort.response) this.noteAnswer(protocol);
    return false;
  }

  private isResend(frame: Frame, protocol: i32, now: f64, out: Outcome): bool {
    const length = Body.length;
    if (length > MOST_REQUEST) return false;
    let request = this.requests.find(protocol, Transaction.key, source, destination);
    const isKnown =
      request !== null && now - request.cameAt < this.windowMs && request.isSame(Body.at, length);
    if (request !== null && isKnown) {
      if (!request.isAnswered && now - request.passedAt < this.againMs) {
        out.end(frame.ticket, RESEND);
        return true;
      }
      if (request.answerLength > 0 && this.answer(request, out)) {
        out.end(frame.ticket, ANSWERED);
        return true;
      }
    }
    if (request === null) request = this.requests.add(protocol, Transaction.key, source, destination);
    if (!isKnown || request.isAnswered) request.cameAt = now;
    request.passedAt = now;
    request.isAnswered = false;
    request.answerLength = 0;
    request.length = length;
    memory.copy(request.bytes, Body.at, length);
    return false;
  }

  private noteAnswer(protocol: i32): void {
    const request = this.requests.find(protocol, Transaction.key, destination, source);
    if (request === null) return;
    request.isAnswered = true;
    request.answerLength = 0;
    if (!Transaction.keepsAnswer(protocol) || Body.length > MOST_ANSWER) return;
    request.answerLength = Body.length;
    memory.copy(request.answer, Body.at, Body.length);
  }

  /** Repeats the last response, from the server's address. False if it cannot. */
  private answer(request: Request, out: Outcome): bool {
    const edge = edgeOf(CLIENTS);
    const isIpv6 = request.client.isIpv6;
    const network: u32 = isIpv6 ? Ipv6.BYTES : 20;
    const at = out.room(<i32>(network + Udp.BYTES + request.answerLength));
    if (edge < 0 || at == 0 || out.partsLeft < 3 || !out.begin(<u16>edge, 0, 0)) return false;
    if (isIpv6) {
      Ipv6.begin(at, 0, Ipv4.PROTOCOL_UDP, TTL);
      request.server.writeIpv6(Ipv6.source(at));
      request.client.writeIpv6(Ipv6.destination(at));
    } else {
      Ipv4.begin(at, Ipv4.PROTOCOL_UDP, TTL, 0);
      Ipv4.setSource(at, <u32>request.server.low);
      Ipv4.setDestination(at, <u32>request.client.low);
    }
    const header = at + network;
    Udp.begin(header, request.server.port, request.client.port);
    memory.copy(header + Udp.BYTES, request.answer, request.answerLength);
    out.bytes(isIpv6 ? this.ipv6 : this.ipv4, Role.Header, PartMarks.Unfinished, at, network);
    out.bytes(this.udp, Role.Header, PartMarks.Unfinished, header, Udp.BYTES);
    out.bytes(0, Role.Payload, 0, header + Udp.BYTES, <i32>request.answerLength);
    return true;
  }

  /** Reads the endpoints and contents of a datagram. False if it is none. */
  private readHeaders(frame: Frame, out: Outcome): bool {
    const count = <i32>frame.partCount - <i32>frame.skipTrailers;
    let i = <i32>frame.skipHeaders;
    if (i >= count || frame.part(i).role != Role.Header) return false;
    const network = frame.part(i);
    while (i < count && frame.part(i).role == Role.Header && frame.part(i).protocol != this.udp) i++;
    if (i >= count) return false;
    const udp = frame.part(i);
    if (udp.role != Role.Header || !Udp.fits(udp.bytes, udp.length)) return false;
    const from = Udp.sourcePort(udp.bytes);
    const to = Udp.destinationPort(udp.bytes);
    const at = network.bytes;
    if (network.protocol == this.ipv4 && Ipv4.fits(at, network.length)) {
      source.setIpv4(Ipv4.source(at), from);
      destination.setIpv4(Ipv4.destination(at), to);
    } else if (network.protocol == this.ipv6 && network.length >= Ipv6.BYTES) {
      source.readIpv6(Ipv6.source(at), from);
      destination.readIpv6(Ipv6.destination(at), to);
    } else {
      return false;
    }
    let last = count;
    while (last > i + 1 && frame.part(last - 1).role == Role.Trailer) last--;
    return Body.gather(frame, i + 1, last, out);
  }
}

function portOf(text: string): u32 {
  let port: u32 = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return 0;
    port = port * 10 + digit;
    if (port > 65_535) return 0;
  }
  return port;
}

export function create(): Piece {
  return new ResendDetector();
}
