/* SPDX-License-Identifier: Apache-2.0 */
#include "namespace.h"
#include "namespace-protocol.h"
#include "values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <net/if.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>

/* A request and its reply must not mix with those of another thread. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* A helper that does not reply in this time is stuck or gone. A tool (nft) takes milliseconds. */
enum { REPLY_SECONDS = 20 };

static int receive(int control, struct reply_head *head, char *text, size_t *length, int *fd) {
  struct iovec vectors[2] = {{head, sizeof *head}, {text, MAX_PAYLOAD}};
  union {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
  } ancillary;
  struct msghdr datagram = {
      .msg_iov = vectors, .msg_iovlen = 2, .msg_control = ancillary.bytes, .msg_controllen = sizeof ancillary.bytes};
  ssize_t got;
  do got = recvmsg(control, &datagram, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  *fd = -1;
  if (got < 0) return errno == EAGAIN ? ETIMEDOUT : errno;
  for (struct cmsghdr *each = CMSG_FIRSTHDR(&datagram); each; each = CMSG_NXTHDR(&datagram, each))
    if (each->cmsg_level == SOL_SOCKET && each->cmsg_type == SCM_RIGHTS) memcpy(fd, CMSG_DATA(each), sizeof *fd);
  if (got < (ssize_t)sizeof *head) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
    return got ? EPROTO : ECONNRESET;
  }
  *length = (size_t)got - sizeof *head;
  text[*length] = 0;
  /* The kernel discards a descriptor for which this process has no room. */
  if (!head->error && (datagram.msg_flags & MSG_CTRUNC)) return EMFILE;
  return head->error;
}

/* Returns 0 or an errno, and the reply; `fd` is -1 if the reply has none. `text` has room for MAX_PAYLOAD +
 * 1. A kind of 0 only waits for the first reply. */
static int ask_namespace(int control, const struct request_head *request, const char *payload, size_t size, int32_t *value, char *text,
                         size_t *length, int *fd) {
  struct iovec vectors[2] = {{(void *)request, sizeof *request}, {(void *)payload, size}};
  const struct msghdr datagram = {.msg_iov = vectors, .msg_iovlen = 2};
  struct reply_head reply = {0};
  ssize_t sent = 0;
  int error = 0;
  *fd = -1;
  *length = 0;
  pthread_mutex_lock(&lock);
  if (request->kind) {
    do sent = sendmsg(control, &datagram, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) error = errno;
  }
  if (!error) error = receive(control, &reply, text, length, fd);
  pthread_mutex_unlock(&lock);
  *value = reply.value;
  return error;
}

/* A thread that is ended by force closes its end, and so the helper ends. */
static void close_with_environment(void *descriptor) { close((int)(intptr_t)descriptor); }

/* closeNamespace(control): ends the helper, with all processes inside. */
napi_value close_namespace(napi_env env, napi_callback_info info) {
  napi_value value;
  int32_t control;
  if (!arguments(env, info, 1, &value) || !get_int(env, value, &control)) return NULL;
  if (napi_remove_env_cleanup_hook(env, close_with_environment, (void *)(intptr_t)control) == napi_ok) close(control);
  return NULL;
}

/* closeDescriptor(descriptor): closes a descriptor that this addon returned. Node's own close knows only
 * those that it has opened. */
napi_value close_descriptor(napi_env env, napi_callback_info info) {
  napi_value value;
  int32_t descriptor;
  if (!arguments(env, info, 1, &value) || !get_int(env, value, &descriptor)) return NULL;
  if (descriptor >= 0) close(descriptor);
  return NULL;
}

/* namespacePair() → { ours, theirs }: the ends of a control socket. `theirs` is for the helper; the caller
 * closes it here. */
napi_value namespace_pair(napi_env env, napi_callback_info info) {
  int ends[2];
  napi_value made;
  const struct timeval patience = {.tv_sec = REPLY_SECONDS};
  (void)info;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) return throw_errno(env, errno, "socketpair");
  setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  napi_add_env_cleanup_hook(env, close_with_environment, (void *)(intptr_t)ends[0]);
  if (napi_create_object(env, &made) != napi_ok) return NULL;
  set_int(env, made, "ours", ends[0]);
  set_int(env, made, "theirs", ends[1]);
  return made;
}

/* askNamespace(control, kind, a, b, c, payload) → { error, value, text, descriptor }. */
napi_value ask_namespace_call(napi_env env, napi_callback_info info) {
  napi_value values[6], made;
  int32_t control, kind, a, b, c, value = 0;
  int fd = -1;
  size_t size = 0, length = 0;
  if (!arguments(env, info, 6, values) || !get_int(env, values[0], &control) || !get_int(env, values[1], &kind) ||
      !get_int(env, values[2], &a) || !get_int(env, values[3], &b) || !get_int(env, values[4], &c))
    return NULL;
  if (napi_get_value_string_utf8(env, values[5], NULL, 0, &size) != napi_ok || size > MAX_PAYLOAD)
    return throw_argument(env, "the payload must be a text of at most 64 KiB");
  char *payload = malloc(2 * (MAX_PAYLOAD + 1));
  if (!payload) return throw_errno(env, ENOMEM, "namespace");
  char *text = payload + MAX_PAYLOAD + 1;
  napi_get_value_string_utf8(env, values[5], payload, MAX_PAYLOAD + 1, &size);
  const struct request_head request = {.kind = (uint32_t)kind, .a = a, .b = b, .c = c};
  int error = ask_namespace(control, &request, payload, size, &value, text, &length, &fd);
  if (napi_create_object(env, &made) == napi_ok) {
    napi_value reply;
    set_int(env, made, "error", error);
    set_int(env, made, "value", value);
    set_int(env, made, "descriptor", fd);
    if (napi_create_string_utf8(env, text, length, &reply) == napi_ok) napi_set_named_property(env, made, "text", reply);
  } else made = NULL;
  free(payload);
  return made;
}

/* Returns the descriptor of a tun device inside, its name and index; or -1 with an errno, and the failed call
 * in `step`. */
int open_tun_inside(int control, int flags, char *name, int *index, const char **step) {
  const struct request_head request = {.kind = REQUEST_TUN, .a = flags};
  int32_t value = 0;
  size_t length = 0;
  int fd = -1;
  char *text = malloc(MAX_PAYLOAD + 1);
  if (!text) return errno = ENOMEM, -1;
  int error = ask_namespace(control, &request, name, strlen(name), &value, text, &length, &fd);
  if (!error && (fd < 0 || !length || length >= IFNAMSIZ)) error = EPROTO;
  if (!error) {
    memcpy(name, text, length + 1);
    *index = value;
  } else if (fd >= 0) close(fd);
  *step = value == 1 ? "open /dev/net/tun" : "TUNSETIFF";
  free(text);
  return error ? (errno = error, -1) : fd;
}
