// Generated from wit/funnel.wit by tools/generate-abi.mjs. Do not edit.

import { List, Text } from './text';

/** Parts of one frame. */
export const MAX_FRAME_PARTS: i32 = 32;
/** Bytes of one frame; a larger one travels in fragments marked `more`. */
export const MAX_FRAME_BYTES: i32 = 66240;
/** Frames that a call brings. */
export const MAX_FRAMES_IN: i32 = 256;
/** Parts that a call brings. */
export const MAX_PARTS_IN: i32 = 8192;
/** Bytes of the arena that a call brings. */
export const MAX_ARENA_IN: i32 = 131072;
/** Frames of an outcome. */
export const MAX_FRAMES_OUT: i32 = 16384;
/** Parts of an outcome. */
export const MAX_PARTS_OUT: i32 = 65536;
/** Bytes in all frames of an outcome together, shared parts counted each time. */
export const MAX_BYTES_OUT: i32 = 16777216;
/** Tickets that an outcome ends. */
export const MAX_ENDS_OUT: i32 = 16384;
/** Numbers of joined Edges: they are below this. */
export const MAX_EDGES: i32 = 256;
/** Bytes of a saved state. */
export const MAX_STATE_BYTES: i32 = 4194304;
/** Tasks of one call of `protect` or `unprotect`. */
export const MAX_TASKS: i32 = 1024;

export const PROBLEM_SIZE: i32 = 20;
export const PROBLEM_ALIGN: i32 = 4;

/** The reason for a refusal, for the user to read. */
// @ts-ignore: decorator
@unmanaged
export class ProblemRecord {
  /** The setting that has to change, if a setting is the reason. */
  get hasSetting(): bool { return load<bool>(changetype<usize>(this), 0); }
  set hasSetting(value: bool) { store<bool>(changetype<usize>(this), value, 0); }
  get setting(): Text { return changetype<Text>(changetype<usize>(this) + 4); }
  /** One sentence without a line break: what is wrong, and what to do. */
  get message(): Text { return changetype<Text>(changetype<usize>(this) + 12); }
}

export const VALUE_SIZE: i32 = 16;

/** The cases of the variant, by their numbers. */
export const enum ValueCase {
  Yes = 0,
  AtLeast = 1,
  AtMost = 2,
  Text = 3,
}

/** The value of a property. */
// @ts-ignore: decorator
@unmanaged
export class ValueRecord {
  get tag(): i32 { return <i32>load<u8>(changetype<usize>(this), 0); }
  set tag(value: i32) { store<u8>(changetype<usize>(this), <u8>value, 0); }
  get atLeast(): u64 { return load<u64>(changetype<usize>(this), 8); }
  set atLeast(value: u64) { store<u64>(changetype<usize>(this), value, 8); }
  get atMost(): u64 { return load<u64>(changetype<usize>(this), 8); }
  set atMost(value: u64) { store<u64>(changetype<usize>(this), value, 8); }
  get text(): Text { return changetype<Text>(changetype<usize>(this) + 8); }
}

export const PROPERTY_SIZE: i32 = 24;
export const PROPERTY_ALIGN: i32 = 8;

/**
 * A property of the traffic across an Edge, or something that a piece makes available there.
 *
 * The list of names is open: `reliable`, `ordered`, `framed`, `duplicate-free`, `size` (of a frame, in
 * bytes), `mtu`, `address`, `route`, `group`, `identity`, `up`, and names that pieces agree on among
 * themselves. A piece ignores names that it does not know.
 */
// @ts-ignore: decorator
@unmanaged
export class PropertyRecord {
  get name(): Text { return changetype<Text>(changetype<usize>(this) + 0); }
  get value(): ValueRecord { return changetype<ValueRecord>(changetype<usize>(this) + 8); }
}

/** The severity of a message. */
export const enum Level {
  Debug = 0,
  Info = 1,
  Warn = 2,
  Error = 3,
}

/** How well a piece can do its work. */
export const enum Health {
  /** The piece does its work. */
  Good = 0,
  /** The piece waits for something, such as the answer of a router. It cannot do its work before that. */
  Pending = 1,
  /** The piece does its work in part, or not as well as it should. */
  Impaired = 2,
  /** The piece cannot do its work until something outside of it changes. */
  Failed = 3,
}

/** The purpose of a key. */
export const enum Algorithm {
  /** AES in counter mode, with the whole block as counter. 16, 24 or 32 bytes. (NIST SP 800-38A §6.5) */
  AesCtr = 0,
  /** AES in Galois/counter mode with a nonce of 12 bytes. 16, 24 or 32 bytes. (NIST SP 800-38D) */
  AesGcm = 1,
  /** HMAC with SHA-1. 1 to 64 bytes. (RFC 2104) */
  HmacSha1 = 2,
}

export const TASK_SIZE: i32 = 44;
export const TASK_ALIGN: i32 = 4;

/**
 * One message to protect or unprotect. Offsets count from the start of the data.
 *
 * With a key of `aes-gcm`, the text is encrypted, and the tag authenticates the signed bytes, the suffix
 * and the text. With a key of `aes-ctr`, the text is encrypted. With a key of `hmac-sha1`, the tag
 * authenticates the signed bytes and the suffix, as they are when the text is encrypted.
 */
// @ts-ignore: decorator
@unmanaged
export class TaskRecord {
  /** A key of `aes-ctr` or `aes-gcm`, or 0. */
  get cipher(): u32 { return load<u32>(changetype<usize>(this), 0); }
  set cipher(value: u32) { store<u32>(changetype<usize>(this), value, 0); }
  /** A key of `hmac-sha1`, or 0. Always 0 beside a key of `aes-gcm`. */
  get mac(): u32 { return load<u32>(changetype<usize>(this), 4); }
  set mac(value: u32) { store<u32>(changetype<usize>(this), value, 4); }
  /** The first counter block of `aes-ctr`, of 16 bytes, or the nonce of `aes-gcm`, of 12 bytes. */
  get nonceOffset(): u32 { return load<u32>(changetype<usize>(this), 8); }
  set nonceOffset(value: u32) { store<u32>(changetype<usize>(this), value, 8); }
  /** The bytes that are authenticated first, and stay readable. */
  get signedOffset(): u32 { return load<u32>(changetype<usize>(this), 12); }
  set signedOffset(value: u32) { store<u32>(changetype<usize>(this), value, 12); }
  /** In bytes. May be 0. */
  get signedLength(): u32 { return load<u32>(changetype<usize>(this), 16); }
  set signedLength(value: u32) { store<u32>(changetype<usize>(this), value, 16); }
  /** Bytes that are authenticated behind the signed ones, and need not follow them in the data. */
  get suffixOffset(): u32 { return load<u32>(changetype<usize>(this), 20); }
  set suffixOffset(value: u32) { store<u32>(changetype<usize>(this), value, 20); }
  /** In bytes. May be 0. */
  get suffixLength(): u32 { return load<u32>(changetype<usize>(this), 24); }
  set suffixLength(value: u32) { store<u32>(changetype<usize>(this), value, 24); }
  /** The bytes that are encrypted, or decrypted, in their place. */
  get textOffset(): u32 { return load<u32>(changetype<usize>(this), 28); }
  set textOffset(value: u32) { store<u32>(changetype<usize>(this), value, 28); }
  /** In bytes. May be 0. */
  get textLength(): u32 { return load<u32>(changetype<usize>(this), 32); }
  set textLength(value: u32) { store<u32>(changetype<usize>(this), value, 32); }
  /** The place of the tag: `protect` writes it, `unprotect` compares it. */
  get tagOffset(): u32 { return load<u32>(changetype<usize>(this), 36); }
  set tagOffset(value: u32) { store<u32>(changetype<usize>(this), value, 36); }
  /** 12 to 16 bytes with `aes-gcm`, 4 to 20 with `hmac-sha1`, 0 without authentication. */
  get tagLength(): u32 { return load<u32>(changetype<usize>(this), 40); }
  set tagLength(value: u32) { store<u32>(changetype<usize>(this), value, 40); }
}

export const UNPROTECTED_SIZE: i32 = 16;
export const UNPROTECTED_ALIGN: i32 = 4;

/** The result of `unprotect`. */
// @ts-ignore: decorator
@unmanaged
export class UnprotectedRecord {
  /** The data, with the texts decrypted. */
  get data(): List { return changetype<List>(changetype<usize>(this) + 0); }
  /** For each task whether its tag is right. If not, its text is as it came, or zeroes. */
  get genuine(): List { return changetype<List>(changetype<usize>(this) + 8); }
}

/** The part of a side in the handshake. */
export const enum Party {
  /** Sends the first message. */
  Client = 0,
  /** Waits for it. */
  Server = 1,
}

/** The hash function of a fingerprint. */
export const enum Digest {
  /** SHA-256, which every peer has to know. */
  Sha256 = 0,
  /** SHA-384. */
  Sha384 = 1,
  /** SHA-512. */
  Sha512 = 2,
  /** SHA-1, for old peers only. */
  Sha1 = 3,
}

export const FINGERPRINT_SIZE: i32 = 12;
export const FINGERPRINT_ALIGN: i32 = 4;

/** The hash of a certificate (RFC 8122 §5). */
// @ts-ignore: decorator
@unmanaged
export class FingerprintRecord {
  /** The hash function. */
  get digest(): i32 { return <i32>load<u8>(changetype<usize>(this), 0); }
  set digest(value: i32) { store<u8>(changetype<usize>(this), <u8>value, 0); }
  /** As many bytes as the hash function has. */
  get value(): List { return changetype<List>(changetype<usize>(this) + 4); }
}

/** The stage of a session. */
export const enum Stage {
  /** The peer has to send something. */
  Handshake = 0,
  /** There are keys. The peer has a certificate that is trusted. */
  Established = 1,
  /** The peer has ended the session. */
  Closed = 2,
  /** The handshake failed, or the peer broke the protocol. */
  Failed = 3,
  /** The handshake failed, because the certificate of the peer has none of the fingerprints. */
  Untrusted = 4,
}

export const PROGRESS_SIZE: i32 = 12;
export const PROGRESS_ALIGN: i32 = 4;

/** The result of a step. */
// @ts-ignore: decorator
@unmanaged
export class ProgressRecord {
  /** The stage after the step. */
  get stage(): i32 { return <i32>load<u8>(changetype<usize>(this), 0); }
  set stage(value: i32) { store<u8>(changetype<usize>(this), <u8>value, 0); }
  /** The datagrams that the peer gets, each with its length in front, in two bytes, the higher first. */
  get datagrams(): List { return changetype<List>(changetype<usize>(this) + 4); }
}

export const SRTP_KEYS_SIZE: i32 = 28;
export const SRTP_KEYS_ALIGN: i32 = 4;

/** The keys of SRTP that a session has brought (RFC 5764 §4.2). */
// @ts-ignore: decorator
@unmanaged
export class SrtpKeysRecord {
  /** The number of the agreed profile; 0 for no keys. */
  get profile(): u8 { return load<u8>(changetype<usize>(this), 0); }
  set profile(value: u8) { store<u8>(changetype<usize>(this), value, 0); }
  /** The master key of what the client sends: a key of `aes-ctr` of the interface `crypto`. */
  get clientKey(): u32 { return load<u32>(changetype<usize>(this), 4); }
  set clientKey(value: u32) { store<u32>(changetype<usize>(this), value, 4); }
  /** The master key of what the server sends. */
  get serverKey(): u32 { return load<u32>(changetype<usize>(this), 8); }
  set serverKey(value: u32) { store<u32>(changetype<usize>(this), value, 8); }
  /** 14 bytes; with GCM the last two are zero. */
  get clientSalt(): List { return changetype<List>(changetype<usize>(this) + 12); }
  /** As `client-salt`. */
  get serverSalt(): List { return changetype<List>(changetype<usize>(this) + 20); }
}

/** The role of a part in its protocol. */
export const enum Role {
  /** The bytes in front of the payload. */
  Header = 0,
  /** The bytes that the protocol carries. */
  Payload = 1,
  /** The bytes behind the payload: padding, an authentication tag, a checksum. */
  Trailer = 2,
}

/** Marks of a part. Unknown bits are ignored. */
export const enum PartMarks {
  /**
   * The bytes stayed with the host.
   *
   * `offset` is then an address in the host. A piece may pass on the part, or any range of it, in any
   * frame, until the ticket ends; `more` says how long that is for a fragment. Only a payload is
   * withheld, and only on a Shape whose reach is `headers`.
   */
  Withheld = 1,
  /**
   * The host fills in the length and checksum fields of this header when the frame leaves it.
   *
   * Only for a header. A piece that needs the fields earlier fills them in and clears the mark.
   */
  Unfinished = 2,
  /**
   * In an outcome: these bytes begin with `protocol`, and the host parses them.
   *
   * For bytes that the piece decrypted, decompressed or put together. The part is a payload.
   */
  Unparsed = 4,
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
  More = 8,
  /** Incoming: an earlier frame with the same ticket began this one. Stands on the first part. */
  Continued = 16,
}

export const PART_SIZE: i32 = 12;
export const PART_ALIGN: i32 = 4;

/** Bytes of a frame that belong together. */
// @ts-ignore: decorator
@unmanaged
export class PartRecord {
  /**
   * The protocol of a header or trailer. For a payload, the protocol that it begins with, or 0 if that
   * is not known.
   *
   * The host chooses the numbers. `control.start` receives the number of each protocol that the piece
   * described.
   */
  get protocol(): u16 { return load<u16>(changetype<usize>(this), 0); }
  set protocol(value: u16) { store<u16>(changetype<usize>(this), value, 0); }
  get role(): i32 { return <i32>load<u8>(changetype<usize>(this), 2); }
  set role(value: i32) { store<u8>(changetype<usize>(this), <u8>value, 2); }
  get marks(): i32 { return <i32>load<u8>(changetype<usize>(this), 3); }
  set marks(value: i32) { store<u8>(changetype<usize>(this), <u8>value, 3); }
  /** From the start of the arena, unless `withheld`. */
  get offset(): u32 { return load<u32>(changetype<usize>(this), 4); }
  set offset(value: u32) { store<u32>(changetype<usize>(this), value, 4); }
  /** In bytes. May be 0. */
  get length(): u32 { return load<u32>(changetype<usize>(this), 8); }
  set length(value: u32) { store<u32>(changetype<usize>(this), value, 8); }
}

export const FRAME_SIZE: i32 = 24;
export const FRAME_ALIGN: i32 = 4;

/**
 * Parts in the order of their bytes.
 *
 * A header opens the scope of its protocol. The trailer of that protocol, or the end of the frame,
 * closes it. So bodies may nest and repeat. A frame has at most 32 parts and at most 66240 bytes; a
 * larger one travels in fragments marked `more`.
 */
// @ts-ignore: decorator
@unmanaged
export class FrameRecord {
  /** The number that `control.join` gave to this Edge. */
  get edge(): u16 { return load<u16>(changetype<usize>(this), 0); }
  set edge(value: u16) { store<u16>(changetype<usize>(this), value, 0); }
  /** The described Shape, or the number that `host.listen` returned. */
  get shape(): u16 { return load<u16>(changetype<usize>(this), 2); }
  set shape(value: u16) { store<u16>(changetype<usize>(this), value, 2); }
  /** The index of this frame's first part. Frames of an outcome may share parts. */
  get firstPart(): u32 { return load<u32>(changetype<usize>(this), 4); }
  set firstPart(value: u32) { store<u32>(changetype<usize>(this), value, 4); }
  get partCount(): u16 { return load<u16>(changetype<usize>(this), 8); }
  set partCount(value: u16) { store<u16>(changetype<usize>(this), value, 8); }
  /**
   * The number of headers in front of the Shape's own stack.
   *
   * Incoming: the piece may ignore these headers. In an outcome: that many headers, copied from the
   * front of the ticket's frame; or 0, and then the endpoint that writes the frame adds the headers
   * that it needs.
   */
  get skipHeaders(): u8 { return load<u8>(changetype<usize>(this), 10); }
  set skipHeaders(value: u8) { store<u8>(changetype<usize>(this), value, 10); }
  /** The same, for trailers at the end. */
  get skipTrailers(): u8 { return load<u8>(changetype<usize>(this), 11); }
  set skipTrailers(value: u8) { store<u8>(changetype<usize>(this), value, 11); }
  /**
   * Incoming: the room in the arena that holds the parts that are not withheld. Rooms ascend and are
   * disjoint.
   *
   * Outgoing: only a hint. Parts may stand anywhere in the arena, and frames may share them.
   */
  get roomOffset(): u32 { return load<u32>(changetype<usize>(this), 12); }
  set roomOffset(value: u32) { store<u32>(changetype<usize>(this), value, 12); }
  get roomLength(): u32 { return load<u32>(changetype<usize>(this), 16); }
  set roomLength(value: u32) { store<u32>(changetype<usize>(this), value, 16); }
  /**
   * Incoming: the host's name for this frame, not 0, until an outcome ends it or passes it on.
   *
   * Outgoing: the frame that this one continues, of this call or held from an earlier one; or 0 for a
   * frame of the piece's own. Several frames may pass on one ticket. A piece holds each ticket that it
   * neither passes on nor ends. The host caps how many tickets and bytes a piece holds, and drops
   * frames beyond that.
   */
  get ticket(): u32 { return load<u32>(changetype<usize>(this), 20); }
  set ticket(value: u32) { store<u32>(changetype<usize>(this), value, 20); }
}

export const END_SIZE: i32 = 8;
export const END_ALIGN: i32 = 4;

/** Ends a ticket whose frame does not go on. */
// @ts-ignore: decorator
@unmanaged
export class EndRecord {
  get ticket(): u32 { return load<u32>(changetype<usize>(this), 0); }
  set ticket(value: u32) { store<u32>(changetype<usize>(this), value, 0); }
  /** An index into the `reasons` of the description. */
  get reason(): u16 { return load<u16>(changetype<usize>(this), 4); }
  set reason(value: u16) { store<u16>(changetype<usize>(this), value, 4); }
}

export const OUTCOME_SIZE: i32 = 48;
export const OUTCOME_ALIGN: i32 = 8;

/**
 * The result of a call to `process`.
 *
 * The host checks every number in it before use. A wrong number is a fault, and the host discards the
 * instance. At most 16384 frames, 65536 parts, 16777216 bytes in all frames together, and 16384 ends.
 */
// @ts-ignore: decorator
@unmanaged
export class OutcomeRecord {
  get frames(): List { return changetype<List>(changetype<usize>(this) + 0); }
  get parts(): List { return changetype<List>(changetype<usize>(this) + 8); }
  /** May be the same memory as the argument `arena`. */
  get arena(): List { return changetype<List>(changetype<usize>(this) + 16); }
  get ends(): List { return changetype<List>(changetype<usize>(this) + 24); }
  /**
   * Edges from which the piece takes no frames for now. It holds until the next outcome. Meanwhile
   * frames wait in the host's queue behind the Edge, and their senders are notified by `ready`. The
   * next call may still bring frames that were in the same batch.
   */
  get paused(): List { return changetype<List>(changetype<usize>(this) + 32); }
  /**
   * The instant of the next call without frames, or infinity. It holds until the next outcome. Never
   * in the past.
   */
  get wakeAt(): f64 { return load<f64>(changetype<usize>(this), 40); }
  set wakeAt(value: f64) { store<f64>(changetype<usize>(this), value, 40); }
}

/** The direction of a Shape. `down` matches `up`, and `peer` matches `peer`. */
export const enum Direction {
  /** Toward the user of the protocol: this side carries it. */
  Up = 0,
  /** Toward the carrier of the protocol: this side wants to be carried. */
  Down = 1,
  /** Toward an equal. */
  Peer = 2,
}

/** How a Shape depends on a property. */
export const enum Wish {
  /** The Shape has it, for a neighbour that wants it. */
  Available = 0,
  /** The Shape does not join without it. */
  Required = 1,
  /** The Shape works better with it. */
  Desired = 2,
  /** The Shape works with it and without it. */
  Indifferent = 3,
  /** The Shape does not join with it. */
  Rejected = 4,
}

/** The part of each frame that a piece needs to see. */
export const enum Reach {
  /**
   * Headers and trailers. The payload stays with the host. This is the fast path, and gives the least
   * authority.
   */
  Headers = 0,
  /** Every byte. */
  WholeFrame = 1,
}

export const PROPERTY_WISH_SIZE: i32 = 32;
export const PROPERTY_WISH_ALIGN: i32 = 8;

/** A property, and how the Shape depends on it. */
// @ts-ignore: decorator
@unmanaged
export class PropertyWishRecord {
  get wish(): i32 { return <i32>load<u8>(changetype<usize>(this), 0); }
  set wish(value: i32) { store<u8>(changetype<usize>(this), <u8>value, 0); }
  get property(): PropertyRecord { return changetype<PropertyRecord>(changetype<usize>(this) + 8); }
}

export const SHAPE_SIZE: i32 = 20;
export const SHAPE_ALIGN: i32 = 4;

/** One protocol stack that an Edge accepts. */
// @ts-ignore: decorator
@unmanaged
export class ShapeRecord {
  /**
   * Such as `ip/udp/5060` or `ethertype:ipv6`. A step `*` is open, and `host.listen` fills it at run
   * time.
   */
  get stack(): Text { return changetype<Text>(changetype<usize>(this) + 0); }
  get direction(): i32 { return <i32>load<u8>(changetype<usize>(this), 8); }
  set direction(value: i32) { store<u8>(changetype<usize>(this), <u8>value, 8); }
  get reach(): i32 { return <i32>load<u8>(changetype<usize>(this), 9); }
  set reach(value: i32) { store<u8>(changetype<usize>(this), <u8>value, 9); }
  get properties(): List { return changetype<List>(changetype<usize>(this) + 12); }
}

export const EDGE_SIZE: i32 = 20;
export const EDGE_ALIGN: i32 = 4;

/** A connection to the outside, with its alternative Shapes. */
// @ts-ignore: decorator
@unmanaged
export class EdgeRecord {
  /** Unique in the piece, in kebab-case. */
  get name(): Text { return changetype<Text>(changetype<usize>(this) + 0); }
  /** The piece works without it. */
  get optional(): bool { return load<bool>(changetype<usize>(this), 8); }
  set optional(value: bool) { store<bool>(changetype<usize>(this), value, 8); }
  /** It may be joined any number of times, as the Edge of a hub. */
  get repeated(): bool { return load<bool>(changetype<usize>(this), 9); }
  set repeated(value: bool) { store<bool>(changetype<usize>(this), value, 9); }
  get shapes(): List { return changetype<List>(changetype<usize>(this) + 12); }
}

export const CURVE_SIZE: i32 = 24;
export const CURVE_ALIGN: i32 = 4;

/** A possible path of traffic in both directions. It is a Hairpin if both Edges are the same. */
// @ts-ignore: decorator
@unmanaged
export class CurveRecord {
  /** Indices into `edges`, and into the `shapes` of that Edge. */
  get fromEdge(): u16 { return load<u16>(changetype<usize>(this), 0); }
  set fromEdge(value: u16) { store<u16>(changetype<usize>(this), value, 0); }
  get fromShape(): u16 { return load<u16>(changetype<usize>(this), 2); }
  set fromShape(value: u16) { store<u16>(changetype<usize>(this), value, 2); }
  get toEdge(): u16 { return load<u16>(changetype<usize>(this), 4); }
  set toEdge(value: u16) { store<u16>(changetype<usize>(this), value, 4); }
  get toShape(): u16 { return load<u16>(changetype<usize>(this), 6); }
  set toShape(value: u16) { store<u16>(changetype<usize>(this), value, 6); }
  /** Different stacks follow the ends of the two Shapes, as with encryption or header compression. */
  get opaque(): bool { return load<bool>(changetype<usize>(this), 8); }
  set opaque(value: bool) { store<bool>(changetype<usize>(this), value, 8); }
  /** The names of properties that hold at one end whenever they hold at the other. */
  get keeps(): List { return changetype<List>(changetype<usize>(this) + 12); }
  /** The bytes that a frame gains from `from` to `to`; negative if it shrinks. */
  get overhead(): i32 { return load<i32>(changetype<usize>(this), 20); }
  set overhead(value: i32) { store<i32>(changetype<usize>(this), value, 20); }
}

/** How the host reads and shows the text of a setting. */
export const enum Kind {
  Text = 0,
  /** Decimal. */
  Number = 1,
  /** `true` or `false`. */
  Boolean = 2,
  /** A number with a unit `ms`, `s`, `m` or `h`. Without a unit it is in seconds. */
  Duration = 3,
  /** An IPv4 or IPv6 address, with a prefix length if the piece takes one. */
  Address = 4,
  /** A text that the host never shows. */
  Secret = 5,
}

export const SETTING_SIZE: i32 = 48;
export const SETTING_ALIGN: i32 = 8;

/** A setting of the piece. */
// @ts-ignore: decorator
@unmanaged
export class SettingRecord {
  /** Unique in the piece, in kebab-case. */
  get name(): Text { return changetype<Text>(changetype<usize>(this) + 0); }
  /** One line. */
  get summary(): Text { return changetype<Text>(changetype<usize>(this) + 8); }
  get kind(): i32 { return <i32>load<u8>(changetype<usize>(this), 16); }
  set kind(value: i32) { store<u8>(changetype<usize>(this), <u8>value, 16); }
  /** It may be given more than once; the order is kept. */
  get repeated(): bool { return load<bool>(changetype<usize>(this), 17); }
  set repeated(value: bool) { store<bool>(changetype<usize>(this), value, 17); }
  /** It must be given. A required setting has no default. */
  get required(): bool { return load<bool>(changetype<usize>(this), 18); }
  set required(value: bool) { store<bool>(changetype<usize>(this), value, 18); }
  /**
   * The value of a setting that is not given. None if it is required, or if its absence has a meaning
   * of its own.
   */
  get hasDefaultValue(): bool { return load<bool>(changetype<usize>(this), 20); }
  set hasDefaultValue(value: bool) { store<bool>(changetype<usize>(this), value, 20); }
  get defaultValue(): Text { return changetype<Text>(changetype<usize>(this) + 24); }
  /**
   * The least value of a number, or of a duration in milliseconds. Minus infinity if there is no
   * bound, and of every other kind. Never NaN.
   */
  get least(): f64 { return load<f64>(changetype<usize>(this), 32); }
  set least(value: f64) { store<f64>(changetype<usize>(this), value, 32); }
  /** The greatest value, in the same way. Infinity if there is no bound. */
  get most(): f64 { return load<f64>(changetype<usize>(this), 40); }
  set most(value: f64) { store<f64>(changetype<usize>(this), value, 40); }
}

export const REASON_SIZE: i32 = 20;
export const REASON_ALIGN: i32 = 4;

/** A reason for which frames end in this piece. */
// @ts-ignore: decorator
@unmanaged
export class ReasonRecord {
  /** The name of its counter, in kebab-case. */
  get name(): Text { return changetype<Text>(changetype<usize>(this) + 0); }
  /** Whether the frame is lost. If not, it did its work here: it was answered, or merged. */
  get loss(): bool { return load<bool>(changetype<usize>(this), 8); }
  set loss(value: bool) { store<bool>(changetype<usize>(this), value, 8); }
  /** One sentence for the user: why the frame ends, and what can be done about it if anything can. */
  get summary(): Text { return changetype<Text>(changetype<usize>(this) + 12); }
}

export const PIECE_SIZE: i32 = 64;
export const PIECE_ALIGN: i32 = 4;

/** A Puzzle Piece. */
// @ts-ignore: decorator
@unmanaged
export class PieceRecord {
  get name(): Text { return changetype<Text>(changetype<usize>(this) + 0); }
  get version(): Text { return changetype<Text>(changetype<usize>(this) + 8); }
  /** One line. */
  get summary(): Text { return changetype<Text>(changetype<usize>(this) + 16); }
  /**
   * The protocols whose numbers the piece wants. `control.start` receives the numbers in this order.
   *
   * The second text is the definition of a protocol that the host may not know. The host's own
   * definition has priority.
   */
  get protocols(): List { return changetype<List>(changetype<usize>(this) + 24); }
  get edges(): List { return changetype<List>(changetype<usize>(this) + 32); }
  get curves(): List { return changetype<List>(changetype<usize>(this) + 40); }
  get settings(): List { return changetype<List>(changetype<usize>(this) + 48); }
  get reasons(): List { return changetype<List>(changetype<usize>(this) + 56); }
}

export const JOINING_SIZE: i32 = 24;
export const JOINING_ALIGN: i32 = 4;

/** The join of an Edge to a Joint. */
// @ts-ignore: decorator
@unmanaged
export class JoiningRecord {
  /**
   * The number of this Edge in frames. Below 256. The host uses it again only after all its Shapes
   * have left.
   */
  get edge(): u16 { return load<u16>(changetype<usize>(this), 0); }
  set edge(value: u16) { store<u16>(changetype<usize>(this), value, 0); }
  /** The index of the Edge in the description. */
  get described(): u16 { return load<u16>(changetype<usize>(this), 2); }
  set described(value: u16) { store<u16>(changetype<usize>(this), value, 2); }
  /** The index of its Shape. An Edge that matches with several Shapes joins once for each. */
  get shape(): u16 { return load<u16>(changetype<usize>(this), 4); }
  set shape(value: u16) { store<u16>(changetype<usize>(this), value, 4); }
  /** The name of the network. */
  get joint(): Text { return changetype<Text>(changetype<usize>(this) + 8); }
  /** The properties that were agreed, and those that the neighbours offer. */
  get properties(): List { return changetype<List>(changetype<usize>(this) + 16); }
}

// The functions of the host, as WebAssembly has them. `host.ts` makes them fit to use.

// @ts-ignore: decorator
@external('arpa2:funnel/host@0.2.0', 'log')
export declare function hostLog(a0: i32, a1: i32, a2: i32): void;

// @ts-ignore: decorator
@external('arpa2:funnel/host@0.2.0', 'status')
export declare function hostStatus(a0: i32, a1: i32, a2: i32, a3: i32, a4: i32): void;

// @ts-ignore: decorator
@external('arpa2:funnel/host@0.2.0', 'random')
export declare function hostRandom(): i64;

// @ts-ignore: decorator
@external('arpa2:funnel/host@0.2.0', 'utc')
export declare function hostUtc(a0: i32): void;

// @ts-ignore: decorator
@external('arpa2:funnel/host@0.2.0', 'listen')
export declare function hostListen(a0: i32, a1: i32, a2: i32, a3: i32, a4: i32): void;

// @ts-ignore: decorator
@external('arpa2:funnel/host@0.2.0', 'unlisten')
export declare function hostUnlisten(a0: i32, a1: i32): void;

// @ts-ignore: decorator
@external('arpa2:funnel/host@0.2.0', 'offer')
export declare function hostOffer(a0: i32, a1: i32, a2: i32, a3: i32, a4: i64, a5: i32, a6: i32): void;

// @ts-ignore: decorator
@external('arpa2:funnel/crypto@0.2.0', 'import-key')
export declare function hostImportKey(a0: i32, a1: i32, a2: i32, a3: i32): void;

// @ts-ignore: decorator
@external('arpa2:funnel/crypto@0.2.0', 'derive-key')
export declare function hostDeriveKey(a0: i32, a1: i32, a2: i32, a3: i32, a4: i32, a5: i32): void;

// @ts-ignore: decorator
@external('arpa2:funnel/crypto@0.2.0', 'drop-key')
export declare function hostDropKey(a0: i32): void;

// @ts-ignore: decorator
@external('arpa2:funnel/crypto@0.2.0', 'protect')
export declare function hostProtect(a0: i32, a1: i32, a2: i32, a3: i32, a4: i32): void;

// @ts-ignore: decorator
@external('arpa2:funnel/crypto@0.2.0', 'unprotect')
export declare function hostUnprotect(a0: i32, a1: i32, a2: i32, a3: i32, a4: i32): void;

// @ts-ignore: decorator
@external('arpa2:funnel/tls@0.2.0', 'own-fingerprint')
export declare function hostOwnFingerprint(a0: i32, a1: i32): void;

// @ts-ignore: decorator
@external('arpa2:funnel/tls@0.2.0', 'open-session')
export declare function hostOpenSession(a0: i32, a1: i32, a2: i32, a3: i32, a4: i32, a5: i32, a6: i32): void;

// @ts-ignore: decorator
@external('arpa2:funnel/tls@0.2.0', 'receive')
export declare function hostReceive(a0: i32, a1: i32, a2: i32, a3: i32): void;

// @ts-ignore: decorator
@external('arpa2:funnel/tls@0.2.0', 'expire')
export declare function hostExpire(a0: i32, a1: i32): void;

// @ts-ignore: decorator
@external('arpa2:funnel/tls@0.2.0', 'export-keys')
export declare function hostExportKeys(a0: i32, a1: i32): void;

// @ts-ignore: decorator
@external('arpa2:funnel/tls@0.2.0', 'close-session')
export declare function hostCloseSession(a0: i32): void;
