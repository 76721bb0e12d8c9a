/* SPDX-License-Identifier: Apache-2.0 */
/* The state that one environment (the main thread, or one worker) has of this addon. */
#ifndef FUNNEL_INSTANCE_H
#define FUNNEL_INSTANCE_H

#include <node_api.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "limits.h"

struct batch;
struct channel;
struct key_store;

struct funnel_instance {
  napi_env env;
  napi_async_cleanup_hook_handle cleanup;
  /* Descriptors that libuv has not released yet. */
  uint32_t open_polls;
  /* Set when the environment ends; called when no poll is open any more. */
  void (*on_idle)(struct funnel_instance *);
  /*
   * The number under which channels are left to another lane when this thread is ended by force; 0 is none.
   */
  int32_t handover;
  /* By number; NULL for a free number. */
  struct channel **channels;
  uint32_t channel_count;
  struct batch **batches;
  uint32_t batch_count;
  struct key_store **key_stores;
  uint32_t key_store_count;
  /* Scratch for one sendmmsg, used within one call only. */
  struct mmsghdr messages[MAX_SLOTS];
  struct iovec vectors[MAX_SLOTS];
  struct sockaddr_storage names[MAX_SLOTS];
  _Alignas(8) uint8_t controls[MAX_SLOTS][CONTROL_BYTES];
  bool fragment[MAX_SLOTS];
  /* The messages of which some stand for several, and the first datagram of each. */
  struct mmsghdr joined[MAX_SLOTS];
  uint32_t starts[MAX_SLOTS + 1];
};

struct funnel_instance *instance_of(napi_env env);

#endif
