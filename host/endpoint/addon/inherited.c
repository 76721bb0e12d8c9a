/* SPDX-License-Identifier: Apache-2.0 */
#include "inherited.h"
#include "values.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int socket_option(int fd, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  return getsockopt(fd, SOL_SOCKET, option, &value, &size) ? -1 : value;
}

/*
 * inheritDescriptor(number) → { descriptor, kind, family, isListening }: a copy of a descriptor that this
 * process was started with. The original stays open, for a later piece, and no program that this process
 * starts gets it. Kind: stream, datagram, seqpacket, pipe, or other. Family: 4, 6, 1 for UNIX, or 0. Throws
 * EBADF where there is none.
 */
napi_value inherit_descriptor(napi_env env, napi_callback_info info) {
  napi_value value, made;
  int32_t number;
  struct stat status;
  if (!arguments(env, info, 1, &value) || !get_int(env, value, &number)) return NULL;
  if (fstat(number, &status)) return throw_errno(env, errno, "fstat");
  if (number > 2) fcntl(number, F_SETFD, FD_CLOEXEC);
  int fd = fcntl(number, F_DUPFD_CLOEXEC, 3);
  if (fd < 0) return throw_errno(env, errno, "dup");
  if (napi_create_object(env, &made) != napi_ok) {
    close(fd);
    return NULL;
  }
  const char *kind = S_ISFIFO(status.st_mode) ? "pipe" : "other";
  if (S_ISSOCK(status.st_mode)) {
    int type = socket_option(fd, SO_TYPE);
    kind = type == SOCK_STREAM ? "stream" : type == SOCK_DGRAM ? "datagram" : type == SOCK_SEQPACKET ? "seqpacket" : "other";
  }
  set_int(env, made, "descriptor", fd);
  set_text(env, made, "kind", kind);
  const int domain = socket_option(fd, SO_DOMAIN);
  set_int(env, made, "family", domain == AF_INET ? 4 : domain == AF_INET6 ? 6 : domain == AF_UNIX ? 1 : 0);
  set_int(env, made, "isListening", socket_option(fd, SO_ACCEPTCONN) == 1);
  return made;
}

/*
 * notifyManager(address, text): one datagram to a UNIX socket: a path, or an abstract name behind @. See
 * sd_notify(3).
 */
napi_value notify_manager(napi_env env, napi_callback_info info) {
  napi_value values[2];
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  char text[1024];
  if (!arguments(env, info, 2, values) || !get_text(env, values[0], to.sun_path, sizeof to.sun_path) ||
      !get_text(env, values[1], text, sizeof text))
    return NULL;
  const size_t length = strlen(to.sun_path);
  if (*to.sun_path == '@') *to.sun_path = 0;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return throw_errno(env, errno, "socket");
  ssize_t sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to,
                        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
  int error = sent < 0 ? errno : 0;
  close(fd);
  return error ? throw_errno(env, error, "sendto") : NULL;
}
