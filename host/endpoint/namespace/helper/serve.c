/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of the Funnel. They come one at a time, each with its reply; a malformed request is refused, never
 * obeyed in part. */
#include "helper.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOON_MS = 20 };

struct message {
  union {
    struct request_head request;
    struct reply_head reply;
  } head;
  char payload[MAX_PAYLOAD + 1];
};

static struct message message;

static void reply(int error, int value, const char *text, size_t length, int fd) {
  struct reply_head head = {.error = error, .value = value};
  struct iovec vectors[2] = {{&head, sizeof head}, {(void *)text, length}};
  union {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control = {0};
  struct msghdr datagram = {.msg_iov = vectors, .msg_iovlen = 2};
  if (fd >= 0) {
    datagram.msg_control = control.bytes;
    datagram.msg_controllen = sizeof control.bytes;
    struct cmsghdr *rights = CMSG_FIRSTHDR(&datagram);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  }
  /* A Funnel that is gone is noticed when the next request is read. */
  sendmsg(CONTROL_FD, &datagram, MSG_NOSIGNAL);
  if (fd >= 0) close(fd);
}

void say_hello(int error, const char *step) { reply(error, 0, step, strlen(step), -1); }

/* The value of the reply shows which of the two calls failed: 1 is opening /dev/net/tun. */
static void open_tun(int flags, const char *name) {
  struct ifreq request = {0};
  if (strlen(name) >= sizeof request.ifr_name) return reply(EINVAL, 0, "", 0, -1);
  strcpy(request.ifr_name, name);
  request.ifr_flags = (short)flags;
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return reply(errno, 1, "", 0, -1);
  if (ioctl(fd, TUNSETIFF, &request)) {
    int error = errno;
    close(fd);
    return reply(error, 0, "", 0, -1);
  }
  char made[IFNAMSIZ];
  strcpy(made, request.ifr_name);
  int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;
  if (control < 0 || ioctl(control, SIOCGIFINDEX, &request)) error = errno;
  if (control >= 0) close(control);
  if (error) {
    close(fd);
    return reply(error, 0, "", 0, -1);
  }
  reply(0, request.ifr_ifindex, made, strlen(made), fd);
}

/* Sets the options that stand behind the port. Returns an errno, 0 for none. */
static int set_options(int fd, int family, bool is_stream_to_bind, const char *option, const char *end) {
  bool six_only = false, reuse = is_stream_to_bind;
  const int on = 1;
  for (; option < end; option += strlen(option) + 1) {
    if (!strcmp(option, "six-only")) six_only = true;
    else if (!strcmp(option, "reuse")) reuse = true;
    else if (!strcmp(option, "transparent")) {
      if (family == AF_INET6 ? setsockopt(fd, SOL_IPV6, IPV6_TRANSPARENT, &on, sizeof on)
                             : setsockopt(fd, SOL_IP, IP_TRANSPARENT, &on, sizeof on))
        return errno;
    } else if (!strncmp(option, "device=", 7)) {
      if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, option + 7, (socklen_t)strlen(option + 7))) return errno;
    } else return EINVAL;
  }
  if (reuse && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on)) return errno;
  const int only = six_only;
  if (family == AF_INET6 && setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &only, sizeof only)) return errno;
  return 0;
}

/* Binds or connects, by the payload. Returns an errno, 0 for none. */
static int use_socket(int fd, int family, int type, const char *text, size_t size) {
  const char *address = text + strlen(text) + 1, *end = text + size;
  const char *port = address < end ? address + strlen(address) + 1 : end;
  if (port >= end) return EINVAL;
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port))};
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  const struct sockaddr *name = family == AF_INET6 ? (struct sockaddr *)&six : (struct sockaddr *)&four;
  const socklen_t length = family == AF_INET6 ? sizeof six : sizeof four;
  const bool is_bound = !strcmp(text, "bind");
  int failure = set_options(fd, family, is_bound && type == SOCK_STREAM, port + strlen(port) + 1, end);
  if (failure || !strcmp(text, "open")) return failure;
  if (inet_pton(family, address, family == AF_INET6 ? (void *)&six.sin6_addr : (void *)&four.sin_addr) != 1) return EINVAL;
  if (is_bound) return bind(fd, name, length) ? errno : 0;
  if (strcmp(text, "connect")) return EINVAL;
  if (!connect(fd, name, length)) return 0;
  if (errno != EINPROGRESS) return errno;
  /* The loopback refuses at once, but reports it a moment later; this does not wait for a listener whose
   * queue is full. */
  struct pollfd soon = {.fd = fd, .events = POLLOUT};
  int error = 0;
  socklen_t size_of_error = sizeof error;
  if (poll(&soon, 1, SOON_MS) > 0) getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size_of_error);
  return error;
}

static void open_socket(const struct request_head *head, const char *payload, size_t size) {
  int fd = socket(head->a, head->b | SOCK_CLOEXEC | (size ? SOCK_NONBLOCK : 0), head->c);
  int error = fd < 0 ? errno : size ? use_socket(fd, head->a, head->b, payload, size) : 0;
  if (error && fd >= 0) close(fd);
  reply(error, 0, "", 0, error ? -1 : fd);
}

static int set_variable(const char *name, const char *value) {
  char path[256];
  if (strstr(name, "..") || snprintf(path, sizeof path, "/proc/sys/%s", name) >= (int)sizeof path) return EINVAL;
  int fd = open(path, O_WRONLY | O_CLOEXEC), error = 0;
  if (fd < 0) return errno;
  if (write(fd, value, strlen(value)) < 0) error = errno;
  close(fd);
  return error;
}

bool serve_request(void) {
  struct iovec vectors[2] = {{&message.head, sizeof message.head.request}, {message.payload, MAX_PAYLOAD}};
  struct msghdr datagram = {.msg_iov = vectors, .msg_iovlen = 2};
  ssize_t length = recvmsg(CONTROL_FD, &datagram, MSG_CMSG_CLOEXEC);
  if (length < 0) return errno == EINTR || errno == EAGAIN;
  if (length == 0) return false;
  if ((size_t)length < sizeof(struct request_head) || (datagram.msg_flags & MSG_TRUNC)) {
    reply(EMSGSIZE, 0, "", 0, -1);
    return true;
  }
  const size_t size = (size_t)length - sizeof(struct request_head);
  message.payload[size] = 0;
  const struct request_head head = message.head.request;
  /* If there are two texts, the second begins behind the first NUL. */
  const char *second = message.payload + strlen(message.payload) + 1;
  const bool has_second = second <= message.payload + size;
  switch (head.kind) {
  case REQUEST_TUN:
    open_tun(head.a, message.payload);
    break;
  case REQUEST_SOCKET:
    open_socket(&head, message.payload, size);
    break;
  case REQUEST_FILE:
    reply(has_second ? replace_file(message.payload, second, (size_t)(message.payload + size - second)) : EINVAL, 0, "", 0,
          -1);
    break;
  case REQUEST_HIDE:
    reply(hide_folder(message.payload), 0, "", 0, -1);
    break;
  case REQUEST_SYSCTL:
    reply(has_second ? set_variable(message.payload, second) : EINVAL, 0, "", 0, -1);
    break;
  case REQUEST_TOOL: {
    static char output[8192];
    size_t written = 0;
    int status = 0;
    int error = run_tool(head.a, message.payload, size, output, &written, &status);
    written = sizeof output < written ? sizeof output : written;
    reply(error, status, output, written, -1);
    break;
  }
  case REQUEST_RUN: {
    pid_t pid = 0;
    int error = start_command(head.a, &pid);
    reply(error, pid, "", 0, -1);
    break;
  }
  case REQUEST_SIGNAL:
    reply(signal_command(head.a), 0, "", 0, -1);
    break;
  default:
    reply(ENOSYS, 0, "", 0, -1);
  }
  return true;
}
