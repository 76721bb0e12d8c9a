import {
  Description,
  Frame,
  Line,
  listenLine,
  Outcome,
  PartMarks,
  protocolNumber,
  Role,
  unlisten,
} from 'funnel-tunnel/as';
import { Ipv4 } from 'funnel-tunnel/as/views/ipv4';
import { Ipv6 } from 'funnel-tunnel/as/views/ipv6';
import { Udp } from 'funnel-tunnel/as/views/udp';
import { Endpoint } from '../../frame-sequence/assembly/endpoint';
import { Configuration, MOST_SERVICES } from './configuration';

const TTL: u32 = 64;
const line: Line = new Line();

/** The Edge `local`: datagrams of clients and of targets. A port is open while the piece listens on it. */
export abstract class Local {
  /** -1 if it is on no network. */
  static edge: i32 = -1;
  // The datagram that `read` read.
  static readonly source: Endpoint = new Endpoint();
  static readonly destination: Endpoint = new Endpoint();
  /** The index of the first part behind the headers. */
  static body: i32 = 0;

  static ipv4: u16 = 0;
  static ipv6: u16 = 0;
  static udp: u16 = 0;
  /** The Shapes of services, and of flows of the far side; -1 if the port is not open. */
  static readonly serviceShapes: StaticArray<i32> = new StaticArray<i32>(MOST_SERVICES);
  static flowShapes: StaticArray<i32> = new StaticArray<i32>(0);
  /** By flow, the Shape whose listen ends with the next call; -1 if there is none. */
  private static endedShapes: StaticArray<i32> = new StaticArray<i32>(0);
  private static endedCount: i32 = 0;

  static describe(d: Description): void {
    d.protocol('ipv4');
    d.protocol('ipv6');
    d.protocol('udp');
  }

  static start(): void {
    Local.ipv4 = protocolNumber('ipv4');
    Local.ipv6 = protocolNumber('ipv6');
    Local.udp = protocolNumber('udp');
    Local.flowShapes = new StaticArray<i32>(Configuration.flows);
    Local.endedShapes = new StaticArray<i32>(Configuration.flows);
    Local.forget();
  }

  /** The Edge has left, and all its listens have ended. */
  static forget(): void {
    for (let i = 0; i < MOST_SERVICES; i++) Local.serviceShapes[i] = -1;
    for (let i = 0; i < Local.flowShapes.length; i++) {
      Local.flowShapes[i] = -1;
      Local.endedShapes[i] = -1;
    }
    Local.endedCount = 0;
  }

  /** Listens on a port. Returns its Shape, or -1 if it cannot be opened. */
  static listen(port: u32): i32 {
    if (Local.edge < 0) return -1;
    return listenLine(<u16>Local.edge, 0, line.clear().text('ip/udp/local:').number(port));
  }

  /** Listens on the port of a flow of the far side. Returns its Shape, or -1 if it cannot be opened. */
  static listenFor(place: i32): i32 {
    const ended = Local.endedShapes[place];
    if (ended < 0) return Local.listen(Configuration.firstPort + <u32>place);
    Local.endedShapes[place] = -1;
    Local.endedCount--;
    return ended;
  }

  /** Ends the listen of a flow with the next call, because this one may have sent on its Shape. */
  static unlistenLater(place: i32): void {
    const shape = Local.flowShapes[place];
    Local.flowShapes[place] = -1;
    if (Local.edge < 0 || shape < 0) return;
    Local.endedShapes[place] = shape;
    Local.endedCount++;
  }

  /** Whether the next call has listens to end. */
  static get hasEnded(): bool {
    return Local.endedCount > 0;
  }

  /** Ends the listens that the last call left. */
  static endListens(): void {
    for (let i = 0; Local.endedCount > 0; i++) {
      if (Local.endedShapes[i] < 0) continue;
      unlisten(<u16>Local.edge, <u16>Local.endedShapes[i]);
      Local.endedShapes[i] = -1;
      Local.endedCount--;
    }
  }

  /** Reads the headers of a datagram. False if they are not there. */
  static read(frame: Frame): bool {
    const count = <i32>frame.partCount;
    let i = <i32>frame.skipHeaders;
    if (i >= count || frame.part(i).role != Role.Header) return false;
    const network = frame.part(i);
    while (i < count && frame.part(i).role == Role.Header && frame.part(i).protocol != Local.udp) i++;
    if (i >= count) return false;
    const udp = frame.part(i);
    if (udp.role != Role.Header || !Udp.fits(udp.bytes, udp.length)) return false;
    Local.body = i + 1;
    const from = Udp.sourcePort(udp.bytes);
    const to = Udp.destinationPort(udp.bytes);
    const at = network.bytes;
    if (network.protocol == Local.ipv4 && Ipv4.fits(at, network.length)) {
      Local.source.setIpv4(Ipv4.source(at), from);
      Local.destination.setIpv4(Ipv4.destination(at), to);
      return true;
    }
    if (network.protocol != Local.ipv6 || network.length < Ipv6.BYTES) return false;
    Local.source.readIpv6(Ipv6.source(at), from);
    Local.destination.readIpv6(Ipv6.destination(at), to);
    return true;
  }

  /** Begins a datagram; its contents follow. False if there is no room. */
  static begin(out: Outcome, ticket: u32, shape: i32, from: Endpoint, to: Endpoint): bool {
    const network: u32 = to.isIpv6 ? Ipv6.BYTES : 20;
    const at = out.room(<i32>(network + Udp.BYTES));
    if (at == 0 || out.partsLeft < 32 || !out.begin(<u16>Local.edge, <u16>shape, ticket)) return false;
    if (to.isIpv6) {
      Ipv6.begin(at, 0, Ipv4.PROTOCOL_UDP, TTL);
      from.writeIpv6(Ipv6.source(at));
      to.writeIpv6(Ipv6.destination(at));
    } else {
      Ipv4.begin(at, Ipv4.PROTOCOL_UDP, TTL, 0);
      Ipv4.setSource(at, <u32>from.low);
      Ipv4.setDestination(at, <u32>to.low);
    }
    Udp.begin(at + network, from.port, to.port);
    out.bytes(to.isIpv6 ? Local.ipv6 : Local.ipv4, Role.Header, PartMarks.Unfinished, at, network);
    out.bytes(Local.udp, Role.Header, PartMarks.Unfinished, at + network, Udp.BYTES);
    return true;
  }
}
