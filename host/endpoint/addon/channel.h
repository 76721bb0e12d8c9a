/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that a loop polls. */
#ifndef FUNNEL_CHANNEL_H
#define FUNNEL_CHANNEL_H

#include <node_api.h>
#include <uv.h>

#include <stdbool.h>
#include <stdint.h>

struct batch;
struct funnel_instance;

struct channel {
  union {
    uv_handle_t handle;
    uv_poll_t poll;
    /* A regular file and /dev/null are always ready, and the system does not poll them. */
    uv_idle_t idle;
  };
  bool is_file;
  struct funnel_instance *instance;
  struct batch *batch;
  int id;
  int fd;
  bool closing;
  /* The last read left frames in a buffer of its own, and is to be repeated although nothing is readable. */
  bool more;
  int events;
  /* Reads frames into the batch. Returns their number (0: nothing was there), or a negative errno. */
  int (*read)(struct channel *);
  /*
   * Makes frames (ICMP) from the socket's error queue into the batch, or returns a negative errno where the
   * socket is of no use any more. NULL if there is no such queue.
   */
  int (*read_errors)(struct channel *);
  /* The packets that the kernel dropped in all because the queue of the socket was full. NULL if unknown. */
  uint32_t (*drops)(const struct channel *);
  /* How many of them were reported. */
  uint32_t reported_drops;
  /*
   * Streams only: the owner is called with the events (UV_READABLE, UV_WRITABLE) instead of frames, and then
   * reads and writes itself.
   */
  bool notifies;
  /* IP sockets only. Family: 4 or 6. Header: bytes of the transport header that the kernel makes itself. */
  uint8_t family;
  /* An IPv6 socket that carries IPv4, too. */
  bool dual;
  uint8_t protocol;
  uint8_t header;
  uint16_t port;
  uint32_t scope;
  int default_hops;
  int dont_fragment;
  /* UDP sockets only: the largest payload of datagrams that go to the kernel as one; 0 for none. */
  uint32_t most_segment;
  /* A state of the kind of socket, and how it is freed. NULL for none. */
  void *own;
  void (*free_own)(void *);
  /* For the lane that inherits the descriptor; NULL if none can. */
  char *key;
  char *note;
};

/* The channel with this number; NULL after throwing. */
struct channel *find_channel(napi_env env, napi_value id);
/* Takes fd. On failure it closes fd, throws, and returns NULL. */
struct channel *add_channel(napi_env env, struct batch *batch, int fd);
/* Closes the descriptor before it returns. */
void close_channel(struct channel *channel);
/*
 * At the end of the environment: leaves the descriptor to the next lane if that is possible, else closes it.
 */
void end_channel(struct channel *channel);

/* The option key of an opener; empty where it is absent, and then no lane can inherit the channel. */
bool key_of(napi_env env, napi_value options, char *into, size_t size);
/*
 * Gives the channel its key and its note, which it takes, and puts the note into `made`. On failure it closes
 * the channel.
 */
bool name_channel(napi_env env, struct channel *channel, const char *key, char *note, napi_value made);

/* poll(channel, events): sets the events that a stream or a socket of packets waits for; 0 is none. */
napi_value poll_channel(napi_env env, napi_callback_info info);
napi_value start_channel(napi_env env, napi_callback_info info);
napi_value close_channel_call(napi_env env, napi_callback_info info);
napi_value adopt_channel(napi_env env, napi_callback_info info);
/* takeDrops(channel) → packets that the kernel dropped since the last call, or since the channel exists. */
napi_value take_drops(napi_env env, napi_callback_info info);
napi_value note_channel(napi_env env, napi_callback_info info);

#endif
