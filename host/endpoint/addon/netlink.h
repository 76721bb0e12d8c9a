/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Route netlink (rtnetlink(7)): a request with its acknowledgement, or with a dump. A request is carried out
 * in the network namespace in which the socket was made: the argument `netlink` is a socket of another
 * namespace (namespace.h), and -1 stands for the namespace of the calling process.
 */
#ifndef FUNNEL_NETLINK_H
#define FUNNEL_NETLINK_H

#include <stddef.h>
#include <stdint.h>

#include <linux/rtnetlink.h>

struct netlink_request {
  struct nlmsghdr head;
  union {
    struct ifinfomsg link;
    struct ifaddrmsg address;
    struct rtmsg route;
  } body;
  uint8_t attributes[128];
};

/* Begins a request with a body of `body` bytes. */
void begin_request(struct netlink_request *request, uint16_t type, uint16_t flags, size_t body);
/* Appends an attribute. Without data, it contains the attributes that are appended next, until
 * `close_attribute`. */
struct rtattr *add_attribute(struct netlink_request *request, uint16_t type, const void *data, size_t length);
void close_attribute(const struct netlink_request *request, struct rtattr *nest);

/* Sends a request. Returns 0, or the errno of the kernel's refusal or of a failed call. */
int ask_kernel(int netlink, struct netlink_request *request);
/*
 * Sends a request with NLM_F_DUMP or NLM_F_ACK, and calls `each` for every message of the reply. Repeats the
 * request if the kernel's state changed meanwhile; every try begins with a call of `restart`. Returns 0 or an
 * errno.
 */
int read_kernel(int netlink, struct netlink_request *request, void (*each)(const struct nlmsghdr *, void *),
                void (*restart)(void *), void *context);

#endif
