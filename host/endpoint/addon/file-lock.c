/* SPDX-License-Identifier: Apache-2.0 */
/* Locks of open files (fcntl(2), F_OFD_SETLK), which end with the descriptor. */
#include "file-lock.h"
#include "values.h"

#include <errno.h>
#include <fcntl.h>

/* lockFile(descriptor, exclusive) → whether the lock was granted: no other lock forbids it. */
napi_value lock_file(napi_env env, napi_callback_info info) {
  napi_value values[2];
  int32_t fd, exclusive;
  if (!arguments(env, info, 2, values) || !get_int(env, values[0], &fd) || !get_int(env, values[1], &exclusive))
    return NULL;
  struct flock lock = {.l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};
  const int error = fcntl(fd, F_OFD_SETLK, &lock) ? errno : 0;
  /* A file system without locks cannot keep others out. */
  return make_int(env, error != EAGAIN && error != EACCES);
}
