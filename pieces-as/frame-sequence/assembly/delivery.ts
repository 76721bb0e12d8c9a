import { Description, Outcome, PartMarks, protocolNumber, Role } from 'funnel-tunnel/as';
import { store32 } from 'funnel-tunnel/as/views/bytes';
import { Configuration, OPAQUE_FRAME } from './configuration';
import { Reason } from './reasons';

const OPAQUE_FRAME_DEFINITION: string = 'summary "A frame of any bytes"';

/**
 * Sends reassembled frames on the Edge `frames`: whole, or in fragments if they are too large for one frame.
 */
export abstract class Delivery {
  /** The Edge `frames`; -1 if it is on no network. */
  static edge: i32 = -1;
  /** The size of the length at the beginning of a fragment. */
  static readonly ANNOUNCEMENT: i32 = 4;

  /** The protocol with which frames begin; 0 if their first byte decides. */
  static protocol: u16 = 0;
  private static ipv4: u16 = 0;
  private static ipv6: u16 = 0;

  static describe(d: Description): void {
    const name = Configuration.protocol;
    if (name.length > 0) d.protocol(name, name == OPAQUE_FRAME ? OPAQUE_FRAME_DEFINITION : null);
  }

  static learn(): void {
    Delivery.ipv4 = protocolNumber('ipv4');
    Delivery.ipv6 = protocolNumber('ipv6');
    Delivery.protocol = Configuration.protocol.length > 0 ? protocolNumber(Configuration.protocol) : 0;
  }

  /** Sends a whole frame, whose bytes stand in the arena. Returns -1, or the reason of a failure. */
  static whole(out: Outcome, ticket: u32, at: usize, length: u32): i32 {
    if (Delivery.edge < 0) return Reason.notJoined;
    let protocol = Delivery.protocol;
    if (protocol == 0) {
      if (length == 0) return Reason.empty;
      const version = load<u8>(at) >> 4;
      if (version != 4 && version != 6) return Reason.unrecognised;
      protocol = version == 4 ? Delivery.ipv4 : Delivery.ipv6;
    }
    if (out.partsLeft < 1 || !out.begin(<u16>Delivery.edge, 0, ticket)) return Reason.tooMany;
    out.bytes(protocol, Role.Payload, PartMarks.Unparsed, length > 0 ? at : out.room(0), <i32>length);
    return -1;
  }

  /** The same, with bytes that stand elsewhere in memory, perhaps in two ranges. */
  static copied(
    out: Outcome,
    ticket: u32,
    first: usize,
    firstLength: u32,
    second: usize,
    secondLength: u32,
  ): i32 {
    const at = out.room(<i32>(firstLength + secondLength));
    if (at == 0) return Reason.tooMany;
    memory.copy(at, first, firstLength);
    memory.copy(at + firstLength, second, secondLength);
    return Delivery.whole(out, ticket, at, firstLength + secondLength);
  }

  /**
   * Sends a fragment of a larger frame. The first has a header with the length of the whole frame, if that is
   * known (`total`, else 0). False if it does not fit; then no more of that frame can follow.
   *
   * @param ticket of the frame; it ends with the last fragment
   */
  static piece(
    out: Outcome,
    ticket: u32,
    at: usize,
    length: u32,
    total: u64,
    isFirst: bool,
    isLast: bool,
  ): bool {
    if (Delivery.edge < 0 || out.partsLeft < 2 || !out.begin(<u16>Delivery.edge, 0, ticket)) return false;
    if (isFirst && total > 0) {
      const header = out.header(Delivery.protocol, Delivery.ANNOUNCEMENT);
      if (header == 0) {
        out.cancel();
        return false;
      }
      store32(header, <u32>total);
    }
    out.bytes(Delivery.protocol, Role.Payload, isLast ? 0 : PartMarks.More, at, <i32>length);
    return true;
  }
}
