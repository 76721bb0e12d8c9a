// Messages of Neighbour Discovery (RFC 4861) in the forms that 6bed4 uses, on raw addresses: `at` is the
// place of the IPv6 header, and a message is contiguous. Writers return the number of bytes in the whole
// packet.

import { load64, store16, store32, store64 } from 'funnel-tunnel/as/views/bytes';
import { Icmpv6 } from 'funnel-tunnel/as/views/icmpv6';
import { Ipv6, Ipv6Address } from 'funnel-tunnel/as/views/ipv6';
import { endpointPort, endpointV4, lowerHalf } from './address';
import { LINK_LOCAL_TOP, LINK_MULTICAST_TOP, PEER_PREFIX_BITS } from './constants';

/** Hop limit of a message that has not been forwarded (RFC 4861 §3.1). */
@inline export const ND_HOP_LIMIT: u32 = 255;

@inline const BODY: u32 = Ipv6.BYTES;
/** Bytes in front of the options, by message, the IPv6 header included. */
@inline const RS_OPTIONS: u32 = BODY + 8;
@inline const RA_OPTIONS: u32 = BODY + 16;
@inline const NS_OPTIONS: u32 = BODY + 24;
@inline const REDIRECT_OPTIONS: u32 = BODY + 40;

@inline const OPTION_SOURCE_LINK_ADDRESS: u32 = 1;
@inline const OPTION_TARGET_LINK_ADDRESS: u32 = 2;
@inline const OPTION_PREFIX_INFORMATION: u32 = 3;
@inline const OPTION_ROUTE_INFORMATION: u32 = 24;
@inline const LINK_OPTION_BYTES: u32 = 8;
@inline const PREFIX_OPTION_BYTES: u32 = 32;

@inline const PREFIX_ON_LINK: u32 = 0x80;
@inline const PREFIX_AUTONOMOUS: u32 = 0x40;
@inline const RA_MANAGED: u32 = 0x80;
/** RFC 4191: preference low, as the C programs send it. */
@inline const RA_PREFERENCE_LOW: u32 = 0x18;
@inline const FOREVER: u32 = 0xffffffff;

/** Flags of a neighbour advertisement: Router, Solicited, Override. */
@inline export const NA_ROUTER: u32 = 0x80;
@inline export const NA_SOLICITED: u32 = 0x40;
@inline export const NA_OVERRIDE: u32 = 0x20;

/** The result of `checkMessage`. */
export const enum Check {
  right,
  badHopLimit,
  badChecksum,
  badMessage,
}

/**
 * The checks of RFC 4861 §6.1.1, §6.1.2, §7.1.1, §7.1.2 and §8.1 on the message of `length` bytes at `at`,
 * whose ICMPv6 type is one of Neighbour Discovery. ICMPv6 must follow the IPv6 header at once.
 */
export function checkMessage(at: usize, length: u32): Check {
  if (Ipv6.hopLimit(at) != ND_HOP_LIMIT) return Check.badHopLimit;
  const body = at + BODY;
  if (Ipv6.nextHeader(at) != Ipv6.NEXT_ICMPV6 || length < RS_OPTIONS) return Check.badMessage;
  if (!Icmpv6.hasRightChecksum(body, length - BODY, Ipv6.source(at))) return Check.badChecksum;
  if (Icmpv6.code(body) != 0) return Check.badMessage;
  const type = Icmpv6.type(body);
  const options = optionsOf(type);
  if (!areOptionsRight(at, length, options)) return Check.badMessage;
  if (type == Icmpv6.NEIGHBOUR_SOLICITATION || type == Icmpv6.NEIGHBOUR_ADVERTISEMENT) {
    if (Ipv6Address.isMulticast(Icmpv6.target(body))) return Check.badMessage;
    const source = Ipv6.source(at);
    const destination = Ipv6.destination(at);
    if (type == Icmpv6.NEIGHBOUR_SOLICITATION) {
      if (Ipv6Address.isUnspecified(source) && hasOption(at, length, options, OPTION_SOURCE_LINK_ADDRESS)) {
        return Check.badMessage;
      }
    } else if (Ipv6Address.isMulticast(destination) && naFlags(at) & NA_SOLICITED) {
      return Check.badMessage;
    }
  }
  return Check.right;
}

function optionsOf(type: u32): u32 {
  if (type == Icmpv6.ROUTER_SOLICITATION) return RS_OPTIONS;
  if (type == Icmpv6.ROUTER_ADVERTISEMENT) return RA_OPTIONS;
  return type == Icmpv6.REDIRECT ? REDIRECT_OPTIONS : NS_OPTIONS;
}

/** Checks that options fill the rest of the message, and none has length 0 (RFC 4861 §4.6). */
function areOptionsRight(at: usize, length: u32, offset: u32): bool {
  if (length < offset) return false;
  while (offset < length) {
    if (offset + 8 > length) return false;
    const bytes = (<u32>load<u8>(at + offset + 1)) << 3;
    if (bytes == 0) return false;
    offset += bytes;
  }
  return offset == length;
}

function hasOption(at: usize, length: u32, offset: u32, type: u32): bool {
  for (; offset < length; offset += (<u32>load<u8>(at + offset + 1)) << 3) {
    if (load<u8>(at + offset) == type) return true;
  }
  return false;
}

/**
 * Whether a checked router solicitation has one of the two forms of 6bed4: without options, or with one
 * source link-layer address whose last two bytes, an identity aligned to the end, are not 0.
 */
export function isSolicitationOf6bed4(at: usize, length: u32): bool {
  if (length == RS_OPTIONS) return true;
  if (length != RS_OPTIONS + LINK_OPTION_BYTES) return false;
  return load<u8>(at + RS_OPTIONS) == OPTION_SOURCE_LINK_ADDRESS && load<u16>(at + RS_OPTIONS + 6) != 0;
}

/**
 * Whether a checked neighbour solicitation has one of the two lengths of 6bed4: without options, or one of 8
 * bytes.
 */
@inline
export function isNeighbourSolicitationOf6bed4(length: u32): bool {
  return length == NS_OPTIONS || length == NS_OPTIONS + LINK_OPTION_BYTES;
}

/** The flags of a neighbour advertisement. */
@inline
export function naFlags(at: usize): u32 {
  return Icmpv6.rest(at + BODY) >> 24;
}

/** Address of the target of a neighbour solicitation or advertisement. */
@inline
export function targetOf(at: usize): usize {
  return Icmpv6.target(at + BODY);
}

/** The solicitation of all versions of the peer: from ::, to all routers, with identity 1. */
export function writeRouterSolicitation(at: usize): u32 {
  const length = RS_OPTIONS + LINK_OPTION_BYTES;
  begin(at, length, Icmpv6.ROUTER_SOLICITATION, 0, 0, 0, LINK_MULTICAST_TOP, 2);
  store32(at + RS_OPTIONS, 0x01010000);
  store32(at + RS_OPTIONS + 4, 1);
  return finish(at, length);
}

/**
 * The advertisement of a router to a peer: the /114 that belongs to the endpoint under which the peer
 * appears, and the routable prefixes: `count` entries of 24 bytes at `routable`, each an address in network
 * order and its length in bits as a u64. `destination` is the peer; all nodes if the peer has no address yet.
 */
export function writeRouterAdvertisement(
  at: usize,
  destination: usize,
  top: u64,
  peer: u64,
  routable: usize,
  count: u32,
): u32 {
  const length = RA_OPTIONS + PREFIX_OPTION_BYTES * (1 + count);
  const isUnaddressed = load<u16>(destination) == 0;
  begin(
    at,
    length,
    Icmpv6.ROUTER_ADVERTISEMENT,
    (RA_PREFERENCE_LOW << 16) | 0xffff,
    LINK_LOCAL_TOP,
    0,
    isUnaddressed ? LINK_MULTICAST_TOP : load64(destination),
    isUnaddressed ? 1 : load64(destination + 8),
  );
  store32(at + BODY + 8, FOREVER);
  store32(at + BODY + 12, FOREVER);
  let option = at + RA_OPTIONS;
  writePrefixOption(option, PEER_PREFIX_BITS, PREFIX_ON_LINK | PREFIX_AUTONOMOUS);
  store64(option + 16, top);
  store64(option + 24, peer);
  for (let i: u32 = 0; i < count; i++) {
    option += PREFIX_OPTION_BYTES;
    writePrefixOption(option, <u32>load<u64>(routable + i * 24 + 16), 0);
    Ipv6Address.copy(option + 16, routable + i * 24);
  }
  return finish(at, length);
}

/**
 * The advertisement of a peer to its host: the same /114, whether to use this way by default, and otherwise
 * which prefixes are behind it (RFC 4191), listed as for `writeRouterAdvertisement`.
 */
export function writeHostAdvertisement(
  at: usize,
  destinationTop: u64,
  destinationLower: u64,
  isDefault: bool,
  top: u64,
  peer: u64,
  routable: usize,
  count: u32,
): u32 {
  const length = RA_OPTIONS + PREFIX_OPTION_BYTES + ROUTE_OPTION_BYTES * count;
  const lifetime: u32 = isDefault ? 0xffff : 0;
  begin(
    at,
    length,
    Icmpv6.ROUTER_ADVERTISEMENT,
    (RA_PREFERENCE_LOW << 16) | lifetime,
    LINK_LOCAL_TOP,
    0,
    destinationTop,
    destinationLower,
  );
  store32(at + BODY + 8, HOST_REACHABLE_MS);
  store32(at + BODY + 12, HOST_RETRANSMIT_MS);
  let option = at + RA_OPTIONS;
  writePrefixOption(option, PEER_PREFIX_BITS, PREFIX_ON_LINK | PREFIX_AUTONOMOUS);
  store64(option + 16, top);
  store64(option + 24, peer);
  option += PREFIX_OPTION_BYTES;
  for (let i: u32 = 0; i < count; i++) {
    store32(
      option,
      (OPTION_ROUTE_INFORMATION << 24) | (3 << 16) | ((<u32>load<u64>(routable + i * 24 + 16)) << 8) | 0x18,
    );
    store32(option + 4, FOREVER);
    Ipv6Address.copy(option + 8, routable + i * 24);
    option += ROUTE_OPTION_BYTES;
  }
  return finish(at, length);
}

@inline const ROUTE_OPTION_BYTES: u32 = 24;
@inline const HOST_REACHABLE_MS: u32 = 0x8000;
@inline const HOST_RETRANSMIT_MS: u32 = 0x100;

/**
 * A solicitation that finds out whether `target` is reached directly. It holds the sender's endpoint as its
 * link-layer address.
 */
export function writeNeighbourSolicitation(
  at: usize,
  sourceTop: u64,
  sourceLower: u64,
  targetTop: u64,
  targetLower: u64,
  link: u64,
): u32 {
  const length = NS_OPTIONS + LINK_OPTION_BYTES;
  begin(at, length, Icmpv6.NEIGHBOUR_SOLICITATION, 0, sourceTop, sourceLower, targetTop, targetLower);
  store64(at + BODY + 8, targetTop);
  store64(at + BODY + 16, targetLower);
  writeLinkOption(at + NS_OPTIONS, OPTION_SOURCE_LINK_ADDRESS, link);
  return finish(at, length);
}

/**
 * A peer's answer to a neighbour solicitation at `asked`: with swapped addresses, solicited and overriding,
 * without options.
 */
export function writeNeighbourAnswer(at: usize, asked: usize): u32 {
  const target = targetOf(asked);
  const asker = Ipv6.source(asked);
  begin(
    at,
    NS_OPTIONS,
    Icmpv6.NEIGHBOUR_ADVERTISEMENT,
    (NA_SOLICITED | NA_OVERRIDE) << 24,
    load64(target),
    load64(target + 8),
    load64(asker),
    load64(asker + 8),
  );
  Ipv6Address.copy(at + BODY + 8, target);
  return finish(at, NS_OPTIONS);
}

/**
 * An answer from fe80:: on behalf of a router whose endpoint is `link`: router and solicited, for `target`.
 */
export function writeRouterNeighbourAnswer(
  at: usize,
  asker: usize,
  targetTop: u64,
  targetLower: u64,
  link: u64,
): u32 {
  const length = NS_OPTIONS + LINK_OPTION_BYTES;
  begin(
    at,
    length,
    Icmpv6.NEIGHBOUR_ADVERTISEMENT,
    (NA_ROUTER | NA_SOLICITED) << 24,
    LINK_LOCAL_TOP,
    0,
    load64(asker),
    load64(asker + 8),
  );
  store64(at + BODY + 8, targetTop);
  store64(at + BODY + 16, targetLower);
  writeLinkOption(at + NS_OPTIONS, OPTION_TARGET_LINK_ADDRESS, link);
  return finish(at, length);
}

/** The result of `readRouterAdvertisement`. The next reading overwrites it. */
export abstract class Advertised {
  /** The /114 of this peer, in host order; its low 14 bits are 0. */
  static top: u64 = 0;
  static lower: u64 = 0;
  static routableCount: u32 = 0;
  /** Entries as `writeRouterAdvertisement` takes them. */
  static readonly routable: usize = memory.data(240, 8);
}

/**
 * Reads a router advertisement that `checkMessage` passed, by the rules of 6bed4: it comes from fe80::
 * itself, has no managed addresses, exactly one prefix of /114 that is on-link and autonomous, and others of
 * 16 to 128 bits as routable prefixes.
 * @returns whether it is to be accepted; then {@link Advertised} holds what it says.
 */
export function readRouterAdvertisement(at: usize, length: u32): bool {
  const source = Ipv6.source(at);
  if (load64(source) != LINK_LOCAL_TOP || load64(source + 8) != 0) return false;
  // The C program reads `x & 0x80 != 0`, which tests another bit; this tests M.
  if ((Icmpv6.rest(at + BODY) >> 16) & RA_MANAGED) return false;
  let isFound = false;
  Advertised.routableCount = 0;
  let bytes: u32 = 0;
  for (let option = RA_OPTIONS; option < length; option += bytes) {
    const here = at + option;
    bytes = (<u32>load<u8>(here + 1)) << 3;
    if (load<u8>(here) != OPTION_PREFIX_INFORMATION) continue;
    if (bytes != PREFIX_OPTION_BYTES) return false;
    const bits = <u32>load<u8>(here + 2);
    const flags = <u32>load<u8>(here + 3);
    if ((flags & PREFIX_ON_LINK) != 0 && (flags & PREFIX_AUTONOMOUS) != 0) {
      if (bits != PEER_PREFIX_BITS || isFound) return false;
      isFound = true;
      Advertised.top = load64(here + 16);
      Advertised.lower = load64(here + 24) & ~0x3fff;
    } else if (bits >= 16 && bits <= 128 && Advertised.routableCount < 10) {
      const entry = Advertised.routable + Advertised.routableCount * 24;
      Ipv6Address.copy(entry, here + 16);
      store<u64>(entry + 16, bits);
      Advertised.routableCount++;
    }
  }
  return isFound;
}

function begin(
  at: usize,
  length: u32,
  type: u32,
  rest: u32,
  sourceTop: u64,
  sourceLower: u64,
  destinationTop: u64,
  destinationLower: u64,
): void {
  Ipv6.begin(at, length - BODY, Ipv6.NEXT_ICMPV6, ND_HOP_LIMIT);
  store64(Ipv6.source(at), sourceTop);
  store64(Ipv6.source(at) + 8, sourceLower);
  store64(Ipv6.destination(at), destinationTop);
  store64(Ipv6.destination(at) + 8, destinationLower);
  Icmpv6.begin(at + BODY, type, 0);
  Icmpv6.setRest(at + BODY, rest);
}

function finish(at: usize, length: u32): u32 {
  Icmpv6.fillChecksum(at + BODY, length - BODY, Ipv6.source(at));
  return length;
}

/** Writes infinite lifetimes; the prefix follows later. */
function writePrefixOption(at: usize, bits: u32, flags: u32): void {
  store32(at, (OPTION_PREFIX_INFORMATION << 24) | (4 << 16) | (bits << 8) | flags);
  store32(at + 4, FOREVER);
  store32(at + 8, FOREVER);
  store32(at + 12, 0);
}

/** The link-layer address of 6bed4: the UDP port with its low byte first, and the IPv4 address. */
function writeLinkOption(at: usize, type: u32, link: u64): void {
  store16(at, (type << 8) | 1);
  store<u16>(at + 2, <u16>endpointPort(link));
  store32(at + 4, endpointV4(link));
}

/** The lower half of a router's own address, by its endpoint. */
@inline
export function routerLowerHalf(link: u64): u64 {
  return lowerHalf(endpointV4(link), endpointPort(link), 0);
}
