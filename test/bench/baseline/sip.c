/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay that SIPproxy64 is measured against, and the traffic for both:
 *
 *   sip relay ADDRESS4 PORT TO4 PORT ADDRESS6 PORT TO6 PORT
 *     a datagram that comes at one address leaves from the other, unread
 *   sip send FROM PORT TO PORT SECONDS RATE FILE
 *     sends the bytes of a file RATE times a second, or as fast as they go with 0; prints their number
 *   sip receive ADDRESS PORT
 *     counts until SIGTERM; prints the count, and the median, 99.9th percentile and maximum of the delay (µs)
 *
 * A payload that begins as RTP does carries the time of its sending behind its header. All processes share
 * the clock.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BURST = 32, LARGEST = 65536, STAMP = 12, MOST_DELAYS = 4 * 1024 * 1024 };

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static socklen_t read_endpoint(struct sockaddr_storage *to, const char *address, const char *port) {
  memset(to, 0, sizeof *to);
  struct sockaddr_in *v4 = (struct sockaddr_in *)to;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;
  if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)atoi(port));
    return sizeof *v4;
  }
  if (inet_pton(AF_INET6, address, &v6->sin6_addr) != 1) fail(address);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons((uint16_t)atoi(port));
  return sizeof *v6;
}

static int open_at(const char *address, const char *port) {
  struct sockaddr_storage at;
  socklen_t size = read_endpoint(&at, address, port);
  int fd = socket(at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int room = 4 * 1024 * 1024;
  if (fd < 0) fail("socket");
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  if (bind(fd, (struct sockaddr *)&at, size)) fail("bind");
  return fd;
}

static void ready(void) {
  puts("ready");
  fflush(stdout);
}

static void relay(char **argv) {
  static uint8_t bytes[LARGEST];
  struct pollfd ends[2] = {{.fd = open_at(argv[0], argv[1]), .events = POLLIN},
                           {.fd = open_at(argv[4], argv[5]), .events = POLLIN}};
  struct sockaddr_storage to[2];
  socklen_t size[2] = {read_endpoint(&to[0], argv[2], argv[3]), read_endpoint(&to[1], argv[6], argv[7])};
  ready();
  for (;;) {
    poll(ends, 2, -1);
    for (int n = 0; n < 2; n++) {
      for (int i = 0; i < BURST && (ends[n].revents & POLLIN); i++) {
        ssize_t length = recv(ends[n].fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (length < 0) break;
        sendto(ends[1 - n].fd, bytes, (size_t)length, 0, (struct sockaddr *)&to[1 - n], size[1 - n]);
      }
    }
  }
}

static void send_all(char **argv) {
  static uint8_t bytes[LARGEST];
  int fd = open_at(argv[0], argv[1]);
  struct sockaddr_storage to;
  socklen_t size = read_endpoint(&to, argv[2], argv[3]);
  int64_t begin = now(), end = begin + atoll(argv[4]) * 1000000000;
  double rate = atof(argv[5]);
  FILE *file = fopen(argv[6], "rb");
  if (file == NULL) fail(argv[6]);
  size_t length = fread(bytes, 1, sizeof bytes, file);
  long count = 0;
  for (int64_t time = begin; time < end; time = now()) {
    long due = rate > 0 ? (long)((double)(time - begin) / 1e9 * rate) + 1 : count + BURST;
    if (due > count + BURST) due = count + BURST;
    for (; count < due; count++) {
      int64_t stamp = now();
      if ((bytes[0] >> 6) == 2) memcpy(bytes + STAMP, &stamp, sizeof stamp);
      if (sendto(fd, bytes, length, 0, (struct sockaddr *)&to, size) < 0 && errno != ENOBUFS &&
          errno != ECONNREFUSED)
        fail("sendto");
    }
    if (rate > 0) {
      int64_t next = begin + (int64_t)((double)count / rate * 1e9) - now();
      struct timespec pause = {.tv_sec = 0, .tv_nsec = next < 0 ? 0 : next > 999999999 ? 999999999 : next};
      nanosleep(&pause, NULL);
    }
  }
  printf("%ld\n", count);
}

static volatile sig_atomic_t is_over;

static void stop(int signal) {
  (void)signal;
  is_over = 1;
}

static int ascending(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static void receive(char **argv) {
  static uint8_t bytes[LARGEST];
  static int64_t delays[MOST_DELAYS];
  struct sigaction action = {.sa_handler = stop};
  sigaction(SIGTERM, &action, NULL);
  int fd = open_at(argv[0], argv[1]);
  long count = 0, measured = 0;
  ready();
  while (!is_over) {
    ssize_t length = recv(fd, bytes, sizeof bytes, 0);
    if (length < 0) continue;
    count++;
    int64_t stamp;
    if (length < STAMP + 8 || (bytes[0] >> 6) != 2 || measured == MOST_DELAYS) continue;
    memcpy(&stamp, bytes + STAMP, sizeof stamp);
    delays[measured++] = now() - stamp;
  }
  qsort(delays, (size_t)measured, sizeof delays[0], ascending);
  double median = 0, high = 0, most = 0;
  if (measured > 0) {
    median = (double)delays[measured / 2] / 1e3;
    high = (double)delays[measured - 1 - measured / 1000] / 1e3;
    most = (double)delays[measured - 1] / 1e3;
  }
  printf("%ld %.1f %.1f %.1f\n", count, median, high, most);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (argc == 10 && strcmp(what, "relay") == 0) relay(argv + 2);
  else if (argc == 9 && strcmp(what, "send") == 0) send_all(argv + 2);
  else if (argc == 4 && strcmp(what, "receive") == 0) receive(argv + 2);
  else {
    fprintf(stderr, "usage: sip relay|send|receive …\n");
    return 2;
  }
  return 0;
}
