/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that a loop polls, and their end, also when the environment ends first. */
#include "channel.h"

#include "batch.h"
#include "handover.h"
#include "instance.h"
#include "values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct channel *find_channel(napi_env env, napi_value id) {
  struct funnel_instance *instance = instance_of(env);
  int32_t n;
  if (!get_int(env, id, &n)) return NULL;
  if (n >= 0 && (uint32_t)n < instance->channel_count && instance->channels[n]) return instance->channels[n];
  throw_argument(env, "no such channel");
  return NULL;
}

static void on_closed(uv_handle_t *handle) {
  struct channel *channel = handle->data;
  struct funnel_instance *instance = channel->instance;
  free(channel->key);
  free(channel->note);
  if (channel->own) channel->free_own(channel->own);
  free(channel);
  if (!--instance->open_polls && instance->on_idle) instance->on_idle(instance);
}

/* Frees a channel, but does not close its descriptor. */
static void release_channel(struct channel *channel) {
  channel->closing = true;
  channel->instance->channels[channel->id] = NULL;
  channel->batch->channels--;
  channel->batch = NULL;
  uv_close(&channel->handle, on_closed);
}

/* libuv allows close() at once after uv_close(). */
void close_channel(struct channel *channel) {
  if (channel->closing) return;
  release_channel(channel);
  close(channel->fd);
  channel->fd = -1;
}

void end_channel(struct channel *channel) {
  if (channel->key && leave(channel->instance->handover, channel->fd, channel->key, channel->note)) {
    channel->key = channel->note = NULL;
    release_channel(channel);
  } else {
    close_channel(channel);
  }
}

struct channel *add_channel(napi_env env, struct batch *batch, int fd) {
  struct funnel_instance *instance = instance_of(env);
  uint32_t id = 0;
  uv_loop_t *loop = NULL;
  int error = ENOMEM;
  while (id < instance->channel_count && instance->channels[id]) id++;
  if (id == instance->channel_count) {
    struct channel **more = realloc(instance->channels, (id + 16) * sizeof *more);
    if (!more) goto fail;
    memset(more + id, 0, 16 * sizeof *more);
    instance->channels = more;
    instance->channel_count = id + 16;
  }
  struct channel *channel = calloc(1, sizeof *channel);
  if (!channel) goto fail;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) error = EINVAL;
  else error = -uv_poll_init(loop, &channel->poll, fd);
  if (error == EPERM) {
    channel->is_file = true;
    error = -uv_idle_init(loop, &channel->idle);
  }
  if (error) {
    free(channel);
    goto fail;
  }
  channel->handle.data = channel;
  channel->instance = instance;
  channel->batch = batch;
  channel->id = (int)id;
  channel->fd = fd;
  channel->events = UV_READABLE;
  instance->channels[id] = channel;
  instance->open_polls++;
  batch->channels++;
  return channel;
fail:
  close(fd);
  throw_errno(env, error, "poll");
  return NULL;
}

/*
 * Calls back once with `count` frames, or with a negative errno, after which the channel is no longer polled.
 * The callback may close the channel.
 */
static void deliver(struct channel *channel, int count) {
  napi_env env = channel->instance->env;
  napi_handle_scope scope;
  napi_value callback, global, result;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value values[2] = {make_int(env, channel->id), make_int(env, count)};
  napi_get_reference_value(env, channel->batch->kept[KEPT_CALLBACK], &callback);
  napi_get_global(env, &global);
  if (napi_make_callback(env, NULL, global, callback, 2, values, &result) == napi_pending_exception) {
    napi_value exception;
    napi_get_and_clear_last_exception(env, &exception);
    napi_fatal_exception(env, exception);
  }
  napi_close_handle_scope(env, scope);
}

static void on_poll(uv_poll_t *handle, int status, int events);

static void fail_channel(struct channel *channel, int error) {
  uv_poll_stop(&channel->poll);
  deliver(channel, -error);
}

static void on_poll(uv_poll_t *handle, int status, int events) {
  struct channel *channel = handle->data;
  if (channel->closing) return;
  if (channel->notifies) {
    /* POLLERR: libuv has stopped polling. The next read or write of the owner meets the error. */
    if (status < 0) channel->events = 0;
    deliver(channel, status < 0 ? UV_READABLE | UV_WRITABLE : events);
    return;
  }
  if (status < 0) {
    /* POLLERR: libuv has stopped polling. A socket has an error to report and goes on; a device is gone. */
    if (!channel->read_errors) {
      fail_channel(channel, ENODEV);
      return;
    }
    uv_poll_start(handle, channel->events, on_poll);
    events |= UV_PRIORITIZED;
  }
  if ((events & UV_PRIORITIZED) && channel->read_errors) {
    int count = channel->read_errors(channel);
    if (count > 0) deliver(channel, count);
    else if (count < 0) fail_channel(channel, -count);
    if (channel->closing || count < 0) return;
  }
  if (events & UV_READABLE) {
    do {
      int count = channel->read(channel);
      if (count > 0) deliver(channel, count);
      else if (count < 0) fail_channel(channel, -count);
    } while (channel->more && !channel->closing);
  }
}

/* The loop does not sleep while a file is wanted: its owner reads once in each round, until it has no room.
 */
static void on_file(uv_idle_t *handle) {
  struct channel *channel = handle->data;
  if (!channel->closing) deliver(channel, channel->events);
}

static int poll_file(struct channel *channel, int events) {
  return events ? uv_idle_start(&channel->idle, on_file) : uv_idle_stop(&channel->idle);
}

/* start(channel): reads frames from now on. */
napi_value start_channel(napi_env env, napi_callback_info info) {
  napi_value id;
  struct channel *channel;
  if (!arguments(env, info, 1, &id) || !(channel = find_channel(env, id))) return NULL;
  int error = channel->is_file ? EPERM : -uv_poll_start(&channel->poll, channel->events, on_poll);
  return error ? throw_errno(env, error, "poll") : NULL;
}

napi_value poll_channel(napi_env env, napi_callback_info info) {
  napi_value values[2];
  struct channel *channel;
  int32_t events;
  if (!arguments(env, info, 2, values) || !(channel = find_channel(env, values[0])) || !get_int(env, values[1], &events))
    return NULL;
  if ((!channel->notifies && !channel->own) || (events & ~(UV_READABLE | UV_WRITABLE))) return throw_argument(env, "poll: a stream, events");
  if (channel->events == events) return NULL;
  int error = -(channel->is_file ? poll_file(channel, events)
                : events         ? uv_poll_start(&channel->poll, events, on_poll)
                                 : uv_poll_stop(&channel->poll));
  if (error) return throw_errno(env, error, "poll");
  channel->events = events;
  return NULL;
}

/* close(channel): closes the descriptor before it returns. */
napi_value close_channel_call(napi_env env, napi_callback_info info) {
  napi_value id;
  struct channel *channel;
  if (arguments(env, info, 1, &id) && (channel = find_channel(env, id))) close_channel(channel);
  return NULL;
}

/*
 * adopt(channel, batch): makes the channel read and write through another batch from now on. No frame of it
 * waits in the old one.
 */
napi_value adopt_channel(napi_env env, napi_callback_info info) {
  napi_value values[2];
  struct channel *channel;
  struct batch *batch;
  if (!arguments(env, info, 2, values) || !(channel = find_channel(env, values[0])) ||
      !(batch = find_batch(env, values[1])))
    return NULL;
  channel->batch->channels--;
  channel->batch = batch;
  batch->channels++;
  return NULL;
}

bool key_of(napi_env env, napi_value options, char *into, size_t size) {
  bool has = false;
  *into = 0;
  if (napi_has_named_property(env, options, "key", &has) != napi_ok || !has) return true;
  return named_text(env, options, "key", into, size);
}

bool name_channel(napi_env env, struct channel *channel, const char *key, char *note, napi_value made) {
  channel->note = note;
  if (*key && !(channel->key = strdup(key))) {
    close_channel(channel);
    throw_errno(env, ENOMEM, "open");
    return false;
  }
  if (note) set_text(env, made, "note", note);
  return true;
}

/* note(channel, text): the lane that inherits the channel gets the text. */
napi_value note_channel(napi_env env, napi_callback_info info) {
  napi_value values[2];
  struct channel *channel;
  size_t length = 0;
  if (!arguments(env, info, 2, values) || !(channel = find_channel(env, values[0]))) return NULL;
  if (napi_get_value_string_utf8(env, values[1], NULL, 0, &length) != napi_ok || length > MAX_NOTE_BYTES)
    return throw_argument(env, "a note must be a text, and not so long");
  char *note = malloc(length + 1);
  if (!note) return throw_errno(env, ENOMEM, "note");
  napi_get_value_string_utf8(env, values[1], note, length + 1, &length);
  free(channel->note);
  channel->note = note;
  return NULL;
}

napi_value take_drops(napi_env env, napi_callback_info info) {
  napi_value id;
  struct channel *channel;
  if (!arguments(env, info, 1, &id) || !(channel = find_channel(env, id))) return NULL;
  if (!channel->drops) return make_int(env, 0);
  uint32_t now = channel->drops(channel), more = now - channel->reported_drops;
  channel->reported_drops = now;
  return make_int(env, (int32_t)(more & INT32_MAX));
}
