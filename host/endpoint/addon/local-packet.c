/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of UNIX sockets, with room in front for the headers that the host writes.
 *
 * A datagram socket without a peer of its own has many peers. Each gets a port, by which the host sees the
 * sender of a message and names the receiver of another. The kernel knows a peer by its name; credentials
 * distinguish peers without a name, and these take no reply.
 *
 * A process may attach open descriptors to a message. They are closed here, or a stranger could exhaust ours.
 */
#include "local-packet.h"
#include "batch.h"
#include "channel.h"
#include "ip-socket.h"
#include "packet.h"
#include "values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/random.h>
#include <sys/un.h>

enum {
  BUCKETS = 4096,
  LAST_PORT = 65535,
  /* In place of the length of a message that is lost; the host has the same numbers. */
  LOST_TOO_LARGE = 0,
  LOST_TOO_MANY = 1,
  /* The headers and the message are one packet of IP, whose length has 16 bits. */
  MOST_BYTES = 65535,
};

struct peer {
  struct peer *next;
  struct sockaddr_un name;
  socklen_t size;
  struct ucred who;
  uint16_t port;
  time_t last;
};

struct packets {
  /* Bytes in front of a message. */
  uint32_t header;
  /* The most peers; 0 where the socket has one peer of its own. */
  uint32_t most;
  uint32_t count;
  /* The ports of its peers. */
  uint32_t first_port, last_port, next_port;
  uint32_t seed;
  struct peer *buckets[BUCKETS];
  struct peer *by_port[LAST_PORT + 1];
};

static void free_packets(void *own) {
  struct packets *packets = own;
  for (uint32_t port = 0; port <= LAST_PORT; port++) free(packets->by_port[port]);
  free(packets);
}

static bool has_name(const struct peer *peer) { return peer->size > sizeof(sa_family_t); }

static bool is_same(const struct peer *peer, const struct sockaddr_un *name, socklen_t size, const struct ucred *who) {
  if (peer->size != size) return false;
  return has_name(peer) ? !memcmp(&peer->name, name, size) : !memcmp(&peer->who, who, sizeof *who);
}

static void count_port(struct packets *packets) {
  packets->next_port = packets->next_port == packets->last_port ? packets->first_port : packets->next_port + 1;
}

static struct peer **bucket_of(struct packets *packets, const struct sockaddr_un *name, socklen_t size,
                               const struct ucred *who) {
  const bool named = size > sizeof(sa_family_t);
  const uint8_t *bytes = named ? (const uint8_t *)name : (const uint8_t *)who;
  uint32_t hash = packets->seed;
  for (socklen_t i = 0; i < (named ? size : sizeof *who); i++) hash = (hash ^ bytes[i]) * 16777619u;
  return &packets->buckets[(hash ^ hash >> 16) % BUCKETS];
}

/* The peer with this name, which may be new; NULL if there are too many. */
static struct peer *find_peer(struct packets *packets, const struct sockaddr_un *name, socklen_t size,
                              const struct ucred *who) {
  struct peer **bucket = bucket_of(packets, name, size, who);
  for (struct peer *peer = *bucket; peer; peer = peer->next)
    if (is_same(peer, name, size, who)) return peer;
  struct peer *peer = packets->count < packets->most ? calloc(1, sizeof *peer) : NULL;
  if (!peer) return NULL;
  while (packets->by_port[packets->next_port]) count_port(packets);
  peer->port = (uint16_t)packets->next_port;
  count_port(packets);
  memcpy(&peer->name, name, size);
  peer->size = size;
  peer->who = *who;
  peer->next = *bucket;
  *bucket = packets->by_port[peer->port] = peer;
  packets->count++;
  return peer;
}

static void forget_peer(struct packets *packets, struct peer *peer) {
  struct peer **at = bucket_of(packets, &peer->name, peer->size, &peer->who);
  while (*at != peer) at = &(*at)->next;
  *at = peer->next;
  packets->by_port[peer->port] = NULL;
  packets->count--;
  free(peer);
}

/* Takes the credentials, and closes descriptors that came along. */
static void take_controls(struct msghdr *message, struct ucred *who) {
  *who = (struct ucred){0, (uid_t)-1, (gid_t)-1};
  for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_SOCKET) continue;
    if (part->cmsg_type == SCM_CREDENTIALS && part->cmsg_len >= CMSG_LEN(sizeof *who))
      memcpy(who, CMSG_DATA(part), sizeof *who);
    if (part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      close(fd);
    }
  }
}

static time_t seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec;
}

static int read_packets(struct channel *channel) {
  struct batch *batch = channel->batch;
  struct packets *packets = channel->own;
  const uint32_t header = packets->header;
  const time_t now = seconds();
  uint8_t nothing;
  int count = receive_ip(channel, header);
  /* An error of a connection is its end. */
  if (!count && !packets->most && recv(channel->fd, &nothing, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno != EAGAIN) return -errno;
  for (int i = 0; i < count; i++) {
    struct msghdr *message = &batch->messages[i].msg_hdr;
    const uint32_t length = batch->messages[i].msg_len;
    struct ucred who;
    /* A message has credentials, also an empty one; the end of a connection has none. */
    if (!packets->most && !length && !message->msg_controllen) {
      return i ? i : -ECONNRESET;
    }
    take_controls(message, &who);
    batch->lengths[i] = LOST_TOO_LARGE;
    if ((message->msg_flags & MSG_TRUNC) || length > MOST_BYTES - header) continue;
    if (packets->most) {
      struct sockaddr_un *name = message->msg_name;
      socklen_t size = message->msg_namelen;
      if (size < sizeof(sa_family_t)) size = sizeof(sa_family_t), name->sun_family = AF_UNIX;
      if (size > sizeof *name) size = sizeof *name;
      struct peer *peer = find_peer(packets, name, size, &who);
      batch->lengths[i] = LOST_TOO_MANY;
      if (!peer) continue;
      peer->last = now;
      put16(batch->memory + batch->addresses[i] + header - 8, peer->port);
    }
    batch->lengths[i] = header + length;
  }
  return count;
}

/*
 * packetChannel(channel, header, peers, firstPort): messages of this socket become frames from now on, each
 * behind `header` bytes. With `peers` it is a datagram socket without a peer of its own, and takes so many,
 * with as many ports: that of the sender stands at the place of a UDP header at the end of `header`.
 */
napi_value packet_channel(napi_env env, napi_callback_info info) {
  napi_value values[4];
  struct channel *channel;
  int32_t header, peers, first;
  if (!arguments(env, info, 4, values) || !(channel = find_channel(env, values[0])) || !get_int(env, values[1], &header) ||
      !get_int(env, values[2], &peers) || !get_int(env, values[3], &first))
    return NULL;
  if (channel->own || channel->is_file || header < 8 || header > 128 || peers < 0 || first < 1 || first > LAST_PORT || peers > LAST_PORT + 1 - first)
    return throw_argument(env, "packetChannel: a socket, header, peers, port");
  struct packets *packets = calloc(1, sizeof *packets);
  if (!packets) return throw_errno(env, ENOMEM, "packetChannel");
  packets->header = (uint32_t)header;
  packets->most = (uint32_t)peers;
  packets->first_port = packets->next_port = (uint32_t)first;
  packets->last_port = (uint32_t)(first + peers - (peers > 0));
  if (getrandom(&packets->seed, sizeof packets->seed, GRND_NONBLOCK) != sizeof packets->seed) packets->seed = 2166136261u;
  channel->own = packets;
  channel->free_own = free_packets;
  channel->notifies = false;
  channel->read = read_packets;
  return set_option(channel->fd, SOL_SOCKET, SO_PASSCRED, 1) ? NULL : throw_errno(env, errno, "SO_PASSCRED");
}

/* A channel of packets; NULL after throwing. */
static struct channel *find_packets(napi_env env, napi_value id) {
  struct channel *channel = find_channel(env, id);
  if (channel && channel->read != read_packets) {
    throw_argument(env, "not a channel of packets");
    return NULL;
  }
  return channel;
}

/* sendPacket(channel, address, length, port) → 0, or a negative errno. The port is that of a peer, or 0. */
napi_value send_packet(napi_env env, napi_callback_info info) {
  napi_value values[4];
  struct channel *channel;
  int32_t address, length, port;
  if (!arguments(env, info, 4, values) || !(channel = find_packets(env, values[0])) || !get_int(env, values[1], &address) ||
      !get_int(env, values[2], &length) || !get_int(env, values[3], &port))
    return NULL;
  if (length < 0 || port < 0 || port > LAST_PORT || !in_memory(channel->batch, (uint32_t)address, (uint32_t)length))
    return throw_argument(env, "sendPacket: address, length, port");
  struct packets *packets = channel->own;
  const struct peer *peer = packets->most ? packets->by_port[port] : NULL;
  if (packets->most && (!peer || !has_name(peer))) return make_int(env, -ENOTCONN);
  const void *bytes = channel->batch->memory + (uint32_t)address;
  ssize_t sent;
  do sent = sendto(channel->fd, bytes, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL, peer ? (const struct sockaddr *)&peer->name : NULL, peer ? peer->size : 0);
  while (sent < 0 && errno == EINTR);
  return make_int(env, sent < 0 ? -errno : 0);
}

/* packetPeer(channel, port) → { pid, uid, gid, named }: the credentials of the first message of this peer. */
napi_value packet_peer(napi_env env, napi_callback_info info) {
  napi_value values[2], made;
  struct channel *channel;
  int32_t port;
  if (!arguments(env, info, 2, values) || !(channel = find_packets(env, values[0])) || !get_int(env, values[1], &port) ||
      napi_create_object(env, &made) != napi_ok)
    return NULL;
  const struct packets *packets = channel->own;
  const struct peer *peer = port >= 0 && port <= LAST_PORT ? packets->by_port[port] : NULL;
  if (!peer) return throw_argument(env, "no such peer");
  set_int(env, made, "pid", peer->who.pid);
  set_int(env, made, "uid", (int32_t)peer->who.uid);
  set_int(env, made, "gid", (int32_t)peer->who.gid);
  set_int(env, made, "named", has_name(peer));
  return made;
}

/* expirePeers(channel, seconds) → the ports of the peers that were silent for so long. They are forgotten. */
napi_value expire_peers(napi_env env, napi_callback_info info) {
  napi_value values[2], made;
  struct channel *channel;
  int32_t idle;
  if (!arguments(env, info, 2, values) || !(channel = find_packets(env, values[0])) || !get_int(env, values[1], &idle) ||
      napi_create_array(env, &made) != napi_ok)
    return NULL;
  struct packets *packets = channel->own;
  const time_t before = seconds() - idle;
  uint32_t count = 0;
  for (uint32_t port = packets->first_port; port <= packets->last_port && packets->count; port++) {
    struct peer *peer = packets->by_port[port];
    if (!peer || peer->last >= before) continue;
    napi_set_element(env, made, count++, make_int(env, (int32_t)port));
    forget_peer(packets, peer);
  }
  return made;
}

/* forgetPeer(channel, port): its next message is that of a new peer. */
napi_value forget_peer_call(napi_env env, napi_callback_info info) {
  napi_value values[2];
  struct channel *channel;
  int32_t port;
  if (!arguments(env, info, 2, values) || !(channel = find_packets(env, values[0])) || !get_int(env, values[1], &port)) return NULL;
  struct packets *packets = channel->own;
  if (port >= 0 && port <= LAST_PORT && packets->by_port[port]) forget_peer(packets, packets->by_port[port]);
  return NULL;
}
