import { crc32c, fold, internetSum } from '../../frame/checksum.ts';
import type { Frames } from '../../frame/frames.ts';
import type { Protocols } from '../../stack/protocols.ts';

/**
 * The fields that a system leaves to its network card, so that a capture shows them unfinished: one bit for
 * each.
 */
export const IPV4_LENGTH = 1;
export const IPV6_LENGTH = 2;
export const IPV4_CHECKSUM = 4;
export const TRANSPORT_CHECKSUM = 8;

/** The words of a message for what {@link OffloadMender.look} found. */
export function offloadText(found: number): string {
  const words = [];
  if ((found & IPV4_LENGTH) !== 0) words.push('0 as the length of IPv4');
  if ((found & IPV6_LENGTH) !== 0) words.push('0 as the length of IPv6');
  if ((found & IPV4_CHECKSUM) !== 0) words.push('a wrong IPv4 header checksum');
  if ((found & TRANSPORT_CHECKSUM) !== 0) words.push('a wrong checksum of the transport');
  return words.join(' and ');
}

/**
 * Finds, and fills in, what a system that captures leaves to its network card: the IPv4 header checksum; the
 * checksums of TCP, UDP, SCTP and ICMP, which Linux leaves as the sum of the pseudo header, and others as 0;
 * and with TCP segmentation offload the IPv4 total length or IPv6 payload length, left 0, where the end of
 * the frame shows it.
 *
 * It follows Ethernet, VLAN tags, PPPoE, PPP, cooked headers, IPv6 extension headers and IP in IP. It leaves
 * alone fragments, packets with a way to go in a source route or with a home address (RFC 6275), UDP without
 * checksum, jumbograms (RFC 2675), whose length fits in no IP header, and everything whose other lengths do
 * not fit. It allocates nothing for a frame.
 */
export class OffloadMender {
  readonly #frames: Frames;
  readonly #numbers: Readonly<
    Record<'ethernet' | 'ppp' | 'pppoe' | 'sll' | 'sll2' | 'ipv4' | 'ipv6', number>
  >;
  #mends = false;
  #found = 0;

  constructor(frames: Frames, protocols: Protocols) {
    this.#frames = frames;
    this.#numbers = {
      ethernet: protocols.number('ethernet'),
      ppp: protocols.number('ppp'),
      pppoe: protocols.number('pppoe'),
      sll: protocols.number('sll'),
      sll2: protocols.number('sll2'),
      ipv4: protocols.number('ipv4'),
      ipv6: protocols.number('ipv6'),
    };
  }

  /**
   * Looks at a frame that begins with `protocol`.
   *
   * @param mends also fills in what it finds
   * @returns what was found, bit by bit
   */
  look(at: number, end: number, protocol: number, mends: boolean): number {
    this.#mends = mends;
    this.#found = 0;
    const numbers = this.#numbers;
    if (protocol === numbers.ipv4 || protocol === numbers.ipv6) this.#ip(at, end, MOST_NESTED);
    else if (protocol === numbers.ethernet) this.#behindEtherType(at + 12, at + 14, end);
    else if (protocol === numbers.sll) this.#behindEtherType(at + 14, at + 16, end);
    else if (protocol === numbers.sll2) this.#behindEtherType(at, at + 20, end);
    else if (protocol === numbers.ppp) this.#ppp(at, end);
    else if (protocol === numbers.pppoe) this.#pppoe(at, end);
    return this.#found;
  }

  #behindEtherType(typeAt: number, at: number, end: number): void {
    const { bytes } = this.#frames;
    let place = typeAt;
    let next = at;
    for (let tags = 0; tags < MOST_TAGS && next + 4 <= end; tags++) {
      const type = get16(bytes, place);
      if (type === 0x0800 || type === 0x86dd) this.#ip(next, end, MOST_NESTED);
      else if (type === 0x8864) this.#pppoe(next, end);
      if (!TAGS.has(type)) return;
      place = next + 2;
      next += 4;
    }
  }

  #pppoe(at: number, end: number): void {
    const { bytes } = this.#frames;
    if (at + 6 > end || bytes[at + 1] !== 0) return;
    // Its length says where padding begins.
    const length = get16(bytes, at + 4);
    if (at + 6 + length <= end) this.#ppp(at + 6, length === 0 ? end : at + 6 + length);
  }

  #ppp(from: number, end: number): void {
    const { bytes } = this.#frames;
    let at = from;
    if (at + 2 <= end && bytes[at] === 0xff && bytes[at + 1] === 0x03) at += 2;
    if (at + 2 > end) return;
    let protocol = bytes[at++]!;
    if ((protocol & 1) === 0) protocol = (protocol << 8) | bytes[at++]!;
    if (protocol === 0x21 || protocol === 0x57) this.#ip(at, end, MOST_NESTED);
  }

  #ip(at: number, end: number, depth: number): void {
    const { bytes } = this.#frames;
    if (depth === 0 || at + 20 > end) return;
    if (bytes[at]! >>> 4 === 4) this.#ipv4(at, end, depth);
    else if (bytes[at]! >>> 4 === 6 && at + 40 <= end) this.#ipv6(at, end, depth);
  }

  #ipv4(at: number, end: number, depth: number): void {
    const frames = this.#frames;
    const { bytes } = frames;
    const header = (bytes[at]! & 0x0f) * 4;
    let total = get16(bytes, at + 2);
    if (total === 0 && end - at <= 0xffff) {
      this.#found |= IPV4_LENGTH;
      total = end - at;
      if (this.#mends) put16(bytes, at + 2, total);
    }
    if (header < 20 || total < header || at + total > end) return;
    if (internetSum(frames, at, at + header) !== 0xffff) {
      // With another length, the checksum is another one anyway.
      if ((this.#found & IPV4_LENGTH) === 0) this.#found |= IPV4_CHECKSUM;
      if (this.#mends) {
        put16(bytes, at + 10, 0);
        put16(bytes, at + 10, ~internetSum(frames, at, at + header));
      }
    }
    if ((get16(bytes, at + 6) & FRAGMENT) !== 0 || hasRoute(bytes, at + 20, at + header)) return;
    const addresses = internetSum(frames, at + 12, at + 20);
    this.#transport(bytes[at + 9]!, at + header, at + total, addresses, depth);
  }

  #ipv6(at: number, end: number, depth: number): void {
    const frames = this.#frames;
    const { bytes } = frames;
    let length = get16(bytes, at + 4);
    let next = bytes[at + 6]!;
    if (length === 0) {
      // Nothing may follow, and then a short frame has padding; or the length stands in an option.
      const rest = end - at - 40;
      if (next === NO_NEXT_HEADER || rest < 8 || rest > 0xffff || isJumbo(bytes, at + 40, next)) return;
      this.#found |= IPV6_LENGTH;
      length = rest;
      if (this.#mends) put16(bytes, at + 4, length);
    }
    const behind = at + 40 + length;
    if (behind > end) return;
    let place = at + 40;
    while (EXTENSIONS.has(next)) {
      if (place + 8 > behind) return;
      if (next === ROUTING && bytes[place + 3] !== 0) return;
      if (next === DESTINATION_OPTIONS && hasHomeAddress(bytes, place, behind)) return;
      if (next === FRAGMENT_HEADER && (get16(bytes, place + 2) & 0xfff9) !== 0) return;
      const size =
        next === FRAGMENT_HEADER
          ? 8
          : next === AH
            ? (bytes[place + 1]! + 2) * 4
            : (bytes[place + 1]! + 1) * 8;
      next = bytes[place]!;
      place += size;
    }
    if (place > behind) return;
    this.#transport(next, place, behind, internetSum(frames, at + 8, at + 40), depth);
  }

  /** @param addresses the sum of the addresses in the pseudo header */
  #transport(protocol: number, at: number, end: number, addresses: number, depth: number): void {
    const { bytes } = this.#frames;
    const length = end - at;
    switch (protocol) {
      case 4:
      case 41:
        this.#ip(at, end, depth - 1);
        break;
      case 6:
        if (length >= 20) this.#checksum(at, end, at + 16, pseudo(addresses, protocol, length));
        break;
      case 17: {
        const covered = length < 8 ? 0 : get16(bytes, at + 4);
        // A checksum of 0 is none.
        if (covered >= 8 && covered <= length && get16(bytes, at + 6) !== 0)
          this.#checksum(at, at + covered, at + 6, pseudo(addresses, protocol, covered), 0xffff);
        break;
      }
      case 1:
        if (length >= 8) this.#checksum(at, end, at + 2, 0);
        break;
      case 58:
        if (length >= 8) this.#checksum(at, end, at + 2, pseudo(addresses, protocol, length));
        break;
      case 132:
        if (length >= 12) this.#crc(at, end);
        break;
    }
  }

  /** @param zero what stands for a checksum of zero */
  #checksum(at: number, end: number, field: number, pseudoSum: number, zero = 0): void {
    const frames = this.#frames;
    if (fold(internetSum(frames, at, end) + pseudoSum) === 0xffff) return;
    this.#found |= TRANSPORT_CHECKSUM;
    if (!this.#mends) return;
    put16(frames.bytes, field, 0);
    const checksum = ~fold(internetSum(frames, at, end) + pseudoSum) & 0xffff;
    put16(frames.bytes, field, checksum === 0 ? zero : checksum);
  }

  #crc(at: number, end: number): void {
    const frames = this.#frames;
    const { bytes } = frames;
    const before = get32(bytes, at + 8);
    put32(bytes, at + 8, 0);
    const right = crc32c(frames, at, end);
    if (before !== right) this.#found |= TRANSPORT_CHECKSUM;
    put32(bytes, at + 8, this.#mends ? right : before);
  }
}

/** Returns the part of the pseudo header in a checksum. */
function pseudo(addresses: number, protocol: number, length: number): number {
  return addresses + protocol + length;
}

/** Whether a source route is among the options, which has the last destination where none is looked for. */
function hasRoute(bytes: Uint8Array, from: number, end: number): boolean {
  for (let at = from; at < end && bytes[at] !== 0; at += bytes[at] === 1 ? 1 : Math.max(bytes[at + 1]!, 2))
    if (bytes[at] === LOOSE_ROUTE || bytes[at] === STRICT_ROUTE) return true;
  return false;
}

/** Whether hop-by-hop options say the length of a jumbogram, as the first option (RFC 2675 §2). */
function isJumbo(bytes: Uint8Array, at: number, next: number): boolean {
  return next === HOP_BY_HOP && bytes[at + 2] === JUMBO;
}

/** Whether destination options have the home address of Mobile IPv6, which a checksum covers instead. */
function hasHomeAddress(bytes: Uint8Array, header: number, behind: number): boolean {
  const end = Math.min(header + 8 + bytes[header + 1]! * 8, behind);
  for (let at = header + 2; at < end; at += bytes[at] === 0 ? 1 : 2 + bytes[at + 1]!)
    if (bytes[at] === HOME_ADDRESS) return true;
  return false;
}

function get16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** The byte order of a CRC on the wire: the lowest byte first. */
function get32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

const MOST_TAGS = 4;
/** IP in IP in IP, and not further. */
const MOST_NESTED = 4;
/** More fragments, and the fragment offset. */
const FRAGMENT = 0x3fff;
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT_HEADER = 44;
const AH = 51;
const NO_NEXT_HEADER = 59;
const DESTINATION_OPTIONS = 60;
const EXTENSIONS: ReadonlySet<number> = new Set([
  HOP_BY_HOP,
  ROUTING,
  FRAGMENT_HEADER,
  AH,
  DESTINATION_OPTIONS,
]);
/** The EtherTypes of VLAN tags. */
const TAGS: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100, 0x9200, 0x9300]);
const HOME_ADDRESS = 0xc9;
const JUMBO = 0xc2;
const LOOSE_ROUTE = 131;
const STRICT_ROUTE = 137;
