/* SPDX-License-Identifier: Apache-2.0 */
#include "netlink.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <pthread.h>
#include <sys/socket.h>

#ifndef NETLINK_GET_STRICT_CHK
#define NETLINK_GET_STRICT_CHK 12
#endif

enum {
  /* The kernel puts as many bytes into one datagram of a dump. */
  DUMP_BYTES = 32768,
  /* The most restarts of a dump because something changed meanwhile. */
  DUMP_TRIES = 8,
};

/* Several threads may share a socket from another namespace: each request is followed by its own replies. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void begin_request(struct netlink_request *request, uint16_t type, uint16_t flags, size_t body) {
  memset(request, 0, sizeof *request);
  request->head.nlmsg_len = (uint32_t)NLMSG_LENGTH(body);
  request->head.nlmsg_type = type;
  request->head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
}

struct rtattr *add_attribute(struct netlink_request *request, uint16_t type, const void *data, size_t length) {
  struct rtattr *attribute = (struct rtattr *)((uint8_t *)request + NLMSG_ALIGN(request->head.nlmsg_len));
  attribute->rta_type = type;
  attribute->rta_len = (uint16_t)RTA_LENGTH(length);
  if (length) memcpy(RTA_DATA(attribute), data, length);
  request->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(request->head.nlmsg_len) + RTA_ALIGN(attribute->rta_len));
  return attribute;
}

void close_attribute(const struct netlink_request *request, struct rtattr *nest) {
  nest->rta_len = (uint16_t)((const uint8_t *)request + request->head.nlmsg_len - (const uint8_t *)nest);
}

/* Locks, and sends. Returns the socket, or -1 with errno; `finish` follows in either case. */
static int send_request(int netlink, struct netlink_request *request) {
  const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  static uint32_t sequence;
  const int one = 1;
  pthread_mutex_lock(&lock);
  int fd = netlink >= 0 ? netlink : socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return -1;
  request->head.nlmsg_seq = ++sequence;
  /* With strict checks the kernel dumps only what the request names. An older kernel dumps all. */
  if (request->head.nlmsg_flags & NLM_F_DUMP) setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof one);
  if (sendto(fd, request, request->head.nlmsg_len, 0, (const struct sockaddr *)&kernel, sizeof kernel) >= 0) return fd;
  const int error = errno;
  if (fd != netlink) close(fd);
  errno = error;
  return -1;
}

static int finish(int netlink, int fd, int error) {
  if (fd >= 0 && fd != netlink) close(fd);
  pthread_mutex_unlock(&lock);
  return error;
}

int ask_kernel(int netlink, struct netlink_request *request) {
  _Alignas(struct nlmsghdr) uint8_t answer[1024];
  request->head.nlmsg_flags |= NLM_F_ACK;
  int fd = send_request(netlink, request);
  if (fd < 0) return finish(netlink, fd, errno);
  ssize_t length;
  do length = recv(fd, answer, sizeof answer, 0);
  while (length < 0 && errno == EINTR);
  const struct nlmsghdr *head = (struct nlmsghdr *)answer;
  if (length < 0) return finish(netlink, fd, errno);
  if (!NLMSG_OK(head, (size_t)length) || head->nlmsg_type != NLMSG_ERROR) return finish(netlink, fd, EPROTO);
  return finish(netlink, fd, -((const struct nlmsgerr *)NLMSG_DATA(head))->error);
}

/* Passes on the messages of one reply. Returns 0, an errno, or EINTR if the request must be sent again. */
static int read_dump(int fd, uint32_t sequence, void (*each)(const struct nlmsghdr *, void *), void *context) {
  _Alignas(struct nlmsghdr) uint8_t bytes[DUMP_BYTES];
  bool interrupted = false;
  for (;;) {
    ssize_t length = recv(fd, bytes, sizeof bytes, 0);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return errno;
    const struct nlmsghdr *head = (struct nlmsghdr *)bytes;
    for (size_t left = (size_t)length; NLMSG_OK(head, left); head = NLMSG_NEXT(head, left)) {
      if (head->nlmsg_seq != sequence) continue;
      if (head->nlmsg_flags & NLM_F_DUMP_INTR) interrupted = true;
      if (head->nlmsg_type == NLMSG_DONE) return interrupted ? EINTR : 0;
      if (head->nlmsg_type == NLMSG_ERROR) return -((const struct nlmsgerr *)NLMSG_DATA(head))->error;
      each(head, context);
    }
  }
}

int read_kernel(int netlink, struct netlink_request *request, void (*each)(const struct nlmsghdr *, void *),
                void (*restart)(void *), void *context) {
  int error = EINTR;
  for (int n = 0; n < DUMP_TRIES && error == EINTR; n++) {
    restart(context);
    int fd = send_request(netlink, request);
    error = fd < 0 ? errno : read_dump(fd, request->head.nlmsg_seq, each, context);
    finish(netlink, fd, 0);
  }
  return error;
}
