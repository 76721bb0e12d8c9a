/* SPDX-License-Identifier: Apache-2.0 */
/* Opens UDP sockets that pass the fields of the IP header in both directions (ip(7), ipv6(7)). */
#include "udp.h"
#include "batch.h"
#include "channel.h"
#include "handover.h"
#include "instance.h"
#include "ip-socket.h"
#include "limits.h"
#include "packet.h"
#include "values.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <net/if.h>

/*
 * openUdp(batch, { family: 4 | 6, address, port, device, group, reuse, broadcast, fragment, offload, key }) →
 * { channel, port }. An empty address is any; for port 0 the system chooses; an empty device or group is
 * none. If an earlier lane left a socket under this key, this returns that open socket.
 */
napi_value open_udp(napi_env env, napi_callback_info info) {
  napi_value values[2], made;
  struct batch *batch;
  struct ip_options options = {0};
  const char *what = "socket";
  unsigned int device = 0;
  int32_t offload;
  char key[MAX_KEY_BYTES], *note = NULL;
  if (!arguments(env, info, 2, values) || !(batch = find_batch(env, values[0])) ||
      !named_int(env, values[1], "family", &options.family) || !named_int(env, values[1], "port", &options.port) ||
      !named_int(env, values[1], "reuse", &options.reuse) ||
      !named_int(env, values[1], "broadcast", &options.broadcast) ||
      !named_int(env, values[1], "fragment", &options.fragment) ||
      !named_int(env, values[1], "offload", &offload) || !named_text(env, values[1], "address", options.address, sizeof options.address) ||
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
    error = fd < 0 ? errno : bind_ip_socket(fd, &options, device, &what);
  }
  if (error) {
    if (fd >= 0) close(fd);
    return throw_errno(env, error, what);
  }
  struct sockaddr_in6 bound = {0};
  socklen_t size = sizeof bound;
  getsockname(fd, (struct sockaddr *)&bound, &size);
  struct channel *channel = add_channel(env, batch, fd);
  if (!channel) {
    free(note);
    return NULL;
  }
  channel->read = options.family == AF_INET ? read_udp4 : read_udp6;
  channel->read_errors = options.family == AF_INET ? read_ip4_errors : read_ip6_errors;
  /* The port is at the same offset in the addresses of both families. */
  channel->port = ntohs(bound.sin6_port);
  channel->protocol = IPPROTO_UDP;
  channel->header = UDP_HEADER;
  channel->most_segment = offload ? MOST_DATAGRAM : 0;
  describe_ip_socket(channel, options.family, device);
  if (napi_create_object(env, &made) != napi_ok || !name_channel(env, channel, key, note, made)) return NULL;
  set_int(env, made, "channel", channel->id);
  set_int(env, made, "port", channel->port);
  return made;
}

/*
 * adoptUdp(batch, { descriptor, fragment, offload }) → { channel, port, family, dual }: a UDP socket that
 * another program opened and bound, such as systemd. `dual` is 1 for an IPv6 socket that carries IPv4, too.
 * Its errors about IPv4 do not come.
 */
napi_value adopt_udp(napi_env env, napi_callback_info info) {
  napi_value values[2], made;
  struct batch *batch;
  struct ip_options options = {0};
  int32_t fd, offload;
  struct sockaddr_in6 bound = {0};
  socklen_t size = sizeof bound;
  if (!arguments(env, info, 2, values) || !(batch = find_batch(env, values[0])) ||
      !named_int(env, values[1], "descriptor", &fd) || !named_int(env, values[1], "fragment", &options.fragment) ||
      !named_int(env, values[1], "offload", &offload))
    return NULL;
  if (getsockname(fd, (struct sockaddr *)&bound, &size)) return throw_errno(env, errno, "getsockname");
  options.family = bound.sin6_family;
  if (options.family != AF_INET && options.family != AF_INET6) return throw_errno(env, EAFNOSUPPORT, "getsockname");
  int only = 1;
  size = sizeof only;
  if (options.family == AF_INET6) getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &size);
  int flags = fcntl(fd, F_GETFL), error = flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) ? errno : 0;
  if (error || (error = set_ip_options(fd, &options, !only))) return throw_errno(env, error, "setsockopt");
  struct channel *channel = add_channel(env, batch, fd);
  if (!channel || napi_create_object(env, &made) != napi_ok) return NULL;
  channel->read = options.family == AF_INET ? read_udp4 : read_udp6;
  channel->read_errors = options.family == AF_INET ? read_ip4_errors : read_ip6_errors;
  channel->port = ntohs(bound.sin6_port);
  channel->protocol = IPPROTO_UDP;
  channel->header = UDP_HEADER;
  describe_ip_socket(channel, options.family, 0);
  channel->dual = !only;
  channel->most_segment = offload ? MOST_DATAGRAM : 0;
  set_int(env, made, "channel", channel->id);
  set_int(env, made, "port", channel->port);
  set_int(env, made, "family", options.family == AF_INET ? 4 : 6);
  set_int(env, made, "dual", !only);
  return made;
}

/* shareUdp(channel, on): sets whether another socket may be bound to the same port, if that one permits it
 * too. */
napi_value share_udp(napi_env env, napi_callback_info info) {
  napi_value values[2];
  struct channel *channel;
  int32_t on;
  if (!arguments(env, info, 2, values) || !(channel = find_channel(env, values[0])) || !get_int(env, values[1], &on))
    return NULL;
  return set_option(channel->fd, SOL_SOCKET, SO_REUSEADDR, on != 0) ? NULL : throw_errno(env, errno, "SO_REUSEADDR");
}

/* setBroadcast(channel, on): for a socket that another endpoint opened. */
napi_value set_broadcast(napi_env env, napi_callback_info info) {
  napi_value values[2];
  struct channel *channel;
  int32_t on;
  if (!arguments(env, info, 2, values) || !(channel = find_channel(env, values[0])) || !get_int(env, values[1], &on))
    return NULL;
  return set_option(channel->fd, SOL_SOCKET, SO_BROADCAST, on != 0) ? NULL : throw_errno(env, errno, "SO_BROADCAST");
}
