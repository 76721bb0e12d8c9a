import { Description, Frame, Outcome, PartMarks, protocolNumber, Role, State } from 'funnel-tunnel/as';
import { load16, load32, store16, store32 } from 'funnel-tunnel/as/views/bytes';
import { Ipv4 } from 'funnel-tunnel/as/views/ipv4';
import { Ipv6 } from 'funnel-tunnel/as/views/ipv6';
import { Endpoint } from '../../frame-sequence/assembly/endpoint';
import { Body } from '../../sctp/assembly/body';
import { Configuration } from './configuration';
import { stateOf } from './flows';
import { HEADER, PPID, VERSION } from './wire';

const SCTP: u32 = 132;
const TTL: u32 = 64;
const SCTP_HEADER: u32 = 12;
const DATA_HEADER: u32 = 16;

/** The Edge `far`: messages to and from the concentrator of the other site. */
export abstract class Far {
  /** -1 if it is on no network. */
  static edge: i32 = -1;
  static isFull: bool = false;
  /** The far side: what the settings name, or the sender of the last good message. */
  static isKnown: bool = false;
  private static readonly remote: Endpoint = new Endpoint();
  private static readonly own: Endpoint = new Endpoint();
  private static readonly source: Endpoint = new Endpoint();
  private static readonly destination: Endpoint = new Endpoint();

  // The message that `read` read.
  static kind: u32 = 0;
  static flags: u32 = 0;
  static code: u32 = 0;
  static number: u32 = 0;
  /** The bytes behind its header. */
  static at: usize = 0;
  static length: u32 = 0;

  private static ipv4: u16 = 0;
  private static ipv6: u16 = 0;
  private static sctp: u16 = 0;
  private static data: u16 = 0;

  static describe(d: Description): void {
    d.protocol('sctp');
    d.protocol('sctp-data');
  }

  static start(): void {
    Far.ipv4 = protocolNumber('ipv4');
    Far.ipv6 = protocolNumber('ipv6');
    Far.sctp = protocolNumber('sctp');
    Far.data = protocolNumber('sctp-data');
    Far.own.port = Configuration.port;
    if (!Configuration.hasRemote) return;
    Far.remote.copy(Configuration.remote);
    Far.own.isIpv6 = Far.remote.isIpv6;
    Far.isKnown = true;
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
    if (chunk.role != Role.Header || chunk.protocol != Far.data || chunk.length < DATA_HEADER) return false;
    if (!Far.readAddresses(network.protocol, network.bytes, network.length, ports.bytes)) return false;
    let last = count;
    while (last > i + 2 && frame.part(last - 1).role == Role.Trailer) last--;
    if (!Body.gather(frame, i + 2, last, out) || Body.length < HEADER) return false;
    const at = Body.at;
    if (load32(chunk.bytes + 12) != PPID || load<u8>(at) != VERSION) return false;
    Far.kind = load<u8>(at, 1);
    Far.flags = load<u8>(at, 2);
    Far.code = load<u8>(at, 3);
    Far.number = load32(at + 4);
    Far.at = at + HEADER;
    Far.length = Body.length - HEADER;
    return true;
  }

  /**
   * Whether the current message is from the far side. Without a setting, the first sender becomes the far
   * side.
   */
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

  /**
   * Begins a message with `length` bytes behind its header, on the stream of its flow. Returns the address of
   * its header; 0 if there is no room.
   */
  static begin(out: Outcome, ticket: u32, kind: u32, flags: u32, code: u32, number: u32, length: u32): usize {
    const isIpv6 = Far.remote.isIpv6;
    const network: u32 = isIpv6 ? Ipv6.BYTES : 20;
    const at = out.room(<i32>(network + SCTP_HEADER + DATA_HEADER + HEADER));
    if (at == 0 || out.partsLeft < 36 || !out.begin(<u16>Far.edge, 0, ticket)) return 0;
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
    memory.fill(ports, 0, SCTP_HEADER + DATA_HEADER);
    store16(ports, Configuration.port);
    store16(ports + 2, Far.remote.port);
    const chunk = ports + SCTP_HEADER;
    // A complete message, in the order of the stream (RFC 9260 §3.3.1).
    store<u8>(chunk, 3, 1);
    store16(chunk + 2, DATA_HEADER + HEADER + length);
    store16(chunk + 8, number % Configuration.streams);
    store32(chunk + 12, PPID);
    const header = chunk + DATA_HEADER;
    store<u8>(header, <u8>VERSION);
    store<u8>(header, <u8>kind, 1);
    store<u8>(header, <u8>flags, 2);
    store<u8>(header, <u8>code, 3);
    store32(header + 4, number);
    out.bytes(isIpv6 ? Far.ipv6 : Far.ipv4, Role.Header, PartMarks.Unfinished, at, network);
    out.bytes(Far.sctp, Role.Header, PartMarks.Unfinished, ports, SCTP_HEADER);
    out.bytes(Far.data, Role.Header, 0, chunk, DATA_HEADER);
    out.bytes(0, Role.Payload, 0, header, HEADER);
    return header;
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
