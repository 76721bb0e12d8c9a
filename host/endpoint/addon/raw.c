/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw sockets deliver IPv4 packets with their headers. They deliver IPv6 packets without headers, so this
 * file rebuilds the IPv6 header from the ancillary data. Extension headers are lost, and the next header is
 * the socket's protocol.
 */
#include "raw.h"
#include "batch.h"
#include "channel.h"
#include "handover.h"
#include "instance.h"
#include "ip-socket.h"
#include "limits.h"
#include "packet.h"
#include "udp.h"
#include "values.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int read_raw4(struct channel *channel) {
  int count = receive_ip(channel, 0);
  for (int i = 0; i < count; i++) channel->batch->lengths[i] = channel->batch->messages[i].msg_len;
  return count;
}

static int read_raw6(struct channel *channel) {
  struct batch *batch = channel->batch;
  int count = receive_ip(channel, IPV6_HEADER);
  for (int i = 0; i < count; i++) {
    struct msghdr *message = &batch->messages[i].msg_hdr;
    const struct sockaddr_in6 *from = message->msg_name;
    uint32_t payload = batch->messages[i].msg_len;
    uint8_t *at = batch->memory + batch->addresses[i];
    write_ipv6_header(message, from, payload, channel->protocol, at);
    batch->lengths[i] = IPV6_HEADER + payload;
  }
  return count;
}

/*
 * openRaw(batch, { family: 4 | 6, protocol, address, device, broadcast, key }) → { channel }. An empty
 * address is any, an empty device is none. If an earlier lane left a socket under this key, this returns that
 * open socket.
 */
napi_value open_raw(napi_env env, napi_callback_info info) {
  napi_value values[2], made;
  struct batch *batch;
  struct ip_options options = {.raw = true, .fragment = 1};
  int32_t protocol;
  const char *what = "socket";
  unsigned int device = 0;
  char key[MAX_KEY_BYTES], *note = NULL;
  if (!arguments(env, info, 2, values) || !(batch = find_batch(env, values[0])) ||
      !named_int(env, values[1], "family", &options.family) || !named_int(env, values[1], "protocol", &protocol) ||
      !named_int(env, values[1], "broadcast", &options.broadcast) ||
      !named_text(env, values[1], "address", options.address, sizeof options.address) ||
      !named_text(env, values[1], "device", options.device, sizeof options.device) ||
      !key_of(env, values[1], key, sizeof key))
    return NULL;
  if ((options.family != 4 && options.family != 6) || protocol < 1 || protocol > 254)
    return throw_argument(env, "family, protocol");
  options.family = options.family == 4 ? AF_INET : AF_INET6;
  if (*options.device && !(device = if_nametoindex(options.device))) return throw_errno(env, ENODEV, options.device);
  int error = 0;
  int fd = inherit(instance_of(env)->handover, key, &note);
  if (fd < 0) {
    fd = socket(options.family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    error = fd < 0 ? errno : bind_ip_socket(fd, &options, device, &what);
  }
  if (error) {
    if (fd >= 0) close(fd);
    return throw_errno(env, error, what);
  }
  struct channel *channel = add_channel(env, batch, fd);
  if (!channel) {
    free(note);
    return NULL;
  }
  channel->read = options.family == AF_INET ? read_raw4 : read_raw6;
  channel->read_errors = options.family == AF_INET ? read_ip4_errors : read_ip6_errors;
  channel->protocol = (uint8_t)protocol;
  describe_ip_socket(channel, options.family, device);
  if (napi_create_object(env, &made) != napi_ok || !name_channel(env, channel, key, note, made)) return NULL;
  set_int(env, made, "channel", channel->id);
  return made;
}
