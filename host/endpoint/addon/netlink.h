/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Route netlink (rtnetlink(7)): a request with its acknowledgement, or with a dump. A request is carried out in
 * the network namespace in which the socket was made: with the argument `netlink` that is one from elsewhere
 * (namespace.h), and -1 stands for that of the calling process.
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

/* Begins a request with a body of so many bytes. */
void begin_request(struct netlink_request *request, uint16_t type, uint16_t flags, size_t body);
/* Appends an attribute. With no data, what is appended next until `close_attribute` stands in it. */
struct rtattr *add_attribute(struct netlink_request *request, uint16_t type, const void *data, size_t length);
void close_attribute(const struct netlink_request *request, struct rtattr *nest);

/* Sends a request. Returns 0, or the errno of the kernel's refusal or of a failed call. */
int ask_kernel(int netlink, struct netlink_request *request);
/*
 * Sends a request with NLM_F_DUMP or NLM_F_ACK, and calls `each` for every message of the reply. Again where
 * the kernel's state changed meanwhile; every try begins with a call of `restart`. Returns 0 or an errno.
 */
int read_kernel(int netlink, struct netlink_request *request, void (*each)(const struct nlmsghdr *, void *),
                void (*restart)(void *), void *context);

#endif
