/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Without offload one frame is one read, or one write. With it the system reads and writes large segments of
 * TCP and UDP, each behind a header of virtio, and their packets have no checksums.
 */
#include "tun.h"
#include "batch.h"
#include "channel.h"
#include "handover.h"
#include "instance.h"
#include "joining.h"
#include "limits.h"
#include "namespace.h"
#include "packet.h"
#include "segments.h"
#include "values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

enum {
  TUN_F_TCP = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN,
  TUN_F_UDP = TUN_F_USO4 | TUN_F_USO6,
};

/* A device with offload. */
struct offload_tun {
  /* 14 with an Ethernet header, otherwise 0. */
  uint32_t network;
  /* Whether the system divides large segments of UDP (Linux 6.2). */
  bool has_udp;
  struct segments segments;
  struct runs runs;
};

static void free_offload_tun(void *own) {
  struct offload_tun *tun = own;
  free_segments(&tun->segments);
  free(tun);
}

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

/* Puts a frame that was read into a slot, or begins to divide it. False: it is lost. */
static bool mend_frame(struct batch *batch, uint32_t slot, struct offload_tun *own, uint32_t length,
                       const struct virtio_net_hdr *head) {
  if (fits_row(batch, length, head)) return finish_row(batch, slot, length, head);
  uint8_t *frame = join_row(&own->segments, batch, slot, length);
  return put_joined(&own->segments, batch, slot, frame, length, own->network, head->csum_start, head);
}

static int read_offload_tun(struct channel *channel) {
  struct batch *batch = channel->batch;
  struct offload_tun *own = channel->own;
  uint32_t count = 0;
  int error = 0;
  while (count < batch->slots && !error) {
    if (!in_memory(batch, batch->addresses[count], batch->room)) return -EFAULT;
    if (own->segments.is_dividing) {
      if (put_division(&own->segments, batch, count)) count++;
      continue;
    }
    struct virtio_net_hdr head;
    struct iovec vectors[3] = {
        {&head, sizeof head},
        {batch->memory + batch->addresses[count], batch->room},
        {rest_of_row(&own->segments, batch), SPILL_BYTES},
    };
    const ssize_t got = readv(channel->fd, vectors, 3);
    if (got == 0) break;
    if (got < 0) {
      if (errno != EINTR) error = errno;
    } else if (got > (ssize_t)sizeof head) {
      if (!mend_frame(batch, count, own, (uint32_t)got - sizeof head, &head)) batch->lengths[count] = (uint32_t)LOST_OFFLOAD;
      if (!own->segments.is_dividing) count++;
    }
  }
  channel->more = own->segments.is_dividing;
  /* First hand over the frames before the error; the next wake-up meets the error again. */
  return count || !error || error == EAGAIN ? (int)count : -error;
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
 * Switches offload on, as far as the system has it, or off, where an earlier program left it on. Returns an
 * errno.
 */
static int set_offload(int fd, bool on, bool *has_udp) {
  *has_udp = false;
  if (!on) return ioctl(fd, TUNSETOFFLOAD, 0) ? errno : 0;
  const int size = sizeof(struct virtio_net_hdr), little = 1;
  if (ioctl(fd, TUNSETVNETHDRSZ, &size) || ioctl(fd, TUNSETVNETLE, &little)) return errno;
  *has_udp = !ioctl(fd, TUNSETOFFLOAD, TUN_F_TCP | TUN_F_UDP);
  return *has_udp || !ioctl(fd, TUNSETOFFLOAD, TUN_F_TCP) ? 0 : errno;
}

/* Makes the state of a device with offload for its channel. False: no memory. */
static bool add_offload(struct channel *channel, bool tap, bool has_udp) {
  struct offload_tun *own = calloc(1, sizeof *own);
  if (!own || !make_segments(&own->segments, channel->batch, 0)) {
    free(own);
    return false;
  }
  own->network = tap ? ETHERNET_HEADER : 0;
  own->has_udp = has_udp;
  channel->own = own;
  channel->free_own = free_offload_tun;
  channel->read = read_offload_tun;
  return true;
}

/*
 * openTun(batch, { device, tap, multiQueue, offload, key, namespace, netlink }) → { channel, device, index,
 * note }. With an empty name the system chooses one. If an earlier lane left a device under this key, this
 * returns that open device, with its note if it has one. With a namespace (namespace.h) the device is made
 * there; -1 stands for the namespace of this process.
 */
napi_value open_tun(napi_env env, napi_callback_info info) {
  napi_value values[2], made;
  struct batch *batch;
  int32_t tap, multi, offload, space, netlink;
  char name[IFNAMSIZ], key[MAX_KEY_BYTES], *note = NULL;
  if (!arguments(env, info, 2, values) || !(batch = find_batch(env, values[0])) ||
      !named_text(env, values[1], "device", name, sizeof name) || !named_int(env, values[1], "tap", &tap) ||
      !named_int(env, values[1], "multiQueue", &multi) ||
      !named_int(env, values[1], "offload", &offload) || !key_of(env, values[1], key, sizeof key) ||
      !named_int(env, values[1], "namespace", &space) || !named_int(env, values[1], "netlink", &netlink))
    return NULL;
  struct ifreq request = {0};
  request.ifr_flags = (short)((tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI | (multi ? IFF_MULTI_QUEUE : 0) | (offload ? IFF_VNET_HDR : 0));
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
    if (inherited) offload = request.ifr_flags & IFF_VNET_HDR ? 1 : 0;
    if (!error && (error = find_index(netlink, &request))) step = "SIOCGIFINDEX";
    if (error) {
      close(fd);
      free(note);
      return throw_errno(env, error, step);
    }
    index = request.ifr_ifindex;
  }
  bool has_udp;
  int error = set_offload(fd, offload, &has_udp);
  if (error && offload) {
    close(fd);
    free(note);
    return throw_errno(env, error, "TUNSETOFFLOAD");
  }
  struct channel *channel = add_channel(env, batch, fd);
  if (!channel) {
    free(note);
    return NULL;
  }
  channel->read = read_tun;
  if (offload && !add_offload(channel, tap, has_udp)) {
    close_channel(channel);
    free(note);
    return throw_errno(env, ENOMEM, "openTun");
  }
  if (napi_create_object(env, &made) != napi_ok || !name_channel(env, channel, key, note, made)) return NULL;
  set_int(env, made, "channel", channel->id);
  set_int(env, made, "index", index);
  set_text(env, made, "device", name);
  return made;
}

static void count_failure(struct batch *batch, int error, uint32_t frames) { batch->tally[tally_of(error)] += frames; }

/* Writes one frame, behind `head` if that is not NULL. Returns 0 or an errno. */
static int write_frame(const struct channel *channel, uint32_t i, const struct virtio_net_hdr *head) {
  const struct batch *batch = channel->batch;
  struct iovec vectors[2] = {{(void *)head, sizeof *head}, {batch->memory + batch->out_addresses[i], batch->out_lengths[i]}};
  ssize_t done;
  do done = head ? writev(channel->fd, vectors, 2) : write(channel->fd, vectors[1].iov_base, vectors[1].iov_len);
  while (done < 0 && errno == EINTR);
  return done < 0 ? errno : 0;
}

/* Writes a run of several frames as one large segment. Returns 0 or an errno. */
static int write_run(const struct channel *channel, const struct offload_tun *own, const struct run *run) {
  const struct batch *batch = channel->batch;
  const uint8_t *first = batch->memory + batch->out_addresses[run->first], *last = batch->memory + batch->out_addresses[run->last];
  uint8_t header[MOST_HEADER];
  const bool is_ipv4 = first[own->network] >> 4 == 4;
  const struct virtio_net_hdr head = {
      .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
      .gso_type = !run->is_tcp ? GSO_UDP : is_ipv4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6,
      .hdr_len = (uint16_t)run->payload,
      .gso_size = (uint16_t)run->size,
      .csum_start = (uint16_t)run->transport,
      .csum_offset = run->is_tcp ? TCP_CHECKSUM : UDP_CHECKSUM,
  };
  struct iovec vectors[2 + MAX_SLOTS] = {{(void *)&head, sizeof head}, {header, run->payload}};
  int count = 2;
  write_run_header(run, first, last, own->network, header);
  for (uint16_t i = run->first; i != NO_FRAME; i = own->runs.next[i])
    vectors[count++] = (struct iovec){batch->memory + batch->out_addresses[i] + run->payload, batch->out_lengths[i] - run->payload};
  ssize_t done;
  do done = writev(channel->fd, vectors, count);
  while (done < 0 && errno == EINTR);
  return done < 0 ? errno : 0;
}

static int32_t write_runs(struct channel *channel, struct offload_tun *own, uint32_t count) {
  static const struct virtio_net_hdr plain;
  struct batch *batch = channel->batch;
  int32_t written = 0;
  plan_runs(&own->runs, batch->memory, batch->out_addresses, batch->out_lengths, count, own->network, own->has_udp);
  for (uint32_t r = 0; r < own->runs.count; r++) {
    const struct run *run = &own->runs.runs[r];
    if (run->count > 1 && !write_run(channel, own, run)) {
      written += run->count;
      continue;
    }
    /* The system may take the frames of a segment that it refuses. */
    for (uint16_t i = run->first; i != NO_FRAME; i = own->runs.next[i]) {
      const int error = write_frame(channel, i, &plain);
      if (error) count_failure(batch, error, 1);
      else written++;
    }
  }
  return written;
}

/* writeTun(channel, count) → frames written. The tally counts the others. */
napi_value write_tun(napi_env env, napi_callback_info info) {
  napi_value values[2];
  struct channel *channel;
  int32_t count, written = 0, inside = 0;
  if (!arguments(env, info, 2, values) || !(channel = find_channel(env, values[0])) || !get_int(env, values[1], &count))
    return NULL;
  struct batch *batch = channel->batch;
  if (count < 0 || (uint32_t)count > batch->slots) return throw_argument(env, "more frames than slots");
  for (int32_t i = 0; i < count; i++) {
    if (!in_memory(batch, batch->out_addresses[i], batch->out_lengths[i])) continue;
    batch->out_addresses[inside] = batch->out_addresses[i];
    batch->out_lengths[inside++] = batch->out_lengths[i];
  }
  if (inside < count) count_failure(batch, EFAULT, (uint32_t)(count - inside));
  if (channel->own) return make_int(env, write_runs(channel, channel->own, (uint32_t)inside));
  for (int32_t i = 0; i < inside; i++) {
    const int error = write_frame(channel, (uint32_t)i, NULL);
    if (error) count_failure(batch, error, 1);
    else written++;
  }
  return make_int(env, written);
}
