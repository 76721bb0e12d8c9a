/* SPDX-License-Identifier: Apache-2.0 */
#include "terminal.h"
#include "channel.h"
#include "values.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static const struct {
  int32_t baud;
  speed_t speed;
} SPEEDS[] = {
    {1200, B1200},       {2400, B2400},       {4800, B4800},       {9600, B9600},       {19200, B19200},
    {38400, B38400},     {57600, B57600},     {115200, B115200},   {230400, B230400},   {460800, B460800},
    {500000, B500000},   {576000, B576000},   {921600, B921600},   {1000000, B1000000}, {1152000, B1152000},
    {1500000, B1500000}, {2000000, B2000000}, {2500000, B2500000}, {3000000, B3000000}, {3500000, B3500000},
    {4000000, B4000000},
};

/* Makes each byte pass unchanged. Returns an errno; EINVAL for a speed that no line has. With baud 0 the
 * speed stays. */
static int make_raw(int fd, int32_t baud, bool flow) {
  struct termios terminal;
  if (tcgetattr(fd, &terminal)) return errno;
  cfmakeraw(&terminal);
  terminal.c_cflag |= CREAD | CLOCAL;
  terminal.c_cflag &= ~(tcflag_t)(CSTOPB | CRTSCTS);
  if (flow) terminal.c_cflag |= CRTSCTS;
  terminal.c_cc[VMIN] = 1;
  terminal.c_cc[VTIME] = 0;
  if (baud) {
    size_t i = 0;
    while (i < sizeof SPEEDS / sizeof *SPEEDS && SPEEDS[i].baud != baud) i++;
    if (i == sizeof SPEEDS / sizeof *SPEEDS) return EINVAL;
    cfsetispeed(&terminal, SPEEDS[i].speed);
    cfsetospeed(&terminal, SPEEDS[i].speed);
  }
  return tcsetattr(fd, TCSANOW, &terminal) ? errno : 0;
}

/*
 * openPty() → { descriptor, path }: our side, and the path of the other. It has hung up until a program opens
 * that path, and again after all programs have closed it.
 */
napi_value open_pty(napi_env env, napi_callback_info info) {
  char path[64];
  napi_value made;
  (void)info;
  int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK), error = 0;
  if (fd < 0) return throw_errno(env, errno, "/dev/ptmx");
  if (grantpt(fd) || unlockpt(fd)) error = errno;
  if (!error) error = ptsname_r(fd, path, sizeof path);
  if (!error) {
    /* The settings stay with the terminal. Closing this side of it makes it hang up. */
    int other = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    error = other < 0 ? errno : make_raw(other, 0, false);
    if (other >= 0) close(other);
  }
  if (!error && napi_create_object(env, &made) == napi_ok) {
    set_int(env, made, "descriptor", fd);
    set_text(env, made, "path", path);
    return made;
  }
  close(fd);
  return error ? throw_errno(env, error, "pty") : NULL;
}

/* openSerial(path, baud, flow) → a descriptor. Throws ENOTTY for a file that is not a terminal. */
napi_value open_serial(napi_env env, napi_callback_info info) {
  napi_value values[3];
  char path[PATH_MAX];
  int32_t baud, flow;
  if (!arguments(env, info, 3, values) || !get_text(env, values[0], path, sizeof path) ||
      !get_int(env, values[1], &baud) || !get_int(env, values[2], &flow))
    return NULL;
  int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return throw_errno(env, errno, "open");
  int error = make_raw(fd, baud, flow != 0);
  if (!error) return make_int(env, fd);
  close(fd);
  return throw_errno(env, error, "terminal");
}

/* hasHungUp(channel) → 1 while no program has the other side open, else 0. */
napi_value has_hung_up(napi_env env, napi_callback_info info) {
  napi_value id;
  struct channel *channel;
  if (!arguments(env, info, 1, &id) || !(channel = find_channel(env, id))) return NULL;
  struct pollfd poll_now = {.fd = channel->fd};
  return make_int(env, poll(&poll_now, 1, 0) > 0 && (poll_now.revents & POLLHUP) ? 1 : 0);
}
