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
export const MAX_ARENA_IN: i32 = 524288;
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

export const PROBLEM_SIZE: i32 = 20;
export const PROBLEM_ALIGN: i32 = 4;

/** Why something cannot be, for the user to read. */
// @ts-ignore: decorator
@unmanaged
export class ProblemRecord {
  /** The setting that is to be changed, if it is one. */
  get hasSetting(): bool { return load<bool>(changetype<usize>(this), 0); }
  set hasSetting(value: bool) { store<bool>(changetype<usize>(this), value, 0); }
  get setting(): Text { return changetype<Text>(changetype<usize>(this) + 4); }
  /** What is wrong and what to do, in one sentence without a line break. */
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

/** How much of a property there is. */
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
 * Something that holds for traffic across an Edge, or that is made available there.
 *
 * An open list of names: `reliable`, `ordered`, `framed`, `duplicate-free`, `size` (of a frame, in bytes), `mtu`,
 * `address`, `route`, `group`, `identity`, `up`, and what pieces agree on among themselves. Who does not know a name
 * leaves it alone.
 */
// @ts-ignore: decorator
@unmanaged
export class PropertyRecord {
  get name(): Text { return changetype<Text>(changetype<usize>(this) + 0); }
  get value(): ValueRecord { return changetype<ValueRecord>(changetype<usize>(this) + 8); }
}

/** How much a message matters. */
export const enum Level {
  Debug = 0,
  Info = 1,
  Warn = 2,
  Error = 3,
}

/** What a part is in its protocol. */
export const enum Role {
  /** In front of what the protocol carries. */
  Header = 0,
  /** What the protocol carries. */
  Payload = 1,
  /** Behind what the protocol carries: padding, an authentication tag, a checksum. */
  Trailer = 2,
}

/** What holds for the bytes of a part. Unknown bits are ignored. */
export const enum PartMarks {
  /**
   * The bytes stayed with the host.
   *
   * `offset` is then the host's own address of them, good until the ticket ends (of a frame in fragments, see `more`): pass the part on, or
   * any range inside it, in any frame. Only for a payload, and only on a Shape whose reach is `headers`.
   */
  Withheld = 1,
  /**
   * Length and checksum fields are still to be filled in, by the host, when the frame leaves it.
   *
   * Only for a header. Who needs the fields before then fills them in and clears the mark.
   */
  Unfinished = 2,
  /**
   * In an outcome: these bytes begin with `protocol`, and the host is to parse them.
   *
   * For what was decrypted, decompressed or put together here. The part is a payload.
   */
  Unparsed = 4,
  /**
   * The frame goes on in the next frame of this Edge and Shape with this ticket.
   *
   * Stands on the last part; elsewhere it means nothing. All pieces of one frame have one ticket, which ends with the piece
   * that is not so marked; of frames with ticket 0 only one may be under way on an Edge and Shape, and 64 in all.
   *
   * Incoming: a call brings one piece at most, as its first frame; the pieces of a frame come in order and without a gap, but
   * the rest may never come: who keeps something for it bounds the wait. Withheld bytes of a piece are good until an outcome
   * passes some of them on, or the ticket ends. What is still to come of a frame whose ticket has ended is dropped by the host.
   * A ticket of which nothing is left in the piece may be given up by the host; what is said of the last 256 such leads to nothing.
   */
  More = 8,
  /** Incoming: the frame began in an earlier one, with the same ticket. Stands on the first part. */
  Continued = 16,
}

export const PART_SIZE: i32 = 12;
export const PART_ALIGN: i32 = 4;

/** Bytes of a frame that belong together. */
// @ts-ignore: decorator
@unmanaged
export class PartRecord {
  /**
   * Of a header or trailer, its protocol. Of a payload, what it begins with, or 0 when that is not known.
   *
   * A number of the host, which `control.start` tells for each protocol that the piece described.
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
 * A header opens its protocol's scope, and its trailer, or the frame's end, closes it; so bodies may nest and repeat. A
 * frame has at most 32 parts and at most 66240 bytes; a larger one travels in fragments marked `more`.
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
   * How many headers stand in front of the Shape's own stack.
   *
   * Incoming: the piece need not concern itself with them. In an outcome: that many headers, copied from the front of the
   * ticket's frame, or 0; the endpoint that writes the frame adds what lacks.
   */
  get skipHeaders(): u8 { return load<u8>(changetype<usize>(this), 10); }
  set skipHeaders(value: u8) { store<u8>(changetype<usize>(this), value, 10); }
  /** The same, for trailers at the end. */
  get skipTrailers(): u8 { return load<u8>(changetype<usize>(this), 11); }
  set skipTrailers(value: u8) { store<u8>(changetype<usize>(this), value, 11); }
  /**
   * Incoming: the room in the arena that holds the parts which are not withheld. Rooms ascend and are disjoint.
   *
   * Outgoing: only a hint. Parts may stand anywhere in the arena and may be shared between frames.
   */
  get roomOffset(): u32 { return load<u32>(changetype<usize>(this), 12); }
  set roomOffset(value: u32) { store<u32>(changetype<usize>(this), value, 12); }
  get roomLength(): u32 { return load<u32>(changetype<usize>(this), 16); }
  set roomLength(value: u32) { store<u32>(changetype<usize>(this), value, 16); }
  /**
   * Incoming: the host's name for this frame, not 0, until an outcome ends it or passes it on.
   *
   * Outgoing: the frame that this one continues, of this call or held from an earlier one; or 0 for a frame of the
   * piece's own. A ticket that is passed on in several frames goes on in all of them. What is neither passed on nor ended
   * is held: the host caps how many tickets and bytes a piece holds, and it drops what comes beyond.
   */
  get ticket(): u32 { return load<u32>(changetype<usize>(this), 20); }
  set ticket(value: u32) { store<u32>(changetype<usize>(this), value, 20); }
}

export const END_SIZE: i32 = 8;
export const END_ALIGN: i32 = 4;

/** A ticket that ends without going on. */
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
 * What a call to `process` leads to.
 *
 * The host checks every number in it before use; one that is wrong is a fault, and the piece is discarded. At most 16384
 * frames, 65536 parts, 16777216 bytes in all frames together, and 16384 ends.
 */
// @ts-ignore: decorator
@unmanaged
export class OutcomeRecord {
  get frames(): List { return changetype<List>(changetype<usize>(this) + 0); }
  get parts(): List { return changetype<List>(changetype<usize>(this) + 8); }
  /** May be the same memory as the argument. */
  get arena(): List { return changetype<List>(changetype<usize>(this) + 16); }
  get ends(): List { return changetype<List>(changetype<usize>(this) + 24); }
  /** Edges from which the piece takes no frame for now. Each outcome states it afresh. */
  get paused(): List { return changetype<List>(changetype<usize>(this) + 32); }
  /** When to be called again without frames, or infinity. Each outcome states it afresh. Never in the past. */
  get wakeAt(): f64 { return load<f64>(changetype<usize>(this), 40); }
  set wakeAt(value: f64) { store<f64>(changetype<usize>(this), value, 40); }
}

/** Toward what a Shape is turned. `down` meets `up`, and `peer` meets `peer`. */
export const enum Direction {
  /** Toward whom the protocol serves: this side carries it. */
  Up = 0,
  /** Toward what carries the protocol: this side wants to be carried. */
  Down = 1,
  /** Toward an equal. */
  Peer = 2,
}

/** How much a Shape cares for a property. */
export const enum Wish {
  /** It is there, for whoever wants it. */
  Available = 0,
  /** No joining without it. */
  Required = 1,
  /** Better with it. */
  Desired = 2,
  /** Either way. */
  Indifferent = 3,
  /** No joining with it. */
  Rejected = 4,
}

/** How much of each frame a piece needs to see. */
export const enum Reach {
  /** Headers and trailers. The payload stays with the host: the fast path, and the least authority. */
  Headers = 0,
  /** Every byte. */
  WholeFrame = 1,
}

export const PROPERTY_WISH_SIZE: i32 = 32;
export const PROPERTY_WISH_ALIGN: i32 = 8;

/** A property, and how much the Shape cares. */
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
  /** Such as `ip/udp/5060` or `ethertype:ipv6`. A step `*` is open: `host.listen` fills it while running. */
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
  /** It may be joined any number of times, as a hub's. */
  get repeated(): bool { return load<bool>(changetype<usize>(this), 9); }
  set repeated(value: bool) { store<bool>(changetype<usize>(this), value, 9); }
  get shapes(): List { return changetype<List>(changetype<usize>(this) + 12); }
}

export const CURVE_SIZE: i32 = 24;
export const CURVE_ALIGN: i32 = 4;

/** A possible path of traffic, both ways; or a Hairpin, when both Edges are the same. */
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
  /** What follows the ends of the two Shapes is not the same stack (encryption, header compression). */
  get opaque(): bool { return load<bool>(changetype<usize>(this), 8); }
  set opaque(value: bool) { store<bool>(changetype<usize>(this), value, 8); }
  /** Properties that hold at one end when they hold at the other, by name. */
  get keeps(): List { return changetype<List>(changetype<usize>(this) + 12); }
  /** Bytes that a frame gains from `from` to `to`; negative where it shrinks. */
  get overhead(): i32 { return load<i32>(changetype<usize>(this), 20); }
  set overhead(value: i32) { store<i32>(changetype<usize>(this), value, 20); }
}

/** How the text of a setting is read, and shown. */
export const enum Kind {
  Text = 0,
  /** Decimal. */
  Number = 1,
  /** `true` or `false`. */
  Boolean = 2,
  /** A number with a unit, `ms`, `s`, `m` or `h`; seconds without. */
  Duration = 3,
  /** An IPv4 or IPv6 address, with a prefix length where the piece takes one. */
  Address = 4,
  /** Shown to nobody. */
  Secret = 5,
}

export const SETTING_SIZE: i32 = 32;
export const SETTING_ALIGN: i32 = 4;

/** What a user may set. */
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
  /** What holds when it is not given; none when it must be given, or when not giving it has a meaning of its own. */
  get hasDefaultValue(): bool { return load<bool>(changetype<usize>(this), 20); }
  set hasDefaultValue(value: bool) { store<bool>(changetype<usize>(this), value, 20); }
  get defaultValue(): Text { return changetype<Text>(changetype<usize>(this) + 24); }
}

export const REASON_SIZE: i32 = 12;
export const REASON_ALIGN: i32 = 4;

/** Why a frame ends in this piece. */
// @ts-ignore: decorator
@unmanaged
export class ReasonRecord {
  /** In kebab-case; the name of a counter. */
  get name(): Text { return changetype<Text>(changetype<usize>(this) + 0); }
  /** Whether the frame is lost, or did its work here (answered, merged). */
  get loss(): bool { return load<bool>(changetype<usize>(this), 8); }
  set loss(value: bool) { store<bool>(changetype<usize>(this), value, 8); }
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
   * The protocols whose numbers the piece wants to know; `control.start` tells them in this order.
   *
   * Of a protocol that the host may not know, its definition as data. The host's own definition goes first.
   */
  get protocols(): List { return changetype<List>(changetype<usize>(this) + 24); }
  get edges(): List { return changetype<List>(changetype<usize>(this) + 32); }
  get curves(): List { return changetype<List>(changetype<usize>(this) + 40); }
  get settings(): List { return changetype<List>(changetype<usize>(this) + 48); }
  get reasons(): List { return changetype<List>(changetype<usize>(this) + 56); }
}

export const JOINING_SIZE: i32 = 24;
export const JOINING_ALIGN: i32 = 4;

/** An Edge on a Joint. */
// @ts-ignore: decorator
@unmanaged
export class JoiningRecord {
  /** The number by which frames name this Edge from now on. Below 256; used again only when all its Shapes have left. */
  get edge(): u16 { return load<u16>(changetype<usize>(this), 0); }
  set edge(value: u16) { store<u16>(changetype<usize>(this), value, 0); }
  /** Which Edge of the description it is. */
  get described(): u16 { return load<u16>(changetype<usize>(this), 2); }
  set described(value: u16) { store<u16>(changetype<usize>(this), value, 2); }
  /** Which of its Shapes. An Edge that matches with several Shapes is told each of them in a joining of its own. */
  get shape(): u16 { return load<u16>(changetype<usize>(this), 4); }
  set shape(value: u16) { store<u16>(changetype<usize>(this), value, 4); }
  /** The network's name. */
  get joint(): Text { return changetype<Text>(changetype<usize>(this) + 8); }
  /** What was agreed, and what the neighbours offer. */
  get properties(): List { return changetype<List>(changetype<usize>(this) + 16); }
}

// The functions of the host, as WebAssembly has them. `host.ts` makes them fit to use.

// @ts-ignore: decorator
@external('arpa2:funnel/host@0.1.0', 'log')
export declare function hostLog(a0: i32, a1: i32, a2: i32): void;

// @ts-ignore: decorator
@external('arpa2:funnel/host@0.1.0', 'random')
export declare function hostRandom(): i64;

// @ts-ignore: decorator
@external('arpa2:funnel/host@0.1.0', 'utc')
export declare function hostUtc(a0: i32): void;

// @ts-ignore: decorator
@external('arpa2:funnel/host@0.1.0', 'listen')
export declare function hostListen(a0: i32, a1: i32, a2: i32, a3: i32, a4: i32): void;

// @ts-ignore: decorator
@external('arpa2:funnel/host@0.1.0', 'unlisten')
export declare function hostUnlisten(a0: i32, a1: i32): void;

// @ts-ignore: decorator
@external('arpa2:funnel/host@0.1.0', 'offer')
export declare function hostOffer(a0: i32, a1: i32, a2: i32, a3: i32, a4: i64, a5: i32, a6: i32): void;
