/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arrays through which one endpoint and its channels pass frames; see the theory of operation in
 * module.c.
 */
#ifndef FUNNEL_BATCH_H
#define FUNNEL_BATCH_H

#include <node_api.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct funnel_instance;

/* The reasons why a frame was not written, as indices into the tally. The host has the same numbers. */
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

/* The objects of JavaScript that a batch keeps alive, as indices into kept. */
enum kept {
  KEPT_MEMORY,
  KEPT_CALLBACK,
  KEPT_ADDRESSES,
  KEPT_LENGTHS,
  KEPT_OUT_ADDRESSES,
  KEPT_OUT_HEADERS,
  KEPT_OUT_LENGTHS,
  KEPT_TALLY,
  KEPT_COUNT,
};

struct batch {
  int id;
  /* Channels that are open on it. */
  uint32_t channels;
  uint8_t *memory;
  size_t memory_length;
  uint32_t slots;
  /* Bytes behind an address in which a frame may be read. */
  uint32_t room;
  /* Incoming: the address at which each slot's frame must begin, and the length of the frame that was read.
   */
  uint32_t *addresses;
  uint32_t *lengths;
  /* Outgoing: the addresses of each frame and of its UDP header, and its length (for UDP: of the payload). */
  uint32_t *out_addresses;
  uint32_t *out_headers;
  uint32_t *out_lengths;
  uint32_t *tally;
  napi_ref kept[KEPT_COUNT];
  uint8_t *spill;
  struct mmsghdr *messages;
  struct iovec *vectors;
  struct sockaddr_storage *names;
  uint8_t *controls;
  /*
   * 1 + the header length for which the messages are prepared (0: not), and how many of them the last read
   * used up.
   */
  uint32_t prepared;
  uint32_t stale;
};

/* The batch with this number; NULL after throwing. */
struct batch *find_batch(napi_env env, napi_value id);
/* Frees a batch whose channels are closed. */
void drop_batch(struct funnel_instance *instance, struct batch *batch);
enum tally tally_of(int error);

napi_value create_batch(napi_env env, napi_callback_info info);
napi_value release_batch(napi_env env, napi_callback_info info);
napi_value gather(napi_env env, napi_callback_info info);

static inline bool in_memory(const struct batch *batch, uint32_t address, uint32_t length) {
  return address <= batch->memory_length && length <= batch->memory_length - address;
}

#endif
