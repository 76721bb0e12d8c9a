/*
 * What a lane leaves that was ended by force: its descriptors, with what waits in them.
 *
 * A thread that is stuck in a piece cannot hand anything over. But when its environment is torn down, the descriptors that it
 * has open need not be closed: they are put aside here under the number of the handover, each with its key (who had opened it,
 * and how) and a note of its endpoint's. The next lane that opens the same gets them as they are. What nobody asks for is closed.
 *
 * This is all of the addon that environments share, and so it has a lock.
 */
#include "funnel-io.h"

#include <pthread.h>

struct left {
  struct left *next;
  int32_t handover;
  int fd;
  char *key;
  char *note;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct left *all;

static void free_left(struct left *left) {
  free(left->key);
  free(left->note);
  free(left);
}

/* Takes the channel's descriptor, its key and its note. False where it cannot, and then nothing has changed. */
bool leave_channel(struct channel *channel) {
  int32_t handover = channel->instance->handover;
  struct left *left = handover && channel->key ? calloc(1, sizeof *left) : NULL;
  if (!left) return false;
  left->handover = handover;
  left->fd = channel->fd;
  left->key = channel->key;
  left->note = channel->note;
  channel->key = channel->note = NULL;
  pthread_mutex_lock(&lock);
  left->next = all;
  all = left;
  pthread_mutex_unlock(&lock);
  return true;
}

/* The descriptor that was left under this key, and its note (to be freed); -1 where there is none. */
int inherit(int32_t handover, const char *key, char **note) {
  int fd = -1;
  if (!handover || !*key) return -1;
  pthread_mutex_lock(&lock);
  for (struct left **at = &all; *at; at = &(*at)->next) {
    struct left *left = *at;
    if (left->handover != handover || strcmp(left->key, key)) continue;
    *at = left->next;
    fd = left->fd;
    *note = left->note;
    left->note = NULL;
    free_left(left);
    break;
  }
  pthread_mutex_unlock(&lock);
  return fd;
}

/* The key of what is opened is optional: without one it is not left to anybody. */
bool key_of(napi_env env, napi_value options, char *into, size_t size) {
  bool has = false;
  *into = 0;
  if (napi_has_named_property(env, options, "key", &has) != napi_ok || !has) return true;
  return named_text(env, options, "key", into, size);
}

/* Tells what was opened, and what is known of it. */
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

/* handover(number): what this environment leaves when it is ended by force, and what it finds. 0 is none. */
napi_value set_handover(napi_env env, napi_callback_info info) {
  napi_value value;
  if (arguments(env, info, 1, &value)) get_int(env, value, &instance_of(env)->handover);
  return NULL;
}

/* dropHandover(number) → how many descriptors nobody asked for; they are closed. */
napi_value drop_handover(napi_env env, napi_callback_info info) {
  napi_value value;
  int32_t handover, dropped = 0;
  if (!arguments(env, info, 1, &value) || !get_int(env, value, &handover)) return NULL;
  pthread_mutex_lock(&lock);
  for (struct left **at = &all; *at;) {
    struct left *left = *at;
    if (left->handover != handover) {
      at = &left->next;
      continue;
    }
    *at = left->next;
    close(left->fd);
    free_left(left);
    dropped++;
  }
  pthread_mutex_unlock(&lock);
  return make_int(env, dropped);
}

/* note(channel, text): what whoever inherits the channel is told. */
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
