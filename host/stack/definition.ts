/**
 * A protocol as data. Parsing, composing, checks, matching and printed names all use one such entry: to add a
 * protocol, add an entry, and write no code.
 *
 * All offsets count bytes from the start of the protocol's header; fields are unsigned and in network byte
 * order.
 */
export interface ProtocolDefinition {
  /** Its name in a stack: unique, in lower case. */
  readonly name: string;
  /** One line for people, with the document that specifies it. */
  readonly summary: string;
  /** The identifiers of this protocol in its carriers; several make the carriers equivalent. */
  readonly identifiers: readonly Identifier[];
  /**
   * Matching may skip this protocol for a stack that begins above it: any number of links, and one network
   * below a transport.
   */
  readonly layer?: 'link' | 'network';
  /**
   * A message fills a datagram, because nothing in it states its end. On a stream it has a length in front
   * (`length-prefix`), so a stack cannot name it directly behind the ports of a stream.
   */
  readonly fillsDatagram?: boolean;
  /** The header may occur between others: matching skips it for a stack that does not name it. */
  readonly transparent?: boolean;
  /** Absent for a protocol that is recognised but not parsed. */
  readonly header?: HeaderDefinition;
}

export interface Identifier {
  readonly nameSpace: string;
  /** Text in a textual Name Space, in lower case; a number in any other. */
  readonly id: number | string;
}

export interface HeaderDefinition {
  /**
   * The number of bytes that must be present before any field is read, and the minimal length of the header.
   */
  readonly minimum: number;
  /** The header's length is `base` plus the sum of the terms, in bytes. Without terms it is fixed. */
  readonly base: number;
  readonly terms?: readonly LengthTerm[];
  /** Fields that must have one value, such as a version. */
  readonly version?: Version;
  /** The place of the next identifier. Absent: this header does not identify its contents. */
  readonly next?: NextIdentifier | NextPorts | NextParsed;
  /**
   * The contents may be agreed outside of the header: a stack can name any protocol there, as behind a port.
   * The parser tries that protocol if the next identifier is unknown.
   */
  readonly agreed?: boolean;
  /** The header has no contents: the bytes behind it are padding. */
  readonly leaf?: boolean;
  /** The field with the length. Bytes beyond that length are a trailer. */
  readonly length?: LengthField;
  readonly checksum?: Checksum;
  /**
   * Bits of a 16-bit field that are all zero, or have the value `whole`, unless the packet is a fragment. The
   * contents of a fragment are not a whole packet, and stay opaque.
   */
  readonly fragment?: { readonly at: number; readonly mask: number; readonly whole?: number };
  /** The addresses that the checksums of its contents cover. */
  readonly addresses?: Addresses;
  /** The header is one of a list of items, each with its own body. */
  readonly item?: Item;
  /**
   * The name of the parse function, for a header that data cannot express, such as a textual one. The
   * function finds the lengths and the next identifier; `minimum` still holds.
   */
  readonly parse?: string;
}

/** Adds `((field & mask) >> shift) × unit` bytes to a header's length. */
export interface LengthTerm {
  readonly at: number;
  /** The size of the field; 1 when left out. */
  readonly bytes?: 1 | 2;
  readonly mask: number;
  readonly shift: number;
  readonly unit: number;
}

export interface Version {
  readonly at: number;
  readonly mask: number;
  readonly value: number;
}

/** One field with an identifier in one Name Space. */
export interface NextIdentifier {
  readonly nameSpace: string;
  readonly at: number;
  readonly bytes: 1 | 2 | 4;
  /** The bits of the field that hold it, shifted down to the lowest; all bits when left out. */
  readonly mask?: number;
}

/** Two ports of 16 bits; either may identify the contents. */
export interface NextPorts {
  readonly nameSpace: string;
  readonly source: number;
  readonly destination: number;
  /** A field in the contents that identifies them; its offset may lie beyond the header. */
  readonly contents?: NextIdentifier;
}

/** An identifier that the parse function finds. */
export interface NextParsed {
  readonly nameSpace: string;
  readonly parsed: true;
}

/**
 * One of a list of items, such as the chunks of SCTP. It ends at its length, or with its header if it is a
 * leaf. Its padding, which is its trailer, and the next item of this Name Space follow.
 */
export interface Item {
  readonly nameSpace: string;
  /**
   * The offset of the identifier in the next item. Absent with a parse function, which finds the next item
   * itself.
   */
  readonly at?: number;
  readonly bytes?: 1 | 2;
  /** Its padded length is a multiple of this many bytes; 1 when left out. */
  readonly align?: number;
}

/** A field that counts bytes: of header and contents, or of the contents only. */
export interface LengthField {
  readonly at: number;
  /** The size of the field; 2 when left out. */
  readonly bytes?: 1 | 2 | 4;
  readonly counts: 'total' | 'payload';
}

export interface Checksum {
  readonly at: number;
  /**
   * - `header`: the Internet checksum (RFC 1071) of this header; the parser checks it too;
   * - `contents`: the same sum over header and contents;
   * - `pseudo`: the same, with the addresses, the length and the protocol number of its carrier (RFC 8200
   *   §8.1); of a transparent header it covers the header only;
   * - `crc32c`: 32 bits over header and contents (RFC 9260 appendix A).
   */
  readonly kind: 'header' | 'contents' | 'pseudo' | 'crc32c';
  /** A sum of zero is sent as all ones, because zero means that there is no checksum (RFC 768). */
  readonly zeroIsNone?: boolean;
  /** The checksum is present only when one of these bits is set (RFC 2784 §2.1). */
  readonly when?: { readonly at: number; readonly mask: number };
  /** The offset of a 16-bit field with the number of bytes that it covers, 0 for all (RFC 3828 §3.1). */
  readonly coverage?: number;
}

export interface Addresses {
  readonly source: number;
  readonly destination: number;
  readonly bytes: number;
}

/** The scope of protocol identifiers. */
export interface NameSpaceDefinition {
  readonly name: string;
  readonly summary: string;
  /** The size of an identifier in bits, from 1 to 32; 0 for text. */
  readonly bits: number;
  /** Identifiers come in pairs, one for each end, and are often chosen at run time. */
  readonly ports?: boolean;
  /** These identifiers carry a stream of bytes, not datagrams. */
  readonly stream?: boolean;
  /** People write these identifiers in hexadecimal. */
  readonly hexadecimal?: boolean;
}

/** A Generic Carrier: one name for several protocols. */
export interface GenericDefinition {
  readonly name: string;
  readonly members: readonly string[];
}
