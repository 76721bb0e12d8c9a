import { Description, Outcome, PartMarks, protocolNumber, Role } from 'funnel-tunnel/as';
import { store16, store32 } from 'funnel-tunnel/as/views/bytes';
import { Ipv4 } from 'funnel-tunnel/as/views/ipv4';
import { Ipv6 } from 'funnel-tunnel/as/views/ipv6';
import { Association, Associations } from './association';
import { Carrier } from './carrier';
import { Configuration } from './configuration';
import {
  AssociationState,
  CHUNK_HEADER,
  ChunkType,
  COMMON_HEADER,
  DATA_HEADER,
  FIRST_FRAGMENT,
  IMMEDIATE,
  LAST_FRAGMENT,
  NOTICE,
  ParameterType,
  UNORDERED,
} from './constants';
import { Store } from './store';

/** The most frames in one call: fewer than a neighbour takes in one, so that none is lost on the way. */
const MOST_FRAMES: i32 = 192;
const TTL: u32 = 64;
const SCTP: u32 = 132;
/** The most bytes of user data that the length of a DATA chunk can state. */
const WHOLE: u32 = 65_519;

/**
 * Sends frames up on the Edge `streams`: user messages, each as a packet with one DATA chunk, and notices.
 */
export abstract class Above {
  /** The Edge `streams`; -1 if it is on no network. */
  static edge: i32 = -1;
  /** The queue behind it is full. */
  static isFull: bool = false;
  /** Messages wait for the next call. */
  static isHeldUp: bool = false;
  static data: u16 = 0;

  static describe(d: Description): void {
    d.protocol('sctp-data');
  }

  static learn(): void {
    Above.data = protocolNumber('sctp-data');
  }

  /** Passes up messages that are due: those of each association in their order, one of each at a time. */
  static deliver(out: Outcome): void {
    Above.isHeldUp = false;
    if (Above.edge < 0 || Above.isFull) return;
    let left = MOST_FRAMES;
    let wasAny = true;
    while (wasAny) {
      wasAny = false;
      for (let i = 0; i < Configuration.associations; i++) {
        const association = Associations.all[i];
        if (association.state == AssociationState.closed || association.incoming.ready == 0) continue;
        if (left-- == 0 || !Above.pass(association, out)) {
          Above.isHeldUp = true;
          return;
        }
        wasAny = true;
      }
    }
  }

  /** Passes up a chunk without contents that reports on the association, if `notices` is set. */
  static notice(association: Association, type: u32, out: Outcome): void {
    if (!Configuration.hasNotices || Above.edge < 0) return;
    const at = Above.begin(association, 4, out);
    if (at == 0) return;
    store<u32>(at, type);
    store16(at + 2, 4);
    out.bytes(0, Role.Payload, 0, at, 4);
  }

  /** Passes up the result of a request to reset or add streams (RFC 6525 §4.4). */
  static resultNotice(association: Association, number: u32, result: u32, out: Outcome): void {
    if (!Configuration.hasNotices || Above.edge < 0) return;
    const at = Above.begin(association, 16, out);
    if (at == 0) return;
    store<u32>(at, ChunkType.reConfig);
    store16(at + 2, 16);
    store16(at + 4, ParameterType.reConfigResponse);
    store16(at + 6, 12);
    store32(at + 8, number);
    store32(at + 12, result);
    out.bytes(0, Role.Payload, 0, at, 16);
  }

  /** Passes up a kept parameter of RE-CONFIG. */
  private static passNotice(association: Association, number: u32, length: u32, out: Outcome): bool {
    const whole = CHUNK_HEADER + length;
    const at = Above.begin(association, whole, out);
    if (at == 0) return false;
    store<u32>(at, ChunkType.reConfig);
    store16(at + 2, whole > 0xffff ? 0 : whole);
    association.incoming.copyMessage(number, at + CHUNK_HEADER);
    out.bytes(0, Role.Payload, 0, at, whole);
    association.incoming.passReady();
    return true;
  }

  private static pass(association: Association, out: Outcome): bool {
    const incoming = association.incoming;
    const number = incoming.ready;
    const first = Store.chunk(number);
    const length = first.total;
    if ((first.flags & <u8>NOTICE) != 0) return Above.passNotice(association, number, length, out);
    // A message that is too long for the length field of a chunk goes up in fragments.
    const here = min(length, WHOLE);
    const at = Above.begin(association, DATA_HEADER + length, out);
    if (at == 0) return false;
    const flags = (<u32>first.flags & (UNORDERED | IMMEDIATE)) | FIRST_FRAGMENT | LAST_FRAGMENT;
    store<u8>(at, ChunkType.data);
    store<u8>(at, <u8>flags, 1);
    store16(at + 2, DATA_HEADER + here);
    store32(at + 4, first.tsn);
    store16(at + 8, first.sid);
    store16(at + 10, first.mid);
    store32(at + 12, first.ppid);
    incoming.copyMessage(number, at + DATA_HEADER);
    out.bytes(Above.data, Role.Header, PartMarks.Unfinished, at, DATA_HEADER);
    out.bytes(0, Role.Payload, 0, at + DATA_HEADER, length);
    incoming.passReady();
    return true;
  }

  /**
   * Begins a frame as the peer's packet would be. Returns the address for this many bytes of chunks, or 0 if
   * there is no room.
   */
  private static begin(association: Association, length: u32, out: Outcome): usize {
    const path = association.current;
    const isIpv6 = path.remote.isIpv6;
    const network: u32 = isIpv6 ? Ipv6.BYTES : 20;
    const at = out.room(<i32>(network + COMMON_HEADER + length));
    if (at == 0 || out.partsLeft < 4 || !out.begin(<u16>Above.edge, 0, 0)) return 0;
    if (isIpv6) {
      Ipv6.begin(at, 0, SCTP, TTL);
      path.remote.writeIpv6(Ipv6.source(at));
      path.local.writeIpv6(Ipv6.destination(at));
    } else {
      Ipv4.begin(at, SCTP, TTL, 0);
      Ipv4.setSource(at, <u32>path.remote.low);
      Ipv4.setDestination(at, <u32>path.local.low);
    }
    const header = at + network;
    store16(header, association.peerPort);
    store16(header + 2, association.localPort);
    store32(header + 4, association.localTag);
    store<u32>(header, 0, 8);
    out.bytes(isIpv6 ? Carrier.ipv6 : Carrier.ipv4, Role.Header, PartMarks.Unfinished, at, network);
    out.bytes(Carrier.sctp, Role.Header, PartMarks.Unfinished, header, COMMON_HEADER);
    return header + COMMON_HEADER;
  }
}
