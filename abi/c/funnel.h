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
#define FUNNEL_MAX_ARENA_IN 131072u
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
/* Tasks of one call of `protect` or `unprotect`. */
#define FUNNEL_MAX_TASKS 1024u

/*
 * A point in time, in milliseconds with their fraction, of the lane's monotonic clock.
 *
 * A float, because a u64 becomes an object in JavaScript. Never NaN. Infinity means never. Each lane has
 * a clock with its own zero, so a saved state and a message to another piece hold durations instead of
 * instants.
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

/* The reason for a refusal, for the user to read. */
typedef struct {
  /* The setting that has to change, if a setting is the reason. */
  funnel_optional_string setting;
  /* One sentence without a line break: what is wrong, and what to do. */
  funnel_string message;
} funnel_problem;
_Static_assert(sizeof(funnel_problem) == 20, "problem");
_Static_assert(offsetof(funnel_problem, setting) == 0, "problem.setting");
_Static_assert(offsetof(funnel_problem, message) == 12, "problem.message");

enum {
  /* The property holds. */
  FUNNEL_VALUE_YES = 0,
  /* A lower bound, in the property's unit. */
  FUNNEL_VALUE_AT_LEAST = 1,
  /* An upper bound, in the property's unit. */
  FUNNEL_VALUE_AT_MOST = 2,
  /* A text, such as an address or an identity. */
  FUNNEL_VALUE_TEXT = 3,
};

/* The value of a property. */
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
 * A property of the traffic across an Edge, or something that a piece makes available there.
 *
 * The list of names is open: `reliable`, `ordered`, `framed`, `duplicate-free`, `size` (of a frame, in
 * bytes), `mtu`, `address`, `route`, `group`, `identity`, `up`, and names that pieces agree on among
 * themselves. A piece ignores names that it does not know.
 */
typedef struct {
  funnel_string name;
  funnel_value value;
} funnel_property;
_Static_assert(sizeof(funnel_property) == 24, "property");
_Static_assert(offsetof(funnel_property, name) == 0, "property.name");
_Static_assert(offsetof(funnel_property, value) == 8, "property.value");

/* The severity of a message. */
typedef uint8_t funnel_level;
enum {
  FUNNEL_LEVEL_DEBUG = 0,
  FUNNEL_LEVEL_INFO = 1,
  FUNNEL_LEVEL_WARN = 2,
  FUNNEL_LEVEL_ERROR = 3,
};

/* How well a piece can do its work. */
typedef uint8_t funnel_health;
enum {
  /* The piece does its work. */
  FUNNEL_HEALTH_GOOD = 0,
  /* The piece waits for something, such as the answer of a router. It cannot do its work before that. */
  FUNNEL_HEALTH_PENDING = 1,
  /* The piece does its work in part, or not as well as it should. */
  FUNNEL_HEALTH_IMPAIRED = 2,
  /* The piece cannot do its work until something outside of it changes. */
  FUNNEL_HEALTH_FAILED = 3,
};

/* The purpose of a key. */
typedef uint8_t funnel_algorithm;
enum {
  /* AES in counter mode, with the whole block as counter. 16, 24 or 32 bytes. (NIST SP 800-38A §6.5) */
  FUNNEL_ALGORITHM_AES_CTR = 0,
  /* AES in Galois/counter mode with a nonce of 12 bytes. 16, 24 or 32 bytes. (NIST SP 800-38D) */
  FUNNEL_ALGORITHM_AES_GCM = 1,
  /* HMAC with SHA-1. 1 to 64 bytes. (RFC 2104) */
  FUNNEL_ALGORITHM_HMAC_SHA1 = 2,
};

/*
 * One message to protect or unprotect. Offsets count from the start of the data.
 *
 * With a key of `aes-gcm`, the text is encrypted, and the tag authenticates the signed bytes, the suffix
 * and the text. With a key of `aes-ctr`, the text is encrypted. With a key of `hmac-sha1`, the tag
 * authenticates the signed bytes and the suffix, as they are when the text is encrypted.
 */
typedef struct {
  /* A key of `aes-ctr` or `aes-gcm`, or 0. */
  uint32_t cipher;
  /* A key of `hmac-sha1`, or 0. Always 0 beside a key of `aes-gcm`. */
  uint32_t mac;
  /* The first counter block of `aes-ctr`, of 16 bytes, or the nonce of `aes-gcm`, of 12 bytes. */
  uint32_t nonce_offset;
  /* The bytes that are authenticated first, and stay readable. */
  uint32_t signed_offset;
  /* In bytes. May be 0. */
  uint32_t signed_length;
  /* Bytes that are authenticated behind the signed ones, and need not follow them in the data. */
  uint32_t suffix_offset;
  /* In bytes. May be 0. */
  uint32_t suffix_length;
  /* The bytes that are encrypted, or decrypted, in their place. */
  uint32_t text_offset;
  /* In bytes. May be 0. */
  uint32_t text_length;
  /* The place of the tag: `protect` writes it, `unprotect` compares it. */
  uint32_t tag_offset;
  /* 12 to 16 bytes with `aes-gcm`, 4 to 20 with `hmac-sha1`, 0 without authentication. */
  uint32_t tag_length;
} funnel_task;
_Static_assert(sizeof(funnel_task) == 44, "task");
_Static_assert(offsetof(funnel_task, cipher) == 0, "task.cipher");
_Static_assert(offsetof(funnel_task, mac) == 4, "task.mac");
_Static_assert(offsetof(funnel_task, nonce_offset) == 8, "task.nonce_offset");
_Static_assert(offsetof(funnel_task, signed_offset) == 12, "task.signed_offset");
_Static_assert(offsetof(funnel_task, signed_length) == 16, "task.signed_length");
_Static_assert(offsetof(funnel_task, suffix_offset) == 20, "task.suffix_offset");
_Static_assert(offsetof(funnel_task, suffix_length) == 24, "task.suffix_length");
_Static_assert(offsetof(funnel_task, text_offset) == 28, "task.text_offset");
_Static_assert(offsetof(funnel_task, text_length) == 32, "task.text_length");
_Static_assert(offsetof(funnel_task, tag_offset) == 36, "task.tag_offset");
_Static_assert(offsetof(funnel_task, tag_length) == 40, "task.tag_length");

typedef struct {
  uint8_t *at;
  uint32_t length;
} funnel_uint8_list;
_Static_assert(sizeof(funnel_uint8_list) == 8, "uint8_list");

typedef struct {
  bool *at;
  uint32_t length;
} funnel_bool_list;
_Static_assert(sizeof(funnel_bool_list) == 8, "bool_list");

/* The result of `unprotect`. */
typedef struct {
  /* The data, with the texts decrypted. */
  funnel_uint8_list data;
  /* For each task whether its tag is right. If not, its text is as it came, or zeroes. */
  funnel_bool_list genuine;
} funnel_unprotected;
_Static_assert(sizeof(funnel_unprotected) == 16, "unprotected");
_Static_assert(offsetof(funnel_unprotected, data) == 0, "unprotected.data");
_Static_assert(offsetof(funnel_unprotected, genuine) == 8, "unprotected.genuine");

/* The part of a side in the handshake. */
typedef uint8_t funnel_party;
enum {
  /* Sends the first message. */
  FUNNEL_PARTY_CLIENT = 0,
  /* Waits for it. */
  FUNNEL_PARTY_SERVER = 1,
};

/* The hash function of a fingerprint. */
typedef uint8_t funnel_digest;
enum {
  /* SHA-256, which every peer has to know. */
  FUNNEL_DIGEST_SHA256 = 0,
  /* SHA-384. */
  FUNNEL_DIGEST_SHA384 = 1,
  /* SHA-512. */
  FUNNEL_DIGEST_SHA512 = 2,
  /* SHA-1, for old peers only. */
  FUNNEL_DIGEST_SHA1 = 3,
};

/* The hash of a certificate (RFC 8122 §5). */
typedef struct {
  /* The hash function. */
  funnel_digest digest;
  /* As many bytes as the hash function has. */
  funnel_uint8_list value;
} funnel_fingerprint;
_Static_assert(sizeof(funnel_fingerprint) == 12, "fingerprint");
_Static_assert(offsetof(funnel_fingerprint, digest) == 0, "fingerprint.digest");
_Static_assert(offsetof(funnel_fingerprint, value) == 4, "fingerprint.value");

/* The stage of a session. */
typedef uint8_t funnel_stage;
enum {
  /* The peer has to send something. */
  FUNNEL_STAGE_HANDSHAKE = 0,
  /* There are keys. The peer has a certificate that is trusted. */
  FUNNEL_STAGE_ESTABLISHED = 1,
  /* The peer has ended the session. */
  FUNNEL_STAGE_CLOSED = 2,
  /* The handshake failed, or the peer broke the protocol. */
  FUNNEL_STAGE_FAILED = 3,
  /* The handshake failed, because the certificate of the peer has none of the fingerprints. */
  FUNNEL_STAGE_UNTRUSTED = 4,
};

/* The result of a step. */
typedef struct {
  /* The stage after the step. */
  funnel_stage stage;
  /* The datagrams that the peer gets, each with its length in front, in two bytes, the higher first. */
  funnel_uint8_list datagrams;
} funnel_progress;
_Static_assert(sizeof(funnel_progress) == 12, "progress");
_Static_assert(offsetof(funnel_progress, stage) == 0, "progress.stage");
_Static_assert(offsetof(funnel_progress, datagrams) == 4, "progress.datagrams");

/* The keys of SRTP that a session has brought (RFC 5764 §4.2). */
typedef struct {
  /* The number of the agreed profile; 0 for no keys. */
  uint8_t profile;
  /* The master key of what the client sends: a key of `aes-ctr` of the interface `crypto`. */
  uint32_t client_key;
  /* The master key of what the server sends. */
  uint32_t server_key;
  /* 14 bytes; with GCM the last two are zero. */
  funnel_uint8_list client_salt;
  /* As `client-salt`. */
  funnel_uint8_list server_salt;
} funnel_srtp_keys;
_Static_assert(sizeof(funnel_srtp_keys) == 28, "srtp_keys");
_Static_assert(offsetof(funnel_srtp_keys, profile) == 0, "srtp_keys.profile");
_Static_assert(offsetof(funnel_srtp_keys, client_key) == 4, "srtp_keys.client_key");
_Static_assert(offsetof(funnel_srtp_keys, server_key) == 8, "srtp_keys.server_key");
_Static_assert(offsetof(funnel_srtp_keys, client_salt) == 12, "srtp_keys.client_salt");
_Static_assert(offsetof(funnel_srtp_keys, server_salt) == 20, "srtp_keys.server_salt");

/* The role of a part in its protocol. */
typedef uint8_t funnel_role;
enum {
  /* The bytes in front of the payload. */
  FUNNEL_ROLE_HEADER = 0,
  /* The bytes that the protocol carries. */
  FUNNEL_ROLE_PAYLOAD = 1,
  /* The bytes behind the payload: padding, an authentication tag, a checksum. */
  FUNNEL_ROLE_TRAILER = 2,
};

/* Marks of a part. Unknown bits are ignored. */
typedef uint8_t funnel_part_marks;
enum {
  /*
   * The bytes stayed with the host.
   *
   * `offset` is then an address in the host. A piece may pass on the part, or any range of it, in any
   * frame, until the ticket ends; `more` says how long that is for a fragment. Only a payload is
   * withheld, and only on a Shape whose reach is `headers`.
   */
  FUNNEL_PART_MARKS_WITHHELD = 1,
  /*
   * The host fills in the length and checksum fields of this header when the frame leaves it.
   *
   * Only for a header. A piece that needs the fields earlier fills them in and clears the mark.
   */
  FUNNEL_PART_MARKS_UNFINISHED = 2,
  /*
   * In an outcome: these bytes begin with `protocol`, and the host parses them.
   *
   * For bytes that the piece decrypted, decompressed or put together. The part is a payload.
   */
  FUNNEL_PART_MARKS_UNPARSED = 4,
  /*
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
  FUNNEL_PART_MARKS_MORE = 8,
  /* Incoming: an earlier frame with the same ticket began this one. Stands on the first part. */
  FUNNEL_PART_MARKS_CONTINUED = 16,
};

/* Bytes of a frame that belong together. */
typedef struct {
  /*
   * The protocol of a header or trailer. For a payload, the protocol that it begins with, or 0 if that
   * is not known.
   *
   * The host chooses the numbers. `control.start` receives the number of each protocol that the piece
   * described.
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
 * A header opens the scope of its protocol. The trailer of that protocol, or the end of the frame,
 * closes it. So bodies may nest and repeat. A frame has at most 32 parts and at most 66240 bytes; a
 * larger one travels in fragments marked `more`.
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
   * The number of headers in front of the Shape's own stack.
   *
   * Incoming: the piece may ignore these headers. In an outcome: that many headers, copied from the
   * front of the ticket's frame; or 0, and then the endpoint that writes the frame adds the headers
   * that it needs.
   */
  uint8_t skip_headers;
  /* The same, for trailers at the end. */
  uint8_t skip_trailers;
  /*
   * Incoming: the room in the arena that holds the parts that are not withheld. Rooms ascend and are
   * disjoint.
   *
   * Outgoing: only a hint. Parts may stand anywhere in the arena, and frames may share them.
   */
  uint32_t room_offset;
  uint32_t room_length;
  /*
   * Incoming: the host's name for this frame, not 0, until an outcome ends it or passes it on.
   *
   * Outgoing: the frame that this one continues, of this call or held from an earlier one; or 0 for a
   * frame of the piece's own. Several frames may pass on one ticket. A piece holds each ticket that it
   * neither passes on nor ends. The host caps how many tickets and bytes a piece holds, and drops
   * frames beyond that.
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

/* Ends a ticket whose frame does not go on. */
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
 * The result of a call to `process`.
 *
 * The host checks every number in it before use. A wrong number is a fault, and the host discards the
 * instance. At most 16384 frames, 65536 parts, 16777216 bytes in all frames together, and 16384 ends.
 */
typedef struct {
  funnel_frame_list frames;
  funnel_part_list parts;
  /* May be the same memory as the argument `arena`. */
  funnel_uint8_list arena;
  funnel_end_list ends;
  /*
   * Edges from which the piece takes no frames for now. It holds until the next outcome. Meanwhile
   * frames wait in the host's queue behind the Edge, and their senders are notified by `ready`. The
   * next call may still bring frames that were in the same batch.
   */
  funnel_uint16_list paused;
  /*
   * The instant of the next call without frames, or infinity. It holds until the next outcome. Never
   * in the past.
   */
  funnel_instant wake_at;
} funnel_outcome;
_Static_assert(sizeof(funnel_outcome) == 48, "outcome");
_Static_assert(offsetof(funnel_outcome, frames) == 0, "outcome.frames");
_Static_assert(offsetof(funnel_outcome, parts) == 8, "outcome.parts");
_Static_assert(offsetof(funnel_outcome, arena) == 16, "outcome.arena");
_Static_assert(offsetof(funnel_outcome, ends) == 24, "outcome.ends");
_Static_assert(offsetof(funnel_outcome, paused) == 32, "outcome.paused");
_Static_assert(offsetof(funnel_outcome, wake_at) == 40, "outcome.wake_at");

/* The direction of a Shape. `down` matches `up`, and `peer` matches `peer`. */
typedef uint8_t funnel_direction;
enum {
  /* Toward the user of the protocol: this side carries it. */
  FUNNEL_DIRECTION_UP = 0,
  /* Toward the carrier of the protocol: this side wants to be carried. */
  FUNNEL_DIRECTION_DOWN = 1,
  /* Toward an equal. */
  FUNNEL_DIRECTION_PEER = 2,
};

/* How a Shape depends on a property. */
typedef uint8_t funnel_wish;
enum {
  /* The Shape has it, for a neighbour that wants it. */
  FUNNEL_WISH_AVAILABLE = 0,
  /* The Shape does not join without it. */
  FUNNEL_WISH_REQUIRED = 1,
  /* The Shape works better with it. */
  FUNNEL_WISH_DESIRED = 2,
  /* The Shape works with it and without it. */
  FUNNEL_WISH_INDIFFERENT = 3,
  /* The Shape does not join with it. */
  FUNNEL_WISH_REJECTED = 4,
};

/* The part of each frame that a piece needs to see. */
typedef uint8_t funnel_reach;
enum {
  /*
   * Headers and trailers. The payload stays with the host. This is the fast path, and gives the least
   * authority.
   */
  FUNNEL_REACH_HEADERS = 0,
  /* Every byte. */
  FUNNEL_REACH_WHOLE_FRAME = 1,
};

/* A property, and how the Shape depends on it. */
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
  /*
   * Such as `ip/udp/5060` or `ethertype:ipv6`. A step `*` is open, and `host.listen` fills it at run
   * time.
   */
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
  /* It may be joined any number of times, as the Edge of a hub. */
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

/* A possible path of traffic in both directions. It is a Hairpin if both Edges are the same. */
typedef struct {
  /* Indices into `edges`, and into the `shapes` of that Edge. */
  uint16_t from_edge;
  uint16_t from_shape;
  uint16_t to_edge;
  uint16_t to_shape;
  /* Different stacks follow the ends of the two Shapes, as with encryption or header compression. */
  bool opaque;
  /* The names of properties that hold at one end whenever they hold at the other. */
  funnel_string_list keeps;
  /* The bytes that a frame gains from `from` to `to`; negative if it shrinks. */
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

/* How the host reads and shows the text of a setting. */
typedef uint8_t funnel_kind;
enum {
  FUNNEL_KIND_TEXT = 0,
  /* Decimal. */
  FUNNEL_KIND_NUMBER = 1,
  /* `true` or `false`. */
  FUNNEL_KIND_BOOLEAN = 2,
  /* A number with a unit `ms`, `s`, `m` or `h`. Without a unit it is in seconds. */
  FUNNEL_KIND_DURATION = 3,
  /* An IPv4 or IPv6 address, with a prefix length if the piece takes one. */
  FUNNEL_KIND_ADDRESS = 4,
  /* A text that the host never shows. */
  FUNNEL_KIND_SECRET = 5,
};

/* A setting of the piece. */
typedef struct {
  /* Unique in the piece, in kebab-case. */
  funnel_string name;
  /* One line. */
  funnel_string summary;
  funnel_kind kind;
  /* It may be given more than once; the order is kept. */
  bool repeated;
  /* It must be given. A required setting has no default. */
  bool required;
  /*
   * The value of a setting that is not given. None if it is required, or if its absence has a meaning
   * of its own.
   */
  funnel_optional_string default_value;
  /*
   * The least value of a number, or of a duration in milliseconds. Minus infinity if there is no
   * bound, and of every other kind. Never NaN.
   */
  double least;
  /* The greatest value, in the same way. Infinity if there is no bound. */
  double most;
} funnel_setting;
_Static_assert(sizeof(funnel_setting) == 48, "setting");
_Static_assert(offsetof(funnel_setting, name) == 0, "setting.name");
_Static_assert(offsetof(funnel_setting, summary) == 8, "setting.summary");
_Static_assert(offsetof(funnel_setting, kind) == 16, "setting.kind");
_Static_assert(offsetof(funnel_setting, repeated) == 17, "setting.repeated");
_Static_assert(offsetof(funnel_setting, required) == 18, "setting.required");
_Static_assert(offsetof(funnel_setting, default_value) == 20, "setting.default_value");
_Static_assert(offsetof(funnel_setting, least) == 32, "setting.least");
_Static_assert(offsetof(funnel_setting, most) == 40, "setting.most");

/* A reason for which frames end in this piece. */
typedef struct {
  /* The name of its counter, in kebab-case. */
  funnel_string name;
  /* Whether the frame is lost. If not, it did its work here: it was answered, or merged. */
  bool loss;
  /* One sentence for the user: why the frame ends, and what can be done about it if anything can. */
  funnel_string summary;
} funnel_reason;
_Static_assert(sizeof(funnel_reason) == 20, "reason");
_Static_assert(offsetof(funnel_reason, name) == 0, "reason.name");
_Static_assert(offsetof(funnel_reason, loss) == 8, "reason.loss");
_Static_assert(offsetof(funnel_reason, summary) == 12, "reason.summary");

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
   * The protocols whose numbers the piece wants. `control.start` receives the numbers in this order.
   *
   * The second text is the definition of a protocol that the host may not know. The host's own
   * definition has priority.
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

/* The join of an Edge to a Joint. */
typedef struct {
  /*
   * The number of this Edge in frames. Below 256. The host uses it again only after all its Shapes
   * have left.
   */
  uint16_t edge;
  /* The index of the Edge in the description. */
  uint16_t described;
  /* The index of its Shape. An Edge that matches with several Shapes joins once for each. */
  uint16_t shape;
  /* The name of the network. */
  funnel_string joint;
  /* The properties that were agreed, and those that the neighbours offer. */
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

typedef struct {
  bool is_err;
  union {
    uint32_t ok;
    funnel_problem err;
  };
} funnel_import_key_result;
_Static_assert(sizeof(funnel_import_key_result) == 24, "import_key_result");

typedef struct {
  bool is_err;
  union {
    uint32_t ok;
    funnel_problem err;
  };
} funnel_derive_key_result;
_Static_assert(sizeof(funnel_derive_key_result) == 24, "derive_key_result");

typedef struct {
  bool is_err;
  union {
    uint32_t ok;
    funnel_problem err;
  };
} funnel_open_session_result;
_Static_assert(sizeof(funnel_open_session_result) == 24, "open_session_result");

/* What a piece exports. */

/* Only the host calls it, to bring arguments. */
__attribute__((export_name("cabi_realloc")))
void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size);

/*
 * Returns the description of the piece with these settings, or the problems of the settings.
 *
 * Pure: it calls no function of the host, and the same settings give the same description. Without
 * settings it returns the default description, even if a setting must be given. The host calls it on an
 * instance of its own.
 */
__attribute__((export_name("arpa2:funnel/description@0.2.0#describe")))
funnel_describe_result *funnel_describe(funnel_string_and_string *settings, uint32_t settings_length);
__attribute__((export_name("cabi_post_arpa2:funnel/description@0.2.0#describe")))
void funnel_describe_returned(funnel_describe_result *result);

/*
 * Starts a new instance. The host calls it once, before everything else but `describe`. Changed settings
 * need a new instance.
 *
 * `protocols` are the host's numbers of the described protocols, in their order; 0 for a protocol that
 * it does not know.
 */
__attribute__((export_name("arpa2:funnel/control@0.2.0#start")))
funnel_start_result *funnel_start(funnel_instant now, funnel_string_and_string *settings, uint32_t settings_length, uint16_t *protocols, uint32_t protocols_length);
__attribute__((export_name("cabi_post_arpa2:funnel/control@0.2.0#start")))
void funnel_start_returned(funnel_start_result *result);

/* Returns whether the piece accepts this join, or new properties of a join. Changes nothing. */
__attribute__((export_name("arpa2:funnel/control@0.2.0#accepts")))
funnel_accepts_result *funnel_accepts(uint32_t edge, uint32_t described, uint32_t shape, const char *joint, uint32_t joint_length, funnel_property *properties, uint32_t properties_length);
__attribute__((export_name("cabi_post_arpa2:funnel/control@0.2.0#accepts")))
void funnel_accepts_returned(funnel_accepts_result *result);

/*
 * Joins an Edge, or updates the properties of a join (an address, a size, up or down). It cannot refuse:
 * `accepts` came before.
 */
__attribute__((export_name("arpa2:funnel/control@0.2.0#join")))
void funnel_join(uint32_t edge, uint32_t described, uint32_t shape, const char *joint, uint32_t joint_length, funnel_property *properties, uint32_t properties_length);

/*
 * Ends the join of a Shape of this Edge. Tickets that came in on it may still end, or go on by another
 * Edge.
 */
__attribute__((export_name("arpa2:funnel/control@0.2.0#leave")))
void funnel_leave(uint32_t edge, uint32_t shape);

/*
 * Reports that another piece on this Edge's Joint began, or ceased, to listen on a Shape.
 *
 * A piece that carries that stack opens it before it returns, by `host.listen` on another Edge if need
 * be, or returns why it cannot. The `host.listen` of the other piece then returns that problem. The host
 * ignores the result when `present` is false.
 */
__attribute__((export_name("arpa2:funnel/control@0.2.0#listening")))
funnel_listening_result *funnel_listening(uint32_t edge, const char *stack, uint32_t stack_length, uint32_t present);
__attribute__((export_name("cabi_post_arpa2:funnel/control@0.2.0#listening")))
void funnel_listening_returned(funnel_listening_result *result);

/*
 * Reports that the host's queue behind this Edge has room again (`ready`), or is full. Frames sent to a
 * full queue may be dropped.
 */
__attribute__((export_name("arpa2:funnel/control@0.2.0#ready")))
void funnel_ready(uint32_t edge, uint32_t ready);

/*
 * Returns the piece's state, for an instance that replaces it.
 *
 * Changes nothing. The state has no protocol, Edge or Shape number, no ticket and no instant. At most
 * 4194304 bytes.
 */
__attribute__((export_name("arpa2:funnel/control@0.2.0#save")))
funnel_uint8_list *funnel_save(funnel_instant now);
__attribute__((export_name("cabi_post_arpa2:funnel/control@0.2.0#save")))
void funnel_save_returned(funnel_uint8_list *result);

/*
 * Restores the state that version `version` of this piece saved. The host calls it between `start` and
 * the first `join`.
 *
 * If it returns a problem, the host discards the instance.
 */
__attribute__((export_name("arpa2:funnel/control@0.2.0#restore")))
funnel_restore_result *funnel_restore(funnel_instant now, const char *version, uint32_t version_length, uint8_t *state, uint32_t state_length);
__attribute__((export_name("cabi_post_arpa2:funnel/control@0.2.0#restore")))
void funnel_restore_returned(funnel_restore_result *result);

/*
 * Takes frames in, and returns the frames that go on.
 *
 * The host also calls it without frames: at `wake-at`, and once after each call of `control`. A call
 * brings at most 256 frames, 8192 parts and an arena of 131072 bytes. `now` never goes back. The call
 * has a budget of fuel, which grows with the frames and with their bytes; a call that exceeds it traps.
 */
__attribute__((export_name("arpa2:funnel/traffic@0.2.0#process")))
funnel_outcome *funnel_process(funnel_instant now, funnel_frame *frames, uint32_t frames_length, funnel_part *parts, uint32_t parts_length, uint8_t *arena, uint32_t arena_length);
__attribute__((export_name("cabi_post_arpa2:funnel/traffic@0.2.0#process")))
void funnel_process_returned(funnel_outcome *result);

/* What a piece may import. */

/* Logs a message for the user. The host adds the piece's name and the time, and limits the rate. */
__attribute__((import_module("arpa2:funnel/host@0.2.0"), import_name("log")))
void funnel_log(uint32_t level, const char *message, uint32_t message_length);

/*
 * Reports the status of the piece for the user, in place of its last report.
 *
 * `summary` is one short sentence without a line break. A fact is a name in kebab-case and a value, such
 * as `address` and `2001:db8::1`. The host cuts a summary and a value after 200 characters, and a name
 * after 40. More than 32 facts are a fault. A piece may report as often as it likes: the host shows the
 * last report, and notifies of at most some in each second. The status ends with the instance.
 */
__attribute__((import_module("arpa2:funnel/host@0.2.0"), import_name("status")))
void funnel_status(uint32_t health, const char *summary, uint32_t summary_length, funnel_string_and_string *facts, uint32_t facts_length);

/* Returns 64 random bits, fit for keys. */
__attribute__((import_module("arpa2:funnel/host@0.2.0"), import_name("random")))
uint64_t funnel_random(void);

/* Returns UTC, in seconds since 1970 and nanoseconds. Nothing on the frame path needs it. */
__attribute__((import_module("arpa2:funnel/host@0.2.0"), import_name("utc")))
void funnel_utc(funnel_uint64_and_uint32 *result);

/*
 * Adds a Shape to a joined Edge. It is like the described Shape `like`, whose open steps `stack` fills.
 *
 * Returns the number of the Shape, which is above those of the described Shapes and is not used again
 * after `unlisten`. When this returns, endpoints on the Joint have opened what the Shape needs. If one
 * could not, this returns its problem.
 */
__attribute__((import_module("arpa2:funnel/host@0.2.0"), import_name("listen")))
void funnel_listen(uint32_t edge, uint32_t like, const char *stack, uint32_t stack_length, funnel_listen_result *result);

/* Removes a Shape that `listen` added. An unknown number is a fault. */
__attribute__((import_module("arpa2:funnel/host@0.2.0"), import_name("unlisten")))
void funnel_unlisten(uint32_t edge, uint32_t shape);

/*
 * Offers a property on this Edge, or withdraws the offer.
 *
 * The neighbours on the Joint learn of it after the current call. The same property with another value
 * is another offer, which has its own withdrawal. The offers of a piece end with the piece.
 */
__attribute__((import_module("arpa2:funnel/host@0.2.0"), import_name("offer")))
void funnel_offer(uint32_t edge, const char *property_name, uint32_t property_name_length, uint32_t property_value_tag, uint64_t property_value_payload, uint32_t property_value_length, uint32_t present);

/* Makes a key of these bytes. Returns its number, or a problem: too many keys, or a wrong length. */
__attribute__((import_module("arpa2:funnel/crypto@0.2.0"), import_name("import-key")))
void funnel_import_key(uint32_t algorithm, uint8_t *secret, uint32_t secret_length, funnel_import_key_result *result);

/*
 * Makes a key of `length` bytes from the keystream of a key of `aes-ctr`, without showing it.
 *
 * `counter` is the first counter block, of 16 bytes. (RFC 3711 §4.3.3)
 */
__attribute__((import_module("arpa2:funnel/crypto@0.2.0"), import_name("derive-key")))
void funnel_derive_key(uint32_t source, uint8_t *counter, uint32_t counter_length, uint32_t algorithm, uint32_t length, funnel_derive_key_result *result);

/* Ends a key, and erases it. An unknown number is a fault. */
__attribute__((import_module("arpa2:funnel/crypto@0.2.0"), import_name("drop-key")))
void funnel_drop_key(uint32_t key);

/*
 * Encrypts and authenticates messages, one after the other.
 *
 * Returns the data with texts and tags in place.
 *
 * At most 1024 tasks. A number that is not a key, or a range outside the data, is a fault.
 */
__attribute__((import_module("arpa2:funnel/crypto@0.2.0"), import_name("protect")))
void funnel_protect(funnel_task *tasks, uint32_t tasks_length, uint8_t *data, uint32_t data_length, funnel_uint8_list *result);

/* Authenticates and decrypts messages, one after the other. */
__attribute__((import_module("arpa2:funnel/crypto@0.2.0"), import_name("unprotect")))
void funnel_unprotect(funnel_task *tasks, uint32_t tasks_length, uint8_t *data, uint32_t data_length, funnel_unprotected *result);

/* Returns a fingerprint of the piece's own certificate; empty where the host has no such security. */
__attribute__((import_module("arpa2:funnel/tls@0.2.0"), import_name("own-fingerprint")))
void funnel_own_fingerprint(uint32_t digest, funnel_uint8_list *result);

/*
 * Begins a session. Returns its number, or a problem: too many sessions, or no such security here.
 *
 * A peer is believed if its certificate has one of the `trusted` fingerprints, at most 8. `profiles` are
 * the numbers of profiles of SRTP that are offered or accepted, in the order of preference: 1, 2, 7 and
 * 8 are known. `size` is the largest datagram that the session makes, from 256 to 1500 bytes.
 */
__attribute__((import_module("arpa2:funnel/tls@0.2.0"), import_name("open-session")))
void funnel_open_session(uint32_t party, funnel_fingerprint *trusted, uint32_t trusted_length, uint8_t *profiles, uint32_t profiles_length, uint32_t size, funnel_open_session_result *result);

/* Takes a datagram of the peer. Without bytes, a client begins. An unknown number is a fault. */
__attribute__((import_module("arpa2:funnel/tls@0.2.0"), import_name("receive")))
void funnel_receive(uint32_t session, uint8_t *datagram, uint32_t datagram_length, funnel_progress *result);

/*
 * The time for an answer of the peer has passed: sends the last flight again. An unknown number is a
 * fault.
 */
__attribute__((import_module("arpa2:funnel/tls@0.2.0"), import_name("expire")))
void funnel_expire(uint32_t session, funnel_progress *result);

/*
 * Makes the keys of SRTP. There are none if the session is not established, has agreed on no profile, or
 * the piece has too many keys. They belong to the piece from then on.
 */
__attribute__((import_module("arpa2:funnel/tls@0.2.0"), import_name("export-keys")))
void funnel_export_keys(uint32_t session, funnel_srtp_keys *result);

/* Ends a session without a word to the peer. An unknown number is a fault. */
__attribute__((import_module("arpa2:funnel/tls@0.2.0"), import_name("close-session")))
void funnel_close_session(uint32_t session);

#endif
