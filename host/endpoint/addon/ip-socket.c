/* SPDX-License-Identifier: Apache-2.0 */
#include "ip-socket.h"
#include "batch.h"
#include "channel.h"
#include "limits.h"
#include "packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <linux/sock_diag.h>

enum {
  /*
   * Room for the datagrams that arrive at a gigabit while the lane is busy for some milliseconds. The system
   * may grant less.
   */
  RECEIVE_BUFFER = 2 << 20,
  SEND_BUFFER = 1 << 20,
};

bool set_option(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

/*
 * A privileged process exceeds the system's limit, any other gets at most the limit. A lower limit is no
 * error.
 */
void set_buffers(int fd) {
  if (!set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)) set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
  if (!set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER)) set_option(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);
}

static bool set_ipv4(int fd) {
  return set_option(fd, IPPROTO_IP, IP_PKTINFO, 1) && set_option(fd, IPPROTO_IP, IP_RECVTTL, 1) &&
         set_option(fd, IPPROTO_IP, IP_RECVTOS, 1) && set_option(fd, IPPROTO_IP, IP_RECVERR, 1) &&
         /* Do not receive for groups that only other sockets of this machine joined. */
         set_option(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0) && set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
}

static bool set_ipv6(int fd, bool fragment) {
  if (!fragment && !(set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO) &&
                     set_option(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1)))
    return false;
  return set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) &&
         set_option(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1) && set_option(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1) &&
         set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 1) && set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
}

static int join_group(int fd, const struct ip_options *options, unsigned int device) {
  if (options->family == AF_INET) {
    struct ip_mreqn request = {.imr_ifindex = (int)device};
    if (inet_pton(AF_INET, options->group, &request.imr_multiaddr) != 1) return EINVAL;
    return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request) ? errno : 0;
  }
  struct ipv6_mreq request = {.ipv6mr_interface = device};
  if (inet_pton(AF_INET6, options->group, &request.ipv6mr_multiaddr) != 1) return EINVAL;
  return setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &request, sizeof request) ? errno : 0;
}

int set_ip_options(int fd, const struct ip_options *options, bool dual) {
  if ((options->family == AF_INET || dual) && !set_ipv4(fd)) return errno;
  if (options->family == AF_INET6 && !set_ipv6(fd, options->fragment)) return errno;
  return set_option(fd, SOL_SOCKET, SO_SELECT_ERR_QUEUE, 1) ? 0 : errno;
}

/* Returns 0, or an errno with the name of the failed call in `what`. */
int bind_ip_socket(int fd, const struct ip_options *options, unsigned int device, const char **what) {
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)options->port)};
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options->port)};
  *what = "setsockopt";
  int error = set_ip_options(fd, options, false);
  if (error) return error;
  /* A raw socket is of one IP version, and refuses the option. */
  if (options->family == AF_INET6 && !options->raw && !set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) return errno;
  if (options->reuse && !set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1)) return errno;
  if (options->broadcast && !set_option(fd, SOL_SOCKET, SO_BROADCAST, 1)) return errno;
  set_buffers(fd);
  if (*options->device) {
    *what = "SO_BINDTODEVICE";
    if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, options->device, (socklen_t)strlen(options->device))) return errno;
  }
  *what = "bind";
  if (options->family == AF_INET) {
    if (*options->address && inet_pton(AF_INET, options->address, &four.sin_addr) != 1) return EINVAL;
    if (bind(fd, (struct sockaddr *)&four, sizeof four)) return errno;
  } else {
    if (*options->address && inet_pton(AF_INET6, options->address, &six.sin6_addr) != 1) return EINVAL;
    if (IN6_IS_ADDR_LINKLOCAL(&six.sin6_addr) || IN6_IS_ADDR_MC_LINKLOCAL(&six.sin6_addr)) six.sin6_scope_id = device;
    if (bind(fd, (struct sockaddr *)&six, sizeof six)) return errno;
  }
  *what = "join group";
  return *options->group ? join_group(fd, options, device) : 0;
}

/*
 * SO_RXQ_OVFL reports the same number, but only with a later datagram, which may never come, and then with
 * each of them.
 */
uint32_t socket_drops(const struct channel *channel) {
  uint32_t facts[SK_MEMINFO_VARS] = {0};
  socklen_t size = sizeof facts;
  return getsockopt(channel->fd, SOL_SOCKET, SO_MEMINFO, facts, &size) ? channel->reported_drops : facts[SK_MEMINFO_DROPS];
}

void describe_ip_socket(struct channel *channel, int family, unsigned int device) {
  int hops = 64;
  socklen_t size = sizeof hops;
  if (family == AF_INET) getsockopt(channel->fd, IPPROTO_IP, IP_TTL, &hops, &size);
  else getsockopt(channel->fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, &size);
  channel->family = family == AF_INET ? 4 : 6;
  channel->scope = device;
  channel->default_hops = hops;
  /* With SO_SELECT_ERR_QUEUE the error queue raises POLLPRI, and libuv goes on polling. */
  channel->events = UV_READABLE | UV_PRIORITIZED;
  /* The lane that left an inherited socket has reported its drops. */
  channel->drops = socket_drops;
  channel->reported_drops = socket_drops(channel);
}

/*
 * Prepares the messages of slots [from, to) for payloads behind `header` bytes. False: an address is outside
 * the memory.
 */
static bool prepare(struct batch *batch, uint32_t header, uint32_t from, uint32_t to) {
  for (uint32_t i = from; i < to; i++) {
    if (!in_memory(batch, batch->addresses[i], batch->room)) return false;
    batch->vectors[2 * i] = (struct iovec){batch->memory + batch->addresses[i] + header, batch->room - header};
    batch->vectors[2 * i + 1] = (struct iovec){batch->spill + (size_t)i * SPILL_BYTES, SPILL_BYTES};
    batch->messages[i].msg_hdr = (struct msghdr){
        .msg_name = &batch->names[i],
        .msg_namelen = sizeof *batch->names,
        .msg_iov = &batch->vectors[2 * i],
        .msg_iovlen = 2,
        .msg_control = batch->controls + (size_t)i * CONTROL_BYTES,
        .msg_controllen = CONTROL_BYTES,
    };
  }
  return true;
}

/*
 * Receives into the batch. Prepares only the messages that the last read used up; all of them after the other
 * family.
 */
int receive_ip(struct channel *channel, uint32_t header) {
  struct batch *batch = channel->batch;
  uint32_t from = 0, to = batch->prepared == header + 1 ? batch->stale : batch->slots;
  batch->prepared = 0;
  if (!prepare(batch, header, from, to)) return -EFAULT;
  batch->prepared = header + 1;
  batch->stale = 0;
  int count = recvmmsg(channel->fd, batch->messages, batch->slots, MSG_DONTWAIT, NULL);
  if (count < 0) {
    /* This is the error of an earlier datagram. The kernel reports it here once, and the error queue has it
     * too. */
    batch->stale = 1;
    return 0;
  }
  batch->stale = (uint32_t)count;
  return count;
}

void write_ipv6_header(struct msghdr *message, const struct sockaddr_in6 *from, uint32_t payload, uint8_t protocol,
                       uint8_t *at) {
  uint32_t class = 0;
  memset(at, 0, IPV6_HEADER);
  for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != IPPROTO_IPV6) continue;
    if (part->cmsg_type == IPV6_PKTINFO) memcpy(at + 24, &((struct in6_pktinfo *)CMSG_DATA(part))->ipi6_addr, 16);
    else if (part->cmsg_type == IPV6_HOPLIMIT) at[7] = (uint8_t) * (int *)CMSG_DATA(part);
    else if (part->cmsg_type == IPV6_TCLASS) class = (uint32_t) * (int *)CMSG_DATA(part);
  }
  at[0] = (uint8_t)(0x60 | class >> 4);
  at[1] = (uint8_t)(class << 4);
  put16(at + 4, payload);
  at[6] = protocol;
  memcpy(at + 8, &from->sin6_addr, 16);
}
