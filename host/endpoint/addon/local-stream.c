/* SPDX-License-Identifier: Apache-2.0 */
#include "local-stream.h"
#include "values.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* streamPair() → { ours, theirs }: both ends of a stream. `theirs` blocks, as a program expects. */
napi_value stream_pair(napi_env env, napi_callback_info info) {
  int ends[2];
  napi_value made;
  (void)info;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) return throw_errno(env, errno, "socketpair");
  if (napi_create_object(env, &made) != napi_ok) {
    close(ends[0]);
    close(ends[1]);
    return NULL;
  }
  set_int(env, made, "ours", ends[0]);
  set_int(env, made, "theirs", ends[1]);
  return made;
}

/*
 * takeStandard(number) → a descriptor of standard input (0) or output (1); EBUSY the second time. /dev/null
 * takes its place, so other reads and prints of this process do not mix with the stream, and its reader finds
 * the end when it is closed.
 *
 * A pipe or terminal is opened anew, because O_NONBLOCK belongs to the open file, which is the caller's, too.
 */
napi_value take_standard(napi_env env, napi_callback_info info) {
  /* The standard streams belong to the process, hence to all its threads. */
  static atomic_bool is_taken[2];
  napi_value value;
  int32_t number;
  struct stat status;
  if (!arguments(env, info, 1, &value) || !get_int(env, value, &number)) return NULL;
  if (number < 0 || number > 1) return throw_argument(env, "takeStandard: 0 or 1");
  if (atomic_exchange(&is_taken[number], true)) return throw_errno(env, EBUSY, "standard stream");
  if (fstat(number, &status)) return throw_errno(env, errno, "fstat");
  int fd = -1;
  if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", number);
    fd = open(path, (number ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  }
  /* Another user's pipe cannot be opened, and a socket or file is not. */
  if (fd < 0) fd = fcntl(number, F_DUPFD_CLOEXEC, 3);
  if (fd < 0) return throw_errno(env, errno, "dup");
  int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nothing < 0 || dup2(nothing, number) < 0) {
    int error = errno;
    close(fd);
    if (nothing >= 0) close(nothing);
    return throw_errno(env, error, "/dev/null");
  }
  close(nothing);
  return make_int(env, fd);
}

/* makeFifo(path, mode): makes a named pipe; throws EEXIST if the path exists. */
napi_value make_fifo(napi_env env, napi_callback_info info) {
  napi_value values[2];
  char path[PATH_MAX];
  int32_t mode;
  if (!arguments(env, info, 2, values) || !get_text(env, values[0], path, sizeof path) || !get_int(env, values[1], &mode))
    return NULL;
  return mkfifo(path, (mode_t)mode & 0777) ? throw_errno(env, errno, "mkfifo") : NULL;
}

/* openFifo(path, writes) → a descriptor. Throws ENXIO for writing to a pipe without a reader, and ENOTSUP for
 * a file that is not a FIFO. */
napi_value open_fifo(napi_env env, napi_callback_info info) {
  napi_value values[2];
  char path[PATH_MAX];
  int32_t writes;
  struct stat status;
  if (!arguments(env, info, 2, values) || !get_text(env, values[0], path, sizeof path) || !get_int(env, values[1], &writes))
    return NULL;
  int fd = open(path, (writes ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return throw_errno(env, errno, "open");
  int error = fstat(fd, &status) ? errno : S_ISFIFO(status.st_mode) ? 0 : ENOTSUP;
  if (!error) return make_int(env, fd);
  close(fd);
  return throw_errno(env, error, "open");
}
