/* SPDX-License-Identifier: Apache-2.0 */
/* See helper.h. */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* The terminal's signals go to the command; the Funnel forwards all others. */
static int take_signals(void) {
  sigset_t taken;
  sigemptyset(&taken);
  const int ours[] = {SIGCHLD, SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH, SIGPIPE};
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) sigaddset(&taken, ours[i]);
  sigprocmask(SIG_SETMASK, &taken, NULL);
  return signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
}

int main(int argc, char **argv) {
  bool map_root = false, outside = false;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--map-root")) map_root = true;
    else if (!strcmp(argv[i], "--outside")) outside = true;
    else if (!strcmp(argv[i], "--set") && i + 1 < argc) set_variable_of_command(argv[++i]);
    else if (!strcmp(argv[i], "--") && i + 1 < argc) {
      set_command(argv + i + 1, outside);
      break;
    } else return 125;
  }
  /* Neither the command nor a tool inherits these descriptors. */
  if (fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC)) return 125;
  fcntl(STATUS_FD, F_SETFD, FD_CLOEXEC);
  const char *step = "";
  int signals = take_signals();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  int error = signals < 0 ? errno : outside ? 0 : isolate(map_root, &step);
  say_hello(error, step);
  if (error) return 125;

  for (;;) {
    struct pollfd sources[2] = {{.fd = CONTROL_FD, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    int ready = poll(sources, 2, tend_after());
    if (ready < 0 && errno != EINTR) kill_everything();
    if (sources[1].revents) {
      struct signalfd_siginfo signal;
      while (read(signals, &signal, sizeof signal) > 0) continue;
    }
    /* A library that the user preloads may have a thread, which takes SIGCHLD from this one. */
    if (reap()) return 0;
    if (sources[0].revents && !serve_request()) kill_everything();
    tend();
  }
}
