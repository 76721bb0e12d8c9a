/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a program, such as nft, to its end inside, with a text as its input. */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_ARGUMENTS = 32, OUTPUT_BYTES = 8192 };

/* A program of a user other than root loses its capabilities, except ambient ones. This runs in the child
 * only. */
static void keep_network_rights(void) {
  struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &head, data)) return;
  data[0].inheritable |= 1u << CAP_NET_ADMIN;
  if (syscall(SYS_capset, &head, data)) return;
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0);
}

int run_tool(int argc, const char *payload, size_t length, char *output, size_t *output_length, int *status) {
  char *argv[MAX_ARGUMENTS + 1] = {0};
  const char *at = payload, *end = payload + length;
  if (argc < 1 || argc > MAX_ARGUMENTS) return EINVAL;
  for (int i = 0; i < argc; i++) {
    const char *nul = memchr(at, 0, (size_t)(end - at));
    if (!nul) return EINVAL;
    argv[i] = (char *)at;
    at = nul + 1;
  }
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC)) return errno;
  if (pipe2(out, O_CLOEXEC)) {
    int error = errno;
    close(in[0]);
    close(in[1]);
    return error;
  }
  /* Its input is at most as long as a request, which a pipe takes at once. */
  ssize_t written = write(in[1], at, (size_t)(end - at));
  pid_t pid = written == end - at ? fork() : -1;
  if (pid == 0) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    keep_network_rights();
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(out[1], 2);
    execvp(argv[0], argv);
    _exit(errno == ENOENT ? 127 : 126);
  }
  int error = pid < 0 ? errno : 0;
  close(in[0]);
  close(in[1]);
  close(out[1]);
  *output_length = 0;
  for (ssize_t got; !error && *output_length < OUTPUT_BYTES;) {
    got = read(out[0], output + *output_length, OUTPUT_BYTES - *output_length);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    *output_length += (size_t)got;
  }
  close(out[0]);
  if (pid > 0) while (waitpid(pid, status, 0) < 0 && errno == EINTR) continue;
  return error;
}
