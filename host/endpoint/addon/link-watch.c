/* SPDX-License-Identifier: Apache-2.0 */
/* Watches interfaces, addresses and routes: a channel that delivers changes instead of frames. */
#include "link.h"
#include "batch.h"
#include "channel.h"
#include "netlink.h"
#include "values.h"

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#include <sys/socket.h>

enum {
  /* The kinds of news: something of the watched interface changed, or something of another one. */
  CHANGED_OWN = 1,
  CHANGED_OTHER = 2,
  /* Datagrams that are read in one turn. */
  MOST_READS = 64,
};

/* The interface that a message is about; -1 for none. */
static int32_t interface_of(const struct nlmsghdr *head) {
  switch (head->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return ((const struct ifinfomsg *)NLMSG_DATA(head))->ifi_index;
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return (int32_t)((const struct ifaddrmsg *)NLMSG_DATA(head))->ifa_index;
    case RTM_NEWROUTE:
    case RTM_DELROUTE: {
      const struct rtmsg *route = NLMSG_DATA(head);
      size_t left = RTM_PAYLOAD(head);
      for (const struct rtattr *each = RTM_RTA(route); RTA_OK(each, left); each = RTA_NEXT(each, left))
        if (each->rta_type == RTA_OIF && RTA_PAYLOAD(each) >= sizeof(int32_t)) return *(const int32_t *)RTA_DATA(each);
      return 0;
    }
    default:
      return -1;
  }
}

/* Returns the kinds of change, 0 for none that concerns us, or a negative errno. */
static int read_changes(struct channel *channel) {
  _Alignas(struct nlmsghdr) uint8_t bytes[8192];
  int changes = 0;
  for (int n = 0; n < MOST_READS; n++) {
    ssize_t length = recv(channel->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (length < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) break;
      /* Notifications were lost: anything may have changed. */
      if (errno == ENOBUFS) changes |= CHANGED_OWN | CHANGED_OTHER;
      else return -errno;
      continue;
    }
    const struct nlmsghdr *head = (struct nlmsghdr *)bytes;
    for (size_t left = (size_t)length; NLMSG_OK(head, left); head = NLMSG_NEXT(head, left)) {
      const int32_t about = interface_of(head);
      if (about < 0) continue;
      if (about == (int32_t)channel->scope) changes |= CHANGED_OWN;
      /* New routes and addresses of other interfaces do not affect the watched one. */
      else if (!channel->scope || (head->nlmsg_type != RTM_NEWROUTE && head->nlmsg_type != RTM_NEWADDR))
        changes |= CHANGED_OTHER;
    }
  }
  return changes;
}

/*
 * watchLinks(batch, { descriptor, index }) → channel. The descriptor is a route netlink socket from another
 * namespace, which the channel takes; -1 stands for that of this process. With the index 0, it watches the
 * links and addresses of all interfaces. The batch's callback gets the kinds of change.
 */
napi_value watch_links(napi_env env, napi_callback_info info) {
  napi_value values[2];
  struct batch *batch;
  int32_t fd, index;
  if (!arguments(env, info, 2, values) || !(batch = find_batch(env, values[0])) ||
      !named_int(env, values[1], "descriptor", &fd) || !named_int(env, values[1], "index", &index))
    return NULL;
  if (fd < 0) fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  const struct sockaddr_nl groups = {
      .nl_family = AF_NETLINK,
      .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
                   (index ? RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE : 0),
  };
  if (fd < 0 || bind(fd, (const struct sockaddr *)&groups, sizeof groups)) {
    const int error = errno;
    if (fd >= 0) close(fd);
    return throw_errno(env, error, "watch links");
  }
  struct channel *channel = add_channel(env, batch, fd);
  if (!channel) return NULL;
  channel->read = read_changes;
  channel->scope = (uint32_t)index;
  return make_int(env, channel->id);
}
