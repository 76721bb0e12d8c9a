import { Frame, Health, PartMarks, protocolNumber, Role, State, Status } from 'funnel-tunnel/as';
import { load16 } from 'funnel-tunnel/as/views/bytes';
import { Carrier } from '../../frame-sequence/assembly/carrier';
import { Came, Connection } from '../../frame-sequence/assembly/connection';
import { Configuration } from './configuration';
import { Framer, LCP } from './framer';
import { HdlcReader, HdlcWriter, Taken } from './hdlc';
import { Ipcp } from './ipcp';
import { Ipv6cp } from './ipv6cp';
import { Lcp } from './lcp';
import { LinkEvents } from './link-events';
import { Offers } from './offers';
import { end, Reason } from './reasons';

// The numbers of PPP protocols.
const IPV4: u32 = 0x0021;
const IPV6: u32 = 0x0057;
const ADDRESS_AND_CONTROL: u32 = 0xff03;

/** One link: the stream, the protocols that run on it, and the packets that pass. */
export abstract class Session {
  static now: f64 = 0;
  static readonly lcp: Lcp = new Lcp(new Events());
  static readonly ipcp: Ipcp = new Ipcp(new Events());
  static readonly ipv6cp: Ipv6cp = new Ipv6cp(new Events());
  private static readonly status: Status = new Status();
  private static ipv4: u16 = 0;
  private static ipv6: u16 = 0;
  /** The ticket of the frame at hand, and whether packets went on with it; else why it ends. */
  private static ticket: u32 = 0;
  private static wentOn: bool = false;
  private static reason: i32 = Reason.merged;

  static start(now: f64): void {
    Session.ipv4 = protocolNumber('ipv4');
    Session.ipv6 = protocolNumber('ipv6');
    HdlcReader.most = 4 + max(Configuration.mru, 1500) + 2;
    if (Configuration.hasRemote) Connection.openTo(Configuration.remote, now);
    Session.report();
  }

  /** When `run` has something to do. */
  static get next(): f64 {
    if (Carrier.edge < 0) return Infinity;
    const lcp = Session.lcp;
    const ipcp = Session.ipcp;
    const ipv6cp = Session.ipv6cp;
    return min(min(Connection.next, lcp.echoAt), min(lcp.next, min(ipcp.next, ipv6cp.next)));
  }

  /** Does what is due. */
  static run(now: f64): void {
    Session.now = now;
    if (Carrier.edge < 0) return;
    if (!Session.lcp.run(now) || !Session.lcp.probe(now)) {
      Connection.reset(Framer.out, now);
      Session.close();
    }
    Session.ipcp.run(now);
    Session.ipv6cp.run(now);
    Connection.run(now, Framer.out);
  }

  /** Takes a frame of the carrier, which `Carrier.read` has read. */
  static take(ticket: u32): void {
    const out = Framer.out;
    const came = Connection.take(Session.now, out);
    if (came != Came.bytes) {
      end(out, ticket, came == Came.refused ? Reason.control : Reason.busy);
      return;
    }
    if (Connection.hasOpened) Session.open();
    Session.ticket = ticket;
    Session.wentOn = false;
    Session.reason = Carrier.length == 0 ? Reason.control : Reason.merged;
    HdlcReader.give(Carrier.at, Carrier.length);
    for (let taken = HdlcReader.next(); taken != Taken.all; taken = HdlcReader.next()) {
      if (taken == Taken.bad) Session.reason = Reason.badFrame;
      else Session.takeFrame(HdlcReader.at, HdlcReader.length);
    }
    if (Connection.isEnding) {
      Connection.end(Session.now, out);
      Session.close();
    }
    if (!Session.wentOn) end(out, ticket, Session.reason);
  }

  /** Sends a packet on. */
  static send(frame: Frame): void {
    const reason = Session.trySend(frame);
    if (reason >= 0) end(Framer.out, frame.ticket, reason);
  }

  /** The carrier has left. */
  static lose(): void {
    Connection.lose();
    Session.close();
  }

  static linkUp(): void {
    if (Configuration.hasIpv4) Session.ipcp.begin(Session.now);
    if (Configuration.hasIpv6) Session.ipv6cp.begin(Session.now);
    Session.report();
  }

  static linkDown(): void {
    Session.ipcp.stop();
    Session.ipv6cp.stop();
    Session.report();
  }

  /** The other side knows nothing of this protocol. */
  static protocolRejected(protocol: u32): void {
    if (protocol == Session.ipcp.protocol || protocol == IPV4) Session.ipcp.fail();
    else if (protocol == Session.ipv6cp.protocol || protocol == IPV6) Session.ipv6cp.fail();
    Session.report();
  }

  static ipv4Changed(isUp: bool): void {
    Offers.local4 = isUp ? Session.ipcp.local : 0;
    Offers.remote4 = isUp ? Session.ipcp.remote : 0;
    Session.changed();
  }

  static ipv6Changed(isUp: bool): void {
    Offers.local6 = isUp ? Session.ipv6cp.local : 0;
    Session.changed();
  }

  static state(state: State): void {
    const lcp = Session.lcp;
    const ipcp = Session.ipcp;
    const ipv6cp = Session.ipv6cp;
    Connection.state(state);
    lcp.state(state);
    ipcp.state(state);
    ipv6cp.state(state);
    if (!state.isRestoring) return;
    if (lcp.isOpened) lcp.apply();
    if (ipcp.isOpened) Session.ipv4Changed(true);
    if (ipv6cp.isOpened) Session.ipv6Changed(true);
  }

  private static open(): void {
    HdlcReader.reset();
    Session.lcp.stop();
    Session.lcp.begin(Session.now);
    Session.report();
  }

  private static close(): void {
    HdlcReader.reset();
    Session.lcp.stop();
    Session.report();
  }

  /** A frame came: it may be a packet of IP, or one of the protocols that run here. */
  private static takeFrame(at: usize, length: u32): void {
    const frame = at;
    const end = at + length;
    if (load16(at) == ADDRESS_AND_CONTROL) at += 2;
    if (at == end) return;
    let protocol = <u32>load<u8>(at++);
    if ((protocol & 1) == 0) {
      if (at == end) return;
      protocol = (protocol << 8) | load<u8>(at++);
    }
    const bytes = <u32>(end - at);
    const now = Session.now;
    const lcp = Session.lcp;
    const ipcp = Session.ipcp;
    const ipv6cp = Session.ipv6cp;
    if (protocol == LCP) {
      Session.control(lcp.take(now, at, bytes));
    } else if (!lcp.isOpened) {
      Session.reason = Reason.notOpen;
    } else if (protocol == IPV4 && ipcp.isOpened) {
      Session.deliver(Session.ipv4, at, bytes);
    } else if (protocol == IPV6 && ipv6cp.isOpened) {
      Session.deliver(Session.ipv6, at, bytes);
    } else if (protocol == ipcp.protocol && Configuration.hasIpv4) {
      Session.control(ipcp.take(now, at, bytes));
    } else if (protocol == ipv6cp.protocol && Configuration.hasIpv6) {
      Session.control(ipv6cp.take(now, at, bytes));
    } else if ((protocol == IPV4 && Configuration.hasIpv4) || (protocol == IPV6 && Configuration.hasIpv6)) {
      Session.reason = Reason.notOpen;
    } else {
      Session.reason = Reason.unknownProtocol;
      // The protocol and its packet, without address and control (RFC 1661 §5.7).
      const from = load16(frame) == ADDRESS_AND_CONTROL ? frame + 2 : frame;
      lcp.rejectProtocol(from, <u32>(end - from));
    }
  }

  private static control(isRight: bool): void {
    if (!isRight) Session.reason = Reason.badFrame;
    else if (Session.reason == Reason.merged) Session.reason = Reason.control;
  }

  private static deliver(protocol: u16, at: usize, length: u32): void {
    const out = Framer.out;
    if (Offers.edge < 0) {
      Session.reason = Reason.notJoined;
      return;
    }
    const to = out.room(<i32>length);
    if (to == 0 || out.partsLeft < 1 || !out.begin(<u16>Offers.edge, 0, Session.ticket)) {
      Session.reason = Reason.tooMany;
      return;
    }
    memory.copy(to, at, length);
    out.bytes(protocol, Role.Payload, PartMarks.Unparsed, to, <i32>length);
    Session.wentOn = true;
  }

  /** Sends a packet on; returns -1, or why it does not go. */
  private static trySend(frame: Frame): i32 {
    if (Carrier.edge < 0) return Reason.notJoined;
    if (!Connection.isOpen) return Reason.notConnected;
    const first = <i32>frame.skipHeaders;
    const last = <i32>frame.partCount - <i32>frame.skipTrailers;
    const isIpv6 = frame.part(first).protocol == Session.ipv6;
    if (isIpv6 ? !Session.ipv6cp.isOpened : !Session.ipcp.isOpened) return Reason.notOpen;
    const length = <u32>frame.lengthFrom(first);
    if (length > Session.lcp.mru) return Reason.tooLarge;
    for (let i = first; i < last; i++)
      if ((frame.part(i).marks & PartMarks.Unfinished) != 0) return Reason.unfinished;
    const to = Framer.begin(isIpv6 ? IPV6 : IPV4, length);
    if (to == 0) return Reason.tooMany;
    for (let i = first; i < last; i++) HdlcWriter.bytes(frame.part(i).bytes, frame.part(i).length);
    return Framer.end(to, frame.ticket) ? -1 : Reason.tooMany;
  }

  private static changed(): void {
    Offers.mtu = Session.lcp.mru;
    Offers.update();
    Session.report();
  }

  private static report(): void {
    const status = Session.status;
    const lcp = Session.lcp;
    const ipcp = Session.ipcp;
    const ipv6cp = Session.ipv6cp;
    const isUp = ipcp.isOpened || ipv6cp.isOpened;
    if (isUp) status.begin(Health.Good, 'carries packets');
    else if (lcp.isOpened) status.begin(Health.Pending, 'agrees with the other side on addresses');
    else if (Connection.isOpen) status.begin(Health.Pending, 'agrees with the other side on the link');
    else if (Configuration.hasRemote) status.begin(Health.Pending, 'opens the stream to the other side');
    else status.begin(Health.Pending, 'waits for the other side to open the stream');
    if (ipcp.isOpened) status.fact('address').ipv4(ipcp.local);
    if (ipcp.isOpened && ipcp.remote != 0) status.fact('peer-address').ipv4(ipcp.remote);
    if (ipv6cp.isOpened) Offers.writeLinkLocal(status.fact('address6'), ipv6cp.local);
    if (isUp) status.fact('mtu').unsigned(lcp.mru);
    status.report();
  }
}

class Events extends LinkEvents {
  linkChanged(isUp: bool): void {
    if (isUp) Session.linkUp();
    else Session.linkDown();
  }

  ipv4Changed(isUp: bool): void {
    Session.ipv4Changed(isUp);
  }

  ipv6Changed(isUp: bool): void {
    Session.ipv6Changed(isUp);
  }

  protocolRejected(protocol: u32): void {
    Session.protocolRejected(protocol);
  }
}
