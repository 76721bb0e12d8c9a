import type { Protocols } from '../../stack/protocols.ts';
import { type CapturedDirection, INBOUND, OUTBOUND, UNKNOWN_DIRECTION } from './captured-packet.ts';

/**
 * Link types of captures (draft-ietf-opsawg-pcaplinktype) that a Funnel writes, or reads with a rule of their
 * own.
 */
export const LinkType = {
  null: 0,
  ethernet: 1,
  ppp: 9,
  pppHdlc: 50,
  pppoe: 51,
  raw: 101,
  ciscoHdlc: 104,
  loop: 108,
  sll: 113,
  ipv4: 228,
  ipv6: 229,
  sll2: 276,
} as const;

/**
 * Finds the frame in a captured packet: behind headers that a capturing system made up, with the protocol
 * with which it begins.
 *
 * The rule for headers that stand in captures only: one that has what a Shape can want (the EtherType, the
 * address of a device) is a protocol of its own, as Ethernet is: `sll`, `sll2`. One that contains only the
 * version of IP is removed. In both cases the direction in it is noted.
 */
export class LinkHeaders {
  /** These fields describe the packet of the last call of {@link read}. */
  protocol = 0;
  /** Bytes to take off in front. */
  skipped = 0;
  direction: CapturedDirection = UNKNOWN_DIRECTION;
  readonly #protocols: Protocols;
  readonly #ethertype: number;
  readonly #numbers: Readonly<Record<FrameProtocol, number>>;

  constructor(protocols: Protocols) {
    this.#protocols = protocols;
    this.#ethertype = protocols.nameSpaceNumber('ethertype');
    const numberOf = (name: FrameProtocol): [FrameProtocol, number] => [name, protocols.number(name)];
    this.#numbers = Object.fromEntries(FRAME_PROTOCOLS.map(numberOf)) as Record<FrameProtocol, number>;
  }

  /**
   * Reads the header of a packet at `from`. A protocol of 0 is one that the Funnel does not know.
   *
   * @returns `unknown` if it does not know this link type, `short` if the header is longer than the packet
   */
  read(linkType: number, bytes: Uint8Array, from: number, length: number): 'found' | 'unknown' | 'short' {
    const rule = RULES.get(linkType);
    if (rule === undefined) return 'unknown';
    if (length < rule.least) return 'short';
    this.direction = rule.directionOf?.(bytes, from) ?? UNKNOWN_DIRECTION;
    this.skipped = rule.skipped;
    const { begins } = rule;
    if (begins === 'family') this.protocol = this.#ofFamily(bytes, from);
    else if (begins === 'version') this.protocol = this.#ofVersion(bytes[from]!);
    else if (begins === 'ethertype') this.protocol = this.#ofEtherType(bytes, from + rule.skipped - 2);
    else if (begins === 'hdlc') this.#readHdlc(bytes, from, length);
    else this.protocol = this.#numbers[begins];
    return 'found';
  }

  #ofVersion(first: number): number {
    return first >>> 4 === 6 ? this.#numbers.ipv6 : first >>> 4 === 4 ? this.#numbers.ipv4 : 0;
  }

  /**
   * The address family has 32 bits in the byte order of the machine that captured, which need not be that of
   * the file. It has a small number, so its order shows. IPv6 has another number in each system.
   */
  #ofFamily(bytes: Uint8Array, at: number): number {
    const low = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    const high = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
    const family = low >>> 16 === 0 ? low : high;
    return family === FAMILY_IPV4 ? this.#numbers.ipv4 : FAMILIES_IPV6.has(family) ? this.#numbers.ipv6 : 0;
  }

  #ofEtherType(bytes: Uint8Array, at: number): number {
    return this.#protocols.identify(this.#ethertype, (bytes[at]! << 8) | bytes[at + 1]!);
  }

  /** PPP, or Cisco's framing, which begins with the address of a station or of all stations. */
  #readHdlc(bytes: Uint8Array, from: number, length: number): void {
    if (length >= CISCO_HEADER && (bytes[from] === CISCO_UNICAST || bytes[from] === CISCO_MULTICAST)) {
      this.skipped = CISCO_HEADER;
      this.protocol = this.#ofEtherType(bytes, from + 2);
    } else {
      this.protocol = this.#numbers.ppp;
    }
  }
}

const FRAME_PROTOCOLS = ['ethernet', 'ppp', 'pppoe', 'ipv4', 'ipv6', 'sctp', 'sll', 'sll2'] as const;
type FrameProtocol = (typeof FRAME_PROTOCOLS)[number];

interface Rule {
  /** For the manual page. */
  readonly name: string;
  /**
   * The protocol with which a frame begins; or the field that identifies it: the version of IP, an address
   * family, the two bytes in front of the frame, the framing of HDLC.
   */
  readonly begins: FrameProtocol | 'version' | 'family' | 'ethertype' | 'hdlc';
  readonly skipped: number;
  /** Bytes that a packet has at least. */
  readonly least: number;
  readonly directionOf?: (bytes: Uint8Array, at: number) => CapturedDirection;
}

function rule(
  name: string,
  begins: Rule['begins'],
  { skipped = 0, least = Math.max(skipped, 1), directionOf }: Partial<Omit<Rule, 'name' | 'begins'>> = {},
): Rule {
  const common = { name, begins, skipped, least };
  return directionOf === undefined ? common : { ...common, directionOf };
}

/** Whether the byte at `at` says that the packet was sent. */
function sentWhere(isSent: (byte: number) => boolean, at: number) {
  return (bytes: Uint8Array, from: number): CapturedDirection =>
    isSent(bytes[from + at]!) ? OUTBOUND : INBOUND;
}

const isNotZero = (byte: number): boolean => byte !== 0;
/** The packet type `sent by us` of both versions of cooked captures. */
const isOutgoing = (byte: number): boolean => byte === 4;

const RULES: ReadonlyMap<number, Rule> = new Map([
  [LinkType.null, rule('BSD loopback', 'family', { skipped: 4 })],
  [LinkType.ethernet, rule('Ethernet', 'ethernet')],
  [LinkType.ppp, rule('PPP', 'ppp')],
  [12, rule('raw IP', 'version')],
  [14, rule('raw IP', 'version')],
  [LinkType.pppHdlc, rule('PPP in HDLC framing', 'hdlc')],
  [LinkType.pppoe, rule('PPPoE', 'pppoe')],
  [LinkType.raw, rule('raw IP', 'version')],
  [LinkType.ciscoHdlc, rule('Cisco HDLC', 'ethertype', { skipped: 4 })],
  [LinkType.loop, rule('OpenBSD loopback', 'family', { skipped: 4 })],
  // The address family, the index of an association, flags.
  [109, rule('OpenBSD IPsec', 'family', { skipped: 12 })],
  [LinkType.sll, rule('Linux cooked', 'sll', { least: 16, directionOf: sentWhere(isOutgoing, 1) })],
  // The direction stands in place of the address 0xff, and the control field behind it.
  [166, rule('PPP of pppd', 'ppp', { skipped: 2, directionOf: sentWhere(isNotZero, 0) })],
  [204, rule('PPP with direction', 'ppp', { skipped: 1, directionOf: sentWhere(isNotZero, 0) })],
  [205, rule('Cisco HDLC with direction', 'ethertype', { skipped: 5, directionOf: sentWhere(isNotZero, 0) })],
  [LinkType.ipv4, rule('IPv4', 'ipv4')],
  [LinkType.ipv6, rule('IPv6', 'ipv6')],
  [248, rule('SCTP', 'sctp')],
  [LinkType.sll2, rule('Linux cooked 2', 'sll2', { least: 20, directionOf: sentWhere(isOutgoing, 10) })],
]);

/** The accepted link types, with their names. */
export const acceptedLinkTypes: ReadonlyMap<number, string> = new Map(
  [...RULES].map(([linkType, { name }]) => [linkType, name]),
);

const FAMILY_IPV4 = 2;
/** AF_INET6 of Linux; of NetBSD and OpenBSD; of FreeBSD; of macOS. Windows has 23. */
const FAMILIES_IPV6: ReadonlySet<number> = new Set([10, 23, 24, 28, 30]);

const CISCO_UNICAST = 0x0f;
const CISCO_MULTICAST = 0x8f;
const CISCO_HEADER = 4;
