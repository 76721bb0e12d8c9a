/*
 * What the operating system has and Node's core does not: tun and tap devices, UDP with its headers, both in batches.
 *
 * Theory of operation.  A *batch* belongs to one endpoint of one lane.  It knows the lane's frame memory (one
 * ArrayBuffer that lives as long as the lane) and a few typed arrays through which integers pass in both directions, so
 * that a call carries numbers only.  A *channel* is one descriptor that reads into, and writes from, a batch; several
 * channels (the sockets of one UDP endpoint) share a batch, because the callback empties it before anything is read again.
 *
 *   uv_poll says readable → read up to `slots` frames, frame i straight to memory[addresses[i]]
 *                         → one callback (channel, count) → the host takes the rows and puts fresh addresses in place
 *
 * A frame larger than a small room goes on in slot i of the *spill*; the host then finds a large room and calls gather().
 *
 * All state hangs on the environment (instance data), so that every worker thread has its own; but for what a thread leaves
 * that was ended by force (handover.c).
 */
#ifndef FUNNEL_IO_H
#define FUNNEL_IO_H

#include <node_api.h>
#include <uv.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
  /* The most frames in one batch; also the most that one wake-up reads, so that no channel starves another. */
  MAX_SLOTS = 256,
  /* Behind a small room there is place for the largest datagram. Never touched, hence never backed, by ordinary traffic. */
  SPILL_BYTES = 65536 + 256,
  /* Ancillary data of one datagram: packet info, hop limit, traffic class, and an extended error with its address. */
  CONTROL_BYTES = 256,
  IPV4_HEADER = 20,
  IPV6_HEADER = 40,
  UDP_HEADER = 8,
  /* Who opened a channel, and how; and what its endpoint wants its successor to know: some hundred addresses and routes. */
  MAX_KEY_BYTES = 1024,
  MAX_NOTE_BYTES = 65536,
};

/* Why a frame could not be written, as indices into the tally. The host knows them by the same numbers. */
enum tally {
  TALLY_WOULD_BLOCK,
  TALLY_TOO_LARGE,
  TALLY_UNREACHABLE,
  TALLY_REFUSED,
  TALLY_NOT_PERMITTED,
  TALLY_INVALID,
  TALLY_DEVICE_DOWN,
  TALLY_OTHER,
  TALLY_SIZE,
};

struct funnel_instance;

/* The arrays of one endpoint; see the theory above. */
struct batch {
  int id;
  uint32_t channels;
  bool released;
  uint8_t *memory;
  size_t memory_length;
  uint32_t slots;
  /* Bytes behind an address in which a frame may be read. */
  uint32_t room;
  /* Incoming: where each slot's frame is to begin, and how long it came out. */
  uint32_t *addresses;
  uint32_t *lengths;
  /* Outgoing: where each frame begins, where its UDP header is, and its length (for UDP: of the payload). */
  uint32_t *out_addresses;
  uint32_t *out_headers;
  uint32_t *out_lengths;
  uint32_t *tally;
  napi_ref kept[8];
  uint8_t *spill;
  struct mmsghdr *messages;
  struct iovec *vectors;
  struct sockaddr_storage *names;
  uint8_t *controls;
  /* For which header length the messages are prepared (0: not), and how many of them the last read used up. */
  uint32_t prepared;
  uint32_t stale;
};

struct channel {
  uv_poll_t poll;
  struct funnel_instance *instance;
  struct batch *batch;
  int id;
  int fd;
  bool closing;
  int events;
  /* Frames read into the batch; or a negative errno. 0 when there was nothing. */
  int (*read)(struct channel *);
  /* Frames (ICMP) made into the batch from the socket's error queue; NULL where there is none. */
  int (*read_errors)(struct channel *);
  /* UDP only. */
  uint16_t port;
  uint32_t scope;
  int default_hops;
  int dont_fragment;
  /* For whoever inherits it; NULL where nobody does. */
  char *key;
  char *note;
};

/* What one environment (the main thread, or one worker) has of this addon. */
struct funnel_instance {
  napi_env env;
  napi_async_cleanup_hook_handle cleanup;
  bool ending;
  uint32_t open_polls;
  /* Where its channels go when it is ended by force; 0 is nowhere. */
  int32_t handover;
  struct channel **channels;
  uint32_t channel_count;
  struct batch **batches;
  uint32_t batch_count;
  /* Room for one sendmmsg; used within one call only. */
  struct mmsghdr messages[MAX_SLOTS];
  struct iovec vectors[MAX_SLOTS];
  struct sockaddr_storage names[MAX_SLOTS];
  _Alignas(8) uint8_t controls[MAX_SLOTS][CONTROL_BYTES];
  bool fragment[MAX_SLOTS];
};

/* values.c: arguments and errors */
napi_value throw_errno(napi_env env, int error, const char *what);
napi_value throw_argument(napi_env env, const char *what);
bool arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values);
bool get_int(napi_env env, napi_value value, int32_t *into);
bool get_text(napi_env env, napi_value value, char *into, size_t size);
bool named_int(napi_env env, napi_value object, const char *name, int32_t *into);
bool named_text(napi_env env, napi_value object, const char *name, char *into, size_t size);
napi_value make_int(napi_env env, int32_t value);
void set_int(napi_env env, napi_value object, const char *name, int32_t value);
void set_text(napi_env env, napi_value object, const char *name, const char *value);

/* batch.c */
struct batch *find_batch(napi_env env, napi_value id);
void drop_batch(struct funnel_instance *instance, struct batch *batch);
napi_value create_batch(napi_env env, napi_callback_info info);
napi_value release_batch(napi_env env, napi_callback_info info);
napi_value gather(napi_env env, napi_callback_info info);
enum tally tally_of(int error);
static inline bool in_memory(const struct batch *batch, uint32_t address, uint32_t length) {
  return address <= batch->memory_length && length <= batch->memory_length - address;
}

/* channel.c */
struct funnel_instance *instance_of(napi_env env);
struct channel *find_channel(napi_env env, napi_value id);
struct channel *add_channel(napi_env env, struct batch *batch, int fd);
void close_channel(struct channel *channel);
napi_value start_channel(napi_env env, napi_callback_info info);
napi_value close_channel_call(napi_env env, napi_callback_info info);
napi_value adopt_channel(napi_env env, napi_callback_info info);

/* handover.c */
bool leave_channel(struct channel *channel);
int inherit(int32_t handover, const char *key, char **note);
bool key_of(napi_env env, napi_value options, char *into, size_t size);
bool name_channel(napi_env env, struct channel *channel, const char *key, char *note, napi_value made);
napi_value set_handover(napi_env env, napi_callback_info info);
napi_value drop_handover(napi_env env, napi_callback_info info);
napi_value note_channel(napi_env env, napi_callback_info info);

/* tun.c */
napi_value open_tun(napi_env env, napi_callback_info info);
napi_value write_tun(napi_env env, napi_callback_info info);

/* udp-open.c, udp-read.c, udp-errors.c, udp-send.c */
napi_value open_udp(napi_env env, napi_callback_info info);
napi_value set_broadcast(napi_env env, napi_callback_info info);
int read_udp4(struct channel *channel);
int read_udp6(struct channel *channel);
int read_udp4_errors(struct channel *channel);
int read_udp6_errors(struct channel *channel);
napi_value send_udp(napi_env env, napi_callback_info info);

/* link.c: interface configuration */
napi_value link_index(napi_env env, napi_callback_info info);
napi_value set_link(napi_env env, napi_callback_info info);
napi_value change_address(napi_env env, napi_callback_info info);
napi_value change_route(napi_env env, napi_callback_info info);

/* checksum.c */
uint32_t sum_bytes(uint32_t sum, const uint8_t *bytes, size_t length);
uint16_t fold(uint32_t sum);

static inline void put16(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}
static inline uint16_t get16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }

#endif
