/* SPDX-License-Identifier: Apache-2.0 */
#include "batch.h"
#include "instance.h"
#include "limits.h"
#include "values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A typed array of at least `least` 32-bit integers, which the batch keeps alive. NULL after throwing. */
static uint32_t *keep_words(napi_env env, napi_value options, const char *name, size_t least, napi_ref *kept) {
  napi_value value, buffer;
  napi_typedarray_type type;
  size_t length, offset;
  void *data = NULL;
  bool is = false;
  if (napi_get_named_property(env, options, name, &value) != napi_ok ||
      napi_is_typedarray(env, value, &is) != napi_ok || !is || napi_get_typedarray_info(env, value, &type, &length, &data, &buffer, &offset) != napi_ok ||
      (type != napi_int32_array && type != napi_uint32_array) || length < least ||
      napi_create_reference(env, value, 1, kept) != napi_ok) {
    throw_argument(env, name);
    return NULL;
  }
  return data;
}

static void forget(napi_env env, struct batch *batch) {
  for (size_t i = 0; i < KEPT_COUNT; i++) {
    if (batch->kept[i]) napi_delete_reference(env, batch->kept[i]);
    batch->kept[i] = NULL;
  }
}

static void free_batch(struct batch *batch) {
  free(batch->spill);
  free(batch->messages);
  free(batch->vectors);
  free(batch->names);
  free(batch->controls);
  free(batch);
}

void drop_batch(struct funnel_instance *instance, struct batch *batch) {
  if (instance->batches[batch->id] == batch) instance->batches[batch->id] = NULL;
  free_batch(batch);
}

static bool place_batch(struct funnel_instance *instance, struct batch *batch) {
  uint32_t id = 0;
  while (id < instance->batch_count && instance->batches[id]) id++;
  if (id == instance->batch_count) {
    struct batch **more = realloc(instance->batches, (id + 8) * sizeof *more);
    if (!more) return false;
    memset(more + id, 0, 8 * sizeof *more);
    instance->batches = more;
    instance->batch_count = id + 8;
  }
  instance->batches[id] = batch;
  batch->id = (int)id;
  return true;
}

static bool allocate(struct batch *batch) {
  size_t slots = batch->slots;
  /* malloc and not calloc: the system backs a page of the spill only when a large frame touches it. */
  batch->spill = malloc(slots * SPILL_BYTES);
  batch->messages = calloc(slots, sizeof *batch->messages);
  batch->vectors = calloc(slots * 2, sizeof *batch->vectors);
  batch->names = calloc(slots, sizeof *batch->names);
  batch->controls = calloc(slots, CONTROL_BYTES);
  return batch->spill && batch->messages && batch->vectors && batch->names && batch->controls;
}

/*
 * createBatch({ memory, addresses, lengths, outAddresses, outHeaders, outLengths, tally, slots, room, onBatch
 * }) → batch number. `memory` must not be transferred to another thread while the batch lives.
 */
napi_value create_batch(napi_env env, napi_callback_info info) {
  napi_value options, memory, callback;
  napi_valuetype type = napi_undefined;
  int32_t slots, room;
  bool is = false;
  void *data = NULL;
  if (!arguments(env, info, 1, &options) || !named_int(env, options, "slots", &slots) ||
      !named_int(env, options, "room", &room))
    return NULL;
  if (slots < 1 || slots > MAX_SLOTS || room < 256 || room > SPILL_BYTES) return throw_argument(env, "slots, room");
  struct batch *batch = calloc(1, sizeof *batch);
  if (!batch) return throw_errno(env, ENOMEM, "createBatch");
  napi_ref *const kept = batch->kept;
  batch->slots = (uint32_t)slots;
  batch->room = (uint32_t)room;
  if (napi_get_named_property(env, options, "memory", &memory) != napi_ok ||
      napi_is_arraybuffer(env, memory, &is) != napi_ok || !is ||
      napi_get_arraybuffer_info(env, memory, &data, &batch->memory_length) != napi_ok ||
      napi_create_reference(env, memory, 1, &batch->kept[KEPT_MEMORY]) != napi_ok) {
    throw_argument(env, "memory must be an ArrayBuffer");
    goto fail;
  }
  batch->memory = data;
  if (napi_get_named_property(env, options, "onBatch", &callback) != napi_ok ||
      napi_typeof(env, callback, &type) != napi_ok || type != napi_function ||
      napi_create_reference(env, callback, 1, &batch->kept[KEPT_CALLBACK]) != napi_ok) {
    throw_argument(env, "onBatch must be a function");
    goto fail;
  }
  if (!(batch->addresses = keep_words(env, options, "addresses", batch->slots, &kept[KEPT_ADDRESSES])) ||
      !(batch->lengths = keep_words(env, options, "lengths", batch->slots, &kept[KEPT_LENGTHS])) ||
      !(batch->out_addresses = keep_words(env, options, "outAddresses", batch->slots, &kept[KEPT_OUT_ADDRESSES])) ||
      !(batch->out_headers = keep_words(env, options, "outHeaders", batch->slots, &kept[KEPT_OUT_HEADERS])) ||
      !(batch->out_lengths = keep_words(env, options, "outLengths", batch->slots, &kept[KEPT_OUT_LENGTHS])) ||
      !(batch->tally = keep_words(env, options, "tally", TALLY_SIZE, &kept[KEPT_TALLY])))
    goto fail;
  if (!allocate(batch) || !place_batch(instance_of(env), batch)) {
    throw_errno(env, ENOMEM, "createBatch");
    goto fail;
  }
  return make_int(env, batch->id);
fail:
  forget(env, batch);
  free_batch(batch);
  return NULL;
}

struct batch *find_batch(napi_env env, napi_value id) {
  struct funnel_instance *instance = instance_of(env);
  int32_t n;
  if (!get_int(env, id, &n)) return NULL;
  if (n >= 0 && (uint32_t)n < instance->batch_count && instance->batches[n]) return instance->batches[n];
  throw_argument(env, "no such batch");
  return NULL;
}

/* releaseBatch(batch): all its channels must be closed. */
napi_value release_batch(napi_env env, napi_callback_info info) {
  napi_value id;
  struct batch *batch;
  if (!arguments(env, info, 1, &id) || !(batch = find_batch(env, id))) return NULL;
  if (batch->channels) return throw_argument(env, "a batch is released after its channels are closed");
  forget(env, batch);
  drop_batch(instance_of(env), batch);
  return NULL;
}

/*
 * gather(batch, slot, address, length): joins the two halves of a frame that continues in the spill, at
 * `address`.
 */
napi_value gather(napi_env env, napi_callback_info info) {
  napi_value values[4];
  struct batch *batch;
  int32_t slot, address, length;
  if (!arguments(env, info, 4, values) || !(batch = find_batch(env, values[0])) || !get_int(env, values[1], &slot) ||
      !get_int(env, values[2], &address) || !get_int(env, values[3], &length))
    return NULL;
  if (slot < 0 || (uint32_t)slot >= batch->slots || length < 0 || (uint32_t)length < batch->room ||
      (uint32_t)length - batch->room > SPILL_BYTES || !in_memory(batch, (uint32_t)address, (uint32_t)length) ||
      !in_memory(batch, batch->addresses[slot], batch->room))
    return throw_argument(env, "gather: slot, address or length is out of range");
  uint8_t *to = batch->memory + (uint32_t)address;
  memmove(to, batch->memory + batch->addresses[slot], batch->room);
  memcpy(to + batch->room, batch->spill + (size_t)slot * SPILL_BYTES, (uint32_t)length - batch->room);
  return NULL;
}

enum tally tally_of(int error) {
  switch (error) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
    case EINTR:
      return TALLY_WOULD_BLOCK;
    case EMSGSIZE:
      return TALLY_TOO_LARGE;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case ENONET:
    case ENODEV:
    case ENXIO:
      return TALLY_UNREACHABLE;
    case ECONNREFUSED:
    case ECONNRESET:
      return TALLY_REFUSED;
    case EPERM:
    case EACCES:
      return TALLY_NOT_PERMITTED;
    case EINVAL:
    case EADDRNOTAVAIL:
    case EFAULT:
      return TALLY_INVALID;
    case EIO:
    case EBADFD:
      return TALLY_DEVICE_DOWN;
    default:
      return TALLY_OTHER;
  }
}
