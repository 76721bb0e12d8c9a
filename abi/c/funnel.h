/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of a Puzzle Piece, for C. Generated from wit/funnel.wit by tools/generate-abi.mjs. Do not edit.
 *
 * Define the functions under "What a piece exports"; those under "What a piece may import" are the host's. Arguments belong to the piece:
 * they were allocated by its cabi_realloc. A result stays as it is until the function ending in _returned was called, if the piece has one.
 */
#ifndef FUNNEL_H
#define FUNNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parts of one frame. */
#define FUNNEL_MAX_FRAME_PARTS 32u
/* Bytes of one frame; a larger one travels in fragments marked `more`. */
#define FUNNEL_MAX_FRAME_BYTES 66240u
/* Frames that a call brings. */
#define FUNNEL_MAX_FRAMES_IN 256u
/* Parts that a call brings. */
#define FUNNEL_MAX_PARTS_IN 8192u
/* Bytes of the arena that a call brings. */
#define FUNNEL_MAX_ARENA_IN 524288u
/* Frames of an outcome. */
#define FUNNEL_MAX_FRAMES_OUT 16384u
/* Parts of an outcome. */
#define FUNNEL_MAX_PARTS_OUT 65536u
/* Bytes in all frames of an outcome together, shared parts counted each time. */
#define FUNNEL_MAX_BYTES_OUT 16777216u
/* Tickets that an outcome ends. */
#define FUNNEL_MAX_ENDS_OUT 16384u
/* Numbers of joined Edges: they are below this. */
#define FUNNEL_MAX_EDGES 256u
/* Bytes of a saved state. */
#define FUNNEL_MAX_STATE_BYTES 4194304u

/*
 * A point in time, in milliseconds with their fraction, of the lane's monotonic clock.
 *
 * A float, because a u64 becomes an object in JavaScript. Never NaN. Infinity means never. The clock's zero is the lane's
 * own: what is saved, or sent to another, holds durations instead.
 */
typedef double funnel_instant;

/* UTF-8. */
typedef struct {
  const char *at;
  uint32_t length;
} funnel_string;
_Static_assert(sizeof(funnel_string) == 8, "string");

typedef struct {
  bool is_some;
  funnel_string value;
} funnel_optional_string;
_Static_assert(sizeof(funnel_optional_string) == 12, "optional_string");

/* Why something cannot be, for the user to read. */
typedef struct {
  /* The setting that is to be changed, if it is one. */
  funnel_optional_string setting;
  /* What is wrong and what to do, in one sentence without a line break. */
  funnel_string message;
} funnel_problem;
_Static_assert(sizeof(funnel_problem) == 20, "problem");
_Static_assert(offsetof(funnel_problem, setting) == 0, "problem.setting");
_Static_assert(offsetof(funnel_problem, message) == 12, "problem.message");

enum {
  /* It holds. */
  FUNNEL_VALUE_YES = 0,
  /* A lower bound, in the property's unit. */
  FUNNEL_VALUE_AT_LEAST = 1,
  /* An upper bound, in the property's unit. */
  FUNNEL_VALUE_AT_MOST = 2,
  /* Anything that is written, such as an address or an identity. */
  FUNNEL_VALUE_TEXT = 3,
};

/* How much of a property there is. */
typedef struct {
  uint8_t tag;
  union {
    uint64_t at_least;
    uint64_t at_most;
    funnel_string text;
  };
} funnel_value;
_Static_assert(sizeof(funnel_value) == 16, "value");

/*
 * Something that holds for traffic across an Edge, or that is made available there.
 *
 * An open list of names: `reliable`, `ordered`, `framed`, `duplicate-free`, `size` (of a frame, in bytes), `mtu`,
 * `address`, `route`, `group`, `identity`, `up`, and what pieces agree on among themselves. Who does not know a name
 * leaves it alone.
 */
typedef struct {
  funnel_string name;
  funnel_value value;
} funnel_property;
_Static_assert(sizeof(funnel_property) == 24, "property");
_Static_assert(offsetof(funnel_property, name) == 0, "property.name");
_Static_assert(offsetof(funnel_property, value) == 8, "property.value");

/* How much a message matters. */
typedef uint8_t funnel_level;
enum {
  FUNNEL_LEVEL_DEBUG = 0,
  FUNNEL_LEVEL_INFO = 1,
  FUNNEL_LEVEL_WARN = 2,
  FUNNEL_LEVEL_ERROR = 3,
};

/* What a part is in its protocol. */
typedef uint8_t funnel_role;
enum {
  /* In front of what the protocol carries. */
  FUNNEL_ROLE_HEADER = 0,
  /* What the protocol carries. */
  FUNNEL_ROLE_PAYLOAD = 1,
  /* Behind what the protocol carries: padding, an authentication tag, a checksum. */
  FUNNEL_ROLE_TRAILER = 2,
};

/* What holds for the bytes of a part. Unknown bits are ignored. */
typedef uint8_t funnel_part_marks;
enum {
  /*
   * The bytes stayed with the host.
   *
   * `offset` is then the host's own address of them, good until the ticket ends (of a frame in fragments, see `more`): pass the part on, or
   * any range inside it, in any frame. Only for a payload, and only on a Shape whose reach is `headers`.
   */
  FUNNEL_PART_MARKS_WITHHELD = 1,
  /*
   * Length and checksum fields are still to be filled in, by the host, when the frame leaves it.
   *
   * Only for a header. Who needs the fields before then fills them in and clears the mark.
   */
  FUNNEL_PART_MARKS_UNFINISHED = 2,
  /*
   * In an outcome: these bytes begin with `protocol`, and the host is to parse them.
   *
   * For what was decrypted, decompressed or put together here. The part is a payload.
   */
  FUNNEL_PART_MARKS_UNPARSED = 4,
  /*
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
  FUNNEL_PART_MARKS_MORE = 8,
  /* Incoming: the frame began in an earlier one, with the same ticket. Stands on the first part. */
  FUNNEL_PART_MARKS_CONTINUED = 16,
};

/* Bytes of a frame that belong together. */
typedef struct {
  /*
   * Of a header or trailer, its protocol. Of a payload, what it begins with, or 0 when that is not known.
   *
   * A number of the host, which `control.start` tells for each protocol that the piece described.
   */
  uint16_t protocol;
  funnel_role role;
  funnel_part_marks marks;
  /* From the start of the arena, unless `withheld`. */
  uint32_t offset;
  /* In bytes. May be 0. */
  uint32_t length;
} funnel_part;
_Static_assert(sizeof(funnel_part) == 12, "part");
_Static_assert(offsetof(funnel_part, protocol) == 0, "part.protocol");
_Static_assert(offsetof(funnel_part, role) == 2, "part.role");
_Static_assert(offsetof(funnel_part, marks) == 3, "part.marks");
_Static_assert(offsetof(funnel_part, offset) == 4, "part.offset");
_Static_assert(offsetof(funnel_part, length) == 8, "part.length");

/*
 * Parts in the order of their bytes.
 *
 * A header opens its protocol's scope, and its trailer, or the frame's end, closes it; so bodies may nest and repeat. A
 * frame has at most 32 parts and at most 66240 bytes; a larger one travels in fragments marked `more`.
 */
typedef struct {
  /* The number that `control.join` gave to this Edge. */
  uint16_t edge;
  /* The described Shape, or the number that `host.listen` returned. */
  uint16_t shape;
  /* The index of this frame's first part. Frames of an outcome may share parts. */
  uint32_t first_part;
  uint16_t part_count;
  /*
   * How many headers stand in front of the Shape's own stack.
   *
   * Incoming: the piece need not concern itself with them. In an outcome: that many headers, copied from the front of the
   * ticket's frame, or 0; the endpoint that writes the frame adds what lacks.
   */
  uint8_t skip_headers;
  /* The same, for trailers at the end. */
  uint8_t skip_trailers;
  /*
   * Incoming: the room in the arena that holds the parts which are not withheld. Rooms ascend and are disjoint.
   *
   * Outgoing: only a hint. Parts may stand anywhere in the arena and may be shared between frames.
   */
  uint32_t room_offset;
  uint32_t room_length;
  /*
   * Incoming: the host's name for this frame, not 0, until an outcome ends it or passes it on.
   *
   * Outgoing: the frame that this one continues, of this call or held from an earlier one; or 0 for a frame of the
   * piece's own. A ticket that is passed on in several frames goes on in all of them. What is neither passed on nor ended
   * is held: the host caps how many tickets and bytes a piece holds, and it drops what comes beyond.
   */
  uint32_t ticket;
} funnel_frame;
_Static_assert(sizeof(funnel_frame) == 24, "frame");
_Static_assert(offsetof(funnel_frame, edge) == 0, "frame.edge");
_Static_assert(offsetof(funnel_frame, shape) == 2, "frame.shape");
_Static_assert(offsetof(funnel_frame, first_part) == 4, "frame.first_part");
_Static_assert(offsetof(funnel_frame, part_count) == 8, "frame.part_count");
_Static_assert(offsetof(funnel_frame, skip_headers) == 10, "frame.skip_headers");
_Static_assert(offsetof(funnel_frame, skip_trailers) == 11, "frame.skip_trailers");
_Static_assert(offsetof(funnel_frame, room_offset) == 12, "frame.room_offset");
_Static_assert(offsetof(funnel_frame, room_length) == 16, "frame.room_length");
_Static_assert(offsetof(funnel_frame, ticket) == 20, "frame.ticket");

/* A ticket that ends without going on. */
typedef struct {
  uint32_t ticket;
  /* An index into the `reasons` of the description. */
  uint16_t reason;
} funnel_end;
_Static_assert(sizeof(funnel_end) == 8, "end");
_Static_assert(offsetof(funnel_end, ticket) == 0, "end.ticket");
_Static_assert(offsetof(funnel_end, reason) == 4, "end.reason");

typedef struct {
  funnel_frame *at;
  uint32_t length;
} funnel_frame_list;
_Static_assert(sizeof(funnel_frame_list) == 8, "frame_list");

typedef struct {
  funnel_part *at;
  uint32_t length;
} funnel_part_list;
_Static_assert(sizeof(funnel_part_list) == 8, "part_list");

typedef struct {
  uint8_t *at;
  uint32_t length;
} funnel_uint8_list;
_Static_assert(sizeof(funnel_uint8_list) == 8, "uint8_list");

typedef struct {
  funnel_end *at;
  uint32_t length;
} funnel_end_list;
_Static_assert(sizeof(funnel_end_list) == 8, "end_list");

typedef struct {
  uint16_t *at;
  uint32_t length;
} funnel_uint16_list;
_Static_assert(sizeof(funnel_uint16_list) == 8, "uint16_list");

/*
 * What a call to `process` leads to.
 *
 * The host checks every number in it before use; one that is wrong is a fault, and the piece is discarded. At most 16384
 * frames, 65536 parts, 16777216 bytes in all frames together, and 16384 ends.
 */
typedef struct {
  funnel_frame_list frames;
  funnel_part_list parts;
  /* May be the same memory as the argument. */
  funnel_uint8_list arena;
  funnel_end_list ends;
  /* Edges from which the piece takes no frame for now. Each outcome states it afresh. */
  funnel_uint16_list paused;
  /* When to be called again without frames, or infinity. Each outcome states it afresh. Never in the past. */
  funnel_instant wake_at;
} funnel_outcome;
_Static_assert(sizeof(funnel_outcome) == 48, "outcome");
_Static_assert(offsetof(funnel_outcome, frames) == 0, "outcome.frames");
_Static_assert(offsetof(funnel_outcome, parts) == 8, "outcome.parts");
_Static_assert(offsetof(funnel_outcome, arena) == 16, "outcome.arena");
_Static_assert(offsetof(funnel_outcome, ends) == 24, "outcome.ends");
_Static_assert(offsetof(funnel_outcome, paused) == 32, "outcome.paused");
_Static_assert(offsetof(funnel_outcome, wake_at) == 40, "outcome.wake_at");

/* Toward what a Shape is turned. `down` meets `up`, and `peer` meets `peer`. */
typedef uint8_t funnel_direction;
enum {
  /* Toward whom the protocol serves: this side carries it. */
  FUNNEL_DIRECTION_UP = 0,
  /* Toward what carries the protocol: this side wants to be carried. */
  FUNNEL_DIRECTION_DOWN = 1,
  /* Toward an equal. */
  FUNNEL_DIRECTION_PEER = 2,
};

/* How much a Shape cares for a property. */
typedef uint8_t funnel_wish;
enum {
  /* It is there, for whoever wants it. */
  FUNNEL_WISH_AVAILABLE = 0,
  /* No joining without it. */
  FUNNEL_WISH_REQUIRED = 1,
  /* Better with it. */
  FUNNEL_WISH_DESIRED = 2,
  /* Either way. */
  FUNNEL_WISH_INDIFFERENT = 3,
  /* No joining with it. */
  FUNNEL_WISH_REJECTED = 4,
};

/* How much of each frame a piece needs to see. */
typedef uint8_t funnel_reach;
enum {
  /* Headers and trailers. The payload stays with the host: the fast path, and the least authority. */
  FUNNEL_REACH_HEADERS = 0,
  /* Every byte. */
  FUNNEL_REACH_WHOLE_FRAME = 1,
};

/* A property, and how much the Shape cares. */
typedef struct {
  funnel_wish wish;
  funnel_property property;
} funnel_property_wish;
_Static_assert(sizeof(funnel_property_wish) == 32, "property_wish");
_Static_assert(offsetof(funnel_property_wish, wish) == 0, "property_wish.wish");
_Static_assert(offsetof(funnel_property_wish, property) == 8, "property_wish.property");

typedef struct {
  funnel_property_wish *at;
  uint32_t length;
} funnel_property_wish_list;
_Static_assert(sizeof(funnel_property_wish_list) == 8, "property_wish_list");

/* One protocol stack that an Edge accepts. */
typedef struct {
  /* Such as `ip/udp/5060` or `ethertype:ipv6`. A step `*` is open: `host.listen` fills it while running. */
  funnel_string stack;
  funnel_direction direction;
  funnel_reach reach;
  funnel_property_wish_list properties;
} funnel_shape;
_Static_assert(sizeof(funnel_shape) == 20, "shape");
_Static_assert(offsetof(funnel_shape, stack) == 0, "shape.stack");
_Static_assert(offsetof(funnel_shape, direction) == 8, "shape.direction");
_Static_assert(offsetof(funnel_shape, reach) == 9, "shape.reach");
_Static_assert(offsetof(funnel_shape, properties) == 12, "shape.properties");

typedef struct {
  funnel_shape *at;
  uint32_t length;
} funnel_shape_list;
_Static_assert(sizeof(funnel_shape_list) == 8, "shape_list");

/* A connection to the outside, with its alternative Shapes. */
typedef struct {
  /* Unique in the piece, in kebab-case. */
  funnel_string name;
  /* The piece works without it. */
  bool optional;
  /* It may be joined any number of times, as a hub's. */
  bool repeated;
  funnel_shape_list shapes;
} funnel_edge;
_Static_assert(sizeof(funnel_edge) == 20, "edge");
_Static_assert(offsetof(funnel_edge, name) == 0, "edge.name");
_Static_assert(offsetof(funnel_edge, optional) == 8, "edge.optional");
_Static_assert(offsetof(funnel_edge, repeated) == 9, "edge.repeated");
_Static_assert(offsetof(funnel_edge, shapes) == 12, "edge.shapes");

typedef struct {
  funnel_string *at;
  uint32_t length;
} funnel_string_list;
_Static_assert(sizeof(funnel_string_list) == 8, "string_list");

/* A possible path of traffic, both ways; or a Hairpin, when both Edges are the same. */
typedef struct {
  /* Indices into `edges`, and into the `shapes` of that Edge. */
  uint16_t from_edge;
  uint16_t from_shape;
  uint16_t to_edge;
  uint16_t to_shape;
  /* What follows the ends of the two Shapes is not the same stack (encryption, header compression). */
  bool opaque;
  /* Properties that hold at one end when they hold at the other, by name. */
  funnel_string_list keeps;
  /* Bytes that a frame gains from `from` to `to`; negative where it shrinks. */
  int32_t overhead;
} funnel_curve;
_Static_assert(sizeof(funnel_curve) == 24, "curve");
_Static_assert(offsetof(funnel_curve, from_edge) == 0, "curve.from_edge");
_Static_assert(offsetof(funnel_curve, from_shape) == 2, "curve.from_shape");
_Static_assert(offsetof(funnel_curve, to_edge) == 4, "curve.to_edge");
_Static_assert(offsetof(funnel_curve, to_shape) == 6, "curve.to_shape");
_Static_assert(offsetof(funnel_curve, opaque) == 8, "curve.opaque");
_Static_assert(offsetof(funnel_curve, keeps) == 12, "curve.keeps");
_Static_assert(offsetof(funnel_curve, overhead) == 20, "curve.overhead");

/* How the text of a setting is read, and shown. */
typedef uint8_t funnel_kind;
enum {
  FUNNEL_KIND_TEXT = 0,
  /* Decimal. */
  FUNNEL_KIND_NUMBER = 1,
  /* `true` or `false`. */
  FUNNEL_KIND_BOOLEAN = 2,
  /* A number with a unit, `ms`, `s`, `m` or `h`; seconds without. */
  FUNNEL_KIND_DURATION = 3,
  /* An IPv4 or IPv6 address, with a prefix length where the piece takes one. */
  FUNNEL_KIND_ADDRESS = 4,
  /* Shown to nobody. */
  FUNNEL_KIND_SECRET = 5,
};

/* What a user may set. */
typedef struct {
  /* Unique in the piece, in kebab-case. */
  funnel_string name;
  /* One line. */
  funnel_string summary;
  funnel_kind kind;
  /* It may be given more than once; the order is kept. */
  bool repeated;
  /* What holds when it is not given; none when it must be given, or when not giving it has a meaning of its own. */
  funnel_optional_string default_value;
} funnel_setting;
_Static_assert(sizeof(funnel_setting) == 32, "setting");
_Static_assert(offsetof(funnel_setting, name) == 0, "setting.name");
_Static_assert(offsetof(funnel_setting, summary) == 8, "setting.summary");
_Static_assert(offsetof(funnel_setting, kind) == 16, "setting.kind");
_Static_assert(offsetof(funnel_setting, repeated) == 17, "setting.repeated");
_Static_assert(offsetof(funnel_setting, default_value) == 20, "setting.default_value");

/* Why a frame ends in this piece. */
typedef struct {
  /* In kebab-case; the name of a counter. */
  funnel_string name;
  /* Whether the frame is lost, or did its work here (answered, merged). */
  bool loss;
} funnel_reason;
_Static_assert(sizeof(funnel_reason) == 12, "reason");
_Static_assert(offsetof(funnel_reason, name) == 0, "reason.name");
_Static_assert(offsetof(funnel_reason, loss) == 8, "reason.loss");

typedef struct {
  funnel_string first;
  funnel_optional_string second;
} funnel_string_and_optional_string;
_Static_assert(sizeof(funnel_string_and_optional_string) == 20, "string_and_optional_string");

typedef struct {
  funnel_string_and_optional_string *at;
  uint32_t length;
} funnel_string_and_optional_string_list;
_Static_assert(sizeof(funnel_string_and_optional_string_list) == 8, "string_and_optional_string_list");

typedef struct {
  funnel_edge *at;
  uint32_t length;
} funnel_edge_list;
_Static_assert(sizeof(funnel_edge_list) == 8, "edge_list");

typedef struct {
  funnel_curve *at;
  uint32_t length;
} funnel_curve_list;
_Static_assert(sizeof(funnel_curve_list) == 8, "curve_list");

typedef struct {
  funnel_setting *at;
  uint32_t length;
} funnel_setting_list;
_Static_assert(sizeof(funnel_setting_list) == 8, "setting_list");

typedef struct {
  funnel_reason *at;
  uint32_t length;
} funnel_reason_list;
_Static_assert(sizeof(funnel_reason_list) == 8, "reason_list");

/* A Puzzle Piece. */
typedef struct {
  funnel_string name;
  funnel_string version;
  /* One line. */
  funnel_string summary;
  /*
   * The protocols whose numbers the piece wants to know; `control.start` tells them in this order.
   *
   * Of a protocol that the host may not know, its definition as data. The host's own definition goes first.
   */
  funnel_string_and_optional_string_list protocols;
  funnel_edge_list edges;
  funnel_curve_list curves;
  funnel_setting_list settings;
  funnel_reason_list reasons;
} funnel_piece;
_Static_assert(sizeof(funnel_piece) == 64, "piece");
_Static_assert(offsetof(funnel_piece, name) == 0, "piece.name");
_Static_assert(offsetof(funnel_piece, version) == 8, "piece.version");
_Static_assert(offsetof(funnel_piece, summary) == 16, "piece.summary");
_Static_assert(offsetof(funnel_piece, protocols) == 24, "piece.protocols");
_Static_assert(offsetof(funnel_piece, edges) == 32, "piece.edges");
_Static_assert(offsetof(funnel_piece, curves) == 40, "piece.curves");
_Static_assert(offsetof(funnel_piece, settings) == 48, "piece.settings");
_Static_assert(offsetof(funnel_piece, reasons) == 56, "piece.reasons");

typedef struct {
  funnel_property *at;
  uint32_t length;
} funnel_property_list;
_Static_assert(sizeof(funnel_property_list) == 8, "property_list");

/* An Edge on a Joint. */
typedef struct {
  /* The number by which frames name this Edge from now on. Below 256; used again only when all its Shapes have left. */
  uint16_t edge;
  /* Which Edge of the description it is. */
  uint16_t described;
  /* Which of its Shapes. An Edge that matches with several Shapes is told each of them in a joining of its own. */
  uint16_t shape;
  /* The network's name. */
  funnel_string joint;
  /* What was agreed, and what the neighbours offer. */
  funnel_property_list properties;
} funnel_joining;
_Static_assert(sizeof(funnel_joining) == 24, "joining");
_Static_assert(offsetof(funnel_joining, edge) == 0, "joining.edge");
_Static_assert(offsetof(funnel_joining, described) == 2, "joining.described");
_Static_assert(offsetof(funnel_joining, shape) == 4, "joining.shape");
_Static_assert(offsetof(funnel_joining, joint) == 8, "joining.joint");
_Static_assert(offsetof(funnel_joining, properties) == 16, "joining.properties");

typedef struct {
  funnel_problem *at;
  uint32_t length;
} funnel_problem_list;
_Static_assert(sizeof(funnel_problem_list) == 8, "problem_list");

typedef struct {
  bool is_err;
  union {
    funnel_piece ok;
    funnel_problem_list err;
  };
} funnel_describe_result;
_Static_assert(sizeof(funnel_describe_result) == 68, "describe_result");

typedef struct {
  funnel_string first;
  funnel_string second;
} funnel_string_and_string;
_Static_assert(sizeof(funnel_string_and_string) == 16, "string_and_string");

typedef struct {
  bool is_err;
  union {
    funnel_problem_list err;
  };
} funnel_start_result;
_Static_assert(sizeof(funnel_start_result) == 12, "start_result");

typedef struct {
  bool is_err;
  union {
    funnel_problem err;
  };
} funnel_accepts_result;
_Static_assert(sizeof(funnel_accepts_result) == 24, "accepts_result");

typedef struct {
  bool is_err;
  union {
    funnel_problem err;
  };
} funnel_listening_result;
_Static_assert(sizeof(funnel_listening_result) == 24, "listening_result");

typedef struct {
  bool is_err;
  union {
    funnel_problem err;
  };
} funnel_restore_result;
_Static_assert(sizeof(funnel_restore_result) == 24, "restore_result");

typedef struct {
  uint64_t first;
  uint32_t second;
} funnel_uint64_and_uint32;
_Static_assert(sizeof(funnel_uint64_and_uint32) == 16, "uint64_and_uint32");

typedef struct {
  bool is_err;
  union {
    uint16_t ok;
    funnel_problem err;
  };
} funnel_listen_result;
_Static_assert(sizeof(funnel_listen_result) == 24, "listen_result");

/* What a piece exports. */

/* Only the host calls it, to bring arguments. */
__attribute__((export_name("cabi_realloc")))
void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size);

/*
 * Tells what the piece is under these settings, or which of them cannot be.
 *
 * Pure: calls nothing of the host, and the same settings give the same description. With no settings: what the piece is by
 * default, also where a setting must be given. Called on an instance of its own.
 */
__attribute__((export_name("arpa2:funnel/description@0.1.0#describe")))
funnel_describe_result *funnel_describe(funnel_string_and_string *settings, uint32_t settings_length);
__attribute__((export_name("cabi_post_arpa2:funnel/description@0.1.0#describe")))
void funnel_describe_returned(funnel_describe_result *result);

/*
 * Once, on a new instance, before everything else but `describe`. Other settings are another instance.
 *
 * `protocols` are the host's numbers for the described protocols, in their order; 0 for one that it knows nothing of.
 */
__attribute__((export_name("arpa2:funnel/control@0.1.0#start")))
funnel_start_result *funnel_start(funnel_instant now, funnel_string_and_string *settings, uint32_t settings_length, uint16_t *protocols, uint32_t protocols_length);
__attribute__((export_name("cabi_post_arpa2:funnel/control@0.1.0#start")))
void funnel_start_returned(funnel_start_result *result);

/* May this be joined, or be joined on these terms from now on? Changes nothing. */
__attribute__((export_name("arpa2:funnel/control@0.1.0#accepts")))
funnel_accepts_result *funnel_accepts(uint32_t edge, uint32_t described, uint32_t shape, const char *joint, uint32_t joint_length, funnel_property *properties, uint32_t properties_length);
__attribute__((export_name("cabi_post_arpa2:funnel/control@0.1.0#accepts")))
void funnel_accepts_returned(funnel_accepts_result *result);

/* Joins, or tells new terms (an address, a size, up or down). Cannot refuse: `accepts` came before. */
__attribute__((export_name("arpa2:funnel/control@0.1.0#join")))
void funnel_join(uint32_t edge, uint32_t described, uint32_t shape, const char *joint, uint32_t joint_length, funnel_property *properties, uint32_t properties_length);

/* The Shape of this Edge is joined no more. Tickets that came in on it may still end or go on elsewhere. */
__attribute__((export_name("arpa2:funnel/control@0.1.0#leave")))
void funnel_leave(uint32_t edge, uint32_t shape);

/*
 * Another piece on this Edge's Joint began, or ceased, to listen on a Shape.
 *
 * Who carries that stack makes it so before this returns, by `host.listen` on another Edge if need be, or tells why it
 * cannot; the problem is then the answer to that other's `host.listen`. What is answered to `present: false` is ignored.
 */
__attribute__((export_name("arpa2:funnel/control@0.1.0#listening")))
funnel_listening_result *funnel_listening(uint32_t edge, const char *stack, uint32_t stack_length, uint32_t present);
__attribute__((export_name("cabi_post_arpa2:funnel/control@0.1.0#listening")))
void funnel_listening_returned(funnel_listening_result *result);

/* The host's queue behind this Edge has room again, or is full. What is sent when it is full may be dropped. */
__attribute__((export_name("arpa2:funnel/control@0.1.0#ready")))
void funnel_ready(uint32_t edge, uint32_t ready);

/*
 * The piece's state, for an instance that takes its place.
 *
 * Changes nothing. Holds no protocol, Edge or Shape number, no ticket and no instant. At most 4194304 bytes.
 */
__attribute__((export_name("arpa2:funnel/control@0.1.0#save")))
funnel_uint8_list *funnel_save(funnel_instant now);
__attribute__((export_name("cabi_post_arpa2:funnel/control@0.1.0#save")))
void funnel_save_returned(funnel_uint8_list *result);

/*
 * Takes over the state that version `version` of this piece saved. Called between `start` and the first `join`.
 *
 * After a problem the instance is used no further.
 */
__attribute__((export_name("arpa2:funnel/control@0.1.0#restore")))
funnel_restore_result *funnel_restore(funnel_instant now, const char *version, uint32_t version_length, uint8_t *state, uint32_t state_length);
__attribute__((export_name("cabi_post_arpa2:funnel/control@0.1.0#restore")))
void funnel_restore_returned(funnel_restore_result *result);

/*
 * Takes frames in, and tells what goes on.
 *
 * Called with no frames at `wake-at`, and once after each change by `control`. A call brings at most 256 frames, 8192 parts
 * and an arena of 524288 bytes. `now` never goes back. The call has a budget of fuel, and one that exceeds it traps.
 */
__attribute__((export_name("arpa2:funnel/traffic@0.1.0#process")))
funnel_outcome *funnel_process(funnel_instant now, funnel_frame *frames, uint32_t frames_length, funnel_part *parts, uint32_t parts_length, uint8_t *arena, uint32_t arena_length);
__attribute__((export_name("cabi_post_arpa2:funnel/traffic@0.1.0#process")))
void funnel_process_returned(funnel_outcome *result);

/* What a piece may import. */

/* Tells the user something. The host adds the piece's name and the time, and limits the rate. */
__attribute__((import_module("arpa2:funnel/host@0.1.0"), import_name("log")))
void funnel_log(uint32_t level, const char *message, uint32_t message_length);

/* 64 random bits, fit for keys. */
__attribute__((import_module("arpa2:funnel/host@0.1.0"), import_name("random")))
uint64_t funnel_random(void);

/* UTC, in seconds since 1970 and nanoseconds. Nothing on the frame path needs it. */
__attribute__((import_module("arpa2:funnel/host@0.1.0"), import_name("utc")))
void funnel_utc(funnel_uint64_and_uint32 *result);

/*
 * Adds a Shape to a joined Edge, in the manner of the described Shape `like`, whose open steps `stack` fills.
 *
 * Returns its number, above those of the described Shapes and not used again after `unlisten`. Endpoints on the Joint have
 * opened what it needs when this returns; where one could not, the answer is its problem.
 */
__attribute__((import_module("arpa2:funnel/host@0.1.0"), import_name("listen")))
void funnel_listen(uint32_t edge, uint32_t like, const char *stack, uint32_t stack_length, funnel_listen_result *result);

/* Takes back what `listen` added. An unknown number is a fault. */
__attribute__((import_module("arpa2:funnel/host@0.1.0"), import_name("unlisten")))
void funnel_unlisten(uint32_t edge, uint32_t shape);

/*
 * Says what the piece makes available on this Edge, or makes available no more.
 *
 * The Joint tells the others, after the present call. The same property with another value is another offer, and ends by its
 * own `present: false`; what a piece offers ends with it.
 */
__attribute__((import_module("arpa2:funnel/host@0.1.0"), import_name("offer")))
void funnel_offer(uint32_t edge, const char *property_name, uint32_t property_name_length, uint32_t property_value_tag, uint64_t property_value_payload, uint32_t property_value_length, uint32_t present);

#endif
