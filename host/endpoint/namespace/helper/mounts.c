/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that differ inside, and a /sys that shows the devices of this network namespace.
 *
 * A *stage* holds our own files: a tmpfs that is mounted on /sys, and then covered by a new sysfs. So it
 * stays mounted, as the source of a bind mount must be, but is invisible.
 *
 * /etc/resolv.conf may be a symbolic link, and its target may not exist: we mount on the link itself. A
 * program outside may also replace it by another file of that name (programs that manage it do so), and then
 * the kernel removes our mount: renew_files(), called once a second, detects this and mounts again.
 */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILES = 16 };

static int stage = -1;
static struct {
  char *path;
  dev_t device;
  ino_t inode;
} files[MAX_FILES];
static int file_count;

static void rebind(int fd, const char *path) {
  char from[64];
  if (fd < 0) return;
  snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
  mount(from, path, NULL, MS_BIND | MS_REC, NULL);
  close(fd);
}

int prepare_mounts(void) {
  int outer = open("/sys", O_PATH | O_CLOEXEC), cgroup = open("/sys/fs/cgroup", O_PATH | O_CLOEXEC);
  if (outer < 0 || mount("funnel", "/sys", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m")) {
    /* A system without /sys. */
    int error = outer < 0 ? ENOENT : errno;
    if (outer >= 0) close(outer);
    if (cgroup >= 0) close(cgroup);
    return error;
  }
  stage = open("/sys", O_PATH | O_CLOEXEC);
  if (mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL)) {
    /* The kernel forbids this if the outer one is partly covered (containers). Then it shows the devices
     * outside. */
    rebind(outer, "/sys");
    if (cgroup >= 0) close(cgroup);
  } else {
    close(outer);
    rebind(cgroup, "/sys/fs/cgroup");
  }
  return 0;
}

/* Mounts `from` of the stage on a path; a link is not followed. */
static int mount_over(int number, const char *path) {
  char from[64], onto[64];
  int target = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC), error = 0;
  if (target < 0) return errno;
  snprintf(from, sizeof from, "/proc/self/fd/%d/%d", stage, number);
  snprintf(onto, sizeof onto, "/proc/self/fd/%d", target);
  if (mount(from, onto, NULL, MS_BIND, NULL)) error = errno;
  close(target);
  return error;
}

static int write_staged(int number, const char *content, size_t length) {
  char name[16];
  snprintf(name, sizeof name, "%d", number);
  int fd = openat(stage, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), error = 0;
  if (fd < 0) return errno;
  /* Readable for all users, whatever the umask. */
  if (fchmod(fd, 0644) || write(fd, content, length) != (ssize_t)length) error = errno ? errno : ENOSPC;
  struct stat about;
  if (!error && fstat(fd, &about)) error = errno;
  close(fd);
  if (error) return error;
  files[number].device = about.st_dev;
  files[number].inode = about.st_ino;
  return 0;
}

int replace_file(const char *path, const char *content, size_t length) {
  for (int i = 0; i < file_count; i++)
    if (!strcmp(files[i].path, path)) return write_staged(i, content, length);
  if (file_count == MAX_FILES) return ENOSPC;
  int error = write_staged(file_count, content, length);
  if (!error) error = mount_over(file_count, path);
  if (error) return error;
  if (!(files[file_count].path = strdup(path))) return ENOMEM;
  file_count++;
  return 0;
}

int hide_folder(const char *path) {
  return mount("funnel", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, "mode=755,size=4k") ? errno : 0;
}

void renew_files(void) {
  for (int i = 0; i < file_count; i++) {
    struct stat about;
    if (!stat(files[i].path, &about) && about.st_dev == files[i].device && about.st_ino == files[i].inode) continue;
    mount_over(i, files[i].path);
  }
}
