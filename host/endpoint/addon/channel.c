/* Descriptors that a loop polls, and their end, also when the environment ends first. */
#include "funnel-io.h"

struct funnel_instance *instance_of(napi_env env) {
  void *data = NULL;
  napi_get_instance_data(env, &data);
  return data;
}

struct channel *find_channel(napi_env env, napi_value id) {
  struct funnel_instance *instance = instance_of(env);
  int32_t n;
  if (!get_int(env, id, &n)) return NULL;
  if (n >= 0 && (uint32_t)n < instance->channel_count && instance->channels[n]) return instance->channels[n];
  throw_argument(env, "no such channel");
  return NULL;
}

static void free_instance_when_done(struct funnel_instance *instance) {
  if (!instance->ending || instance->open_polls) return;
  napi_async_cleanup_hook_handle cleanup = instance->cleanup;
  for (uint32_t i = 0; i < instance->batch_count; i++)
    if (instance->batches[i]) drop_batch(instance, instance->batches[i]);
  free(instance->channels);
  free(instance->batches);
  free(instance);
  napi_remove_async_cleanup_hook(cleanup);
}

static void on_closed(uv_handle_t *handle) {
  struct channel *channel = handle->data;
  struct funnel_instance *instance = channel->instance;
  free(channel->key);
  free(channel->note);
  free(channel);
  instance->open_polls--;
  free_instance_when_done(instance);
}

static void release_channel(struct channel *channel);

/* The descriptor is closed when this returns: libuv allows that at once after uv_close. */
void close_channel(struct channel *channel) {
  if (channel->closing) return;
  release_channel(channel);
  close(channel->fd);
  channel->fd = -1;
}

/* Lets go of a channel, but not of its descriptor. */
static void release_channel(struct channel *channel) {
  channel->closing = true;
  channel->instance->channels[channel->id] = NULL;
  channel->batch->channels--;
  channel->batch = NULL;
  uv_close((uv_handle_t *)&channel->poll, on_closed);
}

/* Takes `fd`, also when it fails: then it is closed, and NULL returned after throwing. */
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
  if (error) {
    free(channel);
    goto fail;
  }
  channel->poll.data = channel;
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

/* One callback: `count` frames, or a negative errno after which the channel is polled no more. The channel may be closed in it. */
static void deliver(struct channel *channel, int count) {
  napi_env env = channel->instance->env;
  napi_handle_scope scope;
  napi_value callback, global, result;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value values[2] = {make_int(env, channel->id), make_int(env, count)};
  napi_get_reference_value(env, channel->batch->kept[1], &callback);
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
  if (status < 0) {
    /* POLLERR: libuv has stopped polling. A socket has an error to tell and goes on; a device is gone. */
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
    if (channel->closing) return;
  }
  if (events & UV_READABLE) {
    int count = channel->read(channel);
    if (count > 0) deliver(channel, count);
    else if (count < 0) fail_channel(channel, -count);
  }
}

/* start(channel): frames are read from now on. */
napi_value start_channel(napi_env env, napi_callback_info info) {
  napi_value id;
  struct channel *channel;
  if (!arguments(env, info, 1, &id) || !(channel = find_channel(env, id))) return NULL;
  int error = -uv_poll_start(&channel->poll, channel->events, on_poll);
  return error ? throw_errno(env, error, "poll") : NULL;
}

/* close(channel): its descriptor is closed when this returns. */
napi_value close_channel_call(napi_env env, napi_callback_info info) {
  napi_value id;
  struct channel *channel;
  if (arguments(env, info, 1, &id) && (channel = find_channel(env, id))) close_channel(channel);
  return NULL;
}

/* adopt(channel, batch): what the channel reads and writes goes through another batch from now on. Nothing waits in the old one. */
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

/*
 * The environment ends: what is still open is left to the next lane or closed, and it waits until libuv has let go. No Node-API
 * value is touched any more.
 */
static void on_environment_end(napi_async_cleanup_hook_handle handle, void *data) {
  struct funnel_instance *instance = data;
  instance->cleanup = handle;
  instance->ending = true;
  for (uint32_t i = 0; i < instance->channel_count; i++) {
    struct channel *channel = instance->channels[i];
    if (!channel) continue;
    if (leave_channel(channel)) release_channel(channel);
    else close_channel(channel);
  }
  free_instance_when_done(instance);
}

static void export(napi_env env, napi_value exports, const char *name, napi_callback call) {
  napi_value function;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, call, NULL, &function) == napi_ok)
    napi_set_named_property(env, exports, name, function);
}

NAPI_MODULE_INIT() {
  struct funnel_instance *instance = calloc(1, sizeof *instance);
  if (!instance) return throw_errno(env, ENOMEM, "load");
  instance->env = env;
  if (napi_set_instance_data(env, instance, NULL, NULL) != napi_ok ||
      napi_add_async_cleanup_hook(env, on_environment_end, instance, &instance->cleanup) != napi_ok) {
    free(instance);
    napi_throw_error(env, NULL, "the addon cannot be attached to this environment");
    return NULL;
  }
  export(env, exports, "createBatch", create_batch);
  export(env, exports, "releaseBatch", release_batch);
  export(env, exports, "gather", gather);
  export(env, exports, "start", start_channel);
  export(env, exports, "close", close_channel_call);
  export(env, exports, "adopt", adopt_channel);
  export(env, exports, "handover", set_handover);
  export(env, exports, "dropHandover", drop_handover);
  export(env, exports, "note", note_channel);
  export(env, exports, "openTun", open_tun);
  export(env, exports, "writeTun", write_tun);
  export(env, exports, "openUdp", open_udp);
  export(env, exports, "sendUdp", send_udp);
  export(env, exports, "setBroadcast", set_broadcast);
  export(env, exports, "linkIndex", link_index);
  export(env, exports, "setLink", set_link);
  export(env, exports, "changeAddress", change_address);
  export(env, exports, "changeRoute", change_route);
  return exports;
}
