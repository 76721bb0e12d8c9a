/* SPDX-License-Identifier: Apache-2.0 */
#include "stream.h"
#include "batch.h"
#include "channel.h"
#include "handover.h"
#include "instance.h"
#include "limits.h"
#include "values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

enum {
  /* The system bounds it by net.core.somaxconn. */
  BACKLOG = 4096,
  /* A connection whose peer is gone ends after the idle time and this many probes, ten seconds apart. */
  PROBES = 5,
  PROBE_SECONDS = 10,
  /*
   * Descriptors that streams leave to the rest of the process: files, its control socket, the loops of
   * threads. If the limit is low, they leave half. descriptor-reserve.ts has the same for ports.
   */
  RESERVED_DESCRIPTORS = 256,
};

union address {
  struct sockaddr any;
  struct sockaddr_in four;
  struct sockaddr_in6 six;
  struct sockaddr_un path;
};

static bool set(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

/*
 * An address of an options object: { family, ADDRESS, PORT, device }. Family is 4 or 6, or UNIX: 1 for a
 * stream, 2 for datagrams, 3 for sequenced packets. Then ADDRESS is a path, or begins with @ for an abstract
 * name. Returns its size; 0 after throwing.
 */
static socklen_t get_address(napi_env env, napi_value options, const char *address_name, const char *port_name,
                             union address *into) {
  int32_t family, port = 0;
  char text[sizeof into->path.sun_path + 1], device[IF_NAMESIZE];
  memset(into, 0, sizeof *into);
  if (!named_int(env, options, "family", &family) || !named_int(env, options, port_name, &port) ||
      !named_text(env, options, address_name, text, sizeof text) ||
      !named_text(env, options, "device", device, sizeof device))
    return 0;
  if (family >= 1 && family <= 3) {
    size_t length = strlen(text);
    into->path.sun_family = AF_UNIX;
    if (!length || length > sizeof into->path.sun_path - 1) {
      throw_argument(env, "a path has 1 to 107 bytes");
      return 0;
    }
    memcpy(into->path.sun_path, text, length);
    if (*text != '@') return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    into->path.sun_path[0] = 0;
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
  }
  if (port < 0 || port > 0xffff || (family != 4 && family != 6)) {
    throw_argument(env, "family, port");
    return 0;
  }
  if (family == 4) {
    into->four.sin_family = AF_INET;
    into->four.sin_port = htons((uint16_t)port);
    if (!*text || inet_pton(AF_INET, text, &into->four.sin_addr) == 1) return sizeof into->four;
  } else {
    into->six.sin6_family = AF_INET6;
    into->six.sin6_port = htons((uint16_t)port);
    if (!*text || inet_pton(AF_INET6, text, &into->six.sin6_addr) == 1) {
      if (*device && (IN6_IS_ADDR_LINKLOCAL(&into->six.sin6_addr)))
        into->six.sin6_scope_id = if_nametoindex(device);
      return sizeof into->six;
    }
  }
  throw_argument(env, address_name);
  return 0;
}

/* Options of a TCP connection. None of them is vital. */
static void set_tcp(int fd, int idle_seconds) {
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (idle_seconds <= 0) return;
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle_seconds);
  set(fd, IPPROTO_TCP, TCP_KEEPINTVL, PROBE_SECONDS);
  set(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
}

static bool bind_device(int fd, napi_env env, napi_value options, int *error) {
  char device[IF_NAMESIZE];
  *error = 0;
  if (!named_text(env, options, "device", device, sizeof device)) return false;
  if (*device && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device))) *error = errno;
  return true;
}

/* The type of socket for an options object whose address was read; see get_address. */
static int type_of(napi_env env, napi_value options) {
  int32_t family = 0;
  named_int(env, options, "family", &family);
  return family == 2 ? SOCK_DGRAM : family == 3 ? SOCK_SEQPACKET : SOCK_STREAM;
}

/* The lowest free descriptor shows how many are left. */
static bool is_short_of_descriptors(void) {
  struct rlimit limit;
  int lowest = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
  if (lowest < 0) return errno == EMFILE;
  close(lowest);
  if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == RLIM_INFINITY) return false;
  rlim_t reserved = limit.rlim_cur / 2 < RESERVED_DESCRIPTORS ? limit.rlim_cur / 2 : RESERVED_DESCRIPTORS;
  return (rlim_t)lowest + reserved >= limit.rlim_cur;
}

static struct channel *add_stream(napi_env env, struct batch *batch, int fd) {
  struct channel *channel = add_channel(env, batch, fd);
  if (!channel) return NULL;
  channel->notifies = true;
  channel->events = 0;
  return channel;
}

/*
 * listenStream(batch, { family, address, port, device, key }) → { channel }. If an earlier lane left a socket
 * under this key, this returns that open socket.
 */
napi_value listen_stream(napi_env env, napi_callback_info info) {
  napi_value values[2], made;
  struct batch *batch;
  union address address;
  socklen_t size;
  char key[MAX_KEY_BYTES], *note = NULL;
  const char *what = "socket";
  int error = 0;
  if (!arguments(env, info, 2, values) || !(batch = find_batch(env, values[0])) ||
      !(size = get_address(env, values[1], "address", "port", &address)) || !key_of(env, values[1], key, sizeof key))
    return NULL;
  int fd = inherit(instance_of(env)->handover, key, &note);
  if (fd < 0) {
    const int type = type_of(env, values[1]);
    fd = socket(address.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return throw_errno(env, errno, what);
    if (address.any.sa_family != AF_UNIX) {
      /* Connections of an earlier process that linger do not keep the port. */
      set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
      if (address.any.sa_family == AF_INET6) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
      what = "SO_BINDTODEVICE";
      if (!bind_device(fd, env, values[1], &error)) {
        close(fd);
        return NULL;
      }
    } else {
      /* The owner of the path opens it to others when it is there: never the other way round. */
      fchmod(fd, 0600);
    }
    if (!error && (what = "bind", bind(fd, &address.any, size))) error = errno;
    if (!error && type != SOCK_DGRAM && (what = "listen", listen(fd, BACKLOG))) error = errno;
    if (error) {
      close(fd);
      return throw_errno(env, error, what);
    }
  }
  struct channel *channel = add_stream(env, batch, fd);
  if (!channel) {
    free(note);
    return NULL;
  }
  if (napi_create_object(env, &made) != napi_ok || !name_channel(env, channel, key, note, made)) return NULL;
  set_int(env, made, "channel", channel->id);
  return made;
}

/*
 * connectStream(batch, { family, address, port, localAddress, localPort, device, idleSeconds }) → channel. It
 * is writable when it is connected or has failed: see streamError.
 */
napi_value connect_stream(napi_env env, napi_callback_info info) {
  napi_value values[2];
  struct batch *batch;
  union address to, from = {0};
  socklen_t size;
  int32_t idle, error = 0;
  const char *what = "socket";
  if (!arguments(env, info, 2, values) || !(batch = find_batch(env, values[0])) ||
      !(size = get_address(env, values[1], "address", "port", &to)) ||
      !named_int(env, values[1], "idleSeconds", &idle))
    return NULL;
  if (is_short_of_descriptors()) return throw_errno(env, EMFILE, what);
  const int type = type_of(env, values[1]);
  int fd = socket(to.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return throw_errno(env, errno, what);
  if (to.any.sa_family != AF_UNIX) {
    set_tcp(fd, idle);
    socklen_t own = get_address(env, values[1], "localAddress", "localPort", &from);
    what = "SO_BINDTODEVICE";
    if (!own || !bind_device(fd, env, values[1], &error)) {
      close(fd);
      return NULL;
    }
    const bool binds = from.any.sa_family == AF_INET
                           ? from.four.sin_port || from.four.sin_addr.s_addr
                           : from.six.sin6_port || !IN6_IS_ADDR_UNSPECIFIED(&from.six.sin6_addr);
    if (!error && binds) {
      what = "bind";
      set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
      /* Without a port, the system chooses it for the whole connection, and not before. */
      if (from.any.sa_family == AF_INET ? !from.four.sin_port : !from.six.sin6_port)
        set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
      if (bind(fd, &from.any, own)) error = errno;
    }
  } else if (type == SOCK_DGRAM) {
    /* Only a socket with a name gets replies: the system chooses one. */
    what = "bind";
    if (bind(fd, &to.any, sizeof to.any.sa_family)) error = errno;
  }
  if (!error) {
    int done;
    what = "connect";
    do done = connect(fd, &to.any, size);
    while (done < 0 && errno == EINTR);
    if (done < 0 && errno != EINPROGRESS) error = errno;
  }
  if (error) {
    close(fd);
    return throw_errno(env, error, what);
  }
  struct channel *channel = add_stream(env, batch, fd);
  return channel ? make_int(env, channel->id) : NULL;
}

/*
 * adoptStream(batch, descriptor, key) → channel: a descriptor that the process has. From now on it belongs to
 * the addon. A lane that follows finds it under the key: see inheritStream. With an empty key it is closed.
 */
napi_value adopt_stream(napi_env env, napi_callback_info info) {
  napi_value values[3], made;
  struct batch *batch;
  char key[MAX_KEY_BYTES];
  int32_t fd;
  if (!arguments(env, info, 3, values) || !(batch = find_batch(env, values[0])) || !get_int(env, values[1], &fd) ||
      !get_text(env, values[2], key, sizeof key))
    return NULL;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC))
    return throw_errno(env, errno, "fcntl");
  struct channel *channel = add_stream(env, batch, fd);
  if (!channel || napi_create_object(env, &made) != napi_ok || !name_channel(env, channel, key, NULL, made)) return NULL;
  return make_int(env, channel->id);
}

/* inheritStream(key) → the descriptor that an earlier lane left under this key; -1 for none. */
napi_value inherit_stream(napi_env env, napi_callback_info info) {
  napi_value value;
  char key[MAX_KEY_BYTES], *note = NULL;
  if (!arguments(env, info, 1, &value) || !get_text(env, value, key, sizeof key)) return NULL;
  int fd = inherit(instance_of(env)->handover, key, &note);
  free(note);
  return make_int(env, fd);
}

/* accept(listener, idleSeconds) → a channel, or a negative errno; -EAGAIN when no connection waits. */
napi_value accept_stream(napi_env env, napi_callback_info info) {
  napi_value values[2];
  struct channel *listener;
  int32_t idle;
  if (!arguments(env, info, 2, values) || !(listener = find_channel(env, values[0])) || !get_int(env, values[1], &idle))
    return NULL;
  union address from;
  socklen_t size = sizeof from;
  int fd;
  if (is_short_of_descriptors()) return make_int(env, -EMFILE);
  /* A connection that ended while it waited is not an error. */
  do fd = accept4(listener->fd, &from.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
  if (fd < 0) return make_int(env, -errno);
  if (from.any.sa_family != AF_UNIX) set_tcp(fd, idle);
  struct channel *channel = add_stream(env, listener->batch, fd);
  return channel ? make_int(env, channel->id) : NULL;
}

static void set_name(napi_env env, napi_value made, const char *address_name, const char *port_name,
                     const union address *address) {
  char text[INET6_ADDRSTRLEN] = "";
  int port = 0;
  if (address->any.sa_family == AF_INET) {
    inet_ntop(AF_INET, &address->four.sin_addr, text, sizeof text);
    port = ntohs(address->four.sin_port);
  } else if (address->any.sa_family == AF_INET6) {
    inet_ntop(AF_INET6, &address->six.sin6_addr, text, sizeof text);
    port = ntohs(address->six.sin6_port);
  }
  set_text(env, made, address_name, text);
  set_int(env, made, port_name, port);
}

/*
 * streamNames(channel) → { localAddress, localPort, address, port, pid, uid, gid }. Addresses are empty for
 * UNIX sockets; the peer's credentials are -1 for others.
 */
napi_value stream_names(napi_env env, napi_callback_info info) {
  napi_value id, made;
  struct channel *channel;
  union address name = {0};
  socklen_t size = sizeof name;
  if (!arguments(env, info, 1, &id) || !(channel = find_channel(env, id)) || napi_create_object(env, &made) != napi_ok)
    return NULL;
  getsockname(channel->fd, &name.any, &size);
  set_name(env, made, "localAddress", "localPort", &name);
  const bool is_unix = name.any.sa_family == AF_UNIX;
  memset(&name, 0, sizeof name);
  size = sizeof name;
  getpeername(channel->fd, &name.any, &size);
  set_name(env, made, "address", "port", &name);
  struct ucred peer = {-1, (uid_t)-1, (gid_t)-1};
  socklen_t peer_size = sizeof peer;
  if (is_unix) getsockopt(channel->fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_size);
  set_int(env, made, "pid", peer.pid);
  set_int(env, made, "uid", (int32_t)peer.uid);
  set_int(env, made, "gid", (int32_t)peer.gid);
  return made;
}

/* streamError(channel) → the errno that waits in the socket; 0 for none, so it is connected. */
napi_value stream_error(napi_env env, napi_callback_info info) {
  napi_value id;
  struct channel *channel;
  int error = 0;
  socklen_t size = sizeof error;
  if (!arguments(env, info, 1, &id) || !(channel = find_channel(env, id))) return NULL;
  if (getsockopt(channel->fd, SOL_SOCKET, SO_ERROR, &error, &size)) error = errno;
  return make_int(env, error);
}

/*
 * readStream(channel, slots, most) → bytes; 0 at the end of the stream, or a negative errno. Fills the first
 * `slots` slots in turn, `room` bytes each, with at most `most` bytes in all.
 */
napi_value read_stream(napi_env env, napi_callback_info info) {
  napi_value values[3];
  struct channel *channel;
  int32_t slots, most;
  if (!arguments(env, info, 3, values) || !(channel = find_channel(env, values[0])) ||
      !get_int(env, values[1], &slots) || !get_int(env, values[2], &most))
    return NULL;
  struct batch *batch = channel->batch;
  if (slots < 1 || (uint32_t)slots > batch->slots || most < 1) return throw_argument(env, "readStream: slots, most");
  int used = 0;
  for (uint32_t left = (uint32_t)most; used < slots && left; used++) {
    uint32_t length = left < batch->lengths[used] ? left : batch->lengths[used];
    if (!in_memory(batch, batch->addresses[used], length)) return throw_argument(env, "readStream: addresses");
    batch->vectors[used] = (struct iovec){batch->memory + batch->addresses[used], length};
    left -= length;
  }
  ssize_t length;
  do length = readv(channel->fd, batch->vectors, used);
  while (length < 0 && errno == EINTR);
  return make_int(env, length < 0 ? -errno : (int32_t)length);
}

/* writeStream(channel, count) → bytes written of the first `count` outgoing pieces, or a negative errno. */
napi_value write_stream(napi_env env, napi_callback_info info) {
  napi_value values[2];
  struct channel *channel;
  int32_t count;
  if (!arguments(env, info, 2, values) || !(channel = find_channel(env, values[0])) || !get_int(env, values[1], &count))
    return NULL;
  struct batch *batch = channel->batch;
  if (count < 1 || (uint32_t)count > batch->slots) return throw_argument(env, "more pieces than slots");
  for (int32_t i = 0; i < count; i++) {
    if (!in_memory(batch, batch->out_addresses[i], batch->out_lengths[i]))
      return throw_argument(env, "writeStream: addresses");
    batch->vectors[i] = (struct iovec){batch->memory + batch->out_addresses[i], batch->out_lengths[i]};
  }
  ssize_t length;
  /* Node ignores SIGPIPE, so a reader that is gone is EPIPE. */
  do length = writev(channel->fd, batch->vectors, count);
  while (length < 0 && errno == EINTR);
  return make_int(env, length < 0 ? -errno : (int32_t)length);
}

/* endStream(channel): ends the stream; the peer reads the end behind all written bytes. */
napi_value end_stream(napi_env env, napi_callback_info info) {
  napi_value id;
  struct channel *channel;
  if (arguments(env, info, 1, &id) && (channel = find_channel(env, id))) shutdown(channel->fd, SHUT_WR);
  return NULL;
}

/* resetStream(channel): closes it, and the peer of a TCP connection gets a reset. */
napi_value reset_stream(napi_env env, napi_callback_info info) {
  napi_value id;
  struct channel *channel;
  if (!arguments(env, info, 1, &id) || !(channel = find_channel(env, id))) return NULL;
  struct linger linger = {.l_onoff = 1};
  setsockopt(channel->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close_channel(channel);
  return NULL;
}
