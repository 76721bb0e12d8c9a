import { Description, Frame, Outcome, PartMarks, protocolNumber, Role } from 'funnel-tunnel/as';
import { load16, store16, store32 } from 'funnel-tunnel/as/views/bytes';
import { Ipv4 } from 'funnel-tunnel/as/views/ipv4';
import { Udp } from 'funnel-tunnel/as/views/udp';
import { Body } from '../../sctp/assembly/body';
import { CLASS_IN, HEADER_BYTES, MOST_DATA, TOP_BIT } from './message';
import { isSameName, MOST_NAME } from './names';
import { Entry } from './table';

export const PORT: u32 = 5353;
/** 224.0.0.251 (RFC 6762 §3). */
export const GROUP: u32 = 0xe000_00fb;
/** RFC 6762 §11. */
const HOPS: u32 = 255;
/** The most bytes of a packet, unless one record needs more (RFC 6762 §17). */
const MOST_PACKET: u32 = 1440;
const LARGEST: u32 = HEADER_BYTES + 2 * (MOST_NAME + 4) + MOST_NAME + 10 + MOST_DATA;

/** The Edge `lan`: packets of mDNS. It reads their headers, and gathers questions and records in packets. */
export abstract class Lan {
  /** -1 if it is on no network. */
  static edge: i32 = -1;
  // The sender of the packet that `read` read; its contents are in `Body`.
  static source: u32 = 0;
  static sourcePort: u32 = 0;

  private static ipv4: u16 = 0;
  private static udp: u16 = 0;
  private static readonly packet: usize = heap.alloc(LARGEST + MOST_PACKET);
  private static length: u32 = 0;
  private static ownerAt: u32 = 0;
  private static ownerSize: u32 = 0;

  static describe(d: Description): void {
    d.protocol('udp');
  }

  static start(): void {
    Lan.ipv4 = protocolNumber('ipv4');
    Lan.udp = protocolNumber('udp');
  }

  /** Reads the headers of a packet of mDNS, and gathers its contents. False if it is none. */
  static read(frame: Frame, out: Outcome): bool {
    const count = <i32>frame.partCount - <i32>frame.skipTrailers;
    let i = <i32>frame.skipHeaders;
    if (i >= count || frame.part(i).role != Role.Header) return false;
    const network = frame.part(i);
    if (network.protocol != Lan.ipv4 || !Ipv4.fits(network.bytes, network.length)) return false;
    while (i < count && frame.part(i).role == Role.Header && frame.part(i).protocol != Lan.udp) i++;
    if (i >= count) return false;
    const udp = frame.part(i);
    if (udp.role != Role.Header || !Udp.fits(udp.bytes, udp.length)) return false;
    if (Udp.destinationPort(udp.bytes) != PORT) return false;
    Lan.source = Ipv4.source(network.bytes);
    Lan.sourcePort = Udp.sourcePort(udp.bytes);
    let last = count;
    while (last > i + 1 && frame.part(last - 1).role == Role.Trailer) last--;
    return Body.gather(frame, i + 1, last, out);
  }

  /** Begins a packet: a query without `flags`. */
  static begin(id: u32, flags: u32): void {
    memory.fill(Lan.packet, 0, HEADER_BYTES);
    store16(Lan.packet, id);
    store16(Lan.packet + 2, flags);
    Lan.length = HEADER_BYTES;
    Lan.ownerSize = 0;
  }

  static get isEmpty(): bool {
    return Lan.length == HEADER_BYTES;
  }

  /** Whether the packet also has room for a question with this name. */
  static hasRoomForQuestion(nameSize: u32): bool {
    return Lan.length + nameSize + 4 <= MOST_PACKET;
  }

  static addQuestion(name: usize, nameSize: u32, type: u32, cls: u32): void {
    Lan.addOwner(name, nameSize);
    store16(Lan.packet + Lan.length, type);
    store16(Lan.packet + Lan.length + 2, cls);
    Lan.length += 4;
    store16(Lan.packet + 4, load16(Lan.packet + 4) + 1);
  }

  /** Whether the packet also has room for a record. A packet without any has room for each. */
  static hasRoomFor(entry: Entry): bool {
    return Lan.isEmpty || Lan.length + entry.nameSize + 10 + entry.dataSize <= MOST_PACKET;
  }

  /** Whether a record fits behind the question of a legacy query, however large it is. */
  static addRecord(entry: Entry, ttl: u32, isFlush: bool): void {
    Lan.addOwner(entry.name, entry.nameSize);
    const at = Lan.packet + Lan.length;
    store16(at, entry.type);
    store16(at + 2, CLASS_IN | (isFlush ? TOP_BIT : 0));
    store32(at + 4, ttl);
    store16(at + 8, entry.dataSize);
    memory.copy(at + 10, entry.data, entry.dataSize);
    Lan.length += 10 + entry.dataSize;
    store16(Lan.packet + 6, load16(Lan.packet + 6) + 1);
  }

  /** Sends the packet to an address and port. False if there is no room for it. */
  static send(out: Outcome, to: u32, port: u32): bool {
    if (Lan.edge < 0 || out.partsLeft < 8 || out.framesLeft < 2) return false;
    const at = out.room(<i32>(20 + Udp.BYTES + Lan.length));
    if (at == 0 || !out.begin(<u16>Lan.edge, 0, 0)) return false;
    Ipv4.begin(at, Ipv4.PROTOCOL_UDP, HOPS, 0);
    // The system chooses the address of the sender.
    Ipv4.setSource(at, 0);
    Ipv4.setDestination(at, to);
    const udp = at + 20;
    Udp.begin(udp, PORT, port);
    memory.copy(udp + Udp.BYTES, Lan.packet, Lan.length);
    out.bytes(Lan.ipv4, Role.Header, PartMarks.Unfinished, at, 20);
    out.bytes(Lan.udp, Role.Header, PartMarks.Unfinished, udp, Udp.BYTES);
    out.bytes(0, Role.Payload, 0, udp + Udp.BYTES, <i32>Lan.length);
    return true;
  }

  /** Writes a name, or a pointer to the last one if it is the same. */
  private static addOwner(name: usize, size: u32): void {
    if (size == Lan.ownerSize && size > 2 && isSameName(Lan.packet + Lan.ownerAt, name, size)) {
      store16(Lan.packet + Lan.length, 0xc000 | Lan.ownerAt);
      Lan.length += 2;
      return;
    }
    // A pointer reaches the first 16383 bytes, and no packet is larger.
    Lan.ownerAt = Lan.length;
    Lan.ownerSize = size;
    memory.copy(Lan.packet + Lan.length, name, size);
    Lan.length += size;
  }
}
