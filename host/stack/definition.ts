/**
 * A protocol as data. From one such entry come the parser, the composer, the checks, the matching of stacks
 * and the text that is printed; a protocol is added by adding an entry, not by writing code.
 *
 * All offsets count bytes from the start of the protocol's header; fields are unsigned and in network byte
 * order.
 */
export interface ProtocolDefinition {
  /** Lower case, unique; what a stack calls it. */
  readonly name: string;
  /** One line for people, with the document that specifies it. */
  readonly summary: string;
  /** By what this protocol is known to what carries it; more than one makes the carriers equivalent. */
  readonly identifiers: readonly Identifier[];
  /**
   * What a stack that begins above this protocol may pass over: any number of links, and one network below a
   * transport.
   */
  readonly layer?: 'link' | 'network';
  /**
   * A header that stands between others without being asked for: a stack that does not name it looks through
   * it.
   */
  readonly transparent?: boolean;
  /** Absent for a protocol whose bytes are not parsed; its frames are still recognised. */
  readonly header?: HeaderDefinition;
}

export interface Identifier {
  readonly nameSpace: string;
  /** Text in a textual Name Space, in lower case; a number in any other. */
  readonly id: number | string;
}

export interface HeaderDefinition {
  /** Bytes that must be there before any field is looked at, and the least that the header may measure. */
  readonly minimum: number;
  /** The header's length is `base` plus the sum of the terms, in bytes. Without terms it is fixed. */
  readonly base: number;
  readonly terms?: readonly LengthTerm[];
  /** Fields that must have one value, such as a version. */
  readonly version?: Version;
  /** Where it says what comes next. Absent: the contents are not told by this header. */
  readonly next?: NextIdentifier | NextPorts | NextParsed;
  /**
   * What it contains may be agreed outside of it: a stack can name any protocol, as behind a port, which is
   * tried where the next identifier tells nothing.
   */
  readonly agreed?: boolean;
  /** This header is all there is: what follows it is padding, not contents. */
  readonly leaf?: boolean;
  /** Where it says how long it is. What lies beyond is a trailer. */
  readonly length?: LengthField;
  readonly checksum?: Checksum;
  /**
   * Bits of a field of 16 that are all zero, or have the value `whole`, in what is no fragment. The contents
   * of a fragment are not a whole packet, and stay opaque.
   */
  readonly fragment?: { readonly at: number; readonly mask: number; readonly whole?: number };
  /** Where the addresses stand that a checksum of what it contains has to cover. */
  readonly addresses?: Addresses;
  /** It stands in a row with others of its kind, each with a body of its own. */
  readonly item?: Item;
  /**
   * The name of the parse function of a header that data cannot express, such as a textual one. It tells the
   * lengths and the next identifier; `minimum` still holds.
   */
  readonly parse?: string;
}

/** Adds `((field & mask) >> shift) × unit` bytes to a header's length. */
export interface LengthTerm {
  readonly at: number;
  /** Of the field; 1 when left out. */
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
  /** The bits of the field that hold it, shifted down to the lowest; all when left out. */
  readonly mask?: number;
}

/** Two ports of 16 bits; either may tell what is contained. */
export interface NextPorts {
  readonly nameSpace: string;
  readonly source: number;
  readonly destination: number;
  /**
   * What it contains says itself what it is, in a field that stands at this offset, which may be beyond the
   * header.
   */
  readonly contents?: NextIdentifier;
}

/** An identifier that the parse function finds. */
export interface NextParsed {
  readonly nameSpace: string;
  readonly parsed: true;
}

/**
 * One of several that follow each other, as the chunks of SCTP. It ends at its length, or at that of its
 * header when it is a leaf; behind that comes padding, which is its trailer, and then another of this Name
 * Space.
 */
export interface Item {
  readonly nameSpace: string;
  /**
   * Where the next one says which it is. With a parse function: left out, since that tells whether there is
   * another.
   */
  readonly at?: number;
  readonly bytes?: 1 | 2;
  /** Padded to a multiple of so many bytes; 1 when left out. */
  readonly align?: number;
}

/** A field that counts bytes: of the header and what it contains, or only of what it contains. */
export interface LengthField {
  readonly at: number;
  /** Of the field; 2 when left out. */
  readonly bytes?: 1 | 2 | 4;
  readonly counts: 'total' | 'payload';
}

export interface Checksum {
  readonly at: number;
  /**
   * - `header`: the Internet checksum (RFC 1071) of this header; also checked when parsing;
   * - `contents`: the same of header and contents;
   * - `pseudo`: the same, and of the addresses, the length and the protocol number of what carries it (RFC
   *   8200 §8.1);
   * - `crc32c`: of header and contents (RFC 9260 appendix A), 32 bits.
   */
  readonly kind: 'header' | 'contents' | 'pseudo' | 'crc32c';
  /** A sum of zero is sent as all ones, because zero says that there is none (RFC 768). */
  readonly zeroIsNone?: boolean;
  /** It is there only when one of these bits is set (RFC 2784 §2.1). */
  readonly when?: { readonly at: number; readonly mask: number };
  /** Where 16 bits say how many bytes it covers, 0 for all (RFC 3828 §3.1). */
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
  /** How large an identifier is, from 1 to 32; 0 for text. */
  readonly bits: number;
  /** Identifiers come in pairs, one for each end, and are often chosen while running. */
  readonly ports?: boolean;
  /** People write these identifiers in hexadecimal. */
  readonly hexadecimal?: boolean;
}

/** One name for several protocols that may stand in each other's place. */
export interface GenericDefinition {
  readonly name: string;
  readonly members: readonly string[];
}
