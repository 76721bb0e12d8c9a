/* SPDX-License-Identifier: Apache-2.0 */
/* Opens UDP sockets that pass the fields of the IP header in both directions (ip(7), ipv6(7)). */
#include "udp.h"
#include "batch.h"
#include "channel.h"
#include "handover.h"
#include "instance.h"
#include "limits.h"
#include "values.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <net/if.h>
#include <stdio.h>

enum {
  /*
   * Room for the datagrams that arrive at a gigabit while the lane is busy for some milliseconds. The system
   * may grant less.
   */
  RECEIVE_BUFFER = 2 << 20,
  SEND_BUFFER = 1 << 20,
};

struct udp_options {
  int family;
  int port;
  int reuse;
  int broadcast;
  char address[INET6_ADDRSTRLEN];
  char group[INET6_ADDRSTRLEN];
  char device[IF_NAMESIZE];
};

static bool set(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

static bool set_ipv4(int fd) {
  return set(fd, IPPROTO_IP, IP_PKTINFO, 1) && set(fd, IPPROTO_IP, IP_RECVTTL, 1) &&
         set(fd, IPPROTO_IP, IP_RECVTOS, 1) && set(fd, IPPROTO_IP, IP_RECVERR, 1) &&
         /* Do not receive for groups that only other sockets of this machine joined. */
         set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0) && set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
}

static bool set_ipv6(int fd) {
  return set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) && set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) &&
         set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1) && set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1) &&
         set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1) && set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
}

static int join_group(int fd, const struct udp_options *options, unsigned int device) {
  if (options->family == AF_INET) {
    struct ip_mreqn request = {.imr_ifindex = (int)device};
    if (inet_pton(AF_INET, options->group, &request.imr_multiaddr) != 1) return EINVAL;
    return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request) ? errno : 0;
  }
  struct ipv6_mreq request = {.ipv6mr_interface = device};
  if (inet_pton(AF_INET6, options->group, &request.ipv6mr_multiaddr) != 1) return EINVAL;
  return setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &request, sizeof request) ? errno : 0;
}

/* Returns 0, or an errno with the name of the failed call in `what`. */
static int bind_socket(int fd, const struct udp_options *options, unsigned int device, const char **what) {
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)options->port)};
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options->port)};
  *what = "setsockopt";
  if (options->family == AF_INET ? !set_ipv4(fd) : !set_ipv6(fd)) return errno;
  if (!set(fd, SOL_SOCKET, SO_SELECT_ERR_QUEUE, 1)) return errno;
  if (options->reuse && !set(fd, SOL_SOCKET, SO_REUSEADDR, 1)) return errno;
  if (options->broadcast && !set(fd, SOL_SOCKET, SO_BROADCAST, 1)) return errno;
  /*
   * A privileged process exceeds the system's limit, any other gets at most the limit. A lower limit is no
   * error.
   */
  if (!set(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)) set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
  if (!set(fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER)) set(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);
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
 * openUdp(batch, { family: 4 | 6, address, port, device, group, reuse, broadcast, key }) → { channel, port }.
 * An empty address is any; for port 0 the system chooses; an empty device or group is none. If an earlier
 * lane left a socket under this key, this returns that socket as it is.
 */
napi_value open_udp(napi_env env, napi_callback_info info) {
  napi_value values[2], made;
  struct batch *batch;
  struct udp_options options;
  const char *what = "socket";
  unsigned int device = 0;
  char key[MAX_KEY_BYTES], *note = NULL;
  if (!arguments(env, info, 2, values) || !(batch = find_batch(env, values[0])) ||
      !named_int(env, values[1], "family", &options.family) || !named_int(env, values[1], "port", &options.port) ||
      !named_int(env, values[1], "reuse", &options.reuse) ||
      !named_int(env, values[1], "broadcast", &options.broadcast) ||
      !named_text(env, values[1], "address", options.address, sizeof options.address) ||
      !named_text(env, values[1], "group", options.group, sizeof options.group) ||
      !named_text(env, values[1], "device", options.device, sizeof options.device) ||
      !key_of(env, values[1], key, sizeof key))
    return NULL;
  if ((options.family != 4 && options.family != 6) || options.port < 0 || options.port > 0xffff)
    return throw_argument(env, "family, port");
  options.family = options.family == 4 ? AF_INET : AF_INET6;
  if (*options.device && !(device = if_nametoindex(options.device))) return throw_errno(env, ENODEV, options.device);
  int error = 0;
  int fd = inherit(instance_of(env)->handover, key, &note);
  if (fd < 0) {
    fd = socket(options.family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    error = fd < 0 ? errno : bind_socket(fd, &options, device, &what);
  }
  if (error) {
    if (fd >= 0) close(fd);
    return throw_errno(env, error, what);
  }
  struct sockaddr_in6 bound = {0};
  socklen_t size = sizeof bound;
  int hops = 64;
  socklen_t hops_size = sizeof hops;
  getsockname(fd, (struct sockaddr *)&bound, &size);
  if (options.family == AF_INET) getsockopt(fd, IPPROTO_IP, IP_TTL, &hops, &hops_size);
  else getsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, &hops_size);
  struct channel *channel = add_channel(env, batch, fd);
  if (!channel) {
    free(note);
    return NULL;
  }
  channel->read = options.family == AF_INET ? read_udp4 : read_udp6;
  channel->read_errors = options.family == AF_INET ? read_udp4_errors : read_udp6_errors;
  /* With SO_SELECT_ERR_QUEUE the error queue raises POLLPRI, and libuv goes on polling. */
  channel->events = UV_READABLE | UV_PRIORITIZED;
  /* The port is at the same offset in the addresses of both families. */
  channel->port = ntohs(bound.sin6_port);
  channel->scope = device;
  channel->default_hops = hops;
  if (napi_create_object(env, &made) != napi_ok || !name_channel(env, channel, key, note, made)) return NULL;
  set_int(env, made, "channel", channel->id);
  set_int(env, made, "port", channel->port);
  return made;
}

/* setBroadcast(channel, on): for a socket that another endpoint opened. */
napi_value set_broadcast(napi_env env, napi_callback_info info) {
  napi_value values[2];
  struct channel *channel;
  int32_t on;
  if (!arguments(env, info, 2, values) || !(channel = find_channel(env, values[0])) || !get_int(env, values[1], &on))
    return NULL;
  return set(channel->fd, SOL_SOCKET, SO_BROADCAST, on != 0) ? NULL : throw_errno(env, errno, "SO_BROADCAST");
}
