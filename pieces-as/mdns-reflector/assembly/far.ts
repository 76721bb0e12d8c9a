import { Description, Frame, Outcome, PartMarks, protocolNumber, Role, State } from 'funnel-tunnel/as';
import { load16, load32, store16, store32 } from 'funnel-tunnel/as/views/bytes';
import { Ipv4 } from 'funnel-tunnel/as/views/ipv4';
import { Ipv6 } from 'funnel-tunnel/as/views/ipv6';
import { Endpoint } from '../../frame-sequence/assembly/endpoint';
import { Body } from '../../sctp/assembly/body';
import { Configuration } from './configuration';
import { MOST_DATA } from './message';
import { sizeOfName } from './names';

/** "FT", the number of this format among those of the Funnel, and its version. */
const PPID: u32 = 0x4654_0101;
const VERSION: u32 = 1;
/** Version, kind, flags, a byte of 0, type, a word of 0, and the time to live. */
const HEADER: u32 = 12;
const SCTP: u32 = 132;
const TTL: u32 = 64;
const SCTP_HEADER: u32 = 12;
const DATA_HEADER: u32 = 16;

export const enum Kind {
  /** The sender begins to repeat its records. */
  hello = 1,
  /** All records have been repeated. */
  end = 2,
  added = 3,
  gone = 4,
  /** A client of the sender asks for a name and type. */
  ask = 5,
  alive = 6,
}

/** A flag of `hello`: it replies to one. */
export const REPLY: u32 = 1;
/** A flag of `added`: the record is unique. */
export const UNIQUE: u32 = 2;

/** The Edge `far`: messages to and from the reflector of the other site. All go in order, on one stream. */
export abstract class Far {
  /** -1 if it is on no network. */
  static edge: i32 = -1;
  static isFull: bool = false;
  static isKnown: bool = false;
  private static readonly remote: Endpoint = new Endpoint();
  private static readonly own: Endpoint = new Endpoint();
  private static readonly source: Endpoint = new Endpoint();
  private static readonly destination: Endpoint = new Endpoint();

  // The message that `read` read.
  static kind: u32 = 0;
  static flags: u32 = 0;
  static type: u32 = 0;
  static ttl: u32 = 0;
  static name: usize = 0;
  static nameSize: u32 = 0;
  static data: usize = 0;
  static dataSize: u32 = 0;

  private static ipv4: u16 = 0;
  private static ipv6: u16 = 0;
  private static sctp: u16 = 0;
  private static chunk: u16 = 0;

  static describe(d: Description): void {
    d.protocol('ipv4');
    d.protocol('ipv6');
    d.protocol('sctp');
    d.protocol('sctp-data');
  }

  static start(): void {
    Far.ipv4 = protocolNumber('ipv4');
    Far.ipv6 = protocolNumber('ipv6');
    Far.sctp = protocolNumber('sctp');
    Far.chunk = protocolNumber('sctp-data');
    Far.own.port = Configuration.port;
    if (!Configuration.hasRemote) return;
    Far.remote.copy(Configuration.remote);
    Far.own.isIpv6 = Far.remote.isIpv6;
    Far.isKnown = true;
  }

  /** Whether a message can be sent now. */
  static get canSend(): bool {
    return Far.edge >= 0 && Far.isKnown && !Far.isFull;
  }

  /** Reads a message. False if it is none, or of another version. */
  static read(frame: Frame, out: Outcome): bool {
    const count = <i32>frame.partCount - <i32>frame.skipTrailers;
    let i = <i32>frame.skipHeaders;
    if (i >= count || frame.part(i).role != Role.Header) return false;
    const network = frame.part(i);
    while (i < count && frame.part(i).role == Role.Header && frame.part(i).protocol != Far.sctp) i++;
    if (i + 1 >= count) return false;
    const ports = frame.part(i);
    const chunk = frame.part(i + 1);
    if (ports.role != Role.Header || ports.length < SCTP_HEADER) return false;
    if (chunk.role != Role.Header || chunk.protocol != Far.chunk || chunk.length < DATA_HEADER) return false;
    if (!Far.readAddresses(network.protocol, network.bytes, network.length, ports.bytes)) return false;
    let last = count;
    while (last > i + 2 && frame.part(last - 1).role == Role.Trailer) last--;
    if (!Body.gather(frame, i + 2, last, out) || Body.length < HEADER) return false;
    const at = Body.at;
    if (load32(chunk.bytes + 12) != PPID || load<u8>(at) != VERSION) return false;
    Far.kind = load<u8>(at, 1);
    Far.flags = load<u8>(at, 2);
    Far.type = load16(at + 4);
    Far.ttl = load32(at + 8);
    Far.name = at + HEADER;
    const left = Body.length - HEADER;
    Far.nameSize = left == 0 ? 0 : sizeOfName(Far.name, left);
    Far.data = Far.name + Far.nameSize;
    Far.dataSize = left - Far.nameSize;
    if (Far.kind == Kind.added || Far.kind == Kind.gone) return Far.nameSize > 0 && Far.dataSize <= MOST_DATA;
    return Far.kind == Kind.ask ? Far.nameSize > 0 && Far.dataSize == 0 : left == 0;
  }

  /** Whether the current message is from the far side. Without a setting, its sender becomes the far side. */
  static hears(): bool {
    if (Configuration.hasRemote) {
      if (!Far.source.equals(Far.remote)) return false;
    } else {
      Far.remote.copy(Far.source);
      Far.isKnown = true;
    }
    Far.own.copy(Far.destination);
    return true;
  }

  /** Sends a message. False if there is no room; nothing was sent then. */
  static send(
    out: Outcome,
    kind: u32,
    flags: u32,
    type: u32,
    ttl: u32,
    name: usize,
    nameSize: u32,
    data: usize,
    dataSize: u32,
  ): bool {
    const isIpv6 = Far.remote.isIpv6;
    const network: u32 = isIpv6 ? Ipv6.BYTES : 20;
    const body = HEADER + nameSize + dataSize;
    if (!Far.canSend || out.partsLeft < 8 || out.framesLeft < 2) return false;
    const at = out.room(<i32>(network + SCTP_HEADER + DATA_HEADER + body));
    if (at == 0 || !out.begin(<u16>Far.edge, 0, 0)) return false;
    if (isIpv6) {
      Ipv6.begin(at, 0, SCTP, TTL);
      Far.own.writeIpv6(Ipv6.source(at));
      Far.remote.writeIpv6(Ipv6.destination(at));
    } else {
      Ipv4.begin(at, SCTP, TTL, 0);
      Ipv4.setSource(at, <u32>Far.own.low);
      Ipv4.setDestination(at, <u32>Far.remote.low);
    }
    const ports = at + network;
    memory.fill(ports, 0, SCTP_HEADER + DATA_HEADER + HEADER);
    store16(ports, Configuration.port);
    store16(ports + 2, Far.remote.port);
    const chunk = ports + SCTP_HEADER;
    // A complete message, in the order of stream 0 (RFC 9260 §3.3.1).
    store<u8>(chunk, 3, 1);
    store16(chunk + 2, DATA_HEADER + body);
    store32(chunk + 12, PPID);
    const header = chunk + DATA_HEADER;
    store<u8>(header, <u8>VERSION);
    store<u8>(header, <u8>kind, 1);
    store<u8>(header, <u8>flags, 2);
    store16(header + 4, type);
    store32(header + 8, ttl);
    memory.copy(header + HEADER, name, nameSize);
    memory.copy(header + HEADER + nameSize, data, dataSize);
    out.bytes(isIpv6 ? Far.ipv6 : Far.ipv4, Role.Header, PartMarks.Unfinished, at, network);
    out.bytes(Far.sctp, Role.Header, PartMarks.Unfinished, ports, SCTP_HEADER);
    out.bytes(Far.chunk, Role.Header, 0, chunk, DATA_HEADER);
    out.bytes(0, Role.Payload, 0, header, body);
    return true;
  }

  static state(state: State): void {
    Far.isKnown = state.bool(Far.isKnown);
    stateOf(Far.remote, state);
    stateOf(Far.own, state);
    if (!state.isRestoring) return;
    Far.own.port = Configuration.port;
    if (Configuration.hasRemote) Far.start();
  }

  private static readAddresses(protocol: u16, at: usize, length: u32, ports: usize): bool {
    const from = load16(ports);
    const to = load16(ports + 2);
    if (protocol == Far.ipv4 && Ipv4.fits(at, length)) {
      Far.source.setIpv4(Ipv4.source(at), from);
      Far.destination.setIpv4(Ipv4.destination(at), to);
      return true;
    }
    if (protocol != Far.ipv6 || length < Ipv6.BYTES) return false;
    Far.source.readIpv6(Ipv6.source(at), from);
    Far.destination.readIpv6(Ipv6.destination(at), to);
    return true;
  }
}

function stateOf(endpoint: Endpoint, state: State): void {
  endpoint.isIpv6 = state.bool(endpoint.isIpv6);
  endpoint.high = state.u64(endpoint.high);
  endpoint.low = state.u64(endpoint.low);
  endpoint.port = state.u32(endpoint.port);
}
