/* SPDX-License-Identifier: Apache-2.0 */
#include "handover.h"

#include "instance.h"
#include "values.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

bool leave(int32_t handover, int fd, char *key, char *note) {
  struct left *left = handover ? calloc(1, sizeof *left) : NULL;
  if (!left) return false;
  *left = (struct left){.handover = handover, .fd = fd, .key = key, .note = note};
  pthread_mutex_lock(&lock);
  left->next = all;
  all = left;
  pthread_mutex_unlock(&lock);
  return true;
}

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

/*
 * handover(number): the handover to which this environment leaves its channels, and from which it inherits. 0
 * is none.
 */
napi_value set_handover(napi_env env, napi_callback_info info) {
  napi_value value;
  if (arguments(env, info, 1, &value)) get_int(env, value, &instance_of(env)->handover);
  return NULL;
}

/* dropHandover(number) → the number of descriptors that no lane inherited; it closes them. */
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

