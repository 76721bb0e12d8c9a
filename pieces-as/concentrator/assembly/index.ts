/*
 * concentrator: UDP services of one site for the clients of another, over one association of SCTP
 *
 * PURPOSE
 *   Carries datagrams of protocols that were made for a local network, such as RADIUS and SNMP, to another
 *   site reliably. For clients, the concentrator of their own site takes the place of the server. For the
 *   server, the concentrator of the other site takes the place of the client. All conversations share one
 *   association, and each has its own order.
 *
 * EDGES AND SHAPES
 *
 *                ┌────────────────┐
 *   local (down) ┤  concentrator  ├ far (down)
 *                └────────────────┘
 *
 *   local   ip/udp/local:*, headers only: datagrams of clients and of servers; it listens on the ports that
 *           it serves and on one port for each flow that the far side opened
 *   far     ip/sctp/local:PORT/sctp-data, whole frames: messages to and from the concentrator of the far side
 *
 *   `far` requires `reliable`, `ordered`, `duplicate-free` and `framed`.
 *
 * SETTINGS
 *   serve         a UDP port whose datagrams go to the far side; may be repeated
 *   target        the server for datagrams that clients of the far side sent to a port there: PORT=ADDRESS,
 *                 or PORT=ADDRESS#PORT where the server has another port; may be repeated
 *   port          the SCTP port of this side; default 4295
 *   remote        the address of the far side; when not given, the far side contacts this one
 *   remote-port   its SCTP port; the same as `port` when not given
 *   flows         flows at a time in each direction, 1 to 900; default 256
 *   idle          time after which a flow without datagrams ends; default 120s
 *   first-port    the first of the UDP ports from which servers are reached, one for each flow; default 49152
 *   streams       streams of SCTP that the flows share, no more than the association has; default 64
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     control               the message opened, closed, refused or reset a flow
 *   Lost:
 *     not-joined            the other Edge is on no network
 *     not-connected         the far side has not contacted this one yet
 *     not-served            the datagram is for a port that is not served, or from a server that no client
 *                           asked
 *     malformed             headers are missing, or the datagram comes in fragments
 *     bad-message           the message of the far side is impossible, or of another version
 *     stranger              the message comes from another host than the far side
 *     unknown-flow          the flow of the data has ended; the far side gets a RESET
 *     too-many-flows        as many flows are open as `flows` allows
 *     no-target             the far side opened a flow to a port without target, or for another IP version;
 *                           it gets a REFUSE
 *     far-full              the queue behind `far` is full
 *     too-many              the frame fits in no outcome
 *
 * WHAT IT DOES NOT DO
 *   It carries UDP, and no TCP or SCTP of clients. It suppresses no resends; the piece resend-detector in
 *   front of it does. The address of the client reaches the far side in the opening of its flow, but the
 *   server sees the address of its concentrator. It encrypts and authenticates nothing: any host that reaches
 *   the SCTP port of a side reaches its targets, unless `remote` is given.
 *
 * SPECIFICATION
 *   Funnel Tunnel Specification, "SCTP concentrators". The format of messages is docs/concentrator.md.
 */
import {
  Batch,
  Description,
  Direction,
  describedEdge,
  edgeOf,
  Frame,
  Joining,
  Level,
  Line,
  Outcome,
  Piece,
  Reach,
  Role,
  random,
  Settings,
  State,
  Wish,
} from 'funnel-tunnel/as';
import { load16, store16, store32 } from 'funnel-tunnel/as/views/bytes';
import { Endpoint } from '../../frame-sequence/assembly/endpoint';
import { Configuration, describeSettings } from './configuration';
import { Far } from './far';
import { Flows } from './flows';
import { Local } from './local';
import { describeReasons, Reason } from './reasons';
import { Report } from './report';
import { FROM_ACCEPTOR, Kind, OPEN_BYTES, Refusal } from './wire';

const LOCAL: u16 = 0;
const FAR: u16 = 1;
const line: Line = new Line();

class Concentrator extends Piece {
  /** Flows of our clients, and flows that the far side opened to our targets. */
  private opened: Flows = new Flows();
  private accepted: Flows = new Flows();
  private lastNumber: u32 = 0;

  describe(d: Description, settings: Settings): void {
    d.piece('concentrator', '0.1.0', 'UDP services of another site over one association of SCTP.');
    describeSettings(d);
    describeReasons(d);
    Configuration.read(settings);
    Local.describe(d);
    Far.describe(d);
    d.edge('local').shape('ip/udp/local:*', Direction.Down, Reach.Headers);
    const far = d.edge('far');
    far.shape(
      'ip/sctp/local:' + Configuration.port.toString() + '/sctp-data',
      Direction.Down,
      Reach.WholeFrame,
    );
    const wanted = ['reliable', 'ordered', 'duplicate-free', 'framed'];
    for (let i = 0; i < wanted.length; i++) far.wish(Wish.Required, wanted[i]);
    d.curve(LOCAL, 0, FAR, 0).isOpaque();
  }

  start(_now: f64, _settings: Settings): void {
    this.opened = new Flows();
    this.accepted = new Flows();
    this.lastNumber = <u32>random();
    Local.start();
    Far.start();
    Report.start();
    Report.update();
  }

  join(joining: Joining): void {
    if (joining.described == FAR) Far.edge = joining.edge;
    else Local.edge = joining.edge;
    Report.update();
  }

  leave(_edge: u16, _shape: u16): void {
    if (edgeOf(FAR) < 0) {
      Far.edge = -1;
      Far.isFull = false;
    }
    if (Local.edge >= 0 && edgeOf(LOCAL) < 0) {
      Local.edge = -1;
      Local.forget();
    }
    Report.update();
  }

  ready(edge: u16, ready: bool): void {
    if (<i32>edge == Far.edge) Far.isFull = !ready;
  }

  state(state: State): void {
    this.lastNumber = state.u32(this.lastNumber);
    Far.state(state);
    this.opened.state(state);
    this.accepted.state(state);
  }

  process(now: f64, batch: Batch, out: Outcome): void {
    Local.endListens();
    this.listen();
    if (this.opened.next <= now) this.expire(this.opened, now, out);
    if (this.accepted.next <= now) this.expire(this.accepted, now, out);
    for (let i = 0; i < batch.length; i++) {
      const frame = batch.frame(i);
      const isLocal = describedEdge(frame.edge) == LOCAL;
      const reason = isLocal ? this.takeLocal(frame, now, out) : this.takeFar(frame, now, out);
      if (reason >= 0) out.end(frame.ticket, <u16>reason);
    }
    Report.update();
    out.wakeAt(Local.hasEnded ? now : min(this.opened.next, this.accepted.next));
  }

  /** Opens all ports that should be open on the Edge `local`. */
  private listen(): void {
    if (Local.edge < 0) return;
    for (let i = 0; i < Configuration.serviceCount; i++) {
      if (Local.serviceShapes[i] != -1) continue;
      Local.serviceShapes[i] = Local.listen(Configuration.services[i]);
      if (Local.serviceShapes[i] >= 0) continue;
      Local.serviceShapes[i] = -2;
      line.clear().text('cannot serve port ').number(Configuration.services[i]).log(Level.Error);
    }
    for (let i = 0; i < Configuration.flows; i++) {
      if (!this.accepted.all[i].isOpen || Local.flowShapes[i] != -1) continue;
      Local.flowShapes[i] = Local.listenFor(i);
      if (Local.flowShapes[i] < 0) Local.flowShapes[i] = -2;
    }
  }

  /** Ends idle flows, on both sides. */
  private expire(flows: Flows, now: f64, out: Outcome): void {
    for (let i = 0; i < Configuration.flows; i++) {
      const flow = flows.all[i];
      if (!flow.isOpen || flow.usedAt + Configuration.idleMs > now) continue;
      const isOurs = flows === this.opened;
      this.notify(Kind.close, isOurs ? 0 : FROM_ACCEPTOR, 0, flow.number, out);
      if (isOurs) flows.remove(i);
      else this.endAccepted(i);
    }
  }

  private endAccepted(i: i32): void {
    this.accepted.remove(i);
    Local.unlistenLater(i);
  }

  private notify(kind: u32, flags: u32, code: u32, number: u32, out: Outcome): void {
    if (Far.edge >= 0 && Far.isKnown) Far.begin(out, 0, kind, flags, code, number, 0);
  }

  /** Handles a datagram of a client or of a server. Returns the reason for its end; -1 if it goes on. */
  private takeLocal(frame: Frame, now: f64, out: Outcome): i32 {
    if (frame.hasMore || frame.isContinued || !Local.read(frame)) return Reason.malformed;
    if (Far.edge < 0) return Reason.notJoined;
    if (!Far.isKnown) return Reason.notConnected;
    if (Far.isFull) return Reason.farFull;
    const port = Local.destination.port;
    for (let i = 0; i < Configuration.serviceCount; i++) {
      if (Configuration.services[i] == port) return this.takeOfClient(frame, now, out);
    }
    const place = <i32>port - <i32>Configuration.firstPort;
    if (place < 0 || place >= Configuration.flows) return Reason.notServed;
    const flow = this.accepted.all[place];
    // Only the server to which the request went may reply.
    if (!flow.isOpen || !flow.peer.equals(Local.source)) return Reason.notServed;
    flow.usedAt = now;
    return this.sendData(frame, FROM_ACCEPTOR, flow.number, out);
  }

  private takeOfClient(frame: Frame, now: f64, out: Outcome): i32 {
    let i = this.opened.findPeer(Local.source, Local.destination);
    if (i < 0) {
      i = this.opened.place();
      if (i < 0) return Reason.tooManyFlows;
      const flow = this.opened.all[i];
      flow.number = ++this.lastNumber;
      flow.peer.copy(Local.source);
      flow.own.copy(Local.destination);
      const header = Far.begin(out, 0, Kind.open, 0, 0, flow.number, OPEN_BYTES);
      const body = out.room(<i32>OPEN_BYTES);
      if (header == 0) return Reason.tooMany;
      if (body == 0) {
        out.cancel();
        return Reason.tooMany;
      }
      writeOpen(body, flow.own.port, flow.peer);
      out.bytes(0, Role.Payload, 0, body, <i32>OPEN_BYTES);
      this.opened.add(i);
    }
    const flow = this.opened.all[i];
    flow.usedAt = now;
    return this.sendData(frame, 0, flow.number, out);
  }

  /** The contents of a datagram go to the far side; withheld bytes stay with the host. */
  private sendData(frame: Frame, flags: u32, number: u32, out: Outcome): i32 {
    let length: u32 = 0;
    let parts = 0;
    const count = <i32>frame.partCount - <i32>frame.skipTrailers;
    for (let i = Local.body; i < count; i++) {
      if (frame.part(i).role == Role.Trailer) continue;
      length += frame.part(i).length;
      parts++;
    }
    if (parts > 24) return Reason.malformed;
    if (Far.begin(out, frame.ticket, Kind.data, flags, 0, number, length) == 0) return Reason.tooMany;
    for (let i = Local.body; i < count; i++) {
      const part = frame.part(i);
      if (part.role != Role.Trailer) out.slice(part, 0, <i32>part.length, 0);
    }
    return -1;
  }

  /** Handles a message of the far side. Returns the reason for its end; -1 if it goes on. */
  private takeFar(frame: Frame, now: f64, out: Outcome): i32 {
    if (frame.hasMore || frame.isContinued || !Far.read(frame, out)) return Reason.badMessage;
    if (!Far.hears()) return Reason.stranger;
    const isOurs = (Far.flags & FROM_ACCEPTOR) != 0;
    const flows = isOurs ? this.opened : this.accepted;
    const i = flows.findNumber(Far.number);
    switch (Far.kind) {
      case Kind.open:
        return isOurs ? Reason.badMessage : this.accept(i, now, out);
      case Kind.data:
        return this.deliver(frame.ticket, flows, i, isOurs, now, out);
      case Kind.close:
      case Kind.refuse:
      case Kind.reset:
        if (i < 0) return Reason.control;
        if (Far.kind == Kind.refuse && isOurs) this.logRefusal(flows.all[i].own.port);
        if (isOurs) flows.remove(i);
        else this.endAccepted(i);
        return Reason.control;
      default:
        return Reason.badMessage;
    }
  }

  private logRefusal(port: u32): void {
    line.clear().text('the far side refused a flow to port ').number(port);
    line
      .text(Far.code == Refusal.noTarget ? ': it has no target for it' : ': it has no room')
      .log(Level.Warn);
  }

  /** The far side opens a flow to one of our targets. */
  private accept(before: i32, now: f64, out: Outcome): i32 {
    if (Far.length != OPEN_BYTES) return Reason.badMessage;
    // An open flow with this number belongs to an earlier instance of the far side.
    if (before >= 0) this.endAccepted(before);
    const target = Configuration.targetOf(load16(Far.at));
    if (target === null) return this.refuse(Refusal.noTarget, Reason.noTarget, out);
    const i = this.accepted.place();
    if (i < 0) return this.refuse(Refusal.noRoom, Reason.tooManyFlows, out);
    const shape = Local.listenFor(i);
    if (shape < 0) return this.refuse(Refusal.noPort, Reason.notJoined, out);
    Local.flowShapes[i] = shape;
    const flow = this.accepted.all[i];
    flow.number = Far.number;
    flow.usedAt = now;
    flow.peer.copy(target);
    flow.own.setIpv4(0, Configuration.firstPort + <u32>i);
    flow.own.isIpv6 = target.isIpv6;
    this.accepted.add(i);
    return Reason.control;
  }

  private refuse(code: u32, reason: i32, out: Outcome): i32 {
    this.notify(Kind.refuse, FROM_ACCEPTOR, code, Far.number, out);
    return reason;
  }

  /** Sends a datagram to a client, or to a server. */
  private deliver(ticket: u32, flows: Flows, i: i32, isOurs: bool, now: f64, out: Outcome): i32 {
    if (i < 0) {
      this.notify(Kind.reset, isOurs ? 0 : FROM_ACCEPTOR, 0, Far.number, out);
      return Reason.unknownFlow;
    }
    if (Local.edge < 0) return Reason.notJoined;
    const flow = flows.all[i];
    flow.usedAt = now;
    const shape = isOurs ? this.shapeOf(flow.own) : Local.flowShapes[i];
    if (shape < 0) return Reason.notJoined;
    if (!Local.begin(out, ticket, shape, flow.own, flow.peer)) return Reason.tooMany;
    out.bytes(0, Role.Payload, 0, Far.length > 0 ? Far.at : out.room(0), <i32>Far.length);
    return -1;
  }

  private shapeOf(own: Endpoint): i32 {
    for (let i = 0; i < Configuration.serviceCount; i++) {
      if (Configuration.services[i] == own.port) return Local.serviceShapes[i];
    }
    return -1;
  }
}

/** Service and client: ports, the IP version, and the address, in 24 bytes. */
function writeOpen(at: usize, port: u32, client: Endpoint): void {
  memory.fill(at, 0, OPEN_BYTES);
  store16(at, port);
  store16(at + 2, client.port);
  store<u8>(at, client.isIpv6 ? 6 : 4, 4);
  if (client.isIpv6) client.writeIpv6(at + 8);
  else store32(at + 8, <u32>client.low);
}

export function create(): Piece {
  return new Concentrator();
}
