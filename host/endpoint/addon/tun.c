/* SPDX-License-Identifier: Apache-2.0 */
/* One frame is one read, or one write. */
#include "tun.h"
#include "batch.h"
#include "channel.h"
#include "handover.h"
#include "instance.h"
#include "limits.h"
#include "namespace.h"
#include "values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

/* Bytes that do not fit the small room go to the spill, so no frame is ever cut short. */
static int read_tun(struct channel *channel) {
  struct batch *batch = channel->batch;
  uint32_t count = 0;
  while (count < batch->slots) {
    if (!in_memory(batch, batch->addresses[count], batch->room)) return -EFAULT;
    struct iovec vectors[2] = {
        {batch->memory + batch->addresses[count], batch->room},
        {batch->spill + (size_t)count * SPILL_BYTES, SPILL_BYTES},
    };
    ssize_t length = readv(channel->fd, vectors, 2);
    if (length < 0) {
      if (errno == EINTR) continue;
      /* First hand over the frames before the error; the next wake-up meets the error again. */
      if (errno == EAGAIN || count) break;
      return -errno;
    }
    if (length == 0) break;
    batch->lengths[count++] = (uint32_t)length;
  }
  return (int)count;
}

/* Looks up the index of a device, in the namespace of `netlink`, or in ours if that is -1. Returns an errno.
 */
static int find_index(int netlink, struct ifreq *request) {
  int control = netlink >= 0 ? netlink : socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int error = control < 0 || ioctl(control, SIOCGIFINDEX, request) ? errno : 0;
  if (control >= 0 && control != netlink) close(control);
  return error;
}

/*
 * openTun(batch, { device, tap, multiQueue, key, namespace, netlink }) → { channel, device, index, note }.
 * With an empty name the system chooses one. If an earlier lane left a device under this key, this returns
 * that open device, with its note if it has one. With a namespace (namespace.h) the device is made there; -1
 * stands for the namespace of this process.
 */
napi_value open_tun(napi_env env, napi_callback_info info) {
  napi_value values[2], made;
  struct batch *batch;
  int32_t tap, multi, space, netlink;
  char name[IFNAMSIZ], key[MAX_KEY_BYTES], *note = NULL;
  if (!arguments(env, info, 2, values) || !(batch = find_batch(env, values[0])) ||
      !named_text(env, values[1], "device", name, sizeof name) || !named_int(env, values[1], "tap", &tap) ||
      !named_int(env, values[1], "multiQueue", &multi) || !key_of(env, values[1], key, sizeof key) ||
      !named_int(env, values[1], "namespace", &space) || !named_int(env, values[1], "netlink", &netlink))
    return NULL;
  struct ifreq request = {0};
  request.ifr_flags = (short)((tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI | (multi ? IFF_MULTI_QUEUE : 0));
  const char *step = "open /dev/net/tun";
  int fd = inherit(instance_of(env)->handover, key, &note), index = 0;
  const bool inherited = fd >= 0;
  if (!inherited && space >= 0) fd = open_tun_inside(space, request.ifr_flags, name, &index, &step);
  else if (!inherited) fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return throw_errno(env, errno, step);
  strcpy(request.ifr_name, name);
  if (!index) {
    step = inherited ? "TUNGETIFF" : "TUNSETIFF";
    int error = ioctl(fd, inherited ? TUNGETIFF : TUNSETIFF, &request) ? errno : 0;
    strcpy(name, request.ifr_name);
    if (!error && (error = find_index(netlink, &request))) step = "SIOCGIFINDEX";
    if (error) {
      close(fd);
      free(note);
      return throw_errno(env, error, step);
    }
    index = request.ifr_ifindex;
  }
  struct channel *channel = add_channel(env, batch, fd);
  if (!channel) {
    free(note);
    return NULL;
  }
  channel->read = read_tun;
  if (napi_create_object(env, &made) != napi_ok || !name_channel(env, channel, key, note, made)) return NULL;
  set_int(env, made, "channel", channel->id);
  set_int(env, made, "index", index);
  set_text(env, made, "device", name);
  return made;
}

/* writeTun(channel, count) → frames written. The tally counts the others. */
napi_value write_tun(napi_env env, napi_callback_info info) {
  napi_value values[2];
  struct channel *channel;
  int32_t count, written = 0;
  if (!arguments(env, info, 2, values) || !(channel = find_channel(env, values[0])) || !get_int(env, values[1], &count))
    return NULL;
  struct batch *batch = channel->batch;
  if (count < 0 || (uint32_t)count > batch->slots) return throw_argument(env, "more frames than slots");
  for (int32_t i = 0; i < count; i++) {
    uint32_t address = batch->out_addresses[i], length = batch->out_lengths[i];
    ssize_t done = -1;
    errno = EFAULT;
    if (in_memory(batch, address, length)) {
      do done = write(channel->fd, batch->memory + address, length);
      while (done < 0 && errno == EINTR);
    }
    if (done >= 0) written++;
    else batch->tally[tally_of(errno)]++;
  }
  return make_int(env, written);
}
