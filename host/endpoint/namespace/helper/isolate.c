/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the namespaces, and changes the network inside from the kernel's defaults. */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

static int write_text(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC), error = 0;
  if (fd < 0) return errno;
  if (write(fd, text, strlen(text)) < 0) error = errno;
  close(fd);
  return error;
}

/* Maps one user and one group of the namespace to those that started this process; the kernel permits no more
 * without privileges. */
static int map_ids(uid_t uid, gid_t gid, bool map_root, const char **step) {
  char text[64];
  int error;
  *step = "/proc/self/setgroups";
  if ((error = write_text("/proc/self/setgroups", "deny")) && error != ENOENT) return error;
  *step = "/proc/self/uid_map";
  snprintf(text, sizeof text, "%u %u 1", map_root ? 0 : uid, uid);
  if ((error = write_text("/proc/self/uid_map", text))) return error;
  *step = "/proc/self/gid_map";
  snprintf(text, sizeof text, "%u %u 1", map_root ? 0 : gid, gid);
  return write_text("/proc/self/gid_map", text);
}

static int bring_loopback_up(void) {
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;
  if (fd < 0) return errno;
  if (ioctl(fd, SIOCSIFFLAGS, &request)) error = errno;
  close(fd);
  return error;
}

int isolate(bool map_root, const char **step) {
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  int error;
  bool is_user_namespace = map_root || uid != 0;
  if (!is_user_namespace && unshare(CLONE_NEWNET | CLONE_NEWNS)) {
    /* Root without the right, as in many containers, is treated like any user. */
    if (errno != EPERM) return *step = "network namespace", errno;
    is_user_namespace = true;
  }
  if (is_user_namespace) {
    *step = "user namespace";
    if (unshare(CLONE_NEWUSER)) return errno;
    if ((error = map_ids(uid, gid, map_root, step))) return error;
    *step = "network namespace";
    if (unshare(CLONE_NEWNET | CLONE_NEWNS)) return errno;
  }
  *step = "mount namespace";
  /* Later mounts outside also appear inside, but never the other way round. */
  if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL)) return errno;
  if ((error = prepare_mounts())) return error;
  *step = "loopback";
  if ((error = bring_loopback_up())) return error;

  /* Programs without privileges may send echo requests (ping) and serve low ports. If /proc/sys is read-only,
   * as in many containers, both stay unchanged; programs that need them report it. */
  char range[64];
  if (!is_user_namespace) strcpy(range, "0 2147483647");
  else snprintf(range, sizeof range, "%u %u", map_root ? 0 : gid, map_root ? 0 : gid);
  write_text("/proc/sys/net/ipv4/ping_group_range", range);
  write_text("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
  return 0;
}
