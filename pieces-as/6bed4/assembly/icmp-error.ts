import { Outcome, PartMarks, Role } from 'funnel-tunnel/as';
import { store64 } from 'funnel-tunnel/as/views/bytes';
import { Icmpv6 } from 'funnel-tunnel/as/views/icmpv6';
import { Ipv6 } from 'funnel-tunnel/as/views/ipv6';
import { Packet } from './packet';
import { Protocols } from './protocols';

/** Codes of "destination unreachable" (RFC 4443 §3.1). */
@inline export const NO_ROUTE: u32 = 0;
@inline export const BEYOND_SCOPE: u32 = 2;
@inline export const ADDRESS_UNREACHABLE: u32 = 3;
@inline export const SOURCE_FAILED_POLICY: u32 = 5;
/** Codes of "time exceeded" (RFC 4443 §3.3). */
@inline export const HOP_LIMIT_EXCEEDED: u32 = 0;

/**
 * The most error messages that one node sends, in a burst and in a second: the example of RFC 4443 §2.4(f).
 */
@inline export const ERROR_BURST: f64 = 10;
@inline export const ERRORS_PER_SECOND: f64 = 10;

@inline const HOP_LIMIT: u32 = 64;
@inline const HEADER_BYTES: u32 = Ipv6.BYTES + Icmpv6.BYTES;

/**
 * Adds an error message about the current packet to the frame that was begun, for its source. It quotes as
 * much as the least MTU allows (RFC 4443 §2.4(c)). Some of those bytes may be withheld, so the host fills in
 * the checksum.
 */
export function addError(
  out: Outcome,
  type: u32,
  code: u32,
  rest: u32,
  sourceTop: u64,
  sourceLower: u64,
): void {
  const quoted = min(Packet.length, Ipv6.MINIMUM_MTU - HEADER_BYTES);
  const at = out.room(HEADER_BYTES);
  Ipv6.begin(at, Icmpv6.BYTES + quoted, Ipv6.NEXT_ICMPV6, HOP_LIMIT);
  store64(Ipv6.source(at), sourceTop);
  store64(Ipv6.source(at) + 8, sourceLower);
  store64(Ipv6.destination(at), Packet.sourceTop);
  store64(Ipv6.destination(at) + 8, Packet.sourceLower);
  Icmpv6.begin(at + Ipv6.BYTES, type, code);
  Icmpv6.setRest(at + Ipv6.BYTES, rest);
  out.bytes(Protocols.ipv6, Role.Header, 0, at, Ipv6.BYTES);
  out.bytes(Protocols.icmpv6, Role.Header, PartMarks.Unfinished, at + Ipv6.BYTES, Icmpv6.BYTES);
  Packet.quote(out, quoted);
}
