/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The traffic of the bench, over UDP and IPv6, for the namespaces at both ends:
 *
 *   probe echo PORT                          sends datagrams back
 *   probe hold PORT                          has a socket there and never reads it: the cheapest receiver
 *   probe ping ADDRESS PORT COUNT BYTES      one after the other; prints median and 99th percentile of round
 *                                            trips in µs, and the number of lost packets
 *   probe flood ADDRESS PORT SECONDS BYTES [RATE]
 *                                            as fast as the device takes them, or RATE a second;
 *                                            prints their number
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { BURST = 32, LARGEST = 65536, WARM_UP = 200 };

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int open_bound(const char *port) {
  struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port))};
  int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at)) fail("bind");
  puts("ready");
  fflush(stdout);
  return fd;
}

static int open_connected(const char *address, const char *port) {
  struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port))};
  if (inet_pton(AF_INET6, address, &to.sin6_addr) != 1) fail("address");
  int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to)) fail("connect");
  return fd;
}

static void echo(const char *port) {
  static uint8_t bytes[LARGEST];
  int fd = open_bound(port);
  for (;;) {
    struct sockaddr_in6 from;
    socklen_t size = sizeof from;
    ssize_t length = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &size);
    if (length >= 0) sendto(fd, bytes, (size_t)length, 0, (struct sockaddr *)&from, size);
  }
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static int ping(const char *address, const char *port, int count, size_t bytes) {
  static uint8_t sent[LARGEST], received[LARGEST];
  struct timeval patience = {.tv_usec = 200000};
  int fd = open_connected(address, port), kept = 0, lost = 0;
  double *times = calloc((size_t)count, sizeof *times);
  if (bytes < sizeof(uint32_t) || bytes > LARGEST || !times) return 2;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience)) fail("SO_RCVTIMEO");
  for (uint32_t n = 0; n < (uint32_t)count + WARM_UP; n++) {
    memcpy(sent, &n, sizeof n);
    double start = now();
    ssize_t length = send(fd, sent, bytes, 0);
    /* A late answer to one that was given up is not an answer to this one. */
    do length = recv(fd, received, sizeof received, 0);
    while (length > 0 && memcmp(received, &n, sizeof n) != 0);
    if (n < WARM_UP) continue;
    if (length > 0) times[kept++] = (now() - start) * 1e6;
    else if (++lost > 50) break;
  }
  qsort(times, (size_t)kept, sizeof *times, ascending);
  if (kept == 0) fail("no answer");
  printf("%.2f %.2f %d\n", times[kept / 2], times[(size_t)kept * 99 / 100], lost);
  return 0;
}

static int flood(const char *address, const char *port, double seconds, size_t bytes, double rate) {
  static uint8_t payload[LARGEST];
  struct iovec vector = {payload, bytes};
  struct mmsghdr messages[BURST] = {0};
  int fd = open_connected(address, port);
  unsigned long sent = 0;
  if (bytes > LARGEST) return 2;
  for (int n = 0; n < BURST; n++) messages[n].msg_hdr = (struct msghdr){.msg_iov = &vector, .msg_iovlen = 1};
  double start = now(), passed;
  while ((passed = now() - start) < seconds) {
    if (rate > 0 && (double)sent > passed * rate) {
      /* Bursts at a steady pace, as a camera or many calls make them. */
      double wait = (double)sent / rate - passed;
      struct timespec pause = {(time_t)wait, (long)((wait - (double)(time_t)wait) * 1e9)};
      nanosleep(&pause, NULL);
    }
    int done = sendmmsg(fd, messages, BURST, 0);
    if (done > 0) sent += (unsigned long)done;
    else if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR) fail("send");
  }
  printf("%lu %.4f\n", sent, passed);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "echo") == 0) echo(argv[2]);
  if (argc == 3 && strcmp(argv[1], "hold") == 0) {
    open_bound(argv[2]);
    for (;;) pause();
  }
  if (argc == 6 && strcmp(argv[1], "ping") == 0) return ping(argv[2], argv[3], atoi(argv[4]), (size_t)atol(argv[5]));
  if ((argc == 6 || argc == 7) && strcmp(argv[1], "flood") == 0)
    return flood(argv[2], argv[3], atof(argv[4]), (size_t)atol(argv[5]), argc == 7 ? atof(argv[6]) : 0);
  fprintf(stderr, "usage: see the head of probe.c\n");
  return 2;
}
