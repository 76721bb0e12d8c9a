/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay DEVICE DEVICE: passes packets between two tun devices.
 *
 * The baseline of "tun to tun through a piece": the same system calls for each packet (a read, a write) and
 * one wait for each burst, without parsing, isolation or checks.
 */
#include "tun.h"

#include <sys/epoll.h>

static void pass(int from, int to) {
  static uint8_t frame[65536];
  for (int n = 0; n < BATCH; n++) {
    ssize_t length = read(from, frame, sizeof frame);
    if (length <= 0) return; /* EAGAIN, or the device is down */
    if (write(to, frame, (size_t)length) < 0 && errno != EAGAIN && errno != EIO && errno != EINVAL) fail("write");
  }
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: relay DEVICE DEVICE\n");
    return 2;
  }
  int tuns[2] = {open_tun(argv[1]), open_tun(argv[2])};
  int poll = epoll_create1(EPOLL_CLOEXEC);
  for (int n = 0; n < 2; n++) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)n};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, tuns[n], &event)) fail("epoll_ctl");
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    struct epoll_event events[2];
    int count = epoll_wait(poll, events, 2, -1);
    for (int n = 0; n < count; n++) pass(tuns[events[n].data.u32], tuns[1 - events[n].data.u32]);
  }
}
