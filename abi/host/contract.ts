// Generated from wit/funnel.wit by tools/generate-abi.mjs. Do not edit.
// biome-ignore-all format: generated

import type { GuestMemory } from './guest-memory.ts';
import { Lifter, Lowerer } from './guest-memory.ts';

export type { GuestMemory } from './guest-memory.ts';
export { ContractError } from './guest-memory.ts';

/**
 * A point in time, in milliseconds with their fraction, of the lane's monotonic clock.
 *
 * A float, because a u64 becomes an object in JavaScript. Never NaN. Infinity means never. Each lane has
 * a clock with its own zero, so a saved state and a message to another piece hold durations instead of
 * instants.
 */
export type Instant = number;

/** The reason for a refusal, for the user to read. */
export interface Problem {
  /** The setting that has to change, if a setting is the reason. */
  readonly setting?: string | undefined;
  /** One sentence without a line break: what is wrong, and what to do. */
  readonly message: string;
}

/** The value of a property. */
export type Value =
  /** The property holds. */
  | { readonly tag: 'yes' }
  /** A lower bound, in the property's unit. */
  | { readonly tag: 'at-least'; readonly val: bigint }
  /** An upper bound, in the property's unit. */
  | { readonly tag: 'at-most'; readonly val: bigint }
  /** A text, such as an address or an identity. */
  | { readonly tag: 'text'; readonly val: string };

/**
 * A property of the traffic across an Edge, or something that a piece makes available there.
 *
 * The list of names is open: `reliable`, `ordered`, `framed`, `duplicate-free`, `size` (of a frame, in
 * bytes), `mtu`, `address`, `route`, `group`, `identity`, `up`, and names that pieces agree on among
 * themselves. A piece ignores names that it does not know.
 */
export interface Property {
  readonly name: string;
  readonly value: Value;
}

/** The severity of a message. */
export type Level = 'debug' | 'info' | 'warn' | 'error';
/** The numbers of {@link Level} in memory. */
export const Level = {
  debug: 0,
  info: 1,
  warn: 2,
  error: 3,
} as const;

/** How well a piece can do its work. */
export type Health = 'good' | 'pending' | 'impaired' | 'failed';
/** The numbers of {@link Health} in memory. */
export const Health = {
  /** The piece does its work. */
  good: 0,
  /** The piece waits for something, such as the answer of a router. It cannot do its work before that. */
  pending: 1,
  /** The piece does its work in part, or not as well as it should. */
  impaired: 2,
  /** The piece cannot do its work until something outside of it changes. */
  failed: 3,
} as const;

/** The purpose of a key. */
export type Algorithm = 'aes-ctr' | 'aes-gcm' | 'hmac-sha1';
/** The numbers of {@link Algorithm} in memory. */
export const Algorithm = {
  /** AES in counter mode, with the whole block as counter. 16, 24 or 32 bytes. (NIST SP 800-38A §6.5) */
  'aes-ctr': 0,
  /** AES in Galois/counter mode with a nonce of 12 bytes. 16, 24 or 32 bytes. (NIST SP 800-38D) */
  'aes-gcm': 1,
  /** HMAC with SHA-1. 1 to 64 bytes. (RFC 2104) */
  'hmac-sha1': 2,
} as const;

/**
 * One message to protect or unprotect. Offsets count from the start of the data.
 *
 * With a key of `aes-gcm`, the text is encrypted, and the tag authenticates the signed bytes, the suffix
 * and the text. With a key of `aes-ctr`, the text is encrypted. With a key of `hmac-sha1`, the tag
 * authenticates the signed bytes and the suffix, as they are when the text is encrypted.
 */
export interface Task {
  /** A key of `aes-ctr` or `aes-gcm`, or 0. */
  readonly cipher: number;
  /** A key of `hmac-sha1`, or 0. Always 0 beside a key of `aes-gcm`. */
  readonly mac: number;
  /** The first counter block of `aes-ctr`, of 16 bytes, or the nonce of `aes-gcm`, of 12 bytes. */
  readonly nonceOffset: number;
  /** The bytes that are authenticated first, and stay readable. */
  readonly signedOffset: number;
  /** In bytes. May be 0. */
  readonly signedLength: number;
  /** Bytes that are authenticated behind the signed ones, and need not follow them in the data. */
  readonly suffixOffset: number;
  /** In bytes. May be 0. */
  readonly suffixLength: number;
  /** The bytes that are encrypted, or decrypted, in their place. */
  readonly textOffset: number;
  /** In bytes. May be 0. */
  readonly textLength: number;
  /** The place of the tag: `protect` writes it, `unprotect` compares it. */
  readonly tagOffset: number;
  /** 12 to 16 bytes with `aes-gcm`, 4 to 20 with `hmac-sha1`, 0 without authentication. */
  readonly tagLength: number;
}

/** The result of `unprotect`. */
export interface Unprotected {
  /** The data, with the texts decrypted. */
  readonly data: Uint8Array;
  /** For each task whether its tag is right. If not, its text is as it came, or zeroes. */
  readonly genuine: readonly boolean[];
}

/** The part of a side in the handshake. */
export type Party = 'client' | 'server';
/** The numbers of {@link Party} in memory. */
export const Party = {
  /** Sends the first message. */
  client: 0,
  /** Waits for it. */
  server: 1,
} as const;

/** The hash function of a fingerprint. */
export type Digest = 'sha256' | 'sha384' | 'sha512' | 'sha1';
/** The numbers of {@link Digest} in memory. */
export const Digest = {
  /** SHA-256, which every peer has to know. */
  sha256: 0,
  /** SHA-384. */
  sha384: 1,
  /** SHA-512. */
  sha512: 2,
  /** SHA-1, for old peers only. */
  sha1: 3,
} as const;

/** The hash of a certificate (RFC 8122 §5). */
export interface Fingerprint {
  /** The hash function. */
  readonly digest: Digest;
  /** As many bytes as the hash function has. */
  readonly value: Uint8Array;
}

/** The stage of a session. */
export type Stage = 'handshake' | 'established' | 'closed' | 'failed' | 'untrusted';
/** The numbers of {@link Stage} in memory. */
export const Stage = {
  /** The peer has to send something. */
  handshake: 0,
  /** There are keys. The peer has a certificate that is trusted. */
  established: 1,
  /** The peer has ended the session. */
  closed: 2,
  /** The handshake failed, or the peer broke the protocol. */
  failed: 3,
  /** The handshake failed, because the certificate of the peer has none of the fingerprints. */
  untrusted: 4,
} as const;

/** The result of a step. */
export interface Progress {
  /** The stage after the step. */
  readonly stage: Stage;
  /** The datagrams that the peer gets, each with its length in front, in two bytes, the higher first. */
  readonly datagrams: Uint8Array;
}

/** The keys of SRTP that a session has brought (RFC 5764 §4.2). */
export interface SrtpKeys {
  /** The number of the agreed profile; 0 for no keys. */
  readonly profile: number;
  /** The master key of what the client sends: a key of `aes-ctr` of the interface `crypto`. */
  readonly clientKey: number;
  /** The master key of what the server sends. */
  readonly serverKey: number;
  /** 14 bytes; with GCM the last two are zero. */
  readonly clientSalt: Uint8Array;
  /** As `client-salt`. */
  readonly serverSalt: Uint8Array;
}

/** The role of a part in its protocol. */
export type Role = 'header' | 'payload' | 'trailer';
/** The numbers of {@link Role} in memory. */
export const Role = {
  /** The bytes in front of the payload. */
  header: 0,
  /** The bytes that the protocol carries. */
  payload: 1,
  /** The bytes behind the payload: padding, an authentication tag, a checksum. */
  trailer: 2,
} as const;

/** Marks of a part. Unknown bits are ignored. */
export type PartMarks = number;
/** The bits of {@link PartMarks}. */
export const PartMarks = {
  /**
   * The bytes stayed with the host.
   *
   * `offset` is then an address in the host. A piece may pass on the part, or any range of it, in any
   * frame, until the ticket ends; `more` says how long that is for a fragment. Only a payload is
   * withheld, and only on a Shape whose reach is `headers`.
   */
  withheld: 1,
  /**
   * The host fills in the length and checksum fields of this header when the frame leaves it.
   *
   * Only for a header. A piece that needs the fields earlier fills them in and clears the mark.
   */
  unfinished: 2,
  /**
   * In an outcome: these bytes begin with `protocol`, and the host parses them.
   *
   * For bytes that the piece decrypted, decompressed or put together. The part is a payload.
   */
  unparsed: 4,
  /**
   * This frame is a fragment, and the next frame of this Edge, Shape and ticket continues it.
   *
   * The mark stands on the last part, and has no meaning on another. All fragments of a frame have one
   * ticket, which ends with the fragment that has no such mark. Of frames with ticket 0, one may be
   * incomplete on each Edge and Shape, and 64 in all.
   *
   * Incoming: a call brings at most one fragment, as its first frame. The fragments of a frame come in
   * order and without a gap. The rest may never come, so a piece that keeps something for it bounds
   * the wait. Withheld bytes of a fragment are good until an outcome passes some of them on, or the
   * ticket ends. The host drops further fragments of a frame whose ticket has ended. The host may give
   * up a ticket when the piece holds no fragment of it. An outcome may still name the last 256 tickets
   * that were given up, without effect.
   */
  more: 8,
  /** Incoming: an earlier frame with the same ticket began this one. Stands on the first part. */
  continued: 16,
} as const;

/** Bytes of a frame that belong together. */
export interface Part {
  /**
   * The protocol of a header or trailer. For a payload, the protocol that it begins with, or 0 if that
   * is not known.
   *
   * The host chooses the numbers. `control.start` receives the number of each protocol that the piece
   * described.
   */
  readonly protocol: number;
  readonly role: Role;
  readonly marks: PartMarks;
  /** From the start of the arena, unless `withheld`. */
  readonly offset: number;
  /** In bytes. May be 0. */
  readonly length: number;
}

/**
 * Parts in the order of their bytes.
 *
 * A header opens the scope of its protocol. The trailer of that protocol, or the end of the frame,
 * closes it. So bodies may nest and repeat. A frame has at most 32 parts and at most 66240 bytes; a
 * larger one travels in fragments marked `more`.
 */
export interface Frame {
  /** The number that `control.join` gave to this Edge. */
  readonly edge: number;
  /** The described Shape, or the number that `host.listen` returned. */
  readonly shape: number;
  /** The index of this frame's first part. Frames of an outcome may share parts. */
  readonly firstPart: number;
  readonly partCount: number;
  /**
   * The number of headers in front of the Shape's own stack.
   *
   * Incoming: the piece may ignore these headers. In an outcome: that many headers, copied from the
   * front of the ticket's frame; or 0, and then the endpoint that writes the frame adds the headers
   * that it needs.
   */
  readonly skipHeaders: number;
  /** The same, for trailers at the end. */
  readonly skipTrailers: number;
  /**
   * Incoming: the room in the arena that holds the parts that are not withheld. Rooms ascend and are
   * disjoint.
   *
   * Outgoing: only a hint. Parts may stand anywhere in the arena, and frames may share them.
   */
  readonly roomOffset: number;
  readonly roomLength: number;
  /**
   * Incoming: the host's name for this frame, not 0, until an outcome ends it or passes it on.
   *
   * Outgoing: the frame that this one continues, of this call or held from an earlier one; or 0 for a
   * frame of the piece's own. Several frames may pass on one ticket. A piece holds each ticket that it
   * neither passes on nor ends. The host caps how many tickets and bytes a piece holds, and drops
   * frames beyond that.
   */
  readonly ticket: number;
}

/** Ends a ticket whose frame does not go on. */
export interface End {
  readonly ticket: number;
  /** An index into the `reasons` of the description. */
  readonly reason: number;
}

/**
 * The result of a call to `process`.
 *
 * The host checks every number in it before use. A wrong number is a fault, and the host discards the
 * instance. At most 16384 frames, 65536 parts, 16777216 bytes in all frames together, and 16384 ends.
 */
export interface Outcome {
  readonly frames: readonly Frame[];
  readonly parts: readonly Part[];
  /** May be the same memory as the argument `arena`. */
  readonly arena: Uint8Array;
  readonly ends: readonly End[];
  /**
   * Edges from which the piece takes no frames for now. It holds until the next outcome. Meanwhile
   * frames wait in the host's queue behind the Edge, and their senders are notified by `ready`. The
   * next call may still bring frames that were in the same batch.
   */
  readonly paused: readonly number[];
  /**
   * The instant of the next call without frames, or infinity. It holds until the next outcome. Never
   * in the past.
   */
  readonly wakeAt: Instant;
}

/** The direction of a Shape. `down` matches `up`, and `peer` matches `peer`. */
export type Direction = 'up' | 'down' | 'peer';
/** The numbers of {@link Direction} in memory. */
export const Direction = {
  /** Toward the user of the protocol: this side carries it. */
  up: 0,
  /** Toward the carrier of the protocol: this side wants to be carried. */
  down: 1,
  /** Toward an equal. */
  peer: 2,
} as const;

/** How a Shape depends on a property. */
export type Wish = 'available' | 'required' | 'desired' | 'indifferent' | 'rejected';
/** The numbers of {@link Wish} in memory. */
export const Wish = {
  /** The Shape has it, for a neighbour that wants it. */
  available: 0,
  /** The Shape does not join without it. */
  required: 1,
  /** The Shape works better with it. */
  desired: 2,
  /** The Shape works with it and without it. */
  indifferent: 3,
  /** The Shape does not join with it. */
  rejected: 4,
} as const;

/** The part of each frame that a piece needs to see. */
export type Reach = 'headers' | 'whole-frame';
/** The numbers of {@link Reach} in memory. */
export const Reach = {
  /**
   * Headers and trailers. The payload stays with the host. This is the fast path, and gives the least
   * authority.
   */
  headers: 0,
  /** Every byte. */
  'whole-frame': 1,
} as const;

/** A property, and how the Shape depends on it. */
export interface PropertyWish {
  readonly wish: Wish;
  readonly property: Property;
}

/** One protocol stack that an Edge accepts. */
export interface Shape {
  /**
   * Such as `ip/udp/5060` or `ethertype:ipv6`. A step `*` is open, and `host.listen` fills it at run
   * time.
   */
  readonly stack: string;
  readonly direction: Direction;
  readonly reach: Reach;
  readonly properties: readonly PropertyWish[];
}

/** A connection to the outside, with its alternative Shapes. */
export interface Edge {
  /** Unique in the piece, in kebab-case. */
  readonly name: string;
  /** The piece works without it. */
  readonly optional: boolean;
  /** It may be joined any number of times, as the Edge of a hub. */
  readonly repeated: boolean;
  readonly shapes: readonly Shape[];
}

/** A possible path of traffic in both directions. It is a Hairpin if both Edges are the same. */
export interface Curve {
  /** Indices into `edges`, and into the `shapes` of that Edge. */
  readonly fromEdge: number;
  readonly fromShape: number;
  readonly toEdge: number;
  readonly toShape: number;
  /** Different stacks follow the ends of the two Shapes, as with encryption or header compression. */
  readonly opaque: boolean;
  /** The names of properties that hold at one end whenever they hold at the other. */
  readonly keeps: readonly string[];
  /** The bytes that a frame gains from `from` to `to`; negative if it shrinks. */
  readonly overhead: number;
}

/** How the host reads and shows the text of a setting. */
export type Kind = 'text' | 'number' | 'boolean' | 'duration' | 'address' | 'secret';
/** The numbers of {@link Kind} in memory. */
export const Kind = {
  text: 0,
  /** Decimal. */
  number: 1,
  /** `true` or `false`. */
  boolean: 2,
  /** A number with a unit `ms`, `s`, `m` or `h`. Without a unit it is in seconds. */
  duration: 3,
  /** An IPv4 or IPv6 address, with a prefix length if the piece takes one. */
  address: 4,
  /** A text that the host never shows. */
  secret: 5,
} as const;

/** A setting of the piece. */
export interface Setting {
  /** Unique in the piece, in kebab-case. */
  readonly name: string;
  /** One line. */
  readonly summary: string;
  readonly kind: Kind;
  /** It may be given more than once; the order is kept. */
  readonly repeated: boolean;
  /** It must be given. A required setting has no default. */
  readonly required: boolean;
  /**
   * The value of a setting that is not given. None if it is required, or if its absence has a meaning
   * of its own.
   */
  readonly default?: string | undefined;
  /**
   * The least value of a number, or of a duration in milliseconds. Minus infinity if there is no
   * bound, and of every other kind. Never NaN.
   */
  readonly least: number;
  /** The greatest value, in the same way. Infinity if there is no bound. */
  readonly most: number;
}

/** A reason for which frames end in this piece. */
export interface Reason {
  /** The name of its counter, in kebab-case. */
  readonly name: string;
  /** Whether the frame is lost. If not, it did its work here: it was answered, or merged. */
  readonly loss: boolean;
  /** One sentence for the user: why the frame ends, and what can be done about it if anything can. */
  readonly summary: string;
}

/** A Puzzle Piece. */
export interface Piece {
  readonly name: string;
  readonly version: string;
  /** One line. */
  readonly summary: string;
  /**
   * The protocols whose numbers the piece wants. `control.start` receives the numbers in this order.
   *
   * The second text is the definition of a protocol that the host may not know. The host's own
   * definition has priority.
   */
  readonly protocols: readonly (readonly [string, string | undefined])[];
  readonly edges: readonly Edge[];
  readonly curves: readonly Curve[];
  readonly settings: readonly Setting[];
  readonly reasons: readonly Reason[];
}

/** The join of an Edge to a Joint. */
export interface Joining {
  /**
   * The number of this Edge in frames. Below 256. The host uses it again only after all its Shapes
   * have left.
   */
  readonly edge: number;
  /** The index of the Edge in the description. */
  readonly described: number;
  /** The index of its Shape. An Edge that matches with several Shapes joins once for each. */
  readonly shape: number;
  /** The name of the network. */
  readonly joint: string;
  /** The properties that were agreed, and those that the neighbours offer. */
  readonly properties: readonly Property[];
}

/** Where the fields of a {@link Task} stand, in bytes. */
export const TASK = { size: 44, align: 4, cipher: 0, mac: 4, nonceOffset: 8, signedOffset: 12, signedLength: 16, suffixOffset: 20, suffixLength: 24, textOffset: 28, textLength: 32, tagOffset: 36, tagLength: 40 } as const;

/** Where the fields of a {@link Part} stand, in bytes. */
export const PART = { size: 12, align: 4, protocol: 0, role: 2, marks: 3, offset: 4, length: 8 } as const;

/** Where the fields of a {@link Frame} stand, in bytes. */
export const FRAME = { size: 24, align: 4, edge: 0, shape: 2, firstPart: 4, partCount: 8, skipHeaders: 10, skipTrailers: 11, roomOffset: 12, roomLength: 16, ticket: 20 } as const;

/** Where the fields of a {@link End} stand, in bytes. */
export const END = { size: 8, align: 4, ticket: 0, reason: 4 } as const;

/** Where the fields of a {@link Outcome} stand, in bytes. */
export const OUTCOME = { size: 48, align: 8, frames: 0, parts: 8, arena: 16, ends: 24, paused: 32, wakeAt: 40 } as const;

/** The limits that the contract states. */
export const LIMITS = {
  /** Parts of one frame. */
  maxFrameParts: 32,
  /** Bytes of one frame; a larger one travels in fragments marked `more`. */
  maxFrameBytes: 66240,
  /** Frames that a call brings. */
  maxFramesIn: 256,
  /** Parts that a call brings. */
  maxPartsIn: 8192,
  /** Bytes of the arena that a call brings. */
  maxArenaIn: 131072,
  /** Frames of an outcome. */
  maxFramesOut: 16384,
  /** Parts of an outcome. */
  maxPartsOut: 65536,
  /** Bytes in all frames of an outcome together, shared parts counted each time. */
  maxBytesOut: 16777216,
  /** Tickets that an outcome ends. */
  maxEndsOut: 16384,
  /** Numbers of joined Edges: they are below this. */
  maxEdges: 256,
  /** Bytes of a saved state. */
  maxStateBytes: 4194304,
  /** Tasks of one call of `protect` or `unprotect`. */
  maxTasks: 1024,
} as const;

export type CoreType = 'i32' | 'i64' | 'f32' | 'f64';

/** A function of the contract, as WebAssembly has it. */
export interface CoreFunction {
  /** The interface, by which the component imports or exports an instance, and the function in it. */
  readonly interface: string;
  readonly name: string;
  readonly params: readonly CoreType[];
  readonly results: readonly CoreType[];
  /** The result stands in memory: its address is the core result of an export, and the last core argument of an import. */
  readonly isIndirect: boolean;
  /** Some argument has a list or a string, so the callee has to make room for it. */
  readonly takesLists: boolean;
  /** The result has a list or a string. Of an import, the caller has to make room for it. */
  readonly returnsLists: boolean;
}

/** What a piece exports. */
export const EXPORTS = {
  describe: { interface: 'arpa2:funnel/description@0.2.0', name: 'describe', params: ['i32', 'i32'], results: ['i32'], isIndirect: true, takesLists: true, returnsLists: true },
  start: { interface: 'arpa2:funnel/control@0.2.0', name: 'start', params: ['f64', 'i32', 'i32', 'i32', 'i32'], results: ['i32'], isIndirect: true, takesLists: true, returnsLists: true },
  accepts: { interface: 'arpa2:funnel/control@0.2.0', name: 'accepts', params: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'], results: ['i32'], isIndirect: true, takesLists: true, returnsLists: true },
  join: { interface: 'arpa2:funnel/control@0.2.0', name: 'join', params: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'], results: [], isIndirect: false, takesLists: true, returnsLists: false },
  leave: { interface: 'arpa2:funnel/control@0.2.0', name: 'leave', params: ['i32', 'i32'], results: [], isIndirect: false, takesLists: false, returnsLists: false },
  listening: { interface: 'arpa2:funnel/control@0.2.0', name: 'listening', params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'], isIndirect: true, takesLists: true, returnsLists: true },
  ready: { interface: 'arpa2:funnel/control@0.2.0', name: 'ready', params: ['i32', 'i32'], results: [], isIndirect: false, takesLists: false, returnsLists: false },
  save: { interface: 'arpa2:funnel/control@0.2.0', name: 'save', params: ['f64'], results: ['i32'], isIndirect: true, takesLists: false, returnsLists: true },
  restore: { interface: 'arpa2:funnel/control@0.2.0', name: 'restore', params: ['f64', 'i32', 'i32', 'i32', 'i32'], results: ['i32'], isIndirect: true, takesLists: true, returnsLists: true },
  process: { interface: 'arpa2:funnel/traffic@0.2.0', name: 'process', params: ['f64', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'], results: ['i32'], isIndirect: true, takesLists: true, returnsLists: true },
} as const satisfies Record<string, CoreFunction>;

/** The name of a function that a piece exports. */
export type ExportName = keyof typeof EXPORTS;

/** The names of all functions that a piece exports. */
export const EXPORT_NAMES = ['describe', 'start', 'accepts', 'join', 'leave', 'listening', 'ready', 'save', 'restore', 'process'] as const satisfies readonly ExportName[];

/** Makes a value for each function that a piece exports. */
export function forEachExport<T>(make: (name: ExportName) => T): Record<ExportName, T> {
  return { describe: make('describe'), start: make('start'), accepts: make('accepts'), join: make('join'), leave: make('leave'), listening: make('listening'), ready: make('ready'), save: make('save'), restore: make('restore'), process: make('process') };
}

/** What a piece may import. */
export const IMPORTS = {
  log: { interface: 'arpa2:funnel/host@0.2.0', name: 'log', params: ['i32', 'i32', 'i32'], results: [], isIndirect: false, takesLists: true, returnsLists: false },
  status: { interface: 'arpa2:funnel/host@0.2.0', name: 'status', params: ['i32', 'i32', 'i32', 'i32', 'i32'], results: [], isIndirect: false, takesLists: true, returnsLists: false },
  random: { interface: 'arpa2:funnel/host@0.2.0', name: 'random', params: [], results: ['i64'], isIndirect: false, takesLists: false, returnsLists: false },
  utc: { interface: 'arpa2:funnel/host@0.2.0', name: 'utc', params: ['i32'], results: [], isIndirect: true, takesLists: false, returnsLists: false },
  listen: { interface: 'arpa2:funnel/host@0.2.0', name: 'listen', params: ['i32', 'i32', 'i32', 'i32', 'i32'], results: [], isIndirect: true, takesLists: true, returnsLists: true },
  unlisten: { interface: 'arpa2:funnel/host@0.2.0', name: 'unlisten', params: ['i32', 'i32'], results: [], isIndirect: false, takesLists: false, returnsLists: false },
  offer: { interface: 'arpa2:funnel/host@0.2.0', name: 'offer', params: ['i32', 'i32', 'i32', 'i32', 'i64', 'i32', 'i32'], results: [], isIndirect: false, takesLists: true, returnsLists: false },
  importKey: { interface: 'arpa2:funnel/crypto@0.2.0', name: 'import-key', params: ['i32', 'i32', 'i32', 'i32'], results: [], isIndirect: true, takesLists: true, returnsLists: true },
  deriveKey: { interface: 'arpa2:funnel/crypto@0.2.0', name: 'derive-key', params: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'], results: [], isIndirect: true, takesLists: true, returnsLists: true },
  dropKey: { interface: 'arpa2:funnel/crypto@0.2.0', name: 'drop-key', params: ['i32'], results: [], isIndirect: false, takesLists: false, returnsLists: false },
  protect: { interface: 'arpa2:funnel/crypto@0.2.0', name: 'protect', params: ['i32', 'i32', 'i32', 'i32', 'i32'], results: [], isIndirect: true, takesLists: true, returnsLists: true },
  unprotect: { interface: 'arpa2:funnel/crypto@0.2.0', name: 'unprotect', params: ['i32', 'i32', 'i32', 'i32', 'i32'], results: [], isIndirect: true, takesLists: true, returnsLists: true },
  ownFingerprint: { interface: 'arpa2:funnel/tls@0.2.0', name: 'own-fingerprint', params: ['i32', 'i32'], results: [], isIndirect: true, takesLists: false, returnsLists: true },
  openSession: { interface: 'arpa2:funnel/tls@0.2.0', name: 'open-session', params: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'], results: [], isIndirect: true, takesLists: true, returnsLists: true },
  receive: { interface: 'arpa2:funnel/tls@0.2.0', name: 'receive', params: ['i32', 'i32', 'i32', 'i32'], results: [], isIndirect: true, takesLists: true, returnsLists: true },
  expire: { interface: 'arpa2:funnel/tls@0.2.0', name: 'expire', params: ['i32', 'i32'], results: [], isIndirect: true, takesLists: false, returnsLists: true },
  exportKeys: { interface: 'arpa2:funnel/tls@0.2.0', name: 'export-keys', params: ['i32', 'i32'], results: [], isIndirect: true, takesLists: false, returnsLists: true },
  closeSession: { interface: 'arpa2:funnel/tls@0.2.0', name: 'close-session', params: ['i32'], results: [], isIndirect: false, takesLists: false, returnsLists: false },
} as const satisfies Record<string, CoreFunction>;

/**
 * The functions of the host that a piece may call.
 *
 * A call in `describe`, `save`, `cabi_realloc` or a post-return is a fault. So is a call of `status`,
 * `listen`, `unlisten` or `offer` in `accepts`. The host refuses to load a piece that imports a function
 * which was not granted.
 */
export interface HostCalls {
  /** Logs a message for the user. The host adds the piece's name and the time, and limits the rate. */
  log(level: Level, message: string): void;
  /**
   * Reports the status of the piece for the user, in place of its last report.
   *
   * `summary` is one short sentence without a line break. A fact is a name in kebab-case and a value, such
   * as `address` and `2001:db8::1`. The host cuts a summary and a value after 200 characters, and a name
   * after 40. More than 32 facts are a fault. A piece may report as often as it likes: the host shows the
   * last report, and notifies of at most some in each second. The status ends with the instance.
   */
  status(health: Health, summary: string, facts: readonly (readonly [string, string])[]): void;
  /** Returns 64 random bits, fit for keys. */
  random(): bigint;
  /** Returns UTC, in seconds since 1970 and nanoseconds. Nothing on the frame path needs it. */
  utc(): readonly [bigint, number];
  /**
   * Adds a Shape to a joined Edge. It is like the described Shape `like`, whose open steps `stack` fills.
   *
   * Returns the number of the Shape, which is above those of the described Shapes and is not used again
   * after `unlisten`. When this returns, endpoints on the Joint have opened what the Shape needs. If one
   * could not, this returns its problem.
   */
  listen(edge: number, like: number, stack: string): number | Problem;
  /** Removes a Shape that `listen` added. An unknown number is a fault. */
  unlisten(edge: number, shape: number): void;
  /**
   * Offers a property on this Edge, or withdraws the offer.
   *
   * The neighbours on the Joint learn of it after the current call. The same property with another value
   * is another offer, which has its own withdrawal. The offers of a piece end with the piece.
   */
  offer(edge: number, property: Property, present: boolean): void;
}
/**
 * Cryptography by the host, with keys that the host keeps.
 *
 * A piece names a key by a number, which is not 0, and cannot read it back. The keys end with the instance.
 * A call in `describe`, `save`, `accepts`, `cabi_realloc` or a post-return is a fault.
 */
export interface CryptoCalls {
  /** Makes a key of these bytes. Returns its number, or a problem: too many keys, or a wrong length. */
  importKey(algorithm: Algorithm, secret: Uint8Array): number | Problem;
  /**
   * Makes a key of `length` bytes from the keystream of a key of `aes-ctr`, without showing it.
   *
   * `counter` is the first counter block, of 16 bytes. (RFC 3711 §4.3.3)
   */
  deriveKey(source: number, counter: Uint8Array, algorithm: Algorithm, length: number): number | Problem;
  /** Ends a key, and erases it. An unknown number is a fault. */
  dropKey(key: number): void;
  /**
   * Encrypts and authenticates messages, one after the other.
   *
   * Returns the data with texts and tags in place.
   *
   * At most 1024 tasks. A number that is not a key, or a range outside the data, is a fault.
   */
  protect(tasks: readonly Task[], data: Uint8Array): Uint8Array;
  /** Authenticates and decrypts messages, one after the other. */
  unprotect(tasks: readonly Task[], data: Uint8Array): Unprotected;
}
/**
 * Sessions of transport layer security by the host: DTLS 1.2 (RFC 6347), up to the keys of SRTP (RFC 5764).
 *
 * The piece carries the datagrams and keeps the time. The host has the certificate of the piece, which is
 * made for each instance, and all keys. Sessions end with the instance. A call in `describe`, `save`,
 * `accepts`, `cabi_realloc` or a post-return is a fault. It needs the grant of `crypto`.
 */
export interface TlsCalls {
  /** Returns a fingerprint of the piece's own certificate; empty where the host has no such security. */
  ownFingerprint(digest: Digest): Uint8Array;
  /**
   * Begins a session. Returns its number, or a problem: too many sessions, or no such security here.
   *
   * A peer is believed if its certificate has one of the `trusted` fingerprints, at most 8. `profiles` are
   * the numbers of profiles of SRTP that are offered or accepted, in the order of preference: 1, 2, 7 and
   * 8 are known. `size` is the largest datagram that the session makes, from 256 to 1500 bytes.
   */
  openSession(party: Party, trusted: readonly Fingerprint[], profiles: Uint8Array, size: number): number | Problem;
  /** Takes a datagram of the peer. Without bytes, a client begins. An unknown number is a fault. */
  receive(session: number, datagram: Uint8Array): Progress;
  /**
   * The time for an answer of the peer has passed: sends the last flight again. An unknown number is a
   * fault.
   */
  expire(session: number): Progress;
  /**
   * Makes the keys of SRTP. There are none if the session is not established, has agreed on no profile, or
   * the piece has too many keys. They belong to the piece from then on.
   */
  exportKeys(session: number): SrtpKeys;
  /** Ends a session without a word to the peer. An unknown number is a fault. */
  closeSession(session: number): void;
}

function liftProblem(from: Lifter, at: number): Problem {
  return {
    setting: from.discriminant(from.u8(at), 2, 'option') === 0 ? undefined : from.string(at + 4),
    message: from.string(at + 12),
  };
}

function lowerProblem(to: Lowerer, at: number, value: Problem): void {
  if (value.setting === undefined) to.u8(at, 0); else { to.u8(at, 1); to.string(at + 4, value.setting); }
  to.string(at + 12, value.message);
}

function liftValue(from: Lifter, at: number): Value {
  switch (from.discriminant(from.u8(at), 4, 'value')) {
    case 0: return { tag: 'yes' };
    case 1: return { tag: 'at-least', val: from.u64(at + 8) };
    case 2: return { tag: 'at-most', val: from.u64(at + 8) };
    default: return { tag: 'text', val: from.string(at + 8) };
  }
}

function lowerValue(to: Lowerer, at: number, value: Value): void {
  switch (value.tag) {
    case 'yes': to.u8(at, 0); break;
    case 'at-least': to.u8(at, 1); to.u64(at + 8, value.val); break;
    case 'at-most': to.u8(at, 2); to.u64(at + 8, value.val); break;
    case 'text': to.u8(at, 3); to.string(at + 8, value.val); break;
  }
}

function liftProperty(from: Lifter, at: number): Property {
  return {
    name: from.string(at),
    value: liftValue(from, at + 8),
  };
}

function lowerProperty(to: Lowerer, at: number, value: Property): void {
  to.string(at, value.name);
  lowerValue(to, at + 8, value.value);
}

const LEVEL_LABELS: readonly Level[] = ['debug', 'info', 'warn', 'error'];

const HEALTH_LABELS: readonly Health[] = ['good', 'pending', 'impaired', 'failed'];

const ALGORITHM_LABELS: readonly Algorithm[] = ['aes-ctr', 'aes-gcm', 'hmac-sha1'];

function liftTask(from: Lifter, at: number): Task {
  return {
    cipher: from.u32(at),
    mac: from.u32(at + 4),
    nonceOffset: from.u32(at + 8),
    signedOffset: from.u32(at + 12),
    signedLength: from.u32(at + 16),
    suffixOffset: from.u32(at + 20),
    suffixLength: from.u32(at + 24),
    textOffset: from.u32(at + 28),
    textLength: from.u32(at + 32),
    tagOffset: from.u32(at + 36),
    tagLength: from.u32(at + 40),
  };
}

function lowerUnprotected(to: Lowerer, at: number, value: Unprotected): void {
  to.byteList(at, value.data);
  to.list(at + 8, value.genuine, 1, 1, (at, item) => { to.bool(at, item); });
}

const PARTY_LABELS: readonly Party[] = ['client', 'server'];

const DIGEST_LABELS: readonly Digest[] = ['sha256', 'sha384', 'sha512', 'sha1'];

function liftFingerprint(from: Lifter, at: number): Fingerprint {
  return {
    digest: DIGEST_LABELS[from.discriminant(from.u8(at), 4, 'digest')]!,
    value: from.byteList(at + 4),
  };
}

function lowerProgress(to: Lowerer, at: number, value: Progress): void {
  to.u8(at, Stage[value.stage]);
  to.byteList(at + 4, value.datagrams);
}

function lowerSrtpKeys(to: Lowerer, at: number, value: SrtpKeys): void {
  to.u8(at, value.profile);
  to.u32(at + 4, value.clientKey);
  to.u32(at + 8, value.serverKey);
  to.byteList(at + 12, value.clientSalt);
  to.byteList(at + 20, value.serverSalt);
}

const ROLE_LABELS: readonly Role[] = ['header', 'payload', 'trailer'];

function liftPart(from: Lifter, at: number): Part {
  return {
    protocol: from.u16(at),
    role: ROLE_LABELS[from.discriminant(from.u8(at + 2), 3, 'role')]!,
    marks: from.u8(at + 3) & 31,
    offset: from.u32(at + 4),
    length: from.u32(at + 8),
  };
}

function lowerPart(to: Lowerer, at: number, value: Part): void {
  to.u16(at, value.protocol);
  to.u8(at + 2, Role[value.role]);
  to.u8(at + 3, value.marks);
  to.u32(at + 4, value.offset);
  to.u32(at + 8, value.length);
}

function liftFrame(from: Lifter, at: number): Frame {
  return {
    edge: from.u16(at),
    shape: from.u16(at + 2),
    firstPart: from.u32(at + 4),
    partCount: from.u16(at + 8),
    skipHeaders: from.u8(at + 10),
    skipTrailers: from.u8(at + 11),
    roomOffset: from.u32(at + 12),
    roomLength: from.u32(at + 16),
    ticket: from.u32(at + 20),
  };
}

function lowerFrame(to: Lowerer, at: number, value: Frame): void {
  to.u16(at, value.edge);
  to.u16(at + 2, value.shape);
  to.u32(at + 4, value.firstPart);
  to.u16(at + 8, value.partCount);
  to.u8(at + 10, value.skipHeaders);
  to.u8(at + 11, value.skipTrailers);
  to.u32(at + 12, value.roomOffset);
  to.u32(at + 16, value.roomLength);
  to.u32(at + 20, value.ticket);
}

function liftEnd(from: Lifter, at: number): End {
  return {
    ticket: from.u32(at),
    reason: from.u16(at + 4),
  };
}

function liftOutcome(from: Lifter, at: number): Outcome {
  return {
    frames: from.list(at, 24, 4, (at) => liftFrame(from, at)),
    parts: from.list(at + 8, 12, 4, (at) => liftPart(from, at)),
    arena: from.byteList(at + 16),
    ends: from.list(at + 24, 8, 4, (at) => liftEnd(from, at)),
    paused: from.list(at + 32, 2, 2, (at) => from.u16(at)),
    wakeAt: from.f64(at + 40),
  };
}

const DIRECTION_LABELS: readonly Direction[] = ['up', 'down', 'peer'];

const WISH_LABELS: readonly Wish[] = ['available', 'required', 'desired', 'indifferent', 'rejected'];

const REACH_LABELS: readonly Reach[] = ['headers', 'whole-frame'];

function liftPropertyWish(from: Lifter, at: number): PropertyWish {
  return {
    wish: WISH_LABELS[from.discriminant(from.u8(at), 5, 'wish')]!,
    property: liftProperty(from, at + 8),
  };
}

function liftShape(from: Lifter, at: number): Shape {
  return {
    stack: from.string(at),
    direction: DIRECTION_LABELS[from.discriminant(from.u8(at + 8), 3, 'direction')]!,
    reach: REACH_LABELS[from.discriminant(from.u8(at + 9), 2, 'reach')]!,
    properties: from.list(at + 12, 32, 8, (at) => liftPropertyWish(from, at)),
  };
}

function liftEdge(from: Lifter, at: number): Edge {
  return {
    name: from.string(at),
    optional: from.bool(at + 8),
    repeated: from.bool(at + 9),
    shapes: from.list(at + 12, 20, 4, (at) => liftShape(from, at)),
  };
}

function liftCurve(from: Lifter, at: number): Curve {
  return {
    fromEdge: from.u16(at),
    fromShape: from.u16(at + 2),
    toEdge: from.u16(at + 4),
    toShape: from.u16(at + 6),
    opaque: from.bool(at + 8),
    keeps: from.list(at + 12, 8, 4, (at) => from.string(at)),
    overhead: from.s32(at + 20),
  };
}

const KIND_LABELS: readonly Kind[] = ['text', 'number', 'boolean', 'duration', 'address', 'secret'];

function liftSetting(from: Lifter, at: number): Setting {
  return {
    name: from.string(at),
    summary: from.string(at + 8),
    kind: KIND_LABELS[from.discriminant(from.u8(at + 16), 6, 'kind')]!,
    repeated: from.bool(at + 17),
    required: from.bool(at + 18),
    default: from.discriminant(from.u8(at + 20), 2, 'option') === 0 ? undefined : from.string(at + 20 + 4),
    least: from.f64(at + 32),
    most: from.f64(at + 40),
  };
}

function liftReason(from: Lifter, at: number): Reason {
  return {
    name: from.string(at),
    loss: from.bool(at + 8),
    summary: from.string(at + 12),
  };
}

function liftPiece(from: Lifter, at: number): Piece {
  return {
    name: from.string(at),
    version: from.string(at + 8),
    summary: from.string(at + 16),
    protocols: from.list(at + 24, 20, 4, (at) => [from.string(at), from.discriminant(from.u8(at + 8), 2, 'option') === 0 ? undefined : from.string(at + 8 + 4)]),
    edges: from.list(at + 32, 20, 4, (at) => liftEdge(from, at)),
    curves: from.list(at + 40, 24, 4, (at) => liftCurve(from, at)),
    settings: from.list(at + 48, 48, 8, (at) => liftSetting(from, at)),
    reasons: from.list(at + 56, 20, 4, (at) => liftReason(from, at)),
  };
}

/** The core arguments of `describe`, whose lists and strings now stand in the guest. */
export function lowerDescribe(memory: GuestMemory, settings: readonly (readonly [string, string])[]): (number | bigint)[] {
  const to = new Lowerer(memory);
  return [...to.listArgument(settings, 16, 4, (at, item) => { to.string(at, item[0]); to.string(at + 8, item[1]); })];
}

/** The result of `describe`, at the address that the core function returned. */
export function liftDescribe(memory: GuestMemory, address: number): Piece | readonly Problem[] {
  const from = new Lifter(memory);
  const at = from.checked(address, 68, 4);
  return from.discriminant(from.u8(at), 2, 'result') === 0 ? liftPiece(from, at + 4) : from.list(at + 4, 20, 4, (at) => liftProblem(from, at));
}

/** The core arguments of `start`, whose lists and strings now stand in the guest. */
export function lowerStart(memory: GuestMemory, now: Instant, settings: readonly (readonly [string, string])[], protocols: readonly number[]): (number | bigint)[] {
  const to = new Lowerer(memory);
  return [now, ...to.listArgument(settings, 16, 4, (at, item) => { to.string(at, item[0]); to.string(at + 8, item[1]); }), ...to.listArgument(protocols, 2, 2, (at, item) => { to.u16(at, item); })];
}

/** The result of `start`, at the address that the core function returned. */
export function liftStart(memory: GuestMemory, address: number): undefined | readonly Problem[] {
  const from = new Lifter(memory);
  const at = from.checked(address, 12, 4);
  return from.discriminant(from.u8(at), 2, 'result') === 0 ? undefined : from.list(at + 4, 20, 4, (at) => liftProblem(from, at));
}

/** The core arguments of `accepts`, whose lists and strings now stand in the guest. */
export function lowerAccepts(memory: GuestMemory, joining: Joining): (number | bigint)[] {
  const to = new Lowerer(memory);
  return [joining.edge, joining.described, joining.shape, ...to.stringArgument(joining.joint), ...to.listArgument(joining.properties, 24, 8, (at, item) => { lowerProperty(to, at, item); })];
}

/** The result of `accepts`, at the address that the core function returned. */
export function liftAccepts(memory: GuestMemory, address: number): undefined | Problem {
  const from = new Lifter(memory);
  const at = from.checked(address, 24, 4);
  return from.discriminant(from.u8(at), 2, 'result') === 0 ? undefined : liftProblem(from, at + 4);
}

/** The core arguments of `join`, whose lists and strings now stand in the guest. */
export function lowerJoin(memory: GuestMemory, joining: Joining): (number | bigint)[] {
  const to = new Lowerer(memory);
  return [joining.edge, joining.described, joining.shape, ...to.stringArgument(joining.joint), ...to.listArgument(joining.properties, 24, 8, (at, item) => { lowerProperty(to, at, item); })];
}

/** The core arguments of `leave`, whose lists and strings now stand in the guest. */
export function lowerLeave(memory: GuestMemory, edge: number, shape: number): (number | bigint)[] {
  void memory;
  return [edge, shape];
}

/** The core arguments of `listening`, whose lists and strings now stand in the guest. */
export function lowerListening(memory: GuestMemory, edge: number, stack: string, present: boolean): (number | bigint)[] {
  const to = new Lowerer(memory);
  return [edge, ...to.stringArgument(stack), present ? 1 : 0];
}

/** The result of `listening`, at the address that the core function returned. */
export function liftListening(memory: GuestMemory, address: number): undefined | Problem {
  const from = new Lifter(memory);
  const at = from.checked(address, 24, 4);
  return from.discriminant(from.u8(at), 2, 'result') === 0 ? undefined : liftProblem(from, at + 4);
}

/** The core arguments of `ready`, whose lists and strings now stand in the guest. */
export function lowerReady(memory: GuestMemory, edge: number, ready: boolean): (number | bigint)[] {
  void memory;
  return [edge, ready ? 1 : 0];
}

/** The core arguments of `save`, whose lists and strings now stand in the guest. */
export function lowerSave(memory: GuestMemory, now: Instant): (number | bigint)[] {
  void memory;
  return [now];
}

/** The result of `save`, at the address that the core function returned. */
export function liftSave(memory: GuestMemory, address: number): Uint8Array {
  const from = new Lifter(memory);
  const at = from.checked(address, 8, 4);
  return from.byteList(at);
}

/** The core arguments of `restore`, whose lists and strings now stand in the guest. */
export function lowerRestore(memory: GuestMemory, now: Instant, version: string, state: Uint8Array): (number | bigint)[] {
  const to = new Lowerer(memory);
  return [now, ...to.stringArgument(version), ...to.bytesArgument(state)];
}

/** The result of `restore`, at the address that the core function returned. */
export function liftRestore(memory: GuestMemory, address: number): undefined | Problem {
  const from = new Lifter(memory);
  const at = from.checked(address, 24, 4);
  return from.discriminant(from.u8(at), 2, 'result') === 0 ? undefined : liftProblem(from, at + 4);
}

/** The core arguments of `process`, whose lists and strings now stand in the guest. */
export function lowerProcess(memory: GuestMemory, now: Instant, frames: readonly Frame[], parts: readonly Part[], arena: Uint8Array): (number | bigint)[] {
  const to = new Lowerer(memory);
  return [now, ...to.listArgument(frames, 24, 4, (at, item) => { lowerFrame(to, at, item); }), ...to.listArgument(parts, 12, 4, (at, item) => { lowerPart(to, at, item); }), ...to.bytesArgument(arena)];
}

/** The result of `process`, at the address that the core function returned. */
export function liftProcess(memory: GuestMemory, address: number): Outcome {
  const from = new Lifter(memory);
  const at = from.checked(address, 48, 8);
  return liftOutcome(from, at);
}

/**
 * The functions of `host` that a core module imports, by name. Each lifts its arguments from `memory`, which is that of its
 * canon lower, and throws {@link ContractError} where they break the contract.
 */
export function hostFunctions(memory: GuestMemory, host: HostCalls) {
  return {
    log(a0: number, a1: number, a2: number): void {
      const from = new Lifter(memory);
      host.log(LEVEL_LABELS[from.discriminant(a0 >>> 0, 4, 'level')]!, from.stringAt(a1, a2));
    },
    status(a0: number, a1: number, a2: number, a3: number, a4: number): void {
      const from = new Lifter(memory);
      host.status(HEALTH_LABELS[from.discriminant(a0 >>> 0, 4, 'health')]!, from.stringAt(a1, a2), from.listAt(a3, a4, 16, 4, (at) => [from.string(at), from.string(at + 8)]));
    },
    random(): bigint {
      return host.random();
    },
    utc(result: number): void {
      const to = new Lowerer(memory);
      const at = to.checked(result, 16, 8);
      const value = host.utc();
      to.u64(at, value[0]); to.u32(at + 8, value[1]);
    },
    listen(a0: number, a1: number, a2: number, a3: number, result: number): void {
      const from = new Lifter(memory);
      const to = new Lowerer(memory);
      const at = to.checked(result, 24, 4);
      const value = host.listen(a0 & 0xffff, a1 & 0xffff, from.stringAt(a2, a3));
      if (typeof value === 'number') {
        to.u8(at, 0);
        to.u16(at + 4, value);
      } else {
        to.u8(at, 1);
        lowerProblem(to, at + 4, value);
      }
    },
    unlisten(a0: number, a1: number): void {
      host.unlisten(a0 & 0xffff, a1 & 0xffff);
    },
    offer(a0: number, a1: number, a2: number, a3: number, a4: bigint, a5: number, a6: number): void {
      const from = new Lifter(memory);
      host.offer(a0 & 0xffff, { name: from.stringAt(a1, a2), value: pick<Value>(from.discriminant(a3 >>> 0, 4, 'value'), () => ({ tag: 'yes' }), () => ({ tag: 'at-least', val: BigInt.asUintN(64, a4) }), () => ({ tag: 'at-most', val: BigInt.asUintN(64, a4) }), () => ({ tag: 'text', val: from.stringAt(Number(BigInt.asUintN(32, a4)), a5) })) }, a6 !== 0);
    },
  };
}

/**
 * The functions of `crypto` that a core module imports, by name. Each lifts its arguments from `memory`, which is that of its
 * canon lower, and throws {@link ContractError} where they break the contract.
 */
export function cryptoFunctions(memory: GuestMemory, crypto: CryptoCalls) {
  return {
    'import-key'(a0: number, a1: number, a2: number, result: number): void {
      const from = new Lifter(memory);
      const to = new Lowerer(memory);
      const at = to.checked(result, 24, 4);
      const value = crypto.importKey(ALGORITHM_LABELS[from.discriminant(a0 >>> 0, 3, 'algorithm')]!, from.bytesAt(a1, a2));
      if (typeof value === 'number') {
        to.u8(at, 0);
        to.u32(at + 4, value);
      } else {
        to.u8(at, 1);
        lowerProblem(to, at + 4, value);
      }
    },
    'derive-key'(a0: number, a1: number, a2: number, a3: number, a4: number, result: number): void {
      const from = new Lifter(memory);
      const to = new Lowerer(memory);
      const at = to.checked(result, 24, 4);
      const value = crypto.deriveKey(a0 >>> 0, from.bytesAt(a1, a2), ALGORITHM_LABELS[from.discriminant(a3 >>> 0, 3, 'algorithm')]!, a4 >>> 0);
      if (typeof value === 'number') {
        to.u8(at, 0);
        to.u32(at + 4, value);
      } else {
        to.u8(at, 1);
        lowerProblem(to, at + 4, value);
      }
    },
    'drop-key'(a0: number): void {
      crypto.dropKey(a0 >>> 0);
    },
    protect(a0: number, a1: number, a2: number, a3: number, result: number): void {
      const from = new Lifter(memory);
      const to = new Lowerer(memory);
      const at = to.checked(result, 8, 4);
      const value = crypto.protect(from.listAt(a0, a1, 44, 4, (at) => liftTask(from, at)), from.bytesAt(a2, a3));
      to.byteList(at, value);
    },
    unprotect(a0: number, a1: number, a2: number, a3: number, result: number): void {
      const from = new Lifter(memory);
      const to = new Lowerer(memory);
      const at = to.checked(result, 16, 4);
      const value = crypto.unprotect(from.listAt(a0, a1, 44, 4, (at) => liftTask(from, at)), from.bytesAt(a2, a3));
      lowerUnprotected(to, at, value);
    },
  };
}

/**
 * The functions of `tls` that a core module imports, by name. Each lifts its arguments from `memory`, which is that of its
 * canon lower, and throws {@link ContractError} where they break the contract.
 */
export function tlsFunctions(memory: GuestMemory, tls: TlsCalls) {
  return {
    'own-fingerprint'(a0: number, result: number): void {
      const from = new Lifter(memory);
      const to = new Lowerer(memory);
      const at = to.checked(result, 8, 4);
      const value = tls.ownFingerprint(DIGEST_LABELS[from.discriminant(a0 >>> 0, 4, 'digest')]!);
      to.byteList(at, value);
    },
    'open-session'(a0: number, a1: number, a2: number, a3: number, a4: number, a5: number, result: number): void {
      const from = new Lifter(memory);
      const to = new Lowerer(memory);
      const at = to.checked(result, 24, 4);
      const value = tls.openSession(PARTY_LABELS[from.discriminant(a0 >>> 0, 2, 'party')]!, from.listAt(a1, a2, 12, 4, (at) => liftFingerprint(from, at)), from.bytesAt(a3, a4), a5 >>> 0);
      if (typeof value === 'number') {
        to.u8(at, 0);
        to.u32(at + 4, value);
      } else {
        to.u8(at, 1);
        lowerProblem(to, at + 4, value);
      }
    },
    receive(a0: number, a1: number, a2: number, result: number): void {
      const from = new Lifter(memory);
      const to = new Lowerer(memory);
      const at = to.checked(result, 12, 4);
      const value = tls.receive(a0 >>> 0, from.bytesAt(a1, a2));
      lowerProgress(to, at, value);
    },
    expire(a0: number, result: number): void {
      const to = new Lowerer(memory);
      const at = to.checked(result, 12, 4);
      const value = tls.expire(a0 >>> 0);
      lowerProgress(to, at, value);
    },
    'export-keys'(a0: number, result: number): void {
      const to = new Lowerer(memory);
      const at = to.checked(result, 28, 4);
      const value = tls.exportKeys(a0 >>> 0);
      lowerSrtpKeys(to, at, value);
    },
    'close-session'(a0: number): void {
      tls.closeSession(a0 >>> 0);
    },
  };
}

function pick<T>(index: number, ...cases: (() => T)[]): T {
  return cases[index]!();
}
