/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packet sockets see a frame as its device has it: Linux has taken the outer VLAN tag off, the sender may
 * have left the checksum to the card, and a large segment of TCP or UDP stands for many packets. Each is put
 * right here, so that the host gets the frames that are on the wire.
 *
 * A frame is read into its row, and what the row cannot hold into the buffer `work`. A frame that has to be
 * changed is joined there, behind room for a tag.
 */
#include "packet-socket.h"
#include "batch.h"
#include "channel.h"
#include "handover.h"
#include "instance.h"
#include "ip-socket.h"
#include "limits.h"
#include "packet.h"
#include "segments.h"
#include "values.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <sys/ioctl.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

enum {
  TAG_BYTES = 4,
  /* Both addresses of a frame of Ethernet. */
  ADDRESSES_BYTES = 12,
  MOST_INSTRUCTIONS = 4096,
};

struct packet_socket {
  int index;
  /* The device has no link header, so a frame is a packet of IP. */
  bool is_ip;
  /* A tag may come in front. */
  struct segments segments;
};

static void free_packet_socket(void *own) {
  struct packet_socket *socket = own;
  free_segments(&socket->segments);
  free(socket);
}

/* The offset of the IP header: behind the addresses and all tags. */
static uint32_t network_of(const struct packet_socket *own, const uint8_t *frame, uint32_t length) {
  if (own->is_ip) return 0;
  uint32_t at = ADDRESSES_BYTES;
  while (at + TAG_BYTES + 2 <= length && (get16(frame + at) == ETH_P_8021Q || get16(frame + at) == ETH_P_8021AD)) at += TAG_BYTES;
  return at + 2;
}

/* The tag that was taken off, or NULL. */
static const struct tpacket_auxdata *tag_of(struct msghdr *message) {
  for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_PACKET || part->cmsg_type != PACKET_AUXDATA) continue;
    const struct tpacket_auxdata *facts = (const struct tpacket_auxdata *)CMSG_DATA(part);
    return facts->tp_status & TP_STATUS_VLAN_VALID ? facts : NULL;
  }
  return NULL;
}

/* Puts a frame that was read into a slot, or begins to divide it. False: it is lost. */
static bool mend_frame(struct batch *batch, uint32_t slot, struct packet_socket *own, uint32_t length,
                       const struct virtio_net_hdr *head, const struct tpacket_auxdata *tag) {
  if (!tag && fits_row(batch, length, head)) return finish_row(batch, slot, length, head);
  uint8_t *frame = join_row(&own->segments, batch, slot, length);
  uint32_t start = head->csum_start;
  if (tag && length >= ETH_HLEN) {
    memmove(frame - TAG_BYTES, frame, ADDRESSES_BYTES);
    frame -= TAG_BYTES;
    put16(frame + ADDRESSES_BYTES, tag->tp_status & TP_STATUS_VLAN_TPID_VALID ? tag->tp_vlan_tpid : ETH_P_8021Q);
    put16(frame + ADDRESSES_BYTES + 2, tag->tp_vlan_tci);
    length += TAG_BYTES;
    start += TAG_BYTES;
  }
  return put_joined(&own->segments, batch, slot, frame, length, network_of(own, frame, length), start, head);
}

static int read_packets(struct channel *channel) {
  struct batch *batch = channel->batch;
  struct packet_socket *own = channel->own;
  uint32_t count = 0;
  int error = 0;
  while (count < batch->slots && !error) {
    if (!in_memory(batch, batch->addresses[count], batch->room)) return -EFAULT;
    if (own->segments.is_dividing) {
      if (put_division(&own->segments, batch, count)) count++;
      continue;
    }
    struct virtio_net_hdr head = {0};
    _Alignas(struct cmsghdr) char control[CONTROL_BYTES];
    struct iovec vectors[3] = {
        {&head, sizeof head},
        {batch->memory + batch->addresses[count], batch->room},
        {rest_of_row(&own->segments, batch), SPILL_BYTES},
    };
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = 3, .msg_control = control, .msg_controllen = sizeof control};
    const ssize_t got = recvmsg(channel->fd, &message, MSG_DONTWAIT);
    if (got < 0) {
      /* The kernel has dropped a merged packet that this header cannot describe. */
      if (errno == EINVAL) batch->lengths[count++] = (uint32_t)LOST_OFFLOAD;
      /* The device went down, which is reported once; frames may wait behind it. */
      else if (errno != EINTR && errno != ENETDOWN) error = errno;
      continue;
    }
    if (got < (ssize_t)sizeof head) continue;
    const uint32_t length = (uint32_t)got - sizeof head;
    if (message.msg_flags & MSG_TRUNC) batch->lengths[count] = LOST_TOO_LARGE;
    else if (!mend_frame(batch, count, own, length, &head, tag_of(&message))) batch->lengths[count] = (uint32_t)LOST_OFFLOAD;
    if (!own->segments.is_dividing) count++;
  }
  channel->more = own->segments.is_dividing;
  /* First hand over the frames before the error; the next wake-up meets the error again. */
  return count || error == EAGAIN ? (int)count : -error;
}

/* The socket has an error to report: its device went down, or away, and then the socket is bound to none. */
static int read_packet_error(struct channel *channel) {
  int error = 0;
  socklen_t size = sizeof error;
  struct sockaddr_ll name = {0};
  getsockopt(channel->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  size = sizeof name;
  return getsockname(channel->fd, (struct sockaddr *)&name, &size) || name.sll_ifindex > 0 ? 0 : -ENODEV;
}

/* packetDevice(device) → { index, type, mtu, up, loopback, address }: type is an ARPHRD number. */
napi_value packet_device(napi_env env, napi_callback_info info) {
  napi_value name, made;
  struct ifreq request = {0};
  char address[3 * 6];
  if (!arguments(env, info, 1, &name) || !get_text(env, name, request.ifr_name, sizeof request.ifr_name)) return NULL;
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return throw_errno(env, errno, "socket");
  int index = 0, mtu = 0, flags = 0;
  int error = ioctl(fd, SIOCGIFINDEX, &request) ? errno : 0;
  index = request.ifr_ifindex;
  if (!error && !ioctl(fd, SIOCGIFMTU, &request)) mtu = request.ifr_mtu;
  if (!error && !ioctl(fd, SIOCGIFFLAGS, &request)) flags = request.ifr_flags;
  if (!error && ioctl(fd, SIOCGIFHWADDR, &request)) error = errno;
  close(fd);
  if (error) return throw_errno(env, error, "device");
  const uint8_t *bytes = (const uint8_t *)request.ifr_hwaddr.sa_data;
  snprintf(address, sizeof address, "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]);
  if (napi_create_object(env, &made) != napi_ok) return NULL;
  set_int(env, made, "index", index);
  set_int(env, made, "type", request.ifr_hwaddr.sa_family);
  set_int(env, made, "mtu", mtu);
  set_int(env, made, "up", flags & IFF_UP ? 1 : 0);
  set_int(env, made, "loopback", flags & IFF_LOOPBACK ? 1 : 0);
  set_text(env, made, "address", address);
  return made;
}

/* Attaches a program of words in pairs: code, jt << 16, jf << 24; then k. Returns an errno. */
static int attach_filter(int fd, const uint32_t *words, size_t count) {
  struct sock_filter *program = calloc(count / 2, sizeof *program);
  if (!program) return ENOMEM;
  for (size_t i = 0; i < count / 2; i++)
    program[i] = (struct sock_filter){(uint16_t)words[2 * i], (uint8_t)(words[2 * i] >> 16), (uint8_t)(words[2 * i] >> 24), words[2 * i + 1]};
  const struct sock_fprog all = {(unsigned short)(count / 2), program};
  const int error = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &all, sizeof all) ? errno : 0;
  free(program);
  return error;
}

/* packetFilter(channel, words): the kernel passes on what this program of classic BPF accepts. */
napi_value set_packet_filter(napi_env env, napi_callback_info info) {
  napi_value values[2], buffer;
  struct channel *channel;
  napi_typedarray_type type;
  size_t count = 0, offset;
  void *words = NULL;
  if (!arguments(env, info, 2, values) || !(channel = find_channel(env, values[0]))) return NULL;
  if (channel->read != read_packets || napi_get_typedarray_info(env, values[1], &type, &count, &words, &buffer, &offset) != napi_ok ||
      type != napi_uint32_array || count < 2 || count % 2 || count / 2 > MOST_INSTRUCTIONS)
    return throw_argument(env, "packetFilter: a packet socket, words");
  const int error = attach_filter(channel->fd, words, count);
  return error ? throw_errno(env, error, "SO_ATTACH_FILTER") : NULL;
}

static int open_socket(int index, bool promiscuous, bool outgoing, int mark, const char **step) {
  const uint32_t nothing[2] = {BPF_RET | BPF_K, 0};
  const struct sockaddr_ll name = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = index};
  const struct packet_mreq all = {.mr_ifindex = index, .mr_type = PACKET_MR_PROMISC};
  *step = "socket";
  /* Without a protocol it receives nothing before it is bound. */
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  set_buffers(fd);
  *step = "setsockopt";
  int error = 0;
  if (!set_option(fd, SOL_PACKET, PACKET_AUXDATA, 1) || !set_option(fd, SOL_PACKET, PACKET_VNET_HDR, 1) ||
      (!outgoing && !set_option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)) ||
      (mark && !set_option(fd, SOL_SOCKET, SO_MARK, mark)) ||
      (promiscuous && setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all)))
    error = errno;
  if (!error) error = attach_filter(fd, nothing, 2);
  if (!error && bind(fd, (const struct sockaddr *)&name, sizeof name)) {
    *step = "bind";
    error = errno;
  }
  if (!error) return fd;
  close(fd);
  errno = error;
  return -1;
}

/*
 * openPacket(batch, { index, ip, promiscuous, outgoing, mark, key }) → { channel }. The socket receives
 * nothing before it has a filter. If an earlier lane left a socket under this key, this returns that open
 * socket.
 */
napi_value open_packet(napi_env env, napi_callback_info info) {
  napi_value values[2], made;
  struct batch *batch;
  int32_t index, ip, promiscuous, outgoing, mark;
  char key[MAX_KEY_BYTES], *note = NULL;
  if (!arguments(env, info, 2, values) || !(batch = find_batch(env, values[0])) ||
      !named_int(env, values[1], "index", &index) || !named_int(env, values[1], "ip", &ip) ||
      !named_int(env, values[1], "promiscuous", &promiscuous) || !named_int(env, values[1], "outgoing", &outgoing) ||
      !named_int(env, values[1], "mark", &mark) || !key_of(env, values[1], key, sizeof key))
    return NULL;
  const char *step = "socket";
  int fd = inherit(instance_of(env)->handover, key, &note);
  if (fd < 0) fd = open_socket(index, promiscuous, outgoing, mark, &step);
  if (fd < 0) return throw_errno(env, errno, step);
  struct packet_socket *own = calloc(1, sizeof *own);
  if (!own || !make_segments(&own->segments, batch, TAG_BYTES)) {
    free(own);
    close(fd);
    free(note);
    return throw_errno(env, ENOMEM, "openPacket");
  }
  own->index = index;
  own->is_ip = ip;
  struct channel *channel = add_channel(env, batch, fd);
  if (!channel) {
    free_packet_socket(own);
    free(note);
    return NULL;
  }
  channel->own = own;
  channel->free_own = free_packet_socket;
  channel->read = read_packets;
  channel->read_errors = read_packet_error;
  channel->drops = socket_drops;
  channel->reported_drops = socket_drops(channel);
  if (napi_create_object(env, &made) != napi_ok || !name_channel(env, channel, key, note, made)) return NULL;
  set_int(env, made, "channel", channel->id);
  return made;
}

/* writePackets(channel, count) → frames written. The tally counts the others. */
napi_value write_packets(napi_env env, napi_callback_info info) {
  napi_value values[2];
  struct channel *channel;
  int32_t count, written = 0;
  if (!arguments(env, info, 2, values) || !(channel = find_channel(env, values[0])) || !get_int(env, values[1], &count))
    return NULL;
  struct batch *batch = channel->batch;
  if (channel->read != read_packets || count < 0 || (uint32_t)count > batch->slots)
    return throw_argument(env, "writePackets: a packet socket, frames");
  const struct packet_socket *own = channel->own;
  for (int32_t i = 0; i < count; i++) {
    const uint32_t address = batch->out_addresses[i], length = batch->out_lengths[i];
    struct virtio_net_hdr head = {0};
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = own->index};
    struct iovec vectors[2] = {{&head, sizeof head}, {batch->memory + address, length}};
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = 2};
    ssize_t done = -1;
    errno = EFAULT;
    if (in_memory(batch, address, length) && length) {
      if (own->is_ip) {
        to.sll_protocol = htons(batch->memory[address] >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP);
        message.msg_name = &to;
        message.msg_namelen = sizeof to;
      }
      do done = sendmsg(channel->fd, &message, MSG_DONTWAIT);
      while (done < 0 && errno == EINTR);
    }
    if (done >= 0) written++;
    else batch->tally[errno == ENETDOWN || errno == ENXIO || errno == ENODEV ? TALLY_DEVICE_DOWN : tally_of(errno)]++;
  }
  return make_int(env, written);
}
